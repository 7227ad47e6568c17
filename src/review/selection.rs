//! The selected records, which commands apply to instead of the one under the cursor.

use roaring::RoaringBitmap;

use super::Model;
use super::order::put;
use crate::dataset::RecordId;
use crate::describe::Reason;

/// The selected records: individual ones, and a range that still follows the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    settled: RoaringBitmap,
    /// The start of the range.
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

impl Selection {
    pub(super) const fn of(settled: RoaringBitmap) -> Self {
        Self { settled, anchor: None }
    }

    /// Returns the number of selected records outside the open range.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.settled.len()
    }

    /// Returns true if a range follows the cursor.
    #[must_use]
    pub const fn has_range(&self) -> bool {
        self.anchor.is_some()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.anchor.is_none()
    }

    pub(super) fn toggle(&mut self, record: RecordId) {
        let selected = self.settled.contains(record.0);
        put(&mut self.settled, record.0, !selected);
    }

    pub(super) const fn begin_range(&mut self, at: RecordId) {
        self.anchor = Some(at);
    }

    /// Ends the range. Returns true if there was one.
    pub(super) const fn drop_range(&mut self) -> bool {
        self.anchor.take().is_some()
    }
}

impl Model {
    #[must_use]
    pub fn is_selected(&self, record: RecordId) -> bool {
        self.selection.settled.contains(record.0)
            || self.range().is_some_and(|(first, last)| {
                let view = self.view();
                view.contains(record) && (first..=last).contains(&view.position(record))
            })
    }

    /// Returns the length of the open range. Some of its records may be selected already.
    #[must_use]
    pub fn range_length(&self) -> Option<usize> {
        self.range().map(|(first, last)| last - first + 1)
    }

    /// Returns all selected records, including the open range.
    pub(super) fn selected(&self) -> RoaringBitmap {
        match self.range() {
            Some((first, last)) => &self.selection.settled | self.view().between(first, last),
            None => self.selection.settled.clone(),
        }
    }

    /// Returns the first and last position of the open range.
    fn range(&self) -> Option<(usize, usize)> {
        let anchor = self.selection.anchor?;
        let view = self.view();
        let last = view.len().checked_sub(1)?;
        let (from, to) = (view.position(anchor).min(last), self.list.position.min(last));
        Some((from.min(to), from.max(to)))
    }
}
