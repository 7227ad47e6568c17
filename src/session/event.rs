//! The events of a session.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::dataset::RecordId;
use crate::describe::{StopReason, Usage, Verdict};

/// Number of an event in its session, from one, assigned by the ledger without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Identifies a candidate in its session: the number of its [`Event::Generated`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateId(pub u64);

/// The describer of candidates that were imported from a file.
pub const FILE: &str = "file";
/// The describer of the candidates of the samples, which were imported too.
pub const SAMPLE: &str = "sample";

/// The describer of candidates that are the captions of reviewers who decided differently. Their model is the reviewer, and
/// their parameters the decision.
pub const REVIEWER: &str = "reviewer";

/// The origin of a candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The describer's name ("local"), or [`FILE`], [`SAMPLE`] or [`REVIEWER`].
    pub describer: String,
    /// The model with its version, or the name of the file.
    pub model: String,
    /// The prompt's name and version.
    pub prompt: Option<String>,
    /// For display ("detail: brief").
    pub parameters: String,
    /// The operator's reason for regenerating, if given.
    pub reason: Option<String>,
    /// `None` if the describer is free.
    pub usage: Option<Usage>,
    pub stop: StopReason,
    /// When the response was complete.
    pub at: Timestamp,
}

impl Provenance {
    /// Returns true if the candidate was imported, false if a describer wrote it.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        matches!(self.describer.as_str(), FILE | SAMPLE | REVIEWER)
    }
}

/// A verdict of a verifier on one text of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub verdict: Verdict,
    pub provenance: Provenance,
}

impl Verification {
    /// Returns true if both are verdicts of the same model and prompt on the same text.
    #[must_use]
    pub fn repeats(&self, other: &Self) -> bool {
        let (one, two) = (&self.provenance, &other.provenance);
        self.verdict.judged == other.verdict.judged
            && (&one.describer, &one.model, &one.prompt) == (&two.describer, &two.model, &two.prompt)
    }
}

/// Who decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person.
    #[default]
    Operator,
    /// A headless run.
    Run,
}

/// The text that an edit started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EditBase {
    Original,
    /// The text decided before.
    Current,
    Candidate(CandidateId),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    #[default]
    Undecided,
    /// The caption is that of a candidate.
    Accepted { candidate: CandidateId, text: String },
    /// The caption is written by the operator.
    Edited { text: String, base: EditBase },
    /// The original caption is kept.
    Kept,
    /// Put off.
    Skipped,
    /// Left out of the output.
    Excluded,
}

/// A [`Decision`] without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecisionKind {
    Undecided,
    Accepted,
    Edited,
    Kept,
    Skipped,
    Excluded,
}

impl DecisionKind {
    /// Returns the name used in output.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Accepted => "accepted",
            Self::Edited => "edited",
            Self::Kept => "kept",
            Self::Skipped => "skipped",
            Self::Excluded => "excluded",
        }
    }
}

impl Decision {
    #[must_use]
    pub const fn kind(&self) -> DecisionKind {
        match self {
            Self::Undecided => DecisionKind::Undecided,
            Self::Accepted { .. } => DecisionKind::Accepted,
            Self::Edited { .. } => DecisionKind::Edited,
            Self::Kept => DecisionKind::Kept,
            Self::Skipped => DecisionKind::Skipped,
            Self::Excluded => DecisionKind::Excluded,
        }
    }

    /// Returns the caption that replaces the original, if any.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Accepted { text, .. } | Self::Edited { text, .. } => Some(text),
            Self::Undecided | Self::Kept | Self::Skipped | Self::Excluded => None,
        }
    }

    /// Returns true unless undecided or skipped.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Undecided | Self::Skipped)
    }
}

/// An unfinished edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub text: String,
    /// Position in characters from the start.
    pub cursor: usize,
    pub base: EditBase,
}

/// The result of matching a record when the session is opened with a changed dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MatchOutcome {
    /// The record is missing from the dataset. Its state is kept, but is neither shown nor undone.
    Gone,
    /// The record is in the dataset again, and its state is restored.
    Returned,
    /// Its caption was changed outside this session. Accepted and edited texts are kept and marked; a record whose original
    /// was kept is undecided again, also if an undo or redo restores that decision. `before` is the previous original.
    Changed { before: Option<String> },
    /// The dataset's caption is a text decided in this session: its output has replaced the dataset. `original` is the
    /// caption before, which remains the original.
    Ours { original: Option<String> },
    /// After [`Ours`](Self::Ours), the dataset has the original caption again.
    Restored,
}

/// An entry of the append-only log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was decided. Can be undone.
    Decided { record: RecordId, decision: Decision, by: Actor },
    /// A bulk change (`:s`) replaced the caption of a record; with `None`, restored the decided or original one. Its decision
    /// is unchanged. Can be undone.
    Amended { record: RecordId, text: Option<String> },
    /// The newest changes, as many as given, are one step of undo.
    StepEnded { changes: u64 },
    /// A flag was set or cleared. Can be undone.
    Flagged { record: RecordId, on: bool },
    /// A spot check found that the caption is not acceptable, for this reason; with `None`, that was withdrawn. The output
    /// is unchanged. Can be undone.
    Rejected { record: RecordId, reason: Option<String> },
    /// A note was written; an empty one removes it. Can be undone.
    Noted { record: RecordId, note: String },
    /// A description arrived. Its candidate is identified by the number of this event.
    Generated { record: RecordId, text: String, provenance: Provenance },
    /// A description failed, with the reason for the operator.
    Failed { record: RecordId, reason: String },
    /// A describer of this name recognised nothing in the image.
    Unrecognised { record: RecordId, describer: String },
    /// A caption was compared with its image.
    Verified { record: RecordId, verification: Box<Verification> },
    /// An edit was interrupted; with `None`, it was finished or discarded.
    Drafted { record: RecordId, draft: Option<Draft> },
    /// The newest step was undone.
    Undone,
    /// The step undone last was redone.
    Redone,
    /// The updated dataset was written.
    Saved {
        path: PathBuf,
        /// The last event it contains.
        through: Seq,
        /// XXH3-128 of its bytes, as [`Dataset::content_hash`](crate::dataset::Dataset::content_hash) returns it for
        /// that file.
        hash: u128,
    },
    /// The session was opened with a changed dataset. Lists the affected records by their new positions.
    Rebound { outcomes: Vec<(RecordId, MatchOutcome)> },
}

impl Event {
    /// Returns true if it can be undone.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        matches!(
            self,
            Self::Decided { .. }
                | Self::Amended { .. }
                | Self::Flagged { .. }
                | Self::Rejected { .. }
                | Self::Noted { .. }
        )
    }

    /// Returns the record it changes. Undo and redo find theirs in the ledger.
    #[must_use]
    pub const fn record(&self) -> Option<RecordId> {
        match self {
            Self::Decided { record, .. }
            | Self::Amended { record, .. }
            | Self::Flagged { record, .. }
            | Self::Rejected { record, .. }
            | Self::Noted { record, .. }
            | Self::Generated { record, .. }
            | Self::Failed { record, .. }
            | Self::Unrecognised { record, .. }
            | Self::Verified { record, .. }
            | Self::Drafted { record, .. } => Some(*record),
            Self::StepEnded { .. } | Self::Undone | Self::Redone | Self::Saved { .. } | Self::Rebound { .. } => None,
        }
    }
}
