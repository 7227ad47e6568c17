//! Counts tokens for the text encoders of the CLIP family, which read 75 and drop the rest.
//!
//! A port of `OpenAI`'s byte-pair encoding (BPE) tokenizer (`simple_tokenizer.py`). Counts are equal to the original's,
//! except that the original first repairs mojibake and HTML entities.

use std::borrow::Cow;
use std::cell::RefCell;
use std::ops::Range;
use std::sync::LazyLock;

use icu_normalizer::ComposingNormalizerBorrowed;
use regex::Regex;

use super::fast_hash::FastMap;
use super::{Language, Violation};

/// The context length of 77 (`clip.py`, `context_length`) minus the start and end tokens.
const MAX_TOKENS: usize = 75;

/// Longer captions are not counted to the end. The longest token has 32 bytes, so a text of this length always exceeds the
/// limit.
const MAX_BYTES: usize = 4 * 1024;

/// The BPE merges by rank: pairs of little-endian `u16` token ids. See `assets/models/README.md`.
const MERGES: &[u8] = include_bytes!("../../assets/models/clip_merges.bin");

/// The first ids are 256 single bytes, then 256 single bytes at the end of a word, then the merged tokens.
const BYTE_TOKENS: u16 = 256;

/// Reports a caption with more tokens than CLIP reads. CLIP was trained on Latin script, so captions expected in another
/// script are not meant for it.
pub(super) fn too_many(caption: &str, expected: Option<Language>) -> Option<Violation> {
    // A token has at least one byte.
    if caption.len() <= MAX_TOKENS || expected.is_some_and(|language| !language.is_latin()) {
        return None;
    }
    let end = caption.floor_char_boundary(MAX_BYTES);
    let text = normalize(&caption[..end]);
    let mut count = 0;
    let mut first_unread = None;
    for word in words(&text) {
        count += token_count(&text.as_bytes()[word.clone()]);
        if count > MAX_TOKENS && first_unread.is_none() {
            first_unread = Some(word.start);
        }
    }
    let first_unread = first_unread?;
    let message = if end < caption.len() {
        format!("more than {count} CLIP tokens; CLIP reads only {MAX_TOKENS}")
    } else {
        format!("{count} CLIP tokens; CLIP reads only {MAX_TOKENS}")
    };
    // If normalisation did not change the length, offsets in `text` are offsets in the caption.
    let span = (text.len() == end && caption.is_char_boundary(first_unread)).then_some(first_unread..caption.len());
    Some(Violation { message, span })
}

/// Returns the number of tokens, without the start and end tokens.
#[must_use]
pub fn clip_tokens(text: &str) -> usize {
    let text = normalize(text);
    words(&text).map(|word| token_count(&text.as_bytes()[word])).sum()
}

/// Returns the tokenizer's words: English contractions, runs of letters, single digits, runs of other characters.
fn words(text: &str) -> Box<dyn Iterator<Item = Range<usize>> + '_> {
    if text.is_ascii() {
        let mut at = 0;
        return Box::new(std::iter::from_fn(move || {
            let word = ascii_word(text.as_bytes(), at)?;
            at = word.end;
            Some(word)
        }));
    }
    Box::new(WORDS.find_iter(text).map(|word| word.range()))
}

/// Returns the first word from byte `at` on of a text in ASCII, as [`WORDS`] does, but faster.
fn ascii_word(text: &[u8], at: usize) -> Option<Range<usize>> {
    const CONTRACTIONS: [&[u8]; 7] = [b"'s", b"'t", b"'re", b"'ve", b"'m", b"'ll", b"'d"];
    let is_space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | b' ');
    let is_other = |byte: &u8| !is_space(byte) && !byte.is_ascii_alphanumeric();
    let start = at + text[at..].iter().position(|byte| !is_space(byte))?;
    let rest = &text[start..];
    let run = |is_in: &dyn Fn(&u8) -> bool| rest.iter().position(|byte| !is_in(byte)).unwrap_or(rest.len());
    let len = match rest[0] {
        b'\'' => {
            let contraction = CONTRACTIONS.iter().find(|contraction| rest.starts_with(contraction));
            contraction.map_or_else(|| run(&is_other), |contraction| contraction.len())
        }
        byte if byte.is_ascii_alphabetic() => run(&u8::is_ascii_alphabetic),
        byte if byte.is_ascii_digit() => 1,
        _ => run(&is_other),
    };
    Some(start..start + len)
}

/// The pattern of [`words`].
static WORDS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+").expect("the built-in pattern is valid")
});

/// The merge table, from a pair of tokens to the merged token. A lower id means a higher merge priority.
static MERGE_TABLE: LazyLock<FastMap<(u16, u16), u16>> = LazyLock::new(|| {
    let token = |at: usize| u16::from_le_bytes([MERGES[at], MERGES[at + 1]]);
    let merges = (0..MERGES.len()).step_by(4).map(|at| (token(at), token(at + 2)));
    merges.zip(2 * BYTE_TOKENS..).collect()
});

/// Converts a text to lowercase NFC with straight quotation marks.
fn normalize(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Owned(text.to_ascii_lowercase());
    }
    let straight = text.replace(['‘', '’', '‚', '‛', 'ʼ'], "'").replace(['“', '”', '„', '‟'], "\"");
    Cow::Owned(ComposingNormalizerBorrowed::new_nfc().normalize(&straight).to_lowercase())
}

/// Words whose counts are remembered, by each thread: the vocabulary of captions.
const REMEMBERED: usize = 1 << 12;
/// The maximum length in bytes of a word that is remembered.
const MAX_REMEMBERED: usize = 24;

/// Returns the number of tokens of a word. Most words of a caption were in an earlier one.
fn token_count(word: &[u8]) -> usize {
    thread_local! {
        static COUNTS: RefCell<FastMap<Box<[u8]>, usize>> = RefCell::default();
    }
    if word.len() > MAX_REMEMBERED {
        return merged(word);
    }
    COUNTS.with_borrow_mut(|counts| {
        if let Some(count) = counts.get(word) {
            return *count;
        }
        if counts.len() == REMEMBERED {
            counts.clear();
        }
        let count = merged(word);
        counts.insert(word.into(), count);
        count
    })
}

/// Counts the tokens of a word, by merging the pair of neighbours with the highest priority until none can be merged. The
/// original merges all occurrences of a pair at once; the result is the same, because every merged token has a lower
/// priority than its parts.
fn merged(word: &[u8]) -> usize {
    let mut tokens: Vec<u16> = word.iter().map(|byte| byte_token(*byte)).collect();
    if let Some(last) = tokens.last_mut() {
        *last += BYTE_TOKENS;
    }
    let merge = |tokens: &[u16], at: usize| MERGE_TABLE.get(&(*tokens.get(at)?, *tokens.get(at + 1)?)).copied();
    // For each token, the result of merging it with the next one.
    let mut merges: Vec<Option<u16>> = (0..tokens.len()).map(|at| merge(&tokens, at)).collect();
    loop {
        let possible = merges.iter().enumerate().filter_map(|(at, merge)| merge.map(|token| (token, at)));
        let Some((token, at)) = possible.min() else { return tokens.len() };
        tokens[at] = token;
        tokens.remove(at + 1);
        merges.remove(at + 1);
        merges[at] = merge(&tokens, at);
        if let Some(before) = at.checked_sub(1) {
            merges[before] = merge(&tokens, before);
        }
    }
}

/// Returns the token of a byte. The printable characters of Latin-1 come first (`simple_tokenizer.py`, `bytes_to_unicode`).
const fn byte_token(byte: u8) -> u16 {
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
    fn byte_tokens_are_unique_and_merges_use_earlier_tokens() {
        let mut tokens: Vec<u16> = (0..=u8::MAX).map(byte_token).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, (0..256).collect::<Vec<u16>>());
        // 49408 tokens, minus 512 bytes and the start and end tokens (`simple_tokenizer.py`).
        assert_eq!((MERGES.len() % 4, MERGE_TABLE.len()), (0, 49_408 - 512 - 2));
        assert!(MERGE_TABLE.iter().all(|((left, right), token)| left < token && right < token));
    }

    // Expected counts are from open_clip 3.3.0's SimpleTokenizer.
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
    fn counts_equal_the_original(#[case] text: &str, #[case] tokens: usize) {
        assert_eq!(clip_tokens(text), tokens);
    }

    #[test]
    fn the_span_starts_at_the_first_token_that_clip_drops() {
        let caption = format!("{}coat hat.", "a ".repeat(74));
        let violation = too_many(&caption, None).expect("77 tokens");
        assert_eq!(violation.message, "77 CLIP tokens; CLIP reads only 75");
        assert_eq!(&caption[violation.span.expect("a span")], "hat.");
        assert_eq!(too_many(&"a ".repeat(75), None), None);
        assert_eq!(too_many(&caption, Language::named("ko")), None);
    }

    #[test]
    fn long_texts_are_not_counted_to_the_end() {
        let violation = too_many(&"가".repeat(100_000), None).expect("too many");
        assert!(violation.message.starts_with("more than "), "{}", violation.message);
    }

    proptest! {
        #[test]
        fn words_of_ascii_are_those_of_the_pattern(text in "[a-c'stremvld0-9 .,\"\t\n\u{0b}\u{1f}-]{0,40}") {
            let expected: Vec<Range<usize>> = WORDS.find_iter(&text).map(|word| word.range()).collect();
            prop_assert_eq!(words(&text).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn counts_are_between_words_and_bytes(text in any::<String>()) {
            let normalized = normalize(&text);
            prop_assert!(clip_tokens(&text) <= normalized.len());
            prop_assert!(clip_tokens(&text) >= normalized.split_whitespace().count());
        }
    }
}
