//! A look at the dataset's lines for the records a query holds for. What is to be looked at, and what was seen, are
//! values; the reading is another's.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::query::Query;
use super::record_view::{Content, RecordView};
use crate::dataset::{Line, RecordId};
use crate::lint::Rules;
use crate::session::States;

/// Identity of a scan. What a scan reports that is not the current one any more is late.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScanId(pub u64);

/// What is known of all records at a moment, for work that goes on beside the review. Takes next to no time to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What happened in the session.
    pub states: States,
    /// The records whose picture is missing or broken.
    pub bad_pictures: RoaringBitmap,
    /// What captions are held against.
    pub rules: Rules,
}

impl Snapshot {
    /// Tells what is known of the record of a line.
    pub fn record_view<T>(&self, line: &Line, tell: impl FnOnce(&RecordView) -> T) -> T {
        let entry = line.entry();
        let content = Content::of(&entry, Some(line));
        let id = line.record();
        let bad_picture = self.bad_pictures.contains(id.0);
        tell(&RecordView { content, state: self.states.get(id), bad_picture, rules: &self.rules })
    }
}

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
    /// What was known when the scan was asked for.
    pub now: Snapshot,
}

impl Scan {
    /// Whether the query holds for the record of a line.
    #[must_use]
    pub fn holds(&self, line: &Line) -> bool {
        let is_untouched = self.now.states.known(line.record()).is_none();
        if is_untouched && !self.query.may_hold(line.bytes()) {
            return false;
        }
        self.now.record_view(line, |view| self.query.holds(view) == Some(true))
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
