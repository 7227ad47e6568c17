//! Sanitises untrusted text for display: escapes control, bidirectional and invisible characters.
//!
//! Captions, file names and messages come from files and services. A control character in them could move the cursor, set
//! a title or paste text; a bidirectional override could disguise a file name; an invisible character could make different
//! captions look the same. Each is replaced by a visible form. Only legitimate uses of such characters are kept: joiners
//! and variation selectors within emoji, and the joiners of Arabic and Indic spelling.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::LazyLock;

use icu_properties::props::{BinaryProperty as _, DefaultIgnorableCodePoint};
use regex::Regex;
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthChar;

use super::words::is_space;

/// The most code points shown per grapheme cluster. The longest emoji have ten, fully pointed Hebrew and Vietnamese fewer; a
/// letter with a thousand accents would cover the lines around it.
const MAX_CLUSTER: usize = 32;

/// The most tags in the flag of a region: a code of six and the terminator.
const MAX_FLAG_TAGS: usize = 7;

/// Shown before a mark that has no character to combine with.
const BASE: char = '◌';

/// Replaces the rest of an overlong cluster.
const TRUNCATED: &str = "⟨…⟩";

/// Sanitises `text` for display on one line. Line breaks become `⏎`, tabs a space, control characters their symbol (`␛`),
/// and hidden characters their code point (`⟨U+202E⟩`).
#[must_use]
pub fn sanitize(text: &str) -> Cow<'_, str> {
    replace_clusters(text, |cluster| match cluster {
        "\n" | "\r\n" => Some("⏎"),
        "\t" => Some(" "),
        _ => None,
    })
}

/// Like [`sanitize`], but keeps line feeds (`\r\n` becomes one), and a tab becomes four spaces.
#[must_use]
pub fn sanitize_multiline(text: &str) -> Cow<'_, str> {
    replace_clusters(text, |cluster| match cluster {
        "\n" | "\r\n" => Some("\n"),
        "\t" => Some("    "),
        _ => None,
    })
}

/// Returns the invisible and control characters of `text`, except tabs and line breaks, with their byte offsets.
pub fn hidden_characters(text: &str) -> impl Iterator<Item = (usize, char)> {
    // Nearly all captions are ASCII, and `check` reads millions.
    let text = if is_printable_ascii(text) { "" } else { text };
    text.grapheme_indices(true)
        .filter(|(_, cluster)| !matches!(*cluster, "\t" | "\n" | "\r\n"))
        .flat_map(|(start, cluster)| {
            classify(cluster).map(move |(at, character, hidden)| (start + at, character, hidden))
        })
        .filter_map(|(at, character, hidden)| hidden.then_some((at, character)))
}

/// Returns true if nothing of `text` can be seen: it has white space, control and invisible characters at most, or the
/// blank of Braille.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    let is_unseen = |character| is_space(character) || is_suspect(character) || character == '\u{2800}';
    text.chars().all(|character| !character.is_ascii_graphic() && is_unseen(character))
}

/// Removes control characters other than tabs and line feeds, and the sequences by which programs colour text (CSI).
#[must_use]
pub fn without_controls(text: &str) -> String {
    static SEQUENCE: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"(?:\x1b\[|\u{9b})[0-?]*[ -/]*[@-~]").expect("a valid expression"));
    let is_kept = |character: &char| !character.is_control() || matches!(character, '\n' | '\t');
    SEQUENCE.replace_all(text, "").chars().filter(is_kept).collect()
}

/// Replaces clusters: by the result of `replace`, or else by their visible form.
fn replace_clusters(text: &str, replace: impl Fn(&str) -> Option<&'static str>) -> Cow<'_, str> {
    if is_printable_ascii(text) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::new();
    // The end of the part already copied to `safe`.
    let mut copied = 0;
    for (start, cluster) in text.grapheme_indices(true) {
        let replacement = match replace(cluster) {
            Some(kept) if kept == cluster => continue,
            Some(other) => Cow::Borrowed(other),
            None => match visible(cluster, &text[..start]) {
                Cow::Borrowed(_) => continue,
                changed @ Cow::Owned(_) => changed,
            },
        };
        safe.push_str(&text[copied..start]);
        safe.push_str(&replacement);
        copied = start + cluster.len();
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    safe.push_str(&text[copied..]);
    Cow::Owned(safe)
}

fn is_printable_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Returns the visible form of a grapheme cluster that follows `before`, borrowed if it is unchanged.
fn visible<'a>(cluster: &'a str, before: &str) -> Cow<'a, str> {
    let whole = cluster;
    let lone_mark = whole.chars().next().is_some_and(is_mark) && !before.ends_with(BASE);
    let most = MAX_CLUSTER - usize::from(lone_mark);
    let cluster = whole.char_indices().nth(most).map_or(whole, |(end, _)| &whole[..end]);
    let plain = !classify(cluster).any(|(_, _, hidden)| hidden);
    if plain && !lone_mark && cluster.len() == whole.len() {
        return Cow::Borrowed(whole);
    }
    let mut safe = String::new();
    if lone_mark {
        // It would combine with the character before it, which may be part of our own interface.
        safe.push(BASE);
    }
    let mut after_escape = false;
    for (_, character, hidden) in classify(cluster) {
        if !hidden && after_escape && is_mark(character) {
            safe.push(BASE);
        }
        after_escape = hidden;
        if !hidden {
            safe.push(character);
        } else if let Some(picture) = control_picture(character) {
            safe.push(picture);
        } else {
            write!(safe, "⟨U+{:04X}⟩", u32::from(character)).expect("writing to a string cannot fail");
        }
    }
    if cluster.len() < whole.len() {
        safe.push_str(TRUNCATED);
    }
    Cow::Owned(safe)
}

/// Returns true if terminals draw `character` in the cell before it: marks, and the vowels and final consonants of Hangul.
fn is_mark(character: char) -> bool {
    character.width() == Some(0) && !is_suspect(character)
}

/// Returns the symbol of an ASCII control character (Unicode's Control Pictures).
fn control_picture(character: char) -> Option<char> {
    match character {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(character)),
        '\u{7f}' => Some('␡'),
        _ => None,
    }
}

/// Returns the characters of `cluster` with their byte offsets, and true if they must be escaped. After the first escaped
/// character all suspect ones are escaped, because they are no longer part of a legitimate sequence.
fn classify(cluster: &str) -> impl Iterator<Item = (usize, char, bool)> {
    cluster.char_indices().scan(false, |broken, (at, character)| {
        let hidden = is_suspect(character)
            && (*broken || !is_legitimate(&cluster[..at], character, &cluster[at + character.len_utf8()..]));
        *broken |= hidden;
        Some((at, character, hidden))
    })
}

/// Returns true for control characters, Unicode's default-ignorable code points (which include the bidirectional controls),
/// line and paragraph separators, and interlinear annotations.
fn is_suspect(character: char) -> bool {
    character.is_control()
        || DefaultIgnorableCodePoint::for_char(character)
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{fff9}'..='\u{fffb}')
}

/// Returns true if a suspect character is used legitimately, between `before` and `after` in its cluster.
fn is_legitimate(before: &str, character: char, after: &str) -> bool {
    let Some(previous) = before.chars().next_back() else { return false };
    match character {
        // In an emoji (👩‍🎤) or Indic conjunct, the only clusters with a joiner before a visible character; or in a script
        // that uses joiners, also at the end of a cluster (می‌خواهم).
        '\u{200c}' | '\u{200d}' => {
            let joins = character == '\u{200d}' && after.chars().next().is_some_and(|next| next.width() > Some(0));
            joins || spells_with_joiners(previous)
        }
        // Selects text or emoji presentation; the only ASCII bases are keycaps (1️⃣).
        '\u{fe0e}' | '\u{fe0f}' => match previous {
            '0'..='9' | '#' | '*' => after == "\u{20e3}",
            '©' | '®' => true,
            _ => is_symbol(previous),
        },
        // Variants of ideographs and mathematical symbols.
        '\u{fe00}'..='\u{fe0d}' => is_symbol(previous) || is_ideograph(previous),
        '\u{e0100}'..='\u{e01ef}' => is_ideograph(previous),
        // Flags of regions: 🏴, a code of three to six letters or digits, and a terminator.
        '\u{e0020}'..='\u{e007f}' => is_region_flag(before, character, after),
        // Select the forms of Mongolian letters.
        '\u{180b}'..='\u{180f}' => matches!(previous, '\u{1820}'..='\u{18aa}'),
        // Old Korean syllables without an initial consonant or vowel are spelled with fillers.
        '\u{1160}' => matches!(previous, '\u{1100}'..='\u{115e}' | '\u{a960}'..='\u{a97c}'),
        _ => false,
    }
}

/// Returns true for letters of scripts that use joiners in spelling: Arabic and its neighbours, the Indic scripts, Myanmar and
/// Khmer.
fn spells_with_joiners(letter: char) -> bool {
    matches!(letter, '\u{600}'..='\u{61b}' | '\u{61d}'..='\u{dff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17b3}'
        | '\u{17b6}'..='\u{17ff}' | '\u{fb50}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

/// Approximates the symbols with text and emoji presentation or with variants: from Letterlike Symbols to CJK Symbols, the
/// enclosed CJK ones, and the pictographs.
fn is_symbol(character: char) -> bool {
    matches!(character, '\u{203c}' | '\u{2049}' | '\u{2100}'..='\u{303f}' | '\u{3200}'..='\u{32ff}' | '\u{1f000}'..='\u{1faff}')
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

/// Returns true if `character` is in a tag sequence that makes 🏴 the flag of a region.
fn is_region_flag(before: &str, character: char, after: &str) -> bool {
    let Some(tags) = before.strip_prefix('\u{1f3f4}') else { return false };
    let tags: Vec<char> = tags.chars().chain([character]).chain(after.chars()).take(MAX_FLAG_TAGS + 1).collect();
    let Some((end, code)) = tags.split_last() else { return false };
    *end == '\u{e007f}'
        && (3..MAX_FLAG_TAGS).contains(&code.len())
        && code.iter().all(|tag| matches!(tag, '\u{e0030}'..='\u{e0039}' | '\u{e0061}'..='\u{e007a}'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::ascii("Young woman, black coat.")]
    #[case::korean("검은 코트를 입은 여성이 서 있다.")]
    #[case::korean_in_parts("\u{1112}\u{1161}\u{11ab}")]
    #[case::old_korean_with_a_filler("\u{1100}\u{1160}\u{11ab}")]
    #[case::accents("cafe\u{301} Zoë")]
    #[case::family("👩‍👩‍👧‍👦")]
    #[case::skin_and_profession("👩🏽‍🎤")]
    #[case::heart_with_a_selector("❤️ and ❤︎")]
    #[case::rainbow_flag("🏳️‍🌈")]
    #[case::keycap("1️⃣")]
    #[case::flags("🇰🇷")]
    #[case::flag_of_a_region("🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}")]
    #[case::registered("©️")]
    #[case::persian("می\u{200c}خواهم")]
    #[case::hindi("क्\u{200d}ष")]
    #[case::ideograph_with_a_form("葛\u{e0100}")]
    #[case::mongolian("\u{1820}\u{180b}")]
    fn legitimate_text_is_unchanged(#[case] text: &str) {
        assert!(matches!(sanitize(text), Cow::Borrowed(same) if same == text), "{:?}", sanitize(text));
        assert_eq!(sanitize_multiline(text), text);
        assert_eq!(hidden_characters(text).count(), 0);
    }

    #[rstest]
    #[case::escape("\x1b[31mred", "␛[31mred")]
    #[case::null("a\0b", "a␀b")]
    #[case::bell("\x07", "␇")]
    #[case::delete("\x7f", "␡")]
    #[case::csi_in_one_character("\u{9b}31m", "⟨U+009B⟩31m")]
    #[case::next_line("a\u{85}b", "a⟨U+0085⟩b")]
    #[case::return_alone("a\rb", "a␍b")]
    #[case::override_of_direction("a\u{202e}gnp.exe", "a⟨U+202E⟩gnp.exe")]
    #[case::isolate("\u{2066}x\u{2069}", "⟨U+2066⟩x⟨U+2069⟩")]
    #[case::marks_of_direction("\u{200e}\u{200f}\u{61c}", "⟨U+200E⟩⟨U+200F⟩⟨U+061C⟩")]
    #[case::zero_width_space("co\u{200b}at", "co⟨U+200B⟩at")]
    #[case::byte_order_mark("\u{feff}a", "⟨U+FEFF⟩a")]
    #[case::soft_hyphen("co\u{ad}at", "co⟨U+00AD⟩at")]
    #[case::separators("a\u{2028}b\u{2029}", "a⟨U+2028⟩b⟨U+2029⟩")]
    #[case::joiner_between_letters("co\u{200d}at", "co⟨U+200D⟩at")]
    #[case::joiner_after_an_emoji("👩\u{200d} x", "👩⟨U+200D⟩ x")]
    #[case::two_joiners_in_persian("ی\u{200c}\u{200c}خ", "ی\u{200c}⟨U+200C⟩خ")]
    #[case::selector_after_a_letter("a\u{fe0f}", "a⟨U+FE0F⟩")]
    #[case::hidden_bytes_after_an_emoji("😀\u{e0101}\u{e0102}", "😀⟨U+E0101⟩⟨U+E0102⟩")]
    #[case::hidden_tags("a\u{e0041}", "a⟨U+E0041⟩")]
    #[case::hangul_filler("\u{3164}", "⟨U+3164⟩")]
    #[case::accent_on_nothing("\u{301}a", "◌\u{301}a")]
    #[case::hangul_vowel_alone("a\u{1161}", "a◌\u{1161}")]
    #[case::hangul_final_with_its_base("◌\u{d7cb}", "◌\u{d7cb}")]
    #[case::accent_on_a_joiner("a\u{200d}\u{301}", "a⟨U+200D⟩◌\u{301}")]
    #[case::hangul_vowel_on_a_filler("\u{1160}\u{1171}", "⟨U+1160⟩◌\u{1171}")]
    #[case::accent_on_a_line_break("a\n\u{301}", "a⏎◌\u{301}")]
    #[case::tab_and_line_breaks("a\tb\nc\r\nd", "a b⏎c⏎d")]
    fn suspect_characters_are_escaped(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(sanitize(text), expected);
    }

    #[rstest]
    #[case("", true)]
    #[case(" \t\r\n\u{3000}", true)]
    #[case("\u{200b}", true)]
    #[case("\u{feff} \u{200d}\u{2060}\u{ad}\u{3164}\u{2800}\u{7}", true)]
    #[case("\u{200b}.", false)]
    #[case("가", false)]
    #[case("\u{301}", false)]
    fn texts_without_a_visible_character_are_blank(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_blank(text), expected);
    }

    #[test]
    fn multiline_text_keeps_line_feeds() {
        assert_eq!(sanitize_multiline("a\tb\nc\r\nd\r\x1b"), "a    b\nc\nd␍␛");
    }

    /// Found by fuzzing: the base that is added counts.
    #[test]
    fn marks_alone_are_truncated_once() {
        for marks in 30..=34 {
            let safe = sanitize(&"\u{301}".repeat(marks)).into_owned();
            assert_eq!(sanitize(&safe), safe, "{marks}");
            assert_eq!(safe.contains(TRUNCATED), marks >= MAX_CLUSTER, "{marks}");
        }
    }

    #[test]
    fn overlong_clusters_are_truncated() {
        let pile = format!("a{}b", "\u{301}".repeat(1_000));
        assert_eq!(sanitize(&pile), format!("a{}⟨…⟩b", "\u{301}".repeat(31)));
    }

    #[test]
    fn a_megabyte_of_joiners_or_tags_takes_linear_time() {
        for hidden in ['\u{200d}', '\u{e0061}'] {
            let text = format!("🏴{}", String::from(hidden).repeat(300_000));
            assert_eq!(hidden_characters(&text).count(), 300_000);
        }
    }

    #[test]
    fn hidden_characters_have_byte_offsets() {
        let found: Vec<_> = hidden_characters("여\u{202e}a\tb\n\x1b").collect();
        assert_eq!(found, [(3, '\u{202e}'), (10, '\x1b')]);
    }

    /// The bidirectional controls, and the line and paragraph separators.
    fn reorders(character: char) -> bool {
        matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
    }

    /// Generates text with many suspect characters.
    fn hostile() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            any::<char>(),
            prop::sample::select(vec![
                '\x1b',
                '\u{9b}',
                '\n',
                '\r',
                '\t',
                '\u{200d}',
                '\u{200c}',
                '\u{fe0f}',
                '\u{301}',
                '\u{202e}',
                '👩',
                '🎤',
                '🏴',
                '\u{e0067}',
                '\u{e007f}',
                'a',
                '1',
                '\u{20e3}',
                'ی',
                'क',
                '\u{94d}',
                '가',
                '\u{1160}',
                '\u{1100}',
                '葛',
                '\u{e0100}',
                '\u{34f}',
            ]),
        ];
        prop::collection::vec(piece, 0..24).prop_map(String::from_iter)
    }

    proptest! {
        #[test]
        fn no_control_or_bidirectional_character_remains(text in hostile()) {
            let safe = sanitize(&text);
            prop_assert!(!safe.chars().any(char::is_control), "{safe:?}");
            prop_assert!(!safe.contains(reorders), "{safe:?}");
            let lines = sanitize_multiline(&text);
            prop_assert!(!lines.chars().any(|character| character.is_control() && character != '\n'), "{lines:?}");
        }

        #[test]
        fn sanitising_is_idempotent(text in hostile()) {
            let safe = sanitize(&text);
            prop_assert_eq!(hidden_characters(&safe).next(), None);
            prop_assert_eq!(sanitize(&safe), safe.clone());
        }
    }
}
