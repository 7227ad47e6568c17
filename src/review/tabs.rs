//! The tabs, as bitmaps (at most one bit a record). Kept up to date record by record, so that the cost of a key does
//! not grow with the dataset.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::order::{Order, Set, put};
use crate::dataset::RecordId;
use crate::engine::Checked;
use crate::session::{Decision, DecisionKind, RecordState, Seq};
use crate::text::counted;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Tab {
    #[default]
    All,
    ToReview,
    /// Records with a candidate newer than their decision.
    Ready,
    /// Accepted, edited and kept records.
    Decided,
    /// Records put off, not excluded ones.
    Skipped,
    /// Unparsable lines, missing or broken images, failed descriptions, and captions with a warning or an error.
    Problems,
}

impl Tab {
    /// In the order of their keys.
    pub const ALL: [Self; 6] = [Self::All, Self::ToReview, Self::Ready, Self::Decided, Self::Skipped, Self::Problems];

    /// Returns true if the tab contains a record in this state, findings aside.
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
            Self::Skipped => *decision == Decision::Skipped,
            Self::Problems => bad_line || bad_picture || state.failure.is_some(),
        }
    }

    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::ToReview => "to review",
            Self::Ready => "ready",
            Self::Decided => "decided",
            Self::Skipped => "skipped",
            Self::Problems => "problems",
        }
    }
}

/// Numbers of captions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FindingCounts {
    pub errors: u64,
    /// Those with a warning and no error.
    pub warnings: u64,
}

impl FindingCounts {
    /// Returns the counts in words: "errors in 2 captions, warnings in 3 captions"; empty if both are 0.
    #[must_use]
    pub fn words(self) -> String {
        let in_captions = |name: &str, count: u64| format!("{name} in {}", counted(count, "caption", "captions"));
        let counts = [("errors", self.errors), ("warnings", self.warnings)];
        let parts = counts.iter().filter(|(_, count)| *count > 0).map(|(name, count)| in_captions(name, *count));
        parts.collect::<Vec<_>>().join(", ")
    }
}

#[derive(Clone, Debug, Default)]
pub struct Tabs {
    total: u32,
    to_review: Set,
    ready: Set,
    decided: Set,
    skipped: Set,
    problems: Set,
    bad_lines: RoaringBitmap,
    bad_pictures: RoaringBitmap,
    /// Records whose caption no text may replace.
    other_captions: RoaringBitmap,
    failed: RoaringBitmap,
    excluded: RoaringBitmap,
    accepted: RoaringBitmap,
    edited: RoaringBitmap,
    /// Records whose caption has a warning or an error, as far as is known.
    findings: RoaringBitmap,
    /// Those of them whose caption has an error.
    errors: RoaringBitmap,
    /// The order of the list; `None` for file order. A record without a place in it cannot be listed.
    order: Option<Arc<Order>>,
    /// In a spot check, decisions before this event do not count.
    after: Option<Seq>,
}

impl Tabs {
    /// Changes the order of the list. Records without a place in it are no longer listed.
    pub(super) fn set_order(&mut self, order: Option<Arc<Order>>) {
        self.order = order;
        let order = self.order.as_deref();
        for set in [&mut self.to_review, &mut self.ready, &mut self.decided, &mut self.skipped, &mut self.problems] {
            set.set_order(order);
        }
    }

    pub(super) const fn count_after(&mut self, event: Seq) {
        self.after = Some(event);
    }

    pub(super) fn order(&self) -> Option<&Order> {
        self.order.as_deref()
    }

    /// Returns true if a record has a place in the list's order.
    #[must_use]
    pub fn lists(&self, record: RecordId) -> bool {
        self.order().is_none_or(|order| order.place(record).is_some())
    }

    /// Returns the number of indexed records.
    #[must_use]
    pub const fn total(&self) -> u32 {
        self.total
    }

    /// Returns all indexed records, also those that cannot be listed.
    #[must_use]
    pub fn all(&self) -> RoaringBitmap {
        let mut all = RoaringBitmap::new();
        all.insert_range(0..self.total);
        all
    }

    /// Returns the number of records that need no more review: accepted, edited, kept or excluded.
    #[must_use]
    pub fn reviewed(&self) -> u64 {
        self.decided.records().len() + self.excluded.len()
    }

    /// Adds newly indexed records, some of which may have a state already.
    pub fn grow(&mut self, total: u32) {
        if total > self.total {
            let mut to_review = std::mem::take(&mut self.to_review).into_records();
            to_review.insert_range(self.total..total);
            for reviewed in [self.decided.records(), self.skipped.records(), &self.excluded, &self.bad_lines] {
                to_review -= reviewed;
            }
            self.to_review = Set::new(to_review, self.order.as_deref());
            self.total = total;
        }
    }

    pub fn set(&mut self, record: RecordId, state: &RecordState) {
        let id = record.0;
        let (bad_line, bad_picture) = (self.bad_lines.contains(id), self.bad_pictures.contains(id));
        // In a spot check, earlier decisions are the ones under test.
        let counts = self.after.is_none_or(|after| state.is_decided_since(after));
        let decision = if counts { &state.decision } else { &Decision::Undecided };
        let is_excluded = *decision == Decision::Excluded;
        let is_rejected = self.after.is_some_and(|after| state.rejected_since(after).is_some());
        let is_in = |tab: Tab| tab.has_decided(decision, state, bad_line, bad_picture);
        let order = self.order.as_deref();
        self.to_review.put(record, is_in(Tab::ToReview) && !is_rejected && id < self.total, order);
        self.ready.put(record, is_in(Tab::Ready), order);
        self.decided.put(record, is_in(Tab::Decided) || is_rejected, order);
        self.skipped.put(record, is_in(Tab::Skipped), order);
        self.problems.put(record, is_in(Tab::Problems) || self.findings.contains(id), order);
        put(&mut self.excluded, id, is_excluded);
        put(&mut self.accepted, id, matches!(decision, Decision::Accepted { .. }));
        put(&mut self.edited, id, matches!(decision, Decision::Edited { .. }));
        put(&mut self.failed, id, state.failure.is_some());
    }

    /// Sets which of some records have a warning or an error.
    pub(super) fn set_findings(&mut self, among: &RoaringBitmap, found: &RoaringBitmap) {
        self.findings -= among;
        self.findings |= among & found;
        let mut problems = found | &self.bad_lines;
        problems |= &self.bad_pictures;
        problems |= &self.failed;
        self.problems.put_among(among, &problems, self.order.as_deref());
    }

    /// Sets which of some records, which have findings, have an error.
    pub(super) fn set_errors(&mut self, among: &RoaringBitmap, errors: &RoaringBitmap) {
        self.errors -= among;
        self.errors |= among & errors;
    }

    /// Returns the numbers of records whose caption has an error, or no error but a warning, as far as is known. Excluded
    /// ones do not count.
    #[must_use]
    pub fn findings(&self) -> FindingCounts {
        let all = self.findings.len() - self.findings.intersection_len(&self.excluded);
        let errors = self.errors.len() - self.errors.intersection_len(&self.excluded);
        FindingCounts { errors, warnings: all - errors }
    }

    /// Returns the numbers of records accepted, edited, kept and excluded.
    #[must_use]
    pub fn decisions(&self) -> [(DecisionKind, u64); 4] {
        let (accepted, edited) = (self.accepted.len(), self.edited.len());
        let kept = self.decided.records().len() - accepted - edited;
        [
            (DecisionKind::Accepted, accepted),
            (DecisionKind::Kept, kept),
            (DecisionKind::Edited, edited),
            (DecisionKind::Excluded, self.excluded.len()),
        ]
    }

    /// An unparsable line has nothing to review.
    pub fn set_bad_line(&mut self, record: RecordId) {
        self.bad_lines.insert(record.0);
        self.to_review.put(record, false, self.order.as_deref());
        self.ready.put(record, false, self.order.as_deref());
        self.set_problem(record);
    }

    /// Adds bad lines, bad images and captions that no text may replace.
    pub fn set_checked(&mut self, checked: &Checked) {
        let order = self.order.as_deref();
        let Checked { records: _, bad_lines, other_captions, bad_pictures } = checked;
        for set in [&mut self.to_review, &mut self.ready] {
            set.put_among(bad_lines, &RoaringBitmap::new(), order);
        }
        let problems = bad_lines | bad_pictures;
        self.problems.put_among(&problems, &problems, order);
        self.bad_lines |= bad_lines;
        self.bad_pictures |= bad_pictures;
        self.other_captions |= other_captions;
    }

    pub fn set_picture(&mut self, record: RecordId, is_bad: bool) {
        put(&mut self.bad_pictures, record.0, is_bad);
        self.set_problem(record);
    }

    #[must_use]
    pub fn is_bad_picture(&self, record: RecordId) -> bool {
        self.bad_pictures.contains(record.0)
    }

    #[must_use]
    pub fn is_bad_line(&self, record: RecordId) -> bool {
        self.bad_lines.contains(record.0)
    }

    pub fn set_other_caption(&mut self, record: RecordId) {
        self.other_captions.insert(record.0);
    }

    /// Returns true if no text may replace the record's caption, as far as is known.
    #[must_use]
    pub fn is_other_caption(&self, record: RecordId) -> bool {
        self.other_captions.contains(record.0)
    }

    /// Returns the number of images known to be missing or broken.
    #[must_use]
    pub fn bad_pictures(&self) -> u64 {
        self.bad_pictures.len()
    }

    /// Returns the number of records in a tab.
    #[must_use]
    pub fn count(&self, tab: Tab) -> u64 {
        let all = || self.order().map_or(self.total, Order::len);
        self.places_of(tab).map_or_else(|| u64::from(all()), RoaringBitmap::len)
    }

    /// Returns the undecided records of a tab that are not known to have problems.
    #[must_use]
    pub fn describable(&self, tab: Tab) -> RoaringBitmap {
        let records = self.records_of(tab) & self.to_review.records();
        self.without_problems(records)
    }

    /// Removes the records that are known to have a bad line, a bad image, or a caption that no text may replace.
    pub(super) fn without_problems(&self, records: RoaringBitmap) -> RoaringBitmap {
        records - &self.bad_pictures - &self.bad_lines - &self.other_captions
    }

    #[must_use]
    pub fn has(&self, tab: Tab, record: RecordId) -> bool {
        self.set_of(tab).map_or(record.0 < self.total, |set| set.contains(record))
    }

    /// Returns the number of lines that cannot be parsed.
    pub(super) fn bad_lines(&self) -> u64 {
        self.bad_lines.len()
    }

    pub(super) const fn with_bad_pictures(&self) -> &RoaringBitmap {
        &self.bad_pictures
    }

    /// Returns the records of a tab that have a place in the list's order.
    pub(super) fn records_of(&self, tab: Tab) -> RoaringBitmap {
        let records = self.set_of(tab).map_or_else(|| self.all(), |set| set.records().clone());
        match self.order() {
            Some(order) => order.retain_placed(records),
            None => records,
        }
    }

    /// Returns the places of a tab's records; `None` for all.
    pub(super) fn places_of(&self, tab: Tab) -> Option<&RoaringBitmap> {
        self.set_of(tab).map(Set::places)
    }

    fn set_of(&self, tab: Tab) -> Option<&Set> {
        match tab {
            Tab::All => None,
            Tab::ToReview => Some(&self.to_review),
            Tab::Ready => Some(&self.ready),
            Tab::Decided => Some(&self.decided),
            Tab::Skipped => Some(&self.skipped),
            Tab::Problems => Some(&self.problems),
        }
    }

    fn set_problem(&mut self, record: RecordId) {
        let sets = [&self.bad_lines, &self.bad_pictures, &self.failed, &self.findings];
        let problem = sets.iter().any(|set| set.contains(record.0));
        self.problems.put(record, problem, self.order.as_deref());
    }
}
