//! Highlighting the matches of the search and the filter.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation};

use crate::review::query::Pattern;

/// Highlights every match of a pattern in a line, in whole grapheme clusters.
pub(super) fn highlighted<'a>(line: Line<'a>, patterns: &[&Pattern], style: Style) -> Line<'a> {
    if patterns.is_empty() {
        return line;
    }
    let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
    let matches = matches(&text, patterns);
    if matches.is_empty() {
        return line;
    }
    let mut spans = Vec::new();
    let mut start = 0;
    for span in line.spans {
        let end = start + span.content.len();
        let mut at = start;
        for range in matches.iter().filter(|range| range.start < end && range.end > start) {
            let (from, to) = (range.start.max(start), range.end.min(end));
            spans.push(Span::styled(span.content[at - start..from - start].to_owned(), span.style));
            spans.push(Span::styled(span.content[from - start..to - start].to_owned(), span.style.patch(style)));
            at = to;
        }
        spans.push(Span::styled(span.content[at - start..].to_owned(), span.style));
        start = end;
    }
    spans.retain(|span| !span.content.is_empty());
    Line { spans, ..line }
}

/// Returns the ranges that match any pattern, in order and merged.
fn matches(text: &str, patterns: &[&Pattern]) -> Vec<Range<usize>> {
    let found = patterns.iter().flat_map(|pattern| pattern.match_ranges(text));
    let mut ranges: Vec<Range<usize>> = found.map(|range| whole_graphemes(text, range)).collect();
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let joins = next.start <= range.end;
        if joins {
            range.end = range.end.max(next.end);
        }
        joins
    });
    ranges
}

/// Extends a range to grapheme cluster boundaries.
fn whole_graphemes(text: &str, range: Range<usize>) -> Range<usize> {
    let boundary = |at: usize| GraphemeCursor::new(at, text.len(), true).is_boundary(text, 0).unwrap_or(true);
    let mut start = range.start;
    while !boundary(start) {
        start = text.floor_char_boundary(start - 1);
    }
    let end = if boundary(range.end) {
        range.end
    } else {
        start
            + text[start..]
                .grapheme_indices(true)
                .map(|(at, part)| at + part.len())
                .find(|end| start + end >= range.end)
                .unwrap_or(0)
    };
    start..end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Modifier;
    use rstest::rstest;

    use super::*;

    fn highlights(line: &Line) -> Vec<String> {
        let marked = line.spans.iter().filter(|span| span.style.add_modifier.contains(Modifier::BOLD));
        marked.map(|span| span.content.to_string()).collect()
    }

    fn shown(spans: &[&str], words: &[&str]) -> Line<'static> {
        let patterns: Vec<Pattern> = words.iter().map(|words| Pattern::literal(words).expect("short")).collect();
        let patterns: Vec<&Pattern> = patterns.iter().collect();
        let line = Line::from(spans.iter().map(|span| Span::raw((*span).to_owned())).collect::<Vec<_>>());
        highlighted(line, &patterns, Style::new().add_modifier(Modifier::BOLD))
    }

    #[rstest]
    #[case(&["A red coat."], &["red"], &["red"])]
    #[case(&["A re", "d coat."], &["red"], &["re", "d"])]
    #[case(&["Red, red."], &["red"], &["Red", "red"])]
    #[case(&["A red coat."], &["red c", "coat"], &["red coat"])]
    #[case(&["빨간 코트"], &["코"], &["코"])]
    #[case(&["cafe\u{301}!"], &["e"], &["e\u{301}"])]
    #[case(&["👩‍👩‍👧"], &["👩"], &["👩‍👩‍👧"])]
    #[case(&["A coat."], &["red"], &[])]
    fn matches_are_highlighted(#[case] spans: &[&str], #[case] words: &[&str], #[case] expected: &[&str]) {
        assert_eq!(highlights(&shown(spans, words)), expected);
    }

    proptest! {
        #[test]
        fn no_text_is_lost_or_added(
            spans in prop::collection::vec("[a-b가e\u{301}👩\u{200d} ]{0,5}", 0..4),
            words in prop::collection::vec("[a-b가e\u{301}👩\u{200d} ]{1,2}", 1..3),
        ) {
            let spans: Vec<&str> = spans.iter().map(String::as_str).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let line = shown(&spans, &words);
            let text: String = line.spans.iter().map(|span| span.content.as_ref()).collect();
            prop_assert_eq!(text, spans.concat());
        }
    }
}
