//! Undo and redo, one step at a time.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::{describe, navigate, store, subjects};
use crate::dataset::RecordId;
use crate::review::selection::Selection;
use crate::review::{Effect, Mode, Model, NoticeKind, SessionStatus, Tab};
use crate::session::{Decision, Event};

/// The description of a change by `:s` and its like.
const CHANGED_TEXT: &str = "changed";

/// Cancels a pending accept under the cursor, else undoes the newest step.
pub(super) fn undo(model: &mut Model, out: &mut Vec<Effect>) {
    if !describe::cancel_pending_accept(model) {
        turn(model, Event::Undone, out);
    }
}

pub(super) fn redo(model: &mut Model, out: &mut Vec<Effect>) {
    turn(model, Event::Redone, out);
}

/// In a spot check, only steps that belong to it can be undone or redone.
fn is_allowed(model: &Model, event: &Event, targets: &[RecordId]) -> bool {
    let Some(sample) = &model.spot else { return true };
    let is_listed = targets.iter().all(|target| model.tabs.lists(*target));
    is_listed && (*event != Event::Undone || model.ledger.would_undo_since(sample.after))
}

/// Undoes or redoes a step and goes to its record.
fn turn(model: &mut Model, event: Event, out: &mut Vec<Effect>) {
    if model.session != SessionStatus::Open {
        if let Some(refusal) = subjects::refusal(model) {
            model.notify(NoticeKind::Warning, refusal);
        }
        return;
    }
    let is_undo = event == Event::Undone;
    let texts = if is_undo { model.ledger.undone_texts() } else { model.ledger.redone_texts() };
    let targets = match &texts {
        // Only a spot check looks at each of them.
        Some(records) if model.spot.is_none() => records.min().map(RecordId).into_iter().collect(),
        _ if is_undo => model.ledger.undo_targets(),
        _ => model.ledger.redo_targets(),
    };
    let Some(target) = targets.first().copied().filter(|_| is_allowed(model, &event, &targets)) else {
        model.notify(NoticeKind::Info, if is_undo { "nothing to undo" } else { "nothing to redo" });
        return;
    };
    let changes = match texts {
        Some(records) => {
            store(model, vec![event], out);
            model.follow_texts(&records);
            format!("{} {CHANGED_TEXT}", records.len())
        }
        None => turn_each(model, event, &targets, out),
    };
    let (done, back) = if is_undo { ("undid", "U redoes") } else { ("redid", "u undoes") };
    model.notify(NoticeKind::Info, format!("{done}: {changes} · {back}"));
    model.mode = Mode::Browse;
    if !model.tabs.has(model.list.tab, target) {
        model.set_tab(Tab::All);
    }
    navigate::go_to(model, target);
    model.caption.chosen = None;
}

/// Undoes or redoes a step that changes these records. Returns what changed.
fn turn_each(model: &mut Model, event: Event, targets: &[RecordId], out: &mut Vec<Effect>) -> String {
    let is_undo = event == Event::Undone;
    let marks = |model: &Model| -> Vec<Mark> { targets.iter().map(|target| Mark::of(model, *target)).collect() };
    let before = marks(model);
    store(model, vec![event], out);
    model.follow(targets);
    let after = marks(model);
    let (made, unmade) = if is_undo { (before, after) } else { (after, before) };
    let changes: Vec<&'static str> = made.iter().zip(&unmade).map(|(made, unmade)| made.since(unmade)).collect();
    if targets.len() > 1 {
        // A text is changed by a pattern, everything else by a selection.
        let selected = targets.iter().zip(&changes).filter(|(_, change)| **change != CHANGED_TEXT);
        let selected: RoaringBitmap = selected.map(|(target, _)| target.0).collect();
        let others = model.selected();
        model.selection = Selection::of(if is_undo { others | selected } else { others - selected });
    }
    counts(&changes)
}

/// The parts of a record's state that a step can change.
struct Mark {
    decision: &'static str,
    decided_at: u64,
    flagged: bool,
    note: String,
}

impl Mark {
    fn of(model: &Model, record: RecordId) -> Self {
        let state = model.state(record);
        let decision = match &state.decision {
            Decision::Undecided => "undecided",
            Decision::Accepted { .. } => "accepted",
            Decision::Edited { .. } => "edited",
            Decision::Kept => "kept",
            Decision::Skipped => "skipped",
            Decision::Excluded => "excluded",
        };
        Self { decision, decided_at: state.decided_at.0, flagged: state.flagged, note: state.note.clone() }
    }

    /// Describes the change that led here.
    fn since(&self, before: &Self) -> &'static str {
        match self {
            _ if self.decided_at != before.decided_at => self.decision,
            _ if self.flagged && !before.flagged => "flagged",
            _ if !self.flagged && before.flagged => "unflagged",
            _ if self.note != before.note => "note",
            _ => CHANGED_TEXT,
        }
    }
}

/// Renders how often each kind of change occurs, as in "3 kept, 1 accepted".
fn counts(changes: &[&'static str]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for change in changes {
        *counts.entry(change).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.into_iter().map(|(change, count)| format!("{count} {change}")).collect::<Vec<_>>().join(", ")
}
