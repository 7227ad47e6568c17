//! How large a picture is drawn: whole cells, within the room there is, in the picture's own proportions.

/// A size in terminal cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CellArea {
    /// Cells across.
    pub columns: u16,
    /// Cells down.
    pub rows: u16,
}

impl CellArea {
    /// Whether there is no cell in it.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.columns == 0 || self.rows == 0
    }
}

/// The size of one terminal cell in pixels. Never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellSize {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
}

impl Default for CellSize {
    fn default() -> Self {
        Self::USUAL
    }
}

impl CellSize {
    /// What most fonts come close to, for where nobody tells.
    pub const USUAL: Self = Self { width: 10, height: 20 };

    /// A size, unless a side is zero (as terminals say that do not know).
    #[must_use]
    pub const fn new(width: u16, height: u16) -> Option<Self> {
        if width == 0 || height == 0 { None } else { Some(Self { width, height }) }
    }
}

/// The cells a picture of `picture` pixels takes in `room`: as many as fit, enlarged at most `enlarge` times. Each side
/// is rounded to whole cells, so the proportions are kept to within half a cell (or the one cell a sliver needs).
/// `None` where there is no room, or no picture.
pub(crate) fn fit(picture: (u32, u32), room: CellArea, cell: CellSize, enlarge: f64) -> Option<CellArea> {
    let (width, height) = picture;
    if width == 0 || height == 0 || room.is_empty() {
        return None;
    }
    let (across, down) = cells_of(picture, cell);
    let scale = scale_to_fit(picture, room, cell).min(enlarge);
    Some(CellArea { columns: whole(across * scale, room.columns), rows: whole(down * scale, room.rows) })
}

/// The cells a picture would take, drawn pixel for pixel.
pub(super) fn cells_of(picture: (u32, u32), cell: CellSize) -> (f64, f64) {
    (f64::from(picture.0) / f64::from(cell.width), f64::from(picture.1) / f64::from(cell.height))
}

/// How much a picture is enlarged to fill a room.
pub(super) fn scale_to_fit(picture: (u32, u32), room: CellArea, cell: CellSize) -> f64 {
    let (across, down) = cells_of(picture, cell);
    (f64::from(room.columns) / across).min(f64::from(room.rows) / down)
}

/// The pixels of an area of cells.
pub(crate) fn pixels(area: CellArea, cell: CellSize) -> (u32, u32) {
    (u32::from(area.columns) * u32::from(cell.width), u32::from(area.rows) * u32::from(cell.height))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=most, which is a u16")]
fn whole(cells: f64, most: u16) -> u16 {
    cells.round().clamp(1.0, f64::from(most)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stays_in_the_room_and_keeps_the_proportions(
            width in 1..70_000_u32, height in 1..70_000_u32,
            columns in 1..400_u16, rows in 1..200_u16,
            cell_width in 1..40_u16, cell_height in 1..80_u16,
            enlarge in 1.0..8.0_f64,
        ) {
            let cell = CellSize::new(cell_width, cell_height).expect("not zero");
            let room = CellArea { columns, rows };
            let area = fit((width, height), room, cell, enlarge).expect("there is room");
            prop_assert!((1..=columns).contains(&area.columns) && (1..=rows).contains(&area.rows));

            // One scale explains both sides, each to within half a cell, or one cell for a sliver.
            let across = f64::from(width) / f64::from(cell_width);
            let down = f64::from(height) / f64::from(cell_height);
            let near = |cells: u16, exact: f64| (f64::from(cells) - exact).abs() <= 0.5 + 1e-6 || (cells == 1 && exact < 1.0);
            let scale = (f64::from(columns) / across).min(f64::from(rows) / down).min(enlarge);
            prop_assert!(near(area.columns, across * scale) && near(area.rows, down * scale));
            // It fills the room, unless that would enlarge it too much.
            let full = area.columns == columns || area.rows == rows;
            prop_assert!(full || scale >= enlarge);
        }
    }

    #[test]
    fn no_room_and_no_picture_are_none() {
        let cell = CellSize::USUAL;
        assert_eq!(fit((10, 10), CellArea { columns: 0, rows: 5 }, cell, 1.0), None);
        assert_eq!(fit((10, 10), CellArea { columns: 5, rows: 0 }, cell, 1.0), None);
        assert_eq!(fit((0, 10), CellArea { columns: 5, rows: 5 }, cell, 1.0), None);
    }

    #[test]
    fn one_pixel_is_one_cell_and_a_line_is_one_row() {
        let room = CellArea { columns: 48, rows: 32 };
        assert_eq!(fit((1, 1), room, CellSize::USUAL, 4.0), Some(CellArea { columns: 1, rows: 1 }));
        assert_eq!(fit((8000, 1), room, CellSize::USUAL, 4.0), Some(CellArea { columns: 48, rows: 1 }));
    }
}
