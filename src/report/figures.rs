//! The figures of a session.

use std::collections::BTreeMap;

use super::{Lengths, Pace, Phrase, SpotFigures};
use crate::session::{DecisionKind, Spending};
use crate::statistics::Proportion;

/// What a session has come to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// The dataset's name.
    pub dataset: String,
    /// How many records it has.
    pub records: u64,
    /// How many of its lines cannot be read.
    pub unreadable: u64,
    /// How many records have a decision of each kind, undecided ones left out.
    pub decisions: BTreeMap<DecisionKind, Counts>,
    /// How many records are flagged.
    pub flagged: u64,
    /// How many have a note.
    pub noted: u64,
    /// The records that a person kept or accepted, of those a person accepted, edited, kept or left out.
    pub acceptance: Proportion,
    /// What the newest spot check has come to.
    pub spot: Option<SpotFigures>,
    /// How fast that went.
    pub pace: Pace,
    /// What became of the texts a person judged, by who wrote them; the most first.
    pub texts: Vec<TextFigures>,
    /// Why other texts were asked for, the most frequent first.
    pub reasons: Vec<(String, u64)>,
    /// How long the captions are that would be saved now, in words.
    pub lengths: Lengths,
    /// The most words a caption may have.
    pub max_words: u64,
    /// The words captions begin with most often.
    pub openings: Vec<Phrase>,
    /// The words that follow one another most often.
    pub phrases: Vec<Phrase>,
    /// What describing has cost, by model and prompt.
    pub spending: Vec<Spending>,
    /// Why records have no description, the most frequent first.
    pub failures: Vec<(String, u64)>,
}

impl Figures {
    /// How many records need no more review.
    #[must_use]
    pub fn reviewed(&self) -> u64 {
        let open = [DecisionKind::Undecided, DecisionKind::Skipped];
        self.decisions.iter().filter(|(kind, _)| !open.contains(kind)).map(|(_, counts)| counts.all()).sum()
    }
}

/// How many decisions, by who made them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// By a person.
    pub by_hand: u64,
    /// By a run.
    pub by_run: u64,
}

impl Counts {
    /// All of them.
    #[must_use]
    pub const fn all(self) -> u64 {
        self.by_hand + self.by_run
    }
}

/// Who wrote texts that were judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Judged {
    /// Whoever made the dataset.
    Dataset,
    /// A describer.
    Described {
        /// The model with its version; for an older run's output, the file.
        model: String,
        /// The prompt, by name and version.
        prompt: Option<String>,
    },
}

/// What became of the texts of one origin.
#[derive(Clone, Debug, PartialEq)]
pub struct TextFigures {
    /// The origin.
    pub of: Judged,
    /// How many were edited, of those that were taken with or without an edit.
    pub edited: Proportion,
    /// The words changed in the edited ones, on average, as a share of the longer text; none where none was edited.
    pub distance: Option<f64>,
}
