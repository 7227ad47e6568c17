//! A word that stands twice in a row ("the the"), as no sentence needs it.

use super::words::same_word;
use super::{Language, Remark, Text};
use crate::text::{is_space, sanitize};

/// English words that do come twice: auxiliaries, and what is doubled to say more of it or to name a thing.
const DOUBLED_ON_PURPOSE: &[&str] = &[
    "bang", "beep", "blah", "bling", "boo", "bye", "can", "cha", "choo", "chop", "dada", "do", "far", "had", "ha",
    "happy", "he", "hip", "ho", "hush", "knock", "long", "mama", "many", "more", "much", "night", "no", "papa", "pom",
    "really", "same", "she", "so", "that", "there", "tick", "tsk", "tut", "very", "wah", "way", "well", "woof", "yada",
    "yeah", "yes", "yo", "yum", "zig",
];

/// A finding if a word is followed by itself with nothing but space between. Only English is looked at: in other
/// languages there are too many words that do that rightly. Names and what is written in the picture (with a capital, or
/// between quotation marks) may be doubled as well.
pub(super) fn doubled(text: &Text<'_>, language: Option<Language>) -> Option<Remark> {
    if language.is_some_and(|language| !language.is_english()) {
        return None;
    }
    let words = &text.words;
    let at = (1..words.len()).find(|&at| {
        let (Some(first), Some(second)) = (words.get(at - 1), words.get(at)) else { return false };
        first.eq_ignore_ascii_case(second)
            && second.bytes().all(|letter| letter.is_ascii_lowercase())
            && (second.len() > 1 || second == "a")
            // With a capital it may be a name, unless a sentence begins with it.
            && (first == second || starts_sentence(text, at - 1))
            && words.gap(at - 1).chars().all(is_space)
            && !DOUBLED_ON_PURPOSE.iter().any(|word| same_word(second, word))
            && !text.quotations.contain(words.start(at))
            // Part of something hyphenated ("face to face-to-face") is a word of its own.
            && !words.gap(at).starts_with('-')
    })?;
    let span = words.span(at - 1, 2);
    let message = format!("“{}” says a word twice", sanitize(&text.caption[span.clone()]));
    Some(Remark::about(span, message))
}

fn starts_sentence(text: &Text<'_>, at: usize) -> bool {
    at == 0 || text.words.gap(at - 1).contains(['.', '!', '?'])
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Quotations, Words};
    use super::*;

    fn found<'a>(caption: &'a str, language: &str) -> Option<&'a str> {
        let text = Text { caption, words: Words::of(caption), quotations: Quotations::of(caption) };
        doubled(&text, Language::named(language)).map(|remark| &caption[remark.span.expect("two words")])
    }

    #[rstest]
    #[case("A woman in the the street.", "the the")]
    #[case("The the street.", "The the")]
    #[case("A coat. A a hat.", "A a")]
    #[case("She wears black\n black boots.", "black\n black")]
    fn a_word_said_twice_is_found(#[case] caption: &str, #[case] part: &str) {
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
    fn a_word_that_may_come_twice_is_not(#[case] caption: &str) {
        assert_eq!(found(caption, "en"), None);
    }
}
