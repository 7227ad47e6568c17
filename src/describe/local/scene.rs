//! Analyses everything but people: the background, objects, and the subject of images without people.

use super::{
    colour::{Cast, Lab, Palette},
    geometry::{Point, Rect, Region},
    observations::{Background, Side, Tint},
    person::{Detection, People, PersonMask},
    picture::Picture,
    texture::Texture,
};

// All thresholds in this file were tuned on sample photographs of people and of clothes without people.

/// The share of pixels (0 to 1) from which a colour of the whole image is significant.
const PICTURE_COLOUR_SHARE: f32 = 0.2;

/// Returns true if nearly all pixels are near grey.
pub(super) fn is_black_and_white(picture: &Picture) -> bool {
    const SAMPLE_STEP: usize = 7;
    const NEARLY_ALL: f32 = 0.95;
    /// In a colour photograph, even grey clothes on a grey background have a chroma of at least 4.
    const NEAR_GREY: f32 = 2.5;
    let mut chromas: Vec<f32> = picture.colours().iter().step_by(SAMPLE_STEP).map(|colour| colour.chroma()).collect();
    let index = (chromas.len() as f32 * NEARLY_ALL) as usize;
    let index = index.min(chromas.len() - 1);
    *chromas.select_nth_unstable_by(index, f32::total_cmp).1 < NEAR_GREY
}

/// Returns the colours of the whole image.
pub(super) fn palette(picture: &Picture, black_and_white: bool) -> Option<Tint> {
    Tint::of(&Palette::of(picture.colours()), PICTURE_COLOUR_SHARE, black_and_white)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// Worn or carried by a person nearby.
    Accessory,
    /// Never worn or carried.
    Surroundings,
}

/// The objects that captions can mention, by COCO class: those that the detector recognises reliably in photographs of
/// people. Detections of food, toys and vases are mostly false positives.
const OBJECTS: [(usize, &str, Role); 24] = [
    (1, "bicycle", Role::Surroundings),
    (2, "car", Role::Surroundings),
    (3, "motorcycle", Role::Surroundings),
    (5, "bus", Role::Surroundings),
    (13, "bench", Role::Surroundings),
    (15, "cat", Role::Surroundings),
    (16, "dog", Role::Surroundings),
    (24, "backpack", Role::Accessory),
    (25, "umbrella", Role::Accessory),
    (26, "handbag", Role::Accessory),
    (27, "tie", Role::Accessory),
    (28, "suitcase", Role::Accessory),
    (36, "skateboard", Role::Surroundings),
    (37, "surfboard", Role::Surroundings),
    (39, "bottle", Role::Surroundings),
    (41, "cup", Role::Surroundings),
    (56, "chair", Role::Surroundings),
    (57, "couch", Role::Surroundings),
    (58, "potted plant", Role::Surroundings),
    (59, "bed", Role::Surroundings),
    (60, "table", Role::Surroundings),
    (63, "laptop", Role::Surroundings),
    (67, "phone", Role::Accessory),
    (73, "book", Role::Surroundings),
];

/// Detected objects by role, without repetition, by descending score.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Objects {
    pub accessories: Vec<&'static str>,
    pub surroundings: Vec<&'static str>,
}

impl Objects {
    const MAX_SURROUNDINGS: usize = 3;
    const MIN_SCORE: f32 = 0.45;

    /// Selects objects from detections; `person` is the bounding box of the main person.
    pub(super) fn among(detections: &[Detection], person: Rect) -> Self {
        let mut objects = Self::default();
        for found in detections.iter().filter(|found| found.score >= Self::MIN_SCORE) {
            let Some(&(_, name, role)) = OBJECTS.iter().find(|(class, ..)| *class == found.class) else { continue };
            let near = person.contains(found.frame.centre());
            let list =
                if role == Role::Accessory && near { &mut objects.accessories } else { &mut objects.surroundings };
            if !list.contains(&name) {
                list.push(name);
            }
        }
        objects.surroundings.truncate(Self::MAX_SURROUNDINGS);
        objects
    }
}

/// Returns the side of the image that the box is on, or `None` if it is near the centre.
pub(super) fn side(picture: &Picture, frame: Rect) -> Option<Side> {
    const LEFT: f32 = 0.36;
    const RIGHT: f32 = 0.64;
    match frame.centre().x / picture.width() as f32 {
        ..LEFT => Some(Side::Left),
        RIGHT.. => Some(Side::Right),
        _ => None,
    }
}

/// The part of an image behind the people.
pub(super) struct Behind {
    /// Every [`STEP`](Self::STEP)th pixel in both directions.
    positions: Vec<(usize, usize)>,
}

impl Behind {
    const STEP: usize = 2;

    pub(super) fn of(picture: &Picture, people: &People, mask: &PersonMask) -> Self {
        const MAX_PERSON_PROBABILITY: f32 = 0.3;
        const MAX_PERSON_PROBABILITY_IN_BOX: f32 = 0.2;
        let positions = picture.grid(Self::STEP).filter(|&(x, y)| {
            let point = Point::new(x as f32, y as f32);
            let probability = mask.probability(x, y);
            let in_box = || people.frames.iter().any(|frame| frame.contains(point));
            probability <= MAX_PERSON_PROBABILITY && (probability <= MAX_PERSON_PROBABILITY_IN_BOX || !in_box())
        });
        Self { positions: positions.collect() }
    }

    /// Returns the colour cast of the light.
    pub(super) fn cast(&self, picture: &Picture) -> Cast {
        Cast::of(self.positions.iter().map(|&(x, y)| picture.srgb(x, y)))
    }

    /// Returns the background, or `None` if too little of it is visible or it is too varied.
    pub(super) fn background(&self, picture: &Picture, texture: &Texture, black_and_white: bool) -> Option<Background> {
        let surface = Surface::of(picture, texture, &self.positions, Self::STEP)?;
        let tint = surface.tint(black_and_white);
        if surface.is_plain {
            return Some(Background::Plain(tint));
        }
        outdoors(picture, &self.positions).or_else(|| tint.map(Background::Mostly))
    }
}

/// Detects plants or sky in an uneven background by colour. A black-and-white image has neither.
fn outdoors(picture: &Picture, positions: &[(usize, usize)]) -> Option<Background> {
    const GREENERY_SHARE: f32 = 0.35;
    const SKY_SHARE: f32 = 0.5;
    const MIN_SKY_PIXELS: usize = 100;
    let share = |positions: &[(usize, usize)], predicate: fn(Lab) -> bool| {
        let matching = positions.iter().filter(|&&(x, y)| predicate(picture.colour(x, y))).count();
        matching as f32 / positions.len().max(1) as f32
    };
    if share(positions, |colour| colour.a < -6.0 && colour.b > 4.0) > GREENERY_SHARE {
        return Some(Background::Greenery);
    }
    let upper: Vec<_> = positions.iter().copied().filter(|(_, y)| *y < picture.height() / 3).collect();
    let is_sky = upper.len() > MIN_SKY_PIXELS && share(&upper, is_sky_blue) > SKY_SHARE;
    is_sky.then_some(Background::SkyBlue)
}

/// Returns true for blue that is neither dark nor purple.
fn is_sky_blue(colour: Lab) -> bool {
    colour.b < -8.0 && colour.l > 45.0 && (215.0..285.0).contains(&colour.hue())
}

/// A background that is large enough to be described.
pub(super) struct Surface {
    palette: Palette,
    /// True if it is even.
    pub is_plain: bool,
}

impl Surface {
    /// Analyses a background, given every `step`th pixel of it in both directions. Returns `None` if it is too small.
    pub(super) fn of(picture: &Picture, texture: &Texture, positions: &[(usize, usize)], step: usize) -> Option<Self> {
        const MAX_PLAIN_DEVIATION: f32 = 9.0;
        const MAX_PLAIN_DETAIL: f32 = 1.6;
        if !covers_enough(picture, positions, step) {
            return None;
        }
        let colours: Vec<Lab> = positions.iter().map(|&(x, y)| picture.colour(x, y)).collect();
        let detail = texture.mean(positions.iter().copied())?;
        let is_plain = lightness_deviation(&colours) < MAX_PLAIN_DEVIATION && detail < MAX_PLAIN_DETAIL;
        Some(Self { palette: Palette::of(&colours), is_plain })
    }

    /// Returns the most frequent colour.
    pub(super) fn main_colour(&self) -> Option<Tint> {
        self.palette.main().map(|colour| Tint::Colours(vec![colour]))
    }

    /// Returns the colour of nearly all of it if it can be named without doubt, or the tone.
    fn tint(&self, black_and_white: bool) -> Option<Tint> {
        const MIN_SHARE: f32 = 0.8;
        self.palette.certain_ground(MIN_SHARE, black_and_white)
    }
}

/// Returns true if a background is large enough to be described.
fn covers_enough(picture: &Picture, positions: &[(usize, usize)], step: usize) -> bool {
    const MIN_SHARE: f32 = 0.08;
    let area = (picture.width() * picture.height()) as f32;
    positions.len() as f32 * (step * step) as f32 > MIN_SHARE * area
}

/// Returns the standard deviation of lightness.
fn lightness_deviation(colours: &[Lab]) -> f32 {
    let count = colours.len() as f32;
    let mean = colours.iter().map(|colour| colour.l).sum::<f32>() / count;
    (colours.iter().map(|colour| (colour.l - mean).powi(2)).sum::<f32>() / count).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::picture::tests::{painted, plain};

    const PERSON_FRAME: Rect = Rect::new(10.0, 10.0, 50.0, 90.0);

    fn found(class: usize, score: f32, x: f32, y: f32) -> Detection {
        Detection { class, score, frame: Rect::new(x - 5.0, y - 5.0, x + 5.0, y + 5.0) }
    }

    #[test]
    fn grey_images_are_black_and_white_and_a_coloured_region_is_not() {
        assert!(is_black_and_white(&painted(40, 40, |x, y| [(x * 3 + y) as u8; 3])));
        let red_coat = painted(40, 40, |x, _| if x < 6 { [200, 20, 20] } else { [128; 3] });
        assert!(!is_black_and_white(&red_coat));
        assert!(!is_black_and_white(&plain(1, 1, [200, 20, 20])));
    }

    #[test]
    fn accessories_are_near_the_person() {
        let (tie, handbag, car) = (27, 26, 2);
        let detections = [found(tie, 0.6, 30.0, 30.0), found(handbag, 0.5, 90.0, 50.0), found(car, 0.5, 30.0, 50.0)];
        let objects = Objects::among(&detections, PERSON_FRAME);
        assert_eq!(objects.accessories, ["tie"]);
        assert_eq!(objects.surroundings, ["handbag", "car"]);
    }

    #[test]
    fn objects_are_unique_and_at_most_three() {
        let (bench, car, dog, bus) = (13, 2, 16, 5);
        let detections = [bench, bench, car, dog, bus].map(|class| found(class, 0.9, 90.0, 90.0));
        assert_eq!(Objects::among(&detections, PERSON_FRAME).surroundings, ["bench", "car", "dog"]);
    }

    #[test]
    fn plants_and_sky_are_recognised_by_colour() {
        let everywhere = |picture: &Picture| picture.grid(1).collect::<Vec<_>>();
        let leaves = plain(40, 40, [60, 120, 40]);
        assert_eq!(outdoors(&leaves, &everywhere(&leaves)), Some(Background::Greenery));
        let sky = painted(40, 40, |_, y| if y < 20 { [120, 170, 230] } else { [150, 140, 130] });
        assert_eq!(outdoors(&sky, &everywhere(&sky)), Some(Background::SkyBlue));
        let purple_light = plain(40, 40, [150, 120, 220]);
        assert_eq!(outdoors(&purple_light, &everywhere(&purple_light)), None);
        let wall = plain(40, 40, [150, 140, 130]);
        assert_eq!(outdoors(&wall, &everywhere(&wall)), None);
    }

    #[test]
    fn a_box_in_the_centre_has_no_side() {
        let picture = plain(100, 10, [0; 3]);
        let at = |x: f32| side(&picture, Rect::new(x - 5.0, 0.0, x + 5.0, 10.0));
        assert_eq!((at(20.0), at(50.0), at(80.0)), (Some(Side::Left), None, Some(Side::Right)));
    }
}
