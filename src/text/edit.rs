//! The text that an edit results in: only the typed characters differ from the text before.

use std::borrow::Cow;

use super::words::{has_line_break, is_space, single_line, trim};

/// Returns true if the line breaks in an edited text will be joined. A text that has line breaks before the edit keeps
/// them, and takes new ones.
#[must_use]
pub fn joins_lines(before: &str, typed: &str, keeps_line_breaks: bool) -> bool {
    !keeps_line_breaks && has_line_break(trim(typed)) && !has_line_break(before)
}

/// Returns the text that an edit of `before` results in. White space typed at the ends is removed, and line breaks are
/// joined if [`joins_lines`] returns true; white space that was there before is kept.
#[must_use]
pub fn edited<'a>(before: &str, typed: &'a str, keeps_line_breaks: bool) -> Cow<'a, str> {
    if typed == before {
        return Cow::Borrowed(typed);
    }
    let words = trim(typed);
    let (start, end) = ends(typed);
    let (old_start, old_end) = ends(before);
    let start = &start[start.len() - kept(start, old_start, common_suffix)..];
    let end = &end[..kept(end, old_end, common_prefix)];
    if joins_lines(before, typed, keeps_line_breaks) {
        return Cow::Owned(format!("{start}{}{end}", single_line(words)));
    }
    let from = typed.len() - typed.trim_start_matches(is_space).len() - start.len();
    Cow::Borrowed(&typed[from..from + start.len() + words.len() + end.len()])
}

/// Returns the number of bytes of white space to keep: all if nothing was typed in it, else the part that `common` finds in
/// both.
fn kept(space: &str, before: &str, common: fn(&str, &str) -> usize) -> usize {
    let is_untyped =
        space.len() <= before.len() && common_prefix(space, before) + common_suffix(space, before) >= space.len();
    if is_untyped { space.len() } else { common(space, before) }
}

fn common_prefix(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

fn common_suffix(a: &str, b: &str) -> usize {
    a.chars().rev().zip(b.chars().rev()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

/// Returns the white space at the start and at the end. A blank text has it at the start.
fn ends(text: &str) -> (&str, &str) {
    let start = text.len() - text.trim_start_matches(is_space).len();
    let end = text.trim_end_matches(is_space).len().max(start);
    (&text[..start], &text[end..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::typed_ends("One.", " One. ", "One.")]
    #[case::typed_breaks("One.", "a coat,\n  a hat.\n", "a coat, a hat.")]
    #[case::lines_stay_lines("1girl\nsolo", "1girl\nsolo\nhat", "1girl\nsolo\nhat")]
    #[case::line_separator("a\u{2028}b", "a\u{2028}c", "a\u{2028}c")]
    #[case::old_ends_stay(" a hat \n", " a red hat \n", " a red hat \n")]
    #[case::old_ends_without_typed_ones(" a hat ", "  a red hat  ", " a red hat ")]
    #[case::removed_ends(" a hat \n", "a hat", "a hat")]
    #[case::a_removed_break("a hat \n", "a hat ", "a hat ")]
    #[case::carriage_return("a\r\nb", "a\r\nb c", "a\r\nb c")]
    #[case::a_tab("a\tb", "a\tb c", "a\tb c")]
    fn only_typed_text_is_changed(#[case] before: &str, #[case] typed: &str, #[case] expected: &str) {
        assert_eq!(edited(before, typed, false), expected);
    }

    #[test]
    fn typed_line_breaks_are_kept_if_configured() {
        assert_eq!(edited("One.", "a\nb\n", true), "a\nb");
    }

    proptest! {
        #[test]
        fn text_typed_inside_leaves_the_rest(
            before in "[ab \n\r\t\u{2028}]{0,8}[ab][ab \n\r\t\u{2028}]{0,8}",
            at in any::<prop::sample::Index>(),
            typed in "[c-e]{1,4}",
        ) {
            let places: Vec<usize> = before.char_indices().map(|(place, _)| place).collect();
            let at = places[at.index(places.len())];
            let after = format!("{}{typed}{}", &before[..at], &before[at..]);
            prop_assert_eq!(edited(&before, &after, false), after.as_str());
        }

        #[test]
        fn an_unchanged_text_stays(text in any::<String>(), keeps in any::<bool>()) {
            prop_assert_eq!(edited(&text, &text, keeps), text.as_str());
        }

        #[test]
        fn no_word_is_lost(before in "[a \n]{0,6}", typed in "[a-c \n\r\u{2028}]{0,12}") {
            let result = edited(&before, &typed, false);
            let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&result), words(&typed));
        }
    }
}
