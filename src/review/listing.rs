//! Which records are listed, in which places: the tab and the filter together, kept up to date record by record, so that
//! no key costs more on a large dataset.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use super::hits::Hits;
use super::model::Model;
use super::spot::Only;
use super::tabs::{Tab, put};
use crate::dataset::RecordId;

/// Records in file order, or in that of a sample, as a list one can go through by position.
#[derive(Clone, Debug)]
pub struct View<'a> {
    total: u32,
    /// The records listed; all where there is no set.
    set: Option<Cow<'a, RoaringBitmap>>,
    pinned: Option<RecordId>,
    /// The records that can be listed, in their order.
    only: Option<&'a Only>,
}

/// One of several records that were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// The record.
    pub record: RecordId,
    /// Its place among those found, from zero.
    pub place: u64,
    /// How many are found.
    pub total: u64,
    /// Whether it lies round the end of the list.
    pub around: bool,
}

impl<'a> View<'a> {
    /// The records of a set, or all of so many, and one that need not be among them.
    pub(super) fn new(total: u32, set: Option<Cow<'a, RoaringBitmap>>, pinned: Option<RecordId>) -> Self {
        let pinned = pinned.filter(|record| set.as_ref().is_some_and(|set| !set.contains(record.0)));
        Self { total, set, pinned, only: None }
    }

    /// The same, of the records of a sample only, in its order.
    fn among(self, only: Option<&'a Only>) -> Self {
        let pinned = self.pinned.filter(|record| only.is_none_or(|only| only.set.contains(record.0)));
        Self { pinned, only, ..self }
    }

    /// Its records in the order of the sample, where there is one. It takes time for each: samples are small.
    fn in_order(&self) -> Option<impl Iterator<Item = RecordId>> {
        self.only.map(|only| only.order.iter().copied().filter(|record| self.contains(*record)))
    }

    /// All of its records.
    #[must_use]
    pub fn records(&self) -> RoaringBitmap {
        match (self.only, &self.set) {
            (None, None) => {
                let mut all = RoaringBitmap::new();
                all.insert_range(0..self.total);
                all
            }
            (None, Some(set)) => set.as_ref().clone(),
            (Some(only), None) => only.set.clone(),
            (Some(only), Some(set)) => &only.set & set.as_ref(),
        }
    }

    /// How many of some records are in it.
    #[must_use]
    pub fn count_of(&self, records: &RoaringBitmap) -> u64 {
        match (self.only, &self.set) {
            (None, None) => records.range_cardinality(0..self.total),
            (None, Some(set)) => set.intersection_len(records),
            (Some(only), None) => only.set.intersection_len(records),
            (Some(only), Some(set)) => (&only.set & set.as_ref()).intersection_len(records),
        }
    }

    /// The records from one position through another.
    #[must_use]
    pub fn between(&self, first: usize, last: usize) -> RoaringBitmap {
        if let Some(listed) = self.in_order() {
            return listed.skip(first).take((last + 1).saturating_sub(first)).map(|record| record.0).collect();
        }
        let (Some(from), Some(to)) = (self.nth(first), self.nth(last)) else { return RoaringBitmap::new() };
        let mut records = RoaringBitmap::new();
        records.insert_range(from.0..=to.0);
        if let Some(set) = &self.set {
            records &= set.as_ref();
        }
        records.extend(self.pinned.filter(|pinned| (from..=to).contains(pinned)).map(|pinned| pinned.0));
        records
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        if let Some(listed) = self.in_order() {
            return listed.count();
        }
        let members = self.set.as_ref().map_or(u64::from(self.total), |set| set.len());
        usize::try_from(members).unwrap_or(usize::MAX) + usize::from(self.pinned.is_some())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The record at a position.
    #[must_use]
    pub fn nth(&self, position: usize) -> Option<RecordId> {
        if let Some(mut listed) = self.in_order() {
            return listed.nth(position);
        }
        let mut position = u32::try_from(position).ok()?;
        if let Some(pinned) = self.pinned {
            let place = u32::try_from(self.place(pinned)).ok()?;
            if position == place {
                return Some(pinned);
            }
            position -= u32::from(position > place);
        }
        match &self.set {
            None => (position < self.total).then_some(RecordId(position)),
            Some(set) => set.select(position).map(RecordId),
        }
    }

    /// Whether a record is in it.
    #[must_use]
    pub fn contains(&self, record: RecordId) -> bool {
        let listed = || self.set.as_ref().map_or(record.0 < self.total, |set| set.contains(record.0));
        let may_be = self.only.is_none_or(|only| only.set.contains(record.0));
        may_be && (self.pinned == Some(record) || listed())
    }

    /// The position of a record, or where it would be.
    #[must_use]
    pub fn position(&self, record: RecordId) -> usize {
        if let Some(only) = self.only {
            let before = only.order.iter().take_while(|other| **other != record);
            return before.filter(|other| self.contains(**other)).count();
        }
        self.place(record) + usize::from(self.pinned.is_some_and(|pinned| pinned < record))
    }

    /// The nearest record, one way or the other, round the end if need be: from a record on, which does not count itself.
    #[must_use]
    pub fn next(&self, from: RecordId, forward: bool) -> Option<RecordId> {
        let last = self.len().checked_sub(1)?;
        let place = self.position(from);
        let position = match (forward, self.contains(from)) {
            (true, false) => Some(place),
            (true, true) => place.checked_add(1),
            (false, _) => place.checked_sub(1),
        };
        let position = position.filter(|position| *position <= last).unwrap_or(if forward { 0 } else { last });
        self.nth(position)
    }

    /// The nearest of the records `found`, one way or the other, round the end if need be: from a record on, which counts
    /// itself where it says `here`.
    #[must_use]
    pub fn find(&self, found: &RoaringBitmap, from: RecordId, here: bool, forward: bool) -> Option<Match> {
        if let Some(only) = self.only {
            return self.find_in_order(only, found, from, here, forward);
        }
        let listed = match &self.set {
            None => Cow::Borrowed(found),
            Some(set) => Cow::Owned(set.as_ref() & found),
        };
        let total = listed.len();
        let last = total.checked_sub(1)?;
        let before = from.0.checked_sub(1).map_or(0, |before| listed.rank(before));
        let through = listed.rank(from.0);
        let (place, around) = match (forward, here) {
            (true, true) => (before, before == total),
            (true, false) => (through, through == total),
            (false, true) => (through.wrapping_sub(1), through == 0),
            (false, false) => (before.wrapping_sub(1), before == 0),
        };
        let place = match (around, forward) {
            (false, _) => place,
            (true, true) => 0,
            (true, false) => last,
        };
        let record = listed.select(u32::try_from(place).ok()?).map(RecordId)?;
        Some(Match { record, place, total, around })
    }

    fn find_in_order(
        &self,
        only: &Only,
        found: &RoaringBitmap,
        from: RecordId,
        here: bool,
        forward: bool,
    ) -> Option<Match> {
        let place = |record: RecordId| only.order.iter().position(|other| *other == record);
        let at = place(from).unwrap_or(0);
        let listed: Vec<(usize, RecordId)> = only
            .order
            .iter()
            .copied()
            .enumerate()
            .filter(|(_, record)| found.contains(record.0) && self.contains(*record))
            .collect();
        let last = listed.len().checked_sub(1)?;
        let before = listed.iter().take_while(|(place, _)| *place < at).count();
        let through = listed.iter().take_while(|(place, _)| *place <= at).count();
        let nearest = match (forward, here) {
            (true, true) => Some(before),
            (true, false) => Some(through),
            (false, true) => through.checked_sub(1),
            (false, false) => before.checked_sub(1),
        };
        let nearest = nearest.filter(|place| *place <= last);
        let place = nearest.unwrap_or(if forward { 0 } else { last });
        let (_, record) = *listed.get(place)?;
        Some(Match { record, place: place as u64, total: listed.len() as u64, around: nearest.is_none() })
    }

    /// How many members come before a record, the pinned one aside.
    fn place(&self, record: RecordId) -> usize {
        match (&self.set, record.0.checked_sub(1)) {
            (_, None) => 0,
            (None, Some(_)) => record.0.min(self.total) as usize,
            (Some(set), Some(before)) => usize::try_from(set.rank(before)).unwrap_or(usize::MAX),
        }
    }
}

impl Model {
    /// The records listed now, and the one under the cursor, which may have left the tab or the filter just now.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(self.tabs.total(), self.listed(), self.list.cursor).among(self.tabs.only())
    }

    /// The records listed now, without one that has left.
    pub(super) fn members(&self) -> View<'_> {
        View::new(self.tabs.total(), self.listed(), None).among(self.tabs.only())
    }

    /// The records of a tab that the filter lets through.
    pub(super) fn members_of(&self, tab: Tab) -> View<'_> {
        let set = match (&self.filter, self.tabs.set_of(tab)) {
            (None, set) => set.map(Cow::Borrowed),
            (Some(filter), None) => Some(Cow::Borrowed(filter.hits.found())),
            (Some(filter), Some(set)) => Some(Cow::Owned(set & filter.hits.found())),
        };
        View::new(self.tabs.total(), set, None).among(self.tabs.only())
    }

    fn listed(&self) -> Option<Cow<'_, RoaringBitmap>> {
        self.listed.as_ref().or_else(|| self.tabs.set_of(self.list.tab)).map(Cow::Borrowed)
    }

    /// Lists another tab.
    pub(super) fn set_tab(&mut self, tab: Tab) {
        if self.list.tab != tab {
            self.list.tab = tab;
            self.relist();
        }
    }

    /// Lists anew what the tab and the filter let through.
    pub(super) fn relist(&mut self) {
        let tab = self.tabs.set_of(self.list.tab);
        self.listed = self.filter.as_ref().map(|filter| match tab {
            None => filter.hits.found().clone(),
            Some(tab) => tab & filter.hits.found(),
        });
    }

    /// Lists anew what the tab and the filter let through of some records.
    pub(super) fn relist_among(&mut self, among: &RoaringBitmap) {
        let (Some(listed), Some(filter)) = (&mut self.listed, &self.filter) else { return };
        let mut through = among & filter.hits.found();
        if let Some(tab) = self.tabs.set_of(self.list.tab) {
            through &= tab;
        }
        *listed -= among;
        *listed |= through;
    }

    /// Something happened to a record: the tabs, the filter, the search and the list follow.
    pub(super) fn follow(&mut self, record: RecordId) {
        self.tabs.set(record, self.ledger.record(record));
        self.ask_anew(record, |_| true);
        self.relist_one(record);
    }

    /// A picture turns out to be there, or not.
    pub(super) fn follow_picture(&mut self, record: RecordId, fine: bool) {
        if self.tabs.is_bad_picture(record) != fine {
            return;
        }
        self.tabs.set_picture(record, fine);
        self.ask_anew(record, |hits| hits.query().asks_for_pictures());
        self.relist_one(record);
    }

    /// A line turns out to be no record.
    pub(super) fn follow_bad_line(&mut self, record: RecordId) {
        if !self.tabs.is_bad_line(record) {
            self.tabs.set_bad_line(record);
            self.relist_one(record);
        }
    }

    fn ask_anew(&mut self, record: RecordId, concerns: impl Fn(&Hits) -> bool) {
        let answer = |hits: &Hits| hits.query().holds(&self.facts(record));
        let filter = self.filter.as_ref().map(|filter| &filter.hits).filter(|hits| concerns(hits)).map(answer);
        let search = self.search.as_ref().map(|search| &search.hits).filter(|hits| concerns(hits)).map(answer);
        if let (Some(filter), Some(holds)) = (&mut self.filter, filter) {
            filter.hits.put(record, holds);
        }
        if let (Some(search), Some(holds)) = (&mut self.search, search) {
            search.hits.put(record, holds);
        }
    }

    fn relist_one(&mut self, record: RecordId) {
        let Some(filter) = &self.filter else { return };
        let member = filter.hits.found().contains(record.0) && self.tabs.has(self.list.tab, record);
        if let Some(listed) = &mut self.listed {
            put(listed, record.0, member);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn view(members: &std::collections::BTreeSet<u32>, pinned: Option<u32>) -> View<'static> {
        View::new(200, Some(Cow::Owned(members.iter().copied().collect())), pinned.map(RecordId))
    }

    proptest! {
        #[test]
        fn a_view_lists_its_members_and_the_pinned_record_in_order(
            members in proptest::collection::btree_set(0u32..200, 0..60),
            pinned in proptest::option::of(0u32..200),
        ) {
            let view = view(&members, pinned);
            let expected: Vec<u32> = members.iter().copied().chain(pinned).collect::<std::collections::BTreeSet<_>>()
                .into_iter().collect();
            let listed: Vec<u32> = (0..view.len()).filter_map(|position| view.nth(position)).map(|id| id.0).collect();
            prop_assert_eq!(&listed, &expected);
            for (position, id) in expected.iter().enumerate() {
                prop_assert_eq!(view.position(RecordId(*id)), position);
                prop_assert!(view.contains(RecordId(*id)));
            }
            prop_assert_eq!(view.nth(view.len()), None);
        }

        #[test]
        fn the_next_record_is_the_nearest_round_the_end(
            members in proptest::collection::btree_set(0u32..200, 0..60),
            found in proptest::collection::btree_set(0u32..200, 0..100),
            from in 0u32..200,
            here in any::<bool>(),
            forward in any::<bool>(),
        ) {
            let view = view(&members, None);
            // One step at a time, as one would by hand.
            let step = |at: u32| if forward { (at + 1) % 200 } else { (at + 199) % 200 };
            let walk = |start: u32| std::iter::successors(Some(start), |at| Some(step(*at))).take(200);
            prop_assert_eq!(
                view.next(RecordId(from), forward).map(|record| record.0),
                walk(step(from)).find(|at| members.contains(at))
            );
            let both: Vec<u32> = members.intersection(&found).copied().collect();
            let nearest = walk(if here { from } else { step(from) }).find(|at| both.contains(at));
            let found = view.find(&found.into_iter().collect(), RecordId(from), here, forward);
            prop_assert_eq!(found.map(|found| found.record.0), nearest);
            if let Some(found) = found {
                prop_assert_eq!(both.get(usize::try_from(found.place).expect("few")).copied(), nearest);
                prop_assert_eq!(found.total, both.len() as u64);
                let passed = |at: u32| if forward { at < from } else { at > from };
                prop_assert_eq!(found.around, passed(found.record.0) || !here && found.record.0 == from);
            }
        }

        #[test]
        fn a_sample_is_gone_through_in_its_own_order(
            order in proptest::sample::subsequence((0u32..60).collect::<Vec<_>>(), 0..40).prop_shuffle(),
            members in proptest::collection::btree_set(0u32..60, 0..40),
            found in proptest::collection::btree_set(0u32..60, 0..40),
            (from, here, forward) in (0usize..40, any::<bool>(), any::<bool>()),
        ) {
            let order: Vec<RecordId> = order.into_iter().map(RecordId).collect();
            let only = Only { set: order.iter().map(|record| record.0).collect(), order, ..Only::default() };
            let view = view(&members, None).among(Some(&only));
            let expected: Vec<RecordId> =
                only.order.iter().copied().filter(|record| members.contains(&record.0)).collect();
            let listed: Vec<RecordId> = (0..view.len()).filter_map(|position| view.nth(position)).collect();
            prop_assert_eq!(&listed, &expected);
            prop_assert_eq!(view.nth(view.len()), None);
            for (position, record) in expected.iter().enumerate() {
                prop_assert_eq!(view.position(*record), position);
                prop_assert!(view.contains(*record));
            }
            prop_assert_eq!(view.records().len(), expected.len() as u64);

            let Some(from) = only.order.get(from % only.order.len().max(1)).copied() else { return Ok(()) };
            // One step at a time, as one would by hand.
            let length = only.order.len();
            let place = only.order.iter().position(|record| *record == from).expect("it is one of them");
            let step = |at: usize| (at + if forward { 1 } else { length - 1 }) % length;
            let walk = |start: usize| std::iter::successors(Some(start), |at| Some(step(*at))).take(length);
            let walk = |start: usize| walk(start).map(|at| only.order[at]);
            prop_assert_eq!(view.next(from, forward), walk(step(place)).find(|record| view.contains(*record)));
            let both = |record: &RecordId| view.contains(*record) && found.contains(&record.0);
            let nearest = walk(if here { place } else { step(place) }).find(both);
            let hit = view.find(&found.iter().copied().collect(), from, here, forward);
            prop_assert_eq!(hit.map(|hit| hit.record), nearest);
            if let Some(hit) = hit {
                let all: Vec<RecordId> = only.order.iter().copied().filter(both).collect();
                prop_assert_eq!((all.get(usize::try_from(hit.place).expect("few")).copied(), hit.total), (nearest, all.len() as u64));
            }
        }
    }
}
