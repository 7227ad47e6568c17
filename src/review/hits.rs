//! The records a query holds for: what the scans have found so far, and what has changed since.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::query::Query;
use super::scan::{ScanId, Scanned};
use crate::dataset::RecordId;

/// The records a query holds for, as far as is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hits {
    query: Arc<Query>,
    found: RoaringBitmap,
    /// Whether every record has been looked at once.
    complete: bool,
    /// What the first scan has looked at.
    looked_at: RoaringBitmap,
    /// The scan under way.
    scan: Option<ScanId>,
    /// What has become known since that scan was asked for: it reports older news of these.
    newer: RoaringBitmap,
    /// What has changed and has to be looked at again, because the line was not at hand.
    stale: RoaringBitmap,
}

impl Hits {
    /// A query for which nothing has been looked at. What was `listed` before stays until it is.
    #[must_use]
    pub fn new(query: Arc<Query>, scan: ScanId, listed: RoaringBitmap) -> Self {
        Self {
            query,
            found: listed,
            complete: false,
            looked_at: RoaringBitmap::new(),
            scan: Some(scan),
            newer: RoaringBitmap::new(),
            stale: RoaringBitmap::new(),
        }
    }

    /// The query.
    #[must_use]
    pub const fn query(&self) -> &Arc<Query> {
        &self.query
    }

    /// The records it holds for.
    #[must_use]
    pub const fn found(&self) -> &RoaringBitmap {
        &self.found
    }

    /// Whether every record has been looked at.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// How many of those looked at it holds for.
    #[must_use]
    pub fn count(&self) -> u64 {
        if self.complete { self.found.len() } else { self.found.intersection_len(&self.looked_at) }
    }

    /// The scan under way.
    #[must_use]
    pub const fn scan(&self) -> Option<ScanId> {
        self.scan
    }

    /// Whether all records from one to another have been looked at.
    #[must_use]
    pub fn has_looked_at(&self, from: RecordId, to: RecordId) -> bool {
        self.complete || self.looked_at.contains_range(from.0..=to.0)
    }

    /// Takes a report in. Gives the records it told something new about, or nothing where it is of another scan.
    pub(super) fn take(&mut self, scanned: &Scanned) -> Option<RoaringBitmap> {
        if self.scan != Some(scanned.id) {
            return None;
        }
        let among = &scanned.among - &self.newer;
        self.found -= &among;
        self.found |= &among & &scanned.found;
        if !self.complete {
            self.looked_at |= &scanned.among;
        }
        if scanned.done {
            self.complete = true;
            self.looked_at.clear();
            self.newer.clear();
            self.scan = None;
        }
        Some(among)
    }

    /// Something happened to a record: the query holds for it now, or not, or it has to be looked at again.
    pub(super) fn put(&mut self, record: RecordId, holds: Option<bool>) {
        let id = record.0;
        match holds {
            None => {
                self.stale.insert(id);
                return;
            }
            Some(true) => self.found.insert(id),
            Some(false) => self.found.remove(id),
        };
        self.stale.remove(id);
        if self.scan.is_some() {
            self.newer.insert(id);
        }
    }

    /// What has to be looked at again, if there is anything and nothing else is under way; `scan` will do it.
    pub(super) fn look_again(&mut self, scan: ScanId) -> Option<RoaringBitmap> {
        if self.scan.is_some() || self.stale.is_empty() {
            return None;
        }
        self.scan = Some(scan);
        Some(std::mem::take(&mut self.stale))
    }

    /// Everything is looked at anew, by `scan`; until then what was found stays.
    pub(super) fn begin_anew(&mut self, scan: ScanId) {
        let found = std::mem::take(&mut self.found);
        *self = Self::new(self.query.clone(), scan, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::review::query::Pattern;

    fn hits(listed: impl IntoIterator<Item = u32>) -> Hits {
        let query = Arc::new(Query::Text(Pattern::literal("coat").expect("short")));
        Hits::new(query, ScanId(1), listed.into_iter().collect())
    }

    fn scanned(id: u64, among: std::ops::Range<u32>, found: &[u32], done: bool) -> Scanned {
        Scanned { id: ScanId(id), among: among.collect(), found: found.iter().copied().collect(), done }
    }

    fn found(hits: &Hits) -> Vec<u32> {
        hits.found().iter().collect()
    }

    #[test]
    fn what_was_listed_stays_until_it_is_looked_at() {
        let mut hits = hits(0..6);
        assert_eq!(hits.take(&scanned(1, 0..3, &[1], false)), Some((0..3).collect()));
        assert_eq!((found(&hits), hits.count(), hits.is_complete()), (vec![1, 3, 4, 5], 1, false));
        hits.take(&scanned(1, 3..6, &[], true));
        assert_eq!((found(&hits), hits.count(), hits.is_complete()), (vec![1], 1, true));
    }

    #[test]
    fn another_scan_is_late() {
        let mut hits = hits([]);
        assert_eq!(hits.take(&scanned(7, 0..3, &[1], true)), None);
        assert_eq!(found(&hits), [0_u32; 0]);
    }

    #[test]
    fn what_happened_during_a_scan_is_newer_than_what_it_reports() {
        let mut hits = hits([]);
        hits.put(RecordId(1), Some(true));
        hits.put(RecordId(2), Some(false));
        hits.take(&scanned(1, 0..4, &[2, 3], true));
        assert_eq!(found(&hits), [1, 3]);
        assert_eq!(hits.look_again(ScanId(2)), None, "nothing is left open");
    }

    #[test]
    fn what_cannot_be_told_is_looked_at_again_once_the_scan_is_done() {
        let mut hits = hits([]);
        hits.put(RecordId(1), None);
        assert_eq!(hits.look_again(ScanId(2)), None, "one scan at a time");
        hits.take(&scanned(1, 0..4, &[1, 3], true));
        assert_eq!(hits.look_again(ScanId(2)), Some([1].into_iter().collect()));
        hits.take(&scanned(2, 1..2, &[], true));
        assert_eq!(found(&hits), [3]);
        assert_eq!(hits.look_again(ScanId(3)), None);
    }
}
