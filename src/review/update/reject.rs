//! The verdict of a spot check that a caption is not acceptable, with a reason. It changes nothing in the output.

use super::subjects::{self, Subjects};
use super::{navigate, store};
use crate::dataset::RecordId;
use crate::review::selection::Selection;
use crate::review::{Effect, Mode, Model, NoticeKind};
use crate::session::Event;
use crate::text::{counted, single_line};

/// Opens the dialog with the reasons.
pub(super) fn choose_reason(model: &mut Model) {
    if model.spot.is_none() {
        model.notify(NoticeKind::Warning, "not a spot check: start one with recaption PATH --sample N");
    } else if let (Some(_), Some(record)) = (subjects::resolve(model), model.list.cursor) {
        model.mode = Mode::Reject(record);
    }
}

pub(super) fn take_own_reason(model: &mut Model, record: RecordId, words: &str, out: &mut Vec<Effect>) {
    let words = single_line(words);
    if !words.is_empty() {
        reject(model, record, &words, out);
    }
}

/// Rejects the selected records, or the one under the cursor if it is still the one that the dialog is about.
pub(super) fn reject(model: &mut Model, about: RecordId, reason: &str, out: &mut Vec<Effect>) {
    model.mode = Mode::Browse;
    let Some(subjects) = subjects::resolve(model) else { return };
    if subjects == Subjects::Cursor(about) || matches!(subjects, Subjects::Selected(_)) {
        let event = |record| Event::Rejected { record, reason: Some(reason.to_owned()) };
        let events: Vec<Event> = subjects.iter().filter(|record| model.tabs.lists(*record)).map(event).collect();
        let count = events.len() as u64;
        store(model, events, out);
        if let Subjects::Selected(_) = subjects {
            model.selection = Selection::default();
            let records = counted(count, "record", "records");
            model.notify(NoticeKind::Info, format!("{records} rejected · u undoes"));
        } else {
            navigate::advance(model);
        }
    }
}
