//! The records left at the end of a review.

use super::{FindingCounts, Model, Tab};
use crate::session::DecisionKind;

/// The end of a review: every record is decided or skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Summary {
    pub records: u64,
    /// The numbers of records by decision.
    pub decisions: [(DecisionKind, u64); 4],
    pub skipped: u64,
    /// The numbers of captions with errors and warnings; `None` while they are counted.
    pub findings: Option<FindingCounts>,
}

impl Model {
    /// Returns the state of the review if no undecided record is left. There may be skipped ones.
    #[must_use]
    pub fn rest(&self) -> String {
        match self.tabs.count(Tab::Skipped) {
            _ if !self.indexed => "the dataset is still loading".to_owned(),
            0 => "all records reviewed · ^s saves".to_owned(),
            1 => "1 skipped record left · Tab shows it".to_owned(),
            skipped => format!("{skipped} skipped records left · Tab shows them"),
        }
    }

    /// Returns the summary at the end of a review, until the next key.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let is_counted = self.attention.as_ref().is_some_and(super::Matches::is_settled);
        self.is_summary_shown.then(|| Summary {
            records: self.tabs.count(Tab::All),
            decisions: self.tabs.decisions(),
            skipped: self.tabs.count(Tab::Skipped),
            findings: is_counted.then(|| self.tabs.findings()),
        })
    }
}
