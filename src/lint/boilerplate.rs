//! Finds model boilerplate: refusals, preambles about the task, and placeholders from failed runs.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::Violation;
use super::phrase_matching::{Words, undecorated};
use crate::text::{sanitize, trim};

// For the form of the phrases, see `phrase_matching`.

/// Written by captioning scripts when the model fails.
const PLACEHOLDERS: &[&str] = &["a person in fashion clothing"];

/// First words of refusals. Captions are never in the first person, so these are refusals at the start of any sentence.
const REFUSALS: &[&str] = &[
    "i can't",
    "i cannot",
    "i can not",
    "i couldn't",
    "i am unable to",
    "i'm unable to",
    "i am not able to",
    "i'm not able to",
    "i am not comfortable",
    "i'm not comfortable",
    "i don't feel comfortable",
    "i do not feel comfortable",
    "i won't",
    "i will not",
    "i must decline",
    "i have to decline",
    "i apologize",
    "i apologise",
    "i'm sorry",
    "i am sorry",
    "i'm afraid i",
    "sorry i",
    "sorry but",
    "my apologies",
    "unfortunately i",
    "as an ai i",
    "as an ai model",
    "as an ai assistant",
    "as an ai language model",
    "as a language model",
    "죄송합니다",
    "죄송합니다만",
    "죄송하지만",
    "申 し 訳 あ り ま せ ん",
    "申 し 訳 ご ざ い ま せ ん",
    "抱 歉 我",
    "对 不 起 我",
];

/// Preambles at the start of a caption.
const PREAMBLES: &[&str] = &[
    "in this image",
    "in this photo",
    "in this photograph",
    "in this picture",
    "this is an image",
    "this is a photo",
    "this is a photograph",
    "this is a picture",
    "based on the image",
    "based on this image",
    "based on the photo",
    "based on the picture",
    "sure here",
    "certainly here",
    "of course here",
    "absolutely here",
    "이 이미지는",
    "이 이미지에는",
    "이 이미지에서",
    "이 이미지 속",
    "이 사진은",
    "이 사진에는",
    "이 사진에서",
    "이 사진 속",
    "こ の 画 像",
    "こ の 写 真",
];

/// Preambles only if followed by a comma or one of [`PRONOUNS`]: "In the picture, …", but not "In the picture window …".
const PREAMBLES_BEFORE_COMMA: &[&str] = &["in the image", "in the photo", "in the photograph", "in the picture"];
const PRONOUNS: &[&str] = &["we", "there", "you"];

/// "This image shows": a subject followed by one of [`VERBS`].
const SUBJECTS: &[&str] = &[
    "the image",
    "this image",
    "the photo",
    "this photo",
    "the photograph",
    "this photograph",
    "the picture",
    "this picture",
];
const VERBS: &[&str] = &[
    "shows",
    "depicts",
    "features",
    "displays",
    "captures",
    "presents",
    "portrays",
    "showcases",
    "illustrates",
    "contains",
    "is of",
    "appears to show",
];

/// Labels, followed by a colon.
const LABELS: &[&str] = &[
    "caption",
    "description",
    "image caption",
    "image description",
    "photo description",
    "alt text",
    "fashion description",
    "fashion caption",
    "캡션",
    "설명",
    "이미지 설명",
];

/// "Here is a caption of the image:": an offer, then one of [`NOUNS`], then a colon.
const OFFERS: &[&str] = &["here is", "here's", "below is", "the following is"];
const NOUNS: &[&str] = &["caption", "description", "alt text"];

/// The maximum length in bytes of a placeholder with punctuation.
const MAX_PLACEHOLDER: usize = 64;

/// The first words of [`REFUSALS`].
static REFUSAL_STARTS: LazyLock<Vec<&str>> = LazyLock::new(|| first_words(&[REFUSALS]));
/// The first words of all preambles.
static PREAMBLE_STARTS: LazyLock<Vec<&str>> =
    LazyLock::new(|| first_words(&[PREAMBLES, PREAMBLES_BEFORE_COMMA, SUBJECTS, LABELS, OFFERS]));

/// Returns the first word of each phrase, up to an apostrophe, which has several forms.
fn first_words(phrases: &[&[&'static str]]) -> Vec<&'static str> {
    let words = phrases.concat().into_iter().filter_map(|phrase| phrase.split([' ', '\'']).next());
    words.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the words from a byte on, or `None` if they do not begin with any of `starts`: a fast filter, since hardly any
/// sentence does.
fn words_at<'a>(text: &'a str, start: usize, starts: &[&str]) -> Option<Words<'a>> {
    let rest = undecorated(&text[start..]).as_bytes();
    let begins = |word: &&str| rest.get(..word.len()).is_some_and(|rest| rest.eq_ignore_ascii_case(word.as_bytes()));
    starts.iter().any(begins).then(|| Words::at(text, start))
}

/// Reports a caption that consists of a placeholder, ignoring case and final punctuation.
pub(super) fn placeholder(caption: &str) -> Option<Violation> {
    if trim(caption).len() > MAX_PLACEHOLDER {
        return None;
    }
    let words = Words::at(caption, 0);
    let length = words.match_any(0, PLACEHOLDERS)?;
    (length == words.len()).then(|| Violation::at(words.through(length), "placeholder from a failed run"))
}

/// Reports a sentence that starts like a refusal.
pub(super) fn refusal(caption: &str) -> Option<Violation> {
    sentence_starts(caption).find_map(|start| {
        let words = words_at(caption, start, &REFUSAL_STARTS)?;
        let length = words.match_any(0, REFUSALS)?;
        Some(Violation::at(words.through(length), "refusal, not a caption"))
    })
}

/// Reports a caption that starts with a phrase about the image or the task.
pub(super) fn preamble(caption: &str) -> Option<Violation> {
    let words = words_at(caption, 0, &PREAMBLE_STARTS)?;
    let length = opening(&words).or_else(|| image_shows(&words)).or_else(|| label(&words)).or_else(|| offer(&words))?;
    let span = words.through(length);
    let message = format!("starts with “{}”", sanitize(&caption[span.clone()]));
    Some(Violation::at(span, message))
}

/// Returns the length in words of "In this image" or "In the picture, …".
fn opening(words: &Words<'_>) -> Option<usize> {
    words.match_any(0, PREAMBLES).or_else(|| {
        let length = words.match_any(0, PREAMBLES_BEFORE_COMMA)?;
        (words.after(length).starts_with(',') || words.match_any(length, PRONOUNS).is_some()).then_some(length)
    })
}

/// Returns the length in words of "This image shows".
fn image_shows(words: &Words<'_>) -> Option<usize> {
    let subject = words.match_any(0, SUBJECTS)?;
    words.match_any(subject, VERBS).map(|verb| subject + verb)
}

/// Returns the length in words of "Caption:" or "**Caption**:".
fn label(words: &Words<'_>) -> Option<usize> {
    let length = words.match_any(0, LABELS)?;
    words.after(length).trim_start_matches(['*', '_', ' ']).starts_with([':', '：']).then_some(length)
}

/// Returns the length in words of "Here is a caption of the image:".
fn offer(words: &Words<'_>) -> Option<usize> {
    let start = words.match_any(0, OFFERS)?;
    let end = (start + 1..=words.len()).find(|&length| words.after(length).starts_with(':'))?;
    (start..end).any(|word| words.match_any(word, NOUNS).is_some()).then_some(end)
}

/// Returns the byte offsets of possible sentence starts: 0 and after every sentence-ending mark. Abbreviations give false
/// starts, which is harmless because refusals are rare.
fn sentence_starts(text: &str) -> impl Iterator<Item = usize> {
    let after = |(at, byte): (usize, &u8)| match byte {
        b'.' | b'!' | b'?' | b'\n' => Some(at + 1),
        0xe3 | 0xef => text[at..].starts_with(['。', '！', '？']).then_some(at + 3),
        _ => None,
    };
    std::iter::once(0).chain(text.as_bytes().iter().enumerate().filter_map(after))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    /// Returns the part of the caption that a violation spans.
    fn spanned(caption: &str, violation: Option<Violation>) -> Option<&str> {
        violation.map(|violation| &caption[violation.span.expect("a span")])
    }

    #[rstest]
    #[case("A person in fashion clothing")]
    #[case("a person in fashion clothing.\n")]
    fn placeholders_are_found_in_any_case_and_punctuation(#[case] caption: &str) {
        assert!(placeholder(caption).is_some());
    }

    #[rstest]
    #[case("A person in fashion clothing walks a dog.")]
    #[case("A person in fashion")]
    #[case("")]
    fn captions_that_contain_part_of_a_placeholder_are_not(#[case] caption: &str) {
        assert_eq!(placeholder(caption), None);
    }

    #[rstest]
    #[case("I'm sorry, but I can't help with that.", "I'm sorry")]
    #[case("I’m unable to identify people.", "I’m unable to")]
    #[case("I apologize, but I do not feel comfortable", "I apologize")]
    #[case("Sorry, I cannot describe this.", "Sorry, I")]
    #[case("A person stands there. I cannot identify them.", "I cannot")]
    #[case("Unfortunately, I can not see a picture.", "Unfortunately, I")]
    #[case("As an AI language model, I have no eyes.", "As an AI language model")]
    #[case("죄송합니다. 설명할 수 없습니다.", "죄송합니다")]
    #[case("申し訳ありませんが、説明できません。", "申し訳ありません")]
    fn refusals_are_found(#[case] caption: &str, #[case] part: &str) {
        assert_eq!(spanned(caption, refusal(caption)), Some(part));
    }

    #[rstest]
    #[case("A woman in a shirt that says \"I can't even\".")]
    #[case("\"I CAN'T\" is printed on the tee.")]
    #[case("Sorry is written on the cap.")]
    #[case("A woman. \"I will not\" on her bag.")]
    #[case("As an AI-generated portrait, it is smooth.")]
    #[case("An apologetic man with a sorry face.")]
    fn captions_that_resemble_refusals_are_not(#[case] caption: &str) {
        assert_eq!(refusal(caption), None);
    }

    #[rstest]
    #[case("This image shows a woman in a coat.", "This image shows")]
    #[case("The photograph depicts a man.", "The photograph depicts")]
    #[case("In this image, a woman walks.", "In this image")]
    #[case("In the picture, a woman walks.", "In the picture")]
    #[case("In the photo we see a woman.", "In the photo")]
    #[case("This is a photo of a woman.", "This is a photo")]
    #[case("Sure! Here is a caption: A coat.", "Sure! Here")]
    #[case("Here's a 30-word caption for the image: A coat.", "Here's a 30-word caption for the image")]
    #[case("Caption: A woman in a coat.", "Caption")]
    #[case("**Image description**: A coat.", "Image description")]
    #[case("## Caption:\nA coat.", "Caption")]
    #[case("이 이미지는 여성을 보여준다.", "이 이미지는")]
    #[case("この画像には女性がいます。", "この画像")]
    fn preambles_are_found(#[case] caption: &str, #[case] part: &str) {
        assert_eq!(spanned(caption, preamble(caption)), Some(part));
    }

    #[rstest]
    #[case("Young woman in a coat.")]
    #[case("The image on his shirt shows a cat.")]
    #[case("The picture window frames a woman.")]
    #[case("In the picture window stands a woman.")]
    #[case("This photographer shows her camera.")]
    #[case("Caption competition winners in coats.")]
    #[case("Here is elegance: a long coat, a hat.")]
    #[case("이 사진작가는 코트를 입었다.")]
    #[case("")]
    fn captions_that_resemble_preambles_are_not(#[case] caption: &str) {
        assert_eq!(preamble(caption), None);
    }
}
