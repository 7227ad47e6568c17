//! The matches of a query: found by background scans, and kept up to date by events.

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
    scanned: RoaringBitmap,
    /// The scan in progress.
    scan: Option<ScanId>,
    /// Records that changed after that scan started: its results for them are outdated.
    changed: RoaringBitmap,
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
            scanned: RoaringBitmap::new(),
            scan: Some(scan),
            changed: RoaringBitmap::new(),
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
    pub(super) fn set_order(&mut self, order: Option<&Order>) {
        self.found.set_order(order);
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
        if self.complete { self.found().len() } else { self.found().intersection_len(&self.scanned) }
    }

    #[must_use]
    pub const fn scan(&self) -> Option<ScanId> {
        self.scan
    }

    /// Returns true if records must be scanned again and no scan is in progress.
    pub(super) fn is_stale(&self) -> bool {
        self.scan.is_none() && !self.stale.is_empty()
    }

    /// Returns the matches, to be listed until another query has been scanned.
    pub(super) fn into_found(self) -> RoaringBitmap {
        self.found.into_records()
    }

    /// Returns true if all records of a range have been scanned.
    #[must_use]
    pub fn has_scanned(&self, from: RecordId, to: RecordId) -> bool {
        self.complete || self.scanned.contains_range(from.0..=to.0)
    }

    /// Returns the records of a report that have not changed since its scan started; none if that was an earlier scan.
    pub(super) fn current_among(&self, scanned: &Scanned) -> RoaringBitmap {
        if self.scan == Some(scanned.id) { &scanned.among - &self.changed } else { RoaringBitmap::new() }
    }

    /// Applies a report. Returns false if it is from an earlier scan.
    pub(super) fn apply(&mut self, scanned: &Scanned, order: Option<&Order>) -> bool {
        if self.scan != Some(scanned.id) {
            return false;
        }
        self.found.put_among(&(&scanned.among - &self.changed), &scanned.found, order);
        if !self.complete {
            self.scanned |= &scanned.among;
        }
        if scanned.done {
            self.complete = true;
            self.scanned.clear();
            self.changed.clear();
            self.scan = None;
        }
        true
    }

    /// Updates the set after an event of a record: a match, no match, or (`None`) to be scanned again.
    pub(super) fn put(&mut self, record: RecordId, matches: Option<bool>, order: Option<&Order>) {
        let id = record.0;
        let Some(matches) = matches else {
            self.stale.insert(id);
            return;
        };
        self.found.put(record, matches, order);
        self.stale.remove(id);
        if self.scan.is_some() {
            self.changed.insert(id);
        }
    }

    /// Marks records to be scanned again, because their captions changed.
    pub(super) fn outdate(&mut self, records: &RoaringBitmap) {
        self.stale |= records;
    }

    /// Returns the records to be scanned again by `scan`, if there are any and no scan is in progress.
    pub(super) fn rescan(&mut self, scan: ScanId) -> Option<RoaringBitmap> {
        if !self.is_stale() {
            return None;
        }
        self.scan = Some(scan);
        Some(std::mem::take(&mut self.stale))
    }

    /// Scans all records again. The matches so far stay until `scan` reports.
    pub(super) fn restart(&mut self, scan: ScanId) {
        let found = std::mem::take(&mut self.found);
        *self = Self { found, ..Self::new(self.query.clone(), scan, RoaringBitmap::new(), None) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::query::Pattern;

    fn matches(listed: impl IntoIterator<Item = u32>) -> Matches {
        let query = Arc::new(Query::Text(Pattern::literal("coat").expect("short")));
        Matches::new(query, ScanId(1), listed.into_iter().collect(), None)
    }

    fn scanned(id: u64, among: std::ops::Range<u32>, found: &[u32], done: bool) -> Scanned {
        let found = found.iter().copied().collect();
        Scanned { id: ScanId(id), among: among.collect(), found, done, ..Scanned::default() }
    }

    fn found(matches: &Matches) -> Vec<u32> {
        matches.found().iter().collect()
    }

    #[test]
    fn listed_records_stay_until_they_are_scanned() {
        let mut matches = matches(0..6);
        assert!(matches.apply(&scanned(1, 0..3, &[1], false), None));
        assert_eq!((found(&matches), matches.count(), matches.is_complete()), (vec![1, 3, 4, 5], 1, false));
        matches.apply(&scanned(1, 3..6, &[], true), None);
        assert_eq!((found(&matches), matches.count(), matches.is_complete()), (vec![1], 1, true));
    }

    #[test]
    fn a_report_from_another_scan_is_ignored() {
        let mut matches = matches([]);
        assert!(!matches.apply(&scanned(7, 0..3, &[1], true), None));
        assert_eq!(found(&matches), [0_u32; 0]);
    }

    #[test]
    fn changes_during_a_scan_override_its_report() {
        let mut matches = matches([]);
        matches.put(RecordId(1), Some(true), None);
        matches.put(RecordId(2), Some(false), None);
        matches.apply(&scanned(1, 0..4, &[2, 3], true), None);
        assert_eq!(found(&matches), [1, 3]);
        assert_eq!(matches.rescan(ScanId(2)), None, "nothing to scan again");
    }

    #[test]
    fn records_without_a_loaded_line_are_scanned_again_after_the_scan() {
        let mut matches = matches([]);
        matches.put(RecordId(1), None, None);
        assert_eq!(matches.rescan(ScanId(2)), None, "one scan at a time");
        matches.apply(&scanned(1, 0..4, &[1, 3], true), None);
        assert_eq!(matches.rescan(ScanId(2)), Some([1].into_iter().collect()));
        matches.apply(&scanned(2, 1..2, &[], true), None);
        assert_eq!(found(&matches), [3]);
        assert_eq!(matches.rescan(ScanId(3)), None);
    }
}
