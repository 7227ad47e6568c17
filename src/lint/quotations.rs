//! Finds quotations in captions: text that is written in the image, to which most rules do not apply.

use std::ops::Range;

/// The byte ranges of quotations, marks included, in ascending order.
pub(super) struct Quotations(Vec<Range<usize>>);

impl Quotations {
    /// Finds the quotations in `text`. An unclosed one extends to the end. Apostrophes and foot or inch marks, which follow
    /// a letter or a digit, do not open one.
    pub(super) fn of(text: &str) -> Self {
        let mut found = Vec::new();
        // Nearly all captions.
        if text.is_ascii() && memchr::memchr2(b'"', b'\'', text.as_bytes()).is_none() {
            return Self(found);
        }
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

    /// Returns true if byte `at` is inside a quotation.
    pub(super) fn contain(&self, at: usize) -> bool {
        let next = self.0.partition_point(|quotation| quotation.end <= at);
        self.0.get(next).is_some_and(|quotation| quotation.contains(&at))
    }
}

/// Returns the offset of the first opening mark from byte `from` on, and the marks that can close it.
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
        let opens = !matches!(mark, '"' | '\'') || !before.is_some_and(char::is_alphanumeric);
        opens.then_some((from + at, close))
    })
}

/// Returns true if the mark at byte `at` can close a quotation. An apostrophe can only if no letter or digit follows.
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
    fn quotations_include_their_marks(#[case] text: &str, #[case] quoted: &[&str]) {
        let found: Vec<&str> = Quotations::of(text).0.into_iter().map(|span| &text[span]).collect();
        assert_eq!(found, quoted);
    }

    proptest! {
        #[test]
        fn quotations_are_never_empty(text in any::<String>(), marked in "[a\"'“”’ 「」]{0,20}") {
            for text in [text, marked] {
                for span in Quotations::of(&text).0 {
                    prop_assert!(!text[span].is_empty());
                }
            }
        }
    }
}
