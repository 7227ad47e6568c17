//! Finds near-duplicate captions with MinHash and locality-sensitive hashing (LSH), without comparing every pair.
//!
//! The similarity of two captions is the Jaccard similarity of their word trigrams ("shingles"). A MinHash signature of 32
//! hash functions estimates it (A. Broder, "On the resemblance and containment of documents", 1997). The signature is
//! split into 8 bands of 4 rows; captions with an equal band are candidates, which are re-read and compared exactly, so a
//! hash collision is never reported. Two captions with a similarity of 0.8 share no band with a probability of
//! (1 - 0.8⁴)⁸ = 1.5 %.
//!
//! A band takes four bytes per record. If all bands exceed [`MAX_BYTES`], they are spread over several passes.

use std::collections::VecDeque;
use std::ops::Range;

use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::text::trim;

/// The length of a shingle in words.
const SHINGLE_WORDS: usize = 3;
/// Shorter captions are skipped: a single different word makes them different captions.
const MIN_WORDS: usize = 8;
const BANDS: usize = 8;
/// Hash functions per band.
const ROWS: usize = 4;
/// The lowest Jaccard similarity of near-duplicates, as numerator and denominator. Captions of 36 words that differ in one
/// have 31 of 37 shingles in common.
const MIN_SIMILARITY: (usize, usize) = (4, 5);
/// The number of preceding records in its bucket that each record is compared with, which keeps large buckets from
/// costing quadratic time. The records in a large bucket are all alike anyway.
const MAX_COMPARISONS: usize = 4;
/// The memory limit of one pass.
const MAX_BYTES: usize = 128 << 20;

/// The bands that one pass over the dataset computes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearDuplicatePass(Range<usize>);

impl NearDuplicatePass {
    /// Returns the passes needed for `records` records.
    pub fn all(records: u32) -> impl Iterator<Item = Self> {
        Self::within(records, MAX_BYTES)
    }

    fn within(records: u32, bytes: usize) -> impl Iterator<Item = Self> {
        let columns = bytes / (size_of::<u32>() * records.max(1) as usize);
        // One column is for the record ids.
        let bands = columns.saturating_sub(1).clamp(1, BANDS);
        (0..BANDS).step_by(bands).map(move |first| Self(first..(first + bands).min(BANDS)))
    }
}

/// The MinHash bands of all captions, as far as one pass computes them.
#[derive(Debug)]
pub struct NearDuplicateIndex {
    bands: Range<usize>,
    records: Vec<u32>,
    /// One column per band, parallel to `records`.
    columns: Vec<Vec<u32>>,
}

impl NearDuplicateIndex {
    #[must_use]
    pub fn new(pass: NearDuplicatePass) -> Self {
        Self { columns: vec![Vec::new(); pass.0.len()], bands: pass.0, records: Vec::new() }
    }

    /// Adds the caption of a record. Captions shorter than `MIN_WORDS` are skipped.
    pub fn add(&mut self, record: RecordId, caption: &str) {
        let Some(shingles) = shingles(caption) else { return };
        self.records.push(record.0);
        for (band, column) in self.bands.clone().zip(&mut self.columns) {
            column.push(band_hash(&shingles, band));
        }
    }

    /// Compares the captions that share a band and adds the near-duplicates to `found`. Calls `read` to get a caption.
    ///
    /// # Errors
    ///
    /// Returns an error if `read` does.
    pub fn finish<E>(
        self,
        found: &mut NearDuplicates,
        mut read: impl FnMut(RecordId) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        for column in self.columns {
            let mut band: Vec<(u32, u32)> = column.into_iter().zip(self.records.iter().copied()).collect();
            band.sort_unstable();
            for bucket in band.chunk_by(|one, other| one.0 == other.0).filter(|bucket| bucket.len() > 1) {
                found.compare(bucket, &mut read)?;
            }
        }
        found.pairs.sort_unstable();
        Ok(())
    }
}

/// The records whose caption is nearly that of another record.
#[derive(Clone, Debug, Default)]
pub struct NearDuplicates {
    /// The records in `pairs`, for look-ups while `pairs` is unsorted.
    found: RoaringBitmap,
    /// Each record with its near-duplicate, sorted by record.
    pairs: Vec<(u32, u32)>,
}

impl NearDuplicates {
    /// Returns another record with nearly the same caption as `record`.
    #[must_use]
    pub fn other(&self, record: RecordId) -> Option<RecordId> {
        let at = self.pairs.binary_search_by_key(&record.0, |(record, _)| *record).ok()?;
        Some(RecordId(self.pairs[at].1))
    }

    /// Compares each record of a bucket with up to [`MAX_COMPARISONS`] records before it.
    fn compare<E>(
        &mut self,
        bucket: &[(u32, u32)],
        read: &mut impl FnMut(RecordId) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        let mut before: VecDeque<(u32, String)> = VecDeque::new();
        for &(_, record) in bucket {
            let Some(caption) = read(RecordId(record))? else { continue };
            for (other, other_caption) in &before {
                if (!self.found.contains(record) || !self.found.contains(*other))
                    && are_near_duplicates(&caption, other_caption)
                {
                    self.pair(record, *other);
                    self.pair(*other, record);
                }
            }
            before.push_back((record, caption));
            if before.len() > MAX_COMPARISONS {
                before.pop_front();
            }
        }
        Ok(())
    }

    fn pair(&mut self, record: u32, other: u32) {
        if self.found.insert(record) {
            self.pairs.push((record, other));
        }
    }
}

/// Returns true if two captions are similar but not equal. Equal ones are found by [`Duplicates`](super::Duplicates).
fn are_near_duplicates(one: &str, other: &str) -> bool {
    let (Some(mut left), Some(mut right)) = (shingles(one), shingles(other)) else { return false };
    if trim(one) == trim(other) {
        return false;
    }
    for side in [&mut left, &mut right] {
        side.sort_unstable();
        side.dedup();
    }
    let common = left.iter().filter(|shingle| right.binary_search(shingle).is_ok()).count();
    let union = left.len() + right.len() - common;
    common * MIN_SIMILARITY.1 >= union * MIN_SIMILARITY.0
}

/// Returns the hashes of all word n-grams of length [`SHINGLE_WORDS`], ignoring case and punctuation; `None` for a short
/// caption.
fn shingles(caption: &str) -> Option<Vec<u64>> {
    let words = word_hashes(caption);
    if words.len() < MIN_WORDS {
        return None;
    }
    let join = |words: &[u64]| words.iter().fold(0, |hash, word| mix(hash ^ word));
    Some(words.windows(SHINGLE_WORDS).map(join).collect())
}

/// Returns a hash of every word. In scripts without spaces, each character is a word.
fn word_hashes(caption: &str) -> Vec<u64> {
    let mut words = Vec::new();
    let mut word = 0_u64;
    for character in caption.chars() {
        if matches!(character, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}') {
            words.extend((word != 0).then_some(word));
            words.push(mix(u64::from(character)));
            word = 0;
        } else if character.is_alphanumeric() {
            for letter in character.to_lowercase() {
                word = mix(word ^ u64::from(letter));
            }
        } else {
            words.extend((word != 0).then_some(word));
            word = 0;
        }
    }
    words.extend((word != 0).then_some(word));
    words
}

/// The `SplitMix64` finalizer.
const fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// Hashes the rows of a band: for each of its hash functions, the minimum over all shingles.
fn band_hash(shingles: &[u64], band: usize) -> u32 {
    let functions = (band * ROWS..(band + 1) * ROWS).map(|function| mix(function as u64) | 1);
    let minima = functions.map(|factor| shingles.iter().map(|hash| hash.wrapping_mul(factor)).min().unwrap_or(0));
    let hash = minima.fold(0, |hash, minimum| mix(hash ^ minimum));
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn others(captions: &[String], bytes: usize) -> Vec<Option<usize>> {
        let count = u32::try_from(captions.len()).expect("few");
        let mut found = NearDuplicates::default();
        for pass in NearDuplicatePass::within(count, bytes) {
            let mut index = NearDuplicateIndex::new(pass);
            for (record, caption) in (0..).map(RecordId).zip(captions) {
                index.add(record, caption);
            }
            let read = |record: RecordId| Ok::<_, Infallible>(Some(captions[record.index()].clone()));
            match index.finish(&mut found, read) {
                Ok(()) => {}
            }
        }
        (0..count).map(|record| found.other(RecordId(record)).map(RecordId::index)).collect()
    }

    fn numbered(words: usize, seed: usize) -> Vec<String> {
        (0..words).map(|word| format!("w{}", mix((seed * 1_000 + word) as u64) % 5_000)).collect()
    }

    #[test]
    fn one_different_word_of_36_is_near_and_six_are_not() {
        let mut captions = Vec::new();
        for seed in 0..60 {
            let words = numbered(36, seed);
            let mut one = words.clone();
            one[seed % 36] = "other".to_owned();
            let mut six = words.clone();
            for word in six.iter_mut().step_by(6) {
                *word = "other".to_owned();
            }
            captions.extend([words, one, six].map(|words| words.join(" ")));
        }
        for (record, other) in others(&captions, MAX_BYTES).into_iter().enumerate() {
            let expected = match record % 3 {
                0 => Some(record + 1),
                1 => Some(record - 1),
                _ => None,
            };
            assert_eq!(other, expected, "record {record}");
        }
    }

    #[test]
    fn case_and_punctuation_are_ignored_and_equal_captions_are_not_near() {
        let caption = "Young woman in a red coat, standing on a street.".to_owned();
        let other = "young woman in a red coat standing on a street".to_owned();
        assert_eq!(others(&[caption.clone(), other, caption.clone()], MAX_BYTES), [Some(1), Some(0), Some(1)]);
        assert_eq!(others(&[caption.clone(), caption], MAX_BYTES), [None, None]);
    }

    #[test]
    fn short_captions_are_skipped() {
        let captions = ["a red coat on a wall".to_owned(), "A red coat on a wall.".to_owned()];
        assert_eq!(others(&captions, MAX_BYTES), [None, None]);
    }

    #[test]
    fn scripts_without_spaces_are_compared_by_characters() {
        let captions =
            ["赤いコートを着た女性が街に立っている。".to_owned(), "赤いコートを着た女性が街に立っている".to_owned()];
        assert_eq!(others(&captions, MAX_BYTES), [Some(1), Some(0)]);
    }

    #[test]
    fn several_passes_find_the_same_as_one() {
        let bands_and_passes = |records| {
            let bands: Vec<usize> = NearDuplicatePass::all(records).map(|pass| pass.0.len()).collect();
            (bands.iter().sum::<usize>(), bands.len())
        };
        assert_eq!(bands_and_passes(1_000_000), (8, 1));
        assert_eq!(bands_and_passes(10_000_000), (8, 4));
        assert_eq!(bands_and_passes(u32::MAX), (8, 8));
        let captions: Vec<String> =
            (0..20).map(|seed| numbered(30, seed / 2).join(if seed % 2 == 0 { " " } else { ", " })).collect();
        assert_eq!(others(&captions, 1), others(&captions, MAX_BYTES));
    }

    proptest! {
        #[test]
        fn every_result_is_a_near_duplicate(captions in prop::collection::vec("[ab]( [ab가赤]){7,12}", 0..20)) {
            for (record, other) in others(&captions, MAX_BYTES).into_iter().enumerate() {
                if let Some(other) = other {
                    prop_assert!(other != record && are_near_duplicates(&captions[record], &captions[other]));
                }
            }
        }
    }
}
