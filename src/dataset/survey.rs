//! What only a look at the whole file can tell: names that come more than once, and the content's hash.
//!
//! Ten million names do not fit the memory this may use, so the first pass puts them into a Bloom filter (12 bits a
//! name). A name the filter has seen before is a *suspect*: every repeat is one, and so is, by chance, about one unique
//! name in 1500. A second pass counts the suspects' names exactly, which clears the unique ones: theirs are counted once.
//! Where too many names repeat for one table, it takes several passes, each over a share of the names.
//!
//! A name is held as 96 bits of its hash. Two different names among ten million share them with a probability of
//! 10⁻¹⁵; all that would happen is that the later one is called a repeat.

use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;

use roaring::RoaringBitmap;
use twox_hash::xxhash3_128::Hasher;

use super::line::name_in;
use super::{Dataset, DatasetError, RecordId, read};

/// Bits of the filter a name, and how many of them it sets: one unique name in 250 is suspected when the filter is full.
const BITS_A_NAME: u64 = 12;
const PROBES: u32 = 7;
/// Words of a filter's block: 64 bytes, a cache line.
const BLOCK_WORDS: usize = 8;
/// Bits of the second filter, which holds the suspects' names.
const MOST_SUSPECT_BITS: u64 = 1 << 25;
/// Names counted in a pass. A table of this capacity takes 17 MiB: sixteen bytes and one for each of a million places,
/// seven in eight of which may be taken. The estimate of how many names repeat leaves some of them free.
const NAMES_A_PASS: usize = 800_000;
const TABLE_CAPACITY: usize = (1 << 20) / 8 * 7;
/// Records between two questions whether to go on.
const ASK_EVERY: u32 = 4096;

/// What the look at the whole file found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    /// Which records repeat a `file_name`.
    pub occurrences: Occurrences,
    /// XXH3-128 of the file's bytes.
    pub hash: u128,
}

/// How many earlier records have the same `file_name`: with the name, it identifies a record in a file whose lines
/// moved. Takes memory only for records that repeat a name: a byte and a bit each, more from the 255th repeat on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occurrences {
    repeats: RoaringBitmap,
    /// Of each repeat, in order.
    numbers: Vec<u8>,
    /// The numbers of records that do not fit a byte, which then is [`u8::MAX`].
    large: BTreeMap<u32, u32>,
}

impl Occurrences {
    /// How many records before this one have its `file_name`; 0 for the first and for bad lines.
    #[must_use]
    pub fn of(&self, record: RecordId) -> u32 {
        if !self.repeats.contains(record.0) {
            return 0;
        }
        let rank = usize::try_from(self.repeats.rank(record.0)).unwrap_or_default();
        self.numbers.get(rank.wrapping_sub(1)).map_or(0, |number| self.number(record.0, *number))
    }

    fn number(&self, record: u32, number: u8) -> u32 {
        let large = || self.large.get(&record).copied();
        (number == u8::MAX).then(large).flatten().unwrap_or(number.into())
    }

    /// The records that repeat a name, in order, each with how many records before it have that name.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, u32)> {
        let each = self.repeats.iter().zip(&self.numbers);
        each.map(|(record, number)| (RecordId(record), self.number(record, *number)))
    }

    /// How many records repeat a name.
    #[must_use]
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether every name is unique.
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
    let Some(occurrences) = occurrences(dataset, NAMES_A_PASS, keep_going)? else { return Ok(None) };
    let hash = dataset.content_hash()?;
    Ok(keep_going().is_continue().then_some(Survey { occurrences, hash }))
}

fn occurrences(
    dataset: &Dataset,
    names_a_pass: usize,
    keep_going: &mut dyn FnMut() -> ControlFlow<()>,
) -> Result<Option<Occurrences>, DatasetError> {
    let bits = u64::from(dataset.record_count()) * BITS_A_NAME;
    let mut seen = Filter::new(bits);
    let mut suspect_names = Filter::new(bits.min(MOST_SUSPECT_BITS));
    let mut suspects = RoaringBitmap::new();
    let mut distinct = 0_usize;
    let finished = for_each_name(dataset, keep_going, &mut |record, hash| {
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
    let passes = distinct.div_ceil(names_a_pass).max(1);
    for pass in 0..passes {
        // Growing would hold the table twice for a moment.
        let mut counts: HashMap<[u32; 3], u32> = HashMap::with_capacity(TABLE_CAPACITY.min(distinct * 9 / 8));
        let mut in_order = numbers.iter_mut().zip(suspects.iter()).peekable();
        let finished = for_each_name(dataset, keep_going, &mut |record, hash| {
            while in_order.next_if(|(_, suspect)| *suspect < record).is_some() {}
            if share(hash, passes) == pass && suspect_names.contains(hash) {
                let count = counts.entry(key(hash)).or_default();
                if let Some((number, _)) = in_order.next_if(|(_, suspect)| *suspect == record) {
                    *number = u8::try_from(*count).unwrap_or(u8::MAX);
                    if *number == u8::MAX {
                        large.insert(record, *count);
                    }
                }
                *count += 1;
            }
        })?;
        if !finished {
            return Ok(None);
        }
    }
    let repeats = suspects.iter().zip(&numbers).filter(|(_, number)| **number > 0).map(|(record, _)| record).collect();
    numbers.retain(|number| *number > 0);
    numbers.shrink_to_fit();
    Ok(Some(Occurrences { repeats, numbers, large }))
}

/// Whether it went through to the end.
fn for_each_name(
    dataset: &Dataset,
    keep_going: &mut dyn FnMut() -> ControlFlow<()>,
    visit: &mut dyn FnMut(u32, u128),
) -> Result<bool, DatasetError> {
    let mut finished = true;
    read::lines(&dataset.0.source, &dataset.0.index, 0..dataset.record_count(), &mut |raw| {
        if raw.record.0 % ASK_EVERY == 0 && keep_going().is_break() {
            finished = false;
            return ControlFlow::Break(());
        }
        if let Ok(name) = name_in(&raw, dataset.caption_field()) {
            visit(raw.record.0, Hasher::oneshot(name.as_bytes()));
        }
        ControlFlow::Continue(())
    })?;
    Ok(finished)
}

#[expect(clippy::cast_possible_truncation, reason = "parts of a hash")]
const fn key(hash: u128) -> [u32; 3] {
    [hash as u32, (hash >> 32) as u32, (hash >> 64) as u32]
}

/// The pass a name is counted in.
const fn share(hash: u128, passes: usize) -> usize {
    (hash >> 96) as usize % passes
}

/// A Bloom filter in blocks: the bits of a name lie together, in what the processor fetches at a time.
struct Filter {
    blocks: Vec<[u64; BLOCK_WORDS]>,
}

impl Filter {
    fn new(bits: u64) -> Self {
        let blocks = usize::try_from(bits.div_ceil(64 * BLOCK_WORDS as u64)).unwrap_or(usize::MAX).max(1);
        Self { blocks: vec![[0; BLOCK_WORDS]; blocks] }
    }

    /// Whether the name is new; a name that is may seem not to be.
    fn insert(&mut self, hash: u128) -> bool {
        let block = self.block_of(hash);
        let mut is_new = false;
        for (word, bit) in probes(hash) {
            is_new |= self.blocks[block][word] & bit == 0;
            self.blocks[block][word] |= bit;
        }
        is_new
    }

    /// Whether the name was inserted; a name that was not may seem to be.
    fn contains(&self, hash: u128) -> bool {
        let block = self.block_of(hash);
        probes(hash).all(|(word, bit)| self.blocks[block][word] & bit != 0)
    }

    fn block_of(&self, hash: u128) -> usize {
        // The high half of the product: evenly spread over the blocks without a division.
        let block = ((hash & u128::from(u64::MAX)) * self.blocks.len() as u128) >> 64;
        usize::try_from(block).unwrap_or_default()
    }
}

/// The bits of a name in its block: six bits of its hash choose one, three more the word it is in.
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
            // A bad line now and then: it takes a position, but has no name.
            let _ = if *name == 7 { writeln!(text, "bad") } else { writeln!(text, "{{\"file_name\":\"{name}.jpg\"}}") };
        }
        std::fs::write(&path, text).expect("written");
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("opened");
        dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
        let found = occurrences(&dataset, names_a_pass, &mut || ControlFlow::Continue(())).expect("read");
        let found = found.expect("not stopped");
        for record in 0..u32::try_from(names.len()).expect("few") {
            let listed = found.iter().find(|(id, _)| id.0 == record).map_or(0, |(_, number)| number);
            assert_eq!(found.of(RecordId(record)), listed);
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
        fn repeats_are_what_counting_finds(
            names in prop::collection::vec(prop_oneof![0_u16..12, any::<u16>()], 0..400),
            names_a_pass in 1_usize..40,
        ) {
            prop_assert_eq!(found(&names, names_a_pass), counted(&names));
        }
    }

    #[test]
    fn names_suspected_by_chance_are_cleared() {
        // Enough that the filter suspects some: were they not counted again, they would be found as repeats.
        let names: Vec<u16> = (8..40_000).collect();
        let mut seen = Filter::new(names.len() as u64 * BITS_A_NAME);
        let hash = |name: &u16| Hasher::oneshot(format!("{name}.jpg").as_bytes());
        assert!(names.iter().filter(|name| !seen.insert(hash(name))).count() > 0, "the filter suspected nothing");
        assert_eq!(found(&names, NAMES_A_PASS), []);
    }

    #[test]
    fn a_name_may_repeat_any_number_of_times() {
        let names: Vec<u16> = (0..1200).map(|number| number % 3).collect();
        assert_eq!(found(&names, NAMES_A_PASS), counted(&names));
    }

    #[test]
    fn a_break_stops_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("d.jsonl");
        std::fs::write(&path, "{\"file_name\":\"a\"}\n").expect("written");
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("opened");
        assert_eq!(dataset.survey(&mut || ControlFlow::Break(())).expect("read"), None);
    }
}
