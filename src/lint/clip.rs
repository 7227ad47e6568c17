//! How many tokens a caption has for the text encoders of the CLIP family, which read 75 and drop the rest.
//!
//! The tokenizer is that of `OpenAI`'s CLIP (`simple_tokenizer.py`): byte pairs are merged within words, in the order of a
//! list that was learned with the model. Counts are those of the original for all but text that is broken (wrongly
//! decoded, escaped for HTML), which the original repairs first.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use icu_normalizer::ComposingNormalizerBorrowed;
use regex::Regex;

use super::{Language, Remark};

/// Tokens that are read: the context of 77 less the marks of start and end (`clip.py`, `context_length`).
const READ: usize = 75;

/// Most bytes looked at. The longest token has 32, so a text of this length has more tokens than are read, whatever they
/// are; how many it has in all then makes no difference.
const LOOKED_AT: usize = 4 * 1024;

/// The merges, in their order: for each the two tokens that become one, little-endian. See `assets/models/README.md`.
const MERGES: &[u8] = include_bytes!("../../assets/models/clip_merges.bin");

/// Tokens that are single bytes, and as many that are single bytes at the end of a word, come before the merged ones.
const BYTES: u16 = 256;

/// A finding if the caption has more tokens than are read. CLIP knows English and its neighbours: where captions are to be
/// in a language of other letters, nothing that reads them is of its kind.
pub(super) fn too_many(caption: &str, wanted: Option<Language>) -> Option<Remark> {
    // A token has at least a byte.
    if caption.len() <= READ || wanted.is_some_and(|language| !language.is_latin()) {
        return None;
    }
    let shown = caption.floor_char_boundary(LOOKED_AT);
    let text = prepared(&caption[..shown]);
    let mut count = 0;
    let mut first_unread = None;
    for word in WORDS.find_iter(&text) {
        count += merged(word.as_str().as_bytes());
        if count > READ && first_unread.is_none() {
            first_unread = Some(word.start());
        }
    }
    let first_unread = first_unread?;
    let message = if shown < caption.len() {
        format!("more than {count} CLIP tokens; {READ} are read")
    } else {
        format!("{count} CLIP tokens; {READ} are read")
    };
    // Where preparing moved nothing, its bytes are those of the caption.
    let span = (text.len() == shown && caption.is_char_boundary(first_unread)).then_some(first_unread..caption.len());
    Some(Remark { message, span })
}

/// The tokens of a text, without the marks of start and end that are set round them.
#[must_use]
pub fn clip_tokens(text: &str) -> usize {
    WORDS.find_iter(&prepared(text)).map(|word| merged(word.as_str().as_bytes())).sum()
}

/// Words as the tokenizer has them: English endings, letters, single digits, the rest.
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+").expect("a pattern of this program")
});

/// The token that two become.
static TABLE: LazyLock<HashMap<(u16, u16), u16>> = LazyLock::new(|| {
    let number = |at: usize| u16::from_le_bytes([MERGES[at], MERGES[at + 1]]);
    let merges = (0..MERGES.len()).step_by(4).map(|at| (number(at), number(at + 2)));
    merges.zip(2 * BYTES..).collect()
});

/// The text in small letters, its accents composed and its quotation marks straight.
fn prepared(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let straight = text.replace(['‘', '’', '‚', '‛', 'ʼ'], "'").replace(['“', '”', '„', '‟'], "\"");
    Cow::Owned(ComposingNormalizerBorrowed::new_nfc().normalize(&straight).to_lowercase())
}

/// How many tokens a word becomes: the two neighbours that come first in the list are merged, until no two can be. A token
/// that was merged comes later in the list than its parts, so the same pair elsewhere in the word goes first.
fn merged(word: &[u8]) -> usize {
    let mut tokens: Vec<u16> = word.iter().map(|byte| token_of(*byte)).collect();
    if let Some(last) = tokens.last_mut() {
        *last += BYTES;
    }
    let merge = |tokens: &[u16], at: usize| TABLE.get(&(*tokens.get(at)?, *tokens.get(at + 1)?)).copied();
    // What each token and the next one become.
    let mut merges: Vec<Option<u16>> = (0..tokens.len()).map(|at| merge(&tokens, at)).collect();
    loop {
        let known = merges.iter().enumerate().filter_map(|(at, merge)| merge.map(|token| (token, at)));
        let Some((token, at)) = known.min() else { return tokens.len() };
        tokens[at] = token;
        tokens.remove(at + 1);
        merges.remove(at + 1);
        merges[at] = merge(&tokens, at);
        if let Some(before) = at.checked_sub(1) {
            merges[before] = merge(&tokens, before);
        }
    }
}

/// The token of a byte. Those that print in Latin-1 come first, then the others (`simple_tokenizer.py`,
/// `bytes_to_unicode`).
const fn token_of(byte: u8) -> u16 {
    let byte = byte as u16;
    match byte {
        0x21..=0x7e => byte - 0x21,
        0xa1..=0xac => byte - 0xa1 + 94,
        0xae..=0xff => byte - 0xae + 106,
        0x00..=0x20 => byte + 188,
        0x7f..=0xa0 => byte - 0x7f + 221,
        _ => 255,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[test]
    fn every_byte_has_a_token_of_its_own_and_every_merge_two_tokens_before_it() {
        let mut tokens: Vec<u16> = (0..=u8::MAX).map(token_of).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, (0..256).collect::<Vec<u16>>());
        // 49408 tokens, less 512 for bytes and two marks (`simple_tokenizer.py`).
        assert_eq!((MERGES.len() % 4, TABLE.len()), (0, 49_408 - 512 - 2));
        assert!(TABLE.iter().all(|((left, right), token)| left < token && right < token));
    }

    // Counted by open_clip 3.3.0's SimpleTokenizer.
    #[rstest]
    #[case("", 0)]
    #[case("a photo of a cat", 5)]
    #[case("A Photo of a CAT!", 6)]
    #[case("Young woman's white t-shirt, 1960 print.", 14)]
    #[case("Young woman’s “white” t-shirt", 9)]
    #[case("macramé wall hanging, café", 7)]
    #[case("cafe\u{301}", 1)]
    #[case("검은 코트를 입은 여성", 19)]
    #[case("赤いコートを着た女性。", 21)]
    #[case("👩\u{200d}🎤 red coat 😀😀", 5)]
    #[case("don't they'll we've I'm he'd you're", 12)]
    #[case("supercalifragilisticexpialidocious", 9)]
    #[case("  spaces\t\n and   more ", 3)]
    #[case("½ price — 50% off… №5", 11)]
    #[case("aaaaaaaaaaaaaaaa", 3)]
    #[case("!!!???", 2)]
    #[case("İstanbul ΣΊΣΥΦΟΣ straße", 21)]
    fn tokens_are_counted_as_the_original_does(#[case] text: &str, #[case] tokens: usize) {
        assert_eq!(clip_tokens(text), tokens);
    }

    #[test]
    fn what_is_past_the_last_token_read_is_marked() {
        let caption = format!("{}coat hat.", "a ".repeat(74));
        let remark = too_many(&caption, None).expect("77 tokens");
        assert_eq!(remark.message, "77 CLIP tokens; 75 are read");
        assert_eq!(&caption[remark.span.expect("a place")], "hat.");
        assert_eq!(too_many(&"a ".repeat(75), None), None);
        assert_eq!(too_many(&caption, Language::named("ko")), None);
    }

    #[test]
    fn a_text_without_an_end_is_not_counted_to_its_end() {
        let remark = too_many(&"가".repeat(100_000), None).expect("too many");
        assert!(remark.message.starts_with("more than "), "{}", remark.message);
    }

    proptest! {
        #[test]
        fn a_text_has_no_more_tokens_than_bytes(text in any::<String>()) {
            let plain = prepared(&text);
            prop_assert!(clip_tokens(&text) <= plain.len());
            prop_assert!(clip_tokens(&text) >= plain.split_whitespace().count());
        }
    }
}
