//! An opened session: its contents, and how they fit the dataset.

use super::ledger::Ledger;
use super::record_state::RecordState;
use super::sample::Sample;
use super::spending::Spending;
use crate::dataset::RecordId;

/// The contents of a session when it is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    pub ledger: Ledger,
    /// The record that was last under the cursor.
    pub cursor: Option<RecordId>,
    pub binding: Binding,
    /// Records with events that are missing from the dataset, in the order of their first events. Their states are restored
    /// if they return. Excluded records are not listed: an in-place save has removed them as requested.
    pub unmatched: Vec<Unmatched>,
    /// By model and prompt.
    pub spending: Vec<Spending>,
    /// In the order in which they were drawn.
    pub samples: Vec<Sample>,
}

/// How the dataset compares with the one the session was last opened with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// All records with events have the same positions and captions.
    #[default]
    Unchanged,
    /// The dataset changed, and the records were matched again.
    Rebound {
        /// The dataset is the last output of this session.
        own_output: bool,
        /// The number of records whose position changed.
        moved: usize,
        /// The number of records that are newly missing.
        gone: usize,
        /// The number of missing records that are present again.
        returned: usize,
        /// The records whose caption was changed outside this session, in the order of their first events.
        changed: Vec<RecordId>,
    },
}

impl Binding {
    /// Returns the message for the operator if the dataset was changed outside this session.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let Self::Rebound { own_output: false, moved, gone, returned, changed } = self else { return None };
        let parts = [
            (*moved, "moved"),
            (changed.len(), "with a changed caption"),
            (*gone, "missing (kept in the session)"),
            (*returned, "returned"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let what = if parts.is_empty() { "no reviewed record is affected".to_owned() } else { parts.join(", ") };
        Some(format!("the dataset changed since the last review: {what}"))
    }
}

/// A record with events that is missing from the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    pub file_name: String,
    /// The number of earlier records with the same file name.
    pub occurrence: u32,
    pub state: RecordState,
}
