//! Statistics of a session.

use std::collections::BTreeMap;

use super::{Lengths, Pace, Phrase, SpotFigures};
use crate::session::{DecisionKind, Spending};
use crate::statistics::Proportion;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Name of the dataset.
    pub dataset: String,
    /// Number of records.
    pub records: u64,
    /// Number of lines that cannot be parsed.
    pub unreadable: u64,
    /// Number of records by decision, without undecided ones.
    pub decisions: BTreeMap<DecisionKind, Counts>,
    pub flagged: u64,
    /// Number of records with a note.
    pub noted: u64,
    /// Records a person kept or accepted, as a proportion of those a person accepted, edited, kept or excluded.
    pub acceptance: Proportion,
    /// The latest spot check.
    pub spot: Option<SpotFigures>,
    pub verdicts: VerdictCounts,
    pub pace: Pace,
    /// Captions a person accepted or edited, by origin, the most frequent first.
    pub texts: Vec<TextFigures>,
    /// Reasons given for regenerating, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// Lengths of the current captions.
    pub lengths: Lengths,
    /// The lengths are numbers of tags, not of words.
    pub in_tags: bool,
    /// The limit for the length of a caption.
    pub max_words: u64,
    /// The most frequent openings of captions.
    pub openings: Vec<Phrase>,
    /// The most frequent phrases in captions.
    pub phrases: Vec<Phrase>,
    /// Cost by model and prompt.
    pub spending: Vec<Spending>,
    /// Reasons why describing failed, the most frequent first.
    pub failures: Vec<(String, u64)>,
}

impl Figures {
    /// Returns the number of records that need no further review.
    #[must_use]
    pub fn reviewed(&self) -> u64 {
        let open = [DecisionKind::Undecided, DecisionKind::Skipped];
        self.decisions.iter().filter(|(kind, _)| !open.contains(kind)).map(|(_, counts)| counts.all()).sum()
    }
}

/// Number of decisions, by a person or by a batch run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub by_hand: u64,
    pub by_run: u64,
}

impl Counts {
    #[must_use]
    pub const fn all(self) -> u64 {
        self.by_hand + self.by_run
    }
}

/// The source of a caption.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextOrigin {
    Dataset,
    Described {
        /// Model and version; for candidates imported from an earlier run, the file.
        model: String,
        /// Name and version of the prompt.
        prompt: Option<String>,
    },
}

/// Accepted captions of one origin.
#[derive(Clone, Debug, PartialEq)]
pub struct TextFigures {
    pub origin: TextOrigin,
    /// Edited captions, as a proportion of those accepted with or without an edit.
    pub edited: Proportion,
    /// Mean word distance of the edited captions, as a proportion of the longer text; `None` if none was edited.
    pub distance: Option<f64>,
}

/// Captions with a verdict of a verifier, of those that come first: the newest candidate of undecided records, else the
/// current caption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerdictCounts {
    pub captions: u64,
    /// Captions with a phrase that the image does not support.
    pub unsupported: u64,
    /// Captions that do not mention something.
    pub missing: u64,
}
