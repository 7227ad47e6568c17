//! Face detection with BlazeFace (short-range model).

use super::super::{
    geometry::{CropMap, Point, Rect},
    models::{ModelError, Models, Worker, sigmoid},
    picture::Picture,
};

/// The side of the network's square input, in pixels.
const SIDE: usize = 128;
/// The lowest score of a face (tuned on sample photographs).
const MIN_SCORE: f32 = 0.6;
/// Below this score, a detection can be a hood or a collar.
const CERTAIN_SCORE: f32 = 0.8;
/// The IoU from which two detections are the same face.
const SAME_FACE_IOU: f32 = 0.1;
/// Values per anchor: a box, then six unused key points.
const VALUES_PER_ANCHOR: usize = 16;
/// Cells per row and anchors per cell of the two grids (`ssd_anchors_calculator` options of the model).
const GRIDS: [(usize, usize); 2] = [(16, 2), (8, 6)];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Face {
    pub frame: Rect,
    /// True if the face needs no confirmation by a pose.
    pub is_certain: bool,
}

/// Returns the faces in `part` of the image, by descending score.
pub(super) fn find_faces(
    picture: &Picture,
    part: Rect,
    models: &Models,
    worker: &Worker,
) -> Result<Vec<Face>, ModelError> {
    let size = part.width().max(part.height());
    let [boxes, scores] = worker.run(&models.face, network_input(picture, part.centre(), size))?;
    let mut found: Vec<(usize, f32)> =
        scores.iter().map(|score| sigmoid(*score)).enumerate().filter(|(_, score)| *score >= MIN_SCORE).collect();
    found.sort_by(|a, b| b.1.total_cmp(&a.1));
    let square_corner = part.centre().minus(Point::new(size / 2.0, size / 2.0));
    let mut faces: Vec<Face> = Vec::new();
    for (index, score) in found {
        // The box is an offset from the anchor and a size, both in input pixels.
        let values = &boxes[index * VALUES_PER_ANCHOR..];
        let [x, y, width, height] = std::array::from_fn(|at| values[at] / SIDE as f32 * size);
        let centre = square_corner.plus(anchor_centre(index).times(size)).plus(Point::new(x, y));
        let frame = Rect {
            left: centre.x - width / 2.0,
            top: centre.y - height / 2.0,
            right: centre.x + width / 2.0,
            bottom: centre.y + height / 2.0,
        };
        if faces.iter().all(|face| face.frame.iou(&frame) < SAME_FACE_IOU) {
            faces.push(Face { frame, is_certain: score >= CERTAIN_SCORE });
        }
    }
    Ok(faces)
}

/// Samples a square region at twice the input size and averages 2×2 pixels, which preserves the features of small faces.
fn network_input(picture: &Picture, centre: Point, size: f32) -> Vec<f32> {
    let doubled = SIDE * 2;
    let pixels = picture.crop(CropMap::square(centre, size, 0.0, doubled), doubled);
    let mut input = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let upper = 2 * y * doubled + 2 * x;
            let lower = upper + doubled;
            let block = [pixels[upper], pixels[upper + 1], pixels[lower], pixels[lower + 1]];
            for channel in 0..3 {
                let sum: f32 = block.iter().map(|pixel| pixel[channel]).sum();
                input.push(sum / 4.0 / 127.5 - 1.0);
            }
        }
    }
    input
}

/// Returns the centre of an anchor, relative to the square (0 to 1).
fn anchor_centre(mut index: usize) -> Point {
    for (per_row, each) in GRIDS {
        let count = per_row * per_row * each;
        if index < count {
            let cell = index / each;
            let share = |position: usize| (position as f32 + 0.5) / per_row as f32;
            return Point::new(share(cell % per_row), share(cell / per_row));
        }
        index -= count;
    }
    // Unreachable: the network has exactly as many outputs as there are anchors.
    Point::new(0.5, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anchors_are_numbered_row_by_row_through_both_grids() {
        assert_eq!(anchor_centre(0), Point::new(0.5 / 16.0, 0.5 / 16.0));
        assert_eq!(anchor_centre(1), anchor_centre(0));
        assert_eq!(anchor_centre(2), Point::new(1.5 / 16.0, 0.5 / 16.0));
        assert_eq!(anchor_centre(32), Point::new(0.5 / 16.0, 1.5 / 16.0));
        assert_eq!(anchor_centre(512), Point::new(0.5 / 8.0, 0.5 / 8.0));
        assert_eq!(anchor_centre(895), Point::new(7.5 / 8.0, 7.5 / 8.0));
    }
}
