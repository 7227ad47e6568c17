//! Finds one face in a part of a picture (BlazeFace, the short-range model).

use super::super::{
    geometry::{CropMap, Point, Rect},
    models::{ModelError, Models, Worker, sigmoid},
    picture::Picture,
};

/// The side of the square the network looks at, in pixels.
const SIDE: usize = 128;
/// What scores less is no face (tuned on the sample photographs).
const LEAST_SCORE: f32 = 0.6;
/// What scores less may be a hood or a collar.
const SURE_SCORE: f32 = 0.8;
/// Numbers per candidate: a box, then six key points, which are not used.
const NUMBERS_EACH: usize = 16;
/// Cells per row of the two grids, and candidates in each cell (`ssd_anchors_calculator` options of the model).
const GRIDS: [(usize, usize); 2] = [(16, 2), (8, 6)];

/// One face in a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Face {
    pub frame: Rect,
    /// Whether it counts without other signs of a person.
    pub is_sure: bool,
}

/// The surest face in a part of the picture.
pub(super) fn find_face(
    picture: &Picture,
    part: Rect,
    models: &Models,
    worker: &Worker,
) -> Result<Option<Face>, ModelError> {
    let size = part.width().max(part.height());
    let [boxes, scores] = worker.run(&models.face, network_input(picture, part.centre(), size))?;
    let best = scores.iter().map(|score| sigmoid(*score)).enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
    let Some((index, score)) = best.filter(|(_, score)| *score >= LEAST_SCORE) else {
        return Ok(None);
    };
    // The box: its middle's offset from the candidate's cell, and its size, in pixels of the square.
    let numbers = &boxes[index * NUMBERS_EACH..];
    let [x, y, width, height] = std::array::from_fn(|at| numbers[at] / SIDE as f32 * size);
    let square_corner = part.centre().minus(Point::new(size / 2.0, size / 2.0));
    let middle = square_corner.plus(cell_middle(index).times(size)).plus(Point::new(x, y));
    let frame = Rect {
        left: middle.x - width / 2.0,
        top: middle.y - height / 2.0,
        right: middle.x + width / 2.0,
        bottom: middle.y + height / 2.0,
    };
    Ok(Some(Face { frame, is_sure: score >= SURE_SCORE }))
}

/// A square of the picture, read at twice the size and halved, so that small faces keep their features.
fn network_input(picture: &Picture, centre: Point, size: f32) -> Vec<f32> {
    let doubled = SIDE * 2;
    let pixels = picture.crop(CropMap::square(centre, size, 0.0, doubled), doubled);
    let mut input = Vec::with_capacity(SIDE * SIDE * 3);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let upper = 2 * y * doubled + 2 * x;
            let lower = upper + doubled;
            let four = [pixels[upper], pixels[upper + 1], pixels[lower], pixels[lower + 1]];
            for channel in 0..3 {
                let sum: f32 = four.iter().map(|pixel| pixel[channel]).sum();
                input.push(sum / 4.0 / 127.5 - 1.0);
            }
        }
    }
    input
}

/// The middle of a candidate's cell, in shares of the square.
fn cell_middle(mut index: usize) -> Point {
    for (per_row, each) in GRIDS {
        let count = per_row * per_row * each;
        if index < count {
            let cell = index / each;
            let share = |position: usize| (position as f32 + 0.5) / per_row as f32;
            return Point::new(share(cell % per_row), share(cell / per_row));
        }
        index -= count;
    }
    // Beyond the last grid: the network has exactly as many candidates as the grids.
    Point::new(0.5, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_are_numbered_row_by_row_through_both_grids() {
        assert_eq!(cell_middle(0), Point::new(0.5 / 16.0, 0.5 / 16.0));
        assert_eq!(cell_middle(1), cell_middle(0));
        assert_eq!(cell_middle(2), Point::new(1.5 / 16.0, 0.5 / 16.0));
        assert_eq!(cell_middle(32), Point::new(0.5 / 16.0, 1.5 / 16.0));
        assert_eq!(cell_middle(512), Point::new(0.5 / 8.0, 0.5 / 8.0));
        assert_eq!(cell_middle(895), Point::new(7.5 / 8.0, 7.5 / 8.0));
    }
}
