//! Phrases: sequences of words, compared in lower case and without surrounding punctuation.

use std::borrow::Cow;

use super::words;

/// A normalised word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BareWord<'a> {
    /// Lower case, without surrounding punctuation; empty if it is only punctuation.
    pub text: Cow<'a, str>,
    /// The next word belongs to another clause.
    pub ends_clause: bool,
}

/// Returns the normalised words of a text.
pub fn bare_words(text: &str) -> impl Iterator<Item = BareWord<'_>> {
    // Bytes are faster, for nearly all words.
    words(text).map(|word| if word.is_ascii() { bare_ascii_word(word) } else { bare_word(word) })
}

fn bare_word(word: &str) -> BareWord<'_> {
    let bare = |character: char| !character.is_alphanumeric();
    // Trimmed after lowercasing, because the lower case of some letters ends in a combining mark.
    let text = Cow::Owned(word.to_lowercase().trim_matches(bare).to_owned());
    let ends_clause = word.trim_start_matches(bare).ends_with(['.', ',', ';', ':', '!', '?', ')', '—', '。', '，']);
    BareWord { text, ends_clause }
}

fn bare_ascii_word(word: &str) -> BareWord<'_> {
    let bytes = word.as_bytes();
    let is_bare = |byte: &u8| byte.is_ascii_alphanumeric();
    let (Some(start), Some(last)) = (bytes.iter().position(is_bare), bytes.iter().rposition(is_bare)) else {
        return BareWord { text: Cow::Borrowed(""), ends_clause: false };
    };
    let text = &word[start..=last];
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let text = if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_ascii_lowercase()) };
    let ends_clause = matches!(bytes.last(), Some(b'.' | b',' | b';' | b':' | b'!' | b'?' | b')'));
    BareWord { text, ends_clause }
}

/// A sequence of normalised words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase(Vec<String>);

impl Phrase {
    /// Returns `None` if the text has no words.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let words: Vec<String> =
            bare_words(text).map(|word| word.text.into_owned()).filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// Returns the words, separated by spaces.
    #[must_use]
    pub fn words(&self) -> String {
        self.0.join(" ")
    }

    /// Returns true if `text` begins with these words.
    #[must_use]
    pub fn begins(&self, text: &str) -> bool {
        let mut words = bare_words(text).map(|word| word.text).filter(|word| !word.is_empty());
        self.0.iter().all(|word| words.next().is_some_and(|next| next == *word))
    }

    /// Returns true if `text` contains these words consecutively within one clause.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        let found: Vec<BareWord> = bare_words(text).collect();
        found.windows(self.0.len()).any(|found| {
            let inner = found.iter().take(found.len() - 1);
            inner.clone().all(|word| !word.ends_clause) && found.iter().map(|word| &word.text).eq(&self.0)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn case_and_punctuation_are_ignored() {
        let phrase = Phrase::new("young KOREAN, woman").expect("words");
        assert_eq!(phrase.words(), "young korean woman");
        assert!(phrase.is_in("A \"Young Korean woman\" in a coat."));
        assert!(!phrase.is_in("A young, Korean woman."), "another clause");
        assert!(!phrase.is_in("A young Korean womanly"));
        assert!(phrase.begins("… young Korean woman") && !phrase.begins("A young Korean woman"));
        assert!(!phrase.begins("Young Korean"));
        assert_eq!(Phrase::new(" … - "), None);
    }

    proptest! {
        #[test]
        fn ascii_words_follow_the_rule_for_all_words(word in "[!-~]{1,8}") {
            prop_assert_eq!(bare_ascii_word(&word), bare_word(&word));
        }

        #[test]
        fn a_text_begins_with_its_own_words(text in "[a-zA-Z가-힣 ,.\"-]{0,60}", first in 1_usize..5) {
            let words: Vec<String> = bare_words(&text).map(|word| word.text.into_owned()).filter(|word| !word.is_empty()).collect();
            let opening = words.iter().take(first).cloned().collect::<Vec<_>>().join(" ");
            if let Some(phrase) = Phrase::new(&opening) {
                prop_assert!(phrase.begins(&text));
            }
        }
    }
}
