//! The list. Each row has a badge, the number, the image file and the word count of the caption. A narrow list has no
//! names; on a narrow screen it is one row. Only the visible rows are rendered.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::clicks::{Clicks, Target};
use super::highlight::highlighted;
use super::{clean, title};
use crate::dataset::{self, Entry, RecordId, Sibling};
use crate::review::{JobState, Model, SortBy, Tab, Version, View};
use crate::session::Decision;
use crate::text;
use crate::tui::layout::{ListArea, inside};
use crate::tui::theme::Theme;

/// The minimum width of the title.
const MIN_HEADING: usize = 14;

/// The minimum width of the filter in the title.
const MIN_FILTER: usize = 8;

/// The width of the badge, the number and the glyphs of a neighbour in the list of one row.
const NEIGHBOUR: usize = 4;

pub(super) fn draw(frame: &mut Frame, list: ListArea, model: &Model, theme: &Theme, clicks: &mut Clicks) {
    let has_names = matches!(list, ListArea::Column(_));
    match list {
        ListArea::Column(area) | ListArea::Narrow(area) => draw_column(frame, area, has_names, model, theme, clicks),
        ListArea::Strip(area) => draw_strip(frame, area, model, theme, clicks),
        ListArea::Hidden => {}
    }
}

fn draw_column(frame: &mut Frame, area: Rect, has_names: bool, model: &Model, theme: &Theme, clicks: &mut Clicks) {
    let view = model.view();
    let position = list_position(model, &view, usize::from(area.width), theme);
    let heading_width = usize::from(area.width).saturating_sub(position.width() + 4);
    let heading = if has_names { heading(model, heading_width, theme) } else { Line::default() };
    title(frame, area, heading, position, theme);
    let rows = inside(area);
    if view.is_empty() {
        draw_empty(frame, rows, model, theme);
        return;
    }
    let number_width = model.tabs.total().to_string().len().max(3);
    for row in 0..rows.height {
        let Some(record) = view.nth(model.list.top + usize::from(row)) else { break };
        let at = Rect { y: rows.y + row, height: 1, ..rows };
        clicks.add(at, Target::Row(row));
        frame.render_widget(row_line(model, record, usize::from(rows.width), number_width, has_names, theme), at);
        if model.list.cursor == Some(record) {
            frame.buffer_mut().set_style(at, theme.selected);
        }
    }
}

/// Draws the map of the list over the line on its right: a cell for as many records as the list has rows. It shows the
/// part in view and, if all records are listed, which ones are reviewed. Its cost depends on the size of the screen.
pub(super) fn draw_map(frame: &mut Frame, list: ListArea, model: &Model, theme: &Theme, clicks: &mut Clicks) {
    let (ListArea::Column(area) | ListArea::Narrow(area)) = list else { return };
    let rows = inside(area);
    let (height, total) = (usize::from(rows.height), model.view().len());
    if total <= height {
        return;
    }
    let in_view = model.list.top..model.list.top + height;
    for row in 0..rows.height {
        let start = |row: u16| usize::from(row) * total / height;
        let (first, end) = (start(row), start(row + 1));
        let (glyph, style) = match model.to_review_in(first, end) {
            Some(0) => (theme.glyphs.map.1, theme.good),
            Some(to_review) if to_review < (end - first) as u64 => (theme.glyphs.map.0, theme.good),
            _ => (theme.glyphs.vertical, theme.muted),
        };
        let cell = Rect { x: rows.right(), y: rows.y + row, width: 1, height: 1 };
        clicks.add(cell, Target::Position(first));
        let style = if first < in_view.end && end > in_view.start { style.patch(theme.selected) } else { style };
        if let Some(cell) = frame.buffer_mut().cell_mut((cell.x, cell.y)) {
            cell.set_symbol(glyph).set_style(style);
        }
    }
}

/// Draws the list in one row: the current record with its name, and its neighbours.
fn draw_strip(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme, clicks: &mut Clicks) {
    let view = model.view();
    if view.is_empty() {
        draw_empty(frame, area, model, theme);
        return;
    }
    let position = list_position(model, &view, usize::from(area.width), theme);
    let position_width = u16::try_from(position.width()).unwrap_or(u16::MAX).min(area.width);
    let mut left = Line::default();
    if model.filter.is_some() || model.sort.is_some() || model.sorting.is_some() {
        left = heading(model, usize::from(area.width) / 3, theme);
    }
    let left_width = u16::try_from(left.width()).unwrap_or(u16::MAX).min(area.width - position_width);
    frame.render_widget(left, Rect { width: left_width, ..area });
    let position_area = Rect { x: area.right() - position_width, width: position_width, ..area };
    frame.render_widget(position, position_area);

    let mut room = usize::from(area.width - left_width - position_width);
    let cell = |at: usize| {
        let record = view.nth(at)?;
        let is_current = at == model.list.position;
        Some((at, strip_cell(model, record, is_current, room.saturating_sub(6 * NEIGHBOUR).max(8), theme)))
    };
    let Some(current) = cell(model.list.position) else { return };
    room = room.saturating_sub(current.1.width());
    let mut cells = std::collections::VecDeque::from([current]);
    // Alternately after and before, as many as fit.
    let (mut before, mut after) = (model.list.position.checked_sub(1), Some(model.list.position + 1));
    while before.is_some() || after.is_some() {
        for (side, is_after) in [(&mut after, true), (&mut before, false)] {
            let next = side.and_then(|at| {
                let record = view.nth(at)?;
                Some((at, strip_cell(model, record, false, 0, theme)))
            });
            let next = next.filter(|(_, line)| line.width() <= room);
            *side = next.as_ref().and_then(|(at, _)| if is_after { Some(at + 1) } else { at.checked_sub(1) });
            if let Some(next) = next {
                room -= next.1.width();
                if is_after { cells.push_back(next) } else { cells.push_front(next) }
            }
        }
    }
    let mut x = area.x + left_width;
    for (at, line) in cells {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX).min(position_area.x.saturating_sub(x));
        let cell = Rect { x, width, ..area };
        clicks.add(cell, Target::Position(at));
        frame.render_widget(line, cell);
        if at == model.list.position {
            frame.buffer_mut().set_style(cell, theme.selected);
        }
        x += width;
    }
}

/// Renders a record of the list of one row. Only the current one has a name.
fn strip_cell(model: &Model, record: RecordId, is_current: bool, name_width: usize, theme: &Theme) -> Line<'static> {
    let (badge, badge_style) = badge(model, record, theme);
    let number_style = if model.is_selected(record) { theme.accent } else { theme.muted };
    let (marks, words, words_style) = right(model, record, theme);
    let mut line = Line::from(vec![Span::raw(" "), Span::styled(badge, badge_style)]);
    line.push_span(Span::styled(format!(" {}", u64::from(record.0) + 1), number_style));
    if is_current {
        let name = Line::raw(format!(" {}", name(model, record, name_width.min(40), theme)));
        line.extend(highlighted(name, &model.highlighted_patterns(), theme.found).spans);
    }
    line.extend(
        marks
            .into_iter()
            .enumerate()
            .flat_map(|(index, mark)| [Span::raw(if index == 0 && is_current { " " } else { "" }), mark]),
    );
    if is_current {
        line.push_span(Span::styled(format!(" {}", words.trim_start()), words_style));
    }
    line.push_span(Span::raw(" "));
    line
}

/// Renders the position in the list, after the number of selected records if there is room.
fn list_position(model: &Model, view: &View, width: usize, theme: &Theme) -> Line<'static> {
    if view.is_empty() {
        return Line::default();
    }
    let position = format!(" {}/{} ", model.list.position + 1, view.len());
    let selected = selection_summary(model).filter(|words| words.len() + position.len() + MIN_HEADING < width);
    let selected = selected.map(|words| [Span::styled(format!(" {words} "), theme.accent), theme.glyphs.dot.into()]);
    let mut line = Line::default();
    line.extend(selected.into_iter().flatten());
    line.push_span(position);
    line.style(theme.muted)
}

/// Returns the number of selected records, if any.
pub(super) fn selection_summary(model: &Model) -> Option<String> {
    match (model.selection.count(), model.range_length()) {
        (0, None) => None,
        (0, Some(range)) => Some(format!("range of {range}")),
        (selected, None) => Some(format!("{selected} selected")),
        (selected, Some(range)) => Some(format!("{selected} selected + range of {range}")),
    }
}

/// Renders the title of the list: the filter and the sort order, if any.
pub(super) fn heading(model: &Model, width: usize, theme: &Theme) -> Line<'static> {
    let filter = model.filter.as_ref().map(|filter| clean(&filter.text));
    let min_width = filter.as_ref().map_or(0, |text| text::width(text).min(MIN_FILTER) + 2);
    let sort = sort_labels(model, theme).into_iter().find(|words| text::width(words) + 1 + min_width <= width);
    let sort_width = sort.as_ref().map_or(0, |words| text::width(words) + 1);
    let label = if filter.is_some() { " filter" } else { " records" };
    let mut line = Line::default();
    if sort_width == 0 || min_width + label.len() + sort_width < width {
        line.push_span(Span::styled(label, theme.muted));
    }
    if let Some(text) = filter {
        let available = width.saturating_sub(line.width() + sort_width + 2);
        let text = text::truncate_to_width(&text, available, theme.glyphs.ellipsis);
        line.push_span(Span::styled(format!(" {text}"), theme.accent));
    }
    line.extend(sort.map(|words| Span::styled(format!(" {words}"), theme.busy)));
    line.push_span(Span::raw(" "));
    line
}

/// Returns the sort order or the progress of a sort, from the full to the shortest form. Empty in file order.
fn sort_labels(model: &Model, theme: &Theme) -> Vec<String> {
    if let Some(sorting) = &model.sorting {
        let percent = (u64::from(sorting.seen) * 100).checked_div(u64::from(model.tabs.total())).unwrap_or(0);
        let words = format!("sorting{}", theme.glyphs.ellipsis);
        return if percent == 0 { vec![words] } else { vec![format!("{words} {percent} %"), words] };
    }
    let Some(sort) = model.sort else { return Vec::new() };
    let arrow = if sort.ascends() { theme.glyphs.ascending } else { theme.glyphs.descending };
    match sort.by {
        SortBy::Random(seed) => vec![format!("random, seed {seed}"), "random".to_owned()],
        by => vec![format!("by {} {arrow}", by.name()), format!("{}{arrow}", by.name()), arrow.to_owned()],
    }
}

pub(super) fn draw_empty(frame: &mut Frame, area: Rect, model: &Model, theme: &Theme) {
    let rest = model.rest();
    let words = match model.list.tab {
        _ if model.dataset_failure.is_some() => "cannot read the dataset",
        _ if model.is_drawing() => "drawing the sample",
        _ if model.filter.as_ref().is_some_and(|filter| !filter.hits.is_complete()) => "filtering",
        _ if model.filter.is_some() => "no records match the filter · F clears it",
        Tab::All if !model.indexed => "loading the dataset",
        Tab::All => "no records in this file",
        Tab::ToReview => &rest,
        Tab::Ready => "no unseen candidates · g a describes all",
        Tab::Decided => "no decisions yet · a accepts",
        Tab::Skipped => "no skipped records · f status:excluded lists excluded ones",
        Tab::Problems => "no problems or findings",
    };
    let middle = Rect { y: area.y + area.height / 3, height: area.height - area.height / 3, ..area };
    let paragraph = Paragraph::new(Line::styled(theme.words(words), theme.muted)).centered();
    frame.render_widget(paragraph.wrap(ratatui::widgets::Wrap { trim: true }), middle);
}

fn row_line(
    model: &Model,
    record: RecordId,
    width: usize,
    number_width: usize,
    has_names: bool,
    theme: &Theme,
) -> Line<'static> {
    let (badge, badge_style) = badge(model, record, theme);
    let number = format!(" {:>number_width$} ", record.0 + 1);
    let (marks, words, words_style) = right(model, record, theme);
    let words = if has_names { words } else { String::new() };
    let marks_width: usize = marks.iter().map(Span::width).sum();
    let name_width = width.saturating_sub(4 + number.len() + marks_width + words.len());
    let name = if has_names { name(model, record, name_width, theme) } else { String::new() };
    let gap = name_width.saturating_sub(text::width(&name));
    let (mark, number_style) =
        if model.is_selected(record) { (theme.glyphs.selected, theme.accent) } else { (" ", theme.muted) };
    let mut spans =
        vec![Span::styled(mark, theme.accent), Span::styled(badge, badge_style), Span::styled(number, number_style)];
    spans.extend(highlighted(Line::raw(name), &model.highlighted_patterns(), theme.found).spans);
    spans.push(Span::raw(" ".repeat(gap + 1)));
    spans.extend(marks);
    spans.push(Span::styled(words, words_style));
    spans.push(Span::raw(" "));
    Line::from(spans)
}

/// Returns the name of a record's file, or the beginning of an invalid line.
fn name(model: &Model, record: RecordId, width: usize, theme: &Theme) -> String {
    match model.entry(record) {
        Some(Entry::Record(line)) => record_title(line, width, theme.glyphs.ellipsis),
        Some(Entry::Bad(bad)) => {
            text::truncate_to_width(&clean(&bad.preview), width, theme.glyphs.ellipsis).into_owned()
        }
        None => String::new(),
    }
}

/// Returns the name of a record's file and, if its image has several captions, which one it is.
pub(super) fn record_title(record: &dataset::Record, width: usize, ellipsis: &str) -> String {
    let name = clean(&record.file_name);
    let place = record.sibling.as_ref().map(|sibling| format!(" {}", place(sibling))).unwrap_or_default();
    // A long name of a field takes at most half of the room.
    let place_width = text::width(&place).min(width.div_ceil(2));
    let name = file_title(&name, width.saturating_sub(place_width), ellipsis);
    let room = width.saturating_sub(text::width(&name));
    name + &text::truncate_to_width(&place, room, ellipsis)
}

/// Returns which one of the captions of an image it is: its field, or its number.
pub(super) fn place(sibling: &Sibling) -> String {
    let Sibling { number, of, field } = sibling;
    match field {
        Some(field) => clean(field),
        None => format!("{}/{of}", u64::from(*number) + 1),
    }
}

/// Shortens a path: omits the folders, then the middle of the file name, because names often differ at the end.
fn file_title(name: &str, width: usize, ellipsis: &str) -> String {
    let short = name.rsplit('/').next().unwrap_or(name);
    if text::width(short) <= width {
        return short.to_owned();
    }
    let tail: String = short.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect();
    let head = width.saturating_sub(text::width(&tail));
    if head < 4 {
        return text::truncate_to_width(short, width, ellipsis).into_owned();
    }
    format!("{}{tail}", text::truncate_to_width(short, head, ellipsis))
}

pub(super) fn badge(model: &Model, record: RecordId, theme: &Theme) -> (&'static str, Style) {
    let glyphs = &theme.glyphs;
    if matches!(model.entry(record), Some(Entry::Bad(_))) {
        return (glyphs.bad_line, theme.bad);
    }
    if let Some(job) = model.jobs.get(&record) {
        return match job.state {
            JobState::Queued | JobState::Waiting(_) => (glyphs.queued, theme.busy),
            JobState::Streaming(_) => (glyphs.generating, theme.busy),
        };
    }
    if !model.is_durable(record) {
        return (glyphs.pending, theme.muted);
    }
    let state = model.state(record);
    if model.is_rejected(record) {
        (glyphs.rejected, theme.bad)
    } else if state.is_ready() {
        (glyphs.ready, theme.warning)
    } else if model.batch.candidates().contains(record.0) && !state.decision.is_final() {
        (glyphs.in_batch, theme.busy)
    } else if state.failure.is_some() && !state.decision.is_final() {
        (glyphs.failed, theme.bad)
    } else {
        decision_badge(model.counted_decision(record), theme)
    }
}

pub(super) fn decision_badge(decision: &Decision, theme: &Theme) -> (&'static str, Style) {
    let glyphs = &theme.glyphs;
    match decision {
        Decision::Accepted { .. } => (glyphs.accepted, theme.good),
        Decision::Edited { .. } => (glyphs.edited, theme.good),
        Decision::Kept => (glyphs.kept, theme.good),
        Decision::Skipped => (glyphs.skipped, theme.muted),
        Decision::Excluded => (glyphs.excluded, theme.bad),
        Decision::Undecided => (glyphs.undecided, theme.muted),
    }
}

/// Renders the right end of a row: the flag, draft, picture and finding glyphs, and the number of words or tags of the caption shown.
pub(super) fn right(model: &Model, record: RecordId, theme: &Theme) -> (Vec<Span<'static>>, String, Style) {
    let state = model.state(record);
    let mut marks = Vec::new();
    let mut mark = |on: bool, glyph: &'static str, style: Style| {
        if on {
            marks.push(Span::styled(glyph, style));
        }
    };
    mark(state.flagged, theme.glyphs.flag, theme.warning);
    mark(state.draft.is_some(), theme.glyphs.draft, theme.warning);
    mark(model.tabs.is_bad_picture(record), theme.glyphs.no_picture, theme.bad);
    mark(state.amended.is_some(), theme.glyphs.changed, theme.accent);
    // Of the caption that a save would write, whichever is in view. In a blind check, findings could reveal which caption
    // is the original.
    let needs_attention = model.pair(record).is_none() && model.current_needs_attention(record);
    mark(needs_attention, theme.glyphs.finding, theme.warning);
    let version = model.shown(record);
    if version == Version::Original && model.other_caption(record).is_some() {
        return (marks, " JSON".to_owned(), theme.muted);
    }
    let Some(shown) = model.text(record, version) else { return (marks, String::new(), theme.muted) };
    let rules = &model.settings.rules;
    let (count, unit) = (rules.length(&shown), if rules.are_tags() { 't' } else { 'w' });
    let is_long = rules.max_length().is_some_and(|most| count > most);
    let style = if is_long { theme.warning } else { theme.muted };
    (marks, format!("{count:>4}{unit}"), style)
}
