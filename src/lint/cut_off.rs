//! Detects captions that stop in the middle of a sentence.

use super::Violation;
use crate::describe::StopReason;
use crate::text::{is_sentence_ended, is_space, sanitize, trim};

/// The number of characters of the last word shown in the message.
const MAX_SHOWN: usize = 24;

/// Reports a caption if its describer hit the token limit, or if the stop reason is unknown and the last sentence does not
/// end. A caption that its describer reports as finished is never cut off, regardless of its last character; nor is a text
/// without sentences (`unpunctuated`), unless its describer hit the limit.
pub(super) fn cut_off(caption: &str, stop: Option<&StopReason>, unpunctuated: bool) -> Option<Violation> {
    let text = trim(caption);
    let start = text.rfind(is_space).map_or(0, |space| space + text[space..].chars().next().map_or(0, char::len_utf8));
    let last_word = &text[start..];
    let message = match stop {
        Some(StopReason::EndTurn) => return None,
        Some(StopReason::MaxTokens) => "cut off at the token limit".to_owned(),
        Some(StopReason::Other(_)) | None if unpunctuated || is_sentence_ended(text) => return None,
        Some(StopReason::Other(_)) | None => {
            let shown: String = last_word.chars().take(MAX_SHOWN).collect();
            format!("ends with “{}”, no full stop", sanitize(&shown))
        }
    };
    let offset = caption.len() - caption.trim_start_matches(is_space).len();
    Some(Violation::at(offset + start..offset + text.len(), message))
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
    fn complete_sentences_are_not_cut_off(#[case] caption: &str) {
        assert_eq!(cut_off(caption, None, false), None);
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
    fn incomplete_sentences_are_cut_off_at_the_last_word(#[case] caption: &str, #[case] last: &str) {
        let finding = cut_off(caption, None, false).expect("a finding");
        assert_eq!(&caption[finding.span.expect("a span")], last);
        assert_eq!(finding.message, format!("ends with “{last}”, no full stop"));
    }

    #[test]
    fn the_stop_reason_overrides_the_punctuation() {
        assert_eq!(cut_off("a red coat", Some(&StopReason::EndTurn), false), None);
        let limit = cut_off("A red coat.", Some(&StopReason::MaxTokens), false).expect("a finding");
        assert_eq!(limit.message, "cut off at the token limit");
        let other = StopReason::Other("unknown".to_owned());
        assert_eq!(cut_off("A red coat.", Some(&other), false), None);
        assert!(cut_off("A red co", Some(&other), false).is_some());
    }

    #[test]
    fn the_message_is_truncated_and_sanitized() {
        let word = format!("\x1b{}", "x".repeat(1_000));
        let message = cut_off(&word, None, false).expect("a finding").message;
        assert_eq!(message, format!("ends with “␛{}”, no full stop", "x".repeat(23)));
    }
}
