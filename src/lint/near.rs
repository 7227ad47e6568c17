//! Which records have nearly the same caption, found without comparing each with each.
//!
//! Captions are alike when they share most runs of three words ("shingles"). For each caption the smallest of its shingles
//! under 32 hash functions is found; alike captions agree in many of those (Broder, "On the resemblance and containment of
//! documents", 1997). They are taken four at a time, as a band: captions that agree in a whole band are read again and
//! compared, so a hash alone never makes a finding. Two captions with four fifths of their shingles in common have no band
//! in common one time in seventy.
//!
//! A band costs four bytes a record. Where that would be more than [`MOST_BYTES`], there are several passes, each with some
//! of the bands.

use std::ops::Range;

use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::text::trim;

/// Words in a shingle.
const SHINGLE: usize = 3;
/// Fewest words of a caption that is looked at: of a short one, one other word makes another caption.
const FEWEST_WORDS: usize = 8;
/// Bands, and hash functions in each.
const BANDS: usize = 8;
const ROWS: usize = 4;
/// Shingles in common, of all that either has, from which captions are nearly the same: as numerator and denominator.
/// One word in thirty-six that is another leaves 31 of 37.
const ALIKE: (usize, usize) = (4, 5);
/// Records of a band that each is compared with. Where more agree, all of them are much alike.
const COMPARED: usize = 4;
/// Most bytes for bands at a time.
const MOST_BYTES: usize = 128 << 20;

/// The bands that one pass over the dataset finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearPass(Range<usize>);

impl NearPass {
    /// The passes needed for so many records.
    pub fn all(records: u32) -> impl Iterator<Item = Self> {
        Self::within(records, MOST_BYTES)
    }

    fn within(records: u32, bytes: usize) -> impl Iterator<Item = Self> {
        let columns = bytes / (size_of::<u32>() * records.max(1) as usize);
        // One column is for the records themselves.
        let bands = columns.saturating_sub(1).clamp(1, BANDS);
        (0..BANDS).step_by(bands).map(move |first| Self(first..(first + bands).min(BANDS)))
    }
}

/// A pass: takes every caption once.
#[derive(Debug)]
pub struct NearIndex {
    bands: Range<usize>,
    records: Vec<u32>,
    /// A column for each band, with an entry for each of `records`.
    hashes: Vec<Vec<u32>>,
}

impl NearIndex {
    /// Begins a pass.
    #[must_use]
    pub fn new(pass: NearPass) -> Self {
        Self { hashes: vec![Vec::new(); pass.0.len()], bands: pass.0, records: Vec::new() }
    }

    /// Takes in the caption of a record. Short ones are left aside.
    pub fn add(&mut self, record: RecordId, caption: &str) {
        let Some(shingles) = shingles(caption) else { return };
        self.records.push(record.0);
        for (band, column) in self.bands.clone().zip(&mut self.hashes) {
            column.push(band_hash(&shingles, band));
        }
    }

    /// Compares the captions that agree in a band, and adds those that are alike to `near`. `read` gets the caption of a
    /// record again.
    ///
    /// # Errors
    ///
    /// Those of `read`.
    pub fn finish<E>(
        self,
        near: &mut Near,
        mut read: impl FnMut(RecordId) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        for column in self.hashes {
            let mut band: Vec<(u32, u32)> = column.into_iter().zip(self.records.iter().copied()).collect();
            band.sort_unstable();
            for alike in band.chunk_by(|one, other| one.0 == other.0).filter(|alike| alike.len() > 1) {
                near.compare(alike, &mut read)?;
            }
        }
        near.pairs.sort_unstable();
        Ok(())
    }
}

/// The records with a caption that is nearly that of another.
#[derive(Clone, Debug, Default)]
pub struct Near {
    /// Those in `pairs`, to know them while they are not in order.
    found: RoaringBitmap,
    /// Each with its other, in order.
    pairs: Vec<(u32, u32)>,
}

impl Near {
    /// Another record with nearly the caption of `record`.
    #[must_use]
    pub fn other(&self, record: RecordId) -> Option<RecordId> {
        let at = self.pairs.binary_search_by_key(&record.0, |(record, _)| *record).ok()?;
        Some(RecordId(self.pairs[at].1))
    }

    /// Compares records that agree in a band, each with some of those before it.
    fn compare<E>(
        &mut self,
        alike: &[(u32, u32)],
        read: &mut impl FnMut(RecordId) -> Result<Option<String>, E>,
    ) -> Result<(), E> {
        let mut before: std::collections::VecDeque<(u32, String)> = std::collections::VecDeque::new();
        for &(_, record) in alike {
            let Some(caption) = read(RecordId(record))? else { continue };
            for (other, other_caption) in &before {
                if (!self.found.contains(record) || !self.found.contains(*other)) && are_near(&caption, other_caption) {
                    self.pair(record, *other);
                    self.pair(*other, record);
                }
            }
            before.push_back((record, caption));
            if before.len() > COMPARED {
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

/// Whether two captions are nearly, but not quite, the same. The same ones are told by
/// [`Duplicates`](super::Duplicates).
fn are_near(one: &str, other: &str) -> bool {
    let (Some(mut left), Some(mut right)) = (shingles(one), shingles(other)) else { return false };
    if trim(one) == trim(other) {
        return false;
    }
    for side in [&mut left, &mut right] {
        side.sort_unstable();
        side.dedup();
    }
    let common = left.iter().filter(|shingle| right.binary_search(shingle).is_ok()).count();
    let all = left.len() + right.len() - common;
    common * ALIKE.1 >= all * ALIKE.0
}

/// A hash of every run of [`SHINGLE`] words, without regard to case and punctuation; nothing for a short caption.
fn shingles(caption: &str) -> Option<Vec<u64>> {
    let words = word_hashes(caption);
    if words.len() < FEWEST_WORDS {
        return None;
    }
    let join = |words: &[u64]| words.iter().fold(0, |hash, word| mixed(hash ^ word));
    Some(words.windows(SHINGLE).map(join).collect())
}

/// A hash of every word. In scripts without spaces a letter is a word.
fn word_hashes(caption: &str) -> Vec<u64> {
    let mut words = Vec::new();
    let mut word = 0_u64;
    for character in caption.chars() {
        if matches!(character, '\u{e00}'..='\u{eff}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}') {
            words.extend((word != 0).then_some(word));
            words.push(mixed(u64::from(character)));
            word = 0;
        } else if character.is_alphanumeric() {
            for letter in character.to_lowercase() {
                word = mixed(word ^ u64::from(letter));
            }
        } else {
            words.extend((word != 0).then_some(word));
            word = 0;
        }
    }
    words.extend((word != 0).then_some(word));
    words
}

/// Mixes the bits of a number (the finaliser of `SplitMix64`).
const fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

/// The smallest shingles under the hash functions of a band, as one number.
fn band_hash(shingles: &[u64], band: usize) -> u32 {
    let functions = (band * ROWS..(band + 1) * ROWS).map(|function| mixed(function as u64) | 1);
    let smallest = functions.map(|factor| shingles.iter().map(|hash| hash.wrapping_mul(factor)).min().unwrap_or(0));
    let hash = smallest.fold(0, |hash, smallest| mixed(hash ^ smallest));
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    fn others(captions: &[String], bytes: usize) -> Vec<Option<usize>> {
        let count = u32::try_from(captions.len()).expect("few");
        let mut near = Near::default();
        for pass in NearPass::within(count, bytes) {
            let mut index = NearIndex::new(pass);
            for (record, caption) in (0..).map(RecordId).zip(captions) {
                index.add(record, caption);
            }
            let read = |record: RecordId| Ok::<_, Infallible>(Some(captions[record.index()].clone()));
            match index.finish(&mut near, read) {
                Ok(()) => {}
            }
        }
        (0..count).map(|record| near.other(RecordId(record)).map(RecordId::index)).collect()
    }

    fn numbered(words: usize, seed: usize) -> Vec<String> {
        (0..words).map(|word| format!("w{}", mixed((seed * 1_000 + word) as u64) % 5_000)).collect()
    }

    #[test]
    fn one_word_among_thirty_six_makes_no_other_caption_and_six_do() {
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
        for (record, other) in others(&captions, MOST_BYTES).into_iter().enumerate() {
            let expected = match record % 3 {
                0 => Some(record + 1),
                1 => Some(record - 1),
                _ => None,
            };
            assert_eq!(other, expected, "record {record}");
        }
    }

    #[test]
    fn case_and_punctuation_make_no_difference_but_the_same_caption_is_no_near_one() {
        let caption = "Young woman in a red coat, standing on a street.".to_owned();
        let other = "young woman in a red coat standing on a street".to_owned();
        assert_eq!(others(&[caption.clone(), other, caption.clone()], MOST_BYTES), [Some(1), Some(0), Some(1)]);
        assert_eq!(others(&[caption.clone(), caption], MOST_BYTES), [None, None]);
    }

    #[test]
    fn short_captions_are_left_aside() {
        let captions = ["a red coat on a wall".to_owned(), "A red coat on a wall.".to_owned()];
        assert_eq!(others(&captions, MOST_BYTES), [None, None]);
    }

    #[test]
    fn scripts_without_spaces_are_compared_by_letters() {
        let captions =
            ["赤いコートを着た女性が街に立っている。".to_owned(), "赤いコートを着た女性が街に立っている".to_owned()];
        assert_eq!(others(&captions, MOST_BYTES), [Some(1), Some(0)]);
    }

    #[test]
    fn many_records_take_several_passes_that_find_the_same() {
        let passes = |records| NearPass::all(records).map(|pass| pass.0).collect::<Vec<_>>();
        assert_eq!(passes(1_000_000).concat_len(), (8, 1));
        assert_eq!(passes(10_000_000).concat_len(), (8, 4));
        assert_eq!(passes(u32::MAX).concat_len(), (8, 8));
        let captions: Vec<String> =
            (0..20).map(|seed| numbered(30, seed / 2).join(if seed % 2 == 0 { " " } else { ", " })).collect();
        assert_eq!(others(&captions, 1), others(&captions, MOST_BYTES));
    }

    trait ConcatLen {
        /// How many bands there are in all, and how many passes.
        fn concat_len(&self) -> (usize, usize);
    }

    impl ConcatLen for Vec<Range<usize>> {
        fn concat_len(&self) -> (usize, usize) {
            (self.iter().map(Range::len).sum(), self.len())
        }
    }

    proptest! {
        #[test]
        fn only_captions_that_are_near_are_found(captions in prop::collection::vec("[ab]( [ab가赤]){7,12}", 0..20)) {
            for (record, other) in others(&captions, MOST_BYTES).into_iter().enumerate() {
                if let Some(other) = other {
                    prop_assert!(other != record && are_near(&captions[record], &captions[other]));
                }
            }
        }
    }
}
