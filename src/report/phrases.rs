//! The most frequent openings and three-word phrases of captions.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::panic::resume_unwind;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use crate::dataset::RecordId;
use crate::text::{self, HashedWord};

/// Words in an opening or a phrase.
const WORDS: usize = 3;

/// Phrases kept in memory by each counter: about 20 megabytes together. Beyond that, rare ones are dropped.
const MAX_PHRASES: usize = 1 << 17;

/// The number of counters, each of which has a part of the phrases and a thread. The same on all computers, because it
/// decides which rare phrases are dropped.
const COUNTERS: usize = 4;

/// Phrases sent to a counter at a time, and the number of such batches that may wait for it.
const BATCH: usize = 1 << 14;
const WAITING: usize = 4;

/// The maximum number of captions that are read again for the words of phrases.
const MAX_READ: usize = 4_096;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// In lower case and without punctuation around words.
    pub words: String,
    /// Number of captions that contain it.
    pub captions: u64,
    /// The count is a lower bound, because rare phrases were dropped to bound memory.
    pub at_least: bool,
}

/// The opening and the phrases of a caption, as hashes of 64 bits. Two that are frequent practically never collide.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    opening: Option<u64>,
    /// Without repeats.
    phrases: Vec<u64>,
}

impl Hashes {
    pub(super) fn of(caption: &str) -> Self {
        let words = words(caption);
        let mut phrases: Vec<u64> = phrases(&words).map(hash).collect();
        phrases.sort_unstable();
        phrases.dedup();
        Self { opening: opening(&words).map(|words| hash(&words)), phrases }
    }
}

fn words(caption: &str) -> Vec<HashedWord<'_>> {
    let mut words = Vec::with_capacity(caption.len() / 5);
    words.extend(text::hashed_words(caption));
    words
}

fn hash(words: &[HashedWord]) -> u64 {
    words.iter().fold(0, |hash, word| text::mix(hash, word.hash))
}

/// Returns the first words of a caption. A shorter caption is not an opening, although longer captions may begin with it.
fn opening<'a>(words: &[HashedWord<'a>]) -> Option<[HashedWord<'a>; WORDS]> {
    let opening: Vec<HashedWord> = words.iter().filter(|word| !word.is_empty).take(WORDS).copied().collect();
    opening.try_into().ok()
}

fn phrases<'a, 'b>(words: &'b [HashedWord<'a>]) -> impl Iterator<Item = &'b [HashedWord<'a>]> {
    words
        .windows(WORDS)
        .filter(|words| words.iter().all(|word| !word.is_empty))
        // A phrase does not cross the end of a clause.
        .filter(|words| words.iter().take(WORDS - 1).all(|word| !word.ends_clause))
}

fn joined(words: &[HashedWord]) -> String {
    words.iter().map(HashedWord::text).collect::<Vec<_>>().join(" ")
}

#[derive(Debug, Default)]
pub(super) struct Phrases {
    openings: Counter,
    phrases: [CounterThread; COUNTERS],
}

impl Phrases {
    /// Counts those of the caption of a record.
    pub(super) fn add(&mut self, record: RecordId, hashes: Hashes) {
        hashes.opening.into_iter().for_each(|opening| self.openings.add(record, opening));
        for phrase in hashes.phrases {
            self.phrases[(phrase >> 32) as usize % COUNTERS].add(record, phrase);
        }
    }

    /// Returns the most frequent openings and phrases that occur in more than one caption. `read` gets the caption of a
    /// record, which has not changed since it was added.
    ///
    /// # Errors
    /// Returns an error if `read` does.
    pub(super) fn most_frequent<E>(
        self,
        number: usize,
        mut read: impl FnMut(RecordId) -> Result<String, E>,
    ) -> Result<(Vec<Phrase>, Vec<Phrase>), E> {
        let in_opening = |caption: &str, wanted| {
            opening(&words(caption)).filter(|words| hash(words) == wanted).map(|words| joined(&words))
        };
        let in_phrases =
            |caption: &str, wanted| phrases(&words(caption)).find(|words| hash(words) == wanted).map(joined);
        let phrases = self.phrases.into_iter().map(CounterThread::finish).reduce(Counter::with).unwrap_or_default();
        let openings = self.openings.most_frequent(number, &mut read, in_opening)?;
        Ok((openings, phrases.most_frequent(number, &mut read, in_phrases)?))
    }
}

/// Hashes of phrases, with their records.
type Batch = Vec<(RecordId, u64)>;

/// A counter on a thread of its own, because a million captions have tens of millions of phrases.
#[derive(Debug, Default)]
struct CounterThread {
    batch: Batch,
    thread: Option<(SyncSender<Batch>, JoinHandle<Counter>)>,
    /// Counts what the thread does not, because few phrases are not worth one or it could not be started.
    counter: Counter,
}

impl CounterThread {
    fn add(&mut self, record: RecordId, hash: u64) {
        self.batch.push((record, hash));
        if self.batch.len() < BATCH {
            return;
        }
        if self.thread.is_none() {
            let (sender, batches) = sync_channel::<Batch>(WAITING);
            let count = move || {
                let mut counter = Counter::default();
                for batch in batches {
                    counter.add_all(batch);
                }
                counter
            };
            let thread = thread::Builder::new().name("phrases".to_owned()).spawn(count);
            self.thread = thread.ok().map(|thread| (sender, thread));
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        match &self.thread {
            // Fails only if the thread has panicked, which `finish` passes on.
            Some((sender, _)) => drop(sender.send(batch)),
            None => self.counter.add_all(batch),
        }
    }

    fn finish(self) -> Counter {
        let mut counter = match self.thread {
            None => self.counter,
            Some((sender, thread)) => {
                drop(sender);
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            }
        };
        counter.add_all(self.batch);
        counter
    }
}

/// Hashes what is a hash already.
#[derive(Debug, Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = text::mix(self.0, u64::from(*byte));
        }
    }

    fn write_u64(&mut self, hash: u64) {
        // The low bits of a product are the least mixed, and the table uses them most.
        self.0 = hash ^ hash >> 32;
    }
}

/// Counts hashes in bounded memory by lossy counting (G. S. Manku and R. Motwani, VLDB 2002): rare ones are dropped, so any
/// count is too low by at most `error`.
#[derive(Debug, Default)]
struct Counter {
    /// The number of captions, and the record of one of them.
    counts: HashMap<u64, (u32, RecordId), BuildHasherDefault<Identity>>,
    error: u64,
}

impl Counter {
    fn add_all(&mut self, hashes: Vec<(RecordId, u64)>) {
        for (record, hash) in hashes {
            self.add(record, hash);
        }
    }

    /// Adds the counts of other hashes.
    fn with(mut self, other: Self) -> Self {
        self.counts.extend(other.counts);
        self.error = self.error.max(other.error);
        self
    }

    fn add(&mut self, record: RecordId, hash: u64) {
        self.counts.entry(hash).or_insert((0, record)).0 += 1;
        let mut rare = 0;
        while self.counts.len() > MAX_PHRASES || (rare > 0 && self.counts.len() > MAX_PHRASES / 2) {
            rare += 1;
            self.counts.retain(|_, (count, _)| *count > rare);
        }
        self.error += u64::from(rare);
    }

    /// Returns the most frequent, with the words that `find` returns for a caption and a hash.
    fn most_frequent<E>(
        self,
        number: usize,
        read: &mut impl FnMut(RecordId) -> Result<String, E>,
        find: impl Fn(&str, u64) -> Option<String>,
    ) -> Result<Vec<Phrase>, E> {
        let at_least = self.error > 0;
        let mut counts: Vec<(u64, (u32, RecordId))> =
            self.counts.into_iter().filter(|(_, (count, _))| *count > 1).collect();
        counts.sort_unstable_by_key(|(hash, (count, record))| (Reverse(*count), *record, *hash));
        // Those with equal counts are listed in alphabetical order, so all with the last count are read.
        let last = counts.get(number.saturating_sub(1)).map_or(0, |(_, (count, _))| *count);
        let listed = counts.into_iter().take_while(|(_, (count, _))| *count >= last);
        let mut found = Vec::new();
        for (hash, (captions, record)) in listed.take(MAX_READ) {
            let words = find(&read(record)?, hash).unwrap_or_default();
            found.push(Phrase { words, captions: captions.into(), at_least });
        }
        found
            .sort_unstable_by(|one, other| other.captions.cmp(&one.captions).then_with(|| one.words.cmp(&other.words)));
        found.truncate(number);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    type Pairs = Vec<(String, u64)>;

    fn counted(captions: &[&str]) -> (Pairs, Pairs) {
        let mut phrases = Phrases::default();
        for (record, caption) in (0..).map(RecordId).zip(captions) {
            phrases.add(record, Hashes::of(caption));
        }
        let read = |record: RecordId| Ok::<_, Infallible>(captions[record.index()].to_owned());
        let Ok((openings, phrases)) = phrases.most_frequent(10, read);
        let pairs = |found: Vec<Phrase>| found.into_iter().map(|phrase| (phrase.words, phrase.captions)).collect();
        (pairs(openings), pairs(phrases))
    }

    fn pair(words: &str, captions: u64) -> (String, u64) {
        (words.to_owned(), captions)
    }

    #[test]
    fn a_phrase_counts_once_per_caption() {
        let (openings, phrases) = counted(&[
            "A young man, and a young man, smiling.",
            "a YOUNG man in a coat",
            "In front: a young (tall) man in a coat.",
            "Alone.",
            "Alone",
            "…",
            "",
        ]);
        assert_eq!(openings, [pair("a young man", 2)]);
        assert_eq!(phrases, [pair("a young man", 2), pair("in a coat", 2), pair("man in a", 2)]);
    }

    #[test]
    fn equally_frequent_phrases_are_in_alphabetical_order() {
        let captions: Vec<String> = (0..24).map(|number| format!("word {:02} end", 23 - number / 2)).collect();
        let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
        let expected: Pairs = (12..22).map(|number| pair(&format!("word {number} end"), 2)).collect();
        assert_eq!(counted(&captions), (expected.clone(), expected));
    }

    #[test]
    fn korean_words_are_counted() {
        let (openings, phrases) = counted(&["검은 코트를 입은 여성.", "검은 코트를 입은 남성."]);
        assert_eq!(openings, [pair("검은 코트를 입은", 2)]);
        assert_eq!(phrases, openings);
    }

    #[test]
    fn frequent_phrases_survive_the_memory_limit() {
        let mut counter = Counter::default();
        let each = 40_000;
        for number in 0..3 * MAX_PHRASES as u64 {
            counter.add(RecordId(0), number);
            if number % (3 * MAX_PHRASES as u64 / each) == 0 {
                counter.add(RecordId(1), u64::MAX);
            }
        }
        assert!(counter.counts.len() <= MAX_PHRASES + 1);
        let mut read = |record: RecordId| Ok::<_, Infallible>(record.0.to_string());
        let Ok(found) = counter.most_frequent(1, &mut read, |text, _| Some(text.to_owned()));
        assert!(found[0].words == "1" && found[0].at_least, "{found:?}");
        assert!(found[0].captions >= 39_000, "{found:?}");
    }
}
