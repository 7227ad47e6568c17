//! Finds the joints of one person (BlazePose).

use super::super::{
    geometry::{CropMap, Point},
    models::{ModelError, Models, Worker, sigmoid},
    picture::Picture,
};

/// The side of the square the network looks at, in pixels.
const SIDE: usize = 256;
/// Numbers per landmark: x, y, depth, visibility, presence.
const NUMBERS_EACH: usize = 5;
/// Less confident than this in the first look, a second one at the same person is not worth it.
const LEAST_CONFIDENCE_TO_REFINE: f32 = 0.2;
/// How much larger than the circle round the body the second look's square is (MediaPipe's pose graph: 1.25 on each
/// side of the centre).
const SQUARE_PER_RADIUS: f32 = 2.5;
/// The smallest square worth looking at, in picture pixels.
const LEAST_SQUARE: f32 = 20.0;
/// Landmarks less visible than this are not relied upon.
const LEAST_VISIBILITY: f32 = 0.5;

/// The landmarks used here, by their number in the network's output. Left and right are the person's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Landmark {
    Nose = 0,
    LeftShoulder = 11,
    RightShoulder = 12,
    LeftElbow = 13,
    RightElbow = 14,
    LeftWrist = 15,
    RightWrist = 16,
    LeftHip = 23,
    RightHip = 24,
    LeftKnee = 25,
    RightKnee = 26,
    LeftAnkle = 27,
    RightAnkle = 28,
    /// Not a joint: the middle of the circle round the body.
    BodyCentre = 33,
    /// Not a joint: where that circle is above the head.
    BodyTop = 34,
}

const LANDMARKS: usize = 39;

/// Shoulder, elbow and wrist of one side.
pub(in super::super) struct Arm {
    pub shoulder: Landmark,
    pub elbow: Landmark,
    pub wrist: Landmark,
}

/// Hip, knee and ankle of one side.
pub(in super::super) struct Leg {
    pub hip: Landmark,
    pub knee: Landmark,
    pub ankle: Landmark,
}

pub(in super::super) const ARMS: [Arm; 2] = [
    Arm { shoulder: Landmark::LeftShoulder, elbow: Landmark::LeftElbow, wrist: Landmark::LeftWrist },
    Arm { shoulder: Landmark::RightShoulder, elbow: Landmark::RightElbow, wrist: Landmark::RightWrist },
];

pub(in super::super) const LEGS: [Leg; 2] = [
    Leg { hip: Landmark::LeftHip, knee: Landmark::LeftKnee, ankle: Landmark::LeftAnkle },
    Leg { hip: Landmark::RightHip, knee: Landmark::RightKnee, ankle: Landmark::RightAnkle },
];

/// One landmark, in picture pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Joint {
    place: Point,
    /// How likely it is in view and not covered, 0–1.
    visibility: f32,
    inside_picture: bool,
}

/// Where to look for a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BodySquare {
    pub centre: Point,
    /// The side, in picture pixels.
    pub size: f32,
}

/// The joints of one person.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Pose {
    joints: [Joint; LANDMARKS],
    /// How sure the network is that there is a person, 0–1.
    pub confidence: f32,
}

impl Pose {
    pub(in super::super) fn place(&self, landmark: Landmark) -> Point {
        self.joints[landmark as usize].place
    }

    /// Whether the landmark is in the picture and visible.
    pub(in super::super) fn sees(&self, landmark: Landmark) -> bool {
        self.sees_clearly(landmark, LEAST_VISIBILITY)
    }

    /// Whether the landmark is in the picture and visible with more than a given certainty.
    pub(super) fn sees_clearly(&self, landmark: Landmark, visibility: f32) -> bool {
        let joint = self.joints[landmark as usize];
        joint.inside_picture && joint.visibility > visibility
    }

    pub(in super::super) fn shoulders(&self) -> Point {
        self.place(Landmark::LeftShoulder).towards(self.place(Landmark::RightShoulder), 0.5)
    }

    pub(in super::super) fn hips(&self) -> Point {
        self.place(Landmark::LeftHip).towards(self.place(Landmark::RightHip), 0.5)
    }

    /// From the middle of the shoulders to the middle of the hips, in pixels.
    pub(in super::super) fn torso_length(&self) -> f32 {
        self.shoulders().distance(self.hips())
    }

    pub(in super::super) fn shoulder_width(&self) -> f32 {
        self.place(Landmark::LeftShoulder).distance(self.place(Landmark::RightShoulder))
    }

    /// The circle round the body as the square for a second, closer look, and how far that is turned.
    fn second_look(&self) -> (BodySquare, f32) {
        let centre = self.place(Landmark::BodyCentre);
        let up = self.place(Landmark::BodyTop).minus(centre);
        let size = (SQUARE_PER_RADIUS * up.x.hypot(up.y)).max(LEAST_SQUARE);
        (BodySquare { centre, size }, up.x.atan2(-up.y))
    }

    /// A pose with every joint at its place in `places` visible, the others not: for tests of what is read from it.
    #[cfg(test)]
    pub(in super::super) fn of_visible(places: &[(Landmark, Point)]) -> Self {
        let mut joints = [Joint::default(); LANDMARKS];
        for &(landmark, place) in places {
            joints[landmark as usize] = Joint { place, visibility: 1.0, inside_picture: true };
        }
        Self { joints, confidence: 1.0 }
    }
}

/// The joints of the person in a square: looked for upright first, then closer and turned with the body.
pub(super) fn find_pose(
    picture: &Picture,
    square: BodySquare,
    models: &Models,
    worker: &Worker,
) -> Result<Pose, ModelError> {
    let first = look(picture, square, 0.0, models, worker)?;
    if first.confidence < LEAST_CONFIDENCE_TO_REFINE {
        return Ok(first);
    }
    let (closer, turned) = first.second_look();
    look(picture, closer, turned, models, worker)
}

fn look(
    picture: &Picture,
    square: BodySquare,
    radians: f32,
    models: &Models,
    worker: &Worker,
) -> Result<Pose, ModelError> {
    let map = CropMap::square(square.centre, square.size, radians, SIDE);
    let pixels = picture.crop(map, SIDE);
    let input = pixels.into_iter().flat_map(|pixel| pixel.map(|value| value / 255.0)).collect();
    let [landmarks, confidence] = worker.run(&models.pose, input)?;
    let mut joints = [Joint::default(); LANDMARKS];
    for (joint, numbers) in joints.iter_mut().zip(landmarks.chunks_exact(NUMBERS_EACH)) {
        let place = map.to_picture(Point::new(numbers[0], numbers[1]));
        *joint = Joint { place, visibility: sigmoid(numbers[3]), inside_picture: picture.contains(place) };
    }
    Ok(Pose { joints, confidence: confidence[0] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_look_follows_a_lying_body() {
        let pose = Pose::of_visible(&[
            (Landmark::BodyCentre, Point::new(100.0, 100.0)),
            (Landmark::BodyTop, Point::new(140.0, 100.0)),
        ]);
        let (square, radians) = pose.second_look();
        assert_eq!(square, BodySquare { centre: Point::new(100.0, 100.0), size: 100.0 });
        assert!((radians - std::f32::consts::FRAC_PI_2).abs() < 1e-6, "the head points right: a quarter turn");
    }

    #[test]
    fn a_body_without_extent_is_still_looked_at() {
        let (square, radians) = Pose::of_visible(&[]).second_look();
        assert!((square.size - LEAST_SQUARE).abs() < f32::EPSILON && radians.is_finite());
    }

    #[test]
    fn what_was_not_found_is_not_seen() {
        let pose = Pose::of_visible(&[(Landmark::Nose, Point::new(1.0, 1.0))]);
        assert!(pose.sees(Landmark::Nose) && !pose.sees(Landmark::LeftKnee));
    }
}
