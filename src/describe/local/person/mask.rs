//! Tells which pixels belong to people (MediaPipe's selfie segmentation).

use super::super::{
    geometry::{Point, Rect, Region},
    models::{ModelError, Models, Worker},
    picture::Picture,
};

/// The side of the square the network looks at and answers with, in pixels.
const SIDE: usize = 256;
/// More likely than this, a pixel belongs to a person.
const PERSON: f32 = 0.5;
/// The share of a person's box that the mask must cover to be relied upon.
const LEAST_COVER: f32 = 0.15;
/// Checking the cover, every so many columns and rows are enough.
const COVER_STEP: usize = 4;

/// How likely each pixel belongs to a person.
pub(in super::super) struct PersonMask {
    likelihoods: Vec<f32>,
    width: usize,
    height: usize,
}

impl PersonMask {
    pub(in super::super) fn of(picture: &Picture, models: &Models, worker: &Worker) -> Result<Self, ModelError> {
        let input =
            picture.squeezed(SIDE as u32).into_iter().flat_map(|pixel| pixel.map(|value| value / 255.0)).collect();
        let [likelihoods] = worker.run(&models.mask, input)?;
        Ok(Self { likelihoods, width: picture.width(), height: picture.height() })
    }

    /// How likely the pixel, which must be inside the picture, belongs to a person, 0–1.
    pub(in super::super) fn likelihood(&self, x: usize, y: usize) -> f32 {
        self.likelihoods[(y * SIDE / self.height) * SIDE + x * SIDE / self.width]
    }
}

/// The pixels of one person: those of the mask inside the person's box, or the whole box where the mask fails.
pub(in super::super) struct Silhouette<'a> {
    mask: &'a PersonMask,
    frame: Rect,
    mask_is_reliable: bool,
}

impl<'a> Silhouette<'a> {
    pub(super) fn new(picture: &Picture, mask: &'a PersonMask, frame: Rect) -> Self {
        let in_frame = |x: usize, y: usize| frame.contains(Point::new(x as f32, y as f32));
        let covered =
            picture.grid(COVER_STEP).filter(|&(x, y)| in_frame(x, y) && mask.likelihood(x, y) > PERSON).count();
        let covered_area = (covered * COVER_STEP * COVER_STEP) as f32;
        Self { mask, frame, mask_is_reliable: covered_area > LEAST_COVER * frame.area() }
    }

    pub(in super::super) fn contains(&self, x: usize, y: usize) -> bool {
        self.frame.contains(Point::new(x as f32, y as f32))
            && (!self.mask_is_reliable || self.mask.likelihood(x, y) > PERSON)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::local::picture::tests::plain;

    fn mask(likelihood: impl Fn(usize) -> f32) -> PersonMask {
        PersonMask { likelihoods: (0..SIDE * SIDE).map(likelihood).collect(), width: 64, height: 32 }
    }

    #[test]
    fn the_mask_is_stretched_over_the_picture() {
        let left_half = mask(|index| if index % SIDE < SIDE / 2 { 1.0 } else { 0.0 });
        assert!(left_half.likelihood(31, 31) > 0.9);
        assert!(left_half.likelihood(32, 0) < 0.1);
        assert!(left_half.likelihood(63, 31) < 0.1);
    }

    #[test]
    fn a_mask_that_misses_the_person_is_not_relied_upon() {
        let picture = plain(64, 32, [0; 3]);
        let nothing = mask(|_| 0.0);
        let silhouette = Silhouette::new(&picture, &nothing, Rect::new(10.0, 5.0, 30.0, 25.0));
        assert!(silhouette.contains(20, 15));
        assert!(!silhouette.contains(40, 15));
    }

    #[test]
    fn a_good_mask_cuts_the_person_out_of_the_box() {
        let picture = plain(64, 32, [0; 3]);
        let left_half = mask(|index| if index % SIDE < SIDE / 2 { 1.0 } else { 0.0 });
        let silhouette = Silhouette::new(&picture, &left_half, Rect::new(0.0, 0.0, 64.0, 32.0));
        assert!(silhouette.contains(10, 10) && !silhouette.contains(50, 10));
    }
}
