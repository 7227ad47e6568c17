//! Finds the objects in a picture, people among them, with a box for each (NanoDet on the 80 classes of COCO).

use super::super::{
    geometry::{Point, Rect},
    models::{ModelError, Models, Worker},
    picture::Picture,
};

/// The side of the square the network looks at, in pixels.
const SIDE: usize = 416;
/// Mean and deviation of blue, green and red in the network's training pictures (NanoDet's configuration).
const MEAN: [f32; 3] = [103.53, 116.28, 123.675];
const DEVIATION: [f32; 3] = [57.375, 57.12, 58.395];
/// Picture pixels per cell of the three grids.
const STRIDES: [usize; 3] = [8, 16, 32];
/// The classes of COCO.
const CLASSES: usize = 80;
/// Each edge of a box is a distribution over this many distances from the cell's middle, in strides.
const EDGE_BINS: usize = 11;
/// What scores less is not looked at.
const LEAST_SCORE: f32 = 0.35;
/// Boxes of one class that overlap more than this are the same object.
const SAME_OBJECT_OVERLAP: f32 = 0.5;

/// One object in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Detection {
    pub class: usize,
    /// How sure the network is, 0–1.
    pub score: f32,
    pub frame: Rect,
}

impl Detection {
    /// The class of people.
    const PERSON: usize = 0;
    /// Bird to giraffe.
    const ANIMALS: std::ops::Range<usize> = 14..24;

    pub(super) fn is_person(&self) -> bool {
        self.class == Self::PERSON
    }

    pub(super) fn is_animal(&self) -> bool {
        Self::ANIMALS.contains(&self.class)
    }
}

/// The objects in a picture, the surest first.
pub(in super::super) fn detect(
    picture: &Picture,
    models: &Models,
    worker: &Worker,
) -> Result<Vec<Detection>, ModelError> {
    let outputs = worker.run(&models.detector, network_input(picture))?;
    let (scores, edges) = outputs.split_at(STRIDES.len());
    let to_picture = Point::new(picture.width() as f32 / SIDE as f32, picture.height() as f32 / SIDE as f32);
    let mut found = Vec::new();
    for ((stride, scores), edges) in STRIDES.into_iter().zip(scores).zip(edges) {
        let per_row = SIDE / stride;
        let cells = scores.chunks_exact(CLASSES).zip(edges.chunks_exact(4 * EDGE_BINS));
        for (cell, (scores, edges)) in cells.enumerate() {
            for (class, &score) in scores.iter().enumerate().filter(|(_, score)| **score > LEAST_SCORE) {
                let middle = Point::new((cell % per_row) as f32 + 0.5, (cell / per_row) as f32 + 0.5);
                let frame = box_of(middle, edges, stride as f32, to_picture);
                found.push(Detection { class, score, frame });
            }
        }
    }
    Ok(without_repeats(found))
}

/// The squeezed picture as three planes: blue, green, red.
fn network_input(picture: &Picture) -> Vec<f32> {
    let pixels = picture.squeezed(SIDE as u32);
    let mut planes = Vec::with_capacity(pixels.len() * 3);
    for (plane, (mean, deviation)) in MEAN.into_iter().zip(DEVIATION).enumerate() {
        planes.extend(pixels.iter().map(|pixel| (pixel[2 - plane] - mean) / deviation));
    }
    planes
}

/// The box of a cell, whose middle is given in cells.
fn box_of(middle: Point, edges: &[f32], stride: f32, to_picture: Point) -> Rect {
    let mut distances = [0.0; 4];
    for (distance, bins) in distances.iter_mut().zip(edges.chunks_exact(EDGE_BINS)) {
        *distance = expected_bin(bins);
    }
    let [left, top, right, bottom] = distances;
    let (column, row) = (stride * to_picture.x, stride * to_picture.y);
    Rect {
        left: (middle.x - left) * column,
        top: (middle.y - top) * row,
        right: (middle.x + right) * column,
        bottom: (middle.y + bottom) * row,
    }
}

/// The mean of a distribution given as unnormalised logarithms.
fn expected_bin(logarithms: &[f32]) -> f32 {
    let highest = logarithms.iter().copied().fold(f32::MIN, f32::max);
    let (mut weighted, mut total) = (0.0, 0.0);
    for (bin, logarithm) in logarithms.iter().enumerate() {
        let weight = (logarithm - highest).exp();
        weighted += bin as f32 * weight;
        total += weight;
    }
    weighted / total
}

/// Keeps the surest of the boxes that show the same object.
fn without_repeats(mut found: Vec<Detection>) -> Vec<Detection> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in found {
        let repeats = |other: &Detection| {
            other.class == candidate.class && other.frame.overlap(&candidate.frame) > SAME_OBJECT_OVERLAP
        };
        if !kept.iter().any(repeats) {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certain_distribution_has_its_bin_as_mean() {
        let mut logarithms = [-50.0; EDGE_BINS];
        logarithms[4] = 10.0;
        assert!((expected_bin(&logarithms) - 4.0).abs() < 1e-4);
        assert!((expected_bin(&[0.0; EDGE_BINS]) - 5.0).abs() < 1e-4, "all alike: the middle");
    }

    #[test]
    fn a_box_reaches_as_far_as_its_distances() {
        let mut edges = [-50.0; 4 * EDGE_BINS];
        for (edge, distance) in [1, 2, 3, 4].into_iter().enumerate() {
            edges[edge * EDGE_BINS + distance] = 10.0;
        }
        let frame = box_of(Point::new(10.0, 10.0), &edges, 8.0, Point::new(1.0, 0.5));
        let expected = Rect::new(72.0, 32.0, 104.0, 56.0);
        assert!((frame.left - expected.left).abs() < 0.01 && (frame.top - expected.top).abs() < 0.01, "{frame:?}");
        assert!((frame.right - expected.right).abs() < 0.01 && (frame.bottom - expected.bottom).abs() < 0.01);
    }

    #[test]
    fn the_surest_box_of_an_object_is_kept() {
        let frame = Rect::new(0.0, 0.0, 10.0, 10.0);
        let weak = Detection { class: 0, score: 0.5, frame };
        let sure = Detection { score: 0.9, ..weak };
        let other_class = Detection { class: 1, ..weak };
        let elsewhere = Detection { frame: Rect::new(20.0, 20.0, 30.0, 30.0), ..weak };
        assert_eq!(without_repeats(vec![weak, sure, other_class, elsewhere]), [sure, other_class, elsewhere]);
    }
}
