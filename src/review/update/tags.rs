//! The table of tags, and the completion of tags and words in the editor.

use std::sync::Arc;

use super::{edit, filter, layers, navigate, replace};
use crate::review::query;
use crate::review::tags::{EditCompletion, TagScan, TagsPage, query_of};
use crate::review::{
    Change, Context, Editor, Effect, Holds, Mode, Model, NoticeKind, ScanId, SessionStatus, Tab, Wanted,
};
use crate::text::{TagTable, TagUnit};

/// Opens the table. The tags are counted afresh, because captions change.
pub(super) fn open(model: &mut Model, out: &mut Vec<Effect>) {
    if model.session == SessionStatus::Opening || !model.indexed {
        let words = "the dataset or the session is still loading: try again in a moment";
        model.notify_while(NoticeKind::Warning, words, Holds::Loading);
        return;
    }
    count(model, TagUnit::Tags, out);
    let mut page = TagsPage::default();
    if let Some(table) = model.known_tags.table(TagUnit::Tags) {
        page.list(table);
    }
    model.mode = Mode::Tags(page);
}

/// Starts to count, instead of the count in progress.
fn count(model: &mut Model, unit: TagUnit, out: &mut Vec<Effect>) {
    out.extend(model.known_tags.scan.take().map(|(scan, _)| Effect::StopScan(scan)));
    let id = model.new_scan();
    model.known_tags.scan = Some((id, unit));
    out.push(Effect::CountTags(TagScan { id, unit, states: model.ledger.states() }));
}

/// Counts what the editor completes, unless that is known or being counted.
pub(super) fn prepare_completion(model: &mut Model, out: &mut Vec<Effect>) {
    let unit = model.completed_unit();
    if model.known_tags.table(unit).is_none() && !model.known_tags.is_counting(unit) {
        count(model, unit, out);
    }
}

pub(super) fn counted(model: &mut Model, id: ScanId, table: Arc<TagTable>, is_complete: bool) {
    if !model.known_tags.take(id, table, is_complete) {
        return;
    }
    if let (Mode::Tags(page), Some(table)) = (&mut model.mode, model.known_tags.table(TagUnit::Tags)) {
        page.list(table);
    }
}

pub(super) fn step(model: &mut Model, rows: isize) {
    if let Mode::Tags(page) = &mut model.mode {
        let last = page.rows.len().saturating_sub(1);
        page.chosen = page.chosen.saturating_add_signed(rows).min(last);
    }
}

pub(super) fn open_search(model: &mut Model) {
    if let Mode::Tags(page) = &mut model.mode {
        page.typing = true;
    }
}

pub(super) fn submit_search(model: &mut Model) {
    if let Mode::Tags(page) = &mut model.mode {
        page.typing = false;
    }
}

/// Lists only the tags with a text.
pub(super) fn search_for(model: &mut Model, text: String) {
    let Mode::Tags(page) = &mut model.mode else { return };
    page.search = text;
    page.chosen = 0;
    if let Some(table) = model.known_tags.table(TagUnit::Tags) {
        page.list(table);
    }
}

/// Clears the search, else closes the table.
pub(super) fn close(model: &mut Model, out: &mut Vec<Effect>) {
    match &mut model.mode {
        Mode::Tags(page) if page.typing || !page.search.is_empty() => {
            page.typing = false;
            search_for(model, String::new());
        }
        _ => leave(model, out),
    }
}

fn leave(model: &mut Model, out: &mut Vec<Effect>) {
    model.mode = Mode::Browse;
    out.extend(model.known_tags.scan.take().map(|(scan, _)| Effect::StopScan(scan)));
}

/// Closes the table and returns the name of the tag under its cursor.
fn take_chosen(model: &mut Model, out: &mut Vec<Effect>) -> Option<String> {
    let Mode::Tags(page) = &model.mode else { return None };
    let tag = model.chosen_tag(page)?.name.clone();
    leave(model, out);
    Some(tag)
}

/// Lists the records with the tag.
pub(super) fn list(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(tag) = take_chosen(model, out) else { return };
    let text = query_of(&tag);
    if let Ok(query) = query::parse(&text) {
        navigate::show_tab(model, Tab::All);
        filter::apply(model, text, query, out);
    }
}

/// Asks for the new name of the tag in all records.
pub(super) fn rename(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(tag) = take_chosen(model, out) else { return };
    layers::open_command_line(model, &format!("%rename-tag {tag}, "), Context::Browse);
}

/// Previews the removal of the tag from all records.
pub(super) fn remove(model: &mut Model, out: &mut Vec<Effect>) {
    let Some(tag) = take_chosen(model, out) else { return };
    replace::begin(model, Wanted { change: Change::RemoveTag(tag), everywhere: true }, out);
}

/// Completes the tag or word at the cursor of the editor, or inserts the next or previous completion.
pub(super) fn complete(model: &mut Model, forward: bool, out: &mut Vec<Effect>) {
    let unit = model.completed_unit();
    prepare_completion(model, out);
    let is_counted = model.known_tags.table(unit).is_some();
    let Mode::Edit(Editor { draft, offered, .. }) = &mut model.mode else { return };
    let completion = if let Some(mut completion) = offered.take() {
        completion.step(forward);
        Some(completion)
    } else {
        let cursor = draft.text.char_indices().nth(draft.cursor).map_or(draft.text.len(), |(at, _)| at);
        let mut completion = EditCompletion::at(&draft.text, cursor, unit, &model.known_tags);
        if let Some(completion) = completion.as_mut().filter(|_| !forward) {
            completion.step(false);
        }
        completion
    };
    let Some(completion) = completion else {
        let words = if is_counted { "no completion" } else { "still counting: try again in a moment" };
        model.notify(NoticeKind::Info, words);
        return;
    };
    (draft.text, draft.cursor) = completion.inserted();
    *offered = Some(completion);
    edit::store_draft(model, out);
}
