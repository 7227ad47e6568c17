//! The session statistics, as printed by `recaption stats`.

use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

use super::popup::Popup;
use super::{RenderContext, clean};
use crate::report::{Bars, Row, RowKind};
use crate::review::Model;
use crate::text;
use crate::tui::theme::Glyphs;

pub(super) fn popup(screen: Rect, row: usize, model: &Model, render: RenderContext) -> Popup {
    let lines = lines(row, model, render);
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let width = clamp(lines.iter().map(Line::width).max().unwrap_or(0)).max(24);
    let rows = clamp(lines.len()).min(screen.height.saturating_sub(2));
    // If the page does not fit, the selected row stays in the middle.
    let last = clamp(lines.len()).saturating_sub(rows);
    let paragraph = Paragraph::new(lines).scroll((clamp(row).saturating_sub(rows / 2).min(last), 0));
    Popup::new(screen, (width, rows), "statistics", vec![paragraph])
}

fn lines(chosen: usize, model: &Model, render: RenderContext) -> Vec<Line<'static>> {
    let theme = render.theme;
    let figures = match &model.figures {
        None => return vec![Line::styled(format!("counting{}", theme.glyphs.ellipsis), theme.busy)],
        Some(Err(error)) => return vec![Line::styled(clean(error), theme.bad)],
        Some(Ok(figures)) => figures,
    };
    let bars = if theme.glyphs == Glyphs::ASCII { Bars::Ascii } else { Bars::Blocks };
    let rows = figures.page(bars).rows;
    let width = rows.iter().map(|row| text::width(&row.text)).max().unwrap_or(0);
    let line = |(index, row): (usize, Row)| {
        let style = match row.kind {
            _ if index == chosen => {
                let padding = " ".repeat(width.saturating_sub(text::width(&row.text)));
                return Line::styled(format!("{}{padding}", row.text), theme.selected);
            }
            RowKind::Heading => theme.accent,
            RowKind::Plain => theme.text,
            RowKind::Remark => theme.muted,
        };
        Line::styled(row.text, style)
    };
    rows.into_iter().enumerate().map(line).collect()
}
