//! Messages about jobs: progress, the end, imported candidates, and the describer's status.

use jiff::Timestamp;

use super::{describe_run, navigate, store};
use crate::dataset::RecordId;
use crate::describe::{DescribeError, DescriberStatus, Description, JobId};
use crate::engine::JobEvent;
use crate::engine::rules::{self, Described, Origin};
use crate::review::{Effect, JobState, Model, NoticeKind, SessionStatus, Version};
use crate::session::Actor;

/// Applies an event of a job. An event of a job that is no longer the record's current one is late and dropped.
pub(super) fn on_event(
    model: &mut Model,
    (id, record): (JobId, RecordId),
    event: JobEvent,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    let Some(job) = model.jobs.get_mut(&record).filter(|job| job.id == id) else { return };
    match event {
        JobEvent::Started => job.state = JobState::Streaming(String::new()),
        JobEvent::Waiting(reason) => job.state = JobState::Waiting(reason),
        JobEvent::Delta(more) => match &mut job.state {
            JobState::Streaming(text) => text.push_str(&more),
            JobState::Queued | JobState::Waiting(_) => job.state = JobState::Streaming(more),
        },
        JobEvent::Finished(description) => ended(model, record, Ok(description), at, out),
        JobEvent::Failed(error) => ended(model, record, Err(error), at, out),
        JobEvent::Cancelled => {
            model.jobs.remove(&record);
            describe_run::job_ended(model, record, false, out);
        }
    }
}

pub(super) fn describer_changed(model: &mut Model, status: DescriberStatus, out: &mut Vec<Effect>) {
    if let Some(pause) = status.paused.as_ref().filter(|_| model.describer.paused.is_none()) {
        out.push(Effect::Notify(pause.message.clone()));
        model.notify(NoticeKind::Error, pause.message.clone());
    }
    model.describer = status;
}

/// Stores the end of a job and tells the operator what they are waiting for or looking at.
fn ended(
    model: &mut Model,
    record: RecordId,
    result: Result<Description, DescribeError>,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    let job = model.jobs.remove(&record);
    let accept = job.as_ref().is_some_and(|job| job.accept);
    let origin = Origin {
        describer: model.settings.describer.as_deref().unwrap_or_default(),
        reason: job.as_ref().and_then(|job| job.reason.as_ref()),
        at,
        accept: accept.then_some(Actor::Operator),
    };
    let conclusion = rules::conclude(&model.ledger, record, result, origin, &model.settings.rules);
    store(model, conclusion.events, out);
    let is_here = model.list.cursor == Some(record);
    let is_described = conclusion.result.is_ok();
    match conclusion.result {
        Err(reason) if accept || is_here => model.notify(NoticeKind::Error, reason),
        Ok(Described { accepted: true, .. }) if is_here => navigate::advance(model),
        Ok(Described { accepted: false, .. }) if accept => {
            let number = record.0 + 1;
            model.notify(NoticeKind::Warning, format!("record {number} was not accepted: check its candidate first"));
        }
        Ok(Described { repeated: true, .. }) if is_here => {
            model.notify(NoticeKind::Info, "the new caption is the same as an earlier candidate");
        }
        _ => {}
    }
    if is_here && is_described && model.caption.chosen == Some(Version::Original) {
        model.caption.scroll = 0;
    }
    describe_run::job_ended(model, record, is_described, out);
}

/// Makes captions of an earlier run candidates.
pub(super) fn imported(
    model: &mut Model,
    source: &str,
    captions: Vec<(RecordId, String)>,
    done: Option<String>,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    if model.session != SessionStatus::Open {
        return;
    }
    for (record, text) in captions {
        if let Some(event) = rules::import(model.state(record), record, text, source, at) {
            store(model, vec![event], out);
        }
    }
    if let Some(done) = done {
        model.notify(NoticeKind::Info, done);
    }
}
