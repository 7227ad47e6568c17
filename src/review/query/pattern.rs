//! A text to look for.

use std::ops::Range;

use regex::{Regex, RegexBuilder, bytes};

/// Why a text cannot be looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is too long to be looked for.
    #[error("too long to look for")]
    TooLong,
}

/// A text to look for. Capitals count if it has any, and only then.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    text: Regex,
    bytes: bytes::Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Finds `words` as they stand, anywhere.
    ///
    /// # Errors
    /// Where there are too many of them.
    pub fn literal(words: &str) -> Result<Self, PatternError> {
        let expression = regex::escape(words);
        let ignore_case = !words.chars().any(char::is_uppercase);
        let failed = |_| PatternError::TooLong;
        let text = RegexBuilder::new(&expression).case_insensitive(ignore_case).build().map_err(failed)?;
        let bytes = bytes::RegexBuilder::new(&expression).case_insensitive(ignore_case).build().map_err(failed)?;
        Ok(Self { source: words.to_owned(), text, bytes })
    }

    /// What is looked for, as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether a text has it.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.text.is_match(text)
    }

    /// Whether bytes that may be no text have it.
    #[must_use]
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.bytes.is_match(bytes)
    }

    /// Where a text has it, in bytes, from the left.
    pub fn places<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.text.find_iter(text).map(|found| found.range()).filter(|range| !range.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn pattern(words: &str) -> Pattern {
        Pattern::literal(words).expect("short")
    }

    #[rstest]
    #[case("coat", "A Coat.", true)]
    #[case("Coat", "A coat.", false)]
    #[case("Coat", "A Coat.", true)]
    #[case("코트", "빨간 코트.", true)]
    #[case("é", "É", true)]
    #[case("É", "é", false)]
    #[case("a.c", "abc", false)]
    #[case("(", "a (b)", true)]
    fn capitals_count_if_there_are_any(#[case] words: &str, #[case] text: &str, #[case] found: bool) {
        assert_eq!(pattern(words).matches(text), found);
    }

    #[test]
    fn what_is_too_long_is_refused() {
        assert_eq!(Pattern::literal(&"ß".repeat(1_000_000)), Err(PatternError::TooLong));
    }

    proptest! {
        #[test]
        fn every_part_of_a_text_is_found_where_it_is(
            before in "[a-cA-C한 ]{0,6}", words in "[a-cA-C한.*(]{1,4}", after in "[a-cA-C한 ]{0,6}",
        ) {
            let text = format!("{before}{words}{after}");
            let pattern = pattern(&words);
            prop_assert!(pattern.matches(&text) && pattern.is_in(text.as_bytes()));
            for place in pattern.places(&text) {
                prop_assert_eq!(text[place].to_lowercase(), words.to_lowercase());
            }
        }
    }
}
