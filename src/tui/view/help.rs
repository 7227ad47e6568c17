//! The help: every action and its keys as they are bound now, and what the badges mean.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::Look;
use super::popup::Popup;
use crate::review::{Action, Group};
use crate::text;
use crate::tui::keymap::{Context, Keymap};
use crate::tui::theme::Theme;

const COLUMN: usize = 56;

pub(super) fn popup(screen: Rect, top: u16, look: Look) -> Popup {
    let lines = lines(look.keymap, look.theme);
    let columns = usize::from(screen.width.saturating_sub(6)).div_euclid(COLUMN).clamp(1, 3);
    let rows = rows_for(&lines, columns, usize::from(screen.height.saturating_sub(2)));
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let size = (clamp(columns * COLUMN), clamp(rows));
    if columns == 1 {
        let last = clamp(lines.len() - rows);
        return Popup::new(screen, size, "keys", vec![Paragraph::new(lines).scroll((top.min(last), 0))]);
    }
    // What does not fit is scrolled to; then columns end wherever they end.
    let capacity = columns * rows;
    let mut rest = &lines[usize::from(top).min(lines.len().saturating_sub(capacity))..];
    let is_all = lines.len() == rest.len() && fits(rest, columns, rows);
    let columns = (0..columns).map(|_| {
        let end = if is_all { break_at(rest, rows) } else { rest.len().min(rows) };
        let (here, after) = rest.split_at(end);
        rest = after;
        Paragraph::new(here.to_vec())
    });
    let columns = columns.collect();
    Popup::new(screen, size, "keys", columns)
}

/// The fewest rows in which everything fits into the columns.
fn rows_for(lines: &[Line], columns: usize, most: usize) -> usize {
    if columns == 1 {
        return lines.len().min(most);
    }
    (lines.len().div_ceil(columns)..most).find(|rows| fits(lines, columns, *rows)).unwrap_or(most)
}

/// Whether columns that end after whole chapters hold everything.
fn fits(lines: &[Line], columns: usize, rows: usize) -> bool {
    let mut rest = lines;
    for _ in 0..columns {
        rest = &rest[break_at(rest, rows)..];
    }
    rest.is_empty()
}

/// Where to end a column: after the last whole chapter that fits.
fn break_at(lines: &[Line], rows: usize) -> usize {
    if lines.len() <= rows {
        return lines.len();
    }
    (1..=rows).rev().find(|row| lines[row - 1].width() == 0).unwrap_or(rows)
}

fn lines(keymap: &Keymap, theme: &Theme) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    for group in Group::ALL {
        lines.push(Line::styled(group.title(), theme.accent));
        let actions: Vec<Action> = Action::ALL.iter().copied().filter(|action| action.group() == group).collect();
        // Actions that differ in their direction only share a line.
        lines.extend(actions.chunk_by(|one, next| one.help() == next.help()).filter_map(|alike| {
            let bound: Vec<(Context, Vec<String>)> = alike.iter().filter_map(|action| keys(keymap, *action)).collect();
            let context = bound.first()?.0;
            let keys = match &bound[..] {
                [(_, keys)] => keys.join(" "),
                several => several.iter().filter_map(|(_, keys)| keys.first().cloned()).collect::<Vec<_>>().join(" "),
            };
            let room = COLUMN - 18;
            let help = format!("{}{}", alike[0].help(), where_bound(context));
            Some(Line::from(vec![
                Span::raw(format!("  {keys:<14}")),
                Span::styled(text::truncate_to_width(&help, room, theme.glyphs.ellipsis).into_owned(), theme.muted),
            ]))
        }));
        lines.push(Line::default());
    }
    lines.push(Line::styled("Badges", theme.accent));
    lines.extend(theme.glyphs.legend().map(|(glyph, meaning)| {
        Line::from(vec![Span::raw(format!("  {glyph:<14}")), Span::styled(meaning, theme.muted)])
    }));
    lines
}

/// The keys of an action in the first context that has it. The questions that show their own keys are left out.
fn keys(keymap: &Keymap, action: Action) -> Option<(Context, Vec<String>)> {
    let contexts = [
        Context::Browse,
        Context::Edit,
        Context::Entry,
        Context::ConfirmQuit,
        Context::ConfirmOverwrite,
        Context::Zoom,
        Context::Sheet,
        Context::Search,
        Context::Filter,
        Context::Help,
    ];
    contexts.iter().find_map(|context| {
        let keys = keymap.keys(*context, action);
        (!keys.is_empty()).then_some((*context, keys))
    })
}

const fn where_bound(context: Context) -> &'static str {
    match context {
        Context::Edit => " (editor)",
        Context::Entry => " (note, command)",
        Context::Command => " (command)",
        Context::ConfirmQuit | Context::ConfirmOverwrite => " (when asked)",
        Context::Search => " (search)",
        Context::Filter => " (filter)",
        Context::Zoom => " (zoom)",
        Context::Sheet => " (contact sheet)",
        Context::Browse
        | Context::Statistics
        | Context::Help
        | Context::Reason
        | Context::Replace
        | Context::ConfirmSpending
        | Context::ConfirmMany => "",
    }
}
