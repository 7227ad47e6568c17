//! Finds hedging. "Appears to be a coat" conveys less than "a coat", and a model trained on it learns to hedge.

use std::sync::LazyLock;

use super::fast_hash::FastSet;
use super::phrase_matching::normalize;
use super::{Text, Violation};
use crate::text::sanitize;

/// Hedges in any context.
const HEDGES: &[&str] = &[
    "possibly",
    "probably",
    "perhaps",
    "presumably",
    "seemingly",
    "apparently",
    "maybe",
    "likely a",
    "likely an",
    "likely the",
    "likely in",
    "likely at",
    "likely from",
    "likely made",
    "likely indicating",
    "likely part",
    "most likely",
    "very likely",
    "what looks like",
    "it looks like",
    "it is unclear",
    "it's unclear",
    "it is not clear",
    "hard to tell",
    "difficult to tell",
    "difficult to determine",
    "cannot be determined",
    "아마",
    "아마도",
    "것 같다",
    "것 같습니다",
    "것으로 보인다",
    "것으로 보입니다",
    "것으로 추정된다",
    "것으로 추정됩니다",
    "것으로 추정되는",
];

/// Hedges before a verb ("appears to wear"). Before one of [`NOT_VERBS`] they describe a position ("a dog appears to the
/// left of her").
const BEFORE_A_VERB: &[&str] = &[
    "appears to",
    "appear to",
    "appeared to",
    "appearing to",
    "seems to",
    "seem to",
    "seemed to",
    "seeming to",
    "looks to be",
    "look to be",
];
const NOT_VERBS: &[&str] =
    &["the", "a", "an", "her", "his", "their", "its", "our", "this", "that", "left", "right", "viewers"];

/// Hedges before a noun ("could be a model"), recognised by one of [`DETERMINERS`]. Otherwise they mostly describe a
/// possibility ("may be worn open", "could be seen").
const BEFORE_A_NOUN: &[&str] =
    &["may be", "might be", "could be", "may have been", "might have been", "could have been"];
const DETERMINERS: &[&str] = &["a", "an", "the", "some", "part", "his", "her", "their", "its"];

/// Hedges in Japanese and Chinese, matched anywhere because these are written without spaces.
const ANYWHERE: &[&str] = &["かもしれ", "と思われ", "と推測", "と推定", "似乎", "也许", "也許"];

/// The first words of all hedges: a fast filter, since hardly any word of a caption is one.
static FIRST_WORDS: LazyLock<FastSet<&str>> = LazyLock::new(|| {
    let phrases = HEDGES.iter().chain(BEFORE_A_VERB).chain(BEFORE_A_NOUN);
    phrases.filter_map(|phrase| phrase.split(' ').next()).collect()
});

/// Reports the first hedge outside quotations.
pub(super) fn hedging(text: &Text<'_>) -> Option<Violation> {
    let words = text.words();
    let follows = |at: usize, length: usize, any: &[&str]| words.match_any(at + length, any).is_some();
    let length_at = |at: usize| {
        let before_verb = |length: &usize| !follows(at, *length, NOT_VERBS) && at + length < words.len();
        let before_noun = |length: &usize| follows(at, *length, DETERMINERS);
        words
            .match_any(at, HEDGES)
            .or_else(|| words.match_any(at, BEFORE_A_VERB).filter(before_verb))
            .or_else(|| words.match_any(at, BEFORE_A_NOUN).filter(before_noun))
    };
    let is_first_word = |at: &usize| words.get(*at).is_some_and(|word| FIRST_WORDS.contains(normalize(word).as_ref()));
    let in_words = (0..words.len())
        .filter(|at| is_first_word(at) && !text.quotations().contain(words.start(*at)))
        .find_map(|at| length_at(at).map(|length| words.span(at, length)));
    let anywhere = || {
        let phrases = if text.caption.is_ascii() { &[] } else { ANYWHERE };
        let mut found = phrases.iter().filter_map(|phrase| text.caption.find(phrase).map(|at| at..at + phrase.len()));
        found.find(|span| !text.quotations().contain(span.start))
    };
    let span = in_words.or_else(anywhere)?;
    let message = format!("hedging: “{}”", sanitize(&text.caption[span.clone()]));
    Some(Violation::at(span, message))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn found(caption: &str) -> Option<&str> {
        let text = Text::of(caption);
        hedging(&text).map(|violation| &caption[violation.span.expect("a span")])
    }

    #[rstest]
    #[case("A woman who appears to be waiting.", "appears to")]
    #[case("The coat seems to have a belt.", "seems to")]
    #[case("Possibly a model.", "Possibly")]
    #[case("A man, likely in his thirties.", "likely in")]
    #[case("She might be a dancer.", "might be")]
    #[case("학생인 것으로 보입니다.", "것으로 보입니다")]
    #[case("コートかもしれない。", "かもしれ")]
    fn hedges_are_found(#[case] caption: &str, #[case] part: &str) {
        assert_eq!(found(caption), Some(part));
    }

    #[rstest]
    #[case("A dog appears to the left of the girl.")]
    #[case("Buildings may be seen behind her.")]
    #[case("A coat that may be worn open.")]
    #[case("No person could be made out; the subject is plain, mainly red, against a busy background.")]
    #[case("As small as may be.")]
    #[case("A shirt that says \"maybe later\".")]
    #[case("A bag by Likely Story.")]
    #[case("Maybelline lipstick.")]
    #[case("A seemly coat.")]
    #[case("A red light appears. To the left, a bus.")]
    #[case("가방이 보인다.")]
    fn phrases_that_resemble_hedges_are_not(#[case] caption: &str) {
        assert_eq!(found(caption), None);
    }
}
