//! The box above the filter prompt: examples, or the fields and values that complete the word at the cursor, with the
//! number of records that have them.

use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::popup::Popup;
use super::{RenderContext, clean};
use crate::review::FilterEntry;
use crate::review::query::{Aspect, Suggestion, Vocabulary, complete};
use crate::text::{self, thousands};

/// The maximum number of completions on the screen.
const ROWS: usize = 10;
/// The widest completion that widens its column.
const LONGEST: usize = 40;
const LEAST_WIDTH: usize = 44;

const EXAMPLES: [(&str, &str); 6] = [
    ("red \"wool coat\"", "text in the caption or file name"),
    ("status:to-review", "a tab or a decision"),
    ("lint:cut-off", "captions with this finding"),
    ("words:>50", "long captions; also 10..50"),
    ("flag: or note:", "flagged, or with a note"),
    ("not by:run (red or blue)", "combined"),
];

pub(super) fn popup(
    screen: Rect,
    entry: &FilterEntry,
    vocabulary: &Vocabulary,
    render: RenderContext,
) -> Option<Popup> {
    let theme = render.theme;
    let most = usize::from(screen.width.saturating_sub(4));
    let mut lines = Vec::new();
    let heading = if entry.text.trim().is_empty() {
        lines = examples(vocabulary, render);
        "filter: examples".to_owned()
    } else {
        let (choices, chosen) = match &entry.offered {
            Some(offered) => (offered.completion.choices.clone(), Some(offered.chosen)),
            None => (complete(&entry.text, entry.cursor_in_bytes(), vocabulary).choices, None),
        };
        // What can be completed is not an error yet.
        if let Some(error) = entry.error.as_ref().filter(|_| choices.is_empty()) {
            let part = clean(&entry.text[error.at.clone()]);
            let message = theme.words(&clean(&error.message)).into_owned();
            let is_named = part.is_empty() || message.contains(&part);
            let words = if is_named { message } else { format!("{part}: {message}") };
            lines.push(Line::styled(words, theme.bad));
        }
        lines.extend(suggestions(&choices, chosen, render));
        if vocabulary.is_complete() || choices.iter().all(|choice| choice.count.is_none()) {
            "filter".to_owned()
        } else {
            format!("counts in the first {} records", thousands(vocabulary.records()))
        }
    };
    if lines.is_empty() {
        return None;
    }
    let width = lines.iter().map(Line::width).max().unwrap_or(0).max(LEAST_WIDTH).min(most);
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    let paragraph = Paragraph::new(lines).wrap(Wrap { trim: false });
    let rows = clamp(paragraph.line_count(clamp(width)));
    Some(Popup::above(screen, (clamp(width), rows), &heading, vec![paragraph]))
}

fn examples(vocabulary: &Vocabulary, render: RenderContext) -> Vec<Line<'static>> {
    let theme = render.theme;
    let mut rows: Vec<(String, String)> =
        EXAMPLES.iter().map(|(query, meaning)| ((*query).to_owned(), (*meaning).to_owned())).collect();
    let most_frequent = |field: &str| vocabulary.values(field).first().map(|(_, count)| *count);
    // A value that several records share, from the data.
    let field = vocabulary.fields().max_by_key(|(field, _)| most_frequent(field)).map(|(field, _)| field);
    let of_data =
        field.and_then(|field| complete(&format!("{field}:"), field.len() + 1, vocabulary).choices.into_iter().next());
    rows.extend(of_data.map(|choice| (clean(&choice.text), "a field of the dataset".to_owned())));
    let width = rows.iter().map(|(query, _)| text::width(query).min(LONGEST)).max().unwrap_or(0);
    let mut lines: Vec<Line> = rows
        .into_iter()
        .map(|(query, meaning)| {
            let query = fitted(&query, width, render);
            Line::from(vec![Span::raw(format!("{query}  ")), Span::styled(meaning, theme.muted)])
        })
        .collect();
    let keys = Aspect::ALL.iter().map(|aspect| format!("{}:", aspect.key()));
    let fields = vocabulary.fields().map(|(field, _)| format!("{}:", clean(field)));
    let names = keys.chain(fields).collect::<Vec<_>>().join(" ");
    lines.push(Line::default());
    lines.push(Line::from(vec![Span::styled("Tab  ", theme.accent), Span::styled(names, theme.muted)]));
    lines
}

fn suggestions(choices: &[Suggestion], chosen: Option<usize>, render: RenderContext) -> Vec<Line<'static>> {
    let theme = render.theme;
    let width = choices.iter().map(|choice| text::width(&clean(&choice.text)).min(LONGEST)).max().unwrap_or(0);
    let counts: Vec<String> = choices.iter().map(|choice| choice.count.map(thousands).unwrap_or_default()).collect();
    let counts_width = counts.iter().map(String::len).max().unwrap_or(0);
    let first = chosen.map_or(0, |chosen| (chosen + 1).saturating_sub(ROWS));
    let rows = choices.iter().zip(&counts).enumerate().skip(first).take(ROWS);
    let mut lines: Vec<Line> = rows
        .map(|(index, (choice, count))| {
            let name = fitted(&clean(&choice.text), width, render);
            let (count, meaning) = (format!("  {count:>counts_width$}"), format!("  {}", choice.meaning));
            if chosen == Some(index) {
                return Line::styled(format!("{name}{count}{meaning}"), theme.selected);
            }
            let count_style = if choice.count == Some(0) { theme.muted } else { theme.accent };
            Line::from(vec![Span::raw(name), Span::styled(count, count_style), Span::styled(meaning, theme.muted)])
        })
        .collect();
    let hidden = choices.len() - lines.len();
    if hidden > 0 {
        lines.push(Line::styled(format!("{} {hidden} more", theme.glyphs.ellipsis), theme.muted));
    }
    lines
}

/// Truncates or pads a text to a width.
fn fitted(words: &str, width: usize, render: RenderContext) -> String {
    let words = text::truncate_to_width(words, width, render.theme.glyphs.ellipsis);
    format!("{words}{}", " ".repeat(width - text::width(&words)))
}
