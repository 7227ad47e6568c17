//! Sorting the list: asked for by a key, made beside the review, and taken over when it is there.

use std::sync::Arc;

use crate::review::order::Order;
use crate::review::scan::ScanId;
use crate::review::sort::{Sort, SortBy, SortScan};
use crate::review::{Action, Effect, Model, NoticeKind, Sorting};

/// Sorts as a key asks for.
pub(super) fn press(model: &mut Model, key: Action, out: &mut Vec<Effect>) {
    let wanted = match key {
        Action::SortName => SortBy::Name,
        Action::SortWords => SortBy::Words,
        Action::SortFindings => SortBy::Findings,
        Action::SortStatus => SortBy::Status,
        Action::SortChange => SortBy::Change,
        Action::SortEdits => SortBy::Edits,
        Action::SortRandom => SortBy::Random(1),
        Action::SortAgain => return again(model, out),
        _ => return in_file_order(model, out),
    };
    by(model, wanted, out);
}

/// Sorts by something; by what the list is sorted by already, the other way round, and by chance another time.
fn by(model: &mut Model, by: SortBy, out: &mut Vec<Effect>) {
    let sort = match (wanted(model), by) {
        (Some(Sort { by: SortBy::Random(seed), .. }), SortBy::Random(_)) => {
            Sort { by: SortBy::Random(seed.wrapping_add(1)), reverse: false }
        }
        (Some(Sort { by: before, reverse }), _) if before == by => Sort { by, reverse: !reverse },
        _ => Sort { by, reverse: false },
    };
    begin(model, sort, out);
}

/// Sorts by the same once more: what has changed since finds its place.
fn again(model: &mut Model, out: &mut Vec<Effect>) {
    match wanted(model) {
        Some(sort) => begin(model, sort, out),
        None => model.notify(NoticeKind::Info, "the list is in file order"),
    }
}

/// The order that was asked for last.
fn wanted(model: &Model) -> Option<Sort> {
    model.sorting.as_ref().map(|sorting| sorting.sort).or(model.sort)
}

/// Has the records sorted. Until then the list stays as it is.
pub(super) fn begin(model: &mut Model, sort: Sort, out: &mut Vec<Effect>) {
    if model.settings.sample.is_some() {
        model.notify(NoticeKind::Info, "a sample stays in the order in which it was drawn");
        return;
    }
    if !model.indexed {
        model.notify(NoticeKind::Warning, "the dataset is still being read: sort it in a moment");
        return;
    }
    give_up(model, out);
    let (id, records) = (model.new_scan(), model.tabs.total());
    model.sorting = Some(Sorting { id, sort, seen: 0 });
    out.push(Effect::Sort(SortScan { id, sort, records, now: model.snapshot() }));
}

/// Lists in file order again.
fn in_file_order(model: &mut Model, out: &mut Vec<Effect>) {
    give_up(model, out);
    if model.sort.take().is_some() {
        take_over(model, None);
    }
}

/// So many lines were looked at.
pub(super) fn seen(model: &mut Model, id: ScanId, records: u32) {
    if let Some(sorting) = model.sorting.as_mut().filter(|sorting| sorting.id == id) {
        sorting.seen = records;
    }
}

/// The order is there.
pub(super) fn sorted(model: &mut Model, id: ScanId, order: Arc<Order>) {
    if let Some(sorting) = model.sorting.take_if(|sorting| sorting.id == id) {
        model.sort = Some(sorting.sort);
        take_over(model, Some(order));
    }
}

/// Lists in another order. The cursor stays on its record, and its record on its row of the screen.
fn take_over(model: &mut Model, order: Option<Arc<Order>>) {
    let row = model.list.position.saturating_sub(model.list.top);
    model.set_order(order);
    if let Some(cursor) = model.list.cursor {
        model.list.position = model.view().position(cursor);
        model.list.top = model.list.position.saturating_sub(row);
    }
    model.prefetched = None;
}

fn give_up(model: &mut Model, out: &mut Vec<Effect>) {
    out.extend(model.sorting.take().map(|sorting| Effect::StopScan(sorting.id)));
}
