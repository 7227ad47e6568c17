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
    let (text, ends_clause) = trimmed_ascii_word(word);
    let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    let text = if is_lower { Cow::Borrowed(text) } else { Cow::Owned(text.to_ascii_lowercase()) };
    BareWord { text, ends_clause }
}

/// Returns the word without surrounding punctuation, and whether it ends a clause.
fn trimmed_ascii_word(word: &str) -> (&str, bool) {
    let bytes = word.as_bytes();
    let is_bare = |byte: &u8| byte.is_ascii_alphanumeric();
    let (Some(start), Some(last)) = (bytes.iter().position(is_bare), bytes.iter().rposition(is_bare)) else {
        return ("", false);
    };
    (&word[start..=last], matches!(bytes.last(), Some(b'.' | b',' | b';' | b':' | b'!' | b'?' | b')')))
}

/// A word, and the hash of its normalised form.
#[derive(Clone, Copy, Debug)]
pub struct HashedWord<'a> {
    /// As written.
    word: &'a str,
    /// Equal if the normalised words are.
    pub hash: u64,
    /// The word is only punctuation.
    pub is_empty: bool,
    /// The next word belongs to another clause.
    pub ends_clause: bool,
}

impl HashedWord<'_> {
    /// Returns the normalised word.
    #[must_use]
    pub fn text(&self) -> String {
        bare_words(self.word).map(|bare| bare.text).collect()
    }
}

/// Returns the words of a text like [`bare_words`], but only hashes them, which is faster.
pub fn hashed_words(text: &str) -> impl Iterator<Item = HashedWord<'_>> {
    words(text).map(|word| {
        if word.is_ascii() {
            let (text, ends_clause) = trimmed_ascii_word(word);
            return HashedWord { word, hash: hash(text), is_empty: text.is_empty(), ends_clause };
        }
        let BareWord { text, ends_clause } = bare_word(word);
        HashedWord { word, hash: hash(&text), is_empty: text.is_empty(), ends_clause }
    })
}

/// Hashes a word without regard to the case of ASCII letters, eight bytes at a time.
fn hash(word: &str) -> u64 {
    let lower = |mut bytes: [u8; 8]| {
        bytes.make_ascii_lowercase();
        u64::from_le_bytes(bytes)
    };
    let (chunks, rest) = word.as_bytes().as_chunks();
    let hash = chunks.iter().fold(word.len() as u64, |hash, chunk| mix(hash, lower(*chunk)));
    let rest = rest.iter().rev().fold(0_u64, |rest, byte| rest << 8 | u64::from(*byte));
    mix(hash, lower(rest.to_le_bytes()))
}

/// Adds a number to a hash.
#[must_use]
pub const fn mix(hash: u64, next: u64) -> u64 {
    (hash.rotate_left(29) ^ next).wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
        fn words_have_one_hash_if_they_are_normalised_to_one(text in "([,.\"]?[aAbB]{1,2}[a-zA-ZÀ-ÿ가-각]{0,9}[,.)]? ){1,12}") {
            let bare: Vec<BareWord> = bare_words(&text).collect();
            let hashed: Vec<HashedWord> = hashed_words(&text).collect();
            prop_assert_eq!(bare.len(), hashed.len());
            for (one, hashed_one) in bare.iter().zip(&hashed) {
                prop_assert_eq!(&one.text, &hashed_one.text());
                prop_assert_eq!((one.text.is_empty(), one.ends_clause), (hashed_one.is_empty, hashed_one.ends_clause));
                for (other, hashed_other) in bare.iter().zip(&hashed) {
                    prop_assert_eq!(one.text == other.text, hashed_one.hash == hashed_other.hash);
                }
            }
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
