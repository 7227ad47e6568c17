//! Sorting the list: requested by a key, computed in the background, applied when it is complete.

use std::sync::Arc;

use crate::review::order::Order;
use crate::review::scan::ScanId;
use crate::review::sort::{Sort, SortBy, SortScan};
use crate::review::{Effect, Holds, Model, NoticeKind, Sorting};

/// Sorts by a key. By the current key, reverses the order.
pub(super) fn by(model: &mut Model, by: SortBy, out: &mut Vec<Effect>) {
    let sort = match wanted(model) {
        Some(Sort { by: before, reverse }) if before == by => Sort { by, reverse: !reverse },
        _ => Sort { by, reverse: false },
    };
    begin(model, sort, out);
}

/// Shuffles with a seed, or with the seed after the current one.
pub(super) fn randomly(model: &mut Model, seed: Option<u64>, out: &mut Vec<Effect>) {
    let next = || match wanted(model) {
        Some(Sort { by: SortBy::Random(seed), .. }) => seed.wrapping_add(1),
        _ => 1,
    };
    let seed = seed.unwrap_or_else(next);
    begin(model, Sort { by: SortBy::Random(seed), reverse: false }, out);
}

/// Sorts again, to place records that changed since.
pub(super) fn again(model: &mut Model, out: &mut Vec<Effect>) {
    match wanted(model) {
        Some(sort) => begin(model, sort, out),
        None => model.notify(NoticeKind::Info, "the list is in file order"),
    }
}

/// Returns the order requested last.
fn wanted(model: &Model) -> Option<Sort> {
    model.sorting.as_ref().map(|sorting| sorting.sort).or(model.sort)
}

/// Starts a sort. The list stays as it is until it is complete.
fn begin(model: &mut Model, sort: Sort, out: &mut Vec<Effect>) {
    if model.settings.sample.is_some() {
        model.notify(NoticeKind::Info, "a sample cannot be sorted");
        return;
    }
    if !model.indexed {
        let words = "the dataset is still loading: try again in a moment";
        model.notify_while(NoticeKind::Warning, words, Holds::Loading);
        return;
    }
    cancel(model, out);
    let (id, records) = (model.new_scan(), model.tabs.total());
    model.sorting = Some(Sorting { id, sort, seen: 0 });
    out.push(Effect::Sort(SortScan { id, sort, records, now: model.snapshot() }));
}

pub(super) fn in_file_order(model: &mut Model, out: &mut Vec<Effect>) {
    cancel(model, out);
    if model.sort.take().is_some() {
        apply(model, None);
    }
}

pub(super) fn seen(model: &mut Model, id: ScanId, records: u32) {
    if let Some(sorting) = model.sorting.as_mut().filter(|sorting| sorting.id == id) {
        sorting.seen = records;
    }
}

pub(super) fn sorted(model: &mut Model, id: ScanId, order: Arc<Order>) {
    if let Some(sorting) = model.sorting.take_if(|sorting| sorting.id == id) {
        model.sort = Some(sorting.sort);
        apply(model, Some(order));
    }
}

/// Applies an order. The cursor stays on its record, and its record on its row.
fn apply(model: &mut Model, order: Option<Arc<Order>>) {
    let row = model.list.position.saturating_sub(model.list.top);
    model.set_order(order);
    if let Some(cursor) = model.list.cursor {
        model.list.position = model.view().position(cursor);
        model.list.top = model.list.position.saturating_sub(row);
    }
    model.prefetched = None;
}

fn cancel(model: &mut Model, out: &mut Vec<Effect>) {
    out.extend(model.sorting.take().map(|sorting| Effect::StopScan(sorting.id)));
}
