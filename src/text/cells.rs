//! Measures and truncates text in terminal cells.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Returns the width of `text` in columns: the sum over its grapheme clusters. Expects sanitised text; a control character
/// counts as one column.
#[must_use]
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// Truncates `text` to `columns`, with `ellipsis` at the end if it does not fit. Never splits a grapheme cluster. If not
/// even the ellipsis fits, truncates without it.
#[must_use]
pub fn truncate_to_width<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    let ellipsis = if width(ellipsis) <= columns { ellipsis } else { "" };
    let available = columns - width(ellipsis);
    let mut filled = 0;
    // The end of the text if it needs the ellipsis.
    let mut kept = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        filled += grapheme.width();
        if filled > columns {
            let mut cut = text[..kept].to_owned();
            cut.push_str(ellipsis);
            return Cow::Owned(cut);
        }
        if filled <= available {
            kept = at + grapheme.len();
        }
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", 0)]
    #[case("coat", 4)]
    #[case("여성", 4)]
    #[case("\u{1112}\u{1161}\u{11ab}", 2)] // The first syllable, decomposed.
    #[case("👩‍👩‍👧", 2)]
    #[case("e\u{301}", 1)]
    fn width_counts_terminal_cells(#[case] text: &str, #[case] columns: usize) {
        assert_eq!(width(text), columns);
    }

    #[rstest]
    #[case("coat", 4, "coat")]
    #[case("coats", 4, "coa…")]
    #[case("coats", 1, "…")]
    #[case("coats", 0, "")]
    #[case("여성이", 6, "여성이")]
    #[case("여성이", 5, "여성…")]
    #[case("여성이", 4, "여…")] // One cell is left over.
    #[case("a👩‍👩‍👧b", 3, "a…")]
    #[case("ae\u{301}bc", 3, "ae\u{301}…")]
    fn truncates_between_grapheme_clusters(#[case] text: &str, #[case] columns: usize, #[case] cut: &str) {
        assert_eq!(truncate_to_width(text, columns, "…"), cut);
    }

    #[test]
    fn an_ellipsis_that_does_not_fit_is_omitted() {
        assert_eq!(truncate_to_width("coats", 2, "..."), "co");
        assert_eq!(truncate_to_width("coats", 3, "..."), "...");
    }

    proptest! {
        #[test]
        fn the_result_fits_and_is_unchanged_if_the_text_fits(text in "[a가é👩‍]{0,12}", columns in 0_usize..14) {
            let cut = truncate_to_width(&text, columns, "…");
            prop_assert!(width(&cut) <= columns);
            prop_assert_eq!(width(&text) <= columns, cut == text);
        }
    }
}
