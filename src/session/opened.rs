//! An opened session: its contents, and how they fit the dataset.

use roaring::RoaringBitmap;

use super::batch::BatchPart;
use super::event::Decision;
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
    /// if they return.
    pub unmatched: Vec<Unmatched>,
    /// By model and prompt.
    pub spending: Vec<Spending>,
    /// In the order in which they were drawn.
    pub samples: Vec<Sample>,
    /// The parts of batch runs, in the order in which they were planned.
    pub batches: Vec<BatchPart>,
}

impl Opened {
    /// Returns the records that wait for a result of a batch: a verdict, or a candidate.
    #[must_use]
    pub fn waiting(&self, verdicts: bool) -> RoaringBitmap {
        let parts = self.batches.iter().filter(|part| part.is_waiting() && part.plan.is_verification == verdicts);
        parts.fold(RoaringBitmap::new(), |all, part| all | &part.waiting)
    }
}

/// How the dataset compares with the one the session was last opened with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Binding {
    /// All records with events have the same positions and captions.
    #[default]
    Unchanged,
    /// The dataset changed, and the records were matched again.
    Rebound(Rebound),
}

/// The result of matching the records again. The dataset may have changed in several ways, of which one counts for each
/// record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rebound {
    /// The dataset is the last output of this session.
    pub own_output: bool,
    /// The number of records in the session.
    pub records: usize,
    /// The number of records whose position changed, but not their caption.
    pub moved: usize,
    /// The number of records that are newly missing.
    pub gone: usize,
    /// The number of records that are newly set aside, because it is unknown which of several they are.
    pub ambiguous: usize,
    /// The number of records that were missing or set aside before and still are.
    pub absent: usize,
    /// The number of missing records that are present again with the same caption.
    pub returned: usize,
    /// The records whose caption was changed outside this session, in the order of their first events.
    pub changed: Vec<RecordId>,
}

impl Binding {
    /// Returns the message for the operator if the dataset was changed outside this session and that concerns its records.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        let Self::Rebound(rebound @ Rebound { own_output: false, .. }) = self else { return None };
        let Rebound { records, moved, gone, ambiguous, absent, returned, changed, .. } = rebound;
        let others = moved + gone + ambiguous + absent + returned + changed.len();
        if others == 0 {
            return None;
        }
        let parts = [
            (records.saturating_sub(others), "unchanged"),
            (*moved, "moved"),
            (changed.len(), "with a changed caption"),
            (*returned, "returned"),
            (*gone, "missing (kept in the session)"),
            (*ambiguous, "set aside (several records of its name, none certain; kept in the session)"),
            (*absent, "still missing"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let noun = if *records == 1 { "record" } else { "records" };
        let parts = parts.join(", ");
        Some(format!("the dataset changed since the last review; of {records} {noun} in the session: {parts}"))
    }
}

impl Unmatched {
    /// Returns true if the operator should know. An excluded record that is missing has been removed as requested.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        self.is_ambiguous || self.state.decision != Decision::Excluded
    }
}

/// A record with events that is missing from the dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmatched {
    pub file_name: String,
    /// The number of earlier records with the same file name and caption.
    pub occurrence: u32,
    /// There are records of its file name, but it is unknown which one it is, if any.
    pub is_ambiguous: bool,
    pub state: RecordState,
}
