//! What changed between two texts, word by word.

use std::ops::Range;

use similar::{Algorithm, DiffTag, capture_diff_slices};
use unicode_segmentation::UnicodeSegmentation;

/// Texts longer than this many bytes are not compared: cutting them into words alone would take longer than a frame has.
const MAX_BYTES: usize = 16 * 1024;

/// The most words and separators compared, of both texts together, after what they begin and end with in common is
/// set aside. Comparing takes time in the square of this. It is a count and not a time-out, so that the same two texts
/// look the same on every machine; real captions are compared whole up to some 700 words.
const MAX_TOKENS: usize = 2_800;

/// Where a stretch of text is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DiffKind {
    /// In both texts.
    Same,
    /// In the old text only.
    Removed,
    /// In the new text only.
    Added,
}

/// A stretch of text that two texts share or do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiffSegment<'a> {
    /// Which of the two texts it is from.
    pub kind: DiffKind,
    /// The stretch itself; never empty.
    pub text: &'a str,
}

/// Compares two texts by words as Unicode bounds them (Korean words whole, Chinese and Japanese by character).
///
/// `Same` and `Removed` segments together are `old`; `Same` and `Added` ones are `new`. In a change, what was removed
/// comes before what was added, and neighbouring changes with only whitespace between them are one. Texts too long to
/// be compared within a frame come back as all removed, all added.
#[must_use]
pub fn diff_words<'a>(old: &'a str, new: &'a str) -> Vec<DiffSegment<'a>> {
    let mut segments = Segments { old, new, made: Vec::new() };
    if old == new {
        segments.same(0..old.len());
        return segments.made;
    }
    if old.len() > MAX_BYTES || new.len() > MAX_BYTES {
        segments.change(0..old.len(), 0..new.len());
        return segments.made;
    }
    let old_words = Words::of(old);
    let new_words = Words::of(new);
    let head = common(old_words.words.iter(), new_words.words.iter());
    let tail = common(old_words.words[head..].iter().rev(), new_words.words[head..].iter().rev());
    let old_middle = head..old_words.words.len() - tail;
    let new_middle = head..new_words.words.len() - tail;
    if old_middle.len() + new_middle.len() > MAX_TOKENS {
        segments.change(0..old.len(), 0..new.len());
        return segments.made;
    }

    // A change is held back until text that stays follows it: whitespace alone between two changes joins them.
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
        let stays = operation.tag() == DiffTag::Equal;
        if stays && !old[old_range.clone()].trim().is_empty() {
            segments.change(old_change, new_change);
            segments.same(old_range.clone());
            (old_change, new_change) = (old_range.end..old_range.end, new_range.end..new_range.end);
        } else {
            (old_change.end, new_change.end) = (old_range.end, new_range.end);
        }
    }
    segments.change(old_change.clone(), new_change);
    segments.same(old_change.end..old.len());
    segments.made
}

/// Collects segments, leaving out empty ones and joining those of a kind.
struct Segments<'a> {
    old: &'a str,
    new: &'a str,
    made: Vec<DiffSegment<'a>>,
}

impl Segments<'_> {
    fn same(&mut self, old: Range<usize>) {
        if !old.is_empty() {
            self.made.push(DiffSegment { kind: DiffKind::Same, text: &self.old[old] });
        }
    }

    fn change(&mut self, old: Range<usize>, new: Range<usize>) {
        if !old.is_empty() {
            self.made.push(DiffSegment { kind: DiffKind::Removed, text: &self.old[old] });
        }
        if !new.is_empty() {
            self.made.push(DiffSegment { kind: DiffKind::Added, text: &self.new[new] });
        }
    }
}

/// A text cut into words and what is between them.
struct Words<'a> {
    words: Vec<&'a str>,
    /// Where each of `words` begins, in bytes, and where the last ends.
    starts: Vec<usize>,
}

impl<'a> Words<'a> {
    fn of(text: &'a str) -> Self {
        let (mut starts, words): (Vec<usize>, Vec<&str>) = text.split_word_bound_indices().unzip();
        starts.push(text.len());
        Self { words, starts }
    }

    /// The bytes of a range of words.
    fn bytes(&self, words: Range<usize>) -> Range<usize> {
        self.starts[words.start]..self.starts[words.end]
    }
}

/// How many elements two sequences begin with in common.
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
    fn a_change_is_shown_by_whole_words(#[case] old: &str, #[case] new: &str, #[case] expected: &[(DiffKind, &str)]) {
        assert_eq!(pairs(old, new), expected);
    }

    #[test]
    fn changes_with_only_a_space_between_them_are_one() {
        let expected = [(Same, "in "), (Removed, "red coat"), (Added, "blue hat"), (Same, " outside")];
        assert_eq!(pairs("in red coat outside", "in blue hat outside"), expected);
    }

    #[test]
    fn texts_too_long_for_a_frame_are_removed_and_added_whole() {
        let words: Vec<String> = (0..MAX_TOKENS).map(|word| word.to_string()).collect();
        let old = words.join(" ");
        let new = words.iter().rev().map(String::as_str).collect::<Vec<_>>().join(" ");
        assert_eq!(pairs(&old, &new), [(Removed, old.as_str()), (Added, new.as_str())]);

        let long = "a".repeat(100_000);
        let longer = format!("{long} b");
        assert_eq!(pairs(&long, &longer), [(Removed, long.as_str()), (Added, longer.as_str())]);
    }

    #[test]
    fn a_long_text_with_one_word_changed_is_still_compared() {
        let start = "word and ".repeat(700);
        let (old, new) = (format!("{start}red end"), format!("{start}blue end"));
        assert_eq!(pairs(&old, &new), [(Same, start.as_str()), (Removed, "red"), (Added, "blue"), (Same, " end")]);
    }

    proptest! {
        #[test]
        fn the_segments_make_up_both_texts(old in "[ab ,가나]{0,40}", new in "[ab ,가나]{0,40}") {
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
        fn no_text_is_too_strange(old in any::<String>(), new in any::<String>()) {
            let segments = diff_words(&old, &new);
            prop_assert_eq!(side(&segments, Added), old.as_str());
            prop_assert_eq!(side(&segments, Removed), new.as_str());
            prop_assert!(segments.iter().all(|segment| !segment.text.is_empty()));
        }
    }
}
