//! The help: the keys of the context it was opened in, all commands and their keys, the command line, and the badges.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::highlight::highlighted;
use super::popup::Popup;
use super::{RenderContext, clean};
use crate::review::query::Pattern;
use crate::review::{Command, Context, Group, HelpPage};
use crate::text;
use crate::tui::keymap::Keymap;
use crate::tui::theme::Theme;

/// The width of a column, in cells.
const COLUMN: usize = 57;
/// The width of the keys, including the margin before them.
const KEYS: usize = 19;
/// The width of a help text, with a gap after it.
const HELP: usize = COLUMN - KEYS - 2;

/// A part of the help under a title.
struct Section {
    title: String,
    /// The keys, or what to type, and the meaning.
    rows: Vec<(String, String)>,
}

/// Returns the help, and the row at which it begins if it is scrolled to its end.
pub(super) fn popup(screen: Rect, page: &HelpPage, render: RenderContext) -> (Popup, u16) {
    let all = sections(page.context, render.keymap, render.theme);
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let columns = usize::from(screen.width.saturating_sub(6)).div_euclid(COLUMN).clamp(1, 3);
    // A search does not change the size.
    let rows = {
        let lines = lines(&all, &[], render.theme);
        rows_for(&lines, columns, usize::from(screen.height.saturating_sub(2)))
    };
    let words: Vec<String> = page.search.split_whitespace().map(str::to_lowercase).collect();
    let patterns: Vec<Pattern> = words.iter().filter_map(|word| Pattern::literal(word).ok()).collect();
    let found = matching(all, &words);
    let lines = if found.is_empty() {
        vec![Line::styled(format!("no key or command has \"{}\"", clean(&page.search)), render.theme.warning)]
    } else {
        lines(&found, &patterns, render.theme)
    };
    let heading = if page.search.is_empty() {
        "keys and commands".to_owned()
    } else {
        format!("keys with {}", clean(&page.search))
    };
    let size = (clamp(columns * COLUMN), clamp(rows));
    if columns == 1 {
        let last = clamp(lines.len().saturating_sub(rows));
        let paragraph = Paragraph::new(lines).scroll((page.top.min(last), 0));
        return (Popup::new(screen, size, &heading, vec![paragraph]), last);
    }
    // If not everything fits, the columns scroll and break anywhere.
    let last = lines.len().saturating_sub(columns * rows);
    let mut rest = &lines[usize::from(page.top).min(last)..];
    let is_all = lines.len() == rest.len() && fits(rest, columns, rows);
    let columns = (0..columns).map(|_| {
        let end = if is_all { break_at(rest, rows) } else { rest.len().min(rows) };
        let column;
        (column, rest) = rest.split_at(end);
        Paragraph::new(column.to_vec())
    });
    let columns = columns.collect();
    (Popup::new(screen, size, &heading, columns), if is_all { 0 } else { clamp(last) })
}

/// Keeps the rows that have every word, with the titles of their sections.
fn matching(sections: Vec<Section>, words: &[String]) -> Vec<Section> {
    let has = |title: &str, (left, right): &(String, String)| {
        let row = format!("{title} {left} {right}").to_lowercase();
        words.iter().all(|word| row.contains(word.as_str()))
    };
    let kept = sections.into_iter().map(|Section { title, mut rows }| {
        rows.retain(|row| has(&title, row));
        Section { title, rows }
    });
    kept.filter(|section| !section.rows.is_empty()).collect()
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

fn lines(sections: &[Section], patterns: &[Pattern], theme: &Theme) -> Vec<Line<'static>> {
    let patterns: Vec<&Pattern> = patterns.iter().collect();
    let mut lines = Vec::new();
    for Section { title, rows } in sections {
        if !lines.is_empty() {
            lines.push(Line::default());
        }
        lines.push(Line::styled(title.clone(), theme.accent));
        for (left, right) in rows {
            // A command with parameters may be wider than the keys.
            let width = (text::width(left) + 2).max(KEYS - 2);
            let left = Span::raw(format!("  {left:<width$}"));
            let right = text::truncate_to_width(right, HELP + KEYS - 2 - width, theme.glyphs.ellipsis).into_owned();
            let line = Line::from(vec![left, Span::styled(right, theme.muted)]);
            lines.push(highlighted(line, &patterns, theme.found));
        }
    }
    lines
}

fn sections(context: Context, keymap: &Keymap, theme: &Theme) -> Vec<Section> {
    let section = |title: &str, rows: Vec<(String, String)>| Section {
        title: title.to_owned(),
        rows: rows.into_iter().map(|(left, right)| (theme.words(&left).into_owned(), right)).collect(),
    };
    let here = section(&format!("Here: {}", context.title()), keys_of_context(context, keymap));
    let groups = Group::ALL.into_iter().map(|group| {
        let commands: Vec<Command> = Command::all().filter(|command| command.group() == group).collect();
        // Commands that differ in direction only share a line.
        let rows = commands
            .chunk_by(|one, next| one.help() == next.help())
            .filter_map(|commands| keys_and_help(keymap, commands, theme.glyphs.ellipsis));
        section(group.title(), rows.collect())
    });
    let badges = theme.glyphs.legend().map(|(glyph, meaning)| (glyph.to_owned(), meaning.to_owned()));
    let last = [section("Command line", command_lines(keymap)), section("Badges", badges.into())];
    std::iter::once(here).chain(groups).chain(last).filter(|section| !section.rows.is_empty()).collect()
}

/// Returns the keys of a context other than the list, whose keys are all commands.
fn keys_of_context(context: Context, keymap: &Keymap) -> Vec<(String, String)> {
    if matches!(context, Context::Browse | Context::Help) {
        return Vec::new();
    }
    let meaning = |command: Command| Some(command.label(context)).filter(|label| !label.is_empty());
    let bound: Vec<(Vec<String>, &str)> = Command::all()
        .map(|command| (keymap.keys(context, command), meaning(command).unwrap_or_else(|| command.help())))
        .filter(|(keys, _)| !keys.is_empty())
        .collect();
    let row = |commands: &[(Vec<String>, &str)]| {
        let keys = match commands {
            // As many as fit.
            [(keys, _)] => (1..=keys.len())
                .rev()
                .map(|count| keys[..count].join(" "))
                .find(|keys| text::width(keys) < KEYS - 2)
                .unwrap_or_default(),
            several => several.iter().filter_map(|(keys, _)| keys.first().cloned()).collect::<Vec<_>>().join(" "),
        };
        (keys, commands[0].1.to_owned())
    };
    // Commands that differ in direction only share a line.
    bound.chunk_by(|(_, one), (_, next)| one == next).map(row).collect()
}

/// Returns what else can be typed after `:`. Commands without a key are listed so in their groups.
fn command_lines(keymap: &Keymap) -> Vec<(String, String)> {
    let bound = |command: &Command| !keymap.keys(Context::Browse, *command).is_empty();
    let line = |command: Command| {
        let is_short = |name: &&str| name.replace(' ', "-") != command.name();
        let short: Vec<String> =
            command.abbreviations().iter().copied().filter(is_short).map(|name| format!(":{name}")).collect();
        let has_parameter = command.usage() != command.name();
        let typed = if has_parameter { format!(":{}", command.usage()) } else { short.join(" ") };
        let is_listed = has_parameter && !bound(&command);
        (!typed.is_empty() && !is_listed).then(|| (typed, command.description().to_owned()))
    };
    let named = (":NAME".to_owned(), "any command of the palette".to_owned());
    let listed = Command::all().filter(|command| command.is_in_palette(Context::Browse)).filter_map(line);
    listed.chain(std::iter::once(named)).collect()
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
    use crate::tui::theme::ColourScheme;

    #[test]
    fn every_help_text_fits_its_column() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        let theme = Theme::new(ColourScheme::Dark, false);
        for context in Context::ALL {
            for (keys, help) in sections(*context, &keymap, &theme).into_iter().flat_map(|section| section.rows) {
                let left = (text::width(&keys) + 2).max(KEYS - 2);
                assert!(left + text::width(&help) <= COLUMN - 4, "{keys}: {help}");
            }
        }
    }

    #[test]
    fn every_command_is_listed_with_its_arguments() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        let theme = Theme::new(ColourScheme::Dark, false);
        let rows: Vec<String> = sections(Context::Browse, &keymap, &theme)
            .into_iter()
            .flat_map(|section| section.rows)
            .map(|row| row.0)
            .collect();
        for typed in [":NUMBER", ":s/OLD/NEW/", ":prefix TEXT", ":report [FILE]", ":sort random [N]", ":w", ":stats"] {
            assert!(rows.iter().any(|row| row == typed), "{typed}: {rows:?}");
        }
    }

    #[test]
    fn the_keys_of_the_context_come_first() {
        let keymap = Keymap::defaults().expect("the embedded keymap is valid");
        let theme = Theme::new(ColourScheme::Dark, false);
        let first = &sections(Context::Zoom, &keymap, &theme)[0];
        assert_eq!((first.title.as_str(), first.rows.iter().any(|row| row.0 == "0")), ("Here: zoom", true));
        assert_eq!(sections(Context::Browse, &keymap, &theme)[0].title, "Move");
    }
}
