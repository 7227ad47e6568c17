//! Background scans for the records that match a query. Request and results are values; the reading is done by the
//! runtime.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::query::Query;
use super::record_view::{Content, RecordView};
use crate::dataset::{Line, RecordId};
use crate::lint::Rules;
use crate::session::{RecordStates, Seq};

/// Identity of a scan. Results of any other than the current one are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScanId(pub u64);

/// The state of all records at one moment, for background work. Cheap to create: the session's part is copy-on-write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    pub states: RecordStates,
    pub bad_pictures: RoaringBitmap,
    /// Records that wait for the result of a batch job.
    pub in_batch: RoaringBitmap,
    /// Lint rules.
    pub rules: Rules,
    /// In a spot check, the last event before its sample was drawn.
    pub sampled: Option<Seq>,
}

impl Snapshot {
    /// Calls `f` with a view of the line's record.
    pub fn record_view<T>(&self, line: &Line, f: impl FnOnce(&RecordView) -> T) -> T {
        let entry = line.entry();
        let content = Content::of(&entry, Some(line));
        let id = line.record();
        let (bad_picture, in_batch) = (self.bad_pictures.contains(id.0), self.in_batch.contains(id.0));
        let (state, rules, sampled) = (self.states.get(id), &self.rules, self.sampled);
        f(&RecordView { id, content, state, bad_picture, in_batch, rules, sampled })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    pub id: ScanId,
    pub query: Arc<Query>,
    /// The records to scan; `None` for all.
    pub records: Option<RoaringBitmap>,
    /// The record to start at. Those before it follow at the end.
    pub from: RecordId,
    pub now: Snapshot,
}

impl Scan {
    /// Adds the record of a line, which is among those scanned, to a report if it matches.
    pub fn add(&self, line: &Line, report: &mut Scanned) {
        let record = line.record();
        let is_untouched = self.now.states.known(record).is_none();
        if is_untouched && !self.query.may_match(line.bytes()) {
            return;
        }
        self.now.record_view(line, |view| {
            if self.query.matches(view) == Some(true) {
                report.found.insert(record.0);
                if *self.query == Query::Attention && Query::Error.matches(view) == Some(true) {
                    report.errors.insert(record.0);
                }
            }
        });
    }
}

/// The results of a scan since its last report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    pub id: ScanId,
    /// The records scanned.
    pub among: RoaringBitmap,
    /// Those of them that match.
    pub found: RoaringBitmap,
    /// For [`Query::Attention`], those whose caption has an error.
    pub errors: RoaringBitmap,
    /// True for the last report.
    pub done: bool,
}
