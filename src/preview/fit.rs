//! Fits pictures into areas of whole cells, keeping the aspect ratio.

/// A size in terminal cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CellArea {
    pub columns: u16,
    pub rows: u16,
}

impl CellArea {
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.columns == 0 || self.rows == 0
    }
}

/// The size of a terminal cell in pixels. Neither side is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CellSize {
    pub width: u16,
    pub height: u16,
}

impl Default for CellSize {
    fn default() -> Self {
        Self::TYPICAL
    }
}

impl CellSize {
    /// Close to most fonts; used if the terminal does not report its cell size.
    pub const TYPICAL: Self = Self { width: 10, height: 20 };

    /// Returns `None` if a side is zero, which terminals report for an unknown size.
    #[must_use]
    pub const fn new(width: u16, height: u16) -> Option<Self> {
        if width == 0 || height == 0 { None } else { Some(Self { width, height }) }
    }
}

/// Returns the cells that a picture of `picture` pixels occupies when scaled to fit `area`, at most by `max_scale`. Each
/// side is rounded to whole cells, at least one, so the aspect ratio is exact to half a cell. Returns `None` if the
/// picture or the area is empty.
pub(crate) fn fit(picture: (u32, u32), area: CellArea, cell: CellSize, max_scale: f64) -> Option<CellArea> {
    let (width, height) = picture;
    if width == 0 || height == 0 || area.is_empty() {
        return None;
    }
    let (across, down) = cells_of(picture, cell);
    let scale = scale_to_fit(picture, area, cell).min(max_scale);
    Some(CellArea { columns: round(across * scale, area.columns), rows: round(down * scale, area.rows) })
}

/// Returns the size in cells of a picture drawn at 100 %.
pub(super) fn cells_of(picture: (u32, u32), cell: CellSize) -> (f64, f64) {
    (f64::from(picture.0) / f64::from(cell.width), f64::from(picture.1) / f64::from(cell.height))
}

/// Returns the scale at which a picture fills an area.
pub(super) fn scale_to_fit(picture: (u32, u32), area: CellArea, cell: CellSize) -> f64 {
    let (across, down) = cells_of(picture, cell);
    (f64::from(area.columns) / across).min(f64::from(area.rows) / down)
}

/// Converts an area from cells to pixels.
pub(crate) fn pixels(area: CellArea, cell: CellSize) -> (u32, u32) {
    (u32::from(area.columns) * u32::from(cell.width), u32::from(area.rows) * u32::from(cell.height))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 1..=max, which is a u16")]
fn round(cells: f64, max: u16) -> u16 {
    cells.round().clamp(1.0, f64::from(max)) as u16
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stays_in_the_area_and_keeps_the_aspect_ratio(
            width in 1..70_000_u32, height in 1..70_000_u32,
            columns in 1..400_u16, rows in 1..200_u16,
            cell_width in 1..40_u16, cell_height in 1..80_u16,
            max_scale in 1.0..8.0_f64,
        ) {
            let cell = CellSize::new(cell_width, cell_height).expect("not zero");
            let available = CellArea { columns, rows };
            let area = fit((width, height), available, cell, max_scale).expect("an area");
            prop_assert!((1..=columns).contains(&area.columns) && (1..=rows).contains(&area.rows));

            // Both sides have the same scale to within half a cell, or are one cell.
            let across = f64::from(width) / f64::from(cell_width);
            let down = f64::from(height) / f64::from(cell_height);
            let near = |cells: u16, exact: f64| (f64::from(cells) - exact).abs() <= 0.5 + 1e-6 || (cells == 1 && exact < 1.0);
            let scale = (f64::from(columns) / across).min(f64::from(rows) / down).min(max_scale);
            prop_assert!(near(area.columns, across * scale) && near(area.rows, down * scale));
            // It fills the area, unless that exceeds the maximum scale.
            let full = area.columns == columns || area.rows == rows;
            prop_assert!(full || scale >= max_scale);
        }
    }

    #[test]
    fn an_empty_area_or_picture_is_none() {
        let cell = CellSize::TYPICAL;
        assert_eq!(fit((10, 10), CellArea { columns: 0, rows: 5 }, cell, 1.0), None);
        assert_eq!(fit((10, 10), CellArea { columns: 5, rows: 0 }, cell, 1.0), None);
        assert_eq!(fit((0, 10), CellArea { columns: 5, rows: 5 }, cell, 1.0), None);
    }

    #[test]
    fn one_pixel_takes_one_cell_and_a_line_one_row() {
        let area = CellArea { columns: 48, rows: 32 };
        assert_eq!(fit((1, 1), area, CellSize::TYPICAL, 4.0), Some(CellArea { columns: 1, rows: 1 }));
        assert_eq!(fit((8000, 1), area, CellSize::TYPICAL, 4.0), Some(CellArea { columns: 48, rows: 1 }));
    }
}
