//! What goes on in the background: descriptions, a sort, a save.

use std::collections::HashSet;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::describe::{Detail, JobId, Priority, Reason};
use crate::review::scan::ScanId;
use crate::review::sort::Sort;

/// A sort under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorting {
    /// Its identity.
    pub id: ScanId,
    /// The order that is wanted.
    pub sort: Sort,
    /// How many lines it has looked at.
    pub seen: u32,
}

/// A description that is being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// How soon.
    pub priority: Priority,
    /// How much is asked for.
    pub detail: Detail,
    /// How far it is.
    pub state: JobState,
    /// What was wrong with the text before, where the operator said so.
    pub reason: Option<Reason>,
    /// The operator has accepted what will come.
    pub accept: bool,
}

/// How far a job is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Waiting for its turn.
    Queued,
    /// Begun, and waiting for something: what.
    Waiting(String),
    /// Being written; the text so far.
    Streaming(String),
}

/// A description of many records, on its way.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bulk {
    /// Whether they are described whatever is known of them: the operator has chosen each.
    pub chosen: bool,
    /// What was wrong with the texts before, where the operator said so.
    pub reason: Option<Reason>,
    /// Records not handed to the queue yet.
    pub waiting: RoaringBitmap,
    /// Records handed over and not ended.
    pub running: HashSet<RecordId>,
    /// How many it was about.
    pub total: u64,
    /// How many have ended with a candidate.
    pub done: u64,
    /// How many have failed.
    pub failed: u64,
}

/// Where saving stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveStatus {
    /// A save is under way.
    pub running: bool,
    /// Leave when it is done.
    pub then_quit: bool,
    /// When the last one was complete.
    pub last: Option<Timestamp>,
}
