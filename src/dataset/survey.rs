//! A scan of the whole file for records that share a file name, or a file name and a caption, and for the content's hash.
//!
//! Ten million names do not fit into the memory budget, so the first pass inserts them into a Bloom filter (12 bits a
//! name). A name that the filter already contains is a *suspect*: every repeat is one, and by chance about one unique
//! name in 1500. A second pass counts the suspects exactly, in a hash table, which clears the unique ones. If too many
//! names repeat for one table, there are several passes, each over a share of the names.
//!
//! The table stores 96 bits of a name's hash. The probability that two different names among ten million collide is
//! 10⁻¹⁵; the later one would then be taken for a repeat.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use roaring::RoaringBitmap;
use twox_hash::xxhash3_128::Hasher;

use super::line::{LineError, identity_in, name_in};
use super::read::RawLine;
use super::{Dataset, DatasetError, RecordId, read};

/// Bits of the filter per name, and bits set by each: one false positive in 250 when the filter is full.
const BITS_A_NAME: u64 = 12;
const PROBES: u32 = 7;
/// Words in a block of the filter: 64 bytes, a cache line.
const BLOCK_WORDS: usize = 8;
/// Maximum bits of the second filter, which contains the suspects.
const MOST_SUSPECT_BITS: u64 = 1 << 25;
/// Names counted in a pass. A table of this capacity takes 11 MiB: 20 + 1 bytes for each of 2¹⁹ buckets, of which 7/8 may
/// be used. The number of repeated names is an estimate, so some are left free.
const NAMES_A_PASS: usize = 400_000;
const TABLE_CAPACITY: usize = (1 << 19) / 8 * 7;
/// Records between two calls of `keep_going`.
const ASK_EVERY: u32 = 4096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    pub namesakes: Namesakes,
    /// XXH3-128 of the file's bytes.
    pub hash: u128,
}

/// Which records share their `file_name`, and which also share their caption.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namesakes {
    /// By `file_name`.
    pub names: Occurrences,
    /// By `file_name` and caption.
    pub twins: Occurrences,
}

impl Namesakes {
    /// Returns how much of its identity a record shares with others.
    #[must_use]
    pub fn shared(&self, record: RecordId) -> Shared {
        if self.twins.is_shared(record) {
            Shared::Caption
        } else if self.names.is_shared(record) {
            Shared::Name
        } else {
            Shared::Nothing
        }
    }
}

/// The part of a record's identity that other records share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shared {
    Nothing,
    Name,
    /// The file name and the caption.
    Caption,
}

/// The number of earlier records with the same `file_name`, or the same `file_name` and caption. Takes memory only for
/// records that repeat one: a byte and a bit each, more from the 255th repeat on; and a bit for each first one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurrences {
    repeats: RoaringBitmap,
    /// The first records of those that are repeated.
    firsts: RoaringBitmap,
    /// The number of each repeat, in order.
    numbers: Vec<u8>,
    /// The numbers that do not fit into a byte, which is then [`u8::MAX`].
    large: BTreeMap<u32, u32>,
}

impl Occurrences {
    /// Returns the number of earlier records; 0 for the first one and for lines that cannot be parsed.
    #[must_use]
    pub fn of(&self, record: RecordId) -> u32 {
        if !self.repeats.contains(record.0) {
            return 0;
        }
        let rank = usize::try_from(self.repeats.rank(record.0)).unwrap_or_default();
        self.numbers.get(rank.wrapping_sub(1)).map_or(0, |number| self.number(record.0, *number))
    }

    /// Returns true if there is an earlier or a later one.
    #[must_use]
    pub fn is_shared(&self, record: RecordId) -> bool {
        self.repeats.contains(record.0) || self.firsts.contains(record.0)
    }

    fn number(&self, record: u32, number: u8) -> u32 {
        let large = || self.large.get(&record).copied();
        (number == u8::MAX).then(large).flatten().unwrap_or(number.into())
    }

    /// Returns the records that repeat an earlier one, in order, each with its number.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, u32)> {
        let each = self.repeats.iter().zip(&self.numbers);
        each.map(|(record, number)| (RecordId(record), self.number(record, *number)))
    }

    /// Returns the number of records that repeat an earlier one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Returns true if no record repeats an earlier one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }
}

pub(super) fn survey(
    dataset: &Dataset,
    keep_going: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<Survey>, DatasetError> {
    if !dataset.build_index(&mut |_| keep_going())?.complete {
        return Ok(None);
    }
    let Some(names) = occurrences(dataset, Key::Name, NAMES_A_PASS, keep_going)? else { return Ok(None) };
    let twins = if names.is_empty() {
        Some(Occurrences::default())
    } else {
        occurrences(dataset, Key::NameAndCaption, NAMES_A_PASS, keep_going)?
    };
    let Some(twins) = twins else { return Ok(None) };
    let hash = dataset.content_hash()?;
    Ok(keep_going().is_continue().then_some(Survey { namesakes: Namesakes { names, twins }, hash }))
}

/// The compared part of a record.
#[derive(Clone, Copy)]
enum Key {
    Name,
    NameAndCaption,
}

impl Key {
    fn of(self, raw: &RawLine<'_>, caption_field: &str) -> Result<u128, LineError> {
        match self {
            Self::Name => Ok(Hasher::oneshot(name_in(raw, caption_field)?.as_bytes())),
            Self::NameAndCaption => {
                let (name, caption) = identity_in(raw, caption_field)?;
                let name = Hasher::oneshot(name.as_bytes());
                #[expect(clippy::cast_possible_truncation, reason = "a part of a hash")]
                Ok(caption.map_or(name, |caption| Hasher::oneshot_with_seed(name as u64, caption.as_bytes())))
            }
        }
    }
}

fn occurrences(
    dataset: &Dataset,
    what: Key,
    names_a_pass: usize,
    keep_going: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<Occurrences>, DatasetError> {
    let bits = u64::from(dataset.record_count()) * BITS_A_NAME;
    let mut seen = Filter::new(bits);
    let mut suspect_names = Filter::new(bits.min(MOST_SUSPECT_BITS));
    let mut suspects = RoaringBitmap::new();
    let mut distinct = 0_usize;
    let finished = for_each(dataset, what, keep_going, &mut |record, hash| {
        if !seen.insert(hash) {
            suspects.insert(record);
            distinct += usize::from(suspect_names.insert(hash));
        }
    })?;
    drop(seen);
    if !finished {
        return Ok(None);
    }
    if suspects.is_empty() {
        return Ok(Some(Occurrences::default()));
    }

    let mut numbers = vec![0_u8; usize::try_from(suspects.len()).unwrap_or_default()];
    let mut large = BTreeMap::new();
    let mut firsts = RoaringBitmap::new();
    let passes = distinct.div_ceil(names_a_pass).max(1);
    for pass in 0..passes {
        // Allocated at once, because growing would need memory for the table twice.
        let mut counts: HashMap<[u32; 3], (u32, u32)> = HashMap::with_capacity(TABLE_CAPACITY.min(distinct * 9 / 8));
        let mut in_order = numbers.iter_mut().zip(suspects.iter()).peekable();
        let finished = for_each(dataset, what, keep_going, &mut |record, hash| {
            while in_order.next_if(|(_, suspect)| *suspect < record).is_some() {}
            if share(hash, passes) == pass && suspect_names.contains(hash) {
                let (count, first) = counts.entry(key(hash)).or_insert((0, record));
                if let Some((number, _)) = in_order.next_if(|(_, suspect)| *suspect == record) {
                    *number = u8::try_from(*count).unwrap_or(u8::MAX);
                    if *number == u8::MAX {
                        large.insert(record, *count);
                    }
                }
                *count += 1;
                if *count == 2 {
                    firsts.insert(*first);
                }
            }
        })?;
        if !finished {
            return Ok(None);
        }
    }
    let repeats = suspects.iter().zip(&numbers).filter(|(_, number)| **number > 0).map(|(record, _)| record).collect();
    numbers.retain(|number| *number > 0);
    numbers.shrink_to_fit();
    Ok(Some(Occurrences { repeats, firsts, numbers, large }))
}

/// Returns false if `keep_going` broke.
fn for_each(
    dataset: &Dataset,
    what: Key,
    keep_going: &mut dyn FnMut() -> ControlFlow<()>,
    visit: &mut dyn FnMut(u32, u128),
) -> Result<bool, DatasetError> {
    let mut finished = true;
    read::lines(&dataset.0.source, (&dataset.0.index, dataset.0.captions), 0..dataset.record_count(), &mut |raw| {
        if raw.record.0 % ASK_EVERY == 0 && keep_going().is_break() {
            finished = false;
            return ControlFlow::Break(());
        }
        if let Ok(key) = what.of(&raw, dataset.caption_field()) {
            visit(raw.record.0, key);
        }
        ControlFlow::Continue(())
    })?;
    Ok(finished)
}

#[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
const fn key(hash: u128) -> [u32; 3] {
    [hash as u32, (hash >> 32) as u32, (hash >> 64) as u32]
}

/// Returns the pass that counts a name.
const fn share(hash: u128, passes: usize) -> usize {
    (hash >> 96) as usize % passes
}

/// A blocked Bloom filter: all bits of a name are in one cache line.
struct Filter {
    blocks: Vec<[u64; BLOCK_WORDS]>,
}

impl Filter {
    fn new(bits: u64) -> Self {
        let blocks = usize::try_from(bits.div_ceil(64 * BLOCK_WORDS as u64)).unwrap_or(usize::MAX).max(1);
        Self { blocks: vec![[0; BLOCK_WORDS]; blocks] }
    }

    /// Returns true if the name is new. May return false for a new name.
    fn insert(&mut self, hash: u128) -> bool {
        let block = self.block_of(hash);
        let mut is_new = false;
        for (word, bit) in probes(hash) {
            is_new |= self.blocks[block][word] & bit == 0;
            self.blocks[block][word] |= bit;
        }
        is_new
    }

    /// Returns true if the name was inserted. May return true for a name that was not.
    fn contains(&self, hash: u128) -> bool {
        let block = self.block_of(hash);
        probes(hash).all(|(word, bit)| self.blocks[block][word] & bit != 0)
    }

    fn block_of(&self, hash: u128) -> usize {
        // The high half of the product distributes evenly over the blocks without a division.
        let block = ((hash & u128::from(u64::MAX)) * self.blocks.len() as u128) >> 64;
        usize::try_from(block).unwrap_or_default()
    }
}

/// Returns the bits of a name in its block: six bits of its hash select the bit, three more the word.
fn probes(hash: u128) -> impl Iterator<Item = (usize, u64)> {
    (0..PROBES).map(move |probe| {
        let bits = (hash >> (64 + 9 * probe)) as usize;
        (bits >> 6 & (BLOCK_WORDS - 1), 1 << (bits & 63))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap as Map;
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;
    use crate::dataset::OpenOptions;

    fn found(names: &[u16], names_a_pass: usize) -> Vec<(u32, u32)> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("d.jsonl");
        let mut text = String::new();
        for name in names {
            // Some lines cannot be parsed: they have a position, but no name.
            let _ = if *name == 7 { writeln!(text, "bad") } else { writeln!(text, "{{\"file_name\":\"{name}.jpg\"}}") };
        }
        std::fs::write(&path, text).expect("written");
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("opened");
        dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
        let found = occurrences(&dataset, Key::Name, names_a_pass, &mut || ControlFlow::Continue(())).expect("read");
        let found = found.expect("not stopped");
        for record in 0..u32::try_from(names.len()).expect("few") {
            let listed = found.iter().find(|(id, _)| id.0 == record).map_or(0, |(_, number)| number);
            assert_eq!(found.of(RecordId(record)), listed);
            let name = names[record as usize];
            let is_shared = name != 7 && names.iter().filter(|other| **other == name).count() > 1;
            assert_eq!(found.is_shared(RecordId(record)), is_shared);
        }
        found.iter().map(|(record, number)| (record.0, number)).collect()
    }

    fn counted(names: &[u16]) -> Vec<(u32, u32)> {
        let mut counts = Map::new();
        let mut found = Vec::new();
        for (record, name) in (0..).zip(names).filter(|(_, name)| **name != 7) {
            let count = counts.entry(name).or_insert(0);
            if *count > 0 {
                found.push((record, *count));
            }
            *count += 1;
        }
        found
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn repeats_match_a_naive_count(
            names in prop::collection::vec(prop_oneof![0_u16..12, any::<u16>()], 0..400),
            names_a_pass in 1_usize..40,
        ) {
            prop_assert_eq!(found(&names, names_a_pass), counted(&names));
        }
    }

    #[test]
    fn false_positives_of_the_filter_are_cleared() {
        // Enough for some false positives, which would be reported as repeats if they were not counted again.
        let names: Vec<u16> = (8..40_000).collect();
        let mut seen = Filter::new(names.len() as u64 * BITS_A_NAME);
        let hash = |name: &u16| Hasher::oneshot(format!("{name}.jpg").as_bytes());
        assert!(names.iter().filter(|name| !seen.insert(hash(name))).count() > 0, "the filter suspected nothing");
        assert_eq!(found(&names, NAMES_A_PASS), []);
    }

    #[test]
    fn a_name_can_repeat_any_number_of_times() {
        let names: Vec<u16> = (0..1200).map(|number| number % 3).collect();
        assert_eq!(found(&names, NAMES_A_PASS), counted(&names));
    }

    #[test]
    fn a_caption_distinguishes_records_of_one_name() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("d.jsonl");
        let lines = [("a", "1"), ("a", "2"), ("b", "1"), ("a", "1"), ("c", "1")];
        let line = |(name, text): (&str, &str)| format!("{{\"file_name\":\"{name}\",\"text\":\"{text}\"}}\n");
        std::fs::write(&path, lines.map(line).concat()).expect("written");
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("opened");
        let survey = dataset.survey(&mut || ControlFlow::Continue(())).expect("read").expect("not stopped");
        let found = [0, 1, 2, 3, 4].map(|record| {
            let record = RecordId(record);
            (survey.namesakes.shared(record), survey.namesakes.twins.of(record))
        });
        let expected =
            [(Shared::Caption, 0), (Shared::Name, 0), (Shared::Nothing, 0), (Shared::Caption, 1), (Shared::Nothing, 0)];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_break_stops_the_survey() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("d.jsonl");
        std::fs::write(&path, "{\"file_name\":\"a\"}\n").expect("written");
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("opened");
        assert_eq!(dataset.survey(&mut || ControlFlow::Break(())).expect("read"), None);
    }
}
