//! Messages about jobs: progress, the end, imported candidates, and the describer's status.

use jiff::Timestamp;

use super::describe_run::{self, JobEnd};
use super::{navigate, store, verify};
use crate::dataset::RecordId;
use crate::describe::{DescriberStatus, JobId, Outcome, Pause, PauseKind, Priority};
use crate::engine::JobEvent;
use crate::engine::rules::{self, Concluded, Described, Origin, Standing};
use crate::review::{Effect, Holds, JobState, Model, NoticeKind, SessionStatus, Version};
use crate::session::{Actor, Event, SAMPLE};

/// Applies an event of a job. An event of a job that is no longer the record's current one is late and dropped.
pub(super) fn on_event(
    model: &mut Model,
    (id, record): (JobId, RecordId),
    event: JobEvent,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    if verify::is_current(model, id, record) {
        return verify::on_event(model, record, event, at, out);
    }
    let Some(job) = model.jobs.get_mut(&record).filter(|job| job.id == id) else { return };
    match event {
        JobEvent::Started => job.state = JobState::Streaming(String::new()),
        JobEvent::Waiting(reason) => job.state = JobState::Waiting(reason),
        JobEvent::Delta(more) => match &mut job.state {
            JobState::Streaming(text) => text.push_str(&more),
            JobState::Queued | JobState::Waiting(_) => job.state = JobState::Streaming(more),
        },
        JobEvent::Ended(outcome) => ended(model, record, outcome, at, out),
        JobEvent::AlreadyVerified | JobEvent::Cancelled => {
            model.jobs.remove(&record);
            describe_run::job_ended(model, record, JobEnd::Failed, at, out);
        }
    }
}

pub(super) fn describer_changed(model: &mut Model, status: DescriberStatus, out: &mut Vec<Effect>) {
    let is_new = |pause: &&Pause| model.describer.paused.as_ref().is_none_or(|last| last.kind != pause.kind);
    if let Some(pause) = status.paused.as_ref().filter(is_new) {
        let way_out = if pause.kind == PauseKind::Consent { " · r asks for your consent" } else { "" };
        let text = format!("{}{way_out}", pause.message);
        out.push(Effect::Notify(text.clone()));
        model.notify_while(NoticeKind::Error, text, Holds::Paused);
    } else if let Some(change) = status.model_change.as_ref().filter(|_| status.paused.is_none())
        && model.describer.model_change != status.model_change
    {
        model.notify(NoticeKind::Info, change.clone());
    }
    if let Some(price) = status.price {
        model.settings.price = Some(price);
    }
    model.describer = status;
}

/// Stores the end of a job and tells the operator what they are waiting for or looking at.
fn ended(model: &mut Model, record: RecordId, outcome: Outcome, at: Timestamp, out: &mut Vec<Effect>) {
    let job = model.jobs.remove(&record);
    let accept = job.as_ref().is_some_and(|job| job.accept);
    let is_asked = job.as_ref().is_some_and(|job| job.priority == Priority::Interactive);
    let current = model.current(record);
    let origin = Origin {
        describer: model.settings.describer.as_deref().unwrap_or_default(),
        reason: job.as_ref().and_then(|job| job.reason.as_ref()),
        at,
        accept: accept.then_some(Actor::Operator),
        current: current.as_deref(),
    };
    let conclusion = rules::conclude(&model.ledger, record, outcome, origin, &model.settings.rules);
    let is_new = conclusion.events.iter().any(|event| matches!(event, Event::Generated { .. }));
    store(model, conclusion.events, out);
    if is_new {
        verify::automatically(model, record, job.as_ref().map_or(Priority::Bulk, |job| job.priority), out);
    }
    let is_here = model.list.cursor == Some(record);
    let end = match &conclusion.result {
        Concluded::Described(_) => JobEnd::Described,
        Concluded::NothingRecognised => JobEnd::NothingRecognised,
        Concluded::Failed(_) => JobEnd::Failed,
    };
    match conclusion.result {
        Concluded::Failed(reason) if accept || is_here => model.notify(NoticeKind::Error, reason),
        Concluded::NothingRecognised if accept || (is_here && is_asked) => {
            model.notify(NoticeKind::Info, "nothing recognised in this image: no candidate · e writes a caption");
        }
        Concluded::Described(Described { standing: Standing::Accepted, .. }) if is_here => navigate::advance(model),
        Concluded::Described(Described { standing: Standing::First | Standing::Beside, .. }) if accept => {
            let number = record.0 + 1;
            model.notify(NoticeKind::Warning, format!("record {number} was not accepted: check its candidate first"));
        }
        Concluded::Described(Described { repeated: true, .. }) if is_here => {
            model.notify(NoticeKind::Info, "the new caption is the same as an earlier candidate: nothing was added");
        }
        Concluded::Described(_) if is_here && is_asked => show_new(model, record),
        _ => {}
    }
    describe_run::job_ended(model, record, end, at, out);
}

/// Shows the candidate that the operator asked for in place of another one, or names its place if the current caption comes
/// first.
fn show_new(model: &mut Model, record: RecordId) {
    let state = model.state(record);
    let newest = state.candidates.len().checked_sub(1).map(Version::Candidate);
    let shown = model.shown(record);
    if newest == Some(shown) {
        return;
    }
    // An accepted candidate is the current caption.
    let is_proposal = matches!(shown, Version::Candidate(_)) && !state.decision.is_final();
    if is_proposal || matches!(model.caption.chosen, Some(Version::Candidate(_))) {
        model.caption.chosen = newest;
    } else {
        model.notify(NoticeKind::Info, "new candidate beside the current caption · ] selects it");
    }
}

/// Makes captions of a file candidates.
pub(super) fn imported(
    model: &mut Model,
    (describer, source): (&str, &str),
    captions: Vec<(RecordId, String)>,
    done: Option<String>,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    if model.session != SessionStatus::Open {
        return;
    }
    for (record, text) in captions {
        if let Some(event) = rules::import(model.state(record), record, text, (describer, source), at) {
            store(model, vec![event], out);
        }
    }
    // The operator has not asked for the samples.
    if let Some(done) = done.filter(|_| describer != SAMPLE) {
        model.notify(NoticeKind::Info, done);
    }
}
