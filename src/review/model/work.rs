//! Background work: descriptions, a sort, a save.

use std::collections::HashSet;

use jiff::Timestamp;
use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::describe::{Detail, JobId, Priority, Reason};
use crate::review::scan::ScanId;
use crate::review::sort::Sort;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sorting {
    pub id: ScanId,
    /// The order to be sorted into.
    pub sort: Sort,
    /// Lines read so far.
    pub seen: u32,
}

/// A record's current description job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    pub priority: Priority,
    pub detail: Detail,
    pub state: JobState,
    /// Why the operator asks for another candidate.
    pub reason: Option<Reason>,
    /// Accept the candidate when it arrives, if it is clean.
    pub accept: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    Queued,
    /// The describer waits or retries; the reason.
    Waiting(String),
    /// The text so far.
    Streaming(String),
}

/// A run: many records described in the background.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bulk {
    /// True if the operator chose the records; false for those that need a description.
    pub chosen: bool,
    /// Why the operator asks for other candidates.
    pub reason: Option<Reason>,
    /// Records not in the queue yet.
    pub waiting: RoaringBitmap,
    /// Records in the queue.
    pub running: HashSet<RecordId>,
    /// Records in the run.
    pub total: u64,
    /// Records that got a candidate.
    pub done: u64,
    /// Records in whose image nothing was recognised.
    pub unrecognised: u64,
    /// Records that failed.
    pub failed: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveStatus {
    pub running: bool,
    /// A save that starts once every change is on disk, and whether it overwrites any file.
    pub waiting: Option<bool>,
    /// Quit after the save.
    pub then_quit: bool,
    /// When the last save finished.
    pub last: Option<Timestamp>,
}
