//! The records a command applies to: the selected ones if there are any, else the one under the cursor. A cursor is a
//! selection of one, so every command takes the same path for one record and for a million.

use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::review::{Model, NoticeKind, SessionStatus};

/// The records a command applies to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Subjects {
    /// The record under the cursor, which the operator is looking at.
    Cursor(RecordId),
    /// The selected records, most of which the operator is not looking at.
    Selected(RoaringBitmap),
}

impl Subjects {
    pub(super) fn iter(&self) -> impl Iterator<Item = RecordId> + '_ {
        let (cursor, selected) = match self {
            Self::Cursor(record) => (Some(*record), None),
            Self::Selected(records) => (None, Some(records.iter().map(RecordId))),
        };
        cursor.into_iter().chain(selected.into_iter().flatten())
    }
}

/// Returns the records a command applies to, or `None` after a notice that says why there are none.
pub(super) fn resolve(model: &mut Model) -> Option<Subjects> {
    if model.selection.is_empty() {
        return cursor(model).map(Subjects::Cursor);
    }
    let unknown = || model.unknown_in_view().filter(|_| model.selection.has_range()).map(str::to_owned);
    if let Some(refusal) = refusal(model).or_else(unknown) {
        model.notify(NoticeKind::Warning, refusal);
        return None;
    }
    Some(Subjects::Selected(model.selected()))
}

/// Returns the record under the cursor, or `None` after a notice that says why nothing can be decided about it: a
/// decision is only ever made about a line that is on the screen, and only if it will be stored.
pub(super) fn cursor(model: &mut Model) -> Option<RecordId> {
    let refusal = match (refusal(model), model.list.cursor) {
        (Some(refusal), _) => refusal,
        (None, None) => "no record here".to_owned(),
        (None, Some(cursor)) if model.tabs.is_bad_line(cursor) => {
            "this line cannot be parsed; it is saved unchanged".to_owned()
        }
        (None, Some(cursor)) if model.line(cursor).is_none() => {
            model.dataset_failure.clone().unwrap_or_else(|| "this record is still loading".to_owned())
        }
        (None, Some(cursor)) => return Some(cursor),
    };
    model.notify(NoticeKind::Warning, refusal);
    None
}

/// Returns true if the record under the cursor, or the session, is still being read.
pub(super) fn is_loading(model: &Model) -> bool {
    let is_unread = |cursor| model.line(cursor).is_none() && !model.tabs.is_bad_line(cursor);
    model.dataset_failure.is_none()
        && (model.session == SessionStatus::Opening
            || model.resume_at.is_some()
            || model.list.cursor.map_or(!model.indexed, is_unread))
}

/// Returns why no record can be decided on.
pub(super) fn refusal(model: &Model) -> Option<String> {
    match &model.session {
        SessionStatus::Opening => Some("the session is still opening".to_owned()),
        SessionStatus::ReadOnly(holder) => Some(format!("read-only: {holder}")),
        SessionStatus::Failed(error) => Some(format!("no decisions possible: {error}")),
        SessionStatus::Open => None,
    }
}
