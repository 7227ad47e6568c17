//! Selection records for commands.

use super::navigate;
use crate::review::selection::Selection;
use crate::review::{Model, NoticeKind};
use crate::text::counted;

/// Selects or deselects the record under the cursor and moves on. Ends an open range.
pub(super) fn toggle(model: &mut Model) {
    if model.selection.has_range() {
        return range(model);
    }
    if let Some(record) = model.list.cursor {
        model.selection.toggle(record);
        navigate::step(model, 1);
    }
}

/// Starts a range at the cursor, or ends it and selects its records.
pub(super) fn range(model: &mut Model) {
    if model.selection.has_range() {
        if let Some(why) = model.unknown_in_view() {
            model.notify(NoticeKind::Warning, why);
            return;
        }
        model.selection = Selection::of(model.selected());
    } else if let Some(record) = model.list.cursor {
        model.selection.begin_range(record);
    }
}

/// Selection all records in view, or deselects them if they are selected already.
pub(super) fn all(model: &mut Model) {
    if let Some(why) = model.unknown_in_view() {
        model.notify(NoticeKind::Warning, why);
        return;
    }
    let (selected, in_view) = (model.selected(), model.in_view());
    if in_view.is_subset(&selected) {
        model.selection = Selection::of(selected - in_view);
        return;
    }
    let records = counted(in_view.len(), "record", "records");
    model.selection = Selection::of(selected | in_view);
    model.notify(NoticeKind::Info, format!("selected {records} in view"));
}

/// Ends the open range, else clears the selection. Returns true if there were any.
pub(super) fn forget(model: &mut Model) -> bool {
    if model.selection.drop_range() {
        return true;
    }
    let any = !model.selection.is_empty();
    model.selection = Selection::default();
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
