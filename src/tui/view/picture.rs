//! The picture, or in its place a calm word on why there is none.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::{clean, title};
use crate::preview::Painter;
use crate::review::Model;
use crate::tui::layout::inside;
use crate::tui::theme::Theme;

pub(super) fn draw(
    frame: &mut Frame,
    area: Rect,
    model: &Model,
    theme: &Theme,
    painter: Option<&mut Painter>,
    covers: &[Rect],
) {
    let facts = match model.preview() {
        Some(Ok(preview)) => format!(" {} ", preview.info()),
        Some(Err(_)) | None => String::new(),
    };
    title(frame, area, Line::styled(" picture ", theme.muted), Line::styled(facts, theme.muted), theme);
    draw_inside(frame, inside(area), model, theme, painter, covers);
}

/// The picture alone on the screen.
pub(super) fn draw_zoomed(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme, painter: Option<&mut Painter>) {
    draw_inside(frame, area, model, theme, painter, &[]);
}

fn draw_inside(
    frame: &mut Frame,
    area: Rect,
    model: &Model,
    theme: &Theme,
    painter: Option<&mut Painter>,
    covers: &[Rect],
) {
    match (painter, model.preview()) {
        (Some(painter), Some(Ok(preview))) => {
            painter.paint(preview, frame.buffer_mut(), area, covers);
            return;
        }
        (Some(painter), _) => painter.paint_nothing(),
        (None, _) => {}
    }
    let Some(cursor) = model.list.cursor else { return };
    match (model.preview(), model.line(cursor)) {
        (Some(Err(error)), Some(line)) => {
            let words = [
                Line::styled(format!("{} no picture", theme.glyphs.no_picture), theme.warning),
                Line::styled(clean(&line.file_name), theme.text),
                Line::styled(clean(&error.to_string()), theme.muted),
            ];
            say(frame, area, words.to_vec());
        }
        (_, Some(line)) => {
            let name = clean(line.file_name.rsplit('/').next().unwrap_or_default());
            say(frame, area, vec![Line::styled(format!("{name} {}", theme.glyphs.ellipsis), theme.muted)]);
        }
        (_, None) => {}
    }
}

fn say(frame: &mut Frame, area: Rect, lines: Vec<Line>) {
    let height = u16::try_from(lines.len()).unwrap_or(1);
    let top = area.height.saturating_sub(height) / 2;
    let middle = Rect { y: area.y + top, height: area.height - top, ..area };
    let middle = Rect { x: middle.x + 1, width: middle.width.saturating_sub(2), ..middle };
    frame.render_widget(Paragraph::new(lines).centered().wrap(Wrap { trim: true }), middle);
}
