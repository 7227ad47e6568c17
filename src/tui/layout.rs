//! The layout of the screen: a function of the size of the terminal, the shape of the picture and the operator's choice
//! of panes.

use ratatui::layout::{Constraint, Layout as Rows, Rect};

use crate::preview::{CellArea, CellSize, Shape};
use crate::review::{ListPane, Model, Panes, Viewport, Viewports};

/// The smallest size in columns and rows. Below it, only a message is shown.
pub const MINIMUM: (u16, u16) = (40, 12);

/// The smallest size in columns and rows at which the picture has a pane.
const MINIMUM_WITH_PICTURE: (u16, u16) = (60, 16);
/// The width from which the tabs share the first row with the progress …
const ONE_ROW_HEADER: u16 = 150;
/// … and the smaller size at which they do although both are cut, because a row is worth more to the picture.
const LOW_SCREEN: (u16, u16) = (116, 41);
/// The width from which the list with names is a column. On narrower screens it is one row.
const LIST_COLUMN: u16 = 100;
/// The same if no pictures are drawn.
const LIST_COLUMN_ALONE: u16 = 80;
/// The width of the list without names.
const NARROW_LIST: u16 = 14;
/// The minimum width of captions beside a picture: five or six words.
const CAPTION_COLUMNS: u16 = 34;
/// The minimum size of the picture and of the captions when the operator moves the split.
const LEAST: CellArea = CellArea { columns: 12, rows: 4 };
const LEAST_CAPTIONS: CellArea = CellArea { columns: 20, rows: 4 };

/// The inputs of the layout other than the size of the screen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs {
    /// False if no pictures are drawn.
    pub pictures: bool,
    pub panes: Panes,
    pub shape: Shape,
    pub cell: CellSize,
    /// The captions are long and indented: they need height more than the picture needs width.
    pub structured: bool,
}

impl Inputs {
    #[must_use]
    pub fn of(model: &Model, pictures: bool) -> Self {
        let structured = model.settings.rules.are_json();
        Self { pictures, panes: model.panes, shape: model.shape, cell: model.viewport.cell, structured }
    }
}

/// The area of the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListArea {
    /// Begins with a row for its title.
    Column(Rect),
    /// Without file names.
    Narrow(Rect),
    /// One row with the neighbours of the current record.
    Strip(Rect),
    Hidden,
}

impl ListArea {
    #[must_use]
    pub const fn area(&self) -> Option<Rect> {
        match self {
            Self::Column(area) | Self::Narrow(area) | Self::Strip(area) => Some(*area),
            Self::Hidden => None,
        }
    }

    /// Returns the number of records in view, or for a page if there is no list.
    const fn rows(&self) -> u16 {
        match self {
            Self::Column(area) | Self::Narrow(area) => inside(*area).height,
            // An odd number: as many before the current record as after.
            Self::Strip(area) => area.width / 12 / 2 * 2 + 1,
            Self::Hidden => 10,
        }
    }
}

/// The areas of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub screen: Rect,
    pub header: Rect,
    /// The row of the tabs; `None` if they share the row of the header.
    pub tabs: Option<Rect>,
    pub list: ListArea,
    /// `None` if there is no room.
    pub picture: Option<Rect>,
    /// Begins with a row about the current record.
    pub caption: Rect,
    pub footer: Rect,
    pub pictures: bool,
    /// The area of the picture and the captions.
    body: Rect,
    shape: Shape,
    cell: CellSize,
}

impl Layout {
    /// Returns the layout for a screen, or `None` if the screen is too small.
    #[must_use]
    pub fn new(screen: Rect, inputs: &Inputs) -> Option<Self> {
        if screen.width < MINIMUM.0 || screen.height < MINIMUM.1 {
            return None;
        }
        let Inputs { pictures, panes, shape, cell, structured } = *inputs;
        let tab_rows =
            u16::from(screen.width < ONE_ROW_HEADER && (screen.width < LOW_SCREEN.0 || screen.height > LOW_SCREEN.1));
        let [header, tabs, body, footer] = Rows::vertical([
            Constraint::Length(1),
            Constraint::Length(tab_rows),
            Constraint::Fill(1),
            Constraint::Length(1),
        ])
        .areas(screen);
        let (list, rest) = list_and_rest(body, panes.list, pictures);
        let has_picture = pictures && screen.width >= MINIMUM_WITH_PICTURE.0 && screen.height >= MINIMUM_WITH_PICTURE.1;
        let (picture, caption) = if has_picture {
            let (picture, caption) = picture_and_captions(rest, panes, shape, cell, structured);
            (Some(picture), caption)
        } else {
            (None, rest)
        };
        let tabs = (tab_rows > 0).then_some(tabs);
        Some(Self { screen, header, tabs, list, picture, caption, footer, pictures, body: rest, shape, cell })
    }

    /// Returns the sizes that the model needs, for each shape of the picture.
    #[must_use]
    pub fn viewports(screen: Rect, inputs: &Inputs) -> Option<Viewports> {
        Self::new(screen, inputs)?;
        let viewport = |shape| Self::new(screen, &Inputs { shape, ..*inputs }).map(|layout| layout.viewport());
        Some(Viewports::by_shape(|shape| viewport(shape).unwrap_or_default()))
    }

    fn viewport(&self) -> Viewport {
        let (zoom, captions) = self.zoom_with_texts(self.shape);
        let needed = columns_for(zoom.height, self.shape.ratios().1, self.cell);
        Viewport {
            list_rows: self.list.rows(),
            picture: self.picture.map(cells),
            body: cells(self.body),
            zoom: cells(self.zoom()),
            zoom_with_texts: cells(zoom),
            texts_beside_zoom: zoom.right() < captions.x && zoom.width >= needed,
            sheet: self.pictures.then(|| cells(self.sheet_pictures())),
            cell: self.cell,
        }
    }

    /// Returns the area of the contact sheet: everything between the header and the footer.
    #[must_use]
    pub fn sheet(&self) -> Rect {
        let y = self.tabs.unwrap_or(self.header).bottom();
        Rect { y, height: self.footer.y - y, ..self.screen }
    }

    /// Returns the area of its pictures: below its title, and above the line about the selected picture.
    #[must_use]
    pub fn sheet_pictures(&self) -> Rect {
        let area = inside(self.sheet());
        Rect { height: area.height.saturating_sub(1), ..area }
    }

    /// Returns the area of a full-screen picture: everything but the footer.
    #[must_use]
    pub fn zoom(&self) -> Rect {
        Rect { height: self.screen.height - 1, ..self.screen }
    }

    /// Returns the areas of a full-screen picture and of its captions: on the same side as in the panes, so that the
    /// picture is never smaller.
    #[must_use]
    pub fn zoom_with_texts(&self, shape: Shape) -> (Rect, Rect) {
        let area = self.zoom();
        if is_beside(self.body, shape, self.cell) {
            rest_beside(area, columns_beside(area, shape, self.cell))
        } else {
            rest_below(area, rows_above(area, (area.height / 5).clamp(5, 8), shape, self.cell))
        }
    }
}

/// Returns the areas of the list and of the rest.
fn list_and_rest(body: Rect, list: ListPane, pictures: bool) -> (ListArea, Rect) {
    let has_columns = body.width >= LIST_COLUMN || !pictures && body.width >= LIST_COLUMN_ALONE;
    match list {
        ListPane::Hidden => (ListArea::Hidden, body),
        ListPane::Narrow if body.width >= 4 * NARROW_LIST => {
            let (list, rest) = rest_beside(body, NARROW_LIST);
            (ListArea::Narrow(list), rest)
        }
        ListPane::Full if has_columns => {
            let width = if pictures { (body.width / 5).clamp(22, 44) } else { body.width * 2 / 5 };
            let (list, rest) = rest_beside(body, width);
            (ListArea::Column(list), rest)
        }
        ListPane::Full | ListPane::Narrow => {
            let (strip, rest) = rest_below(body, 1);
            (ListArea::Strip(strip), rest)
        }
    }
}

/// The most of the width that a picture has beside structured captions, in thousandths.
const MOST_BESIDE_STRUCTURED: u16 = 600;

/// Splits an area into the picture and the captions.
fn picture_and_captions(area: Rect, panes: Panes, shape: Shape, cell: CellSize, structured: bool) -> (Rect, Rect) {
    let part = |share: u16, of: u16| u16::try_from(u32::from(of) * u32::from(share) / 1000).unwrap_or(of);
    if structured || is_beside(area, shape, cell) {
        let most = area.width - LEAST_CAPTIONS.columns - 1;
        let default = || match columns_beside(area, shape, cell) {
            columns if structured => columns.min(part(MOST_BESIDE_STRUCTURED, area.width)),
            columns => columns,
        };
        let columns = panes.beside.map_or_else(default, |chosen| part(chosen, area.width));
        rest_beside(area, columns.clamp(LEAST.columns, most))
    } else {
        let most = area.height - LEAST_CAPTIONS.rows - 1;
        let default = || rows_above(area, caption_rows(area), shape, cell);
        let rows = panes.above.map_or_else(default, |chosen| part(chosen, area.height));
        rest_below(area, rows.clamp(LEAST.rows, most))
    }
}

/// Returns true if a picture is larger beside its captions than above them.
fn is_beside(area: Rect, shape: Shape, cell: CellSize) -> bool {
    let ratio = shape.typical_ratio();
    let drawn = |columns: u16, rows: u16| {
        let columns = columns.min(columns_for(rows, ratio, cell));
        u32::from(columns) * u32::from(rows.min(rows_for(columns, ratio, cell)))
    };
    let above = drawn(area.width, rows_above(area, caption_rows(area), shape, cell));
    drawn(columns_beside(area, shape, cell), area.height) >= above
}

/// Returns the columns of a picture beside its captions: as many as it needs at the full height, if possible.
fn columns_beside(area: Rect, shape: Shape, cell: CellSize) -> u16 {
    columns_for(area.height, shape.ratios().1, cell).min(area.width.saturating_sub(CAPTION_COLUMNS + 1))
}

/// Returns the rows of a picture above its captions: as many as it needs at the full width, if possible.
fn rows_above(area: Rect, caption_rows: u16, shape: Shape, cell: CellSize) -> u16 {
    rows_for(area.width, shape.ratios().0, cell).min(area.height.saturating_sub(caption_rows))
}

/// Returns the rows of the captions below a picture.
fn caption_rows(area: Rect) -> u16 {
    (area.height / 4).clamp(7, 9)
}

/// Returns the first columns of an area and the rest, with one cell between them for the separator.
fn rest_beside(area: Rect, columns: u16) -> (Rect, Rect) {
    let columns = columns.min(area.width.saturating_sub(1));
    let left = Rect { width: columns, ..area };
    (left, Rect { x: area.x + columns + 1, width: area.width - columns - 1, ..area })
}

/// Returns the first rows of an area and the rest.
fn rest_below(area: Rect, rows: u16) -> (Rect, Rect) {
    let rows = rows.min(area.height);
    let top = Rect { height: rows, ..area };
    (top, Rect { y: area.y + rows, height: area.height - rows, ..area })
}

/// Returns the columns that a picture with this ratio of width to height needs at a height.
fn columns_for(rows: u16, ratio: f64, cell: CellSize) -> u16 {
    round_up(f64::from(rows) * f64::from(cell.height) * ratio / f64::from(cell.width))
}

/// Returns the rows that a picture with this ratio of width to height needs at a width.
fn rows_for(columns: u16, ratio: f64, cell: CellSize) -> u16 {
    round_up(f64::from(columns) * f64::from(cell.width) / ratio / f64::from(cell.height))
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float saturates")]
fn round_up(cells: f64) -> u16 {
    cells.ceil() as u16
}

/// Returns a pane without its title row.
#[must_use]
pub const fn inside(pane: Rect) -> Rect {
    Rect { y: pane.y + 1, height: pane.height.saturating_sub(1), ..pane }
}

const fn cells(area: Rect) -> CellArea {
    CellArea { columns: area.width, rows: area.height }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::preview::{Areas, Framing, Zoom};

    fn inputs() -> impl Strategy<Value = Inputs> {
        let list = prop::sample::select(&ListPane::ALL[..]);
        let split = || proptest::option::of(0..=1000_u16);
        let shape = prop::sample::select(Shape::all().collect::<Vec<_>>());
        let cell = (5..20_u16, 8..40_u16).prop_map(|(width, height)| CellSize { width, height });
        (any::<bool>(), list, split(), split(), shape, cell).prop_map(|(pictures, list, beside, above, shape, cell)| {
            Inputs { pictures, panes: Panes { list, beside, above }, shape, cell, structured: false }
        })
    }

    /// Returns the cells that a picture of these sides is drawn on.
    fn drawn(sides: (u32, u32), area: CellArea, cell: CellSize) -> CellArea {
        let framing = Framing { max_scale: f64::INFINITY, ..Framing::new(sides, area, cell) };
        framing.crop(Zoom::FIT).map(|crop| crop.cells).unwrap_or_default()
    }

    fn size(area: CellArea) -> u32 {
        u32::from(area.columns) * u32::from(area.rows)
    }

    proptest! {
        #[test]
        fn areas_are_on_the_screen_and_do_not_overlap(width in 40u16..400, height in 12u16..200, inputs in inputs()) {
            let screen = Rect::new(0, 0, width, height);
            let layout = Layout::new(screen, &inputs).expect("the screen is large enough");
            let mut parts = vec![layout.header, layout.caption, layout.footer];
            parts.extend(layout.tabs);
            parts.extend(layout.picture);
            parts.extend(layout.list.area());
            for (index, part) in parts.iter().enumerate() {
                prop_assert_eq!(part.intersection(screen), *part);
                prop_assert!(part.area() > 0);
                for other in &parts[index + 1..] {
                    prop_assert!(part.intersection(*other).is_empty(), "{:?} covers {:?}", part, other);
                }
            }
            prop_assert!(inside(layout.caption).height > 0 && layout.viewport().list_rows > 0);
        }

        #[test]
        fn a_zoomed_picture_is_at_least_as_large(
            width in 80u16..300, height in 20u16..120, inputs in inputs(), sides in (100..4000_u32, 100..4000_u32),
        ) {
            let inputs = Inputs { shape: Shape::of(sides), panes: Panes { list: inputs.panes.list, ..Panes::default() }, ..inputs };
            let viewport = Layout::new(Rect::new(0, 0, width, height), &inputs).expect("large enough").viewport();
            let normal = viewport.picture.map_or(0, |area| size(drawn(sides, area, inputs.cell)));
            for zoom in [viewport.zoom, viewport.zoom_with_texts] {
                prop_assert!(size(drawn(sides, zoom, inputs.cell)) >= normal);
            }
        }
    }

    /// Returns the share of the screen that a picture is drawn on, in thousandths, and the largest that the screen allows.
    fn share(sides: (u32, u32), width: u16, height: u16) -> (u32, u32) {
        let screen = Rect::new(0, 0, width, height);
        let inputs = Inputs { pictures: true, ..Inputs::default() };
        let viewports = Layout::viewports(screen, &inputs).expect("large enough");
        let areas = Areas::by_shape(|shape| viewports.of(shape).picture.expect("a pane"));
        let share = |area| size(drawn(sides, area, inputs.cell)) * 1000 / size(cells(screen));
        (share(areas.of(sides)), share(cells(screen)))
    }

    /// A portrait cannot take half of a wide screen: its height limits it.
    #[rstest]
    fn the_picture_takes_its_share_of_the_screen(
        #[values((2, 3), (3, 4), (4, 5), (4, 3), (3, 2), (16, 9))] sides: (u32, u32),
        #[values((80, 24, 220), (100, 30, 250), (120, 41, 400), (160, 50, 400), (200, 55, 500))] screen: (
            u16,
            u16,
            u32,
        ),
    ) {
        let (width, height, target) = screen;
        let (share, most) = share((sides.0 * 500, sides.1 * 500), width, height);
        let target = target.min(most * 9 / 10);
        assert!(share >= target, "{share} ‰ of {width}×{height}, target {target}");
    }

    #[test]
    fn a_tiny_screen_has_no_layout() {
        let inputs = Inputs { pictures: true, ..Inputs::default() };
        assert_eq!(Layout::new(Rect::new(0, 0, 39, 24), &inputs), None);
        assert_eq!(Layout::new(Rect::new(0, 0, 80, 11), &inputs), None);
    }

    #[rstest]
    #[case::portrait((2, 3), true)]
    #[case::landscape((3, 2), false)]
    fn captions_are_beside_a_portrait_and_below_a_landscape(#[case] sides: (u32, u32), #[case] is_beside: bool) {
        let inputs = Inputs { pictures: true, shape: Shape::of(sides), ..Inputs::default() };
        let layout = Layout::new(Rect::new(0, 0, 160, 50), &inputs).expect("large enough");
        assert_eq!(layout.picture.map(|picture| picture.right() < layout.caption.x), Some(is_beside));
    }

    #[test]
    fn structured_captions_are_beside_any_picture() {
        for (width, height) in [(80, 24), (160, 50), (300, 80)] {
            for shape in Shape::all() {
                let inputs = Inputs { pictures: true, shape, structured: true, ..Inputs::default() };
                let layout = Layout::new(Rect::new(0, 0, width, height), &inputs).expect("large enough");
                let picture = layout.picture.expect("a picture");
                assert!(
                    picture.right() < layout.caption.x && layout.caption.width * 5 >= picture.width * 3,
                    "{shape:?}"
                );
            }
        }
    }
}
