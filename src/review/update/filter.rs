//! The filter: `f` opens a line for a query, and the list follows it.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::navigate;
use crate::dataset::RecordId;
use crate::review::query::{self, Completion, Query, complete};
use crate::review::{Effect, Filter, FilterEntry, Matches, Mode, Model, NoticeKind, Offered, Scan, Scanned};
use crate::session::RecordState;

/// Records inspected for the names of models.
const MOST_ASKED: usize = 10_000;

/// Opens the query line with the current query.
pub(super) fn open(model: &mut Model, out: &mut Vec<Effect>) {
    let before = model.filter.clone().map(Box::new);
    let text = before.as_ref().map(|filter| filter.text.clone()).unwrap_or_default();
    model.mode = Mode::Filter(FilterEntry {
        cursor: text.chars().count(),
        text,
        error: None,
        record: model.list.cursor,
        top: model.list.top,
        before,
        offered: None,
    });
    if model.vocabulary.is_none() {
        model.vocabulary = Some(query::Vocabulary::default());
        out.push(Effect::CollectVocabulary);
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
    read(model, out);
}

/// Filters by the text typed. While it is not a valid query, the last valid one stays.
fn read(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Filter(entry) = &mut model.mode else { return };
    let text = entry.text.trim().to_owned();
    match query::parse(&text) {
        Err(error) => {
            entry.error = Some(error);
            return;
        }
        Ok(query) => {
            entry.error = None;
            put_on(model, text, query, out);
        }
    }
    go_near_origin(model);
}

/// Filters by a query; by none, lists all records.
pub(super) fn put_on(model: &mut Model, text: String, query: Option<Query>, out: &mut Vec<Effect>) {
    let Some(query) = query else {
        take_off(model, out);
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
        let mut all = RoaringBitmap::new();
        all.insert_range(0..model.tabs.total());
        all
    };
    let (id, query) = (model.new_scan(), Arc::new(query));
    let hits = Matches::new(query.clone(), id, listed, model.tabs.order());
    model.filter = Some(Filter { text, hits });
    model.relist();
    out.push(Effect::Scan(Scan { id, query, records: None, from, now: model.snapshot() }));
}

/// Lists all records. The cursor stays on its record.
pub(super) fn take_off(model: &mut Model, out: &mut Vec<Effect>) -> bool {
    let Some(filter) = model.filter.take() else { return false };
    out.extend(filter.hits.scan().map(Effect::StopScan));
    model.relist();
    true
}

/// Clears the filter, or reports that there is none.
pub(super) fn clear(model: &mut Model, out: &mut Vec<Effect>) {
    if !take_off(model, out) {
        model.notify(NoticeKind::Info, "no filter · f sets one");
    }
}

/// Keeps the filter. An invalid query stays in the line.
pub(super) fn stay(model: &mut Model, entry: FilterEntry) {
    if let Some(error) = &entry.error {
        model.notify(NoticeKind::Warning, error.to_string());
        model.mode = Mode::Filter(entry);
    }
}

/// Cancels and restores the previous filter and the cursor.
pub(super) fn give_up(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Filter(entry) = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    let as_before =
        entry.before.as_ref().map(|before| &before.text) == model.filter.as_ref().map(|filter| &filter.text);
    if !as_before {
        take_off(model, out);
        model.filter = entry.before.map(|before| *before);
        // Its scan missed what was reported meanwhile.
        if let Some(filter) = &mut model.filter {
            filter.hits.set_order(model.tabs.order());
        }
        model.relist();
        look_anew(model, out);
    }
    if let Some(record) = entry.record {
        navigate::go_to(model, record);
        model.list.top = entry.top;
    }
}

/// Filters again from scratch, because the session was reopened.
pub(super) fn look_anew(model: &mut Model, out: &mut Vec<Effect>) {
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
    let models = models(model);
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
        let vocabulary = model.vocabulary.get_or_insert_default();
        let cursor = entry.text.char_indices().nth(entry.cursor).map_or(entry.text.len(), |(at, _)| at);
        let completion = complete(&entry.text, cursor, vocabulary, &models);
        if completion.choices.is_empty() {
            return;
        }
        Offered { completion, chosen: if forward { 0 } else { usize::MAX } }
    };
    let Completion { before, choices, after } = &offered.completion;
    let chosen = offered.chosen.min(choices.len() - 1);
    let head = format!("{before}{}", choices[chosen]);
    entry.cursor = head.chars().count();
    entry.text = format!("{head}{after}");
    entry.offered = Some(Offered { chosen, ..offered });
    read(model, out);
}

/// Returns the models that have described records, as far as known.
fn models(model: &Model) -> Vec<String> {
    let known = |(_, state): (RecordId, &RecordState)| {
        state.candidates.iter().map(|candidate| candidate.provenance.model.clone()).collect::<Vec<_>>()
    };
    let mut models: Vec<String> = model.ledger.touched().take(MOST_ASKED).flat_map(known).collect();
    models.sort_unstable();
    models.dedup();
    models
}
