//! Recognises a garment in a picture without people (a flat-lay, a garment on a hanger, a product shot), and separates it from
//! its ground.

use super::{
    colour::{Cast, Cluster, ColourName, Lab, Palette, clusters, nearest},
    models::{ModelError, Models, Worker},
    observations::{Background, GarmentKind, GarmentObservations, Tint},
    picture::Picture,
    scene::Surface,
    texture::Texture,
};

/// The side of the network's square input, in pixels.
const SIDE: u32 = 224;
/// The classes of the network, in the order of its outputs.
pub(super) const CLASSES: usize = KINDS.len();
const KINDS: [GarmentKind; 10] = [
    GarmentKind::Dress,
    GarmentKind::Hat,
    GarmentKind::LongSleevedTop,
    GarmentKind::Outerwear,
    GarmentKind::Trousers,
    GarmentKind::Shirt,
    GarmentKind::Shoes,
    GarmentKind::Shorts,
    GarmentKind::Skirt,
    GarmentKind::TShirt,
];
/// The lowest cosine similarity to the mean of a class. 99 % of garments are above it, other pictures below: cats, coffee,
/// text and the moon at most 0.47, people up to 0.52.
const MIN_SIMILARITY: f32 = 0.53;
/// The same in a picture in which a person was detected, but not confirmed by a face. Without a head, people reach 0.55.
const MIN_SIMILARITY_OVER_PERSON: f32 = 0.6;
/// The lowest probability of a kind that is named. Above it, 96 % of the names are right.
const MIN_PROBABILITY: f32 = 0.6;
/// Below this probability, a kind of top is only called a top. Of 372 photographs, 1.6 % get the name of another kind of top
/// from 0.6 on, and 0.5 % from here on.
const MIN_CERTAIN_TOP: f32 = 0.75;

/// The lowest probability of all kinds of tops together.
const MIN_ANY_TOP: f32 = 0.6;

/// Returns the kind of the garment in the picture, or `None` if there is none or it is uncertain. The network sees the picture
/// and its mirror image, because a wrong kind is often less certain in one of them. It was not trained on people: if there may
/// be one, it must be surer.
pub(super) fn find(
    picture: &Picture,
    may_show_person: bool,
    models: &Models,
    worker: &Worker,
) -> Result<Option<GarmentKind>, ModelError> {
    let mut pixels = picture.squeezed(SIDE);
    let [probabilities, similarities] = worker.run(&models.garment, network_input(&pixels))?;
    pixels.chunks_mut(SIDE as usize).for_each(<[_]>::reverse);
    let mirrored = worker.run(&models.garment, network_input(&pixels))?;
    let mean = |values: &[f32], others: &[f32]| values.iter().zip(others).map(|(a, b)| f32::midpoint(*a, *b)).collect();
    let [probabilities, similarities]: [Vec<f32>; 2] =
        [mean(&probabilities, &mirrored[0]), mean(&similarities, &mirrored[1])];
    let least = if may_show_person { MIN_SIMILARITY_OVER_PERSON } else { MIN_SIMILARITY };
    let similarity = similarities.iter().copied().fold(f32::MIN, f32::max);
    Ok(kind(&probabilities).filter(|_| similarity >= least))
}

/// Returns the pixels as planes of red, green and blue.
fn network_input(pixels: &[[f32; 3]]) -> Vec<f32> {
    (0..3).flat_map(|channel| pixels.iter().map(move |pixel| (pixel[channel] - 127.0) / 128.0)).collect()
}

fn kind(probabilities: &[f32]) -> Option<GarmentKind> {
    let mut ranked: Vec<(GarmentKind, f32)> = KINDS.into_iter().zip(probabilities.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [(best, probability), ..] = ranked[..] else { return None };
    let top: f32 = ranked.iter().filter(|(kind, _)| kind.is_top()).map(|(_, probability)| probability).sum();
    if best.is_top() && probability < MIN_CERTAIN_TOP {
        return (top >= MIN_ANY_TOP).then_some(GarmentKind::Top);
    }
    (probability >= MIN_PROBABILITY).then_some(best)
}

/// The appearance of a garment, and of the ground if that is plain.
pub(super) fn appearance(
    picture: &Picture,
    texture: &Texture,
    kind: GarmentKind,
    black_and_white: bool,
) -> (GarmentObservations, Option<Background>) {
    /// The mean detail from which cloth is patterned rather than folded or ribbed.
    const MIN_PATTERNED_DETAIL: f32 = 6.5;
    let step = (picture.longest_side() / SAMPLES_PER_SIDE).max(1);
    let parts = Parts::of(picture, step);
    let detail = texture.mean(parts.garment.iter().copied()).filter(|_| parts.stands_out);
    let tint = parts.tint(picture, black_and_white);
    let is_certain = parts.stands_out && matches!(parts.ground_tint(picture), Some(Tint::Colours(_)));
    let background = Surface::of(picture, texture, &parts.ground, step)
        .filter(|surface| is_certain && surface.is_plain)
        .map(|surface| Background::Plain(surface.main_colour()));
    let patterned = detail.is_some_and(|detail| detail > MIN_PATTERNED_DETAIL);
    (GarmentObservations { kind, tint, patterned }, background)
}

/// The number of samples along the longest side.
const SAMPLES_PER_SIDE: usize = 110;

/// The garment and its ground, at every `step`th pixel. Colours that are more frequent in the centre than at the edge are the
/// garment's.
struct Parts {
    /// Near the centre.
    garment: Vec<(usize, usize)>,
    ground: Vec<(usize, usize)>,
    /// True if the garment covers enough of the centre to be told from the ground.
    stands_out: bool,
}

impl Parts {
    fn of(picture: &Picture, step: usize) -> Self {
        const CLUSTERS: usize = 8;
        /// Shadows and folds change lightness more than hue.
        const LIGHTNESS_WEIGHT: f32 = 0.6;
        const MIN_RATIO: f32 = 2.0;
        /// Added to both shares, so that a rare colour is not decided by a few pixels.
        const RARE: f32 = 0.005;
        const MIN_COVER: f32 = 0.3;

        let positions: Vec<(usize, usize)> = picture.grid(step).collect();
        let weighted = |colour: Lab| Lab { l: LIGHTNESS_WEIGHT * colour.l, ..colour };
        let colours: Vec<Lab> = picture.exposed(&positions).into_iter().map(weighted).collect();
        let centres: Vec<Lab> = clusters(&colours, CLUSTERS).into_iter().map(|cluster| cluster.centre).collect();
        let members: Vec<usize> = colours.iter().map(|colour| nearest(centres.iter().copied(), *colour)).collect();
        let mut centre = vec![0.0_f32; centres.len()];
        let mut edge = vec![0.0_f32; centres.len()];
        for (&(x, y), &member) in positions.iter().zip(&members) {
            centre[member] += centrality(picture, x, y);
            edge[member] += f32::from(u8::from(is_at_edge(picture, x, y)));
        }
        let share = |weights: &[f32], member: usize| weights[member] / weights.iter().sum::<f32>().max(f32::EPSILON);
        let is_garment: Vec<bool> = (0..centres.len())
            .map(|member| (share(&centre, member) + RARE) / (share(&edge, member) + RARE) > MIN_RATIO)
            .collect();
        let cover: f32 =
            (0..centres.len()).filter(|member| is_garment[*member]).map(|member| share(&centre, member)).sum();
        let (mut garment, mut ground) = (Vec::new(), Vec::new());
        for (&(x, y), &member) in positions.iter().zip(&members) {
            match is_garment[member] {
                true if centrality(picture, x, y) > 0.0 => garment.push((x, y)),
                true => {}
                false => ground.push((x, y)),
            }
        }
        Self { garment, ground, stands_out: cover >= MIN_COVER }
    }

    fn ground_tint(&self, picture: &Picture) -> Option<Tint> {
        let colours: Vec<Lab> = self.ground.iter().map(|&(x, y)| picture.colour(x, y)).collect();
        Palette::of(&colours).certain(0.0, 1.0, Cast::default())
    }

    fn tint(&self, picture: &Picture, black_and_white: bool) -> Option<Tint> {
        const CLUSTERS: usize = 5;
        const MIN_MAIN_SHARE: f32 = 0.5;
        const MIN_OTHER_SHARE: f32 = 0.25;
        if !self.stands_out {
            return None;
        }
        let all: Vec<(usize, usize)> = self.garment.iter().chain(&self.ground).copied().collect();
        // The garment's colours, relative to the brightest of the picture.
        let mut colours = picture.exposed(&all);
        colours.truncate(self.garment.len());
        if black_and_white {
            return Tint::of(&Palette::of(&colours), 0.0, true);
        }
        if let Some(contrast) = black_and_white_cloth(&colours) {
            return Some(contrast);
        }
        let clusters: Vec<Cluster> = clusters(&colours, CLUSTERS);
        Palette::of_clusters(&clusters).certain(MIN_MAIN_SHARE, MIN_OTHER_SHARE, Cast::default())
    }
}

/// Returns "black and white" for cloth of both, which on average is grey.
fn black_and_white_cloth(colours: &[Lab]) -> Option<Tint> {
    const MAX_CHROMA: f32 = 12.0;
    const MIN_NEUTRAL: f32 = 0.75;
    const MIN_EACH: f32 = 0.22;
    let share = |predicate: fn(&Lab) -> bool| {
        colours.iter().filter(|colour| predicate(colour)).count() as f32 / colours.len().max(1) as f32
    };
    let (dark, light) = (share(|colour| colour.l < 38.0), share(|colour| colour.l > 62.0));
    let is_contrast = share(|colour| colour.chroma() < MAX_CHROMA) > MIN_NEUTRAL && dark > MIN_EACH && light > MIN_EACH;
    let colours =
        if dark > light { [ColourName::Black, ColourName::White] } else { [ColourName::White, ColourName::Black] };
    is_contrast.then(|| Tint::Colours(colours.to_vec()))
}

/// Returns a weight from 0 (far from the centre) to 1.
fn centrality(picture: &Picture, x: usize, y: usize) -> f32 {
    const OUTER: f32 = 0.75;
    const FADE: f32 = 0.35;
    let offset = |position: usize, size: usize| ((position as f32 + 0.5) / size as f32 - 0.5) * 2.0;
    let radius = offset(x, picture.width()).hypot(offset(y, picture.height()));
    ((OUTER - radius) / FADE).clamp(0.0, 1.0)
}

fn is_at_edge(picture: &Picture, x: usize, y: usize) -> bool {
    const MARGIN: f32 = 0.07;
    let place = |position: usize, size: usize| (position as f32 + 0.5) / size as f32;
    let (x, y) = (place(x, picture.width()), place(y, picture.height()));
    x.min(1.0 - x).min(y).min(1.0 - y) < MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::{colour::Tone, picture::tests::painted};

    fn seen(picture: &Picture) -> (GarmentObservations, Option<Background>) {
        appearance(picture, &Texture::of(picture), GarmentKind::Skirt, false)
    }

    #[test]
    fn a_garment_is_separated_from_a_plain_ground() {
        let picture = painted(80, 100, |x, y| {
            if (20..60).contains(&x) && (25..75).contains(&y) { [190, 20, 30] } else { [240, 240, 236] }
        });
        let (garment, background) = seen(&picture);
        assert_eq!(garment.tint, Some(Tint::Colours(vec![ColourName::Red])));
        assert!(!garment.patterned);
        assert_eq!(background, Some(Background::Plain(Some(Tint::Colours(vec![ColourName::White])))));
    }

    #[test]
    fn a_striped_garment_is_patterned() {
        let picture = painted(80, 100, |x, y| {
            let inside = (20..60).contains(&x) && (25..75).contains(&y);
            match (inside, y % 6 < 3) {
                (false, _) => [200, 60, 60],
                (true, true) => [20, 20, 20],
                (true, false) => [235, 235, 235],
            }
        });
        let (garment, _) = seen(&picture);
        assert!(garment.patterned);
        let Some(Tint::Colours(colours)) = &garment.tint else { panic!("{garment:?}") };
        assert!(colours.contains(&ColourName::Black) && colours.contains(&ColourName::White), "{colours:?}");
    }

    #[test]
    fn a_garment_of_the_colour_of_its_ground_has_no_colour() {
        let (garment, background) = seen(&painted(50, 50, |_, _| [30, 60, 200]));
        assert_eq!((garment.tint, garment.patterned, background), (None, false, None));
    }

    #[test]
    fn doubtful_colours_are_left_out() {
        let cloth =
            |rgb: [u8; 3]| {
                let picture = painted(80, 100, move |x, y| {
                    if (15..65).contains(&x) && (20..80).contains(&y) { rgb } else { [250, 250, 250] }
                });
                seen(&picture).0.tint
            };
        assert_eq!(cloth([70, 120, 60]), Some(Tint::Colours(vec![ColourName::Green])));
        assert_eq!(cloth([58, 60, 72]), Some(Tint::Tone(Tone::Dark)), "bluish grey or navy");
        assert_eq!(cloth([150, 150, 162]), None, "grey or grey-blue");
    }

    /// Returns probabilities with the given values of some kinds and `rest` for the others.
    fn values(rest: f32, given: &[(GarmentKind, f32)]) -> Vec<f32> {
        let value = |kind| given.iter().find(|(other, _)| *other == kind).map_or(rest, |(_, value)| *value);
        KINDS.into_iter().map(value).collect()
    }

    #[test]
    fn a_certain_kind_is_named() {
        let certain = values(0.01, &[(GarmentKind::Skirt, 0.9)]);
        assert_eq!(kind(&certain), Some(GarmentKind::Skirt));
        let uncertain = values(0.01, &[(GarmentKind::Skirt, 0.5), (GarmentKind::Dress, 0.4)]);
        assert_eq!(kind(&uncertain), None);
    }

    #[test]
    fn tops_that_are_confused_with_each_other_are_tops() {
        let confused = values(0.01, &[(GarmentKind::Shirt, 0.45), (GarmentKind::TShirt, 0.4)]);
        assert_eq!(kind(&confused), Some(GarmentKind::Top));
        let with_another = values(0.01, &[(GarmentKind::Shirt, 0.45), (GarmentKind::Dress, 0.4)]);
        assert_eq!(kind(&with_another), None);
        let certain = values(0.01, &[(GarmentKind::Shirt, 0.8), (GarmentKind::TShirt, 0.1)]);
        assert_eq!(kind(&certain), Some(GarmentKind::Shirt));
    }
}
