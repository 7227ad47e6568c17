//! The picture, or in its place a calm word on why there is none.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Wrap};

use super::{Look, caption, clean, title};
use crate::preview::Painter;
use crate::review::{Mode, Model};
use crate::tui::layout::{Layout, inside};
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

/// The picture alone on the screen, or with its texts below it.
pub(super) fn draw_alone(frame: &mut Frame, layout: &Layout, model: &Model, look: Look, painter: Option<&mut Painter>) {
    let Mode::Zoom(closeup) = model.mode else { return };
    if closeup.texts {
        let (picture, texts) = layout.zoom_with_texts();
        draw_inside(frame, picture, model, look.theme, painter, &[]);
        caption::draw_side_by_side(frame, texts, model, look.theme);
    } else {
        draw_inside(frame, layout.zoom(), model, look.theme, painter, &[]);
    }
}

fn draw_inside(
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

pub(super) fn say(frame: &mut Frame, area: Rect, lines: Vec<Line>) {
    let height = u16::try_from(lines.len()).unwrap_or(1);
    let top = area.height.saturating_sub(height) / 2;
    let middle = Rect { y: area.y + top, height: area.height - top, ..area };
    let middle = Rect { x: middle.x + 1, width: middle.width.saturating_sub(2), ..middle };
    frame.render_widget(Paragraph::new(lines).centered().wrap(Wrap { trim: true }), middle);
}
