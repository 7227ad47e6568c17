//! The words of a caption, to be held against phrases.
//!
//! A word is what Unicode bounds as one, so each Chinese or Japanese character is. Phrases are in lower case with
//! straight apostrophes, their words apart by one space.

use std::borrow::Cow;
use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use crate::text::is_space;

/// Most words looked at where phrases stand at the start.
const AT_A_START: usize = 24;

/// Words of a text, in order.
pub(super) struct Words<'a> {
    text: &'a str,
    /// Where each of them is in `text`.
    spans: Vec<Range<usize>>,
}

impl<'a> Words<'a> {
    /// All of them.
    pub(super) fn of(text: &'a str) -> Self {
        let spans = text.unicode_word_indices().map(|(at, word)| at..at + word.len());
        Self { text, spans: spans.collect() }
    }

    /// The first words of `text` from byte `start` on, past whitespace and the marks of emphasis and headings. There
    /// are none where something else than a word comes first: what is quoted was read in the picture.
    pub(super) fn at(text: &'a str, start: usize) -> Self {
        let decoration = |character: char| is_space(character) || matches!(character, '*' | '_' | '#');
        let rest = text[start..].trim_start_matches(decoration);
        let start = text.len() - rest.len();
        let mut words = Self { text, spans: Vec::new() };
        if rest.starts_with(char::is_alphanumeric) {
            let spans = rest.unicode_word_indices().map(|(at, word)| start + at..start + at + word.len());
            words.spans.extend(spans.take(AT_A_START));
        }
        words
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// One of them; nothing past the end.
    pub(super) fn get(&self, at: usize) -> Option<&'a str> {
        self.spans.get(at).map(|span| &self.text[span.clone()])
    }

    /// Where one of them begins in the text.
    pub(super) fn start(&self, at: usize) -> usize {
        self.spans.get(at).map_or(self.text.len(), |span| span.start)
    }

    /// What stands between a word and the one after it.
    pub(super) fn gap(&self, at: usize) -> &'a str {
        let end = self.spans.get(at).map_or(self.text.len(), |span| span.end);
        &self.text[end..self.start(at + 1)]
    }

    /// How many words `phrase` takes, if it stands at word `at`. Punctuation between words is passed over.
    pub(super) fn match_at(&self, at: usize, phrase: &str) -> Option<usize> {
        let mut length = 0;
        for wanted in phrase.split(' ') {
            same_word(self.get(at + length)?, wanted).then_some(())?;
            length += 1;
        }
        Some(length)
    }

    /// How many words the first of `phrases` takes that stands at word `at`.
    pub(super) fn match_any(&self, at: usize, phrases: &[&str]) -> Option<usize> {
        phrases.iter().find_map(|phrase| self.match_at(at, phrase))
    }

    /// Where `length` words from word `at` on are, together.
    pub(super) fn span(&self, at: usize, length: usize) -> Range<usize> {
        match (self.spans.get(at), self.spans.get((at + length).saturating_sub(1))) {
            (Some(first), Some(last)) if length > 0 => first.start..last.end,
            _ => 0..self.text.len(),
        }
    }

    /// Where the first `length` words are, together; at least one, at most all.
    pub(super) fn through(&self, length: usize) -> Range<usize> {
        self.span(0, length.max(1))
    }

    /// The text after the first `length` words.
    pub(super) fn after(&self, length: usize) -> &'a str {
        &self.text[self.through(length).end..]
    }
}

/// Whether `word` is `wanted` but for its case and the form of its apostrophe.
pub(super) fn same_word(word: &str, wanted: &str) -> bool {
    // Nearly all are ASCII, and this is asked for every word of every caption.
    if word.is_ascii() { word.eq_ignore_ascii_case(wanted) } else { plain(word) == wanted }
}

/// A word as phrases have it: in lower case, with straight apostrophes.
pub(super) fn plain(word: &str) -> Cow<'_, str> {
    if word.bytes().all(|byte| byte.is_ascii_lowercase()) {
        return Cow::Borrowed(word);
    }
    let lower = word.chars().flat_map(char::to_lowercase);
    Cow::Owned(lower.map(|letter| if letter == '’' { '\'' } else { letter }).collect())
}

/// Where a caption says what is written in the picture: between quotation marks.
pub(super) struct Quotations(Vec<Range<usize>>);

impl Quotations {
    /// Those of `text`. One that is not closed goes on to the end. An apostrophe opens none, nor do the marks of feet
    /// and inches, which stand after a number.
    pub(super) fn of(text: &str) -> Self {
        let mut found = Vec::new();
        let mut from = 0;
        while let Some((start, close)) = opening(text, from) {
            let rest = &text[start..];
            let end = rest.char_indices().skip(1).find(|(at, mark)| close.contains(mark) && closes(rest, *at, *mark));
            let end = end.map_or(text.len(), |(at, mark)| start + at + mark.len_utf8());
            found.push(start..end);
            from = end;
        }
        Self(found)
    }

    /// Whether byte `at` is in one.
    pub(super) fn contain(&self, at: usize) -> bool {
        let next = self.0.partition_point(|quotation| quotation.end <= at);
        self.0.get(next).is_some_and(|quotation| quotation.contains(&at))
    }
}

/// The first mark from byte `from` on that opens a quotation, and the marks that may close it.
fn opening(text: &str, from: usize) -> Option<(usize, &'static [char])> {
    text[from..].char_indices().find_map(|(at, mark)| {
        let close: &'static [char] = match mark {
            '"' => &['"'],
            '\'' => &['\''],
            '“' | '„' | '‟' => &['”', '“'],
            '‘' | '‚' => &['’', '‘'],
            '«' => &['»'],
            '»' => &['«'],
            '「' => &['」'],
            '『' => &['』'],
            '＂' => &['＂'],
            _ => return None,
        };
        let before = text[..from + at].chars().next_back();
        let free = !matches!(mark, '"' | '\'') || !before.is_some_and(char::is_alphanumeric);
        free.then_some((from + at, close))
    })
}

/// Whether the mark at byte `at` may close a quotation: one that is also an apostrophe does only where no letter follows.
fn closes(text: &str, at: usize, mark: char) -> bool {
    let next = text[at + mark.len_utf8()..].chars().next();
    !matches!(mark, '\'' | '’') || !next.is_some_and(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a \"red coat\" here", &["\"red coat\""])]
    #[case("a 'red coat' here", &["'red coat'"])]
    #[case("“one” and “two”", &["“one”", "“two”"])]
    #[case("„eins“, »zwei«, 「三」", &["„eins“", "»zwei«", "「三」"])]
    #[case("the woman's 6' and 5\" don't count", &[])]
    #[case("'the women's own' tee", &["'the women's own'"])]
    #[case("open \"to the end", &["\"to the end"])]
    fn quotations_are_between_their_marks(#[case] text: &str, #[case] quoted: &[&str]) {
        let found: Vec<&str> = Quotations::of(text).0.into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, quoted);
    }

    #[test]
    fn words_know_where_they_are_and_what_is_between() {
        let words = Words::of("A red, red coat.");
        assert_eq!((words.len(), words.get(2), words.gap(1), words.gap(3)), (4, Some("red"), ", ", "."));
        assert_eq!((words.span(1, 2), words.get(4), words.start(9)), (2..10, None, 16));
    }

    proptest! {
        #[test]
        fn any_text_has_words_and_quotations(text in any::<String>(), marked in "[a\"'“”’ 「」]{0,20}") {
            for text in [text, marked] {
                let words = Words::of(&text);
                let together: usize = (0..words.len()).map(|at| words.get(at).unwrap().len() + words.gap(at).len()).sum();
                prop_assert_eq!(together + words.start(0), text.len());
                for span in Quotations::of(&text).0 {
                    prop_assert!(!text[span].is_empty());
                }
            }
        }
    }
}
