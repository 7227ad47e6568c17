//! The preview of a change to many captions: one row each, with a word diff.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::popup::Popup;
use super::{RenderContext, clean, key_hint};
use crate::review::{Command, Context, Hit, Model, Replacement, Scope};
use crate::text::{self, DiffKind};

/// The maximum number of columns of text before the first change.
const LEAD: usize = 24;

pub(super) fn popup(screen: Rect, replacement: &Replacement, model: &Model, render: RenderContext) -> Popup {
    let width = screen.width.saturating_sub(8).min(120);
    let height = screen.height.saturating_sub(4);
    let rows = usize::from(height.saturating_sub(5)).max(1);
    let Replacement { hits, chosen, complete, change, scope, .. } = replacement;
    let first = chosen.saturating_sub(rows / 2).min(hits.len().saturating_sub(rows));
    let shown = (first..first + rows).map_while(|index| Some((index, hits.get(index)?)));
    let mut lines: Vec<Line> =
        shown.map(|(index, hit)| row(&hit, model, index == *chosen, usize::from(width), render)).collect();
    lines.resize_with(rows, Line::default);
    let more = if *complete { "" } else { render.theme.glyphs.ellipsis };
    let scope = match scope {
        Scope::All => "in all records",
        Scope::Selected => "in selected records",
        Scope::InView => "in view",
    };
    let count = format!("{} of {}{more} captions {scope}", hits.wanted(), hits.len());
    lines.push(Line::default());
    lines.push(Line::styled(count, render.theme.busy));
    let mut footer = Vec::new();
    for command in [Command::Submit, Command::Toggle, Command::ToggleAll, Command::Close] {
        if let Some(key) = render.keymap.hint(Context::Replace, command) {
            footer.extend(key_hint(&key, command.label(Context::Replace), render.theme));
        }
    }
    lines.push(Line::from(footer));
    let heading =
        text::truncate_to_width(&clean(&change.to_string()), usize::from(width) - 4, render.theme.glyphs.ellipsis)
            .into_owned();
    Popup::new(screen, (width, height.saturating_sub(2)), &heading, vec![Paragraph::new(lines)])
}

/// Renders a caption: its number, and its text around the first change; until the record is loaded, its new text.
fn row(hit: &Hit, model: &Model, chosen: bool, width: usize, render: RenderContext) -> Line<'static> {
    let theme = render.theme;
    let mark = if hit.on { theme.glyphs.accepted } else { theme.glyphs.undecided };
    let mut spans = vec![
        Span::styled(if chosen { theme.glyphs.generating } else { " " }, theme.accent),
        Span::styled(format!("{mark} "), theme.good),
        Span::styled(format!("{:>5}  ", u64::from(hit.record.0) + 1), theme.muted),
    ];
    let before = model.current(hit.record);
    let before = text::sanitize(before.as_deref().unwrap_or(&hit.after));
    let after = text::sanitize(&hit.after);
    let segments = text::diff_words(&before, &after);
    let mut remaining = width.saturating_sub(10);
    for (index, segment) in segments.iter().enumerate() {
        let style = match segment.kind {
            _ if !hit.on => theme.muted,
            DiffKind::Same => theme.text,
            DiffKind::Removed => theme.removed,
            DiffKind::Added => theme.added,
        };
        let words = match (index, segment.kind) {
            (0, DiffKind::Same) => tail(segment.text, LEAD, theme.glyphs.ellipsis),
            _ => segment.text.to_owned(),
        };
        let gap = if segment.kind == DiffKind::Added && !words.starts_with(' ') { " " } else { "" };
        let shown =
            text::truncate_to_width(&words, remaining.saturating_sub(gap.len()), theme.glyphs.ellipsis).into_owned();
        remaining = remaining.saturating_sub(text::width(&shown) + gap.len());
        spans.push(Span::raw(gap));
        spans.push(Span::styled(shown, style));
        if remaining == 0 {
            break;
        }
    }
    Line::from(spans)
}

/// Returns the last words of a text that fit into a number of columns.
fn tail(words: &str, columns: usize, ellipsis: &str) -> String {
    if text::width(words) <= columns {
        return words.to_owned();
    }
    let mut start = words.len();
    for (start_of_word, character) in words.char_indices().rev() {
        if text::width(&words[start_of_word..]) + 1 > columns {
            break;
        }
        if character == ' ' {
            start = start_of_word;
        }
    }
    format!("{ellipsis}{}", &words[start..])
}
