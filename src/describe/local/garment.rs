//! Analyses a person's clothes: locates top and bottoms, and derives colours, pattern and sleeve or leg length.

use super::{
    colour::{Lab, Palette},
    geometry::{Point, Quad, Rect, Region, Strip},
    observations::{Bottoms, BottomsKind, Clothes, Framing, Sleeves, Tint, Top},
    person::{ARMS, LEGS, Landmark, People, Person, Pose, knees_visible},
    picture::Picture,
    texture::Texture,
};

// All thresholds in this file were tuned on sample photographs of people.

/// The smallest region whose colours are significant.
const MIN_PIXELS: usize = 40;
/// The share of pixels (0 to 1) from which a further colour is significant. Higher for bottoms because of folds and shadows.
const TOP_COLOUR_SHARE: f32 = 0.22;
const BOTTOMS_COLOUR_SHARE: f32 = 0.28;
const OVERALL_COLOUR_SHARE: f32 = 0.2;
/// The share from which the main colour is significant.
const MIN_MAIN_SHARE: f32 = 0.4;
/// The texture detail above which a top is patterned.
const MAX_PLAIN_DETAIL: f32 = 5.0;

pub(super) fn clothes(picture: &Picture, people: &People, texture: &Texture, black_and_white: bool) -> Clothes {
    let analysis = Analysis { picture, people, texture, black_and_white, complexion: Complexion::of(picture, people) };
    match top_region(picture, &people.main) {
        Some(region) => match (analysis.top(&region), analysis.bottoms()) {
            (Some(top), Some(bottoms)) if could_be_a_dress(&top, &bottoms) => Clothes::Overall(Some(top.tint)),
            (top, bottoms) => Clothes::Garments { top, bottoms },
        },
        None => Clothes::Overall(tint(&analysis.pixels(&people.main.frame), OVERALL_COLOUR_SHARE, black_and_white)),
    }
}

/// Returns true if top and bottoms may be one garment: their main colours are equal, and the legs are not seen to be covered.
fn could_be_a_dress(top: &Top, bottoms: &Bottoms) -> bool {
    let is_colour = matches!(top.tint, Tint::Colours(_));
    bottoms.kind != BottomsKind::Trousers && is_colour && top.tint.main() == bottoms.tint.main()
}

fn tint(pixels: &[Lab], min_share: f32, black_and_white: bool) -> Option<Tint> {
    if pixels.len() < MIN_PIXELS {
        return None;
    }
    let palette = Palette::of(pixels);
    if black_and_white { Tint::of(&palette, min_share, true) } else { palette.certain(MIN_MAIN_SHARE, min_share) }
}

/// The colours of a person's skin and hair under the lighting of this image. Only used to separate cloth from skin and
/// hair, never mentioned.
struct Complexion {
    skin: Option<Lab>,
    hair: Option<Lab>,
}

impl Complexion {
    const MIN_PIXELS: usize = 20;

    /// Samples skin in the centre of the face and hair just above it.
    fn of(picture: &Picture, people: &People) -> Self {
        let Some(face) = people.main.face else {
            return Self { skin: None, hair: None };
        };
        let (width, height) = (face.width(), face.height());
        let cheeks = Rect {
            left: face.left + 0.25 * width,
            right: face.right - 0.25 * width,
            top: face.top + 0.35 * height,
            bottom: face.top + 0.85 * height,
        };
        let above = Rect { top: face.top - 0.35 * height, bottom: face.top - 0.05 * height, ..face };
        let median = |part: &Rect| Lab::median(&pixels_of(picture, people, part), Self::MIN_PIXELS);
        Self { skin: median(&cheeks), hair: median(&above) }
    }
}

/// Returns the colours of the pixels in a region that belong to the person.
fn pixels_of(picture: &Picture, people: &People, region: &impl Region) -> Vec<Lab> {
    picture
        .positions_in(region)
        .filter(|&(x, y)| people.silhouette.contains(x, y))
        .map(|(x, y)| picture.colour(x, y))
        .collect()
}

/// Locates the upper garment: between shoulders and hips, or below the face if there is no pose.
fn top_region(picture: &Picture, person: &Person) -> Option<Quad> {
    match (&person.pose, person.face) {
        (Some(pose), _) => Some(torso(pose)),
        (None, Some(face)) => Some(below_face(picture, face)),
        (None, None) => None,
    }
}

fn torso(pose: &Pose) -> Quad {
    // The horizontal distance of the shoulders, relative to the torso, below which the person is seen from the side.
    const MAX_SIDEWAYS_WIDTH: f32 = 0.35;
    let (shoulders, hips) = (pose.shoulders(), pose.hips());
    let down = hips.minus(shoulders);
    let (left, right) = (pose.place(Landmark::LeftShoulder), pose.place(Landmark::RightShoulder));
    if (left.x - right.x).abs() < MAX_SIDEWAYS_WIDTH * pose.torso_length() {
        let half_width = Point::new(0.22 * pose.torso_length(), 0.0);
        let upper = shoulders.plus(down.times(0.12));
        let lower = shoulders.plus(down.times(0.9));
        return Quad([
            upper.plus(half_width),
            upper.minus(half_width),
            lower.minus(half_width),
            lower.plus(half_width),
        ]);
    }
    // Inset from the joints, to exclude neck, arms and waistband.
    let shoulder = |joint: Point| joint.towards(shoulders, 0.15).plus(down.times(0.1));
    let hip = |joint: Landmark| pose.place(joint).towards(hips, 0.1).minus(down.times(0.08));
    Quad([shoulder(left), shoulder(right), hip(Landmark::RightHip), hip(Landmark::LeftHip)])
}

fn below_face(picture: &Picture, face: Rect) -> Quad {
    const LARGE_FACE: f32 = 0.3;
    let (face_height, picture_height) = (face.height(), picture.height() as f32);
    let neck = if face_height > LARGE_FACE * picture_height { 0.55 } else { 0.5 };
    let (left, right) = (face.left - 0.5 * face_height, face.right + 0.5 * face_height);
    let top = face.bottom + neck * face_height;
    let bottom = picture_height.min(face.bottom + 3.0 * face_height);
    Quad([Point::new(left, top), Point::new(right, top), Point::new(right, bottom), Point::new(left, bottom)])
}

struct Analysis<'a> {
    picture: &'a Picture,
    people: &'a People<'a>,
    texture: &'a Texture<'a>,
    black_and_white: bool,
    complexion: Complexion,
}

impl Analysis<'_> {
    fn pixels(&self, region: &impl Region) -> Vec<Lab> {
        pixels_of(self.picture, self.people, region)
    }

    fn top(&self, region: &Quad) -> Option<Top> {
        let cloth = self.without_skin_and_hair(self.pixels(region));
        let positions = self.picture.positions_in(region).filter(|&(x, y)| self.people.silhouette.contains(x, y));
        // A quarter of the pixels is enough.
        let detail = self.texture.mean(positions.filter(|(x, y)| x % 2 == 0 && y % 2 == 0));
        Some(Top {
            tint: tint(&cloth, TOP_COLOUR_SHARE, self.black_and_white)?,
            patterned: detail.is_some_and(|detail| detail > MAX_PLAIN_DETAIL),
            sleeves: self.sleeves(),
        })
    }

    /// Removes pixels of the colour of the skin and, in close-ups, of hair that falls over the shoulders. Keeps them if hardly
    /// any pixels would remain, because then the clothes have that colour.
    fn without_skin_and_hair(&self, mut pixels: Vec<Lab>) -> Vec<Lab> {
        const MAX_SKIN_DISTANCE: f32 = 14.0;
        const MAX_HAIR_DISTANCE: f32 = 11.0;
        const MIN_REMAINING: f32 = 0.3;
        let close = matches!(self.people.main.framing, Framing::CloseUp | Framing::HeadAndShoulders);
        let hair = self.complexion.hair.filter(|_| close);
        for (other, distance) in [(self.complexion.skin, MAX_SKIN_DISTANCE), (hair, MAX_HAIR_DISTANCE)] {
            let Some(other) = other else { continue };
            let remaining: Vec<Lab> =
                pixels.iter().copied().filter(|pixel| pixel.material_distance(other) > distance).collect();
            if remaining.len() as f32 > MIN_REMAINING * pixels.len() as f32 {
                pixels = remaining;
            }
        }
        pixels
    }

    /// Returns the share of pixels (0 to 1) that have the colour of the skin, or `None` if it cannot be determined.
    fn bare_share(&self, pixels: &[Lab]) -> Option<f32> {
        const MIN_PIXELS: usize = 15;
        const MAX_SKIN_DISTANCE: f32 = 13.0;
        /// Below this chroma, skin cannot be distinguished from grey cloth.
        const MIN_CHROMA: f32 = 6.0;
        let skin = self.complexion.skin.filter(|skin| skin.chroma() >= MIN_CHROMA && pixels.len() >= MIN_PIXELS)?;
        let bare = pixels.iter().filter(|pixel| pixel.material_distance(skin) < MAX_SKIN_DISTANCE).count();
        Some(bare as f32 / pixels.len() as f32)
    }

    fn sleeves(&self) -> Option<Sleeves> {
        let pose = self.people.main.pose.as_ref()?;
        let width = 0.12 * pose.shoulder_width();
        let strip = |from: Landmark, to: Landmark, start: f32, end: f32| {
            let (from, to) = (pose.place(from), pose.place(to));
            Strip { from: from.towards(to, start), to: from.towards(to, end), width }
        };
        let (mut forearms, mut upper_arms) = (Bareness::default(), Bareness::default());
        for arm in ARMS.iter().filter(|arm| pose.sees(arm.elbow)) {
            let forearm_length = pose.place(arm.elbow).distance(pose.place(arm.wrist));
            // An arm that points at the camera is too short to measure.
            if pose.sees(arm.wrist) && forearm_length > 0.3 * pose.shoulder_width() {
                forearms.add(self.bare_share(&self.pixels(&strip(arm.elbow, arm.wrist, 0.25, 0.75))));
            }
            upper_arms.add(self.bare_share(&self.pixels(&strip(arm.shoulder, arm.elbow, 0.4, 0.7))));
        }
        sleeves_of(forearms, upper_arms)
    }

    fn bottoms(&self) -> Option<Bottoms> {
        if !knees_visible(self.picture, &self.people.main) {
            return None;
        }
        let pose = self.people.main.pose.as_ref()?;
        let turned_away = pose.shoulder_width() <= 0.3 * pose.torso_length();
        let width = if turned_away { 0.15 * pose.torso_length() } else { 0.22 * pose.shoulder_width() };
        let (mut thighs, mut shins) = (Bareness::default(), Bareness::default());
        let (mut thigh_pixels, mut leg_pixels) = (Vec::new(), Vec::new());
        for leg in LEGS.iter().filter(|leg| pose.sees(leg.knee)) {
            let knee = pose.place(leg.knee);
            let thigh = Strip { from: pose.place(leg.hip).towards(knee, 0.3), to: knee, width };
            let pixels = self.pixels(&thigh);
            thighs.add(self.bare_share(&pixels));
            thigh_pixels.extend_from_slice(&pixels);
            leg_pixels.extend(pixels);
            if pose.sees(leg.ankle) {
                let ankle = pose.place(leg.ankle);
                let shin = Strip { from: knee.towards(ankle, 0.25), to: knee.towards(ankle, 0.7), width: 0.55 * width };
                let pixels = self.pixels(&shin);
                shins.add(self.bare_share(&pixels));
                leg_pixels.extend(pixels);
            }
        }
        let kind = bottoms_of(thighs, shins);
        let cloth = match kind {
            BottomsKind::Short | BottomsKind::KneeLength => thigh_pixels,
            BottomsKind::Unknown | BottomsKind::Trousers => leg_pixels,
        };
        Some(Bottoms { tint: tint(&cloth, BOTTOMS_COLOUR_SHARE, self.black_and_white)?, kind })
    }
}

/// The minimum and maximum share of bare skin among the measured limbs of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Bareness(Option<(f32, f32)>);

impl Bareness {
    fn add(&mut self, share: Option<f32>) {
        if let Some(share) = share {
            let (least, most) = self.0.unwrap_or((share, share));
            self.0 = Some((least.min(share), most.max(share)));
        }
    }

    fn is_measured(self) -> bool {
        self.0.is_some()
    }

    fn all_above(self, share: f32) -> bool {
        self.0.is_some_and(|(least, _)| least > share)
    }

    fn any_above(self, share: f32) -> bool {
        self.0.is_some_and(|(_, most)| most > share)
    }

    fn none_from(self, share: f32) -> bool {
        self.0.is_none_or(|(_, most)| most < share)
    }
}

fn sleeves_of(forearms: Bareness, upper_arms: Bareness) -> Option<Sleeves> {
    if !forearms.is_measured() {
        None
    } else if forearms.all_above(0.45) {
        Some(if upper_arms.all_above(0.55) { Sleeves::None } else { Sleeves::Short })
    } else if forearms.none_from(0.2) && upper_arms.none_from(0.25) {
        Some(Sleeves::Long)
    } else {
        None
    }
}

fn bottoms_of(thighs: Bareness, shins: Bareness) -> BottomsKind {
    if !shins.is_measured() {
        BottomsKind::Unknown
    } else if !shins.any_above(0.5) {
        BottomsKind::Trousers
    } else if thighs.any_above(0.6) {
        BottomsKind::Short
    } else {
        BottomsKind::KneeLength
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::picture::tests::plain;

    fn bareness(shares: &[f32]) -> Bareness {
        let mut bareness = Bareness::default();
        for &share in shares {
            bareness.add(Some(share));
        }
        bareness
    }

    #[test]
    fn sleeve_length_follows_bare_skin() {
        assert_eq!(sleeves_of(bareness(&[0.9, 0.8]), bareness(&[0.1])), Some(Sleeves::Short));
        assert_eq!(sleeves_of(bareness(&[0.9]), bareness(&[0.8, 0.9])), Some(Sleeves::None));
        assert_eq!(sleeves_of(bareness(&[0.0, 0.1]), bareness(&[0.0])), Some(Sleeves::Long));
        assert_eq!(sleeves_of(bareness(&[0.0, 0.9]), bareness(&[0.0])), None, "the arms differ");
        assert_eq!(sleeves_of(bareness(&[]), bareness(&[0.9])), None, "no forearm visible");
    }

    #[test]
    fn leg_length_follows_bare_skin() {
        assert_eq!(bottoms_of(bareness(&[0.0]), bareness(&[0.1])), BottomsKind::Trousers);
        assert_eq!(bottoms_of(bareness(&[0.1]), bareness(&[0.9])), BottomsKind::KneeLength);
        assert_eq!(bottoms_of(bareness(&[0.9]), bareness(&[0.9])), BottomsKind::Short);
        assert_eq!(bottoms_of(bareness(&[0.9]), bareness(&[])), BottomsKind::Unknown);
    }

    #[test]
    fn top_and_bottoms_of_one_colour_may_be_a_dress() {
        use crate::describe::local::colour::{ColourName, Tone};
        let top = |tint: &Tint| Top { tint: tint.clone(), patterned: false, sleeves: None };
        let bottoms = |tint: &Tint, kind| Bottoms { tint: tint.clone(), kind };
        let blue = Tint::Colours(vec![ColourName::Blue]);
        let blue_and_white = Tint::Colours(vec![ColourName::Blue, ColourName::White]);
        let red = Tint::Colours(vec![ColourName::Red]);
        let dark = Tint::Tone(Tone::Dark);
        assert!(could_be_a_dress(&top(&blue_and_white), &bottoms(&blue, BottomsKind::KneeLength)));
        assert!(!could_be_a_dress(&top(&blue), &bottoms(&blue, BottomsKind::Trousers)));
        assert!(!could_be_a_dress(&top(&blue), &bottoms(&red, BottomsKind::KneeLength)));
        assert!(!could_be_a_dress(&top(&dark), &bottoms(&dark, BottomsKind::Unknown)), "a tone is no colour");
    }

    #[test]
    fn the_torso_is_between_shoulders_and_hips() {
        let front = torso(&Pose::from_visible(&[
            (Landmark::LeftShoulder, Point::new(60.0, 20.0)),
            (Landmark::RightShoulder, Point::new(20.0, 20.0)),
            (Landmark::LeftHip, Point::new(55.0, 80.0)),
            (Landmark::RightHip, Point::new(25.0, 80.0)),
        ]));
        assert!(front.contains(Point::new(40.0, 50.0)));
        assert!(!front.contains(Point::new(40.0, 21.0)), "the neck");
        assert!(!front.contains(Point::new(40.0, 79.0)), "the waistband");
        assert!(!front.contains(Point::new(15.0, 50.0)), "an arm");
    }

    #[test]
    fn a_torso_from_the_side_has_a_minimum_width() {
        let side = torso(&Pose::from_visible(&[
            (Landmark::LeftShoulder, Point::new(41.0, 20.0)),
            (Landmark::RightShoulder, Point::new(39.0, 20.0)),
            (Landmark::LeftHip, Point::new(41.0, 80.0)),
            (Landmark::RightHip, Point::new(39.0, 80.0)),
        ]));
        assert!(side.contains(Point::new(30.0, 50.0)) && side.contains(Point::new(50.0, 50.0)));
        assert!(!side.contains(Point::new(20.0, 50.0)));
    }

    #[test]
    fn the_region_below_a_face_at_the_lower_edge_is_empty() {
        let picture = plain(50, 50, [9; 3]);
        let region = below_face(&picture, Rect::new(10.0, 10.0, 40.0, 49.0));
        assert_eq!(picture.positions_in(&region).count(), 0);
    }

    #[test]
    fn a_tiny_region_has_no_tint() {
        let pixel = Lab::from_srgb([200, 10, 10]);
        assert_eq!(tint(&[pixel; MIN_PIXELS - 1], 0.2, false), None);
        assert!(tint(&[pixel; MIN_PIXELS], 0.2, false).is_some());
    }
}
