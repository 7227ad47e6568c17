//! Saying what becomes of a record, and taking it back.

use super::{generate, navigate, record, together};
use crate::dataset::RecordId;
use crate::review::{Effect, Mode, Model, NoticeKind, RecordAction, SessionStatus, Tab, Version};
use crate::session::{Actor, Decision, EditBase, Event};

/// The record a decision would be about. Says why where there is none: a decision is only ever made about a line that
/// is on the screen, and only where it will be stored.
pub(super) fn subject(model: &mut Model) -> Option<RecordId> {
    let refusal = match (refusal(model), model.list.cursor) {
        (Some(why), _) => why,
        (None, None) => "there is no record here".to_owned(),
        (None, Some(cursor)) if model.tabs.is_bad_line(cursor) => {
            "this line cannot be read; it is saved as it is".to_owned()
        }
        (None, Some(cursor)) if model.line(cursor).is_none() => "still reading this record".to_owned(),
        (None, Some(cursor)) => return Some(cursor),
    };
    model.notify(NoticeKind::Warning, refusal);
    None
}

/// Why nothing can be decided of any record.
pub(super) fn refusal(model: &Model) -> Option<String> {
    match &model.session {
        SessionStatus::Opening => Some("the session is still opening".to_owned()),
        SessionStatus::ReadOnly(holder) => Some(format!("read-only: {holder}")),
        SessionStatus::Failed(error) => Some(format!("nothing can be decided: {error}")),
        SessionStatus::Open => None,
    }
}

/// Stores a decision. A word given in advance is no longer needed.
pub(super) fn decide(model: &mut Model, about: RecordId, decision: Decision, out: &mut Vec<Effect>) {
    if let Some(job) = model.jobs.get_mut(&about) {
        job.accept = false;
    }
    record(model, Event::Decided { record: about, decision, by: Actor::Operator }, out);
}

/// Accepts what is shown; where a text is on its way, accepts that when it is there.
pub(super) fn accept(model: &mut Model, out: &mut Vec<Effect>) {
    if together::begin(model, RecordAction::Accept, out) {
        return;
    }
    let Some(about) = subject(model) else { return };
    if model.state(about).draft.is_some() {
        model.notify(NoticeKind::Warning, "an unfinished edit is here: e takes it up (^g there discards it)");
        return;
    }
    if let Some(job) = model.jobs.get_mut(&about) {
        job.accept = true;
        return;
    }
    let (pair, shown) = (model.pair(about), model.shown(about));
    if let Some(decision) = accepted(model, about, shown) {
        conclude(model, about, decision, out);
        if let Some(pair) = pair {
            reveal(model, about, pair, shown);
        }
    }
}

/// Says which of two texts was taken that were judged blind.
fn reveal(model: &mut Model, about: RecordId, pair: [Version; 2], taken: Version) {
    let name = |version| model.candidate(about, version).map(|candidate| candidate.provenance.model.as_str());
    let name = pair.into_iter().find_map(name).unwrap_or_default();
    let letter = if taken == pair[0] { 'A' } else { 'B' };
    let mut words = match taken {
        Version::Original => format!("took {letter}: the original, not the candidate of {name}"),
        _ => format!("took {letter}: the candidate of {name}"),
    };
    if let Some(notice) = &model.notice {
        words = format!("{words} · {}", notice.text);
    }
    model.notify(NoticeKind::Info, words);
}

/// Refuses what would have to know which text is which, where they are judged blind. Says whether it did.
pub(super) fn refused_blind(model: &mut Model) -> bool {
    let is_blind = model.list.cursor.is_some_and(|cursor| model.pair(cursor).is_some());
    if is_blind {
        model.notify(NoticeKind::Warning, "judged blind: a takes the text in view, [ and ] show the other");
    }
    is_blind
}

/// What accepting a version comes to: a candidate is accepted, the original kept, an own text stands.
pub(super) fn accepted(model: &Model, about: RecordId, version: Version) -> Option<Decision> {
    match version {
        Version::Original => Some(Decision::Kept),
        Version::Edited => Some(match &model.state(about).amended {
            Some(text) => Decision::Edited { text: text.clone(), base: EditBase::Current },
            None => model.state(about).decision.clone(),
        }),
        Version::Candidate(_) => model
            .candidate(about, version)
            .map(|candidate| Decision::Accepted { candidate: candidate.id, text: candidate.text.clone() }),
    }
}

pub(super) fn keep(model: &mut Model, out: &mut Vec<Effect>) {
    if together::begin(model, RecordAction::Keep, out) || generate::take_back_if_waiting(model) || refused_blind(model)
    {
        return;
    }
    if let Some(about) = subject(model) {
        conclude(model, about, Decision::Kept, out);
    }
}

pub(super) fn skip(model: &mut Model, out: &mut Vec<Effect>) {
    if together::begin(model, RecordAction::Skip, out) {
        return;
    }
    if let Some(about) = subject(model) {
        conclude(model, about, Decision::Skipped, out);
    }
}

pub(super) fn exclude(model: &mut Model, out: &mut Vec<Effect>) {
    if together::begin(model, RecordAction::Exclude, out) {
        return;
    }
    if let Some(about) = subject(model) {
        conclude(model, about, Decision::Excluded, out);
    }
}

/// Stores a decision and goes on. Saying again what was said before is no new event.
fn conclude(model: &mut Model, about: RecordId, decision: Decision, out: &mut Vec<Effect>) {
    if is_news(model, about, &decision) {
        decide(model, about, decision, out);
    }
    navigate::advance(model);
}

/// Whether this says something of a record that was not said before: what a run decided, or what was decided before the
/// sample was drawn that is judged, is said anew.
pub(super) fn is_news(model: &Model, about: RecordId, decision: &Decision) -> bool {
    let state = model.state(about);
    let stands = state.decision == *decision && state.by == Actor::Operator && model.counts(state);
    !stands || state.is_ready() || state.amended.is_some() || state.original_changed
}

pub(super) fn flag(model: &mut Model, out: &mut Vec<Effect>) {
    if together::begin(model, RecordAction::Flag, out) {
        return;
    }
    if let Some(about) = subject(model) {
        let on = !model.state(about).flagged;
        record(model, Event::Flagged { record: about, on }, out);
    }
}

pub(super) fn undo(model: &mut Model, out: &mut Vec<Effect>) {
    if !generate::take_back_if_waiting(model) {
        turn(model, Event::Undone, out);
    }
}

pub(super) fn redo(model: &mut Model, out: &mut Vec<Effect>) {
    turn(model, Event::Redone, out);
}

/// Whether a change may be taken back or made again: in a spot check, only what is part of it.
fn may_turn(model: &Model, event: &Event, targets: &[RecordId]) -> bool {
    let Some(sample) = &model.spot else { return true };
    let is_listed = targets.iter().all(|target| model.tabs.lists(*target));
    is_listed && (*event != Event::Undone || model.ledger.would_undo_since(sample.after))
}

/// Takes a change back or makes it again, and shows the record it was about.
fn turn(model: &mut Model, event: Event, out: &mut Vec<Effect>) {
    let (targets, nothing) = match event {
        Event::Undone => (model.ledger.undo_targets(), "nothing to undo"),
        _ => (model.ledger.redo_targets(), "nothing to redo"),
    };
    match (&model.session, targets.first().copied()) {
        // What was done before is no part of the spot check.
        (SessionStatus::Open, Some(_)) if !may_turn(model, &event, &targets) => {
            model.notify(NoticeKind::Info, nothing);
        }
        (SessionStatus::Open, Some(target)) => {
            let what = if event == Event::Undone { "took back" } else { "made again" };
            record(model, event, out);
            for target in &targets {
                model.follow(*target);
            }
            if targets.len() > 1 {
                model.notify(NoticeKind::Info, format!("{what} {} changes", targets.len()));
            }
            model.mode = Mode::Browse;
            if !model.tabs.has(model.list.tab, target) {
                model.set_tab(Tab::All);
            }
            navigate::go_to(model, target);
            model.caption.chosen = None;
        }
        (SessionStatus::Open, None) => model.notify(NoticeKind::Info, nothing),
        _ => {
            subject(model);
        }
    }
}
