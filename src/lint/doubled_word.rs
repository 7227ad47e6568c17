//! Finds accidentally repeated words ("the the").

use super::phrase_matching::same_word;
use super::{Language, Text, Violation};
use crate::text::{is_space, sanitize};

/// English words that are repeated on purpose: auxiliaries ("had had"), emphasis ("very very") and names ("bye bye").
const REPEATED_ON_PURPOSE: &[&str] = &[
    "bang", "beep", "blah", "bling", "boo", "bye", "can", "cha", "choo", "chop", "dada", "do", "far", "had", "ha",
    "happy", "he", "hip", "ho", "hush", "knock", "long", "mama", "many", "more", "much", "night", "no", "papa", "pom",
    "really", "same", "she", "so", "that", "there", "tick", "tsk", "tut", "very", "wah", "way", "well", "woof", "yada",
    "yeah", "yes", "yo", "yum", "zig",
];

/// Reports a word that is followed by itself, separated by whitespace only. Checks English only, because correct
/// repetitions are too common in other languages, and skips capitalised names and quotations.
pub(super) fn doubled_word(text: &Text<'_>, language: Option<Language>) -> Option<Violation> {
    if language.is_some_and(|language| !language.is_english()) {
        return None;
    }
    let words = text.words();
    let at = (1..words.len()).find(|&at| {
        let (Some(first), Some(second)) = (words.get(at - 1), words.get(at)) else { return false };
        first.eq_ignore_ascii_case(second)
            && second.bytes().all(|letter| letter.is_ascii_lowercase())
            && (second.len() > 1 || second == "a")
            // A capitalised word could be a name, unless it starts a sentence.
            && (first == second || starts_sentence(text, at - 1))
            && words.gap(at - 1).chars().all(is_space)
            && !REPEATED_ON_PURPOSE.iter().any(|word| same_word(second, word))
            && !text.quotations().contain(words.start(at))
            // The second word can be part of a hyphenated one ("face to face-to-face").
            && !words.gap(at).starts_with('-')
    })?;
    let span = words.span(at - 1, 2);
    let message = format!("repeated word: “{}”", sanitize(&text.caption[span.clone()]));
    Some(Violation::at(span, message))
}

fn starts_sentence(text: &Text<'_>, at: usize) -> bool {
    at == 0 || text.words().gap(at - 1).contains(['.', '!', '?'])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn found<'a>(caption: &'a str, language: &str) -> Option<&'a str> {
        let text = Text::of(caption);
        doubled_word(&text, Language::named(language)).map(|violation| &caption[violation.span.expect("two words")])
    }

    #[rstest]
    #[case("A woman in the the street.", "the the")]
    #[case("The the street.", "The the")]
    #[case("A coat. A a hat.", "A a")]
    #[case("She wears black\n black boots.", "black\n black")]
    fn repeated_words_are_found(#[case] caption: &str, #[case] part: &str) {
        assert_eq!(found(caption, "en"), Some(part));
        assert_eq!(found(caption, "unknown"), Some(part));
        assert_eq!(found(caption, "fr"), None);
    }

    #[rstest]
    #[case("The coat she had had for years.")]
    #[case("He knows that that coat is red.")]
    #[case("A very very long coat.")]
    #[case("A shirt from Bora Bora.")]
    #[case("A shirt reading \"boom boom pow\".")]
    #[case("Black, black and black.")]
    #[case("A black-and-white, white coat.")]
    #[case("Vitamin A a day.")]
    #[case("Pattern x x on the tee.")]
    #[case("반짝 반짝 빛난다.")]
    fn intended_repetitions_are_not(#[case] caption: &str) {
        assert_eq!(found(caption, "en"), None);
    }
}
