//! The list: the records that pass both the tab and the filter, and their positions. Kept up to date record by record,
//! so that the cost of a key does not grow with the dataset.

use std::borrow::Cow;
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::matches::Matches;
use super::model::{Model, TabCursor};
use super::order::{Order, put};
use super::tabs::Tab;
use crate::dataset::RecordId;
use crate::engine::Checked;

/// The largest number of captions linted at once.
const MOST_LINTED: usize = 64;

/// A list of records by position, in file order or another. Membership is stored by place: the record's number in file
/// order, its rank in any other order.
#[derive(Clone, Debug)]
pub struct View<'a> {
    order: Option<&'a Order>,
    /// The number of places.
    places: u32,
    /// The places listed; `None` for all.
    members: Option<Cow<'a, RoaringBitmap>>,
    /// The place of a record that stays listed after it left the set.
    pinned: Option<u32>,
}

/// A search match among all matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    pub record: RecordId,
    /// Its rank among the matches, from zero.
    pub rank: u64,
    /// The number of matches.
    pub total: u64,
    /// True if the search wrapped around the end of the list.
    pub wrapped: bool,
}

impl<'a> View<'a> {
    /// Returns a view of the given places (`None`: all `total` places) in an order, with one record pinned.
    pub(super) fn new(
        order: Option<&'a Order>,
        total: u32,
        members: Option<Cow<'a, RoaringBitmap>>,
        pinned: Option<RecordId>,
    ) -> Self {
        let places = order.map_or(total, Order::len);
        let mut view = Self { order, places, members, pinned: None };
        view.pinned = pinned.and_then(|record| view.place(record)).filter(|place| !view.has(*place));
        view
    }

    /// Returns the place of a record; `None` if it is not in the order.
    fn place(&self, record: RecordId) -> Option<u32> {
        self.order.map_or(Some(record.0), |order| order.place(record)).filter(|place| *place < self.places)
    }

    fn record(&self, place: u32) -> Option<RecordId> {
        self.order.map_or(Some(RecordId(place)), |order| order.record(place))
    }

    fn has(&self, place: u32) -> bool {
        self.members.as_ref().map_or(place < self.places, |members| members.contains(place))
    }

    /// Returns the records from one position to another, inclusive.
    #[must_use]
    pub fn between(&self, first: usize, last: usize) -> RoaringBitmap {
        let (Some(from), Some(to)) = (self.nth_place(first), self.nth_place(last)) else { return RoaringBitmap::new() };
        let mut places = RoaringBitmap::new();
        places.insert_range(from..=to);
        if let Some(members) = &self.members {
            places &= members.as_ref();
        }
        places.extend(self.pinned.filter(|pinned| (from..=to).contains(pinned)));
        self.order.map_or_else(|| places.clone(), |order| order.records_at(&places))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        let members = self.members.as_ref().map_or(u64::from(self.places), |members| members.len());
        usize::try_from(members).unwrap_or(usize::MAX) + usize::from(self.pinned.is_some())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[must_use]
    pub fn nth(&self, position: usize) -> Option<RecordId> {
        self.record(self.nth_place(position)?)
    }

    fn nth_place(&self, position: usize) -> Option<u32> {
        let mut position = u32::try_from(position).ok()?;
        if let Some(pinned) = self.pinned {
            let before = u32::try_from(self.before(pinned)).ok()?;
            if position == before {
                return Some(pinned);
            }
            position -= u32::from(position > before);
        }
        match &self.members {
            None => (position < self.places).then_some(position),
            Some(members) => members.select(position),
        }
    }

    #[must_use]
    pub fn contains(&self, record: RecordId) -> bool {
        self.place(record).is_some_and(|place| self.pinned == Some(place) || self.has(place))
    }

    /// Returns the position of a record, or the position it would have. That is the end if it has no place.
    #[must_use]
    pub fn position(&self, record: RecordId) -> usize {
        let place = self.place(record).unwrap_or(self.places);
        self.before(place) + usize::from(self.pinned.is_some_and(|pinned| pinned < place))
    }

    /// Returns the nearest listed record after (or before) `from`, wrapping around.
    #[must_use]
    pub fn next(&self, from: RecordId, forward: bool) -> Option<RecordId> {
        let last = self.len().checked_sub(1)?;
        let start = self.position(from);
        let position = match (forward, self.contains(from)) {
            (true, false) => Some(start),
            (true, true) => start.checked_add(1),
            (false, _) => start.checked_sub(1),
        };
        let position = position.filter(|position| *position <= last).unwrap_or(if forward { 0 } else { last });
        self.nth(position)
    }

    /// Returns the nearest of the records at the places `found` after (or before) `from`, wrapping around. `from`
    /// itself counts if `inclusive` is true.
    #[must_use]
    pub fn find(&self, found: &RoaringBitmap, from: RecordId, inclusive: bool, forward: bool) -> Option<Match> {
        let listed = match &self.members {
            None => Cow::Borrowed(found),
            Some(members) => Cow::Owned(members.as_ref() & found),
        };
        let from = self.place(from).unwrap_or(0);
        let total = listed.len();
        let last = total.checked_sub(1)?;
        let before = from.checked_sub(1).map_or(0, |before| listed.rank(before));
        let through = listed.rank(from);
        let (rank, wrapped) = match (forward, inclusive) {
            (true, true) => (before, before == total),
            (true, false) => (through, through == total),
            (false, true) => (through.wrapping_sub(1), through == 0),
            (false, false) => (before.wrapping_sub(1), before == 0),
        };
        let rank = match (wrapped, forward) {
            (false, _) => rank,
            (true, true) => 0,
            (true, false) => last,
        };
        let record = self.record(listed.select(u32::try_from(rank).ok()?)?)?;
        Some(Match { record, rank, total, wrapped })
    }

    /// Returns the number of members before a place, without the pinned one.
    fn before(&self, place: u32) -> usize {
        match (&self.members, place.checked_sub(1)) {
            (_, None) => 0,
            (None, Some(_)) => place.min(self.places) as usize,
            (Some(members), Some(before)) => usize::try_from(members.rank(before)).unwrap_or(usize::MAX),
        }
    }
}

impl Model {
    /// Returns the list, including the record under the cursor if it has just left the tab or the filter.
    #[must_use]
    pub fn view(&self) -> View<'_> {
        View::new(self.tabs.order(), self.tabs.total(), self.listed(), self.list.cursor)
    }

    /// Returns the number of records to review in a range of positions, if the list has all records.
    #[must_use]
    pub fn to_review_in(&self, first: usize, end: usize) -> Option<u64> {
        if self.list.tab != Tab::All || self.filter.is_some() {
            return None;
        }
        let place = |position: usize| u32::try_from(position).unwrap_or(u32::MAX);
        let places = self.tabs.places_of(Tab::ToReview);
        Some(places.map_or(0, |places| places.range_cardinality(place(first)..place(end))))
    }

    /// Returns the list without a pinned record.
    pub(super) fn members(&self) -> View<'_> {
        View::new(self.tabs.order(), self.tabs.total(), self.listed(), None)
    }

    /// Returns the records of a tab that pass the filter.
    pub(super) fn members_of(&self, tab: Tab) -> View<'_> {
        let members = match (&self.filter, self.tabs.places_of(tab)) {
            (None, members) => members.map(Cow::Borrowed),
            (Some(filter), None) => Some(Cow::Borrowed(filter.hits.places())),
            (Some(filter), Some(members)) => Some(Cow::Owned(members & filter.hits.places())),
        };
        View::new(self.tabs.order(), self.tabs.total(), members, None)
    }

    /// Returns the listed records as a set, without a pinned record.
    pub(super) fn in_view(&self) -> RoaringBitmap {
        let mut records = self.tabs.records_of(self.list.tab);
        if let Some(filter) = &self.filter {
            records &= filter.hits.found();
        }
        records
    }

    fn listed(&self) -> Option<Cow<'_, RoaringBitmap>> {
        self.listed.as_ref().or_else(|| self.tabs.places_of(self.list.tab)).map(Cow::Borrowed)
    }

    pub(super) fn set_tab(&mut self, tab: Tab) {
        if self.list.tab != tab {
            if let Some(record) = self.list.cursor {
                let row = self.list.position.saturating_sub(self.list.top);
                self.tab_cursors.insert(self.list.tab, TabCursor { record, row });
            }
            self.list.tab = tab;
            self.relist();
        }
    }

    /// Changes the order of the list; `None` for file order.
    pub(super) fn set_order(&mut self, order: Option<Arc<Order>>) {
        self.tabs.set_order(order);
        let order = self.tabs.order();
        for hits in self.filter.iter_mut().map(|filter| &mut filter.hits) {
            hits.set_order(order);
        }
        for hits in self.search.iter_mut().map(|search| &mut search.hits) {
            hits.set_order(order);
        }
        self.relist();
    }

    /// Rebuilds the list from the tab and the filter.
    pub(super) fn relist(&mut self) {
        let tab = self.tabs.places_of(self.list.tab);
        self.listed = self.filter.as_ref().map(|filter| match tab {
            None => filter.hits.places().clone(),
            Some(tab) => tab & filter.hits.places(),
        });
    }

    /// Updates the tabs, the filter, the search and the list after events of records. The captions of many are linted in
    /// the background.
    pub(super) fn follow(&mut self, records: &[RecordId]) {
        for record in records {
            self.tabs.set(*record, self.ledger.record(*record));
            self.reevaluate(*record, |_| true);
            self.reevaluate_attention(*record, records.len() <= MOST_LINTED);
            self.relist_record(*record);
        }
    }

    /// Updates the filter, the search and the findings after the captions of many records changed: in the background. Tabs do
    /// not depend on captions.
    pub(super) fn follow_texts(&mut self, records: &RoaringBitmap) {
        let filter = self.filter.as_mut().map(|filter| &mut filter.hits);
        let search = self.search.as_mut().map(|search| &mut search.hits);
        for matches in [filter, search, self.attention.as_mut()].into_iter().flatten() {
            matches.outdate(records);
        }
    }

    /// Updates them after the record's image turned out good or bad.
    pub(super) fn follow_picture(&mut self, record: RecordId, is_bad: bool) {
        if self.tabs.is_bad_picture(record) == is_bad {
            return;
        }
        self.tabs.set_picture(record, is_bad);
        self.reevaluate(record, |hits| hits.query().depends_on_pictures());
        self.relist_record(record);
    }

    /// Updates them after the record's line could not be parsed.
    pub(super) fn follow_bad_line(&mut self, record: RecordId) {
        if !self.tabs.is_bad_line(record) {
            self.tabs.set_bad_line(record);
            self.relist_record(record);
        }
    }

    /// Updates them after many lines and images were checked. The cost does not grow with the number of bad ones, unless the
    /// filter or the search depends on them.
    pub(super) fn follow_checked(&mut self, checked: &Checked) {
        let new_pictures = &checked.bad_pictures - self.tabs.with_bad_pictures();
        self.tabs.set_checked(checked);
        let filter = self.filter.as_ref().map(|filter| &filter.hits);
        let search = self.search.as_ref().map(|search| &search.hits);
        if filter.into_iter().chain(search).any(|hits| hits.query().depends_on_pictures()) {
            for record in new_pictures {
                self.reevaluate(RecordId(record), |hits| hits.query().depends_on_pictures());
            }
        }
        self.relist();
    }

    /// Evaluates the filter and the search again for a record, if `is_affected` returns true for their matches.
    fn reevaluate(&mut self, record: RecordId, is_affected: impl Fn(&Matches) -> bool) {
        let evaluate = |hits: &Matches| hits.query().matches(&self.record_view(record));
        let filter = self.filter.as_ref().map(|filter| &filter.hits).filter(|hits| is_affected(hits)).map(evaluate);
        let search = self.search.as_ref().map(|search| &search.hits).filter(|hits| is_affected(hits)).map(evaluate);
        let order = self.tabs.order();
        if let (Some(filter), Some(matches)) = (&mut self.filter, filter) {
            filter.hits.put(record, matches, order);
        }
        if let (Some(search), Some(matches)) = (&mut self.search, search) {
            search.hits.put(record, matches, order);
        }
    }

    fn relist_record(&mut self, record: RecordId) {
        let Some(filter) = &self.filter else { return };
        let member = filter.hits.found().contains(record.0) && self.tabs.has(self.list.tab, record);
        let place = self.tabs.order().map_or(Some(record.0), |order| order.place(record));
        if let (Some(listed), Some(place)) = (&mut self.listed, place) {
            put(listed, place, member);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// A permutation of all or some of 70 records.
    fn records() -> impl Strategy<Value = Vec<u32>> {
        let all = || (0u32..70).collect::<Vec<_>>();
        prop_oneof![Just(all()), Just(all()).prop_shuffle(), proptest::sample::subsequence(all(), 0..60).prop_shuffle()]
    }

    fn some() -> impl Strategy<Value = BTreeSet<u32>> {
        proptest::collection::btree_set(0u32..70, 0..50)
    }

    proptest! {

        #[test]
        fn a_view_equals_a_plain_list(
            records in records(),
            members in proptest::option::of(some()),
            found in some(),
            pinned in proptest::option::of(0u32..70),
            (from, inclusive, forward) in (0u32..70, any::<bool>(), any::<bool>()),
        ) {
            let order = Order::new(records.iter().copied().map(RecordId).collect());
            let in_file_order = records.iter().copied().eq(0..70);
            let places = |set: &BTreeSet<u32>| {
                if in_file_order { set.iter().copied().collect() } else { order.places_of(&set.iter().copied().collect()) }
            };
            let view = View::new(
                (!in_file_order).then_some(&order),
                70,
                members.as_ref().map(|members| Cow::Owned(places(members))),
                pinned.map(RecordId),
            );
            let is_member = |record: u32| members.as_ref().is_none_or(|members| members.contains(&record));
            let list: Vec<u32> =
                records.iter().copied().filter(|record| is_member(*record) || pinned == Some(*record)).collect();
            let listed: Vec<u32> = (0..view.len()).filter_map(|at| view.nth(at)).map(|record| record.0).collect();
            prop_assert_eq!(&listed, &list);
            prop_assert_eq!(view.nth(view.len()), None);
            for (position, record) in list.iter().enumerate() {
                prop_assert_eq!(view.position(RecordId(*record)), position);
            }
            for record in 0..100 {
                prop_assert_eq!(view.contains(RecordId(record)), list.contains(&record));
            }
            let (first, last) = (list.len() / 3, list.len() / 2);
            if last < list.len() {
                prop_assert_eq!(view.between(first, last), list[first..=last].iter().copied().collect());
            }

            let Some(at) = records.iter().position(|record| *record == from) else { return Ok(()) };
            // Steps one record at a time, as a reference.
            let length = records.len();
            let step = |at: usize| (at + if forward { 1 } else { length - 1 }) % length;
            let walk = |start: usize| std::iter::successors(Some(start), |at| Some(step(*at))).take(length);
            let next = walk(step(at)).map(|at| records[at]).find(|record| list.contains(record));
            prop_assert_eq!(view.next(RecordId(from), forward).map(|record| record.0), next);
            let is_hit = |record: &u32| is_member(*record) && found.contains(record);
            let nearest = walk(if inclusive { at } else { step(at) }).find(|at| is_hit(&records[*at]));
            let hit = view.find(&places(&found), RecordId(from), inclusive, forward);
            prop_assert_eq!(hit.map(|hit| hit.record.0), nearest.map(|at| records[at]));
            if let (Some(hit), Some(nearest)) = (hit, nearest) {
                let hits: Vec<u32> = records.iter().copied().filter(is_hit).collect();
                prop_assert_eq!(hits.get(usize::try_from(hit.rank).expect("few")), Some(&hit.record.0));
                prop_assert_eq!(hit.total, hits.len() as u64);
                let passed = if forward { nearest < at } else { nearest > at };
                prop_assert_eq!(hit.wrapped, passed || !inclusive && nearest == at);
            }
        }
    }
}
