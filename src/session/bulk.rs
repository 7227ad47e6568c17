//! The texts that a bulk change gave to many records, or that they had before it.

use std::collections::HashSet;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::texts::{Amended, Texts};
use crate::dataset::RecordId;

/// Texts that bulk changes gave to records, each record once.
#[derive(Clone, Debug, Default, Eq)]
pub(super) struct Bulk {
    /// Records whose texts are among those of one change; `None`: they have none.
    pub(super) groups: Vec<(RoaringBitmap, Option<Arc<Texts>>)>,
    /// Records with a text of their own.
    pub(super) singles: Vec<(RecordId, Box<str>)>,
}

/// The order has no meaning. It depends on which records have states of their own.
impl PartialEq for Bulk {
    fn eq(&self, other: &Self) -> bool {
        let parts = |bulk: &Self| {
            let (mut groups, mut singles) = (bulk.groups.clone(), bulk.singles.clone());
            groups.sort_unstable_by_key(|(records, _)| records.min());
            singles.sort_unstable_by_key(|(record, _)| *record);
            (groups, singles)
        };
        parts(self) == parts(other)
    }
}

impl From<Texts> for Bulk {
    fn from(texts: Texts) -> Self {
        Self::from(Arc::new(texts))
    }
}

impl From<Arc<Texts>> for Bulk {
    fn from(texts: Arc<Texts>) -> Self {
        Self { groups: vec![(texts.records().clone(), Some(texts))], singles: Vec::new() }
    }
}

impl Bulk {
    pub(super) fn put(&mut self, record: RecordId, text: Option<Amended>) {
        match text {
            Some(Amended::One(text)) => self.singles.push((record, text)),
            Some(Amended::Among(texts)) => _ = self.group(Some(texts)).insert(record.0),
            None => _ = self.group(None).insert(record.0),
        }
    }

    pub(super) fn put_all(&mut self, records: RoaringBitmap, texts: Option<Arc<Texts>>) {
        if !records.is_empty() {
            *self.group(texts) |= records;
        }
    }

    /// Returns the records with these texts.
    fn group(&mut self, texts: Option<Arc<Texts>>) -> &mut RoaringBitmap {
        let is_same = |known: &Option<Arc<Texts>>| match (known, &texts) {
            (Some(known), Some(texts)) => Arc::ptr_eq(known, texts),
            (known, texts) => known.is_none() && texts.is_none(),
        };
        let place = self.groups.iter().position(|(_, known)| is_same(known)).unwrap_or_else(|| {
            self.groups.push((RoaringBitmap::new(), texts));
            self.groups.len() - 1
        });
        &mut self.groups[place].0
    }

    pub(super) fn records(&self) -> RoaringBitmap {
        let singles: RoaringBitmap = self.singles.iter().map(|(record, _)| record.0).collect();
        self.groups.iter().fold(singles, |all, (records, _)| all | records)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty() && self.singles.is_empty()
    }

    /// Removes some records and returns their part.
    pub(super) fn split_off(&mut self, apart: &HashSet<RecordId>) -> Self {
        let apart: RoaringBitmap = apart.iter().map(|record| record.0).collect();
        let mut part = Self::default();
        for (records, texts) in &mut self.groups {
            part.put_all(&*records & &apart, texts.clone());
            *records -= &apart;
        }
        self.groups.retain(|(records, _)| !records.is_empty());
        part.singles = self.singles.extract_if(.., |(record, _)| apart.contains(record.0)).collect();
        part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_has_no_meaning_but_records_and_texts_do() {
        let texts = |record| Arc::new(Texts::from_iter([(RecordId(record), "a")]));
        let bulk = |parts: &[(u32, Option<Arc<Texts>>)]| {
            let mut bulk = Bulk::default();
            for (record, texts) in parts {
                bulk.put(RecordId(*record), texts.clone().map(Amended::Among));
            }
            bulk
        };
        let (known, none) = ((2, Some(texts(2))), (1, None));
        assert_eq!(bulk(&[known.clone(), none.clone()]), bulk(&[none.clone(), known.clone()]));
        assert_ne!(bulk(&[known.clone(), none.clone()]), bulk(&[known, (3, None)]));
        assert_ne!(bulk(&[none, (2, Some(texts(2)))]), bulk(&[(1, None), (2, None)]));
    }
}
