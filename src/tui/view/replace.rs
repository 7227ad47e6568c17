//! What a change to many captions would change, each with the words that go and come.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::popup::Popup;
use super::{Look, clean, key_hint};
use crate::review::{Action, Hit, Replacement, Scope};
use crate::text::{self, DiffKind};
use crate::tui::keymap::Context;

/// Words shown before the first one that changes.
const LEAD: usize = 24;

pub(super) fn popup(screen: Rect, replacement: &Replacement, look: Look) -> Popup {
    let width = screen.width.saturating_sub(8).min(120);
    let height = screen.height.saturating_sub(4);
    let rows = usize::from(height.saturating_sub(4)).max(1);
    let Replacement { hits, chosen, complete, change, scope, .. } = replacement;
    let first = chosen.saturating_sub(rows / 2).min(hits.len().saturating_sub(rows));
    let mut lines: Vec<Line> = hits
        .iter()
        .enumerate()
        .skip(first)
        .take(rows)
        .map(|(place, hit)| row(hit, place == *chosen, usize::from(width), look))
        .collect();
    lines.resize_with(rows, Line::default);
    let more = if *complete { "" } else { look.theme.glyphs.ellipsis };
    let scope = match scope {
        Scope::All => "of all",
        Scope::Marked => "of the marked",
        Scope::InView => "in view",
    };
    let count = format!("{} of {}{more} captions {scope}", replacement.wanted(), hits.len());
    lines.push(Line::default());
    let mut footer = vec![Span::styled(format!("{count}   "), look.theme.busy)];
    for (action, what) in [
        (Action::Submit, "change them"),
        (Action::Toggle, "leave out"),
        (Action::ToggleAll, "all or none"),
        (Action::Close, "leave"),
    ] {
        if let Some(key) = look.keymap.hint(Context::Replace, action) {
            footer.extend(key_hint(key, what, look.theme));
        }
    }
    lines.push(Line::from(footer));
    let heading = text::truncate_to_width(&clean(&change.to_string()), usize::from(width) - 4, "…").into_owned();
    Popup::new(screen, (width, height.saturating_sub(2)), &heading, vec![Paragraph::new(lines)])
}

/// One caption in one row: its number, and its words round the first that changes.
fn row(hit: &Hit, chosen: bool, width: usize, look: Look) -> Line<'static> {
    let theme = look.theme;
    let mark = if hit.on { theme.glyphs.accepted } else { theme.glyphs.undecided };
    let mut spans = vec![
        Span::styled(if chosen { theme.glyphs.generating } else { " " }, theme.accent),
        Span::styled(format!("{mark} "), theme.good),
        Span::styled(format!("{:>5}  ", u64::from(hit.record.0) + 1), theme.muted),
    ];
    let (before, after) = (text::sanitize(&hit.before), text::sanitize(&hit.after));
    let segments = text::diff_words(&before, &after);
    let mut room = width.saturating_sub(10);
    for (place, segment) in segments.iter().enumerate() {
        let style = match segment.kind {
            _ if !hit.on => theme.muted,
            DiffKind::Same => theme.text,
            DiffKind::Removed => theme.removed,
            DiffKind::Added => theme.added,
        };
        let words = match (place, segment.kind) {
            (0, DiffKind::Same) => tail(segment.text, LEAD, theme.glyphs.ellipsis),
            _ => segment.text.to_owned(),
        };
        let gap = if segment.kind == DiffKind::Added && !words.starts_with(' ') { " " } else { "" };
        let shown = text::truncate_to_width(&words, room.saturating_sub(gap.len()), theme.glyphs.ellipsis).into_owned();
        room = room.saturating_sub(text::width(&shown) + gap.len());
        spans.push(Span::raw(gap));
        spans.push(Span::styled(shown, style));
        if room == 0 {
            break;
        }
    }
    Line::from(spans)
}

/// The last words of a text that take at most so many columns.
fn tail(words: &str, columns: usize, ellipsis: &str) -> String {
    if text::width(words) <= columns {
        return words.to_owned();
    }
    let mut start = words.len();
    for (place, character) in words.char_indices().rev() {
        if text::width(&words[place..]) + 1 > columns {
            break;
        }
        if character == ' ' {
            start = place;
        }
    }
    format!("{ellipsis}{}", &words[start..])
}
