//! The recent messages, newest first.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::popup::Popup;
use super::status::notice_style;
use super::{RenderContext, clean};
use crate::review::{Message, Model, NoticeKind};
use crate::text;
use crate::tui::marked_text::wrapped;

/// The most columns of a message. Longer lines are hard to read.
const WIDTH: u16 = 100;
/// The columns of the time, with a gap after it.
const TIME: usize = 13;

/// Lays out the messages from number `first`, or from an earlier one that fills the page.
pub(super) fn popup(screen: Rect, first: usize, model: &Model, render: RenderContext) -> Popup {
    let width = screen.width.saturating_sub(4).min(WIDTH);
    let rows = usize::from(screen.height.saturating_sub(2));
    let blocks: Vec<_> = model.messages.iter().map(|message| block(message, width, model, render)).collect();
    let mut from = first.min(model.messages.last_index());
    let mut height: usize = blocks.iter().skip(from).map(Vec::len).sum();
    while let Some(before) = from.checked_sub(1).filter(|before| height + blocks[*before].len() <= rows) {
        height += blocks[before].len();
        from = before;
    }
    let mut lines: Vec<Line> = blocks.into_iter().skip(from).flatten().collect();
    if lines.is_empty() {
        lines.push(Line::styled("no messages yet", render.theme.muted));
    }
    let height = u16::try_from(lines.len().min(rows)).unwrap_or(u16::MAX);
    Popup::new(screen, (width, height), "messages", vec![Paragraph::new(lines)])
}

fn block(message: &Message, width: u16, model: &Model, render: RenderContext) -> Vec<Line<'static>> {
    let theme = render.theme;
    let glyph = match message.notice.kind {
        NoticeKind::Info => " ",
        NoticeKind::Warning => theme.glyphs.finding,
        NoticeKind::Error => theme.glyphs.failed,
    };
    let age = model.now.duration_since(message.at).unsigned_abs();
    let time = if age.as_secs() == 0 { "now".to_owned() } else { format!("{} ago", text::span(age)) };
    let words =
        Line::styled(theme.words(&clean(&message.notice.text)).into_owned(), notice_style(&message.notice, theme));
    let rows = wrapped(&words, usize::from(width).saturating_sub(TIME + 2));
    rows.into_iter()
        .enumerate()
        .map(|(row, mut line)| {
            let margin = if row == 0 { format!("{time:<TIME$}") } else { " ".repeat(TIME) };
            let glyph = if row == 0 { glyph } else { " " };
            line.spans.insert(0, Span::styled(margin, theme.muted));
            line.spans.insert(1, Span::styled(format!("{glyph} "), notice_style(&message.notice, theme)));
            line
        })
        .collect()
}
