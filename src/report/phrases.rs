//! Which words captions begin with, and which follow one another, most often.

use std::collections::HashMap;

use crate::text::{self, BareWord};

/// Words of an opening, and of a phrase.
const WORDS: usize = 3;

/// The most phrases kept in mind: some tens of megabytes. With more than that, rare ones are forgotten.
const MOST_KNOWN: usize = 1 << 19;

/// Words that stand in captions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The words, in lower case and without punctuation at their ends.
    pub words: String,
    /// In how many captions.
    pub captions: u64,
    /// There may be a few more: so many phrases differed that rare ones were forgotten on the way.
    pub at_least: bool,
}

/// Counts openings and phrases, caption by caption.
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
        // A whole caption that is shorter is no opening: longer ones begin with it.
        if opening.len() == WORDS {
            self.openings.add(opening.join(" "));
        }
        let mut found: Vec<String> = words
            .windows(WORDS)
            // A phrase does not reach over the end of a clause.
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

    /// The most frequent openings and phrases, those that stand in one caption only left out.
    pub(super) fn most_frequent(self, number: usize) -> (Vec<Phrase>, Vec<Phrase>) {
        (self.openings.most_frequent(number), self.phrases.most_frequent(number))
    }
}

/// Counts texts in bounded memory, as in lossy counting (G. S. Manku and R. Motwani, VLDB 2002): what is rare is
/// forgotten, and with it at most `forgotten` of any count.
#[derive(Debug, Default)]
struct Counter {
    counts: HashMap<String, u64>,
    forgotten: u64,
}

impl Counter {
    fn add(&mut self, text: String) {
        *self.counts.entry(text).or_default() += 1;
        let mut rare = 0;
        while self.counts.len() > MOST_KNOWN || (rare > 0 && self.counts.len() > MOST_KNOWN / 2) {
            rare += 1;
            self.counts.retain(|_, count| *count > rare);
        }
        self.forgotten += rare;
    }

    fn most_frequent(self, number: usize) -> Vec<Phrase> {
        let at_least = self.forgotten > 0;
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
    fn captions_are_counted_not_occurrences() {
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
    fn korean_words_are_words() {
        let (openings, phrases) = counted(&["검은 코트를 입은 여성.", "검은 코트를 입은 남성."]);
        assert_eq!(openings, [pair("검은 코트를 입은", 2)]);
        assert_eq!(phrases, openings);
    }

    #[test]
    fn of_more_than_can_be_kept_the_frequent_remain() {
        let mut counter = Counter::default();
        let each = 40_000;
        for number in 0..3 * MOST_KNOWN {
            counter.add(number.to_string());
            if number % (3 * MOST_KNOWN / each) == 0 {
                counter.add("often".to_owned());
            }
        }
        assert!(counter.counts.len() <= MOST_KNOWN + 1);
        let found = counter.most_frequent(1);
        assert!(found[0].words == "often" && found[0].at_least, "{found:?}");
        assert!(found[0].captions >= 39_000, "{found:?}");
    }
}
