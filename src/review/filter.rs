//! Which records a tab shows. Sets are bitmaps (a bit or less a record), kept up to date record by record, so that no
//! key costs more on a large dataset.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::session::{Decision, RecordState};

/// A status tab.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tab {
    /// Every record.
    #[default]
    All,
    /// Undecided records.
    ToReview,
    /// Records with a candidate that arrived after their decision.
    Ready,
    /// Accepted, edited and kept records.
    Decided,
    /// Skipped and excluded records.
    Aside,
    /// Lines that cannot be read, pictures that are missing or broken, descriptions that failed.
    Problems,
}

impl Tab {
    /// Every tab, in the order of their keys.
    pub const ALL: [Self; 6] = [Self::All, Self::ToReview, Self::Ready, Self::Decided, Self::Aside, Self::Problems];

    /// The word on the tab.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ToReview => "to review",
            Self::Ready => "ready",
            Self::Decided => "decided",
            Self::Aside => "aside",
            Self::Problems => "problems",
        }
    }
}

/// The records of every tab.
#[derive(Clone, Debug, Default)]
pub struct Tabs {
    total: u32,
    to_review: RoaringBitmap,
    ready: RoaringBitmap,
    decided: RoaringBitmap,
    aside: RoaringBitmap,
    problems: RoaringBitmap,
    bad_lines: RoaringBitmap,
    bad_pictures: RoaringBitmap,
    failed: RoaringBitmap,
    excluded: RoaringBitmap,
}

impl Tabs {
    /// How many records are known.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// Records that need no more review: accepted, edited, kept, excluded.
    #[must_use]
    pub fn reviewed(&self) -> u64 {
        self.decided.len() + self.excluded.len()
    }

    /// Adds newly indexed records. The session may know some of them already.
    pub fn grow(&mut self, total: u32) {
        if total > self.total {
            self.to_review.insert_range(self.total..total);
            for settled in [&self.decided, &self.aside, &self.bad_lines] {
                self.to_review -= settled;
            }
            self.total = total;
        }
    }

    /// Takes a record's state in.
    pub fn set(&mut self, record: RecordId, state: &RecordState) {
        let id = record.0;
        let decision = &state.decision;
        let bad = self.bad_lines.contains(id);
        put(&mut self.to_review, id, *decision == Decision::Undecided && !bad && id < self.total);
        put(&mut self.ready, id, state.is_ready() && !bad);
        put(
            &mut self.decided,
            id,
            matches!(decision, Decision::Accepted { .. } | Decision::Edited { .. } | Decision::Kept),
        );
        put(&mut self.aside, id, matches!(decision, Decision::Skipped | Decision::Excluded));
        put(&mut self.excluded, id, *decision == Decision::Excluded);
        put(&mut self.failed, id, state.failure.is_some());
        self.set_problem(id);
    }

    /// A line that cannot be parsed: there is nothing to review in it.
    pub fn set_bad_line(&mut self, record: RecordId) {
        self.bad_lines.insert(record.0);
        self.to_review.remove(record.0);
        self.ready.remove(record.0);
        self.set_problem(record.0);
    }

    /// Whether the record's picture can be shown.
    pub fn set_picture(&mut self, record: RecordId, fine: bool) {
        put(&mut self.bad_pictures, record.0, !fine);
        self.set_problem(record.0);
    }

    /// Whether the record's picture is known to be missing or broken.
    #[must_use]
    pub fn is_bad_picture(&self, record: RecordId) -> bool {
        self.bad_pictures.contains(record.0)
    }

    /// Whether the record's line is known to be unreadable.
    #[must_use]
    pub fn is_bad_line(&self, record: RecordId) -> bool {
        self.bad_lines.contains(record.0)
    }

    /// How many pictures are known to be missing or broken.
    #[must_use]
    pub fn bad_pictures(&self) -> u64 {
        self.bad_pictures.len()
    }

    /// How many records a tab has.
    #[must_use]
    pub fn count(&self, tab: Tab) -> u64 {
        self.set_of(tab).map_or(u64::from(self.total), RoaringBitmap::len)
    }

    /// The next undecided record after (or before) a record.
    #[must_use]
    pub fn next_to_review(&self, from: RecordId, forward: bool) -> Option<RecordId> {
        let found = if forward {
            let rank = self.to_review.rank(from.0);
            self.to_review.select(u32::try_from(rank).ok()?)
        } else {
            let before = from.0.checked_sub(1)?;
            let rank = self.to_review.rank(before);
            self.to_review.select(u32::try_from(rank.checked_sub(1)?).ok()?)
        };
        found.map(RecordId)
    }

    /// The undecided records of a tab whose line can be read and whose picture is not known to be missing.
    #[must_use]
    pub fn describable(&self, tab: Tab) -> RoaringBitmap {
        let mut records = self.to_review.clone();
        if let Some(members) = self.set_of(tab) {
            records &= members;
        }
        records -= &self.bad_pictures;
        records
    }

    /// The records of a tab, and one that has left it but is still under the cursor.
    #[must_use]
    pub fn view(&self, tab: Tab, pinned: Option<RecordId>) -> View<'_> {
        let set = self.set_of(tab);
        let pinned = pinned.filter(|record| set.is_some_and(|set| !set.contains(record.0)));
        View { total: self.total, set, pinned }
    }

    fn set_of(&self, tab: Tab) -> Option<&RoaringBitmap> {
        match tab {
            Tab::All => None,
            Tab::ToReview => Some(&self.to_review),
            Tab::Ready => Some(&self.ready),
            Tab::Decided => Some(&self.decided),
            Tab::Aside => Some(&self.aside),
            Tab::Problems => Some(&self.problems),
        }
    }

    fn set_problem(&mut self, id: u32) {
        let problem = self.bad_lines.contains(id) || self.bad_pictures.contains(id) || self.failed.contains(id);
        put(&mut self.problems, id, problem);
    }
}

fn put(set: &mut RoaringBitmap, id: u32, member: bool) {
    if member {
        set.insert(id);
    } else {
        set.remove(id);
    }
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

/// The records of a tab in file order, as a list one can go through by position.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    total: u32,
    set: Option<&'a RoaringBitmap>,
    pinned: Option<RecordId>,
}

impl View<'_> {
    /// All of its records.
    #[must_use]
    pub fn records(&self) -> RoaringBitmap {
        self.set.cloned().unwrap_or_else(|| (0..self.total).collect())
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        let members = self.set.map_or(u64::from(self.total), RoaringBitmap::len);
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
        let mut position = u32::try_from(position).ok()?;
        if let Some(pinned) = self.pinned {
            let place = u32::try_from(self.place(pinned)).ok()?;
            if position == place {
                return Some(pinned);
            }
            position -= u32::from(position > place);
        }
        match self.set {
            None => (position < self.total).then_some(RecordId(position)),
            Some(set) => set.select(position).map(RecordId),
        }
    }

    /// The nearest of the records `found`, one way or the other, round the end if need be: from a record on, which counts
    /// itself where it says `here`.
    #[must_use]
    pub fn find(&self, found: &RoaringBitmap, from: RecordId, here: bool, forward: bool) -> Option<Match> {
        let listed = match self.set {
            None => Cow::Borrowed(found),
            Some(set) => Cow::Owned(set & found),
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

    /// Whether a record is in it.
    #[must_use]
    pub fn contains(&self, record: RecordId) -> bool {
        self.pinned == Some(record) || self.set.map_or(record.0 < self.total, |set| set.contains(record.0))
    }

    /// The position of a record, or where it would be.
    #[must_use]
    pub fn position(&self, record: RecordId) -> usize {
        self.place(record) + usize::from(self.pinned.is_some_and(|pinned| pinned < record))
    }

    /// How many members come before a record, the pinned one aside.
    fn place(&self, record: RecordId) -> usize {
        match (self.set, record.0.checked_sub(1)) {
            (_, None) => 0,
            (None, Some(_)) => record.0.min(self.total) as usize,
            (Some(set), Some(before)) => usize::try_from(set.rank(before)).unwrap_or(usize::MAX),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_view_lists_its_members_and_the_pinned_record_in_order(
            members in proptest::collection::btree_set(0u32..200, 0..60),
            pinned in proptest::option::of(0u32..200),
        ) {
            let mut tabs = Tabs::default();
            tabs.grow(200);
            for id in 0..200 {
                let decision = if members.contains(&id) { Decision::Undecided } else { Decision::Kept };
                tabs.set(RecordId(id), &RecordState { decision, ..RecordState::default() });
            }
            let view = tabs.view(Tab::ToReview, pinned.map(RecordId));
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
        fn the_next_match_is_the_nearest_round_the_end(
            members in proptest::collection::btree_set(0u32..60, 0..30),
            found in proptest::collection::btree_set(0u32..60, 0..30),
            from in 0u32..60,
            here in any::<bool>(),
            forward in any::<bool>(),
        ) {
            let mut tabs = Tabs::default();
            tabs.grow(60);
            for id in (0..60).filter(|id| !members.contains(id)) {
                tabs.set(RecordId(id), &RecordState { decision: Decision::Kept, ..RecordState::default() });
            }
            let both: Vec<u32> = members.intersection(&found).copied().collect();
            // One step at a time, as one would by hand.
            let step = |at: u32| if forward { (at + 1) % 60 } else { (at + 59) % 60 };
            let start = if here { from } else { step(from) };
            let nearest = std::iter::successors(Some(start), |at| Some(step(*at))).take(60).find(|at| both.contains(at));
            let found: RoaringBitmap = found.into_iter().collect();
            let found = tabs.view(Tab::ToReview, None).find(&found, RecordId(from), here, forward);
            prop_assert_eq!(found.map(|found| found.record.0), nearest);
            if let Some(found) = found {
                prop_assert_eq!(both.get(usize::try_from(found.place).expect("few")).copied(), nearest);
                prop_assert_eq!(found.total, both.len() as u64);
                let passed = |at: u32| if forward { at < from } else { at > from };
                prop_assert_eq!(found.around, passed(found.record.0) || !here && found.record.0 == from);
            }
        }

        #[test]
        fn next_to_review_skips_the_decided(members in proptest::collection::btree_set(0u32..50, 0..20), from in 0u32..50) {
            let mut tabs = Tabs::default();
            tabs.grow(50);
            for id in (0..50).filter(|id| !members.contains(id)) {
                tabs.set(RecordId(id), &RecordState { decision: Decision::Kept, ..RecordState::default() });
            }
            let from = RecordId(from);
            prop_assert_eq!(
                tabs.next_to_review(from, true).map(|id| id.0),
                members.iter().copied().find(|id| *id > from.0)
            );
            prop_assert_eq!(
                tabs.next_to_review(from, false).map(|id| id.0),
                members.iter().rev().copied().find(|id| *id < from.0)
            );
        }
    }
}
