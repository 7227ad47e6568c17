//! Captions as lines, plain or as a word diff.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use crate::text::{self, DiffKind};

/// The maximum number of characters shown: wrapping a million characters takes longer than a frame.
const MAX_SHOWN: usize = 6_000;

/// The minimum proportion of common text for a diff. Below it, nearly every word would be highlighted.
const MIN_SIMILARITY: f64 = 0.35;

pub(super) fn paragraphs(words: &str, style: Style) -> Vec<Line<'static>> {
    let shown = clipped(words);
    let mut lines: Vec<Line> =
        text::sanitize_multiline(shown).split('\n').map(|line| Line::styled(line.to_owned(), style)).collect();
    if shown.len() < words.len() {
        lines.push(Line::styled(format!("({} more characters)", words[shown.len()..].chars().count()), style));
    }
    lines
}

/// Highlights the words that only one of two texts has, if the texts are similar.
pub(super) fn compared(own: &str, other: &str, mark: DiffKind, plain: Style, marked: Style) -> Vec<Line<'static>> {
    let (own_shown, other) = (text::sanitize_multiline(clipped(own)), text::sanitize_multiline(clipped(other)));
    let (own_shown, other) = (own_shown.as_ref(), other.as_ref());
    let (old, new) = if mark == DiffKind::Added { (other, own_shown) } else { (own_shown, other) };
    let segments = text::diff_words(old, new);
    let common: usize =
        segments.iter().filter(|segment| segment.kind == DiffKind::Same).map(|segment| segment.text.len()).sum();
    #[expect(clippy::cast_precision_loss, reason = "texts are far shorter than 2^52 bytes")]
    let similar = common as f64 >= MIN_SIMILARITY * own_shown.len().max(other.len()) as f64;
    if !similar || clipped(own).len() < own.len() {
        return paragraphs(own, plain);
    }
    let mut lines = vec![Line::default()];
    for segment in segments.iter().filter(|segment| segment.kind == DiffKind::Same || segment.kind == mark) {
        let style = if segment.kind == mark { plain.patch(marked) } else { plain };
        for (index, part) in segment.text.split('\n').enumerate() {
            if index > 0 {
                lines.push(Line::default());
            }
            if let Some(line) = lines.last_mut().filter(|_| !part.is_empty()) {
                line.push_span(Span::styled(part.to_owned(), style));
            }
        }
    }
    lines
}

pub(super) fn clipped(words: &str) -> &str {
    words.char_indices().nth(MAX_SHOWN).map_or(words, |(end, _)| &words[..end])
}

#[cfg(test)]
mod tests {
    use ratatui::style::Modifier;

    use super::*;

    fn marked(lines: &[Line]) -> Vec<String> {
        let spans = lines.iter().flat_map(|line| &line.spans);
        spans
            .filter(|span| span.style.add_modifier.contains(Modifier::UNDERLINED))
            .map(|span| span.content.trim().to_owned())
            .collect()
    }

    fn added(own: &str, other: &str) -> Vec<String> {
        let style = Style::new().add_modifier(Modifier::UNDERLINED);
        marked(&compared(own, other, DiffKind::Added, Style::new(), style))
    }

    #[test]
    fn words_of_one_text_only_are_highlighted() {
        assert_eq!(added("A person in a blue coat.", "A person in a red coat."), ["blue"]);
    }

    #[test]
    fn different_texts_are_plain() {
        assert!(added("Three hats on a shelf.", "A person in a red coat, walking.").is_empty());
    }

    #[test]
    fn no_text_is_lost() {
        let long = "word ".repeat(MAX_SHOWN);
        let shown: usize = paragraphs(&long, Style::new()).iter().map(Line::width).sum();
        assert!(shown > MAX_SHOWN && shown < MAX_SHOWN + 40);
        assert_eq!(paragraphs("one\ntwo", Style::new()).len(), 2);
    }
}
