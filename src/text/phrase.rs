//! Words in a row, as captions are compared by them: in lower case and without punctuation at their ends.

use super::words;

/// A word of a text as it is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BareWord {
    /// In lower case, without punctuation at its ends; empty where there is nothing else.
    pub text: String,
    /// Whether the words after it are of another clause.
    pub ends_clause: bool,
}

/// The words of a text as they are compared.
pub fn bare_words(text: &str) -> impl Iterator<Item = BareWord> {
    words(text).map(|word| {
        let bare = |character: char| !character.is_alphanumeric();
        // Trimmed last: a letter's lower case may end in a mark that is none.
        let text = word.to_lowercase().trim_matches(bare).to_owned();
        let ends_clause = word.trim_start_matches(bare).ends_with(['.', ',', ';', ':', '!', '?', ')', '—', '。', '，']);
        BareWord { text, ends_clause }
    })
}

/// Words in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase(Vec<String>);

impl Phrase {
    /// The words of a text; nothing where there are none.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let words: Vec<String> = bare_words(text).map(|word| word.text).filter(|word| !word.is_empty()).collect();
        (!words.is_empty()).then_some(Self(words))
    }

    /// The words, with a space between them.
    #[must_use]
    pub fn words(&self) -> String {
        self.0.join(" ")
    }

    /// Whether these are a text's first words.
    #[must_use]
    pub fn begins(&self, text: &str) -> bool {
        let mut found = bare_words(text).map(|word| word.text).filter(|word| !word.is_empty());
        self.0.iter().all(|word| found.next().as_ref() == Some(word))
    }

    /// Whether a text has these words in a row, in one clause.
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
    fn words_are_compared_without_capitals_and_punctuation() {
        let phrase = Phrase::new("young KOREAN, woman").expect("it has words");
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
        fn a_text_begins_with_its_own_words(text in "[a-zA-Z가-힣 ,.\"-]{0,60}", first in 1_usize..5) {
            let words: Vec<String> = bare_words(&text).map(|word| word.text).filter(|word| !word.is_empty()).collect();
            let opening = words.iter().take(first).cloned().collect::<Vec<_>>().join(" ");
            if let Some(phrase) = Phrase::new(&opening) {
                prop_assert!(phrase.begins(&text));
            }
        }
    }
}
