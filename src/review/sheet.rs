//! The contact sheet: a grid of thumbnails.
//!
//! It turns pages instead of scrolling, so that a thumbnail keeps its place on the screen and is sent to the terminal
//! only once.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::model::{Mode, Model};
use crate::dataset::RecordId;
use crate::preview::{CellArea, PictureView, Preview, PreviewError, Ready};

/// The smallest width of a cell of the grid, in columns. The height is half of that less one row, which is about square.
const LEAST_WIDTH: u16 = 12;
/// The initial width: eight thumbnails at 80×24.
const WIDTH: u16 = 20;

#[derive(Clone, Debug, Default)]
pub struct Sheet {
    /// True if it replaces the list.
    pub open: bool,
    /// The width of a cell that the operator chose; `None` for the default, or more if all thumbnails fit on a page.
    width: Option<u16>,
    /// The size of the thumbnails requested.
    area: CellArea,
    /// The records requested, in this order.
    wanted: Vec<RecordId>,
    /// The position of the first record on the page.
    page: usize,
    /// True if the page was last turned backwards.
    backwards: bool,
    pictures: HashMap<RecordId, Result<Preview, PreviewError>>,
}

impl Sheet {
    /// Returns the thumbnail of a record, or why there is none; `None` while it is loading.
    #[must_use]
    pub fn picture(&self, record: RecordId) -> Option<&Result<Preview, PreviewError>> {
        self.pictures.get(&record)
    }

    /// Goes to a page and returns the page to prefetch: the next one in the direction of travel, or at the end the one
    /// before.
    pub(super) fn turn_to(&mut self, page: usize, capacity: usize, total: usize) -> Option<usize> {
        if page != self.page {
            self.backwards = page < self.page;
            self.page = page;
        }
        let after = page.checked_add(capacity).filter(|next| *next < total);
        let before = page.checked_sub(capacity);
        if self.backwards { before.or(after) } else { after.or(before) }
    }

    /// Sets the records whose thumbnails are needed. Returns those that are missing, or `None` if the request is
    /// unchanged.
    pub(super) fn want(&mut self, wanted: Vec<RecordId>, area: CellArea) -> Option<Vec<RecordId>> {
        if self.area != area {
            self.forget();
            self.area = area;
        }
        if self.wanted == wanted {
            return None;
        }
        let kept: HashSet<RecordId> = wanted.iter().copied().collect();
        self.pictures.retain(|record, _| kept.contains(record));
        self.wanted = wanted;
        Some(self.wanted.iter().copied().filter(|record| !self.pictures.contains_key(record)).collect())
    }

    /// Stores a thumbnail if it is still needed.
    pub(super) fn take(&mut self, ready: &Ready) {
        if ready.view == PictureView::fit(self.area) && self.wanted.contains(&ready.record) {
            self.pictures.insert(ready.record, ready.result.clone());
        }
    }

    /// Drops all thumbnails. Returns true if any were requested.
    pub(super) fn forget(&mut self) -> bool {
        self.pictures.clear();
        !std::mem::take(&mut self.wanted).is_empty()
    }

    /// Returns the grid for a number of records in an area.
    fn grid(&self, area: CellArea, records: usize) -> Grid {
        let grid = Grid::new(area, self.width.unwrap_or(WIDTH));
        if self.width.is_none() && records < grid.capacity() { Grid::filled(area, records) } else { grid }
    }

    /// Changes the size to the next one whose grid has a larger, or smaller, picture in this area.
    pub(super) fn resize(&mut self, area: CellArea, records: usize, larger: bool) {
        let grid = self.grid(area, records);
        let widest = area.columns.max(2 * (area.rows + 1)).max(LEAST_WIDTH);
        let differs = |width: &u16| {
            let (other, own) = (size(Grid::new(area, *width)), size(grid));
            if larger { other > own } else { other < own }
        };
        let next =
            if larger { (LEAST_WIDTH..=widest).find(differs) } else { (LEAST_WIDTH..=widest).rev().find(differs) };
        self.width = next.or(self.width);
    }
}

/// Returns the cells of the screen that a thumbnail has.
fn size(grid: Grid) -> u32 {
    let CellArea { columns, rows } = grid.picture();
    u32::from(columns) * u32::from(rows)
}

/// The division of an area into cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Cells across.
    pub columns: u16,
    /// Cells down.
    pub rows: u16,
    /// The size of a cell, in columns and rows of the screen.
    pub cell: CellArea,
}

impl Grid {
    /// Divides an area into cells that are at least `width` columns wide, but always into at least one.
    #[must_use]
    pub fn new(area: CellArea, width: u16) -> Self {
        let columns = (area.columns / width.max(1)).max(1);
        let rows = (area.rows / (width / 2).saturating_sub(1).max(1)).max(1);
        Self { columns, rows, cell: CellArea { columns: area.columns / columns, rows: area.rows / rows } }
    }

    /// Divides an area into as many cells as there are records, with the largest pictures.
    fn filled(area: CellArea, records: usize) -> Self {
        let records = u16::try_from(records).unwrap_or(u16::MAX).max(1);
        let of_columns = |columns: u16| {
            let rows = records.div_ceil(columns);
            Self { columns, rows, cell: CellArea { columns: area.columns / columns, rows: area.rows / rows } }
        };
        let most = records.min(area.columns.max(1));
        let grids = (1..=most).map(of_columns);
        // A cell is about twice as high as wide.
        let side = |grid: &Self| grid.picture().columns.min(2 * grid.picture().rows);
        grids.max_by_key(|grid| (side(grid), std::cmp::Reverse(grid.columns))).unwrap_or(of_columns(1))
    }

    /// Returns the number of thumbnails on a page.
    #[must_use]
    pub fn capacity(self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// Returns the size of a thumbnail: the cell without its frame.
    #[must_use]
    pub fn picture(self) -> CellArea {
        CellArea { columns: self.cell.columns.saturating_sub(2), rows: self.cell.rows.saturating_sub(2) }
    }

    /// Returns the position of the first record on the page of a position.
    #[must_use]
    pub fn page_of(self, position: usize) -> usize {
        position - position % self.capacity()
    }

    /// Returns the upper left corner of a cell. Cells are counted row by row.
    #[must_use]
    pub fn corner(self, index: u16) -> (u16, u16) {
        (index % self.columns * self.cell.columns, index / self.columns * self.cell.rows)
    }

    /// Returns the index of the cell at a column and row of the screen.
    #[must_use]
    pub fn cell_at(self, x: u16, y: u16) -> Option<u16> {
        let (column, row) = (x.checked_div(self.cell.columns)?, y.checked_div(self.cell.rows)?);
        (column < self.columns && row < self.rows).then(|| row * self.columns + column)
    }
}

impl Model {
    /// Returns true if keys apply to the contact sheet.
    #[must_use]
    pub fn is_in_sheet(&self) -> bool {
        self.mode == Mode::Browse && self.shows_sheet()
    }

    /// Returns true if the contact sheet is on the screen, even below a dialog. The editor hides it.
    #[must_use]
    pub fn shows_sheet(&self) -> bool {
        self.sheet.open && !matches!(self.mode, Mode::Zoom(_) | Mode::Edit(_) | Mode::Fields(_))
    }

    /// Returns the grid, if it is on the screen.
    #[must_use]
    pub fn sheet_grid(&self) -> Option<Grid> {
        let area = self.viewport.sheet.filter(|_| self.shows_sheet())?;
        Some(self.sheet.grid(area, self.view().len()))
    }

    /// Returns the positions on the page, if the contact sheet is on the screen.
    #[must_use]
    pub fn sheet_page(&self) -> Option<Range<usize>> {
        let grid = self.sheet_grid()?;
        let first = grid.page_of(self.list.position);
        Some(first..first.saturating_add(grid.capacity()).min(self.view().len()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cells_fill_the_area_and_never_overlap(columns in 1..300_u16, rows in 1..120_u16, width in 1..100_u16) {
            let area = CellArea { columns, rows };
            let grid = Grid::new(area, width);
            let mut seen = 0;
            for y in 0..rows {
                for x in 0..columns {
                    let Some(index) = grid.cell_at(x, y) else { continue };
                    let (left, top) = grid.corner(index);
                    prop_assert!((left..left + grid.cell.columns).contains(&x));
                    prop_assert!((top..top + grid.cell.rows).contains(&y));
                    prop_assert!(usize::from(index) < grid.capacity());
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, grid.capacity() * usize::from(grid.cell.columns) * usize::from(grid.cell.rows));
            // The rest is smaller than a cell.
            prop_assert!(columns - grid.columns * grid.cell.columns < grid.columns);
            prop_assert!(rows - grid.rows * grid.cell.rows < grid.rows);
        }

        #[test]
        fn every_resize_changes_the_size_in_its_direction(
            columns in 20..300_u16, rows in 7..120_u16, records in 0..100_usize, keys in prop::collection::vec(any::<bool>(), 0..20),
        ) {
            let area = CellArea { columns, rows };
            let mut sheet = Sheet::default();
            for larger in keys {
                let (before, width) = (sheet.grid(area, records), sheet.width);
                sheet.resize(area, records, larger);
                let (before, after) = (size(before), size(sheet.grid(area, records)));
                let follows = if larger { after > before } else { after < before };
                prop_assert!(width == sheet.width || follows);
            }
        }

        #[test]
        fn few_pictures_fill_the_area(columns in 20..300_u16, rows in 7..120_u16, records in 1..60_usize) {
            let area = CellArea { columns, rows };
            let (grid, default) = (Sheet::default().grid(area, records), Grid::new(area, WIDTH));
            if records <= default.capacity() {
                prop_assert!(grid.capacity() >= records);
            } else {
                prop_assert_eq!(grid, default);
            }
        }
    }

    #[test]
    fn larger_screens_have_more_thumbnails() {
        let grid = |columns, rows| Grid::new(CellArea { columns, rows }, WIDTH);
        assert_eq!((grid(80, 19).columns, grid(80, 19).rows), (4, 2));
        assert_eq!(grid(80, 19).cell, CellArea { columns: 20, rows: 9 });
        assert_eq!(grid(200, 55).capacity(), 60);
        assert_eq!(grid(40, 7).cell, CellArea { columns: 20, rows: 7 }, "one row of the full height");
    }
}
