//! Person segmentation with MediaPipe's selfie segmentation model.

use super::super::{
    geometry::{Point, Rect, Region},
    models::{ModelError, Models, Worker},
    picture::Picture,
};

/// The side of the network's square input and output, in pixels.
const SIDE: usize = 256;
/// The probability above which a pixel belongs to a person.
const THRESHOLD: f32 = 0.5;
/// The share of a person's box that the mask must cover to be reliable.
const MIN_COVER: f32 = 0.15;
/// Coverage is estimated from every fourth column and row.
const COVER_STEP: usize = 4;

/// The probability of each pixel to belong to a person.
pub(in super::super) struct PersonMask {
    probabilities: Vec<f32>,
    width: usize,
    height: usize,
}

impl PersonMask {
    pub(in super::super) fn of(picture: &Picture, models: &Models, worker: &Worker) -> Result<Self, ModelError> {
        let input =
            picture.squeezed(SIDE as u32).into_iter().flat_map(|pixel| pixel.map(|value| value / 255.0)).collect();
        let [probabilities] = worker.run(&models.mask, input)?;
        Ok(Self { probabilities, width: picture.width(), height: picture.height() })
    }

    /// Returns the probability (0 to 1) that a pixel belongs to a person. The pixel must be inside the image.
    pub(in super::super) fn probability(&self, x: usize, y: usize) -> f32 {
        self.probabilities[(y * SIDE / self.height) * SIDE + x * SIDE / self.width]
    }
}

/// The pixels of one person: the mask inside the person's box, or the whole box if the mask is unreliable.
pub(in super::super) struct Silhouette<'a> {
    mask: &'a PersonMask,
    frame: Rect,
    mask_is_reliable: bool,
}

impl<'a> Silhouette<'a> {
    pub(super) fn new(picture: &Picture, mask: &'a PersonMask, frame: Rect) -> Self {
        let in_frame = |x: usize, y: usize| frame.contains(Point::new(x as f32, y as f32));
        let covered =
            picture.grid(COVER_STEP).filter(|&(x, y)| in_frame(x, y) && mask.probability(x, y) > THRESHOLD).count();
        let covered_area = (covered * COVER_STEP * COVER_STEP) as f32;
        Self { mask, frame, mask_is_reliable: covered_area > MIN_COVER * frame.area() }
    }

    pub(in super::super) fn contains(&self, x: usize, y: usize) -> bool {
        self.frame.contains(Point::new(x as f32, y as f32))
            && (!self.mask_is_reliable || self.mask.probability(x, y) > THRESHOLD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::picture::tests::plain;

    fn mask(probability: impl Fn(usize) -> f32) -> PersonMask {
        PersonMask { probabilities: (0..SIDE * SIDE).map(probability).collect(), width: 64, height: 32 }
    }

    #[test]
    fn the_mask_is_scaled_to_the_image() {
        let left_half = mask(|index| if index % SIDE < SIDE / 2 { 1.0 } else { 0.0 });
        assert!(left_half.probability(31, 31) > 0.9);
        assert!(left_half.probability(32, 0) < 0.1);
        assert!(left_half.probability(63, 31) < 0.1);
    }

    #[test]
    fn an_unreliable_mask_is_ignored() {
        let picture = plain(64, 32, [0; 3]);
        let nothing = mask(|_| 0.0);
        let silhouette = Silhouette::new(&picture, &nothing, Rect::new(10.0, 5.0, 30.0, 25.0));
        assert!(silhouette.contains(20, 15));
        assert!(!silhouette.contains(40, 15));
    }

    #[test]
    fn a_reliable_mask_separates_the_person_from_the_box() {
        let picture = plain(64, 32, [0; 3]);
        let left_half = mask(|index| if index % SIDE < SIDE / 2 { 1.0 } else { 0.0 });
        let silhouette = Silhouette::new(&picture, &left_half, Rect::new(0.0, 0.0, 64.0, 32.0));
        assert!(silhouette.contains(10, 10) && !silhouette.contains(50, 10));
    }
}
