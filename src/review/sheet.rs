//! The contact sheet: how the screen is divided into small pictures, and those that are there.
//!
//! It turns pages rather than scroll: a picture stays where it is until the page is turned, so that the eye finds it
//! again and the terminal is sent it once.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::model::{Mode, Model};
use crate::dataset::RecordId;
use crate::preview::{CellArea, Preview, PreviewError, Ready, Shot};

/// The widths of a picture's place that can be chosen, in columns. It is half as high, less a row: about square.
const WIDTHS: [u16; 6] = [12, 16, 20, 28, 40, 56];
/// The one it begins with: eight pictures on 80×24 cells.
const USUAL: usize = 2;

/// The contact sheet.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// It stands in the place of the list.
    pub open: bool,
    /// Which of the widths.
    size: usize,
    /// The room of each picture that was asked for.
    area: CellArea,
    /// The records whose pictures were asked for, in this order.
    wanted: Vec<RecordId>,
    /// The position of the first record on the page in view.
    page: usize,
    /// The page was last turned backwards.
    backwards: bool,
    pictures: HashMap<RecordId, Result<Preview, PreviewError>>,
}

impl Default for Sheet {
    fn default() -> Self {
        Self {
            open: false,
            size: USUAL,
            area: CellArea::default(),
            wanted: Vec::new(),
            page: 0,
            backwards: false,
            pictures: HashMap::new(),
        }
    }
}

impl Sheet {
    /// The small picture of a record, or why there is none; nothing while it is on its way.
    #[must_use]
    pub fn picture(&self, record: RecordId) -> Option<&Result<Preview, PreviewError>> {
        self.pictures.get(&record)
    }

    /// Turns to a page, and says which one is likely to be next: the one further on the way, or where that is the end,
    /// back.
    pub(super) fn turn_to(&mut self, page: usize, capacity: usize, total: usize) -> Option<usize> {
        if page != self.page {
            self.backwards = page < self.page;
            self.page = page;
        }
        let (after, before) = (page.checked_add(capacity).filter(|next| *next < total), page.checked_sub(capacity));
        if self.backwards { before.or(after) } else { after.or(before) }
    }

    /// Wants the pictures of these records, and no others. Where that is news: those that are not there.
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

    /// Takes a picture in, if it is wanted.
    pub(super) fn take(&mut self, ready: &Ready) {
        if ready.shot == Shot::whole(self.area) && self.wanted.contains(&ready.record) {
            self.pictures.insert(ready.record, ready.result.clone());
        }
    }

    /// Wants no pictures any more; says whether any were wanted.
    pub(super) fn forget(&mut self) -> bool {
        self.pictures.clear();
        !std::mem::take(&mut self.wanted).is_empty()
    }

    /// Makes the pictures larger, or smaller, by as much as shows in that room.
    pub(super) fn resize(&mut self, room: CellArea, larger: bool) {
        let now = Grid::new(room, WIDTHS[self.size]);
        let shows = |size: &usize| Grid::new(room, WIDTHS[*size]) != now;
        let next = if larger { (self.size + 1..WIDTHS.len()).find(shows) } else { (0..self.size).rev().find(shows) };
        self.size = next.unwrap_or(self.size);
    }
}

/// How a room is divided into places for pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Places across.
    pub columns: u16,
    /// Places down.
    pub rows: u16,
    /// The cells of each.
    pub place: CellArea,
}

impl Grid {
    /// As many places of about this width as there is room for, at least one.
    #[must_use]
    pub fn new(room: CellArea, width: u16) -> Self {
        let columns = (room.columns / width.max(1)).max(1);
        let rows = (room.rows / (width / 2).saturating_sub(1).max(1)).max(1);
        Self { columns, rows, place: CellArea { columns: room.columns / columns, rows: room.rows / rows } }
    }

    /// The pictures of a page.
    #[must_use]
    pub fn capacity(self) -> usize {
        usize::from(self.columns) * usize::from(self.rows)
    }

    /// The room for a picture: its place without the frame round it.
    #[must_use]
    pub fn picture(self) -> CellArea {
        CellArea { columns: self.place.columns.saturating_sub(2), rows: self.place.rows.saturating_sub(2) }
    }

    /// The position of the first record on the page of a position.
    #[must_use]
    pub fn page_of(self, position: usize) -> usize {
        position - position % self.capacity()
    }

    /// The cells from the left and from the top to a place, counted along the rows.
    #[must_use]
    pub fn corner(self, place: u16) -> (u16, u16) {
        (place % self.columns * self.place.columns, place / self.columns * self.place.rows)
    }

    /// The place that a cell is in.
    #[must_use]
    pub fn place_at(self, x: u16, y: u16) -> Option<u16> {
        let (column, row) = (x.checked_div(self.place.columns)?, y.checked_div(self.place.rows)?);
        (column < self.columns && row < self.rows).then(|| row * self.columns + column)
    }
}

impl Model {
    /// Whether the keys are those of the contact sheet.
    #[must_use]
    pub fn is_in_sheet(&self) -> bool {
        self.mode == Mode::Browse && self.shows_sheet()
    }

    /// Whether the contact sheet is on the screen, perhaps below a pop-up. A caption is written beside its picture.
    #[must_use]
    pub fn shows_sheet(&self) -> bool {
        self.sheet.open && !matches!(self.mode, Mode::Zoom(_) | Mode::Edit(_))
    }

    /// How the contact sheet is divided, where it is on the screen.
    #[must_use]
    pub fn sheet_grid(&self) -> Option<Grid> {
        let room = self.viewport.sheet.filter(|_| self.shows_sheet())?;
        Some(Grid::new(room, WIDTHS[self.sheet.size]))
    }

    /// The positions of the records on the page of the contact sheet, where it is on the screen.
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
        fn places_fill_the_room_and_never_overlap(columns in 1..300_u16, rows in 1..120_u16, size in 0..WIDTHS.len()) {
            let room = CellArea { columns, rows };
            let grid = Grid::new(room, WIDTHS[size]);
            let mut seen = 0;
            for y in 0..rows {
                for x in 0..columns {
                    let Some(place) = grid.place_at(x, y) else { continue };
                    let (left, top) = grid.corner(place);
                    prop_assert!((left..left + grid.place.columns).contains(&x));
                    prop_assert!((top..top + grid.place.rows).contains(&y));
                    prop_assert!(usize::from(place) < grid.capacity());
                    seen += 1;
                }
            }
            prop_assert_eq!(seen, grid.capacity() * usize::from(grid.place.columns) * usize::from(grid.place.rows));
            // What is left over is less than a place.
            prop_assert!(columns - grid.columns * grid.place.columns < grid.columns);
            prop_assert!(rows - grid.rows * grid.place.rows < grid.rows);
        }

        #[test]
        fn larger_and_smaller_show(columns in 20..300_u16, rows in 7..120_u16, keys in prop::collection::vec(any::<bool>(), 0..20)) {
            let room = CellArea { columns, rows };
            let mut sheet = Sheet::default();
            for larger in keys {
                let (before, size) = (Grid::new(room, WIDTHS[sheet.size]), sheet.size);
                sheet.resize(room, larger);
                let after = Grid::new(room, WIDTHS[sheet.size]);
                prop_assert_eq!(size == sheet.size, before == after);
                let (more, fewer) = if larger { (before, after) } else { (after, before) };
                prop_assert!(fewer.capacity() <= more.capacity());
            }
        }
    }

    #[test]
    fn a_small_screen_has_few_pictures_and_a_large_one_many() {
        let grid = |columns, rows| Grid::new(CellArea { columns, rows }, WIDTHS[USUAL]);
        assert_eq!((grid(80, 19).columns, grid(80, 19).rows), (4, 2));
        assert_eq!(grid(80, 19).place, CellArea { columns: 20, rows: 9 });
        assert_eq!(grid(200, 55).capacity(), 60);
        assert_eq!(grid(40, 7).place, CellArea { columns: 20, rows: 7 }, "one row, as high as there is room");
    }
}
