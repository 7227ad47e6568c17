//! The captions that a change applies to. They are compressed, because there can be millions.

use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::session::{Texts, TextsBuilder};
use crate::text;

/// A caption that would change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    pub record: RecordId,
    /// Empty if the caption would be blank, which is never applied.
    pub after: String,
    /// True if it is selected.
    pub on: bool,
}

impl Hit {
    /// Returns true if the caption would be empty.
    #[must_use]
    pub fn is_emptied(&self) -> bool {
        text::is_blank(&self.after)
    }
}

/// The captions that would change, in file order, each with its new text. That before is in the dataset or the session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    records: RoaringBitmap,
    /// Those that would be empty.
    emptied: RoaringBitmap,
    /// Those that are not selected.
    off: RoaringBitmap,
    /// The new texts, without those that would be empty.
    after: Texts,
}

impl Hits {
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.records.len()).unwrap_or(usize::MAX)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Returns the number of captions that would be empty.
    #[must_use]
    pub fn emptied(&self) -> u64 {
        self.emptied.len()
    }

    /// Returns the number of selected captions.
    #[must_use]
    pub fn wanted(&self) -> u64 {
        self.records.len() - self.off.len()
    }

    /// Returns the caption at a place in the list.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Hit> {
        let record = self.record(place)?;
        let after = self.after.get(record).unwrap_or_default();
        Some(Hit { record, after, on: !self.off.contains(record.0) })
    }

    /// Returns the record at a place in the list.
    #[must_use]
    pub fn record(&self, place: usize) -> Option<RecordId> {
        self.records.select(u32::try_from(place).ok()?).map(RecordId)
    }

    /// Adds captions of later records.
    pub fn append(&mut self, later: Self) {
        self.records |= later.records;
        self.emptied |= later.emptied;
        self.off |= later.off;
        self.after.append(later.after);
    }

    /// Selects the caption at a place, or deselects it. Returns false if it would be empty.
    pub(in crate::review) fn toggle(&mut self, place: usize) -> bool {
        let record = self.record(place).map(|record| record.0).filter(|record| !self.emptied.contains(*record));
        if let Some(record) = record
            && !self.off.remove(record)
        {
            self.off.insert(record);
        }
        record.is_some()
    }

    /// Selects all captions, or none if all are selected.
    pub(in crate::review) fn toggle_all(&mut self) {
        let all_on = self.off.len() == self.emptied.len();
        self.off = if all_on { self.records.clone() } else { self.emptied.clone() };
    }

    /// Returns the new texts of the selected captions.
    pub(in crate::review) fn into_selected(self) -> Texts {
        if self.off == self.emptied { self.after } else { self.after.among(&(self.records - self.off)) }
    }
}

/// Collects hits in file order.
#[derive(Debug, Default)]
pub struct HitsBuilder {
    hits: Hits,
    after: TextsBuilder,
}

impl HitsBuilder {
    /// Adds a caption of a later record.
    pub fn push(&mut self, record: RecordId, after: &str) {
        self.hits.records.insert(record.0);
        if text::is_blank(after) {
            self.hits.emptied.insert(record.0);
            self.hits.off.insert(record.0);
        } else {
            self.after.push(record, after);
        }
    }

    #[must_use]
    pub fn finish(self) -> Hits {
        Hits { after: self.after.finish(), ..self.hits }
    }
}
