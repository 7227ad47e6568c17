//! Adding text before or after a caption, unless it is there already.

use unicode_segmentation::UnicodeSegmentation;

use super::sentence::{is_chinese_or_japanese, separates};
use super::words::is_space;

/// Returns the text with `prefix` before it, or `None` if it begins with these words. White space at the start is kept.
#[must_use]
pub fn with_prefix(text: &str, prefix: &str) -> Option<String> {
    let start = text.len() - text.trim_start_matches(is_space).len();
    let (space, words) = text.split_at(start);
    let is_there = words.starts_with(prefix) && is_word_boundary(words, prefix.len());
    (!is_there).then(|| format!("{space}{}", joined(prefix, words)))
}

/// Returns the text with `suffix` after it, or `None` if it ends with these words. White space at the end is kept.
#[must_use]
pub fn with_suffix(text: &str, suffix: &str) -> Option<String> {
    let (words, space) = text.split_at(text.trim_end_matches(is_space).len());
    let is_there = words.ends_with(suffix) && is_word_boundary(words, words.len() - suffix.len());
    (!is_there).then(|| format!("{}{space}", joined(words, suffix)))
}

/// Joins two texts with a space, unless one has a space there, punctuation sticks to its neighbour, or both are Chinese or
/// Japanese. A separator that both have is not repeated.
fn joined(before: &str, after: &str) -> String {
    let (Some(left), Some(right)) = (before.chars().next_back(), after.chars().next()) else {
        return format!("{before}{after}");
    };
    if left == right && separates(left) {
        return format!("{before}{}", &after[right.len_utf8()..]);
    }
    let sticks = is_space(left)
        || is_space(right)
        || matches!(
            left,
            '(' | '[' | '{' | '“' | '‘' | '«' | '「' | '『' | '（' | '、' | '。' | '，' | '．' | '；' | '：'
        )
        || separates(right)
        || matches!(
            right,
            '.' | '!' | '?' | '…' | ')' | ']' | '}' | '”' | '’' | '»' | '。' | '．' | '！' | '？' | '」' | '』' | '）'
        )
        || is_chinese_or_japanese(left) && is_chinese_or_japanese(right);
    if sticks { format!("{before}{after}") } else { format!("{before} {after}") }
}

/// Returns true if a word begins or ends at a byte offset (Unicode's word boundaries).
fn is_word_boundary(text: &str, at: usize) -> bool {
    at == text.len() || text.split_word_bound_indices().any(|(start, _)| start == at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a photo of", "a hat", Some("a photo of a hat"))]
    #[case("a photo of", "a photo of a hat", None)]
    #[case("man", "mandarin collar shirt", Some("man mandarin collar shirt"))]
    #[case("man", "man in a coat", None)]
    #[case("man", "man, coat", None)]
    #[case("sks,", "sks, 1girl", None)]
    #[case("sks,", "1girl, solo", Some("sks, 1girl, solo"))]
    #[case("sks ", "1girl", Some("sks 1girl"))]
    #[case("(", "red) coat", Some("(red) coat"))]
    #[case("남자", "남자가 서 있다", Some("남자 남자가 서 있다"))]
    #[case("남자", "남자 한 명", None)]
    #[case("写真、", "帽子", Some("写真、帽子"))]
    #[case("赤い", "帽子", Some("赤い帽子"))]
    #[case("photo of", "\n1girl\nsolo", Some("\nphoto of 1girl\nsolo"))]
    fn prefixes(#[case] prefix: &str, #[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(with_prefix(text, prefix).as_deref(), expected);
    }

    #[rstest]
    #[case(", best quality", "a shirt", Some("a shirt, best quality"))]
    #[case(", best quality", "1girl, solo,", Some("1girl, solo, best quality"))]
    #[case(" , best quality", "a shirt", Some("a shirt , best quality"))]
    #[case("studio light", "a shirt", Some("a shirt studio light"))]
    #[case("coat", "a raincoat", Some("a raincoat coat"))]
    #[case("coat", "a rain coat", None)]
    #[case(".", "a coat", Some("a coat."))]
    #[case("solo", "1girl\n", Some("1girl solo\n"))]
    #[case("스튜디오", "흰 셔츠", Some("흰 셔츠 스튜디오"))]
    #[case("、室内", "帽子", Some("帽子、室内"))]
    fn suffixes(#[case] suffix: &str, #[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(with_suffix(text, suffix).as_deref(), expected);
    }

    proptest! {
        #[test]
        fn the_text_is_within_the_result(text in "[a-c ,\n가]{1,12}", other in "[a-c ,가]{1,6}") {
            if let Some(longer) = with_prefix(&text, &other) {
                prop_assert!(longer.trim_start().starts_with(other.trim()) || longer.starts_with(&other));
            }
            if let Some(longer) = with_suffix(&text, &other) {
                prop_assert!(longer.starts_with(text.trim_end()));
            }
        }
    }
}
