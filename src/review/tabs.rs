//! Which records are in which tab. Sets are bitmaps (a bit or less a record), kept up to date record by record, so that no
//! key costs more on a large dataset.

use roaring::RoaringBitmap;

use super::spot::Only;
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

    /// Whether it lists a record of which this is known.
    #[must_use]
    pub fn has(self, state: &RecordState, bad_line: bool, bad_picture: bool) -> bool {
        self.has_decided(&state.decision, state, bad_line, bad_picture)
    }

    fn has_decided(self, decision: &Decision, state: &RecordState, bad_line: bool, bad_picture: bool) -> bool {
        match self {
            Self::All => true,
            Self::ToReview => *decision == Decision::Undecided && !bad_line,
            Self::Ready => state.is_ready() && !bad_line,
            Self::Decided => {
                matches!(decision, Decision::Accepted { .. } | Decision::Edited { .. } | Decision::Kept)
            }
            Self::Aside => matches!(decision, Decision::Skipped | Decision::Excluded),
            Self::Problems => bad_line || bad_picture || state.failure.is_some(),
        }
    }

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
    /// In a spot check: its sample, which is empty until it is drawn.
    only: Option<Only>,
}

impl Tabs {
    /// Lists these records only, in their order.
    pub(super) fn restrict(&mut self, only: Only) {
        self.only = Some(only);
    }

    /// The records that can be listed; all where nothing is said.
    pub(super) const fn only(&self) -> Option<&Only> {
        self.only.as_ref()
    }

    /// Whether a record can be listed at all.
    #[must_use]
    pub fn lists(&self, record: RecordId) -> bool {
        self.only.as_ref().is_none_or(|only| only.set.contains(record.0))
    }

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
        let (bad_line, bad_picture) = (self.bad_lines.contains(id), self.bad_pictures.contains(id));
        // In a spot check, what was decided before is what is to be judged.
        let counts = self.only.as_ref().is_none_or(|only| state.is_judged_since(only.after));
        let decision = if counts { &state.decision } else { &Decision::Undecided };
        let is_excluded = *decision == Decision::Excluded;
        let is_in = |tab: Tab| tab.has_decided(decision, state, bad_line, bad_picture);
        put(&mut self.to_review, id, is_in(Tab::ToReview) && id < self.total);
        put(&mut self.ready, id, is_in(Tab::Ready));
        put(&mut self.decided, id, is_in(Tab::Decided));
        put(&mut self.aside, id, is_in(Tab::Aside));
        put(&mut self.problems, id, is_in(Tab::Problems));
        put(&mut self.excluded, id, is_excluded);
        put(&mut self.failed, id, state.failure.is_some());
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
        match (&self.only, self.set_of(tab)) {
            (None, None) => u64::from(self.total),
            (None, Some(set)) => set.len(),
            (Some(only), None) => only.set.len(),
            (Some(only), Some(set)) => only.set.intersection_len(set),
        }
    }

    /// The undecided records of a tab whose line can be read and whose picture is not known to be missing.
    #[must_use]
    pub fn describable(&self, tab: Tab) -> RoaringBitmap {
        let mut records = self.to_review.clone();
        if let Some(members) = self.set_of(tab) {
            records &= members;
        }
        if let Some(only) = &self.only {
            records &= &only.set;
        }
        self.without_problems(records)
    }

    /// Those of some records whose line can be read and whose picture is not known to be missing.
    pub(super) fn without_problems(&self, records: RoaringBitmap) -> RoaringBitmap {
        records - &self.bad_pictures - &self.bad_lines
    }

    /// Whether a record is in a tab.
    #[must_use]
    pub fn has(&self, tab: Tab, record: RecordId) -> bool {
        self.set_of(tab).map_or(record.0 < self.total, |set| set.contains(record.0))
    }

    /// The records whose picture is missing or broken.
    pub(super) const fn with_bad_pictures(&self) -> &RoaringBitmap {
        &self.bad_pictures
    }

    /// The records of a tab; `None` where that is all of them.
    pub(super) fn set_of(&self, tab: Tab) -> Option<&RoaringBitmap> {
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

pub(super) fn put(set: &mut RoaringBitmap, id: u32, member: bool) {
    if member {
        set.insert(id);
    } else {
        set.remove(id);
    }
}
