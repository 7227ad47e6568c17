//! Moves between records, tabs and the versions of a record.

use crate::dataset::RecordId;
use crate::report::Bars;
use crate::review::{CaptionView, Effect, Mode, Model, NoticeKind, Tab, Version};

/// Moves the cursor to a record, which need not be in view.
pub(super) fn go_to(model: &mut Model, record: RecordId) {
    if model.list.cursor != Some(record) {
        model.list.cursor = Some(record);
        model.caption = CaptionView::default();
        model.caption.reading = Some(model.shown(record));
    }
    model.list.position = model.view().position(record);
}

fn go_to_position(model: &mut Model, position: usize) {
    let view = model.view();
    let position = position.min(view.len().saturating_sub(1));
    if let Some(record) = view.nth(position) {
        model.list.forward = position >= model.list.position;
        go_to(model, record);
    }
}

/// Moves the cursor by rows.
pub(super) fn step(model: &mut Model, rows: isize) {
    go_to_position(model, model.list.position.saturating_add_signed(rows));
}

/// Moves the cursor by a page, or by a fraction of one.
pub(super) fn page(model: &mut Model, direction: isize, fraction: u16) {
    step(model, direction * rows_of_page(model, fraction));
}

/// The rows of the list, or a fraction of them.
pub(super) fn rows_of_page(model: &Model, fraction: u16) -> isize {
    isize::try_from((model.viewport.list_rows / fraction).max(1)).unwrap_or(1)
}

pub(super) fn top(model: &mut Model) {
    go_to_position(model, 0);
}

/// Goes to the end, and again to the real one once the dataset is indexed, unless the operator went elsewhere.
pub(super) fn bottom(model: &mut Model) {
    go_to_position(model, usize::MAX);
    model.list.to_end = model.list.cursor.filter(|_| !model.indexed);
}

/// Goes to the end if that was asked for before it was known.
pub(super) fn end_known(model: &mut Model) {
    if let Some(waiting) = model.list.to_end.take()
        && model.list.cursor == Some(waiting)
    {
        bottom(model);
    }
}

/// Scrolls the help or the messages, or moves the cursor of the statistics.
pub(super) fn scroll_page(model: &mut Model, rows: isize) {
    let (last, last_message) = (last_row_of_figures(model), model.messages.last_index());
    match &mut model.mode {
        Mode::Help(page) => page.top = scrolled(page.top, rows).min(page.last_top),
        Mode::Messages(first) => *first = first.saturating_add_signed(rows).min(last_message),
        Mode::Statistics(row) => *row = row.saturating_add_signed(rows).min(last),
        _ => {}
    }
}

fn last_row_of_figures(model: &Model) -> usize {
    let Some(Ok(figures)) = &model.figures else { return 0 };
    figures.page(Bars::Blocks).rows.len().saturating_sub(1)
}

/// Goes to the next or previous caption of the image, and from the last one to the first.
pub(super) fn to_sibling(model: &mut Model, forward: bool) {
    let Some(cursor) = model.list.cursor else { return };
    let siblings = model.siblings(cursor);
    let Some(last) = siblings.end.checked_sub(siblings.start + 1).filter(|last| *last > 0) else {
        return model.notify(NoticeKind::Info, "this image has one caption");
    };
    let number = cursor.0 - siblings.start;
    let next = match (forward, number) {
        (true, number) if number == last => 0,
        (true, number) => number + 1,
        (false, 0) => last,
        (false, number) => number - 1,
    };
    let next = RecordId(siblings.start + next);
    if !model.members().contains(next) {
        model.set_tab(Tab::All);
    }
    go_to(model, next);
}

/// Goes to a record by its number, counted from 1.
pub(super) fn to_number(model: &mut Model, number: Option<u64>) {
    let (Some(number), total) = (number, model.tabs.total()) else { return };
    let record = number.checked_sub(1).and_then(|index| u32::try_from(index).ok()).filter(|index| *index < total);
    match record.map(RecordId) {
        None => model.notify(NoticeKind::Warning, format!("no record {number}: the last is {total}")),
        Some(record) if !model.tabs.lists(record) => {
            model.notify(NoticeKind::Warning, format!("record {number} is not in the sample"));
        }
        Some(record) => {
            model.set_tab(Tab::All);
            go_to(model, record);
        }
    }
}

/// Moves on after a decision, unless it cannot be stored. At the end of the list, reports the records left.
pub(super) fn advance(model: &mut Model) {
    if model.unstored.is_some() {
        return;
    }
    let from = model.list.cursor;
    move_on(model);
    model.advanced = from.map(|from| (from, model.list.cursor));
}

/// Goes back to the record whose decision could not be stored, unless the operator went elsewhere since.
pub(super) fn go_back(model: &mut Model) {
    if let Some((from, to)) = model.advanced.take()
        && model.list.cursor == to
        && model.mode == Mode::Browse
        && !model.is_durable(from)
    {
        go_to(model, from);
    }
}

fn move_on(model: &mut Model) {
    let view = model.view();
    let is_last = model.list.position + 1 >= view.len();
    if !is_last {
        go_to_position(model, model.list.position + 1);
    }
    let complete = model.spot_figures().filter(|figures| figures.pending() == 0);
    if let Some(summary) = complete.and_then(|figures| figures.summary()) {
        model.notify(NoticeKind::Info, format!("sample complete: {summary} · :report saves a report"));
        return;
    }
    let left = model.tabs.count(Tab::ToReview);
    let is_end = model.indexed && left == 0 && model.spot.is_none();
    model.is_summary_shown = is_end && (is_last || !model.is_summary_seen);
    model.is_summary_seen = is_end;
    if !is_last && !model.is_summary_shown {
        return;
    }
    let text = match left {
        _ if !model.indexed => "end of the list so far · the dataset is still loading".to_owned(),
        0 => model.rest(),
        1 => "end of the list · 1 record to review".to_owned(),
        _ => format!("end of the list · {left} records to review"),
    };
    model.notify(NoticeKind::Info, text);
}

/// Goes to the next or previous undecided record, wrapping around; if there are none, to a skipped one.
pub(super) fn to_review(model: &mut Model, forward: bool) {
    let undecided = model.members_of(Tab::ToReview);
    let waiting = if undecided.is_empty() { model.members_of(Tab::Skipped) } else { undecided };
    let next = match model.list.cursor {
        Some(cursor) => waiting.next(cursor, forward),
        None => waiting.nth(if forward { 0 } else { waiting.len().saturating_sub(1) }),
    };
    match next {
        Some(record) => {
            if !model.members().contains(record) {
                model.set_tab(Tab::All);
            }
            model.list.forward = forward;
            go_to(model, record);
        }
        None if model.filter.is_some() => {
            model.notify(NoticeKind::Info, "nothing to review in this filter · F clears it");
        }
        None => {
            model.is_summary_shown = model.indexed && model.tabs.total() > 0 && model.spot.is_none();
            model.notify(NoticeKind::Info, "nothing to review");
        }
    }
}

/// Shows a tab, at the record where it was left, else at the same record, or at the nearest one in it.
pub(super) fn show_tab(model: &mut Model, tab: Tab) {
    let left_at = model.tab_cursors.get(&tab).copied().filter(|_| tab != model.list.tab);
    model.set_tab(tab);
    let origin = left_at.map(|cursor| cursor.record).or(model.list.cursor);
    let view = model.members();
    let near = origin.map_or(0, |origin| view.position(origin)).min(view.len().saturating_sub(1));
    match view.nth(near) {
        Some(record) => go_to(model, record),
        None => model.list.cursor = None,
    }
    if let Some(cursor) = left_at {
        model.list.top = model.list.position.saturating_sub(cursor.row);
    }
}

/// Moves to the clicked row or thumbnail.
pub(super) fn click(model: &mut Model, row: u16) {
    let first = model.sheet_page().map_or(model.list.top, |page| page.start);
    click_position(model, first + usize::from(row));
}

/// Moves to the clicked position of the list.
pub(super) fn click_position(model: &mut Model, position: usize) {
    if model.mode == Mode::Browse && position < model.view().len() {
        go_to_position(model, position);
    }
}

/// Scrolls the caption within its text.
pub(super) fn scroll(model: &mut Model, rows: isize) {
    let CaptionView { extent, scroll, .. } = model.caption;
    let row = extent.row(scroll.saturating_add(rows));
    model.caption.scroll = row.cast_signed().saturating_sub_unsigned(extent.top);
}

fn scrolled(top: u16, rows: isize) -> u16 {
    u16::try_from(isize::try_from(top).unwrap_or(0).saturating_add(rows).max(0)).unwrap_or(u16::MAX)
}

/// Shows a newer or older version.
pub(super) fn version(model: &mut Model, later: bool) {
    let Some(record) = model.list.cursor else { return };
    let versions = model.versions(record);
    if versions.len() == 1 {
        model.notify(NoticeKind::Info, "no candidate yet");
        return;
    }
    let shown = model.shown(record);
    let place = versions.iter().position(|version| *version == shown).unwrap_or(0);
    let next = if later { (place + 1).min(versions.len() - 1) } else { place.saturating_sub(1) };
    model.caption.chosen = versions.get(next).copied().or(Some(Version::Original));
    model.caption.reading = model.caption.chosen;
    model.caption.scroll = 0;
}

/// Copies the caption shown to the clipboard.
pub(super) fn copy(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(about) = model.list.cursor else { return };
    match model.text(about, model.shown(about)).filter(|text| !text.is_empty()) {
        Some(text) => {
            let text = text.into_owned();
            out.push(Effect::Copy(text));
            model.notify(NoticeKind::Info, "copied");
        }
        None => model.notify(NoticeKind::Warning, "no caption to copy"),
    }
}
