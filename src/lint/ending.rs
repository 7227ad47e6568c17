//! Whether a caption ends where a sentence ends.

use super::Remark;
use crate::describe::StopReason;
use crate::text::{is_space, sanitize, trim};

/// Most characters of a last word that a message repeats.
const SHOWN: usize = 24;

/// A finding if the caption is a fragment: its describer ran into the limit, or nobody knows why it stopped and its last
/// sentence has no end. What a describer says it finished is finished, whatever it ends in.
pub(super) fn cut_off(caption: &str, stop: Option<&StopReason>) -> Option<Remark> {
    let text = trim(caption);
    let start = text.rfind(is_space).map_or(0, |space| space + text[space..].chars().next().map_or(0, char::len_utf8));
    let last_word = &text[start..];
    let message = match stop {
        Some(StopReason::EndTurn) => return None,
        Some(StopReason::MaxTokens) => "the describer's limit on length cut it off".to_owned(),
        Some(StopReason::Other(_)) | None if is_ended(text) => return None,
        Some(StopReason::Other(_)) | None => {
            let shown: String = last_word.chars().take(SHOWN).collect();
            format!("it ends in “{}”, without a full stop", sanitize(&shown))
        }
    };
    // `text` is a part of `caption`, and only whitespace was before it.
    let offset = caption.len() - caption.trim_start_matches(is_space).len();
    Some(Remark::about(offset + start..offset + text.len(), message))
}

/// Whether the last sentence of a trimmed text has its end: a mark that ends sentences, with nothing but closing marks
/// after it; or an emoji, which people write in place of one; or a letter of a script that has no such mark.
fn is_ended(text: &str) -> bool {
    let Some(last) = text.chars().next_back() else { return false };
    if is_emoji(last) || is_unpunctuated(last) {
        return true;
    }
    text.trim_end_matches(closes).ends_with(ends_sentence)
}

/// Marks that end a sentence: Latin, Greek and Cyrillic, the ones of East Asia in their widths, and those of the
/// scripts that have their own (Arabic, Armenian, Ethiopic, Indic, Burmese, Khmer).
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

/// Marks that close what was opened, and the ones Markdown has for emphasis.
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

/// Pictographs, with what comes after them in a sequence.
fn is_emoji(character: char) -> bool {
    matches!(character, '\u{1f000}'..='\u{1faff}' | '\u{2600}'..='\u{27bf}' | '\u{fe0f}' | '\u{20e3}' | '\u{e007f}')
}

/// Thai and Lao end sentences with a space.
fn is_unpunctuated(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("A red coat.")]
    #[case("A red coat. \n")]
    #[case("What a coat!")]
    #[case("A coat…")]
    #[case("A coat...")]
    #[case("A sign says \"Sale.\"")]
    #[case("A sign says “Sale.”")]
    #[case("A coat (red.)")]
    #[case("**A red coat.**")]
    #[case("빨간 코트를 입은 여성이 서 있다.")]
    #[case("赤いコートの女性。")]
    #[case("彼女は「素敵。」")]
    #[case("लाल कोट।")]
    #[case("เสื้อโค้ทสีแดง")]
    #[case("A red coat ❤️")]
    #[case("A red coat. 😀")]
    fn a_sentence_with_its_end_is_ended(#[case] caption: &str) {
        assert_eq!(cut_off(caption, None), None);
    }

    #[rstest]
    #[case("Casual setting. Youthful, tren", "tren")]
    #[case("cool and laid-", "laid-")]
    #[case("warm sunset lighting, ", "lighting,")]
    #[case("a sign with \"STREET CULTURE\"", "CULTURE\"")]
    #[case("coat", "coat")]
    #[case("빨간 코트를 입은 여성이", "여성이")]
    #[case(" 赤いコートの", "赤いコートの")]
    #[case("wearing a coat:", "coat:")]
    fn a_sentence_without_is_cut_off_at_its_last_word(#[case] caption: &str, #[case] last: &str) {
        let finding = cut_off(caption, None).expect("a finding");
        assert_eq!(&caption[finding.span.expect("a span")], last);
        assert_eq!(finding.message, format!("it ends in “{last}”, without a full stop"));
    }

    #[test]
    fn the_describer_knows_better_than_the_punctuation() {
        assert_eq!(cut_off("a red coat", Some(&StopReason::EndTurn)), None);
        let limit = cut_off("A red coat.", Some(&StopReason::MaxTokens)).expect("a finding");
        assert_eq!(limit.message, "the describer's limit on length cut it off");
        let other = StopReason::Other("unknown".to_owned());
        assert_eq!(cut_off("A red coat.", Some(&other)), None);
        assert!(cut_off("A red co", Some(&other)).is_some());
    }

    #[test]
    fn the_message_is_short_and_safe_whatever_the_word() {
        let word = format!("\x1b{}", "x".repeat(1_000));
        let message = cut_off(&word, None).expect("a finding").message;
        assert_eq!(message, format!("it ends in “␛{}”, without a full stop", "x".repeat(23)));
    }
}
