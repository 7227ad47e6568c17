//! What can happen in a session.

use std::path::PathBuf;

use jiff::Timestamp;

use crate::dataset::RecordId;
use crate::describe::{StopReason, Usage};

/// Number of an event in its session, from one. The ledger assigns them without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Identity of a candidate in its session: the number of the event that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateId(pub u64);

/// The describer of candidates that came from a file.
pub const FILE: &str = "file";

/// Where a candidate's text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The describer's name ("local"), or "file" for an older run's output.
    pub describer: String,
    /// The model with its version; for a file, its name.
    pub model: String,
    /// The prompt it was asked with, by name and version.
    pub prompt: Option<String>,
    /// The parameters, as the operator should read them ("detail: brief").
    pub parameters: String,
    /// Why the text before it was not good enough, where the operator said so.
    pub reason: Option<String>,
    /// What it took, where it was paid for.
    pub usage: Option<Usage>,
    /// Why the text ended.
    pub stop: StopReason,
    /// When the text was complete.
    pub at: Timestamp,
}

/// Who decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person at the keyboard.
    #[default]
    Operator,
    /// A headless run.
    Run,
}

/// The text an edit started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EditBase {
    /// The caption of the dataset.
    Original,
    /// The text decided before.
    Current,
    /// A candidate.
    Candidate(CandidateId),
}

/// What the operator said of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Undecided,
    /// A candidate is the caption.
    Accepted {
        /// Which one.
        candidate: CandidateId,
        /// Its text.
        text: String,
    },
    /// The operator's own text is the caption.
    Edited {
        /// The text.
        text: String,
        /// What it was made from.
        base: EditBase,
    },
    /// The original caption stands.
    Kept,
    /// To be looked at later.
    Skipped,
    /// Left out of the output.
    Excluded,
}

/// What kind of decision it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DecisionKind {
    /// Nothing was decided.
    Undecided,
    /// A candidate is the caption.
    Accepted,
    /// The operator's own text is.
    Edited,
    /// The original stands.
    Kept,
    /// To be looked at later.
    Skipped,
    /// Left out of what is saved.
    Excluded,
}

impl DecisionKind {
    /// The name in output.
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
    /// What kind it is.
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

    /// The caption this decision puts in place of the original.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Accepted { text, .. } | Self::Edited { text, .. } => Some(text),
            Self::Undecided | Self::Kept | Self::Skipped | Self::Excluded => None,
        }
    }

    /// Whether the record needs no more review: everything but undecided and skipped.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Undecided | Self::Skipped)
    }
}

/// An edit that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The text so far.
    pub text: String,
    /// Where the cursor is, in characters from the start.
    pub cursor: usize,
    /// What the edit started from.
    pub base: EditBase,
}

/// What became of a record when the session was opened on a dataset that had changed in between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// No record of the dataset is it any more. What is known of it is kept, out of sight and out of reach of undo.
    Gone,
    /// It is in the dataset again, with all that was known of it.
    Returned,
    /// Somebody else changed its caption. Own texts stand and are marked; a kept original is undecided again, also where
    /// an undo or redo would bring it back.
    Changed {
        /// The caption that counted as the original until now.
        before: Option<String>,
    },
    /// The dataset's caption is a text decided in this session: its own output took the dataset's place.
    Ours {
        /// The caption that was there before, which stays the original.
        original: Option<String>,
    },
    /// After [`Ours`](Self::Ours), the dataset's caption is the original again.
    Restored,
}

/// Something that happened in a session. Events are only ever added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was decided. Can be undone.
    Decided {
        /// Which record.
        record: RecordId,
        /// What was decided.
        decision: Decision,
        /// Who decided.
        by: Actor,
    },
    /// A command over many records changed this one's caption (`None`: it is again what it was without). What was
    /// decided of the record stays. Can be undone.
    Amended {
        /// Which record.
        record: RecordId,
        /// The caption that is saved from now on.
        text: Option<String>,
    },
    /// So many of the newest changes are one step, to be taken back and made again together.
    Together {
        /// How many.
        changes: u64,
    },
    /// A record's flag was set or taken away. Can be undone.
    Flagged {
        /// Which record.
        record: RecordId,
        /// Set or not.
        on: bool,
    },
    /// A record's note was written; empty takes it away. Can be undone.
    Noted {
        /// Which record.
        record: RecordId,
        /// The note.
        note: String,
    },
    /// A description arrived. Its candidate's identity is this event's number.
    Generated {
        /// Which record.
        record: RecordId,
        /// The proposed caption.
        text: String,
        /// Where it comes from.
        provenance: Provenance,
    },
    /// A description was asked for and there is none.
    Failed {
        /// Which record.
        record: RecordId,
        /// Why, for the operator.
        reason: String,
    },
    /// An unfinished edit was put aside (or, with `None`, finished or discarded).
    Drafted {
        /// Which record.
        record: RecordId,
        /// The edit.
        draft: Option<Draft>,
    },
    /// The newest change that stands was taken back.
    Undone,
    /// The newest change taken back was made again.
    Redone,
    /// The updated dataset was written.
    Saved {
        /// Where to.
        path: PathBuf,
        /// The last event that is in it.
        through: Seq,
        /// XXH3-128 of what was written, as [`Dataset::content_hash`](crate::dataset::Dataset::content_hash) returns it for
        /// that file.
        hash: u128,
    },
    /// The session was opened on a dataset that is not as it was.
    Rebound {
        /// What became of the records it mattered to, by their new positions.
        fates: Vec<(RecordId, Fate)>,
    },
}

impl Event {
    /// Returns true if it can be undone.
    #[must_use]
    pub const fn is_change(&self) -> bool {
        matches!(self, Self::Decided { .. } | Self::Amended { .. } | Self::Flagged { .. } | Self::Noted { .. })
    }

    /// The one record it is about. An undo or redo finds its own.
    #[must_use]
    pub const fn record(&self) -> Option<RecordId> {
        match self {
            Self::Decided { record, .. }
            | Self::Amended { record, .. }
            | Self::Flagged { record, .. }
            | Self::Noted { record, .. }
            | Self::Generated { record, .. }
            | Self::Failed { record, .. }
            | Self::Drafted { record, .. } => Some(*record),
            Self::Together { .. } | Self::Undone | Self::Redone | Self::Saved { .. } | Self::Rebound { .. } => None,
        }
    }
}
