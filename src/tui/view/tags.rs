//! The table of tags with the number of captions that have them, and the completions in the editor.

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::popup::Popup;
use super::{RenderContext, clean};
use crate::review::{EditCompletion, Model, TagsPage};
use crate::text::{self, TagUnit, counted};
use crate::tui::theme::Theme;

/// The widest tag that widens its column.
const LONGEST: usize = 50;
/// The width of the table at least.
const LEAST_WIDTH: usize = 40;
/// The maximum number of completions on the screen.
const COMPLETIONS: u16 = 6;

pub(super) fn popup(screen: Rect, page: &TagsPage, model: &Model, render: RenderContext) -> Popup {
    let theme = render.theme;
    let height = screen.height.saturating_sub(2);
    let most = usize::from(screen.width.saturating_sub(4));
    let is_counting = model.known_tags.is_counting(TagUnit::Tags);
    let Some(table) = model.known_tags.table(TagUnit::Tags) else {
        let line = Line::styled(format!("counting{}", theme.glyphs.ellipsis), theme.busy);
        return Popup::new(screen, (24, 1), "tags", vec![Paragraph::new(line)]);
    };
    let mut footer = Vec::new();
    if table.left_out() > 0 {
        let left_out = counted(table.left_out(), "further tag", "further tags");
        footer.push(Line::styled(format!("{left_out} in captions not listed: too many or too long"), theme.muted));
    }
    let rows = usize::from(height).saturating_sub(footer.len()).max(1);
    let first = page.chosen.saturating_sub(rows / 2).min(page.rows.len().saturating_sub(rows));
    let shown = page.rows.iter().enumerate().skip(first).take(rows);
    let entries: Vec<_> = shown.filter_map(|(row, at)| table.get(*at).map(|entry| (row, entry))).collect();
    let digits = table.most_frequent().next().map_or(1, |entry| entry.captions.to_string().len());
    // Of the first ones, so that the table does not move while it scrolls.
    let widest = table.most_frequent().take(200).map(|entry| text::width(&clean(&entry.name)).min(LONGEST)).max();
    let width = (digits + 2 + widest.unwrap_or(0)).max(LEAST_WIDTH).min(most);
    let mut lines: Vec<Line> = entries
        .into_iter()
        .map(|(row, entry)| {
            let name = clean(&entry.name);
            let room = width.saturating_sub(digits + 2);
            let name = text::truncate_to_width(&name, room, theme.glyphs.ellipsis);
            let padding = " ".repeat(room - text::width(&name));
            let captions = format!("{:>digits$}  ", entry.captions);
            if row == page.chosen {
                return Line::styled(format!("{captions}{name}{padding}"), theme.selected);
            }
            Line::from(vec![Span::styled(captions, theme.accent), Span::raw(name.into_owned())])
        })
        .collect();
    if lines.is_empty() {
        let words = if page.search.is_empty() { "no tags" } else { "no tag with this text" };
        lines.push(Line::styled(words, theme.muted));
    }
    lines.extend(footer);
    let of = if page.search.is_empty() { String::new() } else { format!(" with {}", clean(&page.search)) };
    let more = if is_counting { theme.glyphs.ellipsis } else { "" };
    let count = counted(page.rows.len() as u64, "tag", "tags");
    let captions = counted(table.captions(), "caption", "captions");
    let heading = format!("{count}{of} in {captions}{more}");
    let heading = text::truncate_to_width(&heading, most.saturating_sub(2), theme.glyphs.ellipsis).into_owned();
    let width = width.max(text::width(&heading) + 2).min(most);
    let clamp = |number: usize| u16::try_from(number).unwrap_or(u16::MAX);
    Popup::new(screen, (clamp(width), clamp(lines.len())), &heading, vec![Paragraph::new(lines)])
}

/// Draws the completions of the word at the cursor, below it or, if there is no room, above it.
pub(super) fn draw_completions(
    frame: &mut Frame,
    area: Rect,
    cursor: Position,
    completion: &EditCompletion,
    theme: &Theme,
) {
    let (below, above) = (area.bottom().saturating_sub(cursor.y + 1), cursor.y.saturating_sub(area.y));
    let wanted = u16::try_from(completion.choices.len()).unwrap_or(u16::MAX).min(COMPLETIONS);
    let height = wanted.min(below.max(above));
    let rows = usize::from(height);
    let first = (completion.chosen + 1).saturating_sub(rows);
    let shown: Vec<_> = completion.choices.iter().enumerate().skip(first).take(rows).collect();
    let names: Vec<String> = shown.iter().map(|(_, choice)| clean(&choice.text)).collect();
    let counts: Vec<String> = shown.iter().map(|(_, choice)| choice.captions.to_string()).collect();
    let widest = |texts: &[String]| texts.iter().map(|text| text::width(text)).max().unwrap_or(0);
    let digits = widest(&counts);
    let room = widest(&names).min(LONGEST).min(usize::from(area.width).saturating_sub(digits + 6));
    let lines: Vec<Line> = shown
        .iter()
        .zip(names.iter().zip(&counts))
        .map(|((index, _), (name, count))| {
            let name = text::truncate_to_width(name, room, theme.glyphs.ellipsis);
            let padding = " ".repeat(room - text::width(&name));
            let style = if *index == completion.chosen { theme.selected } else { theme.text };
            let border = || Span::styled(theme.glyphs.vertical, theme.muted);
            Line::from(vec![border(), Span::styled(format!(" {name}{padding}  {count:>digits$} "), style), border()])
        })
        .collect();
    let width = u16::try_from(room + digits + 6).unwrap_or(u16::MAX).min(area.width);
    let y = if below >= height { cursor.y + 1 } else { cursor.y - height };
    // Below the start of the completed word, if it does not wrap.
    let inserted = completion.choices.get(completion.chosen).map_or(0, |choice| text::width(&clean(&choice.text)));
    let start = cursor.x.saturating_sub(u16::try_from(inserted + 2).unwrap_or(u16::MAX)).max(area.x);
    let x = start.min(area.right().saturating_sub(width));
    let place = Rect { x, y, width, height };
    frame.render_widget(Clear, place);
    frame.buffer_mut().set_style(place, theme.background);
    frame.render_widget(Paragraph::new(lines), place);
}
