//! A text with highlighted parts, in wrapped rows. The caption pane, the editor and the full screen wrap alike.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::Rows;

/// A highlighted range of bytes of the text.
pub type Mark = (Range<usize>, Style);

#[derive(Clone, Debug, Default)]
pub struct MarkedText<'a> {
    pub text: &'a str,
    pub style: Style,
    /// Later marks are over earlier ones.
    pub marks: Vec<Mark>,
}

impl MarkedText<'_> {
    /// Returns the text in rows of at most `columns`.
    #[must_use]
    pub fn lines(&self, columns: usize) -> Vec<Line<'static>> {
        let rows = Rows::new(self.text, Some(columns));
        (0..rows.len()).map(|row| self.line(&rows, row, 0..columns)).collect()
    }

    /// Returns some columns of a row. `rows` are those of the text.
    #[must_use]
    pub fn line(&self, rows: &Rows, row: usize, columns: Range<usize>) -> Line<'static> {
        let overlaps = |one: &Range<usize>, other: &Range<usize>| one.start < other.end && one.end > other.start;
        let range = rows.range(row);
        let marks: Vec<&Mark> = self.marks.iter().filter(|(marked, _)| overlaps(marked, &range)).collect();
        let mut spans: Vec<Span> = Vec::new();
        let clusters = rows.clusters(row).skip_while(|cluster| cluster.column < columns.start);
        for cluster in clusters.take_while(|cluster| cluster.column < columns.end) {
            // A part of a cluster cannot be marked.
            let here = marks.iter().filter(|(marked, _)| overlaps(marked, &cluster.range));
            let style = here.fold(self.style, |style, (_, mark)| style.patch(*mark));
            match spans.last_mut().filter(|span| span.style == style) {
                Some(span) => span.content.to_mut().push_str(&cluster.shown),
                None => spans.push(Span::styled(cluster.shown.into_owned(), style)),
            }
        }
        Line::from(spans)
    }
}

/// Wraps a line of our own.
#[must_use]
pub fn wrapped(line: &Line, columns: usize) -> Vec<Line<'static>> {
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    let mut end = 0;
    let marks = line.spans.iter().map(|span| {
        let start = end;
        end += span.content.len();
        (start..end, line.style.patch(span.style))
    });
    let marks = marks.collect();
    MarkedText { text: &text, style: line.style, marks }.lines(columns)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Modifier;
    use rstest::rstest;

    use super::*;

    const MARK: Style = Style::new().add_modifier(Modifier::UNDERLINED);

    /// The highlighted parts, row by row.
    fn highlighted(text: &str, ranges: &[(usize, usize)]) -> Vec<String> {
        let marks = ranges.iter().map(|(start, end)| (*start..*end, MARK)).collect();
        let lines = MarkedText { text, style: Style::new(), marks }.lines(10);
        let spans = lines.iter().flat_map(|line| &line.spans).filter(|span| span.style == MARK);
        spans.map(|span| span.content.to_string()).collect()
    }

    #[rstest]
    #[case("A red co", &[(6, 8)], &["co"])]
    #[case("A red coat.\nA hat.", &[(2, 13)], &["red ", "coat.", "A"])]
    #[case("A red coat.", &[], &[])]
    #[case("A\u{1b} red\u{202e} co", &[(2, 5), (10, 12)], &[" ", "re", "co"])]
    #[case("ha\u{200b}t", &[(2, 5)], &["⟨U+200B⟩"])]
    #[case("a\r\nb c", &[(5, 6)], &["c"])]
    #[case("cafe\u{301}", &[(4, 6)], &["e\u{301}"])]
    fn parts_are_highlighted(#[case] text: &str, #[case] ranges: &[(usize, usize)], #[case] expected: &[&str]) {
        assert_eq!(highlighted(text, ranges), expected);
    }

    #[test]
    fn a_line_is_wrapped_with_its_styles() {
        let line = Line::from(vec![Span::raw("a red "), Span::styled("dress", MARK)]);
        let lines = wrapped(&line, 6);
        assert_eq!(lines.iter().map(ToString::to_string).collect::<Vec<_>>(), ["a red ", "dress"]);
        assert_eq!(lines[1].spans[0].style, MARK);
    }

    proptest! {
        #[test]
        fn marks_change_no_text(text in any::<String>(), start in 0_usize..40, length in 0_usize..40) {
            let plain = MarkedText { text: &text, ..MarkedText::default() };
            let marked = MarkedText { marks: vec![(start..start + length, MARK)], ..plain.clone() };
            let words = |marked: &MarkedText| marked.lines(20).iter().map(ToString::to_string).collect::<Vec<_>>();
            prop_assert_eq!(words(&marked), words(&plain));
        }
    }
}
