//! Highlighting the parts of a caption that findings are about.

use std::ops::Range;

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::words::clipped;
use crate::lint::Finding;
use crate::text;

/// Patches the spans of `findings` with `style`. `lines` are the sanitized lines of `words`; clipped text is ignored.
pub(super) fn highlight(lines: &mut [Line<'static>], words: &str, findings: &[Finding], style: Style) {
    let spans: Vec<Range<usize>> =
        findings.iter().filter_map(|finding| finding.span.as_ref()).map(|span| sanitized_range(words, span)).collect();
    if spans.is_empty() {
        return;
    }
    let mut start = 0;
    for line in lines {
        let mut parts = Vec::new();
        for span in line.spans.drain(..) {
            let end = start + span.content.len();
            parts.extend(split(&span, start, &spans, style));
            start = end;
        }
        line.spans = parts;
        // A line break is one byte of the text.
        start += 1;
    }
}

/// Maps a range of the text to the sanitized text, in which offsets differ.
fn sanitized_range(words: &str, span: &Range<usize>) -> Range<usize> {
    let max = clipped(words).len();
    let sanitized_offset = |at: usize| text::sanitize_multiline(&words[..words.floor_char_boundary(at.min(max))]).len();
    sanitized_offset(span.start)..sanitized_offset(span.end)
}

/// Splits a span at the ends of `spans` and styles the parts inside.
fn split(span: &Span<'static>, start: usize, spans: &[Range<usize>], style: Style) -> Vec<Span<'static>> {
    let content = span.content.as_ref();
    let end = start + content.len();
    let mut cuts: Vec<usize> = spans
        .iter()
        .flat_map(|range| [range.start, range.end])
        .filter(|cut| (start + 1..end).contains(cut))
        .map(|cut| content.floor_char_boundary(cut - start))
        .chain([0, content.len()])
        .collect();
    cuts.sort_unstable();
    cuts.dedup();
    let is_in = |at: usize| spans.iter().any(|range| range.contains(&(start + at)));
    cuts.windows(2)
        .map(|cut| {
            let style = if is_in(cut[0]) { span.style.patch(style) } else { span.style };
            Span::styled(content[cut[0]..cut[1]].to_owned(), style)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ratatui::style::Modifier;

    use super::super::words::paragraphs;
    use super::*;
    use crate::lint::{LintKind, Severity};

    fn finding(span: Range<usize>) -> Finding {
        Finding { kind: LintKind::CutOff, severity: Severity::Warn, message: String::new(), span: Some(span) }
    }

    /// The highlighted parts, line by line.
    fn highlighted(words: &str, spans: &[(usize, usize)]) -> Vec<String> {
        let mut lines = paragraphs(words, Style::new());
        let findings: Vec<Finding> = spans.iter().map(|(start, end)| finding(*start..*end)).collect();
        highlight(&mut lines, words, &findings, Style::new().add_modifier(Modifier::UNDERLINED));
        let spans = lines.iter().flat_map(|line| &line.spans);
        let marked = spans.filter(|span| span.style.add_modifier.contains(Modifier::UNDERLINED));
        marked.map(|span| span.content.to_string()).collect()
    }

    #[test]
    fn findings_are_highlighted() {
        assert_eq!(highlighted("A red co", &[(6, 8)]), ["co"]);
        assert_eq!(highlighted("A red coat.\nA hat.", &[(2, 13)]), ["red coat.", "A"]);
        assert_eq!(highlighted("A red coat.", &[(0, 5), (2, 11)]), ["A ", "red", " coat."]);
        assert_eq!(highlighted("A red coat.", &[]), [""; 0]);
    }

    #[test]
    fn sanitizing_shifts_later_offsets() {
        assert_eq!(highlighted("A\u{1b} red\u{202e} co", &[(2, 5), (10, 12)]), [" re", "co"]);
        assert_eq!(highlighted("ha\u{200b}t", &[(2, 5)]), ["⟨U+200B⟩"]);
        assert_eq!(highlighted("a\r\nb c", &[(5, 6)]), ["c"]);
    }

    proptest! {
        #[test]
        fn highlighting_loses_no_text(words in any::<String>(), start in 0_usize..40, length in 0_usize..40) {
            let plain: Vec<String> = paragraphs(&words, Style::new()).iter().map(ToString::to_string).collect();
            let mut lines = paragraphs(&words, Style::new());
            let span = start.min(words.len())..(start + length).min(words.len());
            highlight(&mut lines, &words, &[finding(span)], Style::new());
            prop_assert_eq!(lines.iter().map(ToString::to_string).collect::<Vec<_>>(), plain);
        }
    }
}
