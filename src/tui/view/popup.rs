//! A popup. It is laid out before anything is drawn, because the picture must not be painted below it.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::symbols::border;
use ratatui::text::Line;
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::text;
use crate::tui::theme::{Glyphs, Theme};

#[derive(Debug)]
pub(super) struct Popup {
    /// The area including the border.
    pub(super) area: Rect,
    heading: String,
    columns: Vec<Paragraph<'static>>,
}

impl Popup {
    /// Centres a popup with columns of equal width. `size` is the size of its content, limited by the screen.
    pub(super) fn new(screen: Rect, size: (u16, u16), heading: &str, columns: Vec<Paragraph<'static>>) -> Self {
        let width = size.0.saturating_add(4).min(screen.width);
        let height = size.1.saturating_add(2).min(screen.height);
        let x = screen.x + (screen.width - width) / 2;
        let y = screen.y + (screen.height - height) / 2;
        Self { area: Rect { x, y, width, height }, heading: heading.to_owned(), columns }
    }

    /// Places a popup at the bottom left, above the command line.
    pub(super) fn above(screen: Rect, size: (u16, u16), heading: &str, columns: Vec<Paragraph<'static>>) -> Self {
        let mut popup = Self::new(screen, size, heading, columns);
        popup.area.x = screen.x;
        popup.area.y = screen.bottom().saturating_sub(popup.area.height).max(screen.y);
        popup
    }

    /// Places a popup at the bottom of an area, in its full width up to a readable one.
    pub(super) fn docked(home: Rect, screen: Rect, rows: u16, heading: &str, column: Paragraph<'static>) -> Self {
        let size = (docked_width(home), rows);
        let mut popup = Self::new(screen, size, heading, vec![column]);
        popup.area.x = home.x;
        popup.area.y = home.bottom().saturating_sub(popup.area.height).max(screen.y);
        popup
    }

    pub(super) fn draw(self, frame: &mut Frame, theme: &Theme) {
        let heading = Line::styled(format!(" {} ", self.heading), theme.accent);
        let mut block = Block::bordered().border_style(theme.muted).title(heading);
        if theme.glyphs == Glyphs::ASCII {
            block = block.border_set(ASCII);
        }
        let area = self.area;
        // A wide character that extends below the edge would hide the border.
        for y in area.y..area.bottom() {
            let beside = area.x.checked_sub(1).and_then(|x| frame.buffer_mut().cell_mut((x, y)));
            if let Some(cell) = beside.filter(|cell| text::width(cell.symbol()) > 1) {
                cell.set_symbol(" ");
            }
        }
        frame.render_widget(Clear, area);
        frame.buffer_mut().set_style(area, theme.background);
        frame.render_widget(block, area);
        let inside = Rect {
            x: area.x + 2,
            y: area.y + 1,
            width: area.width.saturating_sub(4),
            height: area.height.saturating_sub(2),
        };
        let count = u16::try_from(self.columns.len()).unwrap_or(1).max(1);
        let width = inside.width / count;
        for (index, column) in self.columns.into_iter().enumerate() {
            let x = inside.x + u16::try_from(index).unwrap_or(0) * width;
            frame.render_widget(column, Rect { x, width, ..inside });
        }
    }
}

/// Returns the width of the content of a popup docked to an area.
pub(super) fn docked_width(home: Rect) -> u16 {
    const READABLE: u16 = 72;
    home.width.saturating_sub(4).min(READABLE)
}

/// Dims everything outside a popup but the picture.
pub(super) fn dim_behind(frame: &mut Frame, screen: Rect, popup: Rect, picture: Option<Rect>) {
    for position in screen.positions() {
        if popup.contains(position) || picture.is_some_and(|picture| picture.contains(position)) {
            continue;
        }
        if let Some(cell) = frame.buffer_mut().cell_mut(position) {
            cell.modifier.insert(Modifier::DIM);
        }
    }
}

pub(super) const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
