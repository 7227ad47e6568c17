//! The most frequent openings and three-word phrases of captions.

use std::collections::HashMap;

use crate::text::{self, BareWord};

/// Words in an opening or a phrase.
const WORDS: usize = 3;

/// Phrases kept in memory: some tens of megabytes. Beyond that, rare ones are dropped.
const MAX_PHRASES: usize = 1 << 19;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// In lower case and without punctuation around words.
    pub words: String,
    /// Number of captions that contain it.
    pub captions: u64,
    /// The count is a lower bound, because rare phrases were dropped to bound memory.
    pub at_least: bool,
}

#[derive(Debug, Default)]
pub(super) struct Phrases {
    openings: Counter,
    phrases: Counter,
}

impl Phrases {
    pub(super) fn add(&mut self, caption: &str) {
        let words: Vec<BareWord> = text::bare_words(caption).collect();
        let opening: Vec<&str> =
            words.iter().map(|word| word.text.as_str()).filter(|word| !word.is_empty()).take(WORDS).collect();
        // A shorter caption is not an opening, although longer captions may begin with it.
        if opening.len() == WORDS {
            self.openings.add(opening.join(" "));
        }
        let mut found: Vec<String> = words
            .windows(WORDS)
            // A phrase does not cross the end of a clause.
            .filter(|words| words.iter().all(|word| !word.text.is_empty()))
            .filter(|words| words.iter().take(WORDS - 1).all(|word| !word.ends_clause))
            .map(|words| words.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" "))
            .collect();
        found.sort_unstable();
        found.dedup();
        for phrase in found {
            self.phrases.add(phrase);
        }
    }

    /// Returns the most frequent openings and phrases that occur in more than one caption.
    pub(super) fn most_frequent(self, number: usize) -> (Vec<Phrase>, Vec<Phrase>) {
        (self.openings.most_frequent(number), self.phrases.most_frequent(number))
    }
}

/// Counts strings in bounded memory by lossy counting (G. S. Manku and R. Motwani, VLDB 2002): rare strings are dropped, so
/// any count is too low by at most `error`.
#[derive(Debug, Default)]
struct Counter {
    counts: HashMap<String, u64>,
    error: u64,
}

impl Counter {
    fn add(&mut self, text: String) {
        *self.counts.entry(text).or_default() += 1;
        let mut rare = 0;
        while self.counts.len() > MAX_PHRASES || (rare > 0 && self.counts.len() > MAX_PHRASES / 2) {
            rare += 1;
            self.counts.retain(|_, count| *count > rare);
        }
        self.error += rare;
    }

    fn most_frequent(self, number: usize) -> Vec<Phrase> {
        let at_least = self.error > 0;
        let mut counts: Vec<(String, u64)> = self.counts.into_iter().filter(|(_, count)| *count > 1).collect();
        counts.sort_unstable_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        counts.truncate(number);
        counts.into_iter().map(|(words, captions)| Phrase { words, captions, at_least }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Pairs = Vec<(String, u64)>;

    fn counted(captions: &[&str]) -> (Pairs, Pairs) {
        let mut phrases = Phrases::default();
        for caption in captions {
            phrases.add(caption);
        }
        let (openings, phrases) = phrases.most_frequent(10);
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
    fn korean_words_are_counted() {
        let (openings, phrases) = counted(&["검은 코트를 입은 여성.", "검은 코트를 입은 남성."]);
        assert_eq!(openings, [pair("검은 코트를 입은", 2)]);
        assert_eq!(phrases, openings);
    }

    #[test]
    fn frequent_phrases_survive_the_memory_limit() {
        let mut counter = Counter::default();
        let each = 40_000;
        for number in 0..3 * MAX_PHRASES {
            counter.add(number.to_string());
            if number % (3 * MAX_PHRASES / each) == 0 {
                counter.add("often".to_owned());
            }
        }
        assert!(counter.counts.len() <= MAX_PHRASES + 1);
        let found = counter.most_frequent(1);
        assert!(found[0].words == "often" && found[0].at_least, "{found:?}");
        assert!(found[0].captions >= 39_000, "{found:?}");
    }
}
