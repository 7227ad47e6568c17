//! The product's rules about descriptions, each stated once: which records need one, what is sent for them, and which
//! events a finished job leaves in the session. Pure, so that the reviewer's core can call them.

use jiff::Timestamp;

use super::structured;
use crate::dataset::RecordId;
use crate::describe::prompt::MAX_EXAMPLES;
use crate::describe::verdict::TextHash;
use crate::describe::{Description, Detail, JobId, LOCAL, Outcome, Priority, Reason, StopReason};
use crate::lint::{self, Finding, LintKind, Rules, Severity};
use crate::session::{
    Actor, Candidate, CandidateId, Decision, Event, Ledger, Original, Provenance, RecordState, Seq, Verification,
};
use crate::text;

/// The maximum number of characters of all examples in a request.
const MAX_EXAMPLE_CHARACTERS: usize = 2_000;
/// The maximum number of reasons in a request, the newest ones.
const MAX_REASONS: usize = 5;

/// A description to be made, as far as the session determines it. [`request::build`](super::request::build) adds the
/// dataset's part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobSpec {
    pub job: JobId,
    pub record: RecordId,
    pub priority: Priority,
    pub detail: Detail,
    pub current: CurrentCaption,
    /// The stop reason of `current`, if a describer wrote it.
    pub current_stop: Option<StopReason>,
    /// The describers' earlier candidates, oldest first. Imported captions are not among them, nor, for another describer,
    /// those of the embedded one.
    pub previous: Vec<String>,
    pub mode: JobMode,
    /// The last captions decided by a person, newest first, as style examples.
    pub examples: Vec<String>,
}

/// What a job asks for: a [`RequestMode`](crate::describe::RequestMode) as far as the session determines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobMode {
    Describe,
    Vary,
    Repair {
        rejected: Judged,
        /// Oldest first.
        reasons: Vec<Reason>,
    },
    /// A verdict on a caption, by the verifier.
    Verify {
        text: Judged,
        /// Texts that need none: they have a verdict of the same model and prompt.
        verified: Vec<TextHash>,
    },
}

impl JobMode {
    #[must_use]
    pub const fn is_verification(&self) -> bool {
        matches!(self, Self::Verify { .. })
    }
}

/// The text that a verification or a repair is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Judged {
    /// The one that the reviewer shows first: the candidate if it comes before the current caption (whether the embedded
    /// describer wrote it), else the current caption.
    First(Option<(String, bool)>),
    Text(String),
}

impl Judged {
    /// Returns the text that a record shows first. A decision was made about its own text.
    #[must_use]
    pub fn first(state: &RecordState) -> Self {
        let candidate = foremost(state, || true).filter(|_| state.decision == Decision::Undecided);
        Self::First(candidate.map(|index| {
            let candidate = &state.candidates[index];
            (candidate.text.clone(), is_local(candidate))
        }))
    }

    /// Returns true if the text depends on the caption that the record would be saved with.
    #[must_use]
    pub const fn needs_current(&self) -> bool {
        matches!(self, Self::First(None | Some((_, true))))
    }

    /// Returns the text, given the caption that the record would be saved with. Returns `None` if it is blank.
    #[must_use]
    pub fn resolve(self, current: Option<&str>, rules: &Rules) -> Option<String> {
        let text = match self {
            Self::Text(text) => text,
            // Of the embedded describer, only a candidate that comes first is the one that the operator judges.
            Self::First(candidate) => candidate
                .filter(|(_, is_local)| !is_local || displaces(LOCAL, Some(current.unwrap_or_default()), rules))
                .map(|(text, _)| text)
                .or_else(|| current.map(str::to_owned))?,
        };
        (!text::is_blank(&text)).then_some(text)
    }
}

impl JobSpec {
    /// Returns why the operator asks for a repair.
    #[must_use]
    pub fn reason(&self) -> Option<&Reason> {
        match &self.mode {
            JobMode::Repair { reasons, .. } => reasons.last(),
            JobMode::Describe | JobMode::Vary | JobMode::Verify { .. } => None,
        }
    }
}

/// The kind of description that the operator or a run asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A description, regardless of earlier candidates.
    Describe,
    /// A description that differs from earlier candidates.
    Another,
    /// A correction of the selected text, or of the one that comes first if it is `None`, for this reason.
    Repair(Reason, Option<String>),
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
    fn of(record: RecordId, state: &RecordState) -> Self {
        match (state.own_text(record), &state.original) {
            (Some(text), _) => Self::InSession(Some(text.into_owned())),
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

/// Returns true if a record has nothing to review yet: it is undecided, without a candidate and without a draft, and this
/// describer has not tried and recognised nothing. Candidates of the embedded describer count for that describer only.
/// Whether the record's line and image can be read is for the caller to check.
#[must_use]
pub fn needs_description(state: &RecordState, describer: &str) -> bool {
    state.decision == Decision::Undecided
        && !state.candidates.iter().any(|candidate| describer == LOCAL || !is_local(candidate))
        && state.draft.is_none()
        && state.unrecognised.as_deref() != Some(describer)
}

/// Returns true if an undecided record without a draft lacks a candidate of this describer, model and prompt, or has a newer
/// one of another. Without model and prompt, those of a describer are all the same.
#[must_use]
pub fn needs_another_description(state: &RecordState, describer: &str, version: Option<&(String, String)>) -> bool {
    let is_same = |Provenance { describer: by, model, prompt, .. }: &Provenance| {
        by == describer && version.is_none_or(|(id, with)| model == id && prompt.as_ref() == Some(with))
    };
    needs_description(state, describer) || newest_proposal(state).is_some_and(|newest| !is_same(&newest.provenance))
}

/// Returns the newest candidate of a record that may be described again: it is undecided and has no draft.
#[must_use]
pub fn newest_proposal(state: &RecordState) -> Option<&Candidate> {
    state.candidates.last().filter(|_| state.decision == Decision::Undecided && state.draft.is_none())
}

/// Returns true if a describer's candidate comes before the caption that a record would be saved with: it is shown, edited
/// and accepted in its place, and made ahead of the review. One of the embedded describer does only if that caption is
/// empty or needs attention; it is offered beside a good one. `None`: the caption is not loaded.
#[must_use]
pub fn displaces(describer: &str, current: Option<&str>, rules: &Rules) -> bool {
    let needs_replacement = |caption: &str| {
        text::trim(caption).is_empty() || lint::needs_attention(caption, rules, &lint::Context::default())
    };
    describer != LOCAL || current.is_some_and(needs_replacement)
}

/// Returns true if the newest candidate comes before the caption that the record would be saved with if the embedded
/// describer wrote it: the caption is empty, or has a more severe finding than the candidate. `None`: the caption is not
/// loaded.
#[must_use]
pub fn local_displaces(state: &RecordState, current: Option<&str>, rules: &Rules) -> bool {
    let newest = state.candidates.last();
    displaces(LOCAL, current, rules) && newest.is_some_and(|newest| is_better(&newest.text, current, rules))
}

/// Returns true if a caption has no finding that is as severe as the worst one of the current caption.
fn is_better(caption: &str, current: Option<&str>, rules: &Rules) -> bool {
    let worst = |text: &str| lint::worst(text, rules, &lint::Context::default());
    current.is_some_and(|current| text::trim(current).is_empty() || worst(caption) < worst(current))
}

/// Returns true if the embedded describer wrote the candidate.
#[must_use]
pub fn is_local(candidate: &Candidate) -> bool {
    candidate.provenance.describer == LOCAL
}

/// Returns the index of the candidate that comes first: the newest one that the embedded describer did not write; if there is
/// none, its newest one if that displaces the caption that the record would be saved with, as [`local_displaces`] returns.
#[must_use]
pub fn foremost(state: &RecordState, local_displaces: impl FnOnce() -> bool) -> Option<usize> {
    let newest = state.candidates.len().checked_sub(1)?;
    let others = state.candidates.iter().rposition(|candidate| !is_local(candidate));
    others.or_else(|| local_displaces().then_some(newest))
}

/// Returns true if a describer can act on a reason for regenerating.
#[must_use]
pub fn can_use(describer: &str, reason: &Reason) -> bool {
    describer != LOCAL || matches!(reason, Reason::TooLong | Reason::MissedItem)
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
    ledger: &Ledger,
    describer: &str,
    wish: Wish,
) -> JobSpec {
    let state = ledger.record(record);
    let is_earlier = |candidate: &&Candidate| is_described(candidate) && (describer == LOCAL || !is_local(candidate));
    let earlier = || state.candidates.iter().filter(is_earlier);
    let mode = match wish {
        Wish::Another if earlier().next().is_some() => JobMode::Vary,
        Wish::Another | Wish::Describe => JobMode::Describe,
        Wish::Repair(reason, selected) => {
            let rejected = selected.map_or_else(|| Judged::first(state), Judged::Text);
            let stored =
                earlier().filter_map(|candidate| candidate.provenance.reason.as_deref()).map(Reason::from_text);
            let mut reasons: Vec<Reason> = stored.filter(|stored| *stored != reason).collect();
            reasons.drain(..reasons.len().saturating_sub(MAX_REASONS - 1));
            reasons.push(reason);
            JobMode::Repair { rejected, reasons: distinct(&reasons) }
        }
    };
    JobSpec {
        job,
        record,
        priority,
        detail: earlier().fold(Detail::default(), |detail, _| detail.next()),
        current: CurrentCaption::of(record, state),
        current_stop: current_stop_reason(state).cloned(),
        previous: earlier().map(|candidate| candidate.text.clone()).collect(),
        mode,
        examples: examples(ledger, record),
    }
}

/// Returns the job that verifies a caption of a record, unless it turns out to be one of the `verified` texts.
#[must_use]
pub fn verification_spec(
    job: JobId,
    record: RecordId,
    priority: Priority,
    state: &RecordState,
    text: Judged,
    verified: Vec<TextHash>,
) -> JobSpec {
    JobSpec {
        job,
        record,
        priority,
        detail: Detail::default(),
        current: CurrentCaption::of(record, state),
        current_stop: None,
        previous: Vec::new(),
        mode: JobMode::Verify { text, verified },
        examples: Vec::new(),
    }
}

/// Returns the texts that this model has judged with this prompt.
pub fn verified(state: &RecordState, (model, prompt): (&str, &str)) -> impl Iterator<Item = TextHash> {
    let is_by = move |known: &&Verification| {
        known.provenance.model == model && known.provenance.prompt.as_deref() == Some(prompt)
    };
    state.verifications.iter().filter(is_by).map(|known| known.verdict.judged)
}

/// Returns true if this model has judged this text with this prompt.
#[must_use]
pub fn is_verified(state: &RecordState, text: &str, version: (&str, &str)) -> bool {
    let text = TextHash::of(text);
    verified(state, version).any(|judged| judged == text)
}

/// Returns true if the captions of a record are verified: those of every record that the output has.
#[must_use]
pub fn is_verifiable(state: &RecordState) -> bool {
    state.decision != Decision::Excluded
}

/// Returns the event that stores a verdict, or why there is none. A failure leaves no trace in the session: the caption is
/// as unverified as before.
///
/// # Errors
///
/// Returns the reason of the failure.
pub fn conclude_verification(
    record: RecordId,
    outcome: Outcome,
    verifier: &str,
    at: Timestamp,
) -> Result<(Event, Verification), String> {
    let (verdict, response) = match outcome {
        Outcome::Verified(verdict, response) => (verdict, response),
        Outcome::Failed(error) => return Err(error.message),
        Outcome::Described(_) | Outcome::NothingRecognised => return Err("no verdict".to_owned()),
    };
    let Description { text: _, model, prompt, parameters, stop, usage } = response;
    let describer = verifier.to_owned();
    let provenance = Provenance { describer, model, prompt, parameters, reason: None, usage, stop, at };
    let verification = Verification { verdict: *verdict, provenance };
    Ok((Event::Verified { record, verification: Box::new(verification.clone()) }, verification))
}

/// Returns the captions that a person accepted or edited last, newest first, as examples for a record: never its own, each
/// text once, limited in number and length. The cost does not depend on the size of the session.
fn examples(ledger: &Ledger, record: RecordId) -> Vec<String> {
    let mut examples: Vec<String> = Vec::new();
    let mut left = MAX_EXAMPLE_CHARACTERS;
    for (other, state) in ledger.recently_decided() {
        let is_example = matches!(state.decision, Decision::Accepted { .. } | Decision::Edited { .. });
        let Some(text) = state.own_text(other).filter(|_| is_example && other != record) else { continue };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let length = text.chars().count();
        if length > 0 && length <= left && !examples.contains(&text) {
            left -= length;
            examples.push(text);
        }
        if examples.len() == MAX_EXAMPLES {
            break;
        }
    }
    examples
}

/// Returns the last occurrence of each reason.
fn distinct(reasons: &[Reason]) -> Vec<Reason> {
    let is_last = |(at, reason): &(usize, &Reason)| !reasons[at + 1..].contains(reason);
    reasons.iter().enumerate().filter(is_last).map(|(_, reason)| reason.clone()).collect()
}

/// Returns true if a caption is good enough to be shown to a model as a hint: it has no error, and no token limit cut it
/// off. Captions without a full stop are hints, because whole datasets are written like that.
#[must_use]
pub fn is_hint(caption: &str, stop: Option<&StopReason>, rules: &Rules) -> bool {
    stop != Some(&StopReason::MaxTokens)
        && findings(caption, stop, rules).iter().all(|finding| finding.severity < Severity::Error)
}

/// Returns true if a describer wrote the candidate; false if it was imported from a file.
fn is_described(candidate: &Candidate) -> bool {
    !candidate.provenance.is_imported()
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

/// Returns the verification of a text that may be shown. In a spot check, whose sample was drawn after `sampled`, that is
/// one of a record that the reviewer has judged: it would bias the verdict before.
#[must_use]
pub fn shown_verification<'a>(state: &'a RecordState, text: &str, sampled: Option<Seq>) -> Option<&'a Verification> {
    let is_judged = |after: Seq| state.is_decided_since(after) || state.rejected_since(after).is_some();
    state.verification(text).filter(|_| sampled.is_none_or(is_judged))
}

/// Returns true if a new candidate may be accepted without a look: the model finished it, and `check`, which does not know
/// why a caption ended, reports neither a warning nor an error for it.
fn is_clean(text: &str, stop: &StopReason, rules: &Rules) -> bool {
    *stop == StopReason::EndTurn && !lint::needs_attention(text, rules, &lint::Context::default())
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
    /// The caption that the record would be saved with; empty if there is none, `None` if it is not loaded.
    pub current: Option<&'a str>,
}

/// The end of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// To be stored as one step.
    pub events: Vec<Event>,
    pub result: Concluded,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Concluded {
    Described(Described),
    NothingRecognised,
    /// The reason.
    Failed(String),
}

/// The place of a new candidate among the captions of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It is clean, and accepting it unseen was asked for.
    Accepted,
    /// It comes before the current caption.
    First,
    /// It is offered beside a good caption.
    Beside,
}

/// A new candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Described {
    pub standing: Standing,
    /// The record has a candidate with this text already, so no other was stored.
    pub repeated: bool,
    /// The token limit cut it off.
    pub cut_off: bool,
}

/// Returns the events that the end of a job leaves in the session: a candidate (accepted if that was asked for, it is clean
/// and it displaces the current caption), that nothing was recognised, or a failure. A refusal by the model is a failure,
/// never a candidate.
#[must_use]
pub fn conclude(ledger: &Ledger, record: RecordId, outcome: Outcome, origin: Origin<'_>, rules: &Rules) -> Conclusion {
    let failed = |reason: String| Conclusion {
        events: vec![Event::Failed { record, reason: reason.clone() }],
        result: Concluded::Failed(reason),
    };
    let Description { text, model, prompt, parameters, stop, usage } = match outcome {
        Outcome::Described(description) => description,
        Outcome::NothingRecognised => {
            let describer = origin.describer.to_owned();
            let events = vec![Event::Unrecognised { record, describer }];
            return Conclusion { events, result: Concluded::NothingRecognised };
        }
        Outcome::Failed(error) => return failed(error.message),
        Outcome::Verified(..) => return failed("a verdict instead of a caption".to_owned()),
    };
    let findings = findings(&text, Some(&stop), rules);
    if let Some(refusal) = findings.iter().find(|finding| finding.kind == LintKind::Refusal) {
        return failed(format!("{model} declined: {}", refusal.message));
    }
    let text = match rules.are_json().then(|| structured::response(&text, &stop, origin.current)) {
        Some(Ok(object)) => object,
        Some(Err(error)) => return failed(error),
        None => text,
    };
    let displaces = displaces(origin.describer, origin.current, rules)
        && (origin.describer != LOCAL || is_better(&text, origin.current, rules));
    let accept = origin.accept.filter(|_| displaces && is_clean(&text, &stop, rules));
    let state = ledger.record(record);
    // A success after a failure is stored even if it repeats a candidate: it ends the failure.
    let known = state.candidates.iter().rfind(|known| known.text == text).filter(|_| state.failure.is_none());
    let described = Described {
        standing: match accept {
            Some(_) => Standing::Accepted,
            None if displaces => Standing::First,
            None => Standing::Beside,
        },
        repeated: known.is_some(),
        cut_off: stop == StopReason::MaxTokens,
    };
    // A candidate's identity is the number of its event, which is the ledger's next.
    let candidate = known.map_or(CandidateId(ledger.last().0 + 1), |known| known.id);
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
    let accepted =
        accept.map(|by| Event::Decided { record, decision: Decision::Accepted { candidate, text: text.clone() }, by });
    let generated = known.is_none().then_some(Event::Generated { record, text, provenance });
    Conclusion { events: generated.into_iter().chain(accepted).collect(), result: Concluded::Described(described) }
}

/// Returns the event that makes a caption of a file a candidate, unless the record has it already. `describer` is
/// [`FILE`](crate::session::FILE) for an earlier run's output, or [`SAMPLE`](crate::session::SAMPLE).
#[must_use]
pub fn import(
    state: &RecordState,
    record: RecordId,
    text: String,
    (describer, source): (&str, &str),
    at: Timestamp,
) -> Option<Event> {
    if state.candidates.iter().any(|candidate| candidate.text == text) {
        return None;
    }
    let provenance = Provenance {
        describer: describer.to_owned(),
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
