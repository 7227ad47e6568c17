//! The caption pane: the versions of a caption, or the editor.

mod findings;
mod page;
mod words;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::{RenderContext, join_dots, title};
use crate::dataset::RecordId;
use crate::review::{Mode, Model, Version};
use crate::session::{Actor, Decision};
use crate::text;
use crate::tui::layout::inside;
use crate::tui::theme::Theme;
use page::Page;

/// The proportion of the pane for the editor. The original is below it.
const EDITOR_SHARE: (u16, u16) = (3, 5);

/// Draws the pane and returns the number of rows of its text.
pub(super) fn draw(frame: &mut Frame, area: Rect, model: &Model, render: RenderContext) -> u16 {
    let theme = render.theme;
    let inner = inside(area);
    let text_area = Rect { x: inner.x + 1, width: inner.width.saturating_sub(2), ..inner };
    let Some(record) = model.list.cursor else {
        title(frame, area, Line::styled(" caption ", theme.muted), Line::default(), theme);
        return 0;
    };
    let page = Page { model, record, theme, width: usize::from(text_area.width) };
    if let (Mode::Edit(editor), Some(text_field)) = (&model.mode, render.text_field) {
        let words = Line::from(vec![Span::raw(" "), page.count(&editor.draft.text), Span::raw(" ")]);
        let mut heading = Line::styled(" editing the caption ", theme.accent);
        if model.joins_lines(editor) {
            heading.push_span(Span::styled(format!("{} lines will be joined ", theme.glyphs.dot), theme.warning));
        }
        title(frame, area, heading, words, theme);
        let field = Rect { height: text_area.height * EDITOR_SHARE.0 / EDITOR_SHARE.1, ..text_area };
        text_field.draw(frame, field, theme.text, Vec::new());
        let rest = Rect { y: field.bottom(), height: text_area.height - field.height, ..text_area };
        frame.render_widget(Paragraph::new(page.original_alone()).wrap(Wrap { trim: false }), rest);
        return 0;
    }
    title(frame, area, Line::styled(" caption ", theme.muted), decision(model, record, theme), theme);
    let paragraph = Paragraph::new(page.body()).wrap(Wrap { trim: false });
    let rows = u16::try_from(paragraph.line_count(text_area.width)).unwrap_or(u16::MAX);
    let scroll = model.caption.scroll.min(rows.saturating_sub(inner.height));
    frame.render_widget(paragraph.scroll((scroll, 0)), text_area);
    if rows.saturating_sub(scroll) > inner.height {
        more_below(frame, inner, theme);
    }
    rows
}

/// Draws the original and the caption shown side by side, below a full-screen picture.
pub(super) fn draw_side_by_side(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme) {
    let decision = model.list.cursor.map(|record| decision(model, record, theme)).unwrap_or_default();
    title(frame, area, Line::styled(" caption ", theme.muted), decision, theme);
    let Some(record) = model.list.cursor else { return };
    let inner = inside(area);
    let is_original = model.pair(record).is_none() && model.shown(record) == Version::Original;
    let width = if is_original { inner.width.saturating_sub(2) } else { inner.width.saturating_sub(4) / 2 };
    let page = Page { model, record, theme, width: usize::from(width) };
    let mut column = |x, text| {
        let text = Paragraph::new(text).wrap(Wrap { trim: false });
        frame.render_widget(text, Rect { x, width, ..inner });
    };
    column(inner.x + 1, page.original_compared());
    if !is_original {
        column(inner.x + 3 + width, page.shown_compared());
    }
}

fn more_below(frame: &mut Frame, area: Rect, theme: &Theme) {
    let words = format!(" J more{} ", theme.glyphs.ellipsis);
    let width = u16::try_from(text::width(&words)).unwrap_or(0).min(area.width);
    let at = Rect { x: area.right() - width, y: area.bottom() - 1, width, height: 1 };
    frame.render_widget(Span::styled(words, theme.muted), at);
}

/// Returns the decision, for the title row.
fn decision(model: &Model, record: RecordId, theme: &Theme) -> Line<'static> {
    let state = model.state(record);
    let (glyph, style) = super::records::decision_badge(&state.decision, theme);
    let word = match &state.decision {
        // In a blind check, an earlier decision could reveal which caption is the original.
        _ if model.pair(record).is_some() => return Line::default(),
        Decision::Undecided => return Line::default(),
        Decision::Accepted { .. } => "accepted",
        Decision::Edited { .. } => "edited",
        Decision::Kept => "original kept",
        Decision::Skipped => "skipped",
        Decision::Excluded => "excluded",
    };
    let mut parts = vec![Span::styled(word, style)];
    if state.by == Actor::Run {
        parts.push(Span::styled("by a run", theme.muted));
    }
    if state.original_changed {
        parts.push(Span::styled("original changed", theme.warning));
    }
    let mut line = join_dots(parts, theme.muted, theme.glyphs.dot);
    line.spans.insert(0, Span::styled(format!(" {glyph} "), style));
    line.push_span(Span::raw(" "));
    line
}
