//! The words that only one of two captions has.

use ratatui::style::Style;

use crate::text::{self, DiffKind};
use crate::tui::marked_text::Mark;

/// The maximum number of characters shown: comparing a million characters takes longer than a frame.
const MAX_SHOWN: usize = 6_000;

/// The minimum proportion of common text for a diff. Below it, two texts without marks are easier to read.
const MIN_SIMILARITY: f64 = 0.5;

/// Marks the words that only `own` has, if the texts are similar: those that are removed from it or added to the other one.
pub(super) fn difference(own: &str, other: &str, kind: DiffKind, style: Style) -> Vec<Mark> {
    let (own_shown, other) = (clipped(own), clipped(other));
    let (old, new) = if kind == DiffKind::Added { (other, own_shown) } else { (own_shown, other) };
    let segments = text::diff_words(old, new);
    let common: usize =
        segments.iter().filter(|segment| segment.kind == DiffKind::Same).map(|segment| segment.text.len()).sum();
    #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^52 bytes")]
    let similar = common as f64 >= MIN_SIMILARITY * own_shown.len().max(other.len()) as f64;
    if !similar || own_shown.len() < own.len() {
        return Vec::new();
    }
    let mut end = 0;
    let mut marks = Vec::new();
    for segment in segments.iter().filter(|segment| matches!(segment.kind, DiffKind::Same) || segment.kind == kind) {
        let start = end;
        end += segment.text.len();
        if segment.kind == kind {
            marks.push((start..end, style));
        }
    }
    marks
}

/// Returns the part of a caption that is shown.
pub(super) fn clipped(words: &str) -> &str {
    words.char_indices().nth(MAX_SHOWN).map_or(words, |(end, _)| &words[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn marked<'a>(own: &'a str, other: &str, kind: DiffKind) -> Vec<&'a str> {
        difference(own, other, kind, Style::new()).into_iter().map(|(range, _)| own[range].trim()).collect()
    }

    #[rstest]
    #[case("A person in a blue coat.", "A person in a red coat.", &["blue"])]
    #[case("A person\r\nin a\u{200b} blue coat.", "A person\r\nin a\u{200b} red coat.", &["blue"])]
    #[case("Three hats on a shelf.", "A person in a red coat, walking.", &[])]
    #[case("Same.", "Same.", &[])]
    fn words_of_one_text_are_marked(#[case] own: &str, #[case] other: &str, #[case] expected: &[&str]) {
        assert_eq!(marked(own, other, DiffKind::Added), expected);
        assert_eq!(marked(own, other, DiffKind::Removed), expected);
    }

    #[test]
    fn a_text_that_changed_by_more_than_half_is_not_marked() {
        let original =
            "A long-sleeved cream dress with a round neck, spread out on a wooden floor beside a patterned rug.";
        assert!(marked(original, "A cream dress on a wooden floor.", DiffKind::Removed).is_empty());
        assert_eq!(marked(original, &original.replace("cream", "white"), DiffKind::Removed), ["cream"]);
    }

    proptest! {
        #[test]
        fn marks_are_within_the_text(own in any::<String>(), other in any::<String>()) {
            for kind in [DiffKind::Added, DiffKind::Removed] {
                for (range, _) in difference(&own, &other, kind, Style::new()) {
                    prop_assert!(own.get(range).is_some_and(|part| !part.is_empty()));
                }
            }
        }
    }
}
