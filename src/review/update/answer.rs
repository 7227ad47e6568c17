//! What describers answer: texts as they are written, their end, and how the describer does.

use jiff::Timestamp;

use super::generate::end_in_bulk;
use super::{decide, navigate, record};
use crate::dataset::RecordId;
use crate::describe::{Description, JobEvent, JobId, Status, StopReason};
use crate::lint::{Finding, LintKind};
use crate::review::{Effect, FILE, JobState, Model, NoticeKind, SessionStatus, Version};
use crate::session::{Decision, Event, Provenance};

/// News of a job. What is not the record's current job is late, and dropped.
pub(super) fn on_event(
    model: &mut Model,
    (id, about): (JobId, RecordId),
    event: JobEvent,
    at: Timestamp,
    out: &mut Vec<Effect>,
) {
    let Some(job) = model.jobs.get_mut(&about).filter(|job| job.id == id) else { return };
    match event {
        JobEvent::Started => job.state = JobState::Streaming(String::new()),
        JobEvent::Waiting(why) => job.state = JobState::Waiting(why),
        JobEvent::Delta(more) => match &mut job.state {
            JobState::Streaming(text) => text.push_str(&more),
            JobState::Queued | JobState::Waiting(_) => job.state = JobState::Streaming(more),
        },
        JobEvent::Finished(description) => finished(model, about, description, at, out),
        JobEvent::Failed(error) => {
            let waited = model.jobs.remove(&about).is_some_and(|job| job.accept);
            failed(model, about, waited, error.message, out);
        }
        JobEvent::Cancelled => {
            model.jobs.remove(&about);
            end_in_bulk(model, about, false, out);
        }
    }
}

/// The describer does differently now.
pub(super) fn describer_changed(model: &mut Model, status: Status, out: &mut Vec<Effect>) {
    if let Some(pause) = status.paused.as_ref().filter(|_| model.describer.paused.is_none()) {
        out.push(Effect::Notify(pause.message.clone()));
        model.notify(NoticeKind::Error, pause.message.clone());
    }
    model.describer = status;
}

/// There is no description: that is said where somebody waits for it or looks on.
fn failed(model: &mut Model, about: RecordId, waited: bool, reason: String, out: &mut Vec<Effect>) {
    record(model, Event::Failed { record: about, reason: reason.clone() }, out);
    if waited || model.list.cursor == Some(about) {
        model.notify(NoticeKind::Error, reason);
    }
    end_in_bulk(model, about, false, out);
}

/// A description is there: a candidate, never more than that, unless the operator has accepted it in advance and it
/// is clean.
fn finished(model: &mut Model, about: RecordId, description: Description, at: Timestamp, out: &mut Vec<Effect>) {
    let job = model.jobs.remove(&about);
    let accept = job.as_ref().is_some_and(|job| job.accept);
    let Description { text, model: name, prompt, parameters, stop, usage } = description;
    let same = model.state(about).candidates.iter().any(|candidate| candidate.text == text);
    let findings = model.lint(&text, Some(&stop));
    if let Some(refusal) = findings.iter().find(|finding| finding.kind == LintKind::Refusal) {
        failed(model, about, accept, format!("{name} declined: {}", refusal.message), out);
        return;
    }
    let clean = stop == StopReason::EndTurn && !findings.iter().any(Finding::wants_a_look);
    let provenance = Provenance {
        describer: model.settings.describer.clone().unwrap_or_default(),
        model: name,
        prompt,
        parameters,
        reason: job.and_then(|job| job.reason).map(|reason| reason.words().to_owned()),
        usage,
        stop,
        at,
    };
    record(model, Event::Generated { record: about, text: text.clone(), provenance }, out);
    let here = model.list.cursor == Some(about);
    if accept && clean {
        if let Some(candidate) = model.state(about).candidates.last().map(|candidate| candidate.id) {
            decide::decide(model, about, Decision::Accepted { candidate, text }, out);
            if here {
                navigate::advance(model);
            }
        }
    } else if accept {
        model.notify(NoticeKind::Warning, format!("record {} was not accepted: look at its text first", about.0 + 1));
    } else if same && here {
        model.notify(NoticeKind::Info, "the describer has nothing else to say: this text was there before");
    }
    if here && model.caption.chosen == Some(Version::Original) {
        model.caption.scroll = 0;
    }
    end_in_bulk(model, about, true, out);
}

/// Captions of an older run become candidates, unless they are already.
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
    for (about, text) in captions {
        if model.state(about).candidates.iter().any(|candidate| candidate.text == text) {
            continue;
        }
        let provenance = Provenance {
            describer: FILE.to_owned(),
            model: source.to_owned(),
            prompt: None,
            parameters: String::new(),
            reason: None,
            usage: None,
            stop: StopReason::EndTurn,
            at,
        };
        record(model, Event::Generated { record: about, text, provenance }, out);
    }
    if let Some(done) = done {
        model.notify(NoticeKind::Info, done);
    }
}
