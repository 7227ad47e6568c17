//! The picture, or the reason if there is none.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::{RenderContext, caption, clean};
use crate::preview::Painter;
use crate::review::Model;
use crate::tui::layout::Layout;
use crate::tui::theme::Theme;

/// Draws the full-screen picture, with its captions if they are shown.
pub(super) fn draw_full_screen(
    frame: &mut Frame,
    layout: &Layout,
    model: &Model,
    render: RenderContext,
    painter: Option<&mut Painter>,
    covers: &[Rect],
) {
    if model.zoom_shows_texts() {
        let (picture, captions) = layout.zoom_with_texts(model.picture_shape());
        draw(frame, picture, model, render.theme, painter, covers);
        caption::draw(frame, captions, model, render);
    } else {
        draw(frame, layout.zoom(), model, render.theme, painter, covers);
    }
}

/// Draws the picture in the middle of an area, or the reason if there is none.
pub(super) fn draw(
    frame: &mut Frame,
    area: Rect,
    model: &Model,
    theme: &Theme,
    painter: Option<&mut Painter>,
    covers: &[Rect],
) {
    if let (Some(painter), Some(Ok(preview))) = (painter, model.preview()) {
        painter.paint(preview, frame.buffer_mut(), area, covers);
        return;
    }
    let Some(cursor) = model.list.cursor else { return };
    match (model.preview(), model.line(cursor)) {
        (Some(Err(error)), Some(line)) => {
            let lines = [
                Line::styled(format!("{} no picture", theme.glyphs.no_picture), theme.warning),
                Line::styled(clean(&line.file_name), theme.text),
                Line::styled(clean(&error.to_string()), theme.muted),
            ];
            draw_message(frame, area, lines.to_vec());
        }
        (_, Some(line)) => {
            let name = clean(line.file_name.rsplit('/').next().unwrap_or_default());
            draw_message(frame, area, vec![Line::styled(format!("{name} {}", theme.glyphs.ellipsis), theme.muted)]);
        }
        (_, None) => {}
    }
}

/// Draws a message in the middle of an area.
pub(super) fn draw_message(frame: &mut Frame, area: Rect, lines: Vec<Line>) {
    let height = u16::try_from(lines.len()).unwrap_or(1);
    let top = area.height.saturating_sub(height) / 2;
    let middle = Rect { y: area.y + top, height: area.height - top, ..area };
    let middle = Rect { x: middle.x + 1, width: middle.width.saturating_sub(2), ..middle };
    frame.render_widget(Paragraph::new(lines).centered().wrap(Wrap { trim: true }), middle);
}
