//! The help: the commands and their keys, and the badges.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::RenderContext;
use super::popup::Popup;
use crate::review::{Command, Context, Group};
use crate::text;
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;

/// The width of a column, in cells.
const COLUMN: usize = 56;
/// The width of the keys, including the margin before them.
const KEYS: usize = 18;
/// The width of a help text, with a gap after it.
const HELP: usize = COLUMN - KEYS - 2;

pub(super) fn popup(screen: Rect, top: u16, render: RenderContext) -> Popup {
    let lines = lines(render.keymap, render.theme);
    let columns = usize::from(screen.width.saturating_sub(6)).div_euclid(COLUMN).clamp(1, 3);
    let rows = rows_for(&lines, columns, usize::from(screen.height.saturating_sub(2)));
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let size = (clamp(columns * COLUMN), clamp(rows));
    if columns == 1 {
        let last = clamp(lines.len() - rows);
        return Popup::new(screen, size, "keys", vec![Paragraph::new(lines).scroll((top.min(last), 0))]);
    }
    // If not everything fits, the columns scroll and break anywhere.
    let capacity = columns * rows;
    let mut rest = &lines[usize::from(top).min(lines.len().saturating_sub(capacity))..];
    let is_all = lines.len() == rest.len() && fits(rest, columns, rows);
    let columns = (0..columns).map(|_| {
        let end = if is_all { break_at(rest, rows) } else { rest.len().min(rows) };
        let column;
        (column, rest) = rest.split_at(end);
        Paragraph::new(column.to_vec())
    });
    let columns = columns.collect();
    Popup::new(screen, size, "keys", columns)
}

/// Returns the smallest number of rows in which everything fits into the columns, at most `max`.
fn rows_for(lines: &[Line], columns: usize, max: usize) -> usize {
    if columns == 1 {
        return lines.len().min(max);
    }
    (lines.len().div_ceil(columns)..max).find(|rows| fits(lines, columns, *rows)).unwrap_or(max)
}

/// Returns true if everything fits into columns that break between groups.
fn fits(lines: &[Line], columns: usize, rows: usize) -> bool {
    let mut rest = lines;
    for _ in 0..columns {
        rest = &rest[break_at(rest, rows)..];
    }
    rest.is_empty()
}

/// Returns the number of lines in a column that ends after the last group that fits whole.
fn break_at(lines: &[Line], rows: usize) -> usize {
    if lines.len() <= rows {
        return lines.len();
    }
    (1..=rows).rev().find(|row| lines[row - 1].width() == 0).unwrap_or(rows)
}

fn lines(keymap: &Keymap, theme: &Theme) -> Vec<Line<'static>> {
    let line = |left: &str, right: &str| {
        let right = text::truncate_to_width(right, HELP, theme.glyphs.ellipsis).into_owned();
        Line::from(vec![Span::raw(format!("  {left:<width$}", width = KEYS - 2)), Span::styled(right, theme.muted)])
    };
    let mut lines = Vec::new();
    for group in Group::ALL {
        lines.push(Line::styled(group.title(), theme.accent));
        let commands: Vec<Command> = Command::all().filter(|command| command.group() == group).collect();
        // Commands that differ in direction only share a line.
        lines.extend(commands.chunk_by(|one, next| one.help() == next.help()).filter_map(|commands| {
            let (keys, help) = keys_and_help(keymap, commands, theme.glyphs.ellipsis)?;
            Some(line(&theme.words(&keys), &help))
        }));
        lines.push(Line::default());
    }
    lines.push(Line::styled("Badges", theme.accent));
    lines.extend(theme.glyphs.legend().map(|(glyph, meaning)| line(glyph, meaning)));
    lines
}

/// Returns the keys and the help of commands that share a line. Commands without a key are listed with their syntax.
fn keys_and_help(keymap: &Keymap, commands: &[Command], ellipsis: &str) -> Option<(String, String)> {
    let bound: Vec<(Vec<Context>, Vec<String>)> =
        commands.iter().filter_map(|command| keys(keymap, *command)).collect();
    let first = *commands.first()?;
    let keys = match &bound[..] {
        [] if first.is_in_palette(Context::Browse) => {
            return Some((format!(":{}", first.usage()), first.help().to_owned()));
        }
        [] => return None,
        [(_, keys)] => keys.join(" "),
        several => several.iter().filter_map(|(_, keys)| keys.first().cloned()).collect::<Vec<_>>().join(" "),
    };
    Some((keys, format!("{}{}", first.help(), contexts(&bound[0].0, ellipsis))))
}

/// Returns the contexts in which a command has keys, and its keys in the first of them.
fn keys(keymap: &Keymap, command: Command) -> Option<(Vec<Context>, Vec<String>)> {
    let contexts = Context::ALL.iter().copied().filter(|context| !context.lists_its_keys());
    let bound: Vec<Context> = contexts.filter(|context| !keymap.keys(*context, command).is_empty()).collect();
    let keys = keymap.keys(*bound.first()?, command);
    Some((bound, keys))
}

/// Returns the note on the contexts of a command that has no keys in the list.
fn contexts(bound: &[Context], ellipsis: &str) -> String {
    match bound {
        [] | [Context::Browse | Context::Help, ..] => String::new(),
        [only] => format!(" ({})", only.title()),
        [first, ..] => format!(" ({}, {ellipsis})", first.title()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_help_text_fits_its_column() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        for command in Command::all() {
            if let Some((keys, help)) = keys_and_help(&keymap, &[command], "…") {
                assert!(text::width(&help) <= HELP, "{}: {help}", command.name());
                assert!(text::width(&keys) < KEYS - 2, "{}: {keys}", command.name());
            }
        }
    }
}
