//! Everything a session holds about one record.

use std::borrow::Cow;

use super::event::{Actor, CandidateId, Decision, Draft, Provenance, REVIEWER, Seq, Verification};
use super::texts::Amended;
use crate::dataset::{Amendment, RecordId};
use crate::describe::verdict::TextHash;

/// A caption proposed for a record. It changes nothing until it is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub id: CandidateId,
    pub text: String,
    pub provenance: Provenance,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Original {
    /// The caption in the dataset.
    #[default]
    InDataset,
    /// The caption that an in-place save replaced by a text of this session. An undecided, kept or skipped record has this
    /// caption, so an undo after the save still restores it.
    Before(Option<String>),
}

/// The verdict of a spot check that a caption is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    pub reason: String,
    /// The event of the verdict.
    pub at: Seq,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordState {
    pub decision: Decision,
    /// Who decided.
    pub by: Actor,
    /// The event of the decision.
    pub decided_at: Seq,
    /// The caption that a bulk change (`:s`) put in place of the decided or original one. A new decision removes it.
    pub amended: Option<Amended>,
    pub flagged: bool,
    pub rejection: Option<Box<Rejection>>,
    /// Empty if there is none.
    pub note: String,
    /// Oldest first.
    pub candidates: Vec<Candidate>,
    /// Why the last description failed; `None` after one succeeds.
    pub failure: Option<String>,
    /// The describer whose last description recognised nothing.
    pub unrecognised: Option<Box<str>>,
    /// One for each text, model and prompt, oldest first.
    pub verifications: Vec<Verification>,
    pub draft: Option<Draft>,
    /// The original caption changed after the decision. A new decision resets it.
    pub original_changed: bool,
    pub original: Original,
    /// The newest event of the record; of a bulk change, that of its last record.
    pub touched: Seq,
}

impl RecordState {
    /// Returns the original caption, given that of the dataset's line.
    #[must_use]
    pub fn original_caption<'a>(&'a self, in_dataset: Option<&'a str>) -> Option<&'a str> {
        match &self.original {
            Original::InDataset => in_dataset,
            Original::Before(caption) => caption.as_deref(),
        }
    }

    /// Returns the caption that replaces the original, if any. The state is that of `record`.
    #[must_use]
    pub fn own_text(&self, record: RecordId) -> Option<Cow<'_, str>> {
        self.amended.as_ref().map(|amended| amended.text(record)).or_else(|| self.decision.text().map(Cow::Borrowed))
    }

    /// Returns true if there is a caption that replaces the original.
    #[must_use]
    pub fn has_own_text(&self) -> bool {
        self.amended.is_some() || self.decision.text().is_some()
    }

    /// Returns the caption of `record` that would be saved now, given that of the dataset's line.
    #[must_use]
    pub fn current_caption<'a>(&'a self, record: RecordId, in_dataset: Option<&'a str>) -> Option<Cow<'a, str>> {
        self.own_text(record).or_else(|| self.original_caption(in_dataset).map(Cow::Borrowed))
    }

    /// Returns the newest verification of a text. After an edit, those of the earlier text say nothing about the new one.
    #[must_use]
    pub fn verification(&self, text: &str) -> Option<&Verification> {
        if self.verifications.is_empty() {
            return None;
        }
        let judged = TextHash::of(text);
        self.verifications.iter().rfind(|known| known.verdict.judged == judged)
    }

    /// Adds a candidate.
    pub(super) fn add_candidate(&mut self, candidate: Candidate) {
        // Most records have one: a vector that grows by itself would have room for four, of hundreds of bytes each.
        if self.candidates.is_empty() {
            self.candidates.reserve_exact(1);
        }
        self.candidates.push(candidate);
    }

    /// Adds a verification. It replaces one of the same text by the same model and prompt.
    pub(super) fn add_verification(&mut self, new: Verification) {
        self.verifications.retain(|known| !known.repeats(&new));
        if self.verifications.is_empty() {
            self.verifications.reserve_exact(1);
        }
        self.verifications.push(new);
    }

    /// Returns how the saved `record` differs from the dataset's, if it does.
    #[must_use]
    pub fn amendment(&self, record: RecordId) -> Option<Amendment> {
        let before = || match &self.original {
            Original::InDataset => None,
            Original::Before(caption) => Some(Cow::Borrowed(caption.as_deref().unwrap_or_default())),
        };
        match &self.decision {
            Decision::Excluded => Some(Amendment::Exclude),
            _ => self.own_text(record).or_else(before).map(|caption| Amendment::Caption(caption.into_owned())),
        }
    }

    /// Returns true if a person decided the record after this event.
    #[must_use]
    pub fn is_decided_since(&self, event: Seq) -> bool {
        self.by == Actor::Operator && self.decided_at > event
    }

    /// Returns the rejection if it was made after this event, and no person has decided the record since.
    #[must_use]
    pub fn rejected_since(&self, event: Seq) -> Option<&Rejection> {
        let is_last = |at: Seq| !(self.is_decided_since(event) && self.decided_at > at);
        self.rejection.as_deref().filter(|rejection| rejection.at > event && is_last(rejection.at))
    }

    /// Returns the captions of reviewers who decided differently, by a merge.
    pub fn opinions(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().filter(|candidate| candidate.provenance.describer == REVIEWER)
    }

    /// Returns true if reviewers decided differently, and no decision was made since.
    #[must_use]
    pub fn is_in_conflict(&self) -> bool {
        let newest = self.opinions().last();
        newest.is_some_and(|opinion| !self.decision.is_final() || opinion.id.0 > self.decided_at.0)
    }

    /// Returns true if a candidate arrived after the last decision.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.candidates.last().is_some_and(|candidate| candidate.id.0 > self.decided_at.0)
    }
}
