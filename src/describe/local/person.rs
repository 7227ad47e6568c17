//! Detects the main person: bounding box, face, pose, silhouette and framing.

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
    face::{Face, find_faces},
    pose::{BodyRegion, find_pose},
};
use super::{
    geometry::Rect,
    models::{ModelError, Models, Worker},
    observations::{Framing, Prominent},
    picture::Picture,
};

// All thresholds in this file were tuned on sample photographs of people and of clothes without people.

/// The lowest detector score of a person.
const MIN_SCORE: f32 = 0.45;
/// The lowest score of an animal that a person can be taken for.
const MIN_SCORE_OF_ANIMAL: f32 = 0.35;
/// The lowest score of a person whose box overlaps that of an animal.
const MIN_SCORE_OVER_ANIMAL: f32 = 0.7;
/// The intersection over union (IoU) above which a person and an animal are the same object.
const SAME_OBJECT_IOU: f32 = 0.4;
/// The share of a box inside another one from which both are the same person.
const SAME_PERSON_SHARE: f32 = 0.85;
/// The same for a doubtful detection.
const DOUBTFUL_PERSON_SHARE: f32 = 0.62;
/// Clothes laid out look like people. A person without a face must have this score and a confident pose, …
const MIN_SCORE_WITHOUT_FACE: f32 = 0.58;
/// … or this score.
const MIN_SCORE_WITHOUT_FACE_AND_POSE: f32 = 0.85;
/// The pose confidence required for a person without a face.
const MIN_POSE_CONFIDENCE: f32 = 0.8;
/// The pose confidence that confirms an uncertain face.
const MIN_POSE_CONFIDENCE_FOR_FACE: f32 = 0.9;
/// People whose area is at least this share of the main person's are part of the subject; smaller ones are background.
const PROMINENT_AREA: f32 = 0.35;

pub(super) struct People<'a> {
    pub main: Person,
    /// The boxes of all people, including the main person.
    pub frames: Vec<Rect>,
    pub prominent: Prominent,
    /// True if there are also smaller people.
    pub others_behind: bool,
    pub silhouette: Silhouette<'a>,
}

pub(super) struct Person {
    /// The bounding box, clipped to the image.
    pub frame: Rect,
    pub face: Option<Rect>,
    /// False if there is no face, or only the pose confirms it.
    pub face_is_certain: bool,
    /// `None` if the estimated pose is implausible.
    pub pose: Option<Pose>,
    /// `None` if it is uncertain.
    pub framing: Option<Framing>,
}

/// The people among the detections, by certainty.
pub(super) struct Found {
    /// By descending score.
    certain: Vec<Detection>,
    doubtful: Vec<Detection>,
}

impl Found {
    pub(super) fn among(detections: &[Detection]) -> Self {
        let is_animal_too = |person: &Detection| {
            detections.iter().any(|other| {
                other.is_animal()
                    && other.score >= MIN_SCORE_OF_ANIMAL
                    && other.frame.iou(&person.frame) > SAME_OBJECT_IOU
            })
        };
        let is_certain = |person: &Detection| {
            person.score >= MIN_SCORE && (person.score > MIN_SCORE_OVER_ANIMAL || !is_animal_too(person))
        };
        let (certain, doubtful): (Vec<Detection>, Vec<Detection>) =
            detections.iter().filter(|found| found.is_person()).copied().partition(is_certain);
        let mut found = Self { certain: Vec::new(), doubtful };
        for person in certain {
            if found.certain.iter().any(|other| person.frame.share_inside(&other.frame) > SAME_PERSON_SHARE) {
                continue;
            }
            found.certain.push(person);
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.certain.is_empty()
    }

    /// Returns the number of people about as large as the main person, who is included.
    fn prominent(&self, main: &Detection, faces: &[Face]) -> Prominent {
        let is_prominent = |other: &&Detection| other.frame.area() >= PROMINENT_AREA * main.frame.area();
        let is_new = |other: &&Detection| {
            self.certain.iter().all(|person| other.frame.share_inside(&person.frame) < DOUBTFUL_PERSON_SHARE)
        };
        let others = |face: &&Face| {
            self.certain
                .iter()
                .filter(|person| *person != main)
                .any(|person| person.frame.is_well_inside(face.frame.centre()))
        };
        let faces = faces.iter().filter(|face| face.is_certain && !others(face)).count();
        if faces > 1 || self.doubtful.iter().filter(is_prominent).any(|other| is_new(&other)) {
            return Prominent::Some;
        }
        match self.certain.iter().filter(is_prominent).count() {
            0 | 1 => Prominent::One,
            2 => Prominent::Two,
            3 => Prominent::Three,
            _ => Prominent::Many,
        }
    }
}

/// Analyses the most prominent person. Returns `None` if the detection is a false positive.
pub(super) fn analyse_people<'a>(
    picture: &Picture,
    found: &Found,
    mask: &'a PersonMask,
    models: &Models,
    worker: &Worker,
) -> Result<Option<People<'a>>, ModelError> {
    let weight = |person: &&Detection| person.frame.area() * person.score;
    let Some(main) = found.certain.iter().max_by(|a, b| weight(a).total_cmp(&weight(b))) else {
        return Ok(None);
    };
    let frame = main.frame.clipped(picture.width(), picture.height());
    let faces = faces_of(picture, frame, models, worker)?;
    let face = faces.first().copied();
    let pose = find_pose(picture, body_region(frame, face.map(|face| face.frame)), models, worker)?;
    let face_is_certain = face.is_some_and(|face| face.is_certain);
    let face =
        face.filter(|face| face.is_certain || pose.confidence >= MIN_POSE_CONFIDENCE_FOR_FACE).map(|face| face.frame);
    if face.is_none() && !is_person_without_face(main.score, pose.confidence) {
        return Ok(None);
    }
    let pose = is_plausible(&pose, frame, face).then_some(pose);
    let framing = framing(picture, frame, face, pose.as_ref());
    Ok(Some(People {
        main: Person { frame, face, face_is_certain, pose, framing },
        frames: found.certain.iter().map(|person| person.frame).collect(),
        prominent: found.prominent(main, &faces),
        others_behind: found.certain.iter().any(|other| other.frame.area() < PROMINENT_AREA * main.frame.area()),
        silhouette: Silhouette::new(picture, mask, frame),
    }))
}

/// Searches the upper part of the box first, where the face is larger in the network's input, then the whole box.
fn faces_of(picture: &Picture, frame: Rect, models: &Models, worker: &Worker) -> Result<Vec<Face>, ModelError> {
    const UPPER_PART: f32 = 0.45;
    let height = frame.height().min(frame.width().max(frame.height() * UPPER_PART));
    let upper = Rect { bottom: frame.top + height, ..frame };
    let mut faces = find_faces(picture, upper, models, worker)?;
    if faces.is_empty() {
        faces = find_faces(picture, frame, models, worker)?;
    }
    Ok(faces)
}

fn is_person_without_face(score: f32, pose_confidence: f32) -> bool {
    score >= MIN_SCORE_WITHOUT_FACE_AND_POSE
        || (score >= MIN_SCORE_WITHOUT_FACE && pose_confidence >= MIN_POSE_CONFIDENCE)
}

/// Returns the region for pose estimation. A large face locates the body better than the box, which may be cropped.
fn body_region(frame: Rect, face: Option<Rect>) -> BodyRegion {
    const LARGE_FACE: f32 = 1.0 / 6.0;
    const BODY_PER_FACE: f32 = 9.0;
    const CENTRE_BELOW_FACE: f32 = 2.6;
    const BODY_PER_FRAME: f32 = 1.25;
    match face {
        Some(face) if face.height() >= LARGE_FACE * frame.height() => {
            let mut centre = face.centre();
            centre.y += CENTRE_BELOW_FACE * face.height();
            BodyRegion { centre, size: BODY_PER_FACE * face.height() }
        }
        _ => BodyRegion { centre: frame.centre(), size: BODY_PER_FRAME * frame.width().max(frame.height()) },
    }
}

/// Returns true if the pose is consistent with the box and the face. The network finds a pose in any input.
fn is_plausible(pose: &Pose, frame: Rect, face: Option<Rect>) -> bool {
    const MIN_CONFIDENCE: f32 = 0.5;
    const MIN_TORSO: f32 = 0.17;
    let torso = pose.torso_length();
    let has_torso = pose.confidence > MIN_CONFIDENCE
        && pose.sees(Landmark::LeftShoulder)
        && pose.sees(Landmark::RightShoulder)
        && torso > MIN_TORSO * frame.height();
    has_torso
        && match face {
            Some(face) => pose.place(Landmark::Nose).distance(face.centre()) < face.height() && torso > face.height(),
            None => {
                pose.confidence >= MIN_POSE_CONFIDENCE
                    && (pose.sees(Landmark::LeftKnee) || pose.sees(Landmark::RightKnee))
            }
        }
}

/// Returns true if a knee is visible according to the pose and to the height of the box in face heights.
pub(super) fn knees_visible(picture: &Picture, person: &Person) -> bool {
    person.pose.as_ref().is_some_and(|pose| are_knees_visible(picture, person.frame, person.face, pose))
}

fn are_knees_visible(picture: &Picture, frame: Rect, face: Option<Rect>, pose: &Pose) -> bool {
    const KNEES_BELOW_FACES: f32 = 5.5;
    const MIN_VISIBILITY: f32 = 0.6;
    // Below this, at the edge of the image, the position is a guess.
    const MAX_Y: f32 = 0.97;
    let tall_enough = face.is_none_or(|face| frame.height() > KNEES_BELOW_FACES * face.height());
    let in_view = |knee: Landmark| {
        pose.is_visible_above(knee, MIN_VISIBILITY) && pose.place(knee).y < MAX_Y * picture.height() as f32
    };
    tall_enough && LEGS.iter().any(|leg| in_view(leg.knee))
}

/// Returns how much of a person is visible. Pose and face must agree, because the pose network guesses joints outside the image.
fn framing(picture: &Picture, frame: Rect, face: Option<Rect>, pose: Option<&Pose>) -> Option<Framing> {
    const CLOSE_FACE: f32 = 0.38;
    const NEAR_FACE: f32 = 0.2;
    let heights = face.map(|face| frame.height() / face.height());
    let by_pose = pose.map(|pose| {
        if LEGS.iter().any(|leg| pose.sees(leg.ankle)) {
            Framing::FullLength
        } else if are_knees_visible(picture, frame, face, pose) {
            Framing::ThreeQuarter
        } else if LEGS.iter().any(|leg| pose.sees(leg.hip)) {
            Framing::WaistUp
        } else {
            Framing::HeadAndShoulders
        }
    });
    match (by_pose, face) {
        (Some(framing), Some(_)) => {
            Some(framing).filter(|framing| heights.is_some_and(|heights| framing.fits(heights)))
        }
        (Some(framing), None) => Some(framing).filter(|_| pose.is_some_and(is_head_in_view)),
        (None, Some(face)) => match face.height() / picture.height() as f32 {
            CLOSE_FACE.. => Some(Framing::CloseUp),
            NEAR_FACE.. => Some(Framing::HeadAndShoulders),
            _ => None,
        },
        (None, None) => None,
    }
}

/// Returns true if the head is inside the image up to its top, which is about as far above the nose as the chin is below.
fn is_head_in_view(pose: &Pose) -> bool {
    const TOP_ABOVE_NOSE: f32 = 0.6;
    let nose = pose.place(Landmark::Nose);
    pose.sees(Landmark::Nose) && nose.y > TOP_ABOVE_NOSE * (pose.shoulders().y - nose.y)
}

impl Framing {
    /// Returns true if a person of this height, in heights of the face, can be visible to this extent.
    fn fits(self, face_heights: f32) -> bool {
        let (least, most) = match self {
            Self::FullLength => (9.5, f32::MAX),
            Self::ThreeQuarter => (7.0, 10.5),
            Self::WaistUp => (3.5, 7.0),
            Self::HeadAndShoulders => (1.5, 3.5),
            Self::CloseUp => (0.0, 2.5),
        };
        (least..=most).contains(&face_heights)
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
        Pose::from_visible(&joints.iter().map(|&joint| (joint, place(joint))).collect::<Vec<_>>())
    }

    #[test]
    fn a_doubtful_person_on_a_cat_is_a_cat() {
        let frame = Rect::new(0.0, 0.0, 100.0, 100.0);
        let cat = detection(CAT, 0.5, frame);
        let certain = |detections: &[Detection]| Found::among(detections).certain.len();
        assert_eq!(certain(&[detection(PERSON, 0.6, frame), cat]), 0);
        assert_eq!(certain(&[detection(PERSON, 0.8, frame), cat]), 1);
        assert_eq!(certain(&[detection(PERSON, 0.6, frame)]), 1);
        assert_eq!(certain(&[detection(PERSON, 0.4, frame)]), 0);
    }

    #[test]
    fn the_number_of_people_is_stated_only_if_it_is_certain() {
        let at = |score, left: f32| detection(PERSON, score, Rect::new(left, 0.0, left + 100.0, 300.0));
        let face = |left: f32| Face { frame: Rect::new(left, 20.0, left + 30.0, 50.0), is_certain: true };
        let number = |detections: &[Detection], faces: &[Face]| {
            let found = Found::among(detections);
            found.prominent(&found.certain[0], faces)
        };
        assert_eq!(number(&[at(0.9, 0.0)], &[face(30.0)]), Prominent::One);
        assert_eq!(number(&[at(0.9, 0.0), at(0.8, 110.0)], &[face(30.0)]), Prominent::Two);
        assert_eq!(number(&[at(0.9, 0.0), at(0.3, 110.0)], &[face(30.0)]), Prominent::Some);
        assert_eq!(number(&[at(0.9, 0.0)], &[face(10.0), face(60.0)]), Prominent::Some, "two faces in one box");
        assert_eq!(number(&[at(0.9, 0.0), at(0.8, 50.0)], &[face(10.0), face(65.0)]), Prominent::Two);
        let head = detection(PERSON, 0.5, Rect::new(20.0, 0.0, 80.0, 200.0));
        assert_eq!(number(&[at(0.9, 0.0), head], &[face(30.0)]), Prominent::One, "a part of the same person");
        let small = detection(PERSON, 0.3, Rect::new(200.0, 0.0, 230.0, 90.0));
        assert_eq!(number(&[at(0.9, 0.0), small], &[face(30.0)]), Prominent::One);
    }

    #[test]
    fn framing_follows_the_lowest_visible_joint() {
        use Landmark::{LeftAnkle, LeftHip, LeftKnee, LeftShoulder, RightShoulder};
        let picture = plain(400, 640, [0; 3]);
        let face = Some(Rect::new(180.0, 50.0, 220.0, 100.0));
        let of = |bottom, joints: &[Landmark]| {
            framing(&picture, Rect::new(100.0, 20.0, 300.0, bottom), face, Some(&standing(joints)))
        };
        let torso = [LeftShoulder, RightShoulder];
        assert_eq!(of(180.0, &torso), Some(Framing::HeadAndShoulders));
        assert_eq!(of(290.0, &[LeftShoulder, RightShoulder, LeftHip]), Some(Framing::WaistUp));
        assert_eq!(of(400.0, &[LeftShoulder, RightShoulder, LeftHip, LeftKnee]), Some(Framing::ThreeQuarter));
        assert_eq!(of(640.0, &[LeftShoulder, RightShoulder, LeftHip, LeftKnee, LeftAnkle]), Some(Framing::FullLength));
    }

    #[test]
    fn framing_is_uncertain_if_pose_and_face_disagree() {
        let picture = plain(400, 640, [0; 3]);
        let frame = Rect::new(0.0, 0.0, 400.0, 640.0);
        let large = Some(Rect::new(100.0, 50.0, 300.0, 250.0));
        let legs = standing(&[Landmark::LeftHip, Landmark::LeftKnee, Landmark::LeftAnkle]);
        assert_eq!(framing(&picture, frame, large, Some(&legs)), None, "ankles below a large face");
        let small = Some(Rect::new(180.0, 50.0, 220.0, 100.0));
        assert_eq!(
            framing(&picture, frame, small, Some(&standing(&[Landmark::LeftHip]))),
            None,
            "legs in a long dress"
        );
        assert_eq!(framing(&picture, frame, None, Some(&legs)), None, "the head may be outside the image");
    }

    #[test]
    fn without_a_pose_framing_follows_the_face() {
        let picture = plain(400, 600, [0; 3]);
        let frame = Rect::new(0.0, 0.0, 400.0, 600.0);
        let face = |height: f32| Some(Rect::new(0.0, 0.0, height, height));
        assert_eq!(framing(&picture, frame, face(300.0), None), Some(Framing::CloseUp));
        assert_eq!(framing(&picture, frame, face(150.0), None), Some(Framing::HeadAndShoulders));
        assert_eq!(framing(&picture, frame, face(60.0), None), None);
        assert_eq!(framing(&picture, frame, None, None), None);
    }

    #[test]
    fn a_pose_far_from_the_face_is_implausible() {
        use Landmark::{LeftHip, LeftShoulder, Nose, RightHip, RightShoulder};
        let pose = standing(&[Nose, LeftShoulder, RightShoulder, LeftHip, RightHip]);
        let frame = Rect::new(100.0, 20.0, 300.0, 640.0);
        let at_nose = Rect::new(180.0, 60.0, 220.0, 100.0);
        let elsewhere = Rect::new(380.0, 60.0, 420.0, 100.0);
        assert!(is_plausible(&pose, frame, Some(at_nose)));
        assert!(!is_plausible(&pose, frame, Some(elsewhere)));
        assert!(!is_plausible(&pose, frame, None), "no knees and no face");
    }

    #[test]
    fn a_person_without_a_face_needs_more_evidence() {
        assert!(is_person_without_face(0.6, 0.9));
        assert!(is_person_without_face(0.9, 0.0));
        assert!(!is_person_without_face(0.8, 0.1), "a shirt on a hanger");
        assert!(!is_person_without_face(0.5, 1.0));
    }

    #[test]
    fn a_large_face_determines_the_body_region() {
        let frame = Rect::new(0.0, 0.0, 100.0, 120.0);
        let face = Rect::new(40.0, 10.0, 60.0, 40.0);
        assert_eq!(body_region(frame, Some(face)), BodyRegion { centre: Point::new(50.0, 103.0), size: 270.0 });
        let small = Rect::new(48.0, 10.0, 52.0, 14.0);
        assert_eq!(body_region(frame, Some(small)), body_region(frame, None));
    }
}
