//! Pose estimation for one person with BlazePose.

use super::super::{
    geometry::{CropMap, Point},
    models::{ModelError, Models, Worker, sigmoid},
    picture::Picture,
};

/// The side of the network's square input, in pixels.
const SIDE: usize = 256;
/// Values per landmark: x, y, depth, visibility, presence.
const VALUES_PER_LANDMARK: usize = 5;
/// Below this confidence, the first pass is not refined by a second one.
const MIN_CONFIDENCE_TO_REFINE: f32 = 0.2;
/// The side of the second pass's region relative to the radius of the body circle (MediaPipe's pose graph: 1.25 on each side
/// of the centre).
const SQUARE_PER_RADIUS: f32 = 2.5;
/// The smallest side of a region, in image pixels.
const MIN_REGION: f32 = 20.0;
/// The lowest visibility of a usable landmark.
const MIN_VISIBILITY: f32 = 0.5;

/// The landmarks used, by their index in the network's output. Left and right are from the person's perspective.
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
    /// The centre of the body circle; not a joint.
    BodyCentre = 33,
    /// The point of the body circle above the head; not a joint.
    BodyTop = 34,
}

const LANDMARKS: usize = 39;

pub(in super::super) struct Arm {
    pub shoulder: Landmark,
    pub elbow: Landmark,
    pub wrist: Landmark,
}

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

#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Joint {
    /// In image pixels.
    position: Point,
    /// The probability that the landmark is inside the crop and not occluded, 0 to 1.
    visibility: f32,
    is_inside: bool,
}

/// A square region for pose estimation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BodyRegion {
    pub centre: Point,
    /// The side, in image pixels.
    pub size: f32,
}

/// The landmarks of one person.
#[derive(Clone, Debug, PartialEq)]
pub(in super::super) struct Pose {
    joints: [Joint; LANDMARKS],
    /// The network's confidence that there is a person, 0 to 1.
    pub confidence: f32,
}

impl Pose {
    pub(in super::super) fn place(&self, landmark: Landmark) -> Point {
        self.joints[landmark as usize].position
    }

    /// Returns true if the landmark is inside the image and not occluded.
    pub(in super::super) fn sees(&self, landmark: Landmark) -> bool {
        self.is_visible_above(landmark, MIN_VISIBILITY)
    }

    /// Like [`sees`](Self::sees), with a given visibility threshold.
    pub(super) fn is_visible_above(&self, landmark: Landmark, visibility: f32) -> bool {
        let joint = self.joints[landmark as usize];
        joint.is_inside && joint.visibility > visibility
    }

    pub(in super::super) fn shoulders(&self) -> Point {
        self.place(Landmark::LeftShoulder).towards(self.place(Landmark::RightShoulder), 0.5)
    }

    pub(in super::super) fn hips(&self) -> Point {
        self.place(Landmark::LeftHip).towards(self.place(Landmark::RightHip), 0.5)
    }

    /// Returns the distance between the midpoints of shoulders and hips, in pixels.
    pub(in super::super) fn torso_length(&self) -> f32 {
        self.shoulders().distance(self.hips())
    }

    pub(in super::super) fn shoulder_width(&self) -> f32 {
        self.place(Landmark::LeftShoulder).distance(self.place(Landmark::RightShoulder))
    }

    /// Returns the region for the second pass, from the body circle, and its clockwise rotation in radians.
    fn refined_region(&self) -> (BodyRegion, f32) {
        let centre = self.place(Landmark::BodyCentre);
        let up = self.place(Landmark::BodyTop).minus(centre);
        let size = (SQUARE_PER_RADIUS * up.x.hypot(up.y)).max(MIN_REGION);
        (BodyRegion { centre, size }, up.x.atan2(-up.y))
    }

    /// Creates a pose in which exactly the given landmarks are visible.
    #[cfg(test)]
    pub(in super::super) fn from_visible(places: &[(Landmark, Point)]) -> Self {
        let mut joints = [Joint::default(); LANDMARKS];
        for &(landmark, place) in places {
            joints[landmark as usize] = Joint { position: place, visibility: 1.0, is_inside: true };
        }
        Self { joints, confidence: 1.0 }
    }
}

/// Estimates a pose in two passes: upright first, then cropped and rotated to fit the body.
pub(super) fn find_pose(
    picture: &Picture,
    square: BodyRegion,
    models: &Models,
    worker: &Worker,
) -> Result<Pose, ModelError> {
    let first = run_pass(picture, square, 0.0, models, worker)?;
    if first.confidence < MIN_CONFIDENCE_TO_REFINE {
        return Ok(first);
    }
    let (region, rotation) = first.refined_region();
    run_pass(picture, region, rotation, models, worker)
}

fn run_pass(
    picture: &Picture,
    square: BodyRegion,
    radians: f32,
    models: &Models,
    worker: &Worker,
) -> Result<Pose, ModelError> {
    let map = CropMap::square(square.centre, square.size, radians, SIDE);
    let pixels = picture.crop(map, SIDE);
    let input = pixels.into_iter().flat_map(|pixel| pixel.map(|value| value / 255.0)).collect();
    let [landmarks, confidence] = worker.run(&models.pose, input)?;
    let mut joints = [Joint::default(); LANDMARKS];
    for (joint, values) in joints.iter_mut().zip(landmarks.chunks_exact(VALUES_PER_LANDMARK)) {
        let place = map.to_picture(Point::new(values[0], values[1]));
        *joint = Joint { position: place, visibility: sigmoid(values[3]), is_inside: picture.contains(place) };
    }
    Ok(Pose { joints, confidence: confidence[0] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_refined_region_is_rotated_with_a_lying_body() {
        let pose = Pose::from_visible(&[
            (Landmark::BodyCentre, Point::new(100.0, 100.0)),
            (Landmark::BodyTop, Point::new(140.0, 100.0)),
        ]);
        let (square, radians) = pose.refined_region();
        assert_eq!(square, BodyRegion { centre: Point::new(100.0, 100.0), size: 100.0 });
        assert!((radians - std::f32::consts::FRAC_PI_2).abs() < 1e-6, "the head points right: a quarter turn");
    }

    #[test]
    fn the_refined_region_has_a_minimum_size() {
        let (square, radians) = Pose::from_visible(&[]).refined_region();
        assert!((square.size - MIN_REGION).abs() < f32::EPSILON && radians.is_finite());
    }

    #[test]
    fn undetected_landmarks_are_not_visible() {
        let pose = Pose::from_visible(&[(Landmark::Nose, Point::new(1.0, 1.0))]);
        assert!(pose.sees(Landmark::Nose) && !pose.sees(Landmark::LeftKnee));
    }
}
