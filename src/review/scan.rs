//! A look at the dataset's lines for the records a query holds for. What is to be looked at, and what was seen, are
//! values; the reading is another's.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::facts::{Content, Facts};
use super::query::Query;
use crate::dataset::{Entry, Line, RecordId};
use crate::session::States;

/// Identity of a scan. What a scan reports that is not the current one any more is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScanId(pub u64);

/// A scan to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// Its identity.
    pub id: ScanId,
    /// What is asked of each record.
    pub query: Arc<Query>,
    /// The records to look at; all where it is `None`.
    pub records: Option<RoaringBitmap>,
    /// Where to begin. What comes before follows at the end.
    pub from: RecordId,
    /// What the session knew when the scan was asked for.
    pub states: States,
}

impl Scan {
    /// Whether the query holds for the record of a line.
    #[must_use]
    pub fn holds(&self, line: &Line) -> bool {
        let known = self.states.known(line.record());
        if known.is_none() && !self.query.may_hold(line.bytes()) {
            return false;
        }
        let entry = line.entry();
        let content = match &entry {
            Entry::Record(record) => Content::Read { name: &record.file_name, caption: record.caption.as_deref() },
            Entry::Bad(_) => Content::Bad,
        };
        let state = self.states.get(line.record());
        self.query.holds(&Facts { content, state }) == Some(true)
    }
}

/// What a scan has seen since it last reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scanned {
    /// Which scan.
    pub id: ScanId,
    /// The records it has looked at.
    pub among: RoaringBitmap,
    /// Those of them the query holds for.
    pub found: RoaringBitmap,
    /// Nothing more will come.
    pub done: bool,
}
