//! The filter: `f` opens a line for a query, and the list follows it.

use std::sync::Arc;

use super::navigate;
use crate::dataset::RecordId;
use crate::review::query::{self, Completion, Query, Vocabulary, complete};
use crate::review::{Effect, Filter, FilterEntry, Matches, Mode, Model, NoticeKind, Offered, Scan, ScanId, Scanned};

/// Opens the query line with the current query.
pub(super) fn open(model: &mut Model, out: &mut Vec<Effect>) {
    let before = model.filter.clone().map(Box::new);
    let text = before.as_ref().map(|filter| filter.text.clone()).unwrap_or_default();
    model.mode = Mode::Filter(FilterEntry {
        cursor: text.chars().count(),
        text,
        error: None,
        is_incomplete: false,
        record: model.list.cursor,
        top: model.list.top,
        before,
        offered: None,
    });
    // The counts change with every decision.
    stop_collecting(model, out);
    let id = model.new_scan();
    model.collecting = Some(id);
    out.push(Effect::CollectVocabulary(id, model.snapshot()));
}

fn stop_collecting(model: &mut Model, out: &mut Vec<Effect>) {
    out.extend(model.collecting.take().map(Effect::StopScan));
}

/// Offers the fields and values collected, and reads the query again: its fields are known now.
pub(super) fn vocabulary_ready(model: &mut Model, id: ScanId, vocabulary: Vocabulary, out: &mut Vec<Effect>) {
    // Earlier counts of all records are more useful than those of the first ones.
    if model.collecting != Some(id) || model.vocabulary.is_complete() && !vocabulary.is_complete() {
        return;
    }
    model.vocabulary = vocabulary;
    if matches!(&model.mode, Mode::Filter(entry) if !entry.text.is_empty()) {
        read(model, false, out);
    }
}

/// Applies the changed query.
pub(super) fn typed(model: &mut Model, text: String, cursor: usize, out: &mut Vec<Effect>) {
    let Mode::Filter(entry) = &mut model.mode else { return };
    entry.cursor = cursor;
    if entry.text == text {
        return;
    }
    entry.text = text;
    entry.offered = None;
    read(model, false, out);
}

/// Filters by the text typed. While it is invalid, or its last word may become a key, the list keeps its last result.
fn read(model: &mut Model, is_final: bool, out: &mut Vec<Effect>) {
    let Mode::Filter(entry) = &mut model.mode else { return };
    let text = entry.text.trim().to_owned();
    let is_at_end = entry.cursor >= entry.text.chars().count();
    entry.is_incomplete = !is_final && is_at_end && query::is_incomplete(&entry.text, &model.vocabulary);
    match query::parse_known(&text, &model.vocabulary) {
        Ok(_) if entry.is_incomplete => {
            entry.error = None;
            return;
        }
        Err(error) => {
            entry.error = Some(error);
            return;
        }
        Ok(query) => {
            entry.error = None;
            apply(model, text, query, out);
        }
    }
    go_near_origin(model);
}

/// Filters by a query; by none, lists all records.
pub(super) fn apply(model: &mut Model, text: String, query: Option<Query>, out: &mut Vec<Effect>) {
    let Some(query) = query else {
        remove(model, out);
        return;
    };
    if let Some(filter) = model.filter.as_mut().filter(|filter| **filter.hits.query() == query) {
        filter.text = text;
        return;
    }
    let from = model.list.cursor.unwrap_or(RecordId(0));
    let listed = if let Some(filter) = model.filter.take() {
        out.extend(filter.hits.scan().map(Effect::StopScan));
        filter.hits.into_found()
    } else {
        model.tabs.all()
    };
    let (id, query) = (model.new_scan(), Arc::new(query));
    let hits = Matches::new(query.clone(), id, listed, model.tabs.order());
    model.filter = Some(Filter { text, hits });
    model.relist();
    out.push(Effect::Scan(Scan { id, query, records: None, from, now: model.snapshot() }));
}

/// Lists all records. The cursor stays on its record.
pub(super) fn remove(model: &mut Model, out: &mut Vec<Effect>) -> bool {
    let Some(filter) = model.filter.take() else { return false };
    out.extend(filter.hits.scan().map(Effect::StopScan));
    model.relist();
    true
}

/// Clears the filter, or reports that there is none.
pub(super) fn clear(model: &mut Model, out: &mut Vec<Effect>) {
    if !remove(model, out) {
        model.notify(NoticeKind::Info, "no filter · f sets one");
    }
}

/// Filters by the query and closes the line. An invalid query stays in it.
pub(super) fn submit(model: &mut Model, out: &mut Vec<Effect>) {
    read(model, true, out);
    match &model.mode {
        Mode::Filter(FilterEntry { error: Some(error), .. }) => {
            let error = error.to_string();
            model.notify(NoticeKind::Warning, error);
        }
        Mode::Filter(_) => {
            model.mode = Mode::Browse;
            stop_collecting(model, out);
        }
        _ => {}
    }
}

/// Cancels and restores the previous filter and the cursor.
pub(super) fn cancel(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Filter(entry) = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    stop_collecting(model, out);
    let as_before =
        entry.before.as_ref().map(|before| &before.text) == model.filter.as_ref().map(|filter| &filter.text);
    if !as_before {
        remove(model, out);
        model.filter = entry.before.map(|before| *before);
        // Its scan missed the records reported meanwhile.
        if let Some(filter) = &mut model.filter {
            filter.hits.set_order(model.tabs.order());
        }
        model.relist();
        restart_scan(model, out);
    }
    if let Some(record) = entry.record {
        navigate::go_to(model, record);
        model.list.top = entry.top;
    }
}

/// Filters again from scratch, because the session was reopened.
pub(super) fn restart_scan(model: &mut Model, out: &mut Vec<Effect>) {
    let (id, now) = (model.new_scan(), model.snapshot());
    if let Some(filter) = &mut model.filter {
        out.extend(filter.hits.scan().map(Effect::StopScan));
        filter.hits.restart(id);
        let query = filter.hits.query().clone();
        out.push(Effect::Scan(Scan { id, query, records: None, from: RecordId(0), now }));
    }
}

/// Scans the records again that changed while their lines were not loaded.
pub(in crate::review) fn rescan(model: &mut Model, out: &mut Vec<Effect>) {
    if !model.filter.as_ref().is_some_and(|filter| filter.hits.is_stale()) {
        return;
    }
    let (id, now) = (model.new_scan(), model.snapshot());
    let Some(filter) = &mut model.filter else { return };
    if let Some(records) = filter.hits.rescan(id) {
        let query = filter.hits.query().clone();
        out.push(Effect::Scan(Scan { id, query, records: Some(records), from: RecordId(0), now }));
    }
}

/// Applies the progress of a scan.
pub(super) fn scanned(model: &mut Model, scanned: &Scanned) {
    let Some(filter) = &mut model.filter else { return };
    let first = !filter.hits.is_complete();
    if !filter.hits.apply(scanned, model.tabs.order()) {
        return;
    }
    model.relist();
    // A record listed before this query is not pinned; one decided on under it is.
    if first {
        go_near_origin(model);
    }
}

/// Moves to the record nearest to the one under the cursor before.
fn go_near_origin(model: &mut Model) {
    let origin = match &model.mode {
        Mode::Filter(entry) => entry.record,
        _ => model.list.cursor,
    };
    let members = model.members();
    let near = origin.map_or(0, |origin| members.position(origin)).min(members.len().saturating_sub(1));
    match members.nth(near) {
        Some(record) => navigate::go_to(model, record),
        None => model.list.cursor = None,
    }
}

/// Completes the word at the cursor, or inserts the next or previous completion.
pub(super) fn complete_word(model: &mut Model, forward: bool, out: &mut Vec<Effect>) {
    let Mode::Filter(entry) = &mut model.mode else { return };
    let offered = if let Some(Offered { completion, chosen }) = entry.offered.take() {
        let last = completion.choices.len() - 1;
        let chosen = match (forward, chosen) {
            (true, chosen) if chosen == last => 0,
            (true, chosen) => chosen + 1,
            (false, 0) => last,
            (false, chosen) => chosen - 1,
        };
        Offered { completion, chosen }
    } else {
        let completion = complete(&entry.text, entry.cursor_in_bytes(), &model.vocabulary);
        if completion.choices.is_empty() {
            return;
        }
        Offered { completion, chosen: if forward { 0 } else { usize::MAX } }
    };
    let Completion { before, choices, after } = &offered.completion;
    let chosen = offered.chosen.min(choices.len() - 1);
    let head = format!("{before}{}", choices[chosen].text);
    entry.cursor = head.chars().count();
    entry.text = format!("{head}{after}");
    entry.offered = Some(Offered { chosen, ..offered });
    read(model, false, out);
}
