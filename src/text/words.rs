//! Words and whitespace with Python's semantics.

use std::borrow::Cow;

/// Returns true if `character` separates words. Matches Python's `str.isspace`, so that a word limit means the same as in the
/// script that wrote the captions: Unicode's `White_Space` and the four ASCII information separators.
#[must_use]
pub fn is_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Trims whitespace from both ends, like Python's `str.strip()`.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Splits `text` at whitespace, like Python's `str.split()`.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_separator = |byte: &u8| matches!(byte, b'\t'..=b'\r' | 0x1c..=b' ');
    let is_ascii = text.is_ascii();
    let mut others = text.split(is_space).filter(|word| !word.is_empty());
    let mut at = 0;
    std::iter::from_fn(move || {
        if !is_ascii {
            return others.next();
        }
        // Faster for nearly all captions.
        let rest = &text.as_bytes()[at..];
        let start = at + rest.iter().position(|byte| !is_separator(byte))?;
        let word = text.as_bytes()[start..].iter().position(is_separator);
        at = word.map_or(text.len(), |len| start + len);
        Some(&text[start..at])
    })
}

#[must_use]
pub fn word_count(text: &str) -> usize {
    words(text).count()
}

/// Returns the prefix of `text` that ends with word number `limit`, or all of `text` if it has no more words.
#[must_use]
pub fn clip_words(text: &str, limit: usize) -> &str {
    let mut words = 0;
    let mut end = 0;
    let mut inside = false;
    for (at, character) in text.char_indices() {
        if is_space(character) {
            inside = false;
            continue;
        }
        if !inside {
            if words == limit {
                return &text[..end];
            }
            words += 1;
            inside = true;
        }
        end = at + character.len_utf8();
    }
    text
}

/// Joins lines: replaces each line break and the whitespace around it by one space, and trims the ends. Whitespace within a
/// line is unchanged.
#[must_use]
pub fn single_line(text: &str) -> Cow<'_, str> {
    let text = trim(text);
    if !has_line_break(text) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = text.split(is_line_break).map(trim).filter(|line| !line.is_empty()).collect();
    Cow::Owned(lines.join(" "))
}

pub(super) fn has_line_break(text: &str) -> bool {
    text.contains(is_line_break)
}

/// Matches the line boundaries of Python's `str.splitlines`.
pub(super) fn is_line_break(character: char) -> bool {
    matches!(character, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// The characters for which Python 3.13's `str.isspace` is true.
    const PYTHON_SPACES: &str = "\t\n\u{b}\u{c}\r\u{1c}\u{1d}\u{1e}\u{1f} \u{85}\u{a0}\u{1680}\u{2000}\u{2001}\u{2002}\
        \u{2003}\u{2004}\u{2005}\u{2006}\u{2007}\u{2008}\u{2009}\u{200a}\u{2028}\u{2029}\u{202f}\u{205f}\u{3000}";

    #[test]
    fn separators_are_exactly_those_of_python() {
        let spaces: String = ('\0'..=char::MAX).filter(|&character| is_space(character)).collect();
        assert_eq!(spaces, PYTHON_SPACES);
    }

    #[rstest]
    #[case("", 0)]
    #[case(" \t\n", 0)]
    #[case("one", 1)]
    #[case("  one\u{a0}two\u{3000}three ", 3)]
    #[case("one\u{1c}two\u{1f}three", 3)]
    #[case("zero\u{200b}width joins", 2)]
    #[case("검은 코트를 입은 여성", 4)]
    #[case("black-and-white , shirt", 3)]
    fn words_are_separated_by_whitespace(#[case] text: &str, #[case] words: usize) {
        assert_eq!(word_count(text), words);
    }

    #[rstest]
    #[case("  one  two three", 2, "  one  two")]
    #[case("one two ", 2, "one two ")]
    #[case("one", 0, "")]
    #[case("여성이 서 있다", 1, "여성이")]
    fn clipping_ends_with_the_last_allowed_word(#[case] text: &str, #[case] limit: usize, #[case] clipped: &str) {
        assert_eq!(clip_words(text, limit), clipped);
    }

    #[rstest]
    #[case("plain", "plain")]
    #[case("\u{a0} a  b \n", "a  b")]
    #[case("first \r\n\r\n  second\u{2028}third", "first second third")]
    #[case("a\u{b}b\u{85}c", "a b c")]
    #[case("\n\n", "")]
    fn line_breaks_become_spaces(#[case] text: &str, #[case] line: &str) {
        assert_eq!(single_line(text), line);
    }

    proptest! {
        #[test]
        fn clipping_returns_a_prefix_with_at_most_the_limit(text in any::<String>(), limit in 0_usize..6) {
            let clipped = clip_words(&text, limit);
            prop_assert!(text.starts_with(clipped));
            prop_assert_eq!(word_count(clipped), word_count(&text).min(limit));
        }

        #[test]
        fn words_are_what_is_between_spaces(text in "[ab \\x00-\\x20\\x7f]{0,24}[é\u{85}\u{3000} ]?[a ]{0,2}") {
            let expected: Vec<&str> = text.split(is_space).filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn joining_lines_keeps_the_words(text in "[a-c \t\n\r\u{85}\u{2028}]{0,20}") {
            let line = single_line(&text);
            prop_assert!(!line.contains(is_line_break));
            prop_assert_eq!(line.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
        }
    }
}
