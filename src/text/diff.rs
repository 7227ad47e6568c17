//! A diff of two texts by words.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

/// The most bytes compared per text. Splitting longer texts into words would take longer than a frame.
const MAX_BYTES: usize = 16 * 1024;

/// The most words and separators compared, of both texts together, without their common prefix and suffix. The diff takes
/// quadratic time. A limit on the count rather than a timeout gives the same result on every machine; captions of up to
/// about 700 words stay below it.
const MAX_TOKENS: usize = 2_800;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiffKind {
    Same,
    Removed,
    Added,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffSegment<'a> {
    pub kind: DiffKind,
    /// Never empty.
    pub text: &'a str,
}

/// Diffs two texts by Unicode word boundaries (Korean by word, Chinese and Japanese by character).
///
/// The `Same` and `Removed` segments add up to `old`, and the `Same` and `Added` ones to `new`. A removal precedes the
/// addition that replaces it, and changes separated only by whitespace are merged. For texts that are too long to diff
/// within a frame, returns a removal of `old` and an addition of `new`.
#[must_use]
pub fn diff_words<'a>(old: &'a str, new: &'a str) -> Vec<DiffSegment<'a>> {
    let mut segments = Segments { old, new, list: Vec::new() };
    if old == new {
        segments.same(0..old.len());
        return segments.list;
    }
    if old.len() > MAX_BYTES || new.len() > MAX_BYTES {
        segments.change(0..old.len(), 0..new.len());
        return segments.list;
    }
    let old_words = Words::of(old);
    let new_words = Words::of(new);
    let head = common(old_words.words.iter(), new_words.words.iter());
    let tail = common(old_words.words[head..].iter().rev(), new_words.words[head..].iter().rev());
    let old_middle = head..old_words.words.len() - tail;
    let new_middle = head..new_words.words.len() - tail;
    if old_middle.len() + new_middle.len() > MAX_TOKENS {
        segments.change(0..old.len(), 0..new.len());
        return segments.list;
    }

    // A change is emitted only when unchanged text follows: whitespace between two changes is part of the change.
    let mut old_change = old_words.bytes(old_middle.start..old_middle.start);
    let mut new_change = new_words.bytes(new_middle.start..new_middle.start);
    segments.same(0..old_change.start);
    let operations = capture_diff_slices(
        Algorithm::Myers,
        &old_words.words[old_middle.clone()],
        &new_words.words[new_middle.clone()],
    );
    for operation in operations {
        let old_range = old_words.bytes(shift(operation.old_range(), head));
        let new_range = new_words.bytes(shift(operation.new_range(), head));
        let unchanged = operation.tag() == DiffTag::Equal;
        if unchanged && !old[old_range.clone()].trim().is_empty() {
            segments.change(old_change, new_change);
            segments.same(old_range.clone());
            (old_change, new_change) = (old_range.end..old_range.end, new_range.end..new_range.end);
        } else {
            (old_change.end, new_change.end) = (old_range.end, new_range.end);
        }
    }
    segments.change(old_change.clone(), new_change);
    segments.same(old_change.end..old.len());
    segments.list
}

/// Collects segments and skips empty ones.
struct Segments<'a> {
    old: &'a str,
    new: &'a str,
    list: Vec<DiffSegment<'a>>,
}

impl Segments<'_> {
    fn same(&mut self, old: Range<usize>) {
        if !old.is_empty() {
            self.list.push(DiffSegment { kind: DiffKind::Same, text: &self.old[old] });
        }
    }

    fn change(&mut self, old: Range<usize>, new: Range<usize>) {
        if !old.is_empty() {
            self.list.push(DiffSegment { kind: DiffKind::Removed, text: &self.old[old] });
        }
        if !new.is_empty() {
            self.list.push(DiffSegment { kind: DiffKind::Added, text: &self.new[new] });
        }
    }
}

/// A text split into words and separators.
struct Words<'a> {
    words: Vec<&'a str>,
    /// The byte offset of each of `words`, and the end of the text.
    offsets: Vec<usize>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let (mut offsets, words): (Vec<usize>, Vec<&str>) = text.split_word_bound_indices().unzip();
        offsets.push(text.len());
        Self { words, offsets }
    }

    /// Converts a range of words to bytes.
    fn bytes(&self, words: Range<usize>) -> Range<usize> {
        self.offsets[words.start]..self.offsets[words.end]
    }
}

/// Returns the length of the common prefix.
fn common<'a>(old: impl Iterator<Item = &'a &'a str>, new: impl Iterator<Item = &'a &'a str>) -> usize {
    old.zip(new).take_while(|(old, new)| old == new).count()
}

fn shift(range: Range<usize>, by: usize) -> Range<usize> {
    range.start + by..range.end + by
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::DiffKind::{Added, Removed, Same};
    use super::*;

    fn pairs<'a>(old: &'a str, new: &'a str) -> Vec<(DiffKind, &'a str)> {
        diff_words(old, new).into_iter().map(|segment| (segment.kind, segment.text)).collect()
    }

    fn side(segments: &[DiffSegment<'_>], other: DiffKind) -> String {
        segments.iter().filter(|segment| segment.kind != other).map(|segment| segment.text).collect()
    }

    #[rstest]
    #[case("", "", &[])]
    #[case("same", "same", &[(Same, "same")])]
    #[case("", "new", &[(Added, "new")])]
    #[case("old", "", &[(Removed, "old")])]
    #[case("a red coat", "a blue coat", &[(Same, "a "), (Removed, "red"), (Added, "blue"), (Same, " coat")])]
    #[case("red coat", "red wool coat", &[(Same, "red "), (Added, "wool "), (Same, "coat")])]
    #[case("젊은 여성이 서 있다", "젊은 남성이 서 있다",
        &[(Same, "젊은 "), (Removed, "여성이"), (Added, "남성이"), (Same, " 서 있다")])]
    fn changes_are_whole_words(#[case] old: &str, #[case] new: &str, #[case] expected: &[(DiffKind, &str)]) {
        assert_eq!(pairs(old, new), expected);
    }

    #[test]
    fn changes_separated_by_a_space_are_merged() {
        let expected = [(Same, "in "), (Removed, "red coat"), (Added, "blue hat"), (Same, " outside")];
        assert_eq!(pairs("in red coat outside", "in blue hat outside"), expected);
    }

    #[test]
    fn texts_that_are_too_long_are_replaced() {
        let words: Vec<String> = (0..MAX_TOKENS).map(|word| word.to_string()).collect();
        let old = words.join(" ");
        let new = words.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(pairs(&old, &new), [(Removed, old.as_str()), (Added, new.as_str())]);

        let long = "a".repeat(100_000);
        let longer = format!("{long} b");
        assert_eq!(pairs(&long, &longer), [(Removed, long.as_str()), (Added, longer.as_str())]);
    }

    #[test]
    fn a_long_text_with_one_changed_word_is_diffed() {
        let start = "word and ".repeat(700);
        let (old, new) = (format!("{start}red end"), format!("{start}blue end"));
        assert_eq!(pairs(&old, &new), [(Same, start.as_str()), (Removed, "red"), (Added, "blue"), (Same, " end")]);
    }

    proptest! {
        #[test]
        fn the_segments_add_up_to_both_texts(old in "[ab ,가나]{0,40}", new in "[ab ,가나]{0,40}") {
            let segments = diff_words(&old, &new);
            prop_assert_eq!(side(&segments, Added), old.as_str());
            prop_assert_eq!(side(&segments, Removed), new.as_str());
            for pair in segments.windows(2) {
                let in_order = match pair[0].kind {
                    Same => pair[1].kind != Same,
                    Removed => pair[1].kind != Removed,
                    Added => pair[1].kind == Same,
                };
                prop_assert!(in_order, "{segments:?}");
            }
        }

        #[test]
        fn arbitrary_texts_are_handled(old in any::<String>(), new in any::<String>()) {
            let segments = diff_words(&old, &new);
            prop_assert_eq!(side(&segments, Added), old.as_str());
            prop_assert_eq!(side(&segments, Removed), new.as_str());
            prop_assert!(segments.iter().all(|segment| !segment.text.is_empty()));
        }
    }
}
