//! The end and the beginning of a sentence: which marks end it, adding one, and capitalising the first letter.

use super::words::{is_space, trim};

/// Returns true if a trimmed text ends with a sentence-ending mark, apart from closing marks after it, with an emoji, which
/// often replaces the mark, or with a letter of a script that has no such mark.
#[must_use]
pub fn is_sentence_ended(text: &str) -> bool {
    let Some(last) = text.chars().next_back() else { return false };
    if is_emoji(last) || is_unpunctuated(last) {
        return true;
    }
    text.trim_end_matches(closes).ends_with(ends_sentence)
}

/// Returns true for sentence-ending marks: Latin, Greek and Cyrillic, East Asian in both widths, Arabic, Armenian, Ethiopic,
/// Indic, Burmese and Khmer.
fn ends_sentence(character: char) -> bool {
    matches!(
        character,
        '.' | '!'
            | '?'
            | '…'
            | '‽'
            | '‼'
            | '⁇'
            | '⁈'
            | '⁉'
            | '。'
            | '．'
            | '｡'
            | '！'
            | '？'
            | '⋯'
            | '؟'
            | '۔'
            | '։'
            | '።'
            | '।'
            | '॥'
            | '။'
            | '។'
    )
}

/// Returns true for closing quotation marks and brackets, and for Markdown emphasis marks.
fn closes(character: char) -> bool {
    matches!(
        character,
        '"' | '\''
            | ')'
            | ']'
            | '}'
            | '»'
            | '«'
            | '›'
            | '”'
            | '’'
            | '“'
            | '」'
            | '』'
            | '】'
            | '〉'
            | '》'
            | '〕'
            | '）'
            | '］'
            | '｝'
            | '＂'
            | '＇'
            | '*'
            | '_'
            | '`'
    )
}

/// Returns true for pictographs, and for the last code points of emoji sequences.
fn is_emoji(character: char) -> bool {
    matches!(character, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{20e3}' | '\u{e007f}')
}

/// Returns true for Thai and Lao, which end sentences with a space.
fn is_unpunctuated(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}')
}

/// Returns true for marks that separate clauses or tags. At the end of a text, a full stop replaces them.
pub(super) fn separates(character: char) -> bool {
    matches!(character, ',' | ';' | ':' | '،' | '؛' | '，' | '；' | '：' | '、' | '､')
}

/// Returns true for Chinese characters and Japanese kana.
pub(super) fn is_chinese_or_japanese(character: char) -> bool {
    matches!(character, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9f}' | '\u{20000}'..='\u{323af}')
}

/// Returns the text with a full stop at its end, or `None` if it is blank or ends with a sentence-ending mark. Separators
/// and spaces before the stop are removed ("1girl, solo," becomes "1girl, solo."); white space at the end is kept.
#[must_use]
pub fn with_full_stop(text: &str) -> Option<String> {
    let end = text.trim_end_matches(is_space).len();
    let (words, space) = text.split_at(end);
    if is_sentence_ended(trim(words)) {
        return None;
    }
    let words = words.trim_end_matches(|character| separates(character) || is_space(character));
    let last = words.trim_end_matches(closes).chars().next_back()?;
    if is_sentence_ended(words) {
        return Some(format!("{words}{space}"));
    }
    let stop = if is_chinese_or_japanese(last) { '。' } else { '.' };
    Some(format!("{words}{stop}{space}"))
}

/// Returns the text with its first letter in upper case. `None` if that changes nothing, or if a digit precedes it. Marks
/// before the letter, such as quotation marks, are skipped.
#[must_use]
pub fn capitalised(text: &str) -> Option<String> {
    let (at, first) = text.char_indices().find(|(_, character)| character.is_alphanumeric())?;
    // Georgian letters have an upper case for all-capitals text only.
    if matches!(first, '\u{10d0}'..='\u{10ff}') {
        return None;
    }
    let mut upper = first.to_uppercase();
    let capital = upper.next()?;
    // "ß" and ligatures become several letters, of which only the first is a capital.
    let rest: String = upper.flat_map(char::to_lowercase).collect();
    let after = &text[at + first.len_utf8()..];
    (capital != first).then(|| format!("{}{capital}{rest}{after}", &text[..at]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("A hat", "A hat.")]
    #[case("1girl, solo,", "1girl, solo.")]
    #[case("1girl, solo , ;", "1girl, solo.")]
    #[case("wearing:", "wearing.")]
    #[case("a coat (red)", "a coat (red).")]
    #[case("a sign with \"SALE\"", "a sign with \"SALE\".")]
    #[case("1girl\nsolo\n", "1girl\nsolo.\n")]
    #[case("한 여성이 서 있다", "한 여성이 서 있다.")]
    #[case("赤いコートの女性", "赤いコートの女性。")]
    #[case("コート、", "コート。")]
    #[case("A hat.,", "A hat.")]
    fn a_full_stop_is_added(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(with_full_stop(text).as_deref(), Some(expected));
    }

    #[rstest]
    #[case("")]
    #[case(" \n")]
    #[case(",")]
    #[case("A hat.")]
    #[case("A hat. ")]
    #[case("A hat!")]
    #[case("He said “Hello.”")]
    #[case("素敵。")]
    #[case("เสื้อโค้ทสีแดง")]
    #[case("A hat 😀")]
    fn no_full_stop_is_added(#[case] text: &str) {
        assert_eq!(with_full_stop(text), None);
    }

    #[rstest]
    #[case("a hat", Some("A hat"))]
    #[case(" a hat", Some(" A hat"))]
    #[case("\"a hat\"", Some("\"A hat\""))]
    #[case("élan", Some("Élan"))]
    #[case("e\u{301}lan", Some("E\u{301}lan"))]
    #[case("ßa", Some("Ssa"))]
    #[case("ﬁne", Some("Fine"))]
    #[case("1girl, solo", None)]
    #[case("A hat", None)]
    #[case("모자", None)]
    #[case("ქუდი", None)]
    #[case("", None)]
    fn the_first_letter_is_capitalised(#[case] text: &str, #[case] expected: Option<&str>) {
        assert_eq!(capitalised(text).as_deref(), expected);
    }

    proptest! {
        #[test]
        fn a_second_full_stop_is_never_added(text in any::<String>()) {
            if let Some(ended) = with_full_stop(&text) {
                prop_assert_eq!(with_full_stop(&ended), None);
            }
            if let Some(capitalised_once) = capitalised(&text) {
                prop_assert_eq!(capitalised(&capitalised_once), None);
            }
        }
    }
}
