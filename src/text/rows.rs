//! Wraps a text into rows of the terminal, and maps byte offsets to cells and back. The unit is the grapheme cluster in its
//! sanitised form.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::cells::width;
use super::sanitize::sanitize_multiline;
use super::sentence::is_chinese_or_japanese;

/// A text in rows: wrapped at words, at the end of a row within longer words, and between Chinese and Japanese characters.
/// One space may follow a full row, in the column after its last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows<'a> {
    text: &'a str,
    /// The bytes of each row, without line breaks.
    ranges: Vec<Range<usize>>,
}

/// A grapheme cluster of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster<'a> {
    /// Its bytes in the text.
    pub range: Range<usize>,
    /// Its first column.
    pub column: usize,
    /// Its sanitised form.
    pub shown: Cow<'a, str>,
}

impl<'a> Rows<'a> {
    /// Wraps a text at `columns`. Without, a row is a line.
    #[must_use]
    pub fn new(text: &'a str, columns: Option<usize>) -> Self {
        let mut ranges = Vec::new();
        let mut start = 0;
        for line in text.split('\n') {
            let end = start + line.len();
            let is_followed = end < text.len();
            let content = if is_followed { line.strip_suffix('\r').unwrap_or(line) } else { line };
            wrap(content, start, columns.unwrap_or(usize::MAX).max(1), &mut ranges);
            start = end + 1;
        }
        Self { text, ranges }
    }

    /// Returns the number of rows, at least one.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub const fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Returns the bytes of a row; empty if there is no such row.
    #[must_use]
    pub fn range(&self, row: usize) -> Range<usize> {
        self.ranges.get(row).cloned().unwrap_or_default()
    }

    /// Returns the clusters of a row; none if there is no such row.
    pub fn clusters(&self, row: usize) -> impl Iterator<Item = Cluster<'a>> + use<'a> {
        let Range { start, end } = self.range(row);
        clusters(&self.text[start..end]).scan(0, move |filled, (at, length, shown)| {
            let column = *filled;
            *filled += width(&shown);
            Some(Cluster { range: start + at..start + at + length, column, shown })
        })
    }

    /// Returns the row and the column of a byte offset. The end of a row that continues is the start of the next.
    #[must_use]
    pub fn position(&self, at: usize) -> (usize, usize) {
        let row = self.ranges.partition_point(|range| range.start <= at).saturating_sub(1);
        let before = self.clusters(row).take_while(|cluster| cluster.range.start < at).last();
        (row, before.map_or(0, |cluster| cluster.column + width(&cluster.shown)))
    }

    /// Returns the byte offset of the cluster at a column, or of the end of the row if it is shorter. A row that continues
    /// ends before its last cluster.
    #[must_use]
    pub fn offset(&self, row: usize, column: usize) -> usize {
        let row = row.min(self.len() - 1);
        let end = self.ranges[row].end;
        let continues = self.ranges.get(row + 1).is_some_and(|next| next.start == end);
        let mut offset = self.ranges[row].start;
        for cluster in self.clusters(row) {
            if cluster.column > column {
                return offset;
            }
            offset = cluster.range.start;
            if column < cluster.column + width(&cluster.shown) {
                return offset;
            }
        }
        if continues { offset } else { end }
    }
}

/// Returns the clusters of a text on one line, with their offsets and lengths.
fn clusters(line: &str) -> impl Iterator<Item = (usize, usize, Cow<'_, str>)> {
    line.grapheme_indices(true).map(|(at, cluster)| (at, cluster.len(), sanitize_multiline(cluster)))
}

/// Adds the rows of one line, which begins at byte `start` of the text.
fn wrap(line: &str, start: usize, columns: usize, rows: &mut Vec<Range<usize>>) {
    // The start of the row, and its width so far.
    let (mut row, mut filled) = (start, 0);
    // The newest place where the row may end, and its width there.
    let mut place = (start, 0);
    let mut before = ' ';
    for (at, cluster) in line.grapheme_indices(true) {
        let (at, first) = (start + at, cluster.chars().next().unwrap_or_default());
        let is_printable = matches!(cluster.as_bytes(), [b' '..=b'~']);
        let cells = if is_printable { 1 } else { width(&sanitize_multiline(cluster)) };
        let blank = is_blank(first) && cluster.len() == first.len_utf8();
        if !blank && may_break(before, first) {
            place = (at, filled);
        }
        // The rest of a word moves to the next row and, if a wide cluster still does not fit there, ends before it.
        while filled + cells > columns && at > row && !(blank && filled <= columns) {
            if blank || place.0 <= row {
                place = (at, filled);
            }
            rows.push(row..place.0);
            (row, filled) = (place.0, filled - place.1);
        }
        filled += cells;
        before = cluster.chars().next_back().unwrap_or_default();
    }
    rows.push(row..start + line.len());
}

/// Returns true if a row may end between two characters, of which the second is no space.
fn may_break(before: char, after: char) -> bool {
    let opens = |character| matches!(character, '(' | '[' | '{' | '“' | '‘' | '「' | '『' | '（' | '《' | '〈' | '【');
    is_blank(before)
        || is_chinese_or_japanese(after) && !opens(before)
        || is_chinese_or_japanese(before) && (after.is_alphanumeric() || opens(after))
}

/// Returns true for the spaces at which a row may end. The others are non-breaking, or shown by a symbol.
const fn is_blank(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\u{1680}' | '\u{2000}'..='\u{2006}' | '\u{2008}'..='\u{200a}' | '\u{205f}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn shown(text: &str, columns: usize) -> Vec<String> {
        let rows = Rows::new(text, Some(columns));
        (0..rows.len()).map(|row| rows.clusters(row).map(|cluster| cluster.shown).collect()).collect()
    }

    #[rstest]
    #[case::empty("", &[""])]
    #[case::words("a red coat", &["a red ", "coat"])]
    #[case::a_space_after_a_full_row("a dress is", &["a dress ", "is"])]
    #[case::more_spaces_begin_a_row("a dress   is", &["a dress ", "  is"])]
    #[case::lines("a\nb\r\n", &["a", "b", ""])]
    #[case::a_return_at_the_end("a\r", &["a␍"])]
    #[case::a_long_word("aaaaaaaaaa b", &["aaaaaaa", "aaa b"])]
    #[case::korean("빨간 코트를", &["빨간 ", "코트를"])]
    #[case::japanese("赤い帽子、靴。", &["赤い帽", "子、", "靴。"])]
    #[case::japanese_between_words("a 赤い「帽子」", &["a 赤い", "「帽", "子」"])]
    #[case::controls("a\u{1b}[31m b", &["a␛[31m ", "b"])]
    #[case::return_alone("\u{7}a\rb", &["␇a␍b"])]
    #[case::hidden("a \u{200b}b", &["a ", "⟨U+200B⟩", "b"])]
    #[case::clusters("👩\u{200d}👩\u{200d}👧🇰🇷xyz👍🏽", &["👩\u{200d}👩\u{200d}👧🇰🇷xyz", "👍🏽"])]
    fn rows_are_wrapped_and_hidden_characters_shown(#[case] text: &str, #[case] rows: &[&str]) {
        assert_eq!(shown(text, 7), rows);
    }

    #[test]
    fn the_column_of_an_offset_is_the_width_before_it() {
        let text = "가👩\u{200d}👩\u{200d}👧\u{1b}e\u{301}🇰🇷\u{1112}\u{1161}\u{11ab}x";
        let rows = Rows::new(text, None);
        let columns: Vec<usize> = text.grapheme_indices(true).map(|(at, _)| rows.position(at).1).collect();
        assert_eq!(columns, [0, 2, 4, 5, 6, 8, 10]);
        assert_eq!(rows.position(text.len()), (0, 11));
    }

    fn text() -> impl Strategy<Value = String> {
        "[ab 가帽、\n\r\t\u{1b}\u{301}\u{200b}\u{1161}🇰🇷👩\u{200d}👧]{0,32}"
    }

    proptest! {
        #[test]
        fn offsets_and_positions_are_inverse(text in text(), columns in 1_usize..12) {
            let rows = Rows::new(&text, Some(columns));
            for at in text.grapheme_indices(true).map(|(at, _)| at).chain([text.len()]) {
                let (row, column) = rows.position(at);
                prop_assert_eq!(rows.offset(row, column), at);
            }
        }

        #[test]
        fn rows_fit_and_hide_nothing(text in text(), columns in 1_usize..12) {
            let rows = Rows::new(&text, Some(columns));
            for row in 0..rows.len() {
                let mut clusters: Vec<Cluster> = rows.clusters(row).collect();
                clusters.pop_if(|last| last.shown.trim().is_empty());
                let filled: usize = clusters.iter().map(|cluster| width(&cluster.shown)).sum();
                // A cluster may be wider than the screen.
                prop_assert!(filled <= columns || clusters.len() == 1, "{clusters:?}");
            }
            let all: String = sanitize_multiline(&text).split('\n').collect();
            prop_assert_eq!(shown(&text, columns).concat(), all);
        }

        #[test]
        fn arbitrary_text_is_wrapped(text in any::<String>(), columns in 1_usize..40) {
            let all: String = sanitize_multiline(&text).split('\n').collect();
            prop_assert_eq!(shown(&text, columns).concat(), all);
        }
    }
}
