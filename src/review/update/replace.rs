//! Changes many captions: scan, preview, one step.

use roaring::RoaringBitmap;

use super::store;
use crate::review::replace::{Hit, ReplaceScan, Replacement, Scope, Wanted};
use crate::review::scan::ScanId;
use crate::review::{Effect, Holds, Mode, Model, NoticeKind, SessionStatus};
use crate::session::Change;
use crate::text::counted;

/// Largest number of captions in the preview.
const MOST_HITS: usize = 100_000;

/// Starts the scan for the captions that a change applies to.
pub(super) fn begin(model: &mut Model, wanted: Wanted, out: &mut Vec<Effect>) {
    if model.session != SessionStatus::Open || !model.indexed {
        let words = "the dataset or the session is still loading: try again in a moment";
        model.notify_while(NoticeKind::Warning, words, Holds::Loading);
        return;
    }
    let (scope, records): (Scope, RoaringBitmap) = match wanted.everywhere {
        true => (Scope::All, (0..model.tabs.total()).collect()),
        false if !model.selection.is_empty() => (Scope::Selected, model.selected()),
        false => (Scope::InView, model.in_view()),
    };
    let (id, change, states) = (model.new_scan(), wanted.change, model.ledger.states());
    out.push(Effect::FindReplacements(ReplaceScan { id, change: change.clone(), records, states }));
    model.mode = Mode::Replace(Replacement { id, change, hits: Vec::new(), complete: false, chosen: 0, scope });
}

pub(super) fn leave(model: &mut Model, out: &mut Vec<Effect>) {
    if let Mode::Replace(replacement) = std::mem::replace(&mut model.mode, Mode::Browse) {
        out.push(Effect::StopScan(replacement.id));
    }
}

pub(super) fn found(model: &mut Model, id: ScanId, hits: Vec<Hit>, complete: bool) {
    let Mode::Replace(replacement) = &mut model.mode else { return };
    if replacement.id != id {
        return;
    }
    let room = MOST_HITS.saturating_sub(replacement.hits.len());
    let too_many = hits.len() > room;
    replacement.hits.extend(hits.into_iter().take(room));
    replacement.complete |= complete;
    if complete && replacement.hits.is_empty() {
        model.mode = Mode::Browse;
        model.notify(NoticeKind::Info, "no caption matches");
    } else if too_many {
        model.notify(NoticeKind::Warning, format!("only the first {MOST_HITS} matches are changed at once"));
    }
}

pub(super) fn step(model: &mut Model, step: isize) {
    if let Mode::Replace(replacement) = &mut model.mode {
        let last = replacement.hits.len().saturating_sub(1);
        replacement.chosen = replacement.chosen.saturating_add_signed(step).min(last);
    }
}

/// Toggles the caption under the cursor.
pub(super) fn toggle(model: &mut Model) {
    if let Mode::Replace(replacement) = &mut model.mode
        && let Some(hit) = replacement.hits.get_mut(replacement.chosen)
    {
        if hit.is_emptied() {
            model.notify(NoticeKind::Warning, "a caption must not be empty: X excludes the record");
            return;
        }
        hit.on = !hit.on;
        step(model, 1);
    }
}

/// Selects all captions, or none if all are selected.
pub(super) fn toggle_all(model: &mut Model) {
    if let Mode::Replace(replacement) = &mut model.mode {
        let applicable = || replacement.hits.iter().filter(|hit| !hit.is_emptied());
        let on = replacement.wanted() < applicable().count();
        replacement.hits.iter_mut().for_each(|hit| hit.on = on && !hit.is_emptied());
    }
}

/// Changes the selected captions as one step.
pub(super) fn apply(model: &mut Model, out: &mut Vec<Effect>) {
    let Mode::Replace(replacement) = &model.mode else { return };
    if !replacement.complete {
        model.notify(NoticeKind::Info, "still scanning: try again in a moment");
        return;
    }
    let Mode::Replace(replacement) = std::mem::replace(&mut model.mode, Mode::Browse) else { return };
    let emptied = replacement.hits.iter().filter(|hit| hit.is_emptied()).count();
    let chosen = replacement.hits.into_iter().filter(|hit| hit.on);
    let changes: Vec<_> = chosen.map(|hit| (hit.record, Change::Amended(Some(hit.after)))).collect();
    let captions = counted(changes.len() as u64, "caption", "captions");
    store(model, changes, out);
    let left = match emptied {
        0 => String::new(),
        emptied => format!("; {} would be empty and stayed", counted(emptied as u64, "caption", "captions")),
    };
    model.notify(NoticeKind::Info, format!("changed {captions}{left}; decisions unchanged · u undoes"));
}
