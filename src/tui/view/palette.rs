//! The command palette, above the command line.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::RenderContext;
use super::popup::Popup;
use crate::review::{Command, CommandLine, Context};
use crate::text;

/// The maximum number of commands on the screen.
const ROWS: usize = 10;
const WIDTH: usize = 76;
/// The widths of the columns for the syntax and the keys.
const SYNTAX: usize = 28;
const KEYS: usize = 10;

pub(super) fn popup(screen: Rect, line: &CommandLine, render: RenderContext) -> Option<Popup> {
    let commands = line.matches();
    if commands.is_empty() {
        return None;
    }
    let width = WIDTH.min(usize::from(screen.width.saturating_sub(4)));
    let first = line.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(ROWS));
    let rows: Vec<Line> = commands
        .iter()
        .enumerate()
        .skip(first)
        .take(ROWS)
        .map(|(index, command)| row(*command, line.chosen == Some(index), width, render))
        .collect();
    let size = (u16::try_from(width).unwrap_or(u16::MAX), u16::try_from(rows.len()).unwrap_or(u16::MAX));
    Some(Popup::above(screen, size, "commands", vec![Paragraph::new(rows)]))
}

fn row(command: Command, is_selected: bool, width: usize, render: RenderContext) -> Line<'static> {
    let padded = |text: &str, width: usize| {
        let text = text::truncate_to_width(text, width, render.theme.glyphs.ellipsis).into_owned();
        let padding = " ".repeat(width - text::width(&text));
        text + &padding
    };
    let syntax = padded(&syntax(command), SYNTAX);
    let keys = padded(&render.theme.words(&render.keymap.keys(Context::Browse, command).join(" ")), KEYS);
    let description = padded(command.description(), width.saturating_sub(SYNTAX + KEYS + 2));
    if is_selected {
        // One style for the whole row.
        return Line::styled(format!("{syntax} {keys} {description}"), render.theme.selected);
    }
    Line::from(vec![
        Span::raw(format!("{syntax} ")),
        Span::styled(format!("{keys} "), render.theme.accent),
        Span::styled(description, render.theme.muted),
    ])
}

/// Returns the names of a command, with its parameter: `save, w` or `report [FILE]`.
fn syntax(command: Command) -> String {
    let (name, usage) = (command.name(), command.usage());
    match command.abbreviations() {
        _ if usage.len() > name.len() && usage.starts_with(name) => usage.to_owned(),
        _ if usage != name => format!("{name}, {usage}"),
        abbreviations => [&[name][..], abbreviations].concat().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_fits_its_columns() {
        for command in Command::all().filter(|command| command.is_in_palette(Context::Browse)) {
            assert!(text::width(&syntax(command)) <= SYNTAX, "{}", syntax(command));
            assert!(text::width(command.description()) <= WIDTH - SYNTAX - KEYS - 2, "{}", command.description());
        }
    }
}
