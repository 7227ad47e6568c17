//! The texts of many records, compressed in blocks: a bulk change keeps them like this in memory and in the session.

use std::borrow::Cow;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::dataset::RecordId;

/// Bytes of text in a block: enough for LZ4 to find repetitions, few enough to decompress for a single text.
const BLOCK: usize = 32 * 1024;
/// LZ4 cannot compress further than this, so a block that claims more is damaged.
const MAX_RATIO: usize = 255;
const LENGTH_BYTES: usize = size_of::<u32>();

thread_local! {
    /// The block decompressed last: texts are mostly read in order.
    static LAST: RefCell<Option<(Arc<Block>, Rc<Unpacked>)>> = const { RefCell::new(None) };
}

/// A text for each of many records, in file order. Clones share the blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts {
    records: RoaringBitmap,
    blocks: Vec<Arc<Block>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Block {
    /// In file order; at least one.
    records: Box<[RecordId]>,
    packed: Box<[u8]>,
}

/// The texts of a block, one after the other.
#[derive(Debug, Default)]
struct Unpacked {
    /// The end of each text.
    ends: Vec<usize>,
    text: String,
}

impl Unpacked {
    /// Decompresses a block of `count` texts. Returns `None` if it is damaged.
    fn of(packed: &[u8], count: usize) -> Option<Self> {
        let (size, rest) = lz4_flex::block::uncompressed_size(packed).ok()?;
        let lengths = count.checked_mul(LENGTH_BYTES)?;
        if size > packed.len().saturating_mul(MAX_RATIO) || size < lengths {
            return None;
        }
        // A damaged block may end before the size that it claims.
        let mut bytes = lz4_flex::block::decompress(rest, size).ok().filter(|bytes| bytes.len() == size)?;
        let text = bytes.split_off(lengths);
        let mut end = 0_usize;
        let mut ends = Vec::with_capacity(count);
        for length in bytes.as_chunks::<LENGTH_BYTES>().0 {
            end = end.checked_add(u32::from_le_bytes(*length) as usize)?;
            ends.push(end);
        }
        let text = String::from_utf8(text).ok()?;
        let is_whole = ends.last().copied().unwrap_or_default() == text.len();
        (is_whole && ends.iter().all(|end| text.is_char_boundary(*end))).then_some(Self { ends, text })
    }

    fn get(&self, place: usize) -> &str {
        let start = place.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[place]]
    }
}

impl Block {
    fn unpack(self: &Arc<Self>) -> Rc<Unpacked> {
        LAST.with_borrow_mut(|last| {
            if let Some((block, unpacked)) = last
                && Arc::ptr_eq(block, self)
            {
                return Rc::clone(unpacked);
            }
            // Blocks are checked when they are read.
            let unpacked = Rc::new(Unpacked::of(&self.packed, self.records.len()).unwrap_or_default());
            *last = Some((Arc::clone(self), Rc::clone(&unpacked)));
            unpacked
        })
    }

    fn texts(self: &Arc<Self>) -> impl Iterator<Item = (RecordId, String)> + use<> {
        let (block, unpacked) = (Arc::clone(self), self.unpack());
        (0..unpacked.ends.len()).map(move |place| (block.records[place], unpacked.get(place).to_owned()))
    }
}

impl Texts {
    #[must_use]
    pub fn len(&self) -> u64 {
        self.records.len()
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Returns the size of the compressed texts in bytes.
    #[must_use]
    pub fn packed_len(&self) -> u64 {
        self.blocks.iter().map(|block| block.packed.len() as u64).sum()
    }

    /// Returns the records.
    #[must_use]
    pub const fn records(&self) -> &RoaringBitmap {
        &self.records
    }

    /// Returns the text of a record.
    #[must_use]
    pub fn get(&self, record: RecordId) -> Option<String> {
        let block = self.blocks.partition_point(|block| block.records.last() < Some(&record));
        let block = self.blocks.get(block)?;
        let place = block.records.binary_search(&record).ok()?;
        let unpacked = block.unpack();
        (place < unpacked.ends.len()).then(|| unpacked.get(place).to_owned())
    }

    /// Returns the texts, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, String)> {
        self.blocks.iter().flat_map(Block::texts)
    }

    /// Adds texts of later records.
    pub fn append(&mut self, other: Self) {
        debug_assert!(
            other.is_empty()
                || self.records_end() < other.blocks.first().and_then(|block| block.records.first().copied())
        );
        self.records |= other.records;
        self.blocks.extend(other.blocks);
    }

    fn push(&mut self, block: Arc<Block>) {
        self.records.extend(block.records.iter().map(|record| record.0));
        self.blocks.push(block);
    }

    fn records_end(&self) -> Option<RecordId> {
        self.blocks.last().and_then(|block| block.records.last().copied())
    }

    /// Returns the texts of those records that are in a set. Blocks that stay whole are shared.
    #[must_use]
    pub fn among(&self, records: &RoaringBitmap) -> Self {
        let mut builder = TextsBuilder::default();
        for block in &self.blocks {
            let kept = block.records.iter().filter(|record| records.contains(record.0)).count();
            if kept == block.records.len() {
                builder.add_block(Arc::clone(block));
            } else if kept > 0 {
                for (record, text) in block.texts().filter(|(record, _)| records.contains(record.0)) {
                    builder.push(record, &text);
                }
            }
        }
        builder.finish()
    }

    /// Returns the number of records and the compressed texts of each block.
    pub(super) fn blocks(&self) -> impl Iterator<Item = (usize, &[u8])> {
        self.blocks.iter().map(|block| (block.records.len(), &*block.packed))
    }

    /// Reads blocks: the records and the compressed texts of each. Returns `None` if one is damaged.
    pub(super) fn from_blocks(blocks: Vec<(Vec<RecordId>, Vec<u8>)>) -> Option<Self> {
        let mut last = None;
        let is_sorted =
            blocks.iter().flat_map(|(records, _)| records).all(|record| last.replace(*record) < Some(*record));
        let mut texts = Vec::new();
        let mut sorted = Self::default();
        for (records, packed) in blocks {
            let unpacked = Unpacked::of(&packed, records.len())?;
            if is_sorted {
                let (records, packed) = (records.into(), packed.into());
                sorted.push(Arc::new(Block { records, packed }));
            } else {
                let text = |(place, record): (usize, RecordId)| (record, unpacked.get(place).to_owned());
                texts.extend(records.into_iter().enumerate().map(text));
            }
        }
        if is_sorted {
            return Some(sorted);
        }
        // The records were moved since.
        texts.sort_unstable_by_key(|(record, _)| *record);
        Some(texts.into_iter().collect())
    }
}

/// Collects texts in file order.
impl<T: AsRef<str>> FromIterator<(RecordId, T)> for Texts {
    fn from_iter<I: IntoIterator<Item = (RecordId, T)>>(texts: I) -> Self {
        let mut builder = TextsBuilder::default();
        for (record, text) in texts {
            builder.push(record, text.as_ref());
        }
        builder.finish()
    }
}

/// Compresses texts in file order.
#[derive(Debug, Default)]
pub struct TextsBuilder {
    texts: Texts,
    records: Vec<RecordId>,
    lengths: Vec<u8>,
    text: Vec<u8>,
}

impl TextsBuilder {
    /// Adds the text of a record, which comes after those before it.
    pub fn push(&mut self, record: RecordId, text: &str) {
        debug_assert!(self.records.last().copied().or(self.texts.records_end()) < Some(record));
        self.records.push(record);
        // A line of the dataset is shorter.
        self.lengths.extend(u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes());
        self.text.extend_from_slice(text.as_bytes());
        if self.text.len() >= BLOCK {
            self.pack();
        }
    }

    fn add_block(&mut self, block: Arc<Block>) {
        self.pack();
        self.texts.push(block);
    }

    fn pack(&mut self) {
        if self.records.is_empty() {
            return;
        }
        self.lengths.append(&mut self.text);
        let packed = lz4_flex::block::compress_prepend_size(&self.lengths).into();
        self.lengths.clear();
        let records = std::mem::take(&mut self.records).into();
        self.texts.push(Arc::new(Block { records, packed }));
    }

    #[must_use]
    pub fn finish(mut self) -> Texts {
        self.pack();
        self.texts
    }
}

/// The text that a bulk change gave a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amended {
    One(Box<str>),
    /// The record's among those of others.
    Among(Arc<Texts>),
}

impl Amended {
    #[must_use]
    pub fn text(&self, record: RecordId) -> Cow<'_, str> {
        match self {
            Self::One(text) => Cow::Borrowed(text),
            Self::Among(texts) => Cow::Owned(texts.get(record).unwrap_or_default()),
        }
    }

    pub(super) fn among(&self) -> Option<Arc<Texts>> {
        match self {
            Self::One(_) => None,
            Self::Among(texts) => Some(Arc::clone(texts)),
        }
    }
}

impl From<String> for Amended {
    fn from(text: String) -> Self {
        Self::One(text.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(of: &[(u32, String)]) -> Texts {
        of.iter().map(|(record, text)| (RecordId(*record), text)).collect()
    }

    fn listed(texts: &Texts) -> Vec<(u32, String)> {
        texts.iter().map(|(record, text)| (record.0, text)).collect()
    }

    fn blocks(texts: &Texts, record: impl Fn(RecordId) -> RecordId) -> Vec<(Vec<RecordId>, Vec<u8>)> {
        let of = |block: &Arc<Block>| (block.records.iter().map(|id| record(*id)).collect(), block.packed.to_vec());
        texts.blocks.iter().map(of).collect()
    }

    /// Long enough for several blocks.
    fn some() -> impl Strategy<Value = Vec<(u32, String)>> {
        let text = ("[a-z 가-힣\n]{0,12}", 0_usize..900).prop_map(|(words, times)| words.repeat(times));
        prop::collection::btree_map(0_u32..4000, text, 0..40).prop_map(|texts| texts.into_iter().collect())
    }

    /// Four bytes that claim to be eight: the lengths of two texts.
    #[test]
    fn a_block_that_ends_before_the_size_it_claims_is_damaged() {
        let packed = vec![8, 0, 0, 0, 0x40, 0, 0, 0, 0];
        assert_eq!(Texts::from_blocks(vec![(vec![RecordId(0), RecordId(1)], packed)]), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn texts_are_returned_as_they_were(all in some(), among in prop::collection::btree_set(0_u32..4000, 0..40)) {
            let texts = texts(&all);
            prop_assert_eq!(listed(&texts), all.clone());
            prop_assert_eq!(texts.len(), all.len() as u64);
            prop_assert_eq!(texts.records().iter().collect::<Vec<_>>(), all.iter().map(|(id, _)| *id).collect::<Vec<_>>());
            for record in among.iter().chain(all.iter().map(|(record, _)| record)) {
                let expected = all.iter().find(|(id, _)| id == record).map(|(_, text)| text.clone());
                prop_assert_eq!(texts.get(RecordId(*record)), expected);
            }
            let some: RoaringBitmap = all.iter().step_by(2).map(|(record, _)| *record).chain(among).collect();
            let expected: Vec<_> = all.iter().filter(|(record, _)| some.contains(*record)).cloned().collect();
            prop_assert_eq!(listed(&texts.among(&some)), expected);
            prop_assert_eq!(&texts.among(texts.records()), &texts);
            prop_assert_eq!(Texts::from_blocks(blocks(&texts, |record| record)), Some(texts.clone()));
        }

        #[test]
        fn texts_follow_records_that_were_moved(all in some()) {
            let mirrored = |record: RecordId| RecordId(5000 - record.0);
            let texts = texts(&all);
            let moved = Texts::from_blocks(blocks(&texts, mirrored)).expect("undamaged");
            let expected: Vec<_> = all.iter().rev().map(|(id, text)| (5000 - id, text.clone())).collect();
            prop_assert_eq!(listed(&moved), expected);
        }

        #[test]
        fn a_damaged_block_is_an_error_or_other_texts(
            all in some(), place in any::<prop::sample::Index>(), byte in any::<u8>(), count in 0_usize..60,
        ) {
            for (records, mut packed) in blocks(&texts(&all), |record| record) {
                let at = place.index(packed.len());
                packed[at] = byte;
                let read = Texts::from_blocks(vec![(records.clone(), packed.clone())]);
                prop_assert!(read.is_none_or(|texts| texts.iter().count() == records.len()));
                let read = Unpacked::of(&packed, count);
                prop_assert!(read.is_none_or(|read| read.ends.len() == count));
            }
        }
    }

    #[test]
    fn formulaic_captions_take_a_fraction_of_their_size() {
        let text = |record| format!("A woman in a long beige trench coat over a white knit top, number {record}.");
        let texts: Texts = (0..10_000).map(|record| (RecordId(record), text(record))).collect();
        let plain: usize = (0..10_000).map(|record| text(record).len()).sum();
        assert!(texts.packed_len() * 3 < plain as u64, "{} of {plain}", texts.packed_len());
    }
}
