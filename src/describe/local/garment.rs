//! Analyses a person's clothes: locates top and bottoms, and derives colours, pattern and sleeve or leg length.

use super::{
    colour::{Cast, Lab, Palette},
    geometry::{Point, Quad, Rect, Region, Strip},
    observations::{Bottoms, BottomsKind, Clothes, Prominent, Sleeves, Tint, Top},
    person::{ARMS, LEGS, Landmark, People, Person, Pose, knees_visible},
    picture::Picture,
    texture::Texture,
};

// All thresholds in this file were tuned on sample photographs of people.

/// The smallest region whose colours are significant.
const MIN_PIXELS: usize = 150;
/// The share of pixels (0 to 1) from which a further colour is significant.
const TOP_COLOUR_SHARE: f32 = 0.22;
const OVERALL_COLOUR_SHARE: f32 = 0.2;
/// The share from which the main colour is significant.
const MIN_MAIN_SHARE: f32 = 0.4;
/// The same for a garment that is not patterned, and for bottoms. Further colours are those of other things, for example of a
/// shirt below a jacket.
const MIN_ONLY_SHARE: f32 = 0.55;
const MIN_BOTTOMS_SHARE: f32 = 0.5;
/// The colour distance from a garment's median below which cloth belongs to the same garment.
const SAME_CLOTH: f32 = 22.0;

/// A picture and its properties that matter for colours.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub picture: &'a Picture,
    pub texture: &'a Texture<'a>,
    pub black_and_white: bool,
    pub cast: Cast,
}

impl View<'_> {
    /// Returns the colours of cloth; `min_share` is the share from which a colour other than the main one is significant.
    fn tint(&self, pixels: &[Lab], min_main: f32, min_share: f32) -> Option<Tint> {
        if pixels.len() < MIN_PIXELS {
            return None;
        }
        let palette = Palette::of(pixels);
        if self.black_and_white {
            Tint::of(&palette, min_share, true)
        } else {
            palette.certain(min_main, min_share, self.cast)
        }
    }
}

pub(super) fn clothes(view: &View, people: &People) -> Clothes {
    let analysis = Analysis { view, people, complexion: Complexion::of(view.picture, people) };
    let Some(region) = top_region(view.picture, &people.main) else {
        let pixels = analysis.pixels(&people.main.frame);
        return Clothes::Overall(view.tint(&pixels, MIN_ONLY_SHARE, 1.0));
    };
    // Of several people, the legs of one are easily taken for those of another.
    let bottoms = analysis.bottoms().filter(|_| people.prominent == Prominent::One);
    match (analysis.top(&region), bottoms) {
        (Some(top), Some(bottoms)) if could_be_a_dress(top.median, bottoms.median) => {
            let cloth = [top.cloth, bottoms.cloth].concat();
            Clothes::Overall(view.tint(&cloth, MIN_MAIN_SHARE, OVERALL_COLOUR_SHARE))
        }
        // What covers the legs is unknown, a dress included.
        (_, None) if people.prominent == Prominent::One && analysis.are_legs_in_frame() => {
            Clothes::Garments { top: None, bottoms: None }
        }
        (top, bottoms) => {
            Clothes::Garments { top: top.map(|top| top.garment), bottoms: bottoms.and_then(|bottoms| bottoms.garment) }
        }
    }
}

/// A garment with the pixels of its cloth and their median.
struct Measured<T> {
    garment: T,
    cloth: Vec<Lab>,
    median: Lab,
}

/// Returns true if top and bottoms may be one garment: their colours are equal. A long skirt covers the legs like trousers.
fn could_be_a_dress(top: Lab, bottoms: Lab) -> bool {
    const SAME_GARMENT: f32 = 14.0;
    top.material_distance(bottoms) < SAME_GARMENT
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

/// Locates the upper garment: between shoulders and waist, or below the face if there is no pose.
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
    // From the shoulders to the hips: a skirt or trousers can begin at the waist.
    const LOWER_END: f32 = 0.62;
    let (shoulders, hips) = (pose.shoulders(), pose.hips());
    let down = hips.minus(shoulders);
    let (left, right) = (pose.place(Landmark::LeftShoulder), pose.place(Landmark::RightShoulder));
    if (left.x - right.x).abs() < MAX_SIDEWAYS_WIDTH * pose.torso_length() {
        let half_width = Point::new(0.22 * pose.torso_length(), 0.0);
        let upper = shoulders.plus(down.times(0.12));
        let lower = shoulders.plus(down.times(LOWER_END));
        return Quad([
            upper.plus(half_width),
            upper.minus(half_width),
            lower.minus(half_width),
            lower.plus(half_width),
        ]);
    }
    // Inset from the joints, to exclude neck and arms.
    let shoulder = |joint: Point| joint.towards(shoulders, 0.15).plus(down.times(0.1));
    let waist = |shoulder: Point, hip: Landmark| shoulder.towards(pose.place(hip).towards(hips, 0.1), LOWER_END);
    Quad([shoulder(left), shoulder(right), waist(right, Landmark::RightHip), waist(left, Landmark::LeftHip)])
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
    view: &'a View<'a>,
    people: &'a People<'a>,
    complexion: Complexion,
}

impl Analysis<'_> {
    fn pixels(&self, region: &impl Region) -> Vec<Lab> {
        pixels_of(self.view.picture, self.people, region)
    }

    /// Returns true if the box of the person is so high that it includes the legs.
    fn are_legs_in_frame(&self) -> bool {
        const LEGS_BELOW_FACES: f32 = 8.0;
        self.people.main.face.is_none_or(|face| self.people.main.frame.height() > LEGS_BELOW_FACES * face.height())
    }

    fn top(&self, region: &Quad) -> Option<Measured<Top>> {
        let cloth = self.without_skin_and_hair(self.pixels(region));
        let median = Lab::median(&cloth, MIN_PIXELS)?;
        if self.could_be_skin(median) {
            return None;
        }
        let patterned = self.is_patterned(region);
        let (min_main, min_share) = if patterned { (MIN_MAIN_SHARE, TOP_COLOUR_SHARE) } else { (MIN_ONLY_SHARE, 1.0) };
        let tint = self.view.tint(&cloth, min_main, min_share)?;
        Some(Measured { garment: Top { tint, patterned, sleeves: self.sleeves(median) }, cloth, median })
    }

    /// Returns true if most parts of a region have much detail. A print or a fold is only in some of them.
    fn is_patterned(&self, region: &Quad) -> bool {
        const PARTS_PER_SIDE: usize = 4;
        const MIN_PATTERNED_PARTS: f32 = 0.7;
        const MIN_DETAIL: f32 = 4.5;
        /// Below this number, everything looks detailed.
        const MIN_SAMPLES: usize = 64;
        let bounds = region.bounds();
        let part = |position: f32, start: f32, length: f32| {
            ((position - start) / length.max(1.0) * PARTS_PER_SIDE as f32).clamp(0.0, PARTS_PER_SIDE as f32 - 1.0)
                as usize
        };
        let mut parts = vec![Vec::new(); PARTS_PER_SIDE * PARTS_PER_SIDE];
        let positions = self.view.picture.positions_in(region).filter(|&(x, y)| self.people.silhouette.contains(x, y));
        // A quarter of the pixels is enough.
        for (x, y) in positions.filter(|(x, y)| x % 2 == 0 && y % 2 == 0) {
            let column = part(x as f32, bounds.left, bounds.width());
            let row = part(y as f32, bounds.top, bounds.height());
            parts[row * PARTS_PER_SIDE + column].push((x, y));
        }
        if parts.iter().map(Vec::len).sum::<usize>() < parts.len() * MIN_SAMPLES {
            return false;
        }
        let details: Vec<f32> = parts.into_iter().filter_map(|part| self.view.texture.mean(part.into_iter())).collect();
        let patterned = details.iter().filter(|detail| **detail > MIN_DETAIL).count();
        patterned as f32 > MIN_PATTERNED_PARTS * details.len() as f32
    }

    /// Removes pixels of the colour of the skin and, in close-ups, of hair that falls over the shoulders. Returns no pixels if
    /// hardly any remain: the clothes may have that colour, or there are none.
    fn without_skin_and_hair(&self, pixels: Vec<Lab>) -> Vec<Lab> {
        const MAX_SKIN_DISTANCE: f32 = 14.0;
        const MAX_HAIR_DISTANCE: f32 = 11.0;
        const MIN_REMAINING: f32 = 0.3;
        /// The height of a near face relative to the image.
        const NEAR_FACE: f32 = 0.2;
        let near =
            self.people.main.face.is_some_and(|face| face.height() > NEAR_FACE * self.view.picture.height() as f32);
        let hair = self.complexion.hair.filter(|_| near);
        let is_other = |pixel: &Lab| {
            let is_near =
                |other: Option<Lab>, distance| other.is_some_and(|other| pixel.material_distance(other) <= distance);
            is_near(self.complexion.skin, MAX_SKIN_DISTANCE) || is_near(hair, MAX_HAIR_DISTANCE)
        };
        let all = pixels.len() as f32;
        let remaining: Vec<Lab> = pixels.into_iter().filter(|pixel| !is_other(pixel)).collect();
        if remaining.len() as f32 > MIN_REMAINING * all { remaining } else { Vec::new() }
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

    /// Returns true for colours near that of the face, which has another light than the chest, unless they are pale.
    fn could_be_skin(&self, colour: Lab) -> bool {
        const MIN_CHROMA: f32 = 12.0;
        const MAX_DARKER: f32 = 20.0;
        colour.chroma() > MIN_CHROMA
            && self
                .complexion
                .skin
                .is_some_and(|skin| skin.material_distance(colour) < SAME_CLOTH && colour.l > skin.l - MAX_DARKER)
    }

    /// Returns the length of the sleeves of a top with the given median colour.
    fn sleeves(&self, top: Lab) -> Option<Sleeves> {
        let pose = self.people.main.pose.as_ref()?;
        self.complexion.skin?;
        let width = 0.12 * pose.shoulder_width();
        let strip = |from: Landmark, to: Landmark, start: f32, end: f32| {
            let (from, to) = (pose.place(from), pose.place(to));
            self.pixels(&Strip { from: from.towards(to, start), to: from.towards(to, end), width })
        };
        let mut arms = Arms::default();
        for arm in ARMS.iter().filter(|arm| pose.sees(arm.elbow)) {
            let forearm_length = pose.place(arm.elbow).distance(pose.place(arm.wrist));
            // An arm that points at the camera is too short to measure.
            if pose.sees(arm.wrist) && forearm_length > 0.3 * pose.shoulder_width() {
                let forearm = strip(arm.elbow, arm.wrist, 0.25, 0.75);
                arms.forearms.add(self.bare_share(&forearm));
                arms.forearms_of_other_cloth |= is_other_cloth(&forearm, top);
            }
            arms.elbows.add(self.bare_share(&strip(arm.shoulder, arm.elbow, 0.65, 0.9)));
            let shoulder = strip(arm.shoulder, arm.elbow, 0.1, 0.35);
            arms.shoulders.add(self.bare_share(&shoulder));
            arms.shoulders_of_other_cloth |= is_other_cloth(&shoulder, top);
        }
        arms.sleeves()
    }

    /// Returns the cloth of the bottoms, with what can be stated of them.
    fn bottoms(&self) -> Option<Measured<Option<Bottoms>>> {
        if !knees_visible(self.view.picture, &self.people.main) {
            return None;
        }
        let pose = self.people.main.pose.as_ref()?;
        let turned_away = pose.shoulder_width() <= 0.3 * pose.torso_length();
        let width = if turned_away { 0.15 * pose.torso_length() } else { 0.22 * pose.shoulder_width() };
        let strip = |from: Point, to: Point, start: f32, end: f32, width: f32| {
            self.pixels(&Strip { from: from.towards(to, start), to: from.towards(to, end), width })
        };
        let mut legs = Legs::default();
        let mut upper_pixels = Vec::new();
        let mut lower_pixels = Vec::new();
        for leg in LEGS.iter().filter(|leg| pose.sees(leg.knee)) {
            let (hip, knee) = (pose.place(leg.hip), pose.place(leg.knee));
            let seat = strip(hip, knee, 0.05, 0.3, width);
            let thigh = strip(hip, knee, 0.4, 0.85, width);
            legs.seats.add(self.bare_share(&seat));
            legs.thighs.add(self.bare_share(&thigh));
            upper_pixels.extend(seat);
            lower_pixels.extend(thigh);
            if pose.sees(leg.ankle) {
                let ankle = pose.place(leg.ankle);
                let knees =
                    [strip(hip, knee, 0.9, 1.0, 0.7 * width), strip(knee, ankle, 0.0, 0.12, 0.7 * width)].concat();
                legs.knees.add(self.bare_share(&knees));
                let shin = strip(knee, ankle, 0.25, 0.7, 0.55 * width);
                legs.shins.add(self.bare_share(&shin));
                lower_pixels.extend(shin);
            }
        }
        let kind = legs.kind();
        if matches!(kind, BottomsKind::Unknown | BottomsKind::Trousers) {
            upper_pixels.extend(lower_pixels);
        }
        let cloth = self.without_skin_and_hair(upper_pixels);
        let median = Lab::median(&cloth, MIN_PIXELS)?;
        let tint = self.view.tint(&cloth, MIN_BOTTOMS_SHARE, 1.0);
        Some(Measured { garment: tint.map(|tint| Bottoms { tint, kind }), cloth, median })
    }
}

/// Returns true if the pixels are not of the cloth of the given colour.
fn is_other_cloth(pixels: &[Lab], cloth: Lab) -> bool {
    Lab::median(pixels, 1).is_none_or(|median| median.material_distance(cloth) > SAME_CLOTH)
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

    fn none_from(self, share: f32) -> bool {
        self.0.is_none_or(|(_, most)| most < share)
    }
}

/// The visible part of the arms.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Arms {
    shoulders: Bareness,
    /// Just above the elbow.
    elbows: Bareness,
    forearms: Bareness,
    /// True if any of them does not have the colour of the top.
    shoulders_of_other_cloth: bool,
    forearms_of_other_cloth: bool,
}

impl Arms {
    fn sleeves(&self) -> Option<Sleeves> {
        if self.shoulders.all_above(0.6) && self.elbows.all_above(0.6) && self.forearms.all_above(0.45) {
            Some(Sleeves::None)
        } else if self.forearms.all_above(0.45)
            && self.elbows.all_above(0.5)
            && self.shoulders.none_from(0.25)
            && !self.shoulders_of_other_cloth
        {
            Some(Sleeves::Short)
        } else if self.forearms.is_measured()
            && self.forearms.none_from(0.2)
            && self.elbows.none_from(0.25)
            && !self.forearms_of_other_cloth
        {
            Some(Sleeves::Long)
        } else {
            None
        }
    }
}

/// The visible part of the legs.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Legs {
    /// Just below the hips.
    seats: Bareness,
    thighs: Bareness,
    knees: Bareness,
    shins: Bareness,
}

impl Legs {
    fn kind(&self) -> BottomsKind {
        let is_cloth_like_skin = !self.seats.is_measured() || self.seats.all_above(0.25);
        if is_cloth_like_skin || !self.shins.is_measured() {
            BottomsKind::Unknown
        } else if self.shins.none_from(0.2) && self.knees.none_from(0.25) && self.thighs.none_from(0.25) {
            BottomsKind::Trousers
        } else if self.shins.all_above(0.5) && self.thighs.all_above(0.6) {
            BottomsKind::Short
        } else if self.shins.all_above(0.5) && self.thighs.none_from(0.25) {
            BottomsKind::KneeLength
        } else {
            BottomsKind::Unknown
        }
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

    /// Arms whose shoulders, elbows and forearms have these shares of bare skin, in cloth of the colour of the top.
    fn arms(shoulders: &[f32], elbows: &[f32], forearms: &[f32]) -> Arms {
        Arms {
            shoulders: bareness(shoulders),
            elbows: bareness(elbows),
            forearms: bareness(forearms),
            ..Arms::default()
        }
    }

    #[test]
    fn sleeve_length_follows_bare_skin() {
        assert_eq!(arms(&[0.1], &[0.7], &[0.9, 0.8]).sleeves(), Some(Sleeves::Short));
        assert_eq!(arms(&[0.8, 0.9], &[0.9], &[0.9]).sleeves(), Some(Sleeves::None));
        assert_eq!(arms(&[0.0], &[0.0], &[0.0, 0.1]).sleeves(), Some(Sleeves::Long));
        assert_eq!(arms(&[0.0], &[0.0], &[0.0, 0.9]).sleeves(), None, "the arms differ");
        assert_eq!(arms(&[0.4], &[0.9], &[0.9]).sleeves(), None, "a strap or a short sleeve");
        assert_eq!(arms(&[0.9], &[0.9], &[]).sleeves(), None, "no forearm visible");
    }

    #[test]
    fn sleeves_have_the_colour_of_the_top() {
        let gloves = Arms { forearms_of_other_cloth: true, ..arms(&[0.0], &[0.0], &[0.0]) };
        assert_eq!(gloves.sleeves(), None);
        let bag_strap = Arms { shoulders_of_other_cloth: true, ..arms(&[0.1], &[0.7], &[0.9]) };
        assert_eq!(bag_strap.sleeves(), None);
    }

    #[test]
    fn leg_length_follows_bare_skin() {
        let legs = |seats: &[f32], thighs: &[f32], knees: &[f32], shins: &[f32]| Legs {
            seats: bareness(seats),
            thighs: bareness(thighs),
            knees: bareness(knees),
            shins: bareness(shins),
        };
        assert_eq!(legs(&[0.0], &[0.1], &[0.0], &[0.0]).kind(), BottomsKind::Trousers);
        assert_eq!(legs(&[0.0], &[0.1], &[0.5], &[0.9]).kind(), BottomsKind::KneeLength);
        assert_eq!(legs(&[0.0], &[0.9], &[0.9], &[0.9]).kind(), BottomsKind::Short);
        assert_eq!(legs(&[0.0], &[0.9], &[], &[]).kind(), BottomsKind::Unknown, "no shin visible");
        assert_eq!(legs(&[0.9], &[0.9], &[0.9], &[0.9]).kind(), BottomsKind::Unknown, "cloth of the colour of skin");
        assert_eq!(legs(&[0.0], &[0.1], &[0.9], &[0.0]).kind(), BottomsKind::Unknown, "shorts and long socks");
    }

    #[test]
    fn top_and_bottoms_of_one_colour_may_be_a_dress() {
        let [blue, shaded_blue, red] = [[40, 60, 160], [35, 52, 140], [160, 40, 40]].map(Lab::from_srgb);
        assert!(could_be_a_dress(blue, shaded_blue));
        assert!(!could_be_a_dress(blue, red));
    }

    #[test]
    fn a_top_is_between_shoulders_and_waist() {
        let front = torso(&Pose::from_visible(&[
            (Landmark::LeftShoulder, Point::new(60.0, 20.0)),
            (Landmark::RightShoulder, Point::new(20.0, 20.0)),
            (Landmark::LeftHip, Point::new(55.0, 80.0)),
            (Landmark::RightHip, Point::new(25.0, 80.0)),
        ]));
        assert!(front.contains(Point::new(40.0, 45.0)));
        assert!(!front.contains(Point::new(40.0, 21.0)), "the neck");
        assert!(!front.contains(Point::new(40.0, 65.0)), "a skirt that begins at the waist");
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
        let picture = plain(1, 1, [0; 3]);
        let texture = Texture::of(&picture);
        let view = View { picture: &picture, texture: &texture, black_and_white: false, cast: Cast::default() };
        assert_eq!(view.tint(&[pixel; MIN_PIXELS - 1], 0.4, 0.2), None);
        assert!(view.tint(&[pixel; MIN_PIXELS], 0.4, 0.2).is_some());
    }
}
