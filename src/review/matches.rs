//! The matches of a query: found by background scans, and kept up to date by events since.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::order::{Order, Set};
use super::query::Query;
use super::scan::{ScanId, Scanned};
use crate::dataset::RecordId;

/// The records that match a query, as far as they are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matches {
    query: Arc<Query>,
    found: Set,
    /// True once every record has been scanned.
    complete: bool,
    /// The records covered by the first scan.
    looked_at: RoaringBitmap,
    /// The scan in progress.
    scan: Option<ScanId>,
    /// Records that changed after that scan started: its results for them are outdated.
    newer: RoaringBitmap,
    /// Records that changed while their lines were not loaded, to be scanned again.
    stale: RoaringBitmap,
}

impl Matches {
    /// Returns an empty set for a new query. The records of the previous one stay listed until they are scanned.
    #[must_use]
    pub fn new(query: Arc<Query>, scan: ScanId, listed: RoaringBitmap, order: Option<&Order>) -> Self {
        Self {
            query,
            found: Set::new(listed, order),
            complete: false,
            looked_at: RoaringBitmap::new(),
            scan: Some(scan),
            newer: RoaringBitmap::new(),
            stale: RoaringBitmap::new(),
        }
    }

    #[must_use]
    pub const fn query(&self) -> &Arc<Query> {
        &self.query
    }

    #[must_use]
    pub const fn found(&self) -> &RoaringBitmap {
        self.found.records()
    }

    /// Returns the places of the matches in the list.
    pub(super) fn places(&self) -> &RoaringBitmap {
        self.found.places()
    }

    /// Recomputes the places after the list's order changed.
    pub(super) fn follow(&mut self, order: Option<&Order>) {
        self.found.follow(order);
    }

    /// Returns true once every record has been scanned.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns true if nothing is left to scan or scan again.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.complete && self.scan.is_none() && self.stale.is_empty()
    }

    /// Returns the number of matches among the records scanned.
    #[must_use]
    pub fn count(&self) -> u64 {
        if self.complete { self.found().len() } else { self.found().intersection_len(&self.looked_at) }
    }

    #[must_use]
    pub const fn scan(&self) -> Option<ScanId> {
        self.scan
    }

    /// Returns true if records must be scanned again and no scan is in progress.
    pub(super) fn is_stale(&self) -> bool {
        self.scan.is_none() && !self.stale.is_empty()
    }

    /// Returns the matches, as the starting point of another query.
    pub(super) fn into_found(self) -> RoaringBitmap {
        self.found.into_records()
    }

    /// Returns true if all records of a range have been scanned.
    #[must_use]
    pub fn has_looked_at(&self, from: RecordId, to: RecordId) -> bool {
        self.complete || self.looked_at.contains_range(from.0..=to.0)
    }

    /// Applies a report. Returns false if it is of an earlier scan.
    pub(super) fn take(&mut self, scanned: &Scanned, order: Option<&Order>) -> bool {
        if self.scan != Some(scanned.id) {
            return false;
        }
        self.found.put_among(&(&scanned.among - &self.newer), &scanned.found, order);
        if !self.complete {
            self.looked_at |= &scanned.among;
        }
        if scanned.done {
            self.complete = true;
            self.looked_at.clear();
            self.newer.clear();
            self.scan = None;
        }
        true
    }

    /// Updates the set after an event of a record: a match, no match, or (`None`) to be scanned again.
    pub(super) fn put(&mut self, record: RecordId, holds: Option<bool>, order: Option<&Order>) {
        let id = record.0;
        let Some(holds) = holds else {
            self.stale.insert(id);
            return;
        };
        self.found.put(record, holds, order);
        self.stale.remove(id);
        if self.scan.is_some() {
            self.newer.insert(id);
        }
    }

    /// Takes the records to be scanned again, to be covered by `scan`, if there are any and no scan is in progress.
    pub(super) fn look_again(&mut self, scan: ScanId) -> Option<RoaringBitmap> {
        if !self.is_stale() {
            return None;
        }
        self.scan = Some(scan);
        Some(std::mem::take(&mut self.stale))
    }

    /// Starts over with `scan`. The matches so far stay until it reports.
    pub(super) fn begin_anew(&mut self, scan: ScanId) {
        let found = std::mem::take(&mut self.found);
        *self = Self { found, ..Self::new(self.query.clone(), scan, RoaringBitmap::new(), None) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::query::Pattern;

    fn hits(listed: impl IntoIterator<Item = u32>) -> Matches {
        let query = Arc::new(Query::Text(Pattern::literal("coat").expect("short")));
        Matches::new(query, ScanId(1), listed.into_iter().collect(), None)
    }

    fn scanned(id: u64, among: std::ops::Range<u32>, found: &[u32], done: bool) -> Scanned {
        Scanned { id: ScanId(id), among: among.collect(), found: found.iter().copied().collect(), done }
    }

    fn found(hits: &Matches) -> Vec<u32> {
        hits.found().iter().collect()
    }

    #[test]
    fn what_was_listed_stays_until_it_is_looked_at() {
        let mut hits = hits(0..6);
        assert!(hits.take(&scanned(1, 0..3, &[1], false), None));
        assert_eq!((found(&hits), hits.count(), hits.is_complete()), (vec![1, 3, 4, 5], 1, false));
        hits.take(&scanned(1, 3..6, &[], true), None);
        assert_eq!((found(&hits), hits.count(), hits.is_complete()), (vec![1], 1, true));
    }

    #[test]
    fn another_scan_is_late() {
        let mut hits = hits([]);
        assert!(!hits.take(&scanned(7, 0..3, &[1], true), None));
        assert_eq!(found(&hits), [0_u32; 0]);
    }

    #[test]
    fn what_happened_during_a_scan_is_newer_than_what_it_reports() {
        let mut hits = hits([]);
        hits.put(RecordId(1), Some(true), None);
        hits.put(RecordId(2), Some(false), None);
        hits.take(&scanned(1, 0..4, &[2, 3], true), None);
        assert_eq!(found(&hits), [1, 3]);
        assert_eq!(hits.look_again(ScanId(2)), None, "nothing is left open");
    }

    #[test]
    fn what_cannot_be_told_is_looked_at_again_once_the_scan_is_done() {
        let mut hits = hits([]);
        hits.put(RecordId(1), None, None);
        assert_eq!(hits.look_again(ScanId(2)), None, "one scan at a time");
        hits.take(&scanned(1, 0..4, &[1, 3], true), None);
        assert_eq!(hits.look_again(ScanId(2)), Some([1].into_iter().collect()));
        hits.take(&scanned(2, 1..2, &[], true), None);
        assert_eq!(found(&hits), [3]);
        assert_eq!(hits.look_again(ScanId(3)), None);
    }
}
