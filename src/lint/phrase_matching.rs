//! Splits captions into words and matches phrases against them.
//!
//! Words are those of Unicode Standard Annex 29, so each Chinese or Japanese character is a word of its own. Phrases are
//! lowercase with straight apostrophes, their words separated by single spaces.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::is_space;

/// The number of words to compare when a phrase can only match at the start of a sentence.
const MAX_SENTENCE_START: usize = 24;

pub(super) struct Words<'a> {
    text: &'a str,
    /// Byte ranges in `text`.
    spans: Vec<Range<usize>>,
}

impl<'a> Words<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let spans = text.unicode_word_indices().map(|(at, word)| at..at + word.len());
        Self { text, spans: spans.collect() }
    }

    /// Returns the first words of `text` from byte `start` on, after whitespace and Markdown emphasis or heading marks.
    /// Returns no words if anything else precedes them: a quotation is text in the image, not the describer's own.
    pub(super) fn at(text: &'a str, start: usize) -> Self {
        let rest = undecorated(&text[start..]);
        let start = text.len() - rest.len();
        let mut words = Self { text, spans: Vec::new() };
        if rest.starts_with(char::is_alphanumeric) {
            let spans = rest.unicode_word_indices().map(|(at, word)| start + at..start + at + word.len());
            words.spans.extend(spans.take(MAX_SENTENCE_START));
        }
        words
    }

    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&'a str> {
        self.spans.get(at).map(|span| &self.text[span.clone()])
    }

    /// Returns the byte offset of a word, or the length of the text past the last one.
    pub(super) fn start(&self, at: usize) -> usize {
        self.spans.get(at).map_or(self.text.len(), |span| span.start)
    }

    /// Returns the text between a word and the next.
    pub(super) fn gap(&self, at: usize) -> &'a str {
        let end = self.spans.get(at).map_or(self.text.len(), |span| span.end);
        &self.text[end..self.start(at + 1)]
    }

    /// Returns the length of `phrase` in words if it matches at word `at`, ignoring punctuation between words.
    pub(super) fn match_at(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut length = 0;
        for expected in phrase.split(' ') {
            same_word(self.get(at + length)?, expected).then_some(())?;
            length += 1;
        }
        Some(length)
    }

    /// Returns the length in words of the first of `phrases` that matches at word `at`.
    pub(super) fn match_any(&self, at: usize, phrases: &[&str]) -> Option<usize> {
        phrases.iter().find_map(|phrase| self.match_at(at, phrase))
    }

    /// Returns the byte range of `length` words from word `at` on.
    pub(super) fn span(&self, at: usize, length: usize) -> Range<usize> {
        match (self.spans.get(at), self.spans.get((at + length).saturating_sub(1))) {
            (Some(first), Some(last)) if length > 0 => first.start..last.end,
            _ => 0..self.text.len(),
        }
    }

    /// Returns the byte range of the first `length` words, at least one.
    pub(super) fn through(&self, length: usize) -> Range<usize> {
        self.span(0, length.max(1))
    }

    /// Returns the text after the first `length` words.
    pub(super) fn after(&self, length: usize) -> &'a str {
        &self.text[self.through(length).end..]
    }
}

/// Returns the text after whitespace and Markdown emphasis or heading marks.
pub(super) fn undecorated(text: &str) -> &str {
    text.trim_start_matches(|character| is_space(character) || matches!(character, '*' | '_' | '#'))
}

/// Returns true if `word` is `expected`, ignoring case and the form of the apostrophe.
pub(super) fn same_word(word: &str, expected: &str) -> bool {
    // Fast path: nearly all words are ASCII, and this runs for every word of every caption.
    if word.is_ascii() { word.eq_ignore_ascii_case(expected) } else { normalize(word) == expected }
}

/// Converts a word to the form used in phrases: lowercase with straight apostrophes.
pub(super) fn normalize(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    let lower = word.chars().flat_map(char::to_lowercase);
    Cow::Owned(lower.map(|letter| if letter == '’' { '\'' } else { letter }).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_have_spans_and_gaps() {
        let words = Words::of("A red, red coat.");
        assert_eq!((words.len(), words.get(2), words.gap(1), words.gap(3)), (4, Some("red"), ", ", "."));
        assert_eq!((words.span(1, 2), words.get(4), words.start(9)), (2..10, None, 16));
    }

    proptest! {
        #[test]
        fn words_and_gaps_cover_the_text(text in any::<String>(), marked in "[a\"'“”’ 「」]{0,20}") {
            for text in [text, marked] {
                let words = Words::of(&text);
                let total: usize = (0..words.len()).map(|at| words.get(at).unwrap().len() + words.gap(at).len()).sum();
                prop_assert_eq!(total + words.start(0), text.len());
            }
        }
    }
}
