//! What the session has come to: the page of `recaption stats`, in a box.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::popup::Popup;
use super::{Look, clean};
use crate::report::{Bars, RowKind};
use crate::review::Model;
use crate::tui::theme::Glyphs;

pub(super) fn popup(screen: Rect, top: u16, model: &Model, look: Look) -> Popup {
    let lines = lines(model, look);
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let width = clamp(lines.iter().map(Line::width).max().unwrap_or(0)).max(24);
    let rows = clamp(lines.len()).min(screen.height.saturating_sub(2));
    let last = clamp(lines.len()).saturating_sub(rows);
    let paragraph = Paragraph::new(lines).scroll((top.min(last), 0));
    Popup::new(screen, (width, rows), "statistics", vec![paragraph])
}

fn lines(model: &Model, look: Look) -> Vec<Line<'static>> {
    let theme = look.theme;
    let figures = match &model.figures {
        None => return vec![Line::styled(format!("counting{}", theme.glyphs.ellipsis), theme.busy)],
        Some(Err(error)) => return vec![Line::styled(clean(error), theme.bad)],
        Some(Ok(figures)) => figures,
    };
    let bars = if theme.glyphs == Glyphs::ASCII { Bars::Ascii } else { Bars::Blocks };
    let rows = figures.page(bars).rows.into_iter();
    rows.map(|row| match row.kind {
        RowKind::Heading => Line::styled(row.text, theme.accent),
        RowKind::Plain => Line::raw(row.text),
        RowKind::Remark => Line::styled(row.text, theme.muted),
    })
    .collect()
}
