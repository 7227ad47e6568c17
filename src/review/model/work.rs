//! Background work: descriptions, a sort, a save.

use std::collections::{HashMap, HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};
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
    /// The caption that was selected when the operator gave the reason.
    pub rejected: Option<String>,
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
    /// When the latest records ended.
    pub ended: VecDeque<Timestamp>,
}

impl Bulk {
    /// The number of latest records that the rate is measured over.
    const WINDOW: usize = 60;
    /// The number of records, and the time between the first and the last, needed for an estimate.
    const MIN_RECORDS: usize = 4;
    const MIN_TIME: SignedDuration = SignedDuration::from_secs(2);

    pub(in crate::review) fn ended(&mut self, at: Timestamp) {
        self.ended.push_back(at);
        if self.ended.len() > Self::WINDOW {
            self.ended.pop_front();
        }
    }

    /// Returns the rate of the latest records; `None` if there are too few.
    #[must_use]
    pub fn rate(&self) -> Option<Rate> {
        let (first, last) = (self.ended.front()?, self.ended.back()?);
        let time = last.duration_since(*first);
        let is_known = self.ended.len() >= Self::MIN_RECORDS && time >= Self::MIN_TIME;
        is_known.then(|| Rate { records: self.ended.len() as u64 - 1, time })
    }
}

/// A number of records in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    records: u64,
    time: SignedDuration,
}

impl Rate {
    #[must_use]
    pub fn per_minute(self) -> u64 {
        self.records.saturating_mul(60_000) / self.milliseconds()
    }

    /// Returns the time for a number of records, as in "8 min" or "2 h 05".
    #[must_use]
    pub fn time_for(self, records: u64) -> Option<String> {
        let seconds = records.checked_mul(self.milliseconds())? / self.records.max(1) / 1000;
        Some(match (seconds / 3600, seconds / 60 % 60) {
            (0, 0) => format!("{seconds} s"),
            (0, minutes) => format!("{minutes} min"),
            (hours, minutes) => format!("{hours} h {minutes:02}"),
        })
    }

    fn milliseconds(self) -> u64 {
        u64::try_from(self.time.as_millis()).unwrap_or(1).max(1)
    }
}

/// The verifications in progress, and the run over selected records that some of them belong to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verifying {
    /// The current job of each record that has one.
    pub jobs: HashMap<RecordId, VerifyJob>,
    /// Records of the run that are not in the queue yet.
    pub waiting: RoaringBitmap,
    /// Records in the run; 0 if there is none.
    pub total: u64,
    pub done: u64,
    /// Of those done, with findings.
    pub found: u64,
    pub failed: u64,
    /// Verified before, which only their lines showed.
    pub known: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyJob {
    pub id: JobId,
    /// The operator waits for it.
    pub is_asked: bool,
    pub in_run: bool,
}

impl Verifying {
    /// Returns the number of jobs of the run in the queue.
    #[must_use]
    pub fn in_queue(&self) -> usize {
        self.jobs.values().filter(|job| job.in_run).count()
    }

    /// Returns true until the last record of the run has ended.
    #[must_use]
    pub fn is_running(&self) -> bool {
        !self.waiting.is_empty() || self.in_queue() > 0
    }

    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.waiting.is_empty()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveStatus {
    pub running: bool,
    /// A save that starts once every change is on disk, and whether it overwrites any file.
    pub waiting: Option<bool>,
    /// Quit after the save.
    pub then_quit: bool,
    /// The findings in the saved captions are still to be counted and named.
    pub names_findings: bool,
    /// When the last save finished.
    pub last: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_latest_records() {
        let mut run = Bulk::default();
        let mut end = |second: i64| {
            run.ended(Timestamp::from_second(second).expect("a time"));
            run.rate()
        };
        assert_eq!([end(0), end(1), end(2)], [None; 3], "too few");
        let rate = end(3).expect("enough records");
        assert_eq!(rate.per_minute(), 60);
        assert_eq!(rate.time_for(90).as_deref(), Some("1 min"));
        assert_eq!(rate.time_for(7_500).as_deref(), Some("2 h 05"));
        let slower = (1..=80).filter_map(|number| end(3 + number * 10)).last();
        assert_eq!(slower.map(Rate::per_minute), Some(6));
    }
}
