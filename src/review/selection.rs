//! The records that were marked, to be dealt with together.

use roaring::RoaringBitmap;

use super::Model;
use super::order::put;
use crate::dataset::RecordId;
use crate::describe::Reason;

/// The records that are marked: one by one, or as a range that still follows the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    settled: RoaringBitmap,
    /// Where the range begins.
    anchor: Option<RecordId>,
}

/// A command on one or many records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordAction {
    /// Accept the caption shown.
    Accept,
    /// Keep the original.
    Keep,
    Skip,
    Exclude,
    /// Flag all or, if all are flagged, none.
    Flag,
    Describe(Option<Reason>),
}

impl Marks {
    /// These, one by one.
    pub(super) const fn of(settled: RoaringBitmap) -> Self {
        Self { settled, anchor: None }
    }

    /// How many are marked, those of the range aside.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.settled.len()
    }

    /// Whether there is a range that follows the cursor.
    #[must_use]
    pub const fn has_range(&self) -> bool {
        self.anchor.is_some()
    }

    /// Whether nothing is marked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.anchor.is_none()
    }

    pub(super) fn toggle(&mut self, record: RecordId) {
        let marked = self.settled.contains(record.0);
        put(&mut self.settled, record.0, !marked);
    }

    pub(super) const fn begin_range(&mut self, at: RecordId) {
        self.anchor = Some(at);
    }

    /// Forgets the range. Says whether there was one.
    pub(super) const fn drop_range(&mut self) -> bool {
        self.anchor.take().is_some()
    }
}

impl Model {
    /// Whether a record is marked.
    #[must_use]
    pub fn is_marked(&self, record: RecordId) -> bool {
        self.marks.settled.contains(record.0)
            || self.range().is_some_and(|(first, last)| {
                let view = self.view();
                view.contains(record) && (first..=last).contains(&view.position(record))
            })
    }

    /// How many records the range takes that follows the cursor, where there is one. Some of them may be marked besides.
    #[must_use]
    pub fn range_length(&self) -> Option<usize> {
        self.range().map(|(first, last)| last - first + 1)
    }

    /// All that is marked.
    pub(super) fn marked(&self) -> RoaringBitmap {
        match self.range() {
            Some((first, last)) => &self.marks.settled | self.view().between(first, last),
            None => self.marks.settled.clone(),
        }
    }

    /// The places in the list from which and to which the range goes.
    fn range(&self) -> Option<(usize, usize)> {
        let anchor = self.marks.anchor?;
        let view = self.view();
        let last = view.len().checked_sub(1)?;
        let (from, to) = (view.position(anchor).min(last), self.list.position.min(last));
        Some((from.min(to), from.max(to)))
    }
}
