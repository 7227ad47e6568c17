//! Changes many captions: scan, preview, one step.

use roaring::RoaringBitmap;

use super::store;
use crate::review::replace::{Hits, ReplaceScan, Replacement, Scope, Wanted};
use crate::review::scan::ScanId;
use crate::review::{Effect, Holds, Mode, Model, NoticeKind, SessionStatus};
use crate::session::{Change, Changes, Texts};
use crate::text::counted;

/// The number of captions from which a change is stored as a whole. The filter then follows in the background.
const BULK: u64 = 1024;

/// Starts the scan for the captions that a change applies to.
pub(super) fn begin(model: &mut Model, wanted: Wanted, out: &mut Vec<Effect>) {
    if model.session != SessionStatus::Open || !model.indexed {
        let words = "the dataset or the session is still loading: try again in a moment";
        model.notify_while(NoticeKind::Warning, words, Holds::Loading);
        return;
    }
    let (scope, records): (Scope, RoaringBitmap) = match wanted.everywhere {
        true => (Scope::All, model.tabs.all()),
        false if !model.selection.is_empty() => (Scope::Selected, model.selected()),
        false => (Scope::InView, model.in_view()),
    };
    let (id, change, states) = (model.new_scan(), wanted.change, model.ledger.states());
    out.push(Effect::FindReplacements(ReplaceScan { id, change: change.clone(), records, states }));
    model.mode = Mode::Replace(Replacement { id, change, hits: Hits::default(), complete: false, chosen: 0, scope });
}

pub(super) fn leave(model: &mut Model, out: &mut Vec<Effect>) {
    if let Mode::Replace(replacement) = std::mem::replace(&mut model.mode, Mode::Browse) {
        out.push(Effect::StopScan(replacement.id));
    }
}

pub(super) fn found(model: &mut Model, id: ScanId, hits: Hits, complete: bool) {
    let Mode::Replace(replacement) = &mut model.mode else { return };
    if replacement.id != id {
        return;
    }
    replacement.hits.append(hits);
    replacement.complete |= complete;
    if complete && replacement.hits.is_empty() {
        model.mode = Mode::Browse;
        model.notify(NoticeKind::Info, "no caption matches");
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
        && replacement.chosen < replacement.hits.len()
    {
        if !replacement.hits.toggle(replacement.chosen) {
            model.notify(NoticeKind::Warning, "a caption must not be empty: X excludes the record");
            return;
        }
        step(model, 1);
    }
}

/// Selects all captions, or none if all are selected.
pub(super) fn toggle_all(model: &mut Model) {
    if let Mode::Replace(replacement) = &mut model.mode {
        replacement.hits.toggle_all();
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
    let emptied = replacement.hits.emptied();
    let texts = replacement.hits.into_selected();
    let captions = counted(texts.len(), "caption", "captions");
    store(model, changes(texts), out);
    let left = match emptied {
        0 => String::new(),
        emptied => format!("; {} would be empty and stayed", counted(emptied, "caption", "captions")),
    };
    model.notify(NoticeKind::Info, format!("changed {captions}{left}; decisions unchanged · u undoes"));
}

fn changes(texts: Texts) -> Changes {
    if texts.len() >= BULK {
        return Changes::Texts(texts.into());
    }
    texts.iter().map(|(record, text)| (record, Change::Amended(Some(text)))).collect::<Vec<_>>().into()
}
