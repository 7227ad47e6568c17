//! The layout of the screen, which depends on the size of the terminal alone.

use ratatui::layout::{Constraint, Layout as Split, Rect, Spacing};

use crate::preview::{CellArea, CellSize};
use crate::review::Viewport;

/// The smallest size in columns and rows. Below it, only a message is shown.
pub const MINIMUM: (u16, u16) = (40, 12);

/// The areas of the screen. Panes begin with a row for their title.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    pub screen: Rect,
    pub header: Rect,
    pub tabs: Rect,
    pub list: Rect,
    /// `None` if there is no room.
    pub picture: Option<Rect>,
    pub caption: Rect,
    pub footer: Rect,
    pub pictures: bool,
}

impl Layout {
    /// Returns the layout for a screen, or `None` if the screen is too small.
    #[must_use]
    pub fn new(screen: Rect, pictures: bool) -> Option<Self> {
        if screen.width < MINIMUM.0 || screen.height < MINIMUM.1 {
            return None;
        }
        let [header, tabs, body, footer] =
            Split::vertical([Constraint::Length(1), Constraint::Length(1), Constraint::Fill(1), Constraint::Length(1)])
                .areas(screen);
        let (list, picture, caption) = if screen.width < 80 || screen.height < 20 {
            let [list, caption] = Split::vertical([Constraint::Length(2), Constraint::Fill(1)]).areas(body);
            (list, None, caption)
        } else if !pictures {
            let [list, caption] = columns([Constraint::Fill(2), Constraint::Fill(3)], body);
            (list, None, caption)
        } else if screen.width < 120 {
            let [list, rest] = columns([Constraint::Length(30), Constraint::Fill(1)], body);
            let [picture, caption] = Split::vertical([Constraint::Fill(1), Constraint::Fill(1)]).areas(rest);
            (list, Some(picture), caption)
        } else {
            let list = (screen.width / 4).clamp(32, 46);
            let [list, picture, caption] =
                columns([Constraint::Length(list), Constraint::Fill(11), Constraint::Fill(10)], body);
            (list, Some(picture), caption)
        };
        Some(Self { screen, header, tabs, list, picture, caption, footer, pictures })
    }

    /// Returns the sizes that the model needs.
    #[must_use]
    pub fn viewport(&self) -> Viewport {
        Viewport {
            list_rows: inside(self.list).height,
            picture: self.picture.map(|pane| cells(inside(pane))),
            zoom: cells(self.zoom()),
            zoom_above_texts: cells(self.zoom_with_texts().0),
            sheet: self.pictures.then(|| cells(self.sheet_pictures())),
            cell: CellSize::default(),
            caption_rows: inside(self.caption).height,
        }
    }

    /// Returns the area of the contact sheet: everything between the tabs and the footer.
    #[must_use]
    pub fn sheet(&self) -> Rect {
        let y = self.tabs.bottom();
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

    /// Returns the areas of a full-screen picture and of the captions below it.
    #[must_use]
    pub fn zoom_with_texts(&self) -> (Rect, Rect) {
        let area = self.zoom();
        let rows = (area.height * 3 / 10).clamp(5, 14);
        let [picture, captions] = Split::vertical([Constraint::Fill(1), Constraint::Length(rows)]).areas(area);
        (picture, captions)
    }
}

/// Returns a pane without its title row.
#[must_use]
pub fn inside(pane: Rect) -> Rect {
    Rect { y: pane.y + 1, height: pane.height.saturating_sub(1), ..pane }
}

/// Splits an area into columns, with one cell between them for the separator.
fn columns<const N: usize>(constraints: [Constraint; N], area: Rect) -> [Rect; N] {
    Split::horizontal(constraints).spacing(Spacing::Space(1)).areas(area)
}

fn cells(area: Rect) -> CellArea {
    CellArea { columns: area.width, rows: area.height }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn areas_are_on_the_screen_and_do_not_overlap(
            width in 40u16..400,
            height in 12u16..200,
            pictures in any::<bool>(),
        ) {
            let screen = Rect::new(0, 0, width, height);
            let layout = Layout::new(screen, pictures).expect("the screen is large enough");
            let mut parts = vec![layout.header, layout.tabs, layout.list, layout.caption, layout.footer];
            parts.extend(layout.picture);
            for (index, part) in parts.iter().enumerate() {
                prop_assert_eq!(part.intersection(screen), *part);
                prop_assert!(part.area() > 0);
                for other in &parts[index + 1..] {
                    prop_assert!(part.intersection(*other).is_empty(), "{:?} covers {:?}", part, other);
                }
            }
            prop_assert!(layout.viewport().list_rows > 0);
        }
    }

    #[test]
    fn a_tiny_screen_has_no_layout() {
        assert_eq!(Layout::new(Rect::new(0, 0, 39, 24), true), None);
        assert_eq!(Layout::new(Rect::new(0, 0, 80, 11), true), None);
    }
}
