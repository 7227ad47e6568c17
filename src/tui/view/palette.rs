//! The command palette: what the line typed after `:` finds, above it.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Look;
use super::popup::Popup;
use crate::review::CommandLine;
use crate::text;
use crate::tui::keymap::Context;

/// Most actions shown at once.
const ROWS: usize = 10;
const WIDTH: usize = 64;
/// Columns of an action's name and of its keys.
const NAME: usize = 26;
const KEYS: usize = 10;

pub(super) fn popup(screen: Rect, line: &CommandLine, look: Look) -> Option<Popup> {
    let actions = line.actions();
    if actions.is_empty() {
        return None;
    }
    let width = WIDTH.min(usize::from(screen.width.saturating_sub(4)));
    let first = (line.chosen + 1).saturating_sub(ROWS);
    let rows: Vec<Line> = actions
        .iter()
        .enumerate()
        .skip(first)
        .take(ROWS)
        .map(|(place, action)| {
            let keys = look.keymap.keys(Context::Browse, *action).join(" ");
            let keys = text::truncate_to_width(&keys, KEYS, look.theme.glyphs.ellipsis).into_owned();
            let help = format!("{:<room$}", action.help(), room = width.saturating_sub(NAME + KEYS + 1));
            let help =
                text::truncate_to_width(&help, width.saturating_sub(NAME + KEYS + 1), look.theme.glyphs.ellipsis);
            let row = vec![
                Span::raw(format!("{:<NAME$}", action.name())),
                Span::styled(format!("{keys:<KEYS$} "), look.theme.accent),
                Span::styled(help.into_owned(), look.theme.muted),
            ];
            if place == line.chosen { Line::from(row).patch_style(look.theme.selected) } else { Line::from(row) }
        })
        .map(|row| if row.style == look.theme.selected { plain(&row) } else { row })
        .collect();
    let size = (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(rows.len()).unwrap_or(u16::MAX));
    Some(Popup::above(screen, size, "commands", vec![Paragraph::new(rows)]))
}

/// A row of one style: the chosen one has one ground, whatever colours its parts have.
fn plain(row: &Line<'static>) -> Line<'static> {
    let words: String = row.spans.iter().map(|span| span.content.as_ref()).collect();
    Line::styled(words, row.style)
}
