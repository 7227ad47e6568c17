//! Finds the person a picture is of: the box, the face, the joints, the outline, and how much of the body is in view.

mod detector;
mod face;
mod mask;
mod pose;

pub(super) use self::{
    detector::{Detection, detect},
    mask::{PersonMask, Silhouette},
    pose::{ARMS, LEGS, Landmark, Pose},
};
use self::{
    face::{Face, find_face},
    pose::{BodySquare, find_pose},
};
use super::{
    findings::Framing,
    geometry::Rect,
    models::{ModelError, Models, Worker},
    picture::Picture,
};

// All thresholds of this file are tuned on the sample photographs of people and of clothes without people.

/// What scores less is not called a person.
const LEAST_SCORE: f32 = 0.45;
/// A person that shares its box with an animal must score this much.
const SCORE_OVER_ANIMAL: f32 = 0.7;
/// Sharing more than this of their boxes, a person and an animal are one thing.
const ANIMAL_OVERLAP: f32 = 0.4;
/// Laid-out clothes look like people. Without a face, a person must score this much and have joints the pose network
/// is sure of, …
const SCORE_WITHOUT_FACE: f32 = 0.58;
/// … or must score this much.
const SCORE_WITHOUT_FACE_AND_POSE: f32 = 0.85;
/// The pose network's confidence in a person without a face.
const SURE_POSE: f32 = 0.8;
/// The confidence that makes a doubtful face a face.
const POSE_FOR_DOUBTFUL_FACE: f32 = 0.9;
/// People at least this share of the main person's area are part of the subject; smaller ones are behind.
const PROMINENT_AREA: f32 = 0.35;

/// The people in a picture.
pub(super) struct People<'a> {
    pub main: Person,
    /// Everyone's box, the main person's included.
    pub frames: Vec<Rect>,
    /// How many are about as large as the main person, the main person included.
    pub prominent: usize,
    /// Whether there are smaller ones too.
    pub others_behind: bool,
    pub outline: Silhouette<'a>,
}

/// The person a picture is of.
pub(super) struct Person {
    /// The person's box, inside the picture.
    pub frame: Rect,
    pub face: Option<Rect>,
    /// The joints, if they are believable.
    pub pose: Option<Pose>,
    pub framing: Framing,
}

/// The boxes that show people.
pub(super) fn people_among(detections: &[Detection]) -> Vec<Detection> {
    let is_animal_too = |person: &Detection| {
        detections.iter().any(|other| other.is_animal() && other.frame.overlap(&person.frame) > ANIMAL_OVERLAP)
    };
    detections
        .iter()
        .filter(|found| found.is_person() && found.score >= LEAST_SCORE)
        .filter(|person| person.score > SCORE_OVER_ANIMAL || !is_animal_too(person))
        .copied()
        .collect()
}

/// Looks closer at the largest of the people; `None` when it turns out to be none.
pub(super) fn look_closer<'a>(
    picture: &Picture,
    found: &[Detection],
    mask: &'a PersonMask,
    models: &Models,
    worker: &Worker,
) -> Result<Option<People<'a>>, ModelError> {
    let weight = |person: &&Detection| person.frame.area() * person.score;
    let Some(main) = found.iter().max_by(|a, b| weight(a).total_cmp(&weight(b))) else {
        return Ok(None);
    };
    let prominent = found.iter().filter(|other| other.frame.area() >= PROMINENT_AREA * main.frame.area()).count();
    let frame = main.frame.clipped(picture.width(), picture.height());
    let face = face_of(picture, frame, models, worker)?;
    let pose = find_pose(picture, body_square(frame, face.map(|face| face.frame)), models, worker)?;
    let face = face.filter(|face| face.is_sure || pose.confidence >= POSE_FOR_DOUBTFUL_FACE).map(|face| face.frame);
    if face.is_none() && !is_person_without_face(main.score, pose.confidence) {
        return Ok(None);
    }
    let pose = is_believable(&pose, frame, face).then_some(pose);
    let framing = framing(picture, frame, face, pose.as_ref());
    Ok(Some(People {
        main: Person { frame, face, pose, framing },
        frames: found.iter().map(|person| person.frame).collect(),
        prominent,
        others_behind: found.len() > prominent,
        outline: Silhouette::new(picture, mask, frame),
    }))
}

/// Looks for the face in the upper part of the box first, where it is larger to the network, then in all of it.
fn face_of(picture: &Picture, frame: Rect, models: &Models, worker: &Worker) -> Result<Option<Face>, ModelError> {
    const UPPER_PART: f32 = 0.45;
    let height = frame.height().min(frame.width().max(frame.height() * UPPER_PART));
    let upper = Rect { bottom: frame.top + height, ..frame };
    match find_face(picture, upper, models, worker)? {
        Some(face) => Ok(Some(face)),
        None => find_face(picture, frame, models, worker),
    }
}

fn is_person_without_face(score: f32, pose_confidence: f32) -> bool {
    score >= SCORE_WITHOUT_FACE_AND_POSE || (score >= SCORE_WITHOUT_FACE && pose_confidence >= SURE_POSE)
}

/// Where to look for the joints. A large face places the body better than the box, of which much may be cut off.
fn body_square(frame: Rect, face: Option<Rect>) -> BodySquare {
    const LARGE_FACE: f32 = 1.0 / 6.0;
    const BODY_PER_FACE: f32 = 9.0;
    const CENTRE_BELOW_FACE: f32 = 2.6;
    const BODY_PER_FRAME: f32 = 1.25;
    match face {
        Some(face) if face.height() >= LARGE_FACE * frame.height() => {
            let mut centre = face.centre();
            centre.y += CENTRE_BELOW_FACE * face.height();
            BodySquare { centre, size: BODY_PER_FACE * face.height() }
        }
        _ => BodySquare { centre: frame.centre(), size: BODY_PER_FRAME * frame.width().max(frame.height()) },
    }
}

/// Whether the joints fit the rest: the network finds joints in anything.
fn is_believable(pose: &Pose, frame: Rect, face: Option<Rect>) -> bool {
    const LEAST_CONFIDENCE: f32 = 0.5;
    const LEAST_TORSO: f32 = 0.17;
    let torso = pose.torso_length();
    let has_torso = pose.confidence > LEAST_CONFIDENCE
        && pose.sees(Landmark::LeftShoulder)
        && pose.sees(Landmark::RightShoulder)
        && torso > LEAST_TORSO * frame.height();
    has_torso
        && match face {
            Some(face) => pose.place(Landmark::Nose).distance(face.centre()) < face.height() && torso > face.height(),
            None => pose.confidence >= SURE_POSE && (pose.sees(Landmark::LeftKnee) || pose.sees(Landmark::RightKnee)),
        }
}

/// Whether a knee is in view, by the joints and by how many faces the box is high.
pub(super) fn shows_knees(picture: &Picture, person: &Person) -> bool {
    person.pose.as_ref().is_some_and(|pose| knees_in_view(picture, person.frame, person.face, pose))
}

fn knees_in_view(picture: &Picture, frame: Rect, face: Option<Rect>, pose: &Pose) -> bool {
    const KNEES_BELOW_FACES: f32 = 5.5;
    const LEAST_VISIBILITY: f32 = 0.6;
    // At the very edge, the network has guessed it.
    const LOWEST: f32 = 0.97;
    let high_enough = face.is_none_or(|face| frame.height() > KNEES_BELOW_FACES * face.height());
    let in_view = |knee: Landmark| {
        pose.sees_clearly(knee, LEAST_VISIBILITY) && pose.place(knee).y < LOWEST * picture.height() as f32
    };
    high_enough && LEGS.iter().any(|leg| in_view(leg.knee))
}

/// How much of the person is in view.
fn framing(picture: &Picture, frame: Rect, face: Option<Rect>, pose: Option<&Pose>) -> Framing {
    const ANKLES_BELOW_FACES: f32 = 7.0;
    const CLOSE_FACE: f32 = 0.38;
    const NEAR_FACE: f32 = 0.2;
    match (pose, face) {
        (Some(pose), face) => {
            let high_enough = face.is_none_or(|face| frame.height() > ANKLES_BELOW_FACES * face.height());
            if high_enough && LEGS.iter().any(|leg| pose.sees(leg.ankle)) {
                Framing::FullLength
            } else if knees_in_view(picture, frame, face, pose) {
                Framing::ThreeQuarter
            } else if LEGS.iter().any(|leg| pose.sees(leg.hip)) {
                Framing::WaistUp
            } else {
                Framing::HeadAndShoulders
            }
        }
        (None, Some(face)) => match face.height() / picture.height() as f32 {
            CLOSE_FACE.. => Framing::CloseUp,
            NEAR_FACE.. => Framing::HeadAndShoulders,
            _ => Framing::WaistUp,
        },
        (None, None) => Framing::FaceNotInView,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::{geometry::Point, picture::tests::plain};

    const PERSON: usize = 0;
    const CAT: usize = 15;

    fn detection(class: usize, score: f32, frame: Rect) -> Detection {
        Detection { class, score, frame }
    }

    /// A standing person, 700 pixels high, whose face is `face` pixels high.
    fn standing(joints: &[Landmark]) -> Pose {
        let place = |landmark: Landmark| match landmark {
            Landmark::LeftShoulder => Point::new(220.0, 150.0),
            Landmark::RightShoulder => Point::new(180.0, 150.0),
            Landmark::LeftHip => Point::new(215.0, 350.0),
            Landmark::RightHip => Point::new(185.0, 350.0),
            Landmark::LeftKnee => Point::new(215.0, 500.0),
            Landmark::LeftAnkle => Point::new(215.0, 620.0),
            _ => Point::new(200.0, 80.0),
        };
        Pose::of_visible(&joints.iter().map(|&joint| (joint, place(joint))).collect::<Vec<_>>())
    }

    #[test]
    fn a_doubtful_person_on_a_cat_is_a_cat() {
        let frame = Rect::new(0.0, 0.0, 100.0, 100.0);
        let cat = detection(CAT, 0.5, frame);
        assert!(people_among(&[detection(PERSON, 0.6, frame), cat]).is_empty());
        assert_eq!(people_among(&[detection(PERSON, 0.8, frame), cat]).len(), 1);
        assert_eq!(people_among(&[detection(PERSON, 0.6, frame)]).len(), 1);
        assert!(people_among(&[detection(PERSON, 0.4, frame)]).is_empty());
    }

    #[test]
    fn framing_follows_the_lowest_joint_in_view() {
        use Landmark::{LeftAnkle, LeftHip, LeftKnee, LeftShoulder, RightShoulder};
        let picture = plain(400, 640, [0; 3]);
        let frame = Rect::new(100.0, 20.0, 300.0, 640.0);
        let face = Some(Rect::new(180.0, 50.0, 220.0, 100.0));
        let of = |joints: &[Landmark]| framing(&picture, frame, face, Some(&standing(joints)));
        let torso = [LeftShoulder, RightShoulder];
        assert_eq!(of(&torso), Framing::HeadAndShoulders);
        assert_eq!(of(&[LeftShoulder, RightShoulder, LeftHip]), Framing::WaistUp);
        assert_eq!(of(&[LeftShoulder, RightShoulder, LeftHip, LeftKnee]), Framing::ThreeQuarter);
        assert_eq!(of(&[LeftShoulder, RightShoulder, LeftHip, LeftKnee, LeftAnkle]), Framing::FullLength);
    }

    #[test]
    fn ankles_are_not_believed_below_a_large_face() {
        let picture = plain(400, 640, [0; 3]);
        let frame = Rect::new(0.0, 0.0, 400.0, 640.0);
        let face = Some(Rect::new(100.0, 50.0, 300.0, 250.0));
        let pose = standing(&[Landmark::LeftHip, Landmark::LeftKnee, Landmark::LeftAnkle]);
        assert_eq!(framing(&picture, frame, face, Some(&pose)), Framing::WaistUp);
    }

    #[test]
    fn without_joints_the_face_tells() {
        let picture = plain(400, 600, [0; 3]);
        let frame = Rect::new(0.0, 0.0, 400.0, 600.0);
        let face = |height: f32| Some(Rect::new(0.0, 0.0, height, height));
        assert_eq!(framing(&picture, frame, face(300.0), None), Framing::CloseUp);
        assert_eq!(framing(&picture, frame, face(150.0), None), Framing::HeadAndShoulders);
        assert_eq!(framing(&picture, frame, face(60.0), None), Framing::WaistUp);
        assert_eq!(framing(&picture, frame, None, None), Framing::FaceNotInView);
    }

    #[test]
    fn joints_far_from_the_face_are_not_believed() {
        use Landmark::{LeftHip, LeftShoulder, Nose, RightHip, RightShoulder};
        let pose = standing(&[Nose, LeftShoulder, RightShoulder, LeftHip, RightHip]);
        let frame = Rect::new(100.0, 20.0, 300.0, 640.0);
        let at_nose = Rect::new(180.0, 60.0, 220.0, 100.0);
        let elsewhere = Rect::new(380.0, 60.0, 420.0, 100.0);
        assert!(is_believable(&pose, frame, Some(at_nose)));
        assert!(!is_believable(&pose, frame, Some(elsewhere)));
        assert!(!is_believable(&pose, frame, None), "no knees and no face");
    }

    #[test]
    fn without_a_face_much_else_must_speak_for_a_person() {
        assert!(is_person_without_face(0.6, 0.9));
        assert!(is_person_without_face(0.9, 0.0));
        assert!(!is_person_without_face(0.8, 0.1), "a shirt on a hanger");
        assert!(!is_person_without_face(0.5, 1.0));
    }

    #[test]
    fn a_large_face_places_the_body() {
        let frame = Rect::new(0.0, 0.0, 100.0, 120.0);
        let face = Rect::new(40.0, 10.0, 60.0, 40.0);
        assert_eq!(body_square(frame, Some(face)), BodySquare { centre: Point::new(50.0, 103.0), size: 270.0 });
        let small = Rect::new(48.0, 10.0, 52.0, 14.0);
        assert_eq!(body_square(frame, Some(small)), body_square(frame, None));
    }
}
