//! Recognises a garment in a picture without people: a flat-lay, a garment on a hanger, a product shot.

use super::{
    models::{ModelError, Models, Worker},
    observations::GarmentKind,
    picture::Picture,
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
/// The lowest probability of a kind that is named. Above it, 96 % of the names are right.
const MIN_PROBABILITY: f32 = 0.6;
/// Below this probability, a kind of top that is confused with another kind of top is only called a top.
const MIN_CERTAIN_TOP: f32 = 0.75;

/// Returns the kind of the garment in the picture, or `None` if there is none or it is uncertain. Only for pictures without
/// people: the network was not trained on them.
pub(super) fn find(picture: &Picture, models: &Models, worker: &Worker) -> Result<Option<GarmentKind>, ModelError> {
    let [probabilities, similarities] = worker.run(&models.garment, network_input(picture))?;
    Ok(kind(&probabilities, &similarities))
}

/// Returns the pixels as planes of red, green and blue.
fn network_input(picture: &Picture) -> Vec<f32> {
    let pixels = picture.squeezed(SIDE);
    (0..3).flat_map(|channel| pixels.iter().map(move |pixel| (pixel[channel] - 127.0) / 128.0)).collect()
}

fn kind(probabilities: &[f32], similarities: &[f32]) -> Option<GarmentKind> {
    if similarities.iter().copied().fold(f32::MIN, f32::max) < MIN_SIMILARITY {
        return None;
    }
    let mut ranked: Vec<(GarmentKind, f32)> = KINDS.into_iter().zip(probabilities.iter().copied()).collect();
    ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
    let [(best, probability), (second, _), ..] = ranked[..] else { return None };
    let top: f32 = ranked.iter().filter(|(kind, _)| kind.is_top()).map(|(_, probability)| probability).sum();
    if best.is_top() && second.is_top() && probability < MIN_CERTAIN_TOP {
        return (top >= MIN_PROBABILITY).then_some(GarmentKind::Top);
    }
    (probability >= MIN_PROBABILITY).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns probabilities or similarities with the given values of some kinds and `rest` for the others.
    fn values(rest: f32, given: &[(GarmentKind, f32)]) -> Vec<f32> {
        let value = |kind| given.iter().find(|(other, _)| *other == kind).map_or(rest, |(_, value)| *value);
        KINDS.into_iter().map(value).collect()
    }

    #[test]
    fn a_certain_kind_is_named() {
        let similar = values(0.2, &[(GarmentKind::Skirt, 0.7)]);
        let certain = values(0.01, &[(GarmentKind::Skirt, 0.9)]);
        assert_eq!(kind(&certain, &similar), Some(GarmentKind::Skirt));
        assert_eq!(kind(&certain, &values(0.5, &[])), None, "unlike any garment");
        let uncertain = values(0.01, &[(GarmentKind::Skirt, 0.5), (GarmentKind::Dress, 0.4)]);
        assert_eq!(kind(&uncertain, &similar), None);
    }

    #[test]
    fn tops_that_are_confused_with_each_other_are_tops() {
        let similar = values(0.7, &[]);
        let confused = values(0.01, &[(GarmentKind::Shirt, 0.45), (GarmentKind::TShirt, 0.4)]);
        assert_eq!(kind(&confused, &similar), Some(GarmentKind::Top));
        let with_another = values(0.01, &[(GarmentKind::Shirt, 0.45), (GarmentKind::Dress, 0.4)]);
        assert_eq!(kind(&with_another, &similar), None);
        let certain = values(0.01, &[(GarmentKind::Shirt, 0.8), (GarmentKind::TShirt, 0.1)]);
        assert_eq!(kind(&certain, &similar), Some(GarmentKind::Shirt));
    }
}
