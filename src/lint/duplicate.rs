//! Finds records with identical captions.
//!
//! A [`DuplicateIndex`] stores 16 bytes for each caption: 96 bits of its hash, and the record. The probability that two
//! different captions among ten million have the same hash is 10⁻¹⁵.

use std::ops::Range;

use twox_hash::XxHash3_128;

use crate::dataset::RecordId;
use crate::text::trim;

/// A hash of a caption without leading and trailing whitespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CaptionHash([u32; 3]);

impl CaptionHash {
    /// Returns `None` for an empty caption, which is no duplicate.
    #[must_use]
    pub fn of(caption: &str) -> Option<Self> {
        let caption = trim(caption);
        let hash = XxHash3_128::oneshot(caption.as_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "a part of a hash")]
        let parts = [0, 32, 64].map(|shift| (hash >> shift) as u32);
        (!caption.is_empty()).then_some(Self(parts))
    }
}

/// The hashes of all captions.
#[derive(Clone, Debug, Default)]
pub struct DuplicateIndex {
    entries: Vec<(CaptionHash, u32)>,
}

impl Extend<(RecordId, CaptionHash)> for DuplicateIndex {
    fn extend<T: IntoIterator<Item = (RecordId, CaptionHash)>>(&mut self, captions: T) {
        self.entries.extend(captions.into_iter().map(|(record, caption)| (caption, record.0)));
    }
}

impl DuplicateIndex {
    /// Keeps the captions that occur more than once.
    #[must_use]
    pub fn finish(mut self) -> Duplicates {
        self.entries.sort_unstable();
        let mut found = Duplicates::default();
        for same in self.entries.chunk_by(|one, other| one.0 == other.0).filter(|same| same.len() > 1) {
            let start = found.members.len();
            found.members.extend(same.iter().map(|(_, record)| RecordId(*record)));
            // Fits, because records do.
            let group = u32::try_from(found.groups.len()).unwrap_or(u32::MAX);
            found.places.extend(same.iter().map(|(_, record)| (RecordId(*record), group)));
            found.groups.push(start..found.members.len());
        }
        found.places.sort_unstable();
        found
    }
}

/// The records that share their caption with others.
#[derive(Clone, Debug, Default)]
pub struct Duplicates {
    /// The records of each group, in order.
    members: Vec<RecordId>,
    /// The place of each group in `members`.
    groups: Vec<Range<usize>>,
    /// Each record with its group, sorted by record.
    places: Vec<(RecordId, u32)>,
}

impl Duplicates {
    /// Returns the records with the same caption, itself included, in order; none if only this one has it.
    #[must_use]
    pub fn group(&self, record: RecordId) -> &[RecordId] {
        let place = self.places.binary_search_by_key(&record, |(record, _)| *record);
        place.map_or(&[], |place| &self.members[self.groups[self.places[place].1 as usize].clone()])
    }

    /// Returns the records of each caption, in order.
    pub fn groups(&self) -> impl Iterator<Item = &[RecordId]> {
        self.groups.iter().map(|group| &self.members[group.clone()])
    }

    /// Returns true if an earlier record has the same caption.
    #[must_use]
    pub fn is_repeat(&self, record: RecordId) -> bool {
        self.group(record).first().is_some_and(|first| *first != record)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn duplicates(captions: &[&str]) -> Duplicates {
        let mut index = DuplicateIndex::default();
        for (record, caption) in (0..).map(RecordId).zip(captions) {
            index.extend(CaptionHash::of(caption).map(|hash| (record, hash)));
        }
        index.finish()
    }

    #[test]
    fn the_records_with_one_caption_are_a_group() {
        let captions = ["coat", "hat", " coat\n", "coat", "", " "];
        let duplicates = duplicates(&captions);
        let groups: Vec<_> = (0..6).map(|record| duplicates.group(RecordId(record))).collect();
        let coats = [0, 2, 3].map(RecordId);
        assert_eq!(groups, [&coats[..], &[], &coats, &coats, &[], &[]]);
        let repeats: Vec<_> = (0..6).filter(|record| duplicates.is_repeat(RecordId(*record))).collect();
        assert_eq!(repeats, [2, 3]);
    }

    #[test]
    fn an_entry_takes_sixteen_bytes() {
        assert_eq!(size_of::<(CaptionHash, u32)>(), 16);
    }

    proptest! {
        #[test]
        fn the_result_equals_that_of_comparing_every_pair(captions in prop::collection::vec("[ab ]{0,2}", 0..20)) {
            let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
            let duplicates = duplicates(&captions);
            for (at, caption) in captions.iter().enumerate() {
                let same = |other: &usize| !caption.trim().is_empty() && captions[*other].trim() == caption.trim();
                let group: Vec<usize> = (0..captions.len()).filter(same).collect();
                let group = if group.len() > 1 { group } else { Vec::new() };
                let record = RecordId(u32::try_from(at).unwrap());
                let found: Vec<usize> = duplicates.group(record).iter().map(|record| record.index()).collect();
                prop_assert_eq!(&found, &group);
                prop_assert_eq!(duplicates.is_repeat(record), group.first().is_some_and(|first| *first < at));
            }
        }
    }
}
