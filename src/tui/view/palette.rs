//! The command palette, above the command line.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::popup::Popup;
use super::{RenderContext, clean};
use crate::review::{Choice, Command, CommandLine};
use crate::text;

/// The smallest part of the screen's rows that the palette may take.
const LEAST_ROWS: usize = 10;
/// The widest line from the history that widens its column.
const LONGEST_LINE: usize = 40;
/// The cells between two columns.
const GAP: usize = 2;

/// The widths of the columns. They depend on all commands, so that they stay the same while the line is typed.
#[derive(Clone, Copy)]
struct Columns {
    syntax: usize,
    /// Zero if there is no room for it.
    keys: usize,
    description: usize,
}

impl Columns {
    /// Returns the columns for a width. If it is too small for the keys and the descriptions, the keys are left out; if
    /// it is still too small, descriptions go below.
    fn new(line: &CommandLine, choices: &[Choice], width: usize, render: RenderContext) -> Self {
        let listed = || Command::all().filter(|command| command.is_in_palette(line.context()));
        let widest = |text: &dyn Fn(Command) -> String| listed().map(|command| text::width(&text(command))).max();
        let history = choices.iter().filter_map(|choice| choice.line.as_ref());
        let history = history.map(|line| text::width(line).min(LONGEST_LINE)).max().unwrap_or(0);
        let syntax = widest(&syntax).unwrap_or(0).max(history);
        let keys = widest(&|command| keys(command, line, render)).unwrap_or(0);
        let description = widest(&|command| command.description().to_owned()).unwrap_or(0);
        let all = Self { syntax, keys, description };
        let without_keys = Self { keys: 0, ..all };
        [all, without_keys].into_iter().find(|columns| columns.width() <= width).unwrap_or(Self {
            syntax: syntax.min(width),
            keys: 0,
            description: 0,
        })
    }

    fn width(self) -> usize {
        let gap = |width: usize| if width == 0 { 0 } else { GAP };
        self.syntax + gap(self.keys) + self.keys + gap(self.description) + self.description
    }
}

pub(super) fn popup(screen: Rect, line: &CommandLine, render: RenderContext) -> Option<Popup> {
    let choices = line.rows();
    if choices.is_empty() {
        return None;
    }
    let available = usize::from(screen.width.saturating_sub(4));
    let columns = Columns::new(line, &choices, available, render);
    let width = if columns.description == 0 { available } else { columns.width() };
    let most = (usize::from(screen.height) / 2).max(LEAST_ROWS).min(usize::from(screen.height.saturating_sub(2)));
    let lines_per_choice = if columns.description == 0 { 2 } else { 1 };
    let shown = (most / lines_per_choice).clamp(1, choices.len());
    let first = line.chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(shown));
    let lines: Vec<Line> = choices
        .iter()
        .enumerate()
        .skip(first)
        .take(shown)
        .flat_map(|(index, choice)| row(choice, line, line.chosen == Some(index), columns, render))
        .collect();
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let heading = match choices.len() - shown {
        0 => "commands".to_owned(),
        _ => format!("commands {}-{} of {}", first + 1, first + shown, choices.len()),
    };
    let size = (clamp(width), clamp(lines.len()));
    Some(Popup::above(screen, size, &heading, vec![Paragraph::new(lines).wrap(Wrap { trim: false })]))
}

fn row(
    choice: &Choice,
    line: &CommandLine,
    is_selected: bool,
    columns: Columns,
    render: RenderContext,
) -> Vec<Line<'static>> {
    let theme = render.theme;
    let padded = |text: &str, width: usize| {
        let text = text::truncate_to_width(text, width, theme.glyphs.ellipsis);
        format!("{text}{}", " ".repeat(width - text::width(&text)))
    };
    let command = choice.command;
    let syntax = choice.line.as_ref().map_or_else(|| syntax(command), |line| clean(line));
    let syntax = padded(&syntax, columns.syntax);
    let description = command.description();
    let style = |style| if choice.is_possible { style } else { theme.muted };
    if columns.description == 0 {
        let style = if is_selected { theme.selected } else { style(theme.text) };
        return vec![Line::styled(syntax, style), Line::styled(format!("  {description}"), theme.muted)];
    }
    let gap = " ".repeat(GAP);
    let keys = match columns.keys {
        0 => String::new(),
        width => format!("{gap}{}", padded(&keys(command, line, render), width)),
    };
    let description = format!("{gap}{}", padded(description, columns.description));
    if is_selected {
        // One style for the whole row.
        return vec![Line::styled(format!("{syntax}{keys}{description}"), theme.selected)];
    }
    vec![Line::from(vec![
        Span::styled(syntax, style(theme.text)),
        Span::styled(keys, style(theme.accent)),
        Span::styled(description, theme.muted),
    ])]
}

fn keys(command: Command, line: &CommandLine, render: RenderContext) -> String {
    let here = render.keymap.keys(line.context(), command);
    let inherited = || line.context().fallback().map(|context| render.keymap.keys(context, command));
    let keys = if here.is_empty() { inherited().unwrap_or_default() } else { here };
    render.theme.words(&keys.join(" ")).into_owned()
}

/// Returns what to type for a command, with its parameter: `save, w` or `report [FILE]`.
fn syntax(command: Command) -> String {
    let (name, usage, abbreviations) = (command.name(), command.usage(), command.abbreviations());
    let begins_with = |name: &&str| usage.strip_prefix(name).is_some_and(|rest| rest.starts_with(' '));
    let begins = |names: &[&str]| names.iter().any(begins_with);
    match usage {
        _ if usage == name => {
            let is_spelling = |abbreviation: &&str| abbreviation.replace(' ', "-") == name;
            let names = abbreviations.iter().copied().filter(|abbreviation| !is_spelling(abbreviation));
            std::iter::once(name).chain(names).collect::<Vec<_>>().join(", ")
        }
        _ if usage.starts_with(name) || begins(abbreviations) => usage.to_owned(),
        _ => format!("{name}, {usage}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::Context;
    use crate::tui::keymap::Keymap;
    use crate::tui::theme::{ColourScheme, Theme};

    #[test]
    fn no_word_is_cut_at_80_columns() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        let theme = Theme::new(ColourScheme::Dark, false);
        let zone = &jiff::tz::TimeZone::UTC;
        let render =
            RenderContext { theme: &theme, keymap: &keymap, text_field: None, pending: &[], pictures: true, zone };
        for context in [Context::Browse, Context::Sheet] {
            let line = CommandLine::new("", context);
            let columns = Columns::new(&line, &line.rows(), 76, render);
            assert!(columns.keys > 0 && columns.description > 0, "all columns have room");
        }
    }

    #[test]
    fn a_command_is_listed_as_it_is_typed() {
        assert_eq!(syntax(Command::Save), "save, w");
        assert_eq!(syntax(Command::SortWords), "sort-words");
        assert_eq!(syntax(Command::SortRandom), "sort random [N]");
        assert_eq!(syntax(Command::ForceReport), "report! [FILE]");
        assert_eq!(syntax(Command::Substitute), "substitute, s/OLD/NEW/");
        assert_eq!(syntax(Command::Prefix), "prefix TEXT");
    }
}
