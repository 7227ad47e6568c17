//! Incremental search: `/` goes to the first match while typing, `n` and `N` to the others.

use std::sync::Arc;

use super::navigate;
use crate::dataset::RecordId;
use crate::review::query::{Pattern, Query};
use crate::review::scan::ScanId;
use crate::review::{Effect, Match, Matches, Mode, Model, NoticeKind, Scan, Scanned, Search, SearchEntry, Seek};

pub(super) fn open(model: &mut Model) {
    let before = model.search.take().map(Box::new);
    let (cursor, top) = (model.list.cursor, model.list.top);
    model.mode = Mode::Search(SearchEntry { text: String::new(), error: None, cursor, top, before });
}

/// Searches for the changed text from the record the search began at.
pub(super) fn typed(model: &mut Model, words: String, out: &mut Vec<Effect>) {
    let Mode::Search(entry) = &mut model.mode else { return };
    if entry.text == words {
        return;
    }
    entry.text.clone_from(&words);
    entry.error = None;
    let origin = entry.cursor;
    drop_scan(model.search.take().as_ref().and_then(|search| search.hits.scan()), out);
    if words.is_empty() {
        go_back(model);
        return;
    }
    match Pattern::literal(&words) {
        Err(error) => {
            if let Mode::Search(entry) = &mut model.mode {
                entry.error = Some(error.to_string());
            }
            go_back(model);
        }
        Ok(pattern) => {
            let from = origin.unwrap_or(RecordId(0));
            let seek = Some(Seek { from, inclusive: true, forward: true });
            let query = Arc::new(Query::Text(pattern));
            let id = model.new_scan();
            let hits = Matches::new(query.clone(), id, roaring::RoaringBitmap::new(), model.tabs.order());
            model.search = Some(Search { text: words, hits, seek });
            out.push(Effect::Scan(Scan { id, query, records: None, from, now: model.snapshot() }));
        }
    }
}

/// Ends the search at its match. An empty text repeats the previous search.
pub(super) fn submit(model: &mut Model, entry: SearchEntry) {
    if entry.text.is_empty() {
        restore(model, entry.before);
        if model.search.is_some() {
            next(model, true);
        }
    }
}

/// Cancels the search and restores the cursor and the previous search.
pub(super) fn cancel(model: &mut Model, out: &mut Vec<Effect>) {
    if !matches!(model.mode, Mode::Search(_)) {
        return;
    }
    go_back(model);
    drop_scan(model.search.take().as_ref().and_then(|search| search.hits.scan()), out);
    if let Mode::Search(entry) = std::mem::replace(&mut model.mode, Mode::Browse)
        && entry.before.is_some()
    {
        // Its scan missed the records reported meanwhile.
        restore(model, entry.before);
        restart_scan(model, out);
    }
}

/// Restores an earlier search. The list may have been sorted meanwhile.
fn restore(model: &mut Model, before: Option<Box<Search>>) {
    model.search = before.map(|before| *before);
    if let Some(search) = &mut model.search {
        search.hits.set_order(model.tabs.order());
    }
}

/// Searches again from scratch, because the session was reopened.
pub(super) fn restart_scan(model: &mut Model, out: &mut Vec<Effect>) {
    let (id, now) = (model.new_scan(), model.snapshot());
    if let Some(search) = &mut model.search {
        drop_scan(search.hits.scan(), out);
        search.hits.restart(id);
        let query = search.hits.query().clone();
        out.push(Effect::Scan(Scan { id, query, records: None, from: RecordId(0), now }));
    }
}

/// Scans the records again that changed while their lines were not loaded.
pub(in crate::review) fn rescan(model: &mut Model, out: &mut Vec<Effect>) {
    if !model.search.as_ref().is_some_and(|search| search.hits.is_stale()) {
        return;
    }
    let (id, now) = (model.new_scan(), model.snapshot());
    let Some(search) = &mut model.search else { return };
    if let Some(records) = search.hits.rescan(id) {
        let query = search.hits.query().clone();
        out.push(Effect::Scan(Scan { id, query, records: Some(records), from: RecordId(0), now }));
    }
}

/// Clears the search. Returns true if there was one.
pub(super) fn clear(model: &mut Model, out: &mut Vec<Effect>) -> bool {
    let search = model.search.take();
    drop_scan(search.as_ref().and_then(|search| search.hits.scan()), out);
    search.is_some()
}

/// Cancels the pending jump to a match.
pub(super) const fn cancel_jump(model: &mut Model) {
    if let Some(search) = &mut model.search {
        search.seek = None;
    }
}

/// Goes to the next or previous match.
pub(super) fn next(model: &mut Model, forward: bool) {
    let typing = matches!(model.mode, Mode::Search(_));
    let from = model.list.cursor.unwrap_or(RecordId(0));
    match &mut model.search {
        Some(search) => search.seek = Some(Seek { from, inclusive: false, forward }),
        None if typing => return,
        None => {
            model.notify(NoticeKind::Info, "no search yet · / searches");
            return;
        }
    }
    settle(model);
    if model.search.as_ref().is_some_and(|search| search.seek.is_some()) && !typing {
        model.notify(NoticeKind::Info, "searching …");
    }
}

/// Applies the progress of a scan.
pub(super) fn scanned(model: &mut Model, scanned: &Scanned) {
    if model.search.as_mut().is_some_and(|search| search.hits.apply(scanned, model.tabs.order())) {
        settle(model);
    }
}

/// Goes to the match once the scan has covered everything before it.
fn settle(model: &mut Model) {
    let Some(search) = &model.search else { return };
    let Some(seek) = search.seek else { return };
    let found = model.view().find(search.hits.places(), seek.from, seek.inclusive, seek.forward);
    let complete = search.hits.is_complete();
    let certain = complete
        || found
            .is_some_and(|found| seek.forward && !found.wrapped && search.hits.has_scanned(seek.from, found.record));
    if !certain {
        return;
    }
    if let Some(search) = &mut model.search {
        search.seek = None;
    }
    let typing = matches!(model.mode, Mode::Search(_));
    match found {
        Some(found) => {
            model.list.forward = seek.forward;
            navigate::go_to(model, found.record);
            if !typing {
                report_match(model, found, seek, complete);
            }
        }
        None if typing => go_back(model),
        None => {
            let words = model.search.as_ref().map(|search| search.text.clone()).unwrap_or_default();
            model.notify(NoticeKind::Warning, format!("not found: \"{words}\""));
        }
    }
}

/// Reports the number of the match, and whether the search wrapped around.
fn report_match(model: &mut Model, found: Match, seek: Seek, complete: bool) {
    let words = model.search.as_ref().map(|search| search.text.clone()).unwrap_or_default();
    let more = if complete { "" } else { "+" };
    let wrapped = match (found.wrapped, seek.forward) {
        (false, _) => "",
        (true, true) => " · wrapped to the top",
        (true, false) => " · wrapped to the bottom",
    };
    model.notify(NoticeKind::Info, format!("/{words}  {} of {}{more}{wrapped}", found.rank + 1, found.total));
}

fn go_back(model: &mut Model) {
    let Mode::Search(entry) = &model.mode else { return };
    let (cursor, top) = (entry.cursor, entry.top);
    if let Some(cursor) = cursor {
        navigate::go_to(model, cursor);
        model.list.top = top;
    }
}

fn drop_scan(scan: Option<ScanId>, out: &mut Vec<Effect>) {
    out.extend(scan.map(Effect::StopScan));
}
