//! The product's rules about descriptions, each stated once: which records need one, what is sent for them, and which
//! events a finished job leaves in the session. Pure, so that the reviewer's core can call them.

use jiff::Timestamp;

use crate::dataset::RecordId;
use crate::describe::{DescribeError, Description, Detail, JobId, Priority, Reason, StopReason};
use crate::lint::{self, Finding, LintKind, Rules};
use crate::session::{Actor, Candidate, CandidateId, Decision, Event, FILE, Ledger, Original, Provenance, RecordState};

/// A description to be made, as far as the session determines it. [`request::build`](super::request::build) adds the
/// dataset's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    pub job: JobId,
    pub record: RecordId,
    pub priority: Priority,
    pub detail: Detail,
    pub current: CurrentCaption,
    /// The describers' earlier candidates, oldest first. Imported captions are not among them.
    pub previous: Vec<String>,
    /// Why the operator asks for another candidate.
    pub reason: Option<Reason>,
}

/// The caption a record would be saved with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CurrentCaption {
    /// The dataset's own.
    InDataset,
    /// The session's, or none.
    InSession(Option<String>),
}

impl CurrentCaption {
    fn of(state: &RecordState) -> Self {
        match (state.own_text(), &state.original) {
            (Some(text), _) => Self::InSession(Some(text.to_owned())),
            (None, Original::Before(caption)) => Self::InSession(caption.clone()),
            (None, Original::InDataset) => Self::InDataset,
        }
    }

    /// Returns the caption, given the one in the dataset.
    #[must_use]
    pub fn resolve(self, in_dataset: Option<String>) -> Option<String> {
        match self {
            Self::InDataset => in_dataset,
            Self::InSession(caption) => caption,
        }
    }
}

/// Returns true if a record has nothing to review yet: it is undecided, without a candidate and without a draft. Whether
/// its line and its image can be read is for the caller to check.
#[must_use]
pub fn needs_description(state: &RecordState) -> bool {
    state.decision == Decision::Undecided && state.candidates.is_empty() && state.draft.is_none()
}

/// Returns true if a record's last description failed and nothing was decided since.
#[must_use]
pub fn needs_retry(state: &RecordState) -> bool {
    state.decision == Decision::Undecided && state.failure.is_some() && state.draft.is_none()
}

/// Returns the job that describes a record, or describes it again.
#[must_use]
pub fn job_spec(
    job: JobId,
    record: RecordId,
    priority: Priority,
    state: &RecordState,
    reason: Option<Reason>,
) -> JobSpec {
    let described = || state.candidates.iter().filter(|candidate| is_described(candidate));
    JobSpec {
        job,
        record,
        priority,
        detail: described().fold(Detail::default(), |detail, _| detail.next()),
        current: CurrentCaption::of(state),
        previous: described().map(|candidate| candidate.text.clone()).collect(),
        reason,
    }
}

/// Returns true if a describer wrote the candidate; false if it was imported from a file.
fn is_described(candidate: &Candidate) -> bool {
    candidate.provenance.describer != FILE
}

/// Returns why a candidate's text ended. `None` for imported ones: only their text can show that they are cut off.
#[must_use]
pub fn stop_reason(candidate: &Candidate) -> Option<&StopReason> {
    is_described(candidate).then_some(&candidate.provenance.stop)
}

/// Returns the stop reason of the caption a record would be saved with, if a describer wrote it.
#[must_use]
pub fn current_stop_reason(state: &RecordState) -> Option<&StopReason> {
    match &state.decision {
        Decision::Accepted { candidate, .. } if state.amended.is_none() => {
            state.candidates.iter().find(|known| known.id == *candidate).and_then(stop_reason)
        }
        _ => None,
    }
}

/// Lints a text in the light of why it ended.
#[must_use]
pub fn findings(text: &str, stop: Option<&StopReason>, rules: &Rules) -> Vec<Finding> {
    lint::lint(text, rules, &lint::Context { stop, ..lint::Context::default() })
}

/// Returns true if a new candidate may be accepted without a look: the model finished it, and no finding is a warning or
/// an error.
fn is_clean(stop: &StopReason, findings: &[Finding]) -> bool {
    *stop == StopReason::EndTurn && !findings.iter().any(Finding::needs_attention)
}

/// The circumstances of a finished job.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// The describer's name.
    pub describer: &'a str,
    pub reason: Option<&'a Reason>,
    pub at: Timestamp,
    /// Who asked for a clean candidate to be accepted as soon as it arrives.
    pub accept: Option<Actor>,
}

/// The end of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// To be stored as one step.
    pub events: Vec<Event>,
    /// The new candidate, or the reason for the failure.
    pub result: Result<Described, String>,
}

/// A new candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    /// It is clean, and accepting it unseen was asked for.
    pub accepted: bool,
    /// The record has a candidate with this text already.
    pub repeated: bool,
    /// The token limit cut it off.
    pub cut_off: bool,
}

/// Returns the events that the end of a job leaves in the session: a candidate (accepted if that was asked for and it is
/// clean), or a failure. A refusal by the model is a failure, never a candidate.
#[must_use]
pub fn conclude(
    ledger: &Ledger,
    record: RecordId,
    result: Result<Description, DescribeError>,
    origin: Origin<'_>,
    rules: &Rules,
) -> Conclusion {
    let failed = |reason: String| Conclusion {
        events: vec![Event::Failed { record, reason: reason.clone() }],
        result: Err(reason),
    };
    let Description { text, model, prompt, parameters, stop, usage } = match result {
        Ok(description) => description,
        Err(error) => return failed(error.message),
    };
    let findings = findings(&text, Some(&stop), rules);
    if let Some(refusal) = findings.iter().find(|finding| finding.kind == LintKind::Refusal) {
        return failed(format!("{model} declined: {}", refusal.message));
    }
    let accept = origin.accept.filter(|_| is_clean(&stop, &findings));
    let described = Described {
        accepted: accept.is_some(),
        repeated: ledger.record(record).candidates.iter().any(|candidate| candidate.text == text),
        cut_off: stop == StopReason::MaxTokens,
    };
    let provenance = Provenance {
        describer: origin.describer.to_owned(),
        model,
        prompt,
        parameters,
        reason: origin.reason.map(|reason| reason.as_str().to_owned()),
        usage,
        stop,
        at: origin.at,
    };
    let accepted = accept.map(|by| {
        // A candidate's identity is the number of its event, which is the ledger's next.
        let candidate = CandidateId(ledger.last().0 + 1);
        Event::Decided { record, decision: Decision::Accepted { candidate, text: text.clone() }, by }
    });
    let generated = Event::Generated { record, text, provenance };
    Conclusion { events: std::iter::once(generated).chain(accepted).collect(), result: Ok(described) }
}

/// Returns the event that makes a caption of an earlier run's output a candidate, unless the record has it already.
#[must_use]
pub fn import(state: &RecordState, record: RecordId, text: String, source: &str, at: Timestamp) -> Option<Event> {
    if state.candidates.iter().any(|candidate| candidate.text == text) {
        return None;
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
    Some(Event::Generated { record, text, provenance })
}

#[cfg(test)]
mod tests;
