//! Object detection with NanoDet (80 COCO classes).

use super::super::{
    geometry::{Point, Rect},
    models::{ModelError, Models, Worker},
    picture::Picture,
};

/// The side of the network's square input, in pixels.
const SIDE: usize = 416;
/// Mean and standard deviation of blue, green and red in the training data (NanoDet's configuration).
const MEAN: [f32; 3] = [103.53, 116.28, 123.675];
const DEVIATION: [f32; 3] = [57.375, 57.12, 58.395];
/// Input pixels per cell of the three grids.
const STRIDES: [usize; 3] = [8, 16, 32];
const CLASSES: usize = 80;
/// The distance of each box edge from the cell centre is a distribution over this many bins of one stride.
const EDGE_BINS: usize = 11;
const MIN_SCORE: f32 = 0.2;
/// The IoU threshold of non-maximum suppression.
const MAX_IOU: f32 = 0.5;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(in super::super) struct Detection {
    /// The index among the COCO classes.
    pub class: usize,
    /// From 0 to 1.
    pub score: f32,
    pub frame: Rect,
}

impl Detection {
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

/// Returns the objects in an image, by descending score.
pub(in super::super) fn detect(
    picture: &Picture,
    models: &Models,
    worker: &Worker,
) -> Result<Vec<Detection>, ModelError> {
    let outputs = worker.run(&models.detector, network_input(picture))?;
    let (scores, edges) = outputs.split_at(STRIDES.len());
    let to_picture = Point::new(picture.width() as f32 / SIDE as f32, picture.height() as f32 / SIDE as f32);
    let mut detections = Vec::new();
    for ((stride, scores), edges) in STRIDES.into_iter().zip(scores).zip(edges) {
        let per_row = SIDE / stride;
        let cells = scores.chunks_exact(CLASSES).zip(edges.chunks_exact(4 * EDGE_BINS));
        for (cell, (scores, edges)) in cells.enumerate() {
            for (class, &score) in scores.iter().enumerate().filter(|(_, score)| **score > MIN_SCORE) {
                let centre = Point::new((cell % per_row) as f32 + 0.5, (cell / per_row) as f32 + 0.5);
                let frame = box_of(centre, edges, stride as f32, to_picture);
                detections.push(Detection { class, score, frame });
            }
        }
    }
    Ok(non_maximum_suppression(detections))
}

/// Returns the normalised image, squeezed into a square, as blue, green and red planes.
fn network_input(picture: &Picture) -> Vec<f32> {
    let pixels = picture.squeezed(SIDE as u32);
    let mut planes = Vec::with_capacity(pixels.len() * 3);
    for (plane, (mean, deviation)) in MEAN.into_iter().zip(DEVIATION).enumerate() {
        planes.extend(pixels.iter().map(|pixel| (pixel[2 - plane] - mean) / deviation));
    }
    planes
}

/// Decodes the box of a cell. `centre` is in cells.
fn box_of(centre: Point, edges: &[f32], stride: f32, to_picture: Point) -> Rect {
    let mut distances = [0.0; 4];
    for (distance, bins) in distances.iter_mut().zip(edges.chunks_exact(EDGE_BINS)) {
        *distance = expectation(bins);
    }
    let [left, top, right, bottom] = distances;
    let (column, row) = (stride * to_picture.x, stride * to_picture.y);
    Rect {
        left: (centre.x - left) * column,
        top: (centre.y - top) * row,
        right: (centre.x + right) * column,
        bottom: (centre.y + bottom) * row,
    }
}

/// Returns the expected value of the softmax distribution of logits.
fn expectation(logits: &[f32]) -> f32 {
    let max = logits.iter().copied().fold(f32::MIN, f32::max);
    let (mut weighted, mut total) = (0.0, 0.0);
    for (bin, logit) in logits.iter().enumerate() {
        let weight = (logit - max).exp();
        weighted += bin as f32 * weight;
        total += weight;
    }
    weighted / total
}

/// Keeps the box with the highest score among overlapping boxes of one class.
fn non_maximum_suppression(mut detections: Vec<Detection>) -> Vec<Detection> {
    detections.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Detection> = Vec::new();
    for candidate in detections {
        let is_suppressed_by =
            |other: &Detection| other.class == candidate.class && other.frame.iou(&candidate.frame) > MAX_IOU;
        if !kept.iter().any(is_suppressed_by) {
            kept.push(candidate);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expectation_of_one_dominant_bin_and_of_a_uniform_distribution() {
        let mut logits = [-50.0; EDGE_BINS];
        logits[4] = 10.0;
        assert!((expectation(&logits) - 4.0).abs() < 1e-4);
        assert!((expectation(&[0.0; EDGE_BINS]) - 5.0).abs() < 1e-4, "uniform");
    }

    #[test]
    fn boxes_are_decoded_from_edge_distances() {
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
    fn suppression_keeps_the_highest_score() {
        let frame = Rect::new(0.0, 0.0, 10.0, 10.0);
        let weak = Detection { class: 0, score: 0.5, frame };
        let strong = Detection { score: 0.9, ..weak };
        let other_class = Detection { class: 1, ..weak };
        let elsewhere = Detection { frame: Rect::new(20.0, 20.0, 30.0, 30.0), ..weak };
        assert_eq!(
            non_maximum_suppression(vec![weak, strong, other_class, elsewhere]),
            [strong, other_class, elsewhere]
        );
    }
}
