//! Which records share a caption, found in bounded memory.
//!
//! Two passes over the dataset: the first gives every caption to a [`DuplicateIndex`], which keeps a hash and the
//! record, 12 bytes in all; [`DuplicateIndex::finish`] then forgets every caption whose hash is its own, which is nearly
//! all of them. In the second pass, records of equal hash are compared by their text, read again from the dataset: a
//! hash alone never makes a finding.

use twox_hash::XxHash3_128;

use crate::dataset::RecordId;
use crate::text::trim;

/// What the first pass remembers of a caption: its hash, then its record. Kept apart from `u64` so that an entry
/// takes 12 bytes and not 16.
type Entry = ([u32; 2], u32);

/// The first pass: every caption, once.
#[derive(Clone, Debug, Default)]
pub struct DuplicateIndex {
    entries: Vec<Entry>,
}

impl DuplicateIndex {
    /// An index without captions.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the caption of a record. Whitespace at its ends makes no difference; an empty one is left aside.
    pub fn add(&mut self, record: RecordId, caption: &str) {
        if !trim(caption).is_empty() {
            self.entries.push((hash(caption), record.0));
        }
    }

    /// Keeps the captions that may have a twin.
    #[must_use]
    pub fn finish(mut self) -> Duplicates {
        self.entries.sort_unstable();
        let twins = self
            .entries
            .chunk_by(|one, other| one.0 == other.0)
            .filter(|same| same.len() > 1)
            .flatten()
            .copied()
            .collect();
        Duplicates { twins }
    }
}

/// The captions that may have a twin, for the second pass.
#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    /// In order of hash, then record.
    twins: Vec<Entry>,
}

impl Duplicates {
    /// The first other record with the same caption as `record`. `read` gets the caption of a record that may be one; it
    /// is not called for a caption without a twin.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub fn other<E>(
        &self,
        record: RecordId,
        caption: &str,
        mut read: impl FnMut(RecordId) -> Result<Option<String>, E>,
    ) -> Result<Option<RecordId>, E> {
        let hash = hash(caption);
        let start = self.twins.partition_point(|entry| entry.0 < hash);
        for &(_, other) in self.twins[start..].iter().take_while(|entry| entry.0 == hash) {
            let other = RecordId(other);
            if other != record && read(other)?.is_some_and(|text| trim(&text) == trim(caption)) {
                return Ok(Some(other));
            }
        }
        Ok(None)
    }
}

/// 64 bits, high half first, of the caption without whitespace at its ends.
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

    /// What the second pass says of every record, and how many captions it read again.
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
    fn each_of_a_group_names_the_first_other() {
        let (others, _) = others(&captions(&["coat", "hat", " coat\n", "coat", "", " "]));
        assert_eq!(others, [Some(2), None, Some(0), Some(0), None, None]);
    }

    #[test]
    fn nothing_is_read_again_where_nothing_is_the_same() {
        assert_eq!(others(&captions(&["coat", "hat", "shoe"])), (vec![None, None, None], 0));
    }

    #[test]
    fn the_same_hash_is_not_enough() {
        let mut index = DuplicateIndex::new();
        index.add(RecordId(0), "coat");
        index.add(RecordId(1), "coat");
        let changed = |_| Ok::<_, Infallible>(Some("hat".to_owned()));
        assert_eq!(index.finish().other(RecordId(0), "coat", changed), Ok(None));
    }

    #[test]
    fn a_caption_that_cannot_be_read_again_is_an_error_and_not_a_guess() {
        let mut index = DuplicateIndex::new();
        index.add(RecordId(0), "coat");
        index.add(RecordId(1), "coat");
        assert_eq!(index.finish().other(RecordId(0), "coat", |_| Err("gone")), Err("gone"));
    }

    #[test]
    fn a_caption_costs_twelve_bytes() {
        assert_eq!(size_of::<Entry>(), 12);
    }

    proptest! {
        #[test]
        fn it_finds_what_comparing_every_pair_finds(captions in prop::collection::vec("[ab ]{0,2}", 0..20)) {
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
