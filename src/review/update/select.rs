//! Marks records for commands.

use super::navigate;
use crate::review::selection::Marks;
use crate::review::{Model, NoticeKind};
use crate::text::counted;

/// Toggles the mark of the record under the cursor and moves on. Ends an open range.
pub(super) fn toggle(model: &mut Model) {
    if model.marks.has_range() {
        return range(model);
    }
    if let Some(record) = model.list.cursor {
        model.marks.toggle(record);
        navigate::step(model, 1);
    }
}

/// Starts a range at the cursor, or ends it and marks its records.
pub(super) fn range(model: &mut Model) {
    if model.marks.has_range() {
        if let Some(why) = model.unknown_in_view() {
            model.notify(NoticeKind::Warning, why);
            return;
        }
        model.marks = Marks::of(model.marked());
    } else if let Some(record) = model.list.cursor {
        model.marks.begin_range(record);
    }
}

/// Marks all records in view, or unmarks them if they are marked already.
pub(super) fn all(model: &mut Model) {
    if let Some(why) = model.unknown_in_view() {
        model.notify(NoticeKind::Warning, why);
        return;
    }
    let (marked, in_view) = (model.marked(), model.in_view());
    if in_view.is_subset(&marked) {
        model.marks = Marks::of(marked - in_view);
        return;
    }
    let records = counted(in_view.len(), "record", "records");
    model.marks = Marks::of(marked | in_view);
    model.notify(NoticeKind::Info, format!("selected {records} in view"));
}

/// Ends the open range, else clears all marks. Returns true if there were any.
pub(super) fn forget(model: &mut Model) -> bool {
    if model.marks.drop_range() {
        return true;
    }
    let any = !model.marks.is_empty();
    model.marks = Marks::default();
    any
}

impl Model {
    /// Returns why the records in view are not known yet.
    pub(super) fn unknown_in_view(&self) -> Option<&'static str> {
        match &self.filter {
            _ if !self.indexed => Some("the dataset is still loading: try again in a moment"),
            Some(filter) if !filter.hits.is_settled() => Some("the filter is still running: try again in a moment"),
            _ => None,
        }
    }
}
