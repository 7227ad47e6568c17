//! Orders of the list other than file order, and sets that are indexed by them too, so that moving through the list
//! costs the same in any order.

use roaring::RoaringBitmap;

use crate::dataset::RecordId;

/// A permutation of all records or some of them. Eight bytes a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Records by place.
    records: Vec<RecordId>,
    /// The records it contains; `None` if it contains all records from 0 to the number of places.
    subset: Option<RoaringBitmap>,
    /// Places by record, in file order.
    places: Vec<u32>,
}

impl Order {
    /// Returns an order of these records, each of which must occur once.
    #[must_use]
    pub fn new(records: Vec<RecordId>) -> Self {
        let mut places = vec![u32::MAX; records.len()];
        let mut set_place = |(record, place): (&RecordId, u32)| {
            places.get_mut(record.index()).is_some_and(|free| std::mem::replace(free, place) == u32::MAX)
        };
        if records.iter().zip(0..).all(&mut set_place) {
            return Self { records, subset: None, places };
        }
        let subset: RoaringBitmap = records.iter().map(|record| record.0).collect();
        let mut by_record: Vec<(RecordId, u32)> = records.iter().copied().zip(0..).collect();
        by_record.sort_unstable();
        let places = by_record.into_iter().map(|(_, place)| place).collect();
        Self { records, subset: Some(subset), places }
    }

    #[must_use]
    pub fn len(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    #[must_use]
    pub fn record(&self, place: u32) -> Option<RecordId> {
        self.records.get(place as usize).copied()
    }

    #[must_use]
    pub fn place(&self, record: RecordId) -> Option<u32> {
        let index = match &self.subset {
            None => record.index(),
            Some(subset) if subset.contains(record.0) => usize::try_from(subset.rank(record.0) - 1).ok()?,
            Some(_) => return None,
        };
        self.places.get(index).copied()
    }

    /// Removes the records without a place.
    pub(super) fn retain_placed(&self, mut records: RoaringBitmap) -> RoaringBitmap {
        match &self.subset {
            None => {
                records.remove_range(self.len()..);
                records
            }
            Some(subset) => records & subset,
        }
    }

    /// Returns the places of some records. Linear in their number or in the number of places, whichever is smaller.
    pub(super) fn places_of(&self, records: &RoaringBitmap) -> RoaringBitmap {
        if records.len() < u64::from(self.len()) / 4 {
            return records.iter().filter_map(|record| self.place(RecordId(record))).collect();
        }
        (0..).zip(&self.records).filter(|(_, record)| records.contains(record.0)).map(|(place, _)| place).collect()
    }

    /// Returns the records at some places. Linear in their number.
    pub(super) fn records_at(&self, places: &RoaringBitmap) -> RoaringBitmap {
        places.iter().filter_map(|place| self.record(place)).map(|record| record.0).collect()
    }
}

/// A set of records, also indexed by place if the list is not in file order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Set {
    records: RoaringBitmap,
    places: Option<RoaringBitmap>,
}

impl Set {
    pub(super) fn new(records: RoaringBitmap, order: Option<&Order>) -> Self {
        let places = order.map(|order| order.places_of(&records));
        Self { records, places }
    }

    pub(super) const fn records(&self) -> &RoaringBitmap {
        &self.records
    }

    /// Returns their places. In file order, a record's place is its number.
    pub(super) fn places(&self) -> &RoaringBitmap {
        self.places.as_ref().unwrap_or(&self.records)
    }

    pub(super) fn contains(&self, record: RecordId) -> bool {
        self.records.contains(record.0)
    }

    pub(super) fn put(&mut self, record: RecordId, member: bool, order: Option<&Order>) {
        put(&mut self.records, record.0, member);
        if let Some(places) = &mut self.places
            && let Some(place) = order.and_then(|order| order.place(record))
        {
            put(places, place, member);
        }
    }

    /// Adds the records of `among` that are in `members`, and removes the others of `among`.
    pub(super) fn put_among(&mut self, among: &RoaringBitmap, members: &RoaringBitmap, order: Option<&Order>) {
        let members = among & members;
        self.records -= among;
        self.records |= &members;
        if let (Some(places), Some(order)) = (&mut self.places, order) {
            *places -= order.places_of(among);
            *places |= order.places_of(&members);
        }
    }

    /// Recomputes the places after the list's order changed.
    pub(super) fn set_order(&mut self, order: Option<&Order>) {
        self.places = order.map(|order| order.places_of(&self.records));
    }

    pub(super) fn into_records(self) -> RoaringBitmap {
        self.records
    }
}

pub(super) fn put(set: &mut RoaringBitmap, id: u32, member: bool) {
    if member {
        set.insert(id);
    } else {
        set.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn order(records: &[u32]) -> Order {
        Order::new(records.iter().copied().map(RecordId).collect())
    }

    proptest! {
        #[test]
        fn record_and_place_are_inverse(
            records in prop_oneof![
                Just((0u32..70).collect::<Vec<_>>()),
                proptest::sample::subsequence((0u32..70).collect::<Vec<_>>(), 0..60),
            ].prop_shuffle(),
        ) {
            let order = order(&records);
            for (place, record) in (0..).zip(&records) {
                prop_assert_eq!(order.record(place), Some(RecordId(*record)));
                prop_assert_eq!(order.place(RecordId(*record)), Some(place));
            }
            prop_assert_eq!(order.record(order.len()), None);
            for other in (0..100).filter(|other| !records.contains(other)) {
                prop_assert_eq!(order.place(RecordId(other)), None);
            }
            prop_assert_eq!(order.retain_placed((0..100).collect()), records.iter().copied().collect());
        }

        #[test]
        fn a_set_keeps_the_places_of_its_records(
            records in proptest::sample::subsequence((0u32..40).collect::<Vec<_>>(), 0..=40).prop_shuffle(),
            first in proptest::collection::btree_set(0u32..40, 0..40),
            puts in proptest::collection::vec((0u32..40, any::<bool>()), 0..40),
            (among, members) in (proptest::collection::btree_set(0u32..40, 0..20), proptest::collection::btree_set(0u32..40, 0..20)),
        ) {
            let order = order(&records);
            let mut set = Set::new(first.iter().copied().collect(), Some(&order));
            let mut expected = first;
            for (record, member) in puts {
                set.put(RecordId(record), member, Some(&order));
                if member { expected.insert(record) } else { expected.remove(&record) };
            }
            set.put_among(&among.iter().copied().collect(), &members.iter().copied().collect(), Some(&order));
            expected = expected.difference(&among).chain(among.intersection(&members)).copied().collect::<BTreeSet<_>>();
            let places: BTreeSet<u32> = expected.iter().filter_map(|record| order.place(RecordId(*record))).collect();
            prop_assert_eq!(set.places().iter().collect::<BTreeSet<_>>(), places);
            prop_assert_eq!(set.records().iter().collect::<BTreeSet<_>>(), expected);
            prop_assert_eq!(&Set::new(set.records().clone(), Some(&order)), &set);
            set.set_order(None);
            prop_assert_eq!(set.places(), set.records());
        }
    }
}
