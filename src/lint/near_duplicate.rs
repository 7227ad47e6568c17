//! Finds near-duplicate captions with MinHash and locality-sensitive hashing (LSH), without comparing every pair.
//!
//! The similarity of two captions is the Jaccard similarity of their word trigrams ("shingles"). A MinHash signature of 64
//! hash functions estimates it (A. Broder, "On the resemblance and containment of documents", 1997), of which a
//! [`Sketch`] keeps eight bits each (P. Li and A. C. König, "b-Bit Minwise Hashing", 2010). Half of the signature is split
//! into 8 bands of 4 rows. Captions that share a band and most of their sketch are candidates, which are read again and
//! compared exactly, so a hash collision is never reported. Of the pairs with a similarity of 0.8, 3 % are missed: 1.5 %
//! share no band ((1 - 0.8⁴)⁸), and 2 % of the others have less of their sketch in common.
//!
//! Linear time, whatever the captions: each record is compared with few neighbours in each band. Takes 81 bytes a record.

use std::collections::VecDeque;

use crate::dataset::RecordId;
use crate::parallel::{self, Beside};

/// The length of a shingle in words.
const SHINGLE_WORDS: usize = 3;
/// Shorter captions are skipped: a single different word makes them different captions.
const MIN_WORDS: usize = 8;
/// The hash functions of a signature.
const FUNCTIONS: usize = 64;
const BANDS: usize = 8;
/// Hash functions per band.
const ROWS: usize = 4;
/// The lowest Jaccard similarity of near-duplicates, as numerator and denominator. Captions of 36 words that differ in one
/// have 31 of 37 shingles in common.
const MIN_SIMILARITY: (usize, usize) = (4, 5);
/// The least number of equal bytes in the sketches of candidates. Two captions that share a band have 52 on average if their
/// similarity is 0.8, and 36 if it is 0.54, as that of captions of 12 words made from one template.
const MIN_EQUAL: u8 = 46;
/// The number of preceding records in its bucket that the sketch of each record is compared with, which keeps large buckets
/// from costing quadratic time. The records in a large bucket are all alike anyway.
const MAX_COMPARISONS: usize = 8;
/// The number of records that a thread compares at a time. A larger bucket is split.
const PART: usize = if cfg!(test) { 256 } else { 1 << 16 };

/// Eight bits of each hash of a MinHash signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sketch([u8; FUNCTIONS]);

impl Sketch {
    /// Returns `None` for a short caption, which is no near-duplicate.
    #[must_use]
    pub fn of(caption: &str) -> Option<Self> {
        let mut minima = [u32::MAX; FUNCTIONS];
        for shingle in shingles(caption)? {
            let hash = (shingle >> 32) as u32;
            // In a form that compilers vectorize.
            for (minimum, factor) in minima.iter_mut().zip(&FACTORS) {
                *minimum = (*minimum).min(hash.wrapping_mul(*factor));
            }
        }
        // Mixed, because the upper bits of minima are zero.
        Some(Self(minima.map(|minimum| mix(minimum.into()).to_le_bytes()[0])))
    }

    /// Returns the rows of a band.
    fn band(&self, band: usize) -> u32 {
        self.0[band * ROWS..(band + 1) * ROWS].iter().fold(0, |rows, row| rows << 8 | u32::from(*row))
    }

    /// Returns the number of equal bytes.
    fn equal(&self, other: &Self) -> u8 {
        self.0.iter().zip(&other.0).map(|(one, other)| u8::from(one == other)).sum()
    }
}

const FACTORS: [u32; FUNCTIONS] = {
    let mut factors = [0; FUNCTIONS];
    let mut function = 0;
    while function < FUNCTIONS {
        factors[function] = (mix(function as u64) >> 32) as u32 | 1;
        function += 1;
    }
    factors
};

/// The sketches of all captions.
#[derive(Debug, Default)]
pub struct NearDuplicateIndex {
    records: Vec<RecordId>,
    /// Parallel to `records`.
    sketches: Vec<Sketch>,
}

impl Extend<(RecordId, Sketch)> for NearDuplicateIndex {
    fn extend<T: IntoIterator<Item = (RecordId, Sketch)>>(&mut self, captions: T) {
        for (record, sketch) in captions {
            self.records.push(record);
            self.sketches.push(sketch);
        }
    }
}

impl NearDuplicateIndex {
    /// Finds the near-duplicates, on all processors. Leaves out the records that `is_left_out` is true for: those whose
    /// caption equals another. Calls `read` to get a caption. The result does not depend on the number of processors.
    ///
    /// # Errors
    ///
    /// Returns an error if `read` does.
    pub fn finish<E: Send>(
        &self,
        is_left_out: impl Fn(RecordId) -> bool,
        read: impl Fn(RecordId) -> Result<Option<String>, E> + Sync,
    ) -> Result<NearDuplicates, E> {
        let mut pairs = Vec::new();
        let mut is_found = vec![false; self.records.len()];
        let rows = (0_u32..).zip(&self.records).filter(|(_, record)| !is_left_out(**record));
        let rows: Vec<u32> = rows.map(|(row, _)| row).collect();
        for band in 0..BANDS {
            // The band in the upper half, the row in the lower.
            let key = |row: &u32| u64::from(self.sketches[*row as usize].band(band)) << 32 | u64::from(*row);
            let mut entries: Vec<u64> = rows.iter().map(key).collect();
            entries.sort_unstable();
            let parts: Vec<&[u64]> = entries.chunks(PART).collect();
            let mut found = Vec::new();
            // A row is in one part only, so what is found in one does not matter to another.
            let compare = |part: usize| self.compare(parts[part], &is_found, &read);
            parallel::in_order(parts.len(), Beside::Nothing, compare, |part| part.map(|part| found.extend(part)))?;
            for (one, other) in found {
                for (row, other) in [(one, other), (other, one)] {
                    if !std::mem::replace(&mut is_found[row], true) {
                        pairs.push((self.records[row], self.records[other]));
                    }
                }
            }
        }
        pairs.sort_unstable();
        Ok(NearDuplicates { pairs })
    }

    /// Compares the rows of each bucket. Returns pairs of near-duplicates of which at least one is new.
    fn compare<E>(
        &self,
        part: &[u64],
        is_found: &[bool],
        read: &impl Fn(RecordId) -> Result<Option<String>, E>,
    ) -> Result<Vec<(usize, usize)>, E> {
        let mut pairs = Vec::new();
        let mut texts = Texts { read, recent: VecDeque::new() };
        for bucket in part.chunk_by(|one, other| one >> 32 == other >> 32).filter(|bucket| bucket.len() > 1) {
            #[expect(clippy::cast_possible_truncation, reason = "the lower half is the row")]
            let rows: Vec<usize> = bucket.iter().map(|entry| *entry as u32 as usize).collect();
            let mut is_found: Vec<bool> = rows.iter().map(|row| is_found[*row]).collect();
            for at in 1..rows.len() {
                let before = at.saturating_sub(MAX_COMPARISONS)..at;
                let candidates = before.filter(|other| !(is_found[at] && is_found[*other]));
                let sketch = &self.sketches[rows[at]];
                let best = candidates.map(|other| (sketch.equal(&self.sketches[rows[other]]), other)).max();
                let Some((_, other)) = best.filter(|(equal, _)| *equal >= MIN_EQUAL) else { continue };
                if texts.are_near_duplicates(self.records[rows[at]], self.records[rows[other]])? {
                    (is_found[at], is_found[other]) = (true, true);
                    pairs.push((rows[at], rows[other]));
                }
            }
        }
        Ok(pairs)
    }
}

/// The shingles of the captions read last, sorted and without repeats.
struct Texts<'a, F> {
    read: &'a F,
    recent: VecDeque<(RecordId, Vec<u64>)>,
}

impl<F> Texts<'_, F> {
    fn are_near_duplicates<E>(&mut self, one: RecordId, other: RecordId) -> Result<bool, E>
    where
        F: Fn(RecordId) -> Result<Option<String>, E>,
    {
        let (one, other) = (self.take(one)?, self.take(other)?);
        let are_similar = are_similar(&one.1, &other.1);
        self.recent.extend([other, one]);
        while self.recent.len() > MAX_COMPARISONS {
            self.recent.pop_front();
        }
        Ok(are_similar)
    }

    fn take<E>(&mut self, record: RecordId) -> Result<(RecordId, Vec<u64>), E>
    where
        F: Fn(RecordId) -> Result<Option<String>, E>,
    {
        if let Some(at) = self.recent.iter().position(|(known, _)| *known == record) {
            return Ok(self.recent.remove(at).unwrap_or((record, Vec::new())));
        }
        let mut shingles = (self.read)(record)?.as_deref().and_then(shingles).unwrap_or_default();
        shingles.sort_unstable();
        shingles.dedup();
        Ok((record, shingles))
    }
}

/// The records whose caption is nearly that of another record.
#[derive(Clone, Debug, Default)]
pub struct NearDuplicates {
    /// Each record with its near-duplicate, sorted by record.
    pairs: Vec<(RecordId, RecordId)>,
}

impl NearDuplicates {
    /// Returns another record with nearly the same caption as `record`.
    #[must_use]
    pub fn other(&self, record: RecordId) -> Option<RecordId> {
        let at = self.pairs.binary_search_by_key(&record, |(record, _)| *record).ok()?;
        Some(self.pairs[at].1)
    }
}

/// Returns true if two sets of shingles are similar. Both are sorted; neither is empty.
fn are_similar(one: &[u64], other: &[u64]) -> bool {
    let common = one.iter().filter(|shingle| other.binary_search(shingle).is_ok()).count();
    let union = one.len() + other.len() - common;
    common > 0 && common * MIN_SIMILARITY.1 >= union * MIN_SIMILARITY.0
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
    let add = |word: u64, letter: char| (word ^ u64::from(letter)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for character in caption.chars() {
        if character.is_ascii_alphanumeric() {
            word = add(word, character.to_ascii_lowercase());
        } else if matches!(character, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}') {
            words.extend((word != 0).then_some(word));
            words.push(add(0, character));
            word = 0;
        } else if !character.is_ascii() && character.is_alphanumeric() {
            word = character.to_lowercase().fold(word, add);
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::convert::Infallible;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use proptest::prelude::*;

    use super::*;

    /// Returns the near-duplicate of each caption, and the number of captions that were read again.
    fn found(captions: &[String]) -> (Vec<Option<usize>>, usize) {
        let mut index = NearDuplicateIndex::default();
        for (record, caption) in (0..).map(RecordId).zip(captions) {
            index.extend(Sketch::of(caption).map(|sketch| (record, sketch)));
        }
        let mut seen = HashSet::new();
        let repeats: Vec<bool> = captions.iter().map(|caption| !seen.insert(caption.trim())).collect();
        let reads = AtomicUsize::new(0);
        let read = |record: RecordId| {
            reads.fetch_add(1, Ordering::Relaxed);
            Ok::<_, Infallible>(Some(captions[record.index()].clone()))
        };
        let Ok(near) = index.finish(|record| repeats[record.index()], read);
        let others = (0..).map(RecordId).take(captions.len());
        (others.map(|record| near.other(record).map(RecordId::index)).collect(), reads.into_inner())
    }

    fn others(captions: &[String]) -> Vec<Option<usize>> {
        found(captions).0
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
        for (record, other) in others(&captions).into_iter().enumerate() {
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
        assert_eq!(others(&[caption.clone(), other, caption.clone()]), [Some(1), Some(0), None]);
        assert_eq!(others(&[caption.clone(), caption]), [None, None]);
    }

    #[test]
    fn short_captions_are_skipped() {
        let captions = ["a red coat on a wall".to_owned(), "A red coat on a wall.".to_owned()];
        assert_eq!(others(&captions), [None, None]);
    }

    #[test]
    fn scripts_without_spaces_are_compared_by_characters() {
        let captions =
            ["赤いコートを着た女性が街に立っている。".to_owned(), "赤いコートを着た女性が街に立っている".to_owned()];
        assert_eq!(others(&captions), [Some(1), Some(0)]);
    }

    /// Captions of one template share bands with all others, but are not near-duplicates.
    #[test]
    fn captions_of_one_template_are_rarely_read_again() {
        let caption = |number| format!("A person in a blue coat number {number} stands in a quiet street.");
        let captions: Vec<String> = (0..1_000).map(caption).collect();
        let (others, reads) = found(&captions);
        assert_eq!(others.iter().flatten().count(), 0);
        assert!(reads < captions.len() * 2, "{reads}");
    }

    /// A bucket of more records than a thread compares at a time.
    #[test]
    fn each_of_many_alike_is_read_about_once() {
        let words = numbered(40, 0).join(" ");
        let captions: Vec<String> = (0..PART * 4 + 10).map(|number| format!("{words} {number}")).collect();
        let (others, reads) = found(&captions);
        assert!(others.iter().all(Option::is_some));
        assert!(reads < captions.len() * 3 / 2, "{reads}");
    }

    proptest! {
        #[test]
        fn every_result_is_a_near_duplicate(captions in prop::collection::vec("[ab]( [ab가赤]){7,12}", 0..20)) {
            let set = |caption: &str| {
                let mut shingles = shingles(caption).unwrap_or_default();
                shingles.sort_unstable();
                shingles.dedup();
                shingles
            };
            for (record, other) in others(&captions).into_iter().enumerate() {
                if let Some(other) = other {
                    prop_assert!(other != record && captions[record] != captions[other]);
                    prop_assert!(are_similar(&set(&captions[record]), &set(&captions[other])));
                }
            }
        }
    }
}
