//! The fields of a structured caption: the whole caption indented, with the field under the cursor marked, and the editor of a
//! field below it.

use std::ops::Range;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span, Text};

use super::mark;
use super::page::{Page, shown_form};
use crate::lint::Finding;
use crate::review::{Editor, Field, FieldsPage};
use crate::text::{self, Rows};
use crate::tui::marked_text::{Mark, MarkedText};
use crate::tui::text_field::TextField;
use crate::tui::view::clean;

/// Draws the list of fields, with the findings of the one under the cursor below it.
pub(super) fn draw(frame: &mut Frame, area: Rect, page: &Page, fields: FieldsPage) {
    let caption = page.model.edited_text(fields.record);
    let Some(field) = fields.field(&caption) else { return };
    let findings = page.model.findings_of_text(&caption);
    let is_here = |finding: &&Finding| finding.span.as_ref().is_none_or(|span| field.contains(&caption, span));
    let here: Vec<Finding> = findings.iter().filter(is_here).cloned().collect();
    let mut below = vec![heading(page, &field, None)];
    below.extend(page.findings(&here));
    let height = rows(below.len()).min(area.height / 2);
    let (above, bottom) = split(area, height);
    draw_caption(frame, above, page, &field, page.finding_marks(&findings));
    frame.render_widget(Text::from(below), bottom);
}

/// Draws the caption with the field marked, and the editor of the field below it.
pub(super) fn draw_editor(
    frame: &mut Frame,
    area: Rect,
    page: &Page,
    (editor, field): (&Editor, &Field),
    typed: &TextField,
) {
    let theme = page.theme;
    let mut below = match field.with_text(&editor.draft.text) {
        Ok(_) => page.findings(&page.model.findings_of_edit(editor)),
        Err(error) => vec![Line::styled(format!("{} {}", theme.glyphs.finding, clean(&error.to_string())), theme.bad)],
    };
    below.truncate(usize::from(area.height / 4));
    let field_height = typed.height(area.width).min(area.height / 2).max(1);
    let (above, bottom) = split(area, field_height + 1 + rows(below.len()));
    draw_caption(frame, above, page, field, Vec::new());
    let [top, input] = [
        Rect { height: 1.min(bottom.height), ..bottom },
        Rect { y: bottom.y + 1, height: field_height.min(bottom.height.saturating_sub(1)), ..bottom },
    ];
    frame.render_widget(heading(page, field, Some(&editor.draft.text)), top);
    mark(frame, bottom, 0..usize::from(input.height) + 1, theme);
    typed.draw(frame, input, theme.text, Vec::new());
    let rest = Rect { y: input.bottom(), height: bottom.bottom().saturating_sub(input.bottom()), ..bottom };
    frame.render_widget(Text::from(below), rest);
}

/// Returns the path of a field, with the number of words of a text in it.
fn heading(page: &Page, field: &Field, text: Option<&str>) -> Line<'static> {
    let theme = page.theme;
    let words = text::counted(text::word_count(text.unwrap_or(&field.text)) as u64, "word", "words");
    let room = page.width.saturating_sub(text::width(&words) + 2);
    let path = clean(&field.value.path);
    let path = text::truncate_to_width(&path, room, theme.glyphs.ellipsis).into_owned();
    let gap = " ".repeat(room.saturating_sub(text::width(&path)) + 2);
    let kind = if field.value.is_string { theme.muted } else { theme.warning };
    Line::from(vec![Span::styled(path, theme.accent), Span::raw(gap), Span::styled(words, kind)])
}

/// Draws as much of the caption as fits, with the field in view.
fn draw_caption(frame: &mut Frame, area: Rect, page: &Page, field: &Field, marks: Vec<Mark>) {
    let theme = page.theme;
    let columns = usize::from(area.width).max(1);
    let own = field.value.span.clone();
    let marks: Vec<Mark> = marks.into_iter().chain([(own.clone(), theme.selected)]).collect();
    let (text, marks) = shown_form(&field.caption, marks, theme);
    let chosen = marks.last().map_or(0..0, |(range, _)| range.clone());
    let rows = Rows::new(&text, Some(columns));
    let rows_of = rows_with(&rows, &chosen);
    let lines = MarkedText { text: &text, style: theme.text, marks }.lines(columns);
    let height = usize::from(area.height);
    let last = lines.len().saturating_sub(height);
    let middle = rows_of.start.midpoint(rows_of.end);
    let top = middle.saturating_sub(height / 2).min(rows_of.start).min(last);
    frame.render_widget(lines.into_iter().skip(top).take(height).collect::<Text>(), area);
    mark(frame, area, rows_of.start.saturating_sub(top)..rows_of.end.saturating_sub(top), theme);
}

/// Returns the rows that have a part of the text.
fn rows_with(rows: &Rows, part: &Range<usize>) -> Range<usize> {
    let has = |row: &usize| {
        let range = rows.range(*row);
        range.start < part.end && part.start < range.end
    };
    let first = (0..rows.len()).find(has).unwrap_or(0);
    first..(first..rows.len()).take_while(has).last().map_or(first, |last| last + 1)
}

fn rows(count: usize) -> u16 {
    u16::try_from(count).unwrap_or(u16::MAX)
}

/// Splits off rows at the bottom, below a blank one.
fn split(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    let above = Rect { height: area.height.saturating_sub(height.saturating_add(1)), ..area };
    (above, Rect { y: area.bottom() - height, height, ..area })
}
