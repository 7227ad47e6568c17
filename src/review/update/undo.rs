//! Undo and redo, one step at a time.

use super::{describe, navigate, store, subjects};
use crate::dataset::RecordId;
use crate::review::{Effect, Mode, Model, NoticeKind, SessionStatus, Tab};
use crate::session::Event;

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
    let (targets, done, nothing) = match event {
        Event::Undone => (model.ledger.undo_targets(), "undid", "nothing to undo"),
        _ => (model.ledger.redo_targets(), "redid", "nothing to redo"),
    };
    let Some(target) = targets.first().copied().filter(|_| is_allowed(model, &event, &targets)) else {
        model.notify(NoticeKind::Info, nothing);
        return;
    };
    store(model, vec![event], out);
    model.follow(&targets);
    if targets.len() > 1 {
        model.notify(NoticeKind::Info, format!("{done} {} changes", targets.len()));
    }
    model.mode = Mode::Browse;
    if !model.tabs.has(model.list.tab, target) {
        model.set_tab(Tab::All);
    }
    navigate::go_to(model, target);
    model.caption.chosen = None;
}
