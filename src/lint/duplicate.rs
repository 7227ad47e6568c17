//! Finds records with identical captions in bounded memory.
//!
//! This takes two passes over the dataset. The first adds every caption to a [`DuplicateIndex`], which stores 12 bytes: a
//! 64-bit hash and the record id. [`DuplicateIndex::finish`] drops every hash that occurs only once, which is nearly all
//! of them. The second pass re-reads the captions with equal hashes and compares the text, so a hash collision is never
//! reported.

use twox_hash::XxHash3_128;

use crate::dataset::RecordId;
use crate::text::trim;

/// A hash and a record id. The hash is two `u32` because alignment would pad `(u64, u32)` to 16 bytes.
type HashedCaption = ([u32; 2], u32);

/// Collects the hashes of all captions in the first pass.
#[derive(Clone, Debug, Default)]
pub struct DuplicateIndex {
    entries: Vec<HashedCaption>,
}

impl DuplicateIndex {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the caption of a record, ignoring leading and trailing whitespace. Empty captions are skipped.
    pub fn add(&mut self, record: RecordId, caption: &str) {
        if !trim(caption).is_empty() {
            self.entries.push((hash(caption), record.0));
        }
    }

    /// Keeps the hashes that occur more than once.
    #[must_use]
    pub fn finish(mut self) -> Duplicates {
        self.entries.sort_unstable();
        let candidates = self
            .entries
            .chunk_by(|one, other| one.0 == other.0)
            .filter(|same| same.len() > 1)
            .flatten()
            .copied()
            .collect();
        Duplicates { candidates }
    }
}

/// The records whose captions share a hash, for the second pass.
#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    /// Sorted by hash, then by record.
    candidates: Vec<HashedCaption>,
}

impl Duplicates {
    /// Returns the first other record with the same caption as `record`. Calls `read` to get the caption of each record
    /// with the same hash.
    ///
    /// # Errors
    ///
    /// Returns an error if `read` does.
    pub fn other<E>(
        &self,
        record: RecordId,
        caption: &str,
        mut read: impl FnMut(RecordId) -> Result<Option<String>, E>,
    ) -> Result<Option<RecordId>, E> {
        let hash = hash(caption);
        let start = self.candidates.partition_point(|entry| entry.0 < hash);
        for &(_, other) in self.candidates[start..].iter().take_while(|entry| entry.0 == hash) {
            let other = RecordId(other);
            if other != record && read(other)?.is_some_and(|text| trim(&text) == trim(caption)) {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }
}

/// Returns a 64-bit hash of the trimmed caption, high half first.
fn hash(caption: &str) -> [u32; 2] {
    let hash = XxHash3_128::oneshot(trim(caption).as_bytes());
    let half = |shift: u32| u32::try_from((hash >> shift) & u128::from(u32::MAX)).expect("32 bits were kept");
    [half(32), half(0)]
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// Returns the result of the second pass for every record, and the number of captions it re-read.
    fn others(captions: &[String]) -> (Vec<Option<usize>>, usize) {
        let mut index = DuplicateIndex::new();
        let records = || (0..).map(RecordId).zip(captions);
        for (record, caption) in records() {
            index.add(record, caption);
        }
        let duplicates = index.finish();
        let reads = Cell::new(0);
        let read = |record: RecordId| {
            reads.set(reads.get() + 1);
            Ok::<_, Infallible>(Some(captions[record.index()].clone()))
        };
        let found = records().map(|(record, caption)| match duplicates.other(record, caption, read) {
            Ok(other) => other.map(RecordId::index),
        });
        (found.collect(), reads.get())
    }

    fn captions(of: &[&str]) -> Vec<String> {
        of.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_duplicate_names_the_first_other_record() {
        let (others, _) = others(&captions(&["coat", "hat", " coat\n", "coat", "", " "]));
        assert_eq!(others, [Some(2), None, Some(0), Some(0), None, None]);
    }

    #[test]
    fn unique_captions_are_not_read_again() {
        assert_eq!(others(&captions(&["coat", "hat", "shoe"])), (vec![None, None, None], 0));
    }

    #[test]
    fn equal_hashes_are_confirmed_by_the_text() {
        let mut index = DuplicateIndex::new();
        index.add(RecordId(0), "coat");
        index.add(RecordId(1), "coat");
        let changed = |_| Ok::<_, Infallible>(Some("hat".to_owned()));
        assert_eq!(index.finish().other(RecordId(0), "coat", changed), Ok(None));
    }

    #[test]
    fn read_errors_are_returned() {
        let mut index = DuplicateIndex::new();
        index.add(RecordId(0), "coat");
        index.add(RecordId(1), "coat");
        assert_eq!(index.finish().other(RecordId(0), "coat", |_| Err("gone")), Err("gone"));
    }

    #[test]
    fn an_entry_takes_twelve_bytes() {
        assert_eq!(size_of::<HashedCaption>(), 12);
    }

    proptest! {
        #[test]
        fn the_result_equals_that_of_comparing_every_pair(captions in prop::collection::vec("[ab ]{0,2}", 0..20)) {
            let naive: Vec<Option<usize>> = captions
                .iter()
                .enumerate()
                .map(|(at, caption)| {
                    let same = |other: &String| !other.trim().is_empty() && other.trim() == caption.trim();
                    captions.iter().enumerate().find(|(other, text)| *other != at && same(text)).map(|(other, _)| other)
                })
                .collect();
            prop_assert_eq!(others(&captions).0, naive);
        }
    }
}
