//! How many cells of a terminal a text fills, and the part of it that fits.

use std::borrow::Cow;

use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Columns that `text` fills, summed over what a reader sees as one character each. Meant for sanitised text: a control
/// character counts as one.
#[must_use]
pub fn width(text: &str) -> usize {
    text.graphemes(true).map(UnicodeWidthStr::width).sum()
}

/// `text` if it fits in `columns`, else as much of it as fits with `ellipsis` after it. What a reader sees as one
/// character is never cut. Where not even the ellipsis fits, the text is cut without one.
#[must_use]
pub fn truncate_to_width<'a>(text: &'a str, columns: usize, ellipsis: &str) -> Cow<'a, str> {
    let ellipsis = if width(ellipsis) <= columns { ellipsis } else { "" };
    let room = columns - width(ellipsis);
    let mut filled = 0;
    // Where the text would end if it had to make room for the ellipsis.
    let mut kept = 0;
    for (at, grapheme) in text.grapheme_indices(true) {
        filled += grapheme.width();
        if filled > columns {
            let mut cut = text[..kept].to_owned();
            cut.push_str(ellipsis);
            return Cow::Owned(cut);
        }
        if filled <= room {
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
    #[case("\u{1112}\u{1161}\u{11ab}", 2)] // The same syllable in three parts.
    #[case("👩‍👩‍👧", 2)]
    #[case("e\u{301}", 1)]
    fn cells_are_what_a_terminal_fills(#[case] text: &str, #[case] columns: usize) {
        assert_eq!(width(text), columns);
    }

    #[rstest]
    #[case("coat", 4, "coat")]
    #[case("coats", 4, "coa…")]
    #[case("coats", 1, "…")]
    #[case("coats", 0, "")]
    #[case("여성이", 6, "여성이")]
    #[case("여성이", 5, "여성…")]
    #[case("여성이", 4, "여…")] // One cell stays free: half a syllable does not exist.
    #[case("a👩‍👩‍👧b", 3, "a…")]
    #[case("ae\u{301}bc", 3, "ae\u{301}…")]
    fn what_does_not_fit_is_cut_between_characters(#[case] text: &str, #[case] columns: usize, #[case] cut: &str) {
        assert_eq!(truncate_to_width(text, columns, "…"), cut);
    }

    #[test]
    fn an_ellipsis_without_room_is_left_out() {
        assert_eq!(truncate_to_width("coats", 2, "..."), "co");
        assert_eq!(truncate_to_width("coats", 3, "..."), "...");
    }

    proptest! {
        #[test]
        fn the_result_fits_and_is_whole_if_the_text_does(text in "[a가é👩‍]{0,12}", columns in 0_usize..14) {
            let cut = truncate_to_width(&text, columns, "…");
            prop_assert!(width(&cut) <= columns);
            prop_assert_eq!(width(&text) <= columns, cut == text);
        }
    }
}
