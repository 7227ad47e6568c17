//! Finds homoglyphs: letters of another script that readers cannot tell from the letters around them, but that searches
//! and tokenizers can.

use super::{Text, Violation};

/// Cyrillic and Greek homoglyphs of Latin letters. A subset of `confusables.txt` of Unicode Technical Standard 39: the
/// pairs that are indistinguishable in most typefaces.
const HOMOGLYPHS: &[(char, char)] = &[
    ('а', 'a'),
    ('с', 'c'),
    ('ԁ', 'd'),
    ('е', 'e'),
    ('һ', 'h'),
    ('і', 'i'),
    ('ј', 'j'),
    ('о', 'o'),
    ('р', 'p'),
    ('ԛ', 'q'),
    ('ѕ', 's'),
    ('у', 'y'),
    ('х', 'x'),
    ('ѵ', 'v'),
    ('ԝ', 'w'),
    ('А', 'A'),
    ('В', 'B'),
    ('С', 'C'),
    ('Е', 'E'),
    ('Н', 'H'),
    ('І', 'I'),
    ('Ј', 'J'),
    ('К', 'K'),
    ('М', 'M'),
    ('О', 'O'),
    ('Р', 'P'),
    ('Ѕ', 'S'),
    ('Т', 'T'),
    ('У', 'Y'),
    ('Х', 'X'),
    ('ο', 'o'),
    ('ν', 'v'),
    ('Α', 'A'),
    ('Β', 'B'),
    ('Ε', 'E'),
    ('Ζ', 'Z'),
    ('Η', 'H'),
    ('Ι', 'I'),
    ('Κ', 'K'),
    ('Μ', 'M'),
    ('Ν', 'N'),
    ('Ο', 'O'),
    ('Ρ', 'P'),
    ('Τ', 'T'),
    ('Υ', 'Y'),
    ('Χ', 'X'),
];

/// Reports a word that mixes Latin letters with homoglyphs, a homoglyph used as the word "a", and a word in mathematical
/// letters (𝐜𝐨𝐚𝐭).
pub(super) fn look_alike(text: &Text<'_>) -> Option<Violation> {
    if text.caption.is_ascii() {
        return None;
    }
    let has_other_alphabet =
        text.caption.chars().any(|letter| is_other_alphabet(letter) && latin_twin(letter).is_none());
    (0..text.words().len()).find_map(|at| {
        let word = text.words().get(at)?;
        let start = text.words().start(at);
        let (offset, letter, twin) = find_homoglyph(word, has_other_alphabet)?;
        let message = match twin {
            Some(twin) => format!("U+{:04X} in “{word}” is a look-alike of “{twin}”", u32::from(letter)),
            None => format!("“{word}” uses mathematical letters (U+{:04X})", u32::from(letter)),
        };
        Some(Violation::at(start + offset..start + offset + letter.len_utf8(), message))
    })
}

/// Returns the offset of the first suspicious letter of a word, the letter, and its homoglyph (`None` for mathematical
/// letters).
fn find_homoglyph(word: &str, has_other_alphabet: bool) -> Option<(usize, char, Option<char>)> {
    if let Some((at, letter)) = word.char_indices().find(|(_, letter)| is_mathematical(*letter)) {
        // A single one is a formula.
        return (word.chars().count() > 1).then_some((at, letter, None));
    }
    let mut first = None;
    let (mut latin, mut others, mut twins) = (0, 0, 0);
    for (at, letter) in word.char_indices() {
        latin += usize::from(is_latin(letter));
        if is_other_alphabet(letter) {
            others += 1;
            if let Some(twin) = latin_twin(letter) {
                twins += 1;
                first = first.or(Some((at, letter, Some(twin))));
            }
        }
    }
    // "Δx" and "μm" are visibly mixed: at least one letter is not a homoglyph.
    let mixed = latin > 0 && others > 0 && twins == others;
    let alone = latin == 0 && twins == 1 && others == 1 && word.chars().count() == 1 && !has_other_alphabet;
    if mixed || (alone && matches!(word, "а" | "А")) {
        return first;
    }
    // The reverse case: a word of the other alphabet with Latin homoglyphs in it.
    let stray = others > 1 && latin > 0 && latin < others;
    let at_stray = word.char_indices().find(|(_, letter)| HOMOGLYPHS.iter().any(|(_, twin)| twin == letter));
    let all_stray = word
        .chars()
        .filter(|letter| is_latin(*letter))
        .all(|letter| HOMOGLYPHS.iter().any(|(_, twin)| *twin == letter));
    if stray && all_stray {
        return at_stray.map(|(at, letter)| (at, letter, other_twin(letter, word)));
    }
    None
}

fn latin_twin(letter: char) -> Option<char> {
    HOMOGLYPHS.iter().find(|(other, _)| *other == letter).map(|(_, latin)| *latin)
}

/// Returns the homoglyph of a Latin letter in the alphabet of the surrounding word.
fn other_twin(latin: char, word: &str) -> Option<char> {
    let is_greek = |letter: char| matches!(letter, '\u{370}'..='\u{3ff}');
    let greek = word.chars().any(is_greek);
    HOMOGLYPHS.iter().find(|(other, twin)| *twin == latin && is_greek(*other) == greek).map(|(other, _)| *other)
}

fn is_latin(character: char) -> bool {
    character.is_ascii_alphabetic() || (matches!(character, '\u{c0}'..='\u{24f}') && character.is_alphabetic())
}

/// Returns true for Cyrillic and Greek letters.
fn is_other_alphabet(character: char) -> bool {
    matches!(character, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}') && character.is_alphabetic()
}

/// Returns true for letters of the block Mathematical Alphanumeric Symbols, which some use to imitate bold and italics.
fn is_mathematical(character: char) -> bool {
    matches!(character, '\u{1d400}'..='\u{1d7cb}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn found(caption: &str) -> Option<(&str, String)> {
        let text = Text::of(caption);
        look_alike(&text).map(|violation| (&caption[violation.span.expect("a letter")], violation.message))
    }

    #[rstest]
    #[case("A red cоat.", "о", "U+043E in “cоat” is a look-alike of “o”")]
    #[case("Аn umbrella.", "А", "U+0410 in “Аn” is a look-alike of “A”")]
    #[case("In а red coat.", "а", "U+0430 in “а” is a look-alike of “a”")]
    #[case("Α“NIKΕ” logo.", "Ε", "U+0395 in “NIKΕ” is a look-alike of “E”")]
    #[case("Женщинa в пальто.", "a", "U+0061 in “Женщинa” is a look-alike of “а”")]
    #[case("A 𝐫𝐞𝐝 coat.", "𝐫", "“𝐫𝐞𝐝” uses mathematical letters (U+1D42B)")]
    fn homoglyphs_are_found(#[case] caption: &str, #[case] letter: &str, #[case] message: &str) {
        assert_eq!(found(caption), Some((letter, message.to_owned())));
    }

    #[rstest]
    #[case("A red coat, café, naïve, Ørsted.")]
    #[case("Женщина в красном пальто.")]
    #[case("A cap reading СССР, another reading МОСКВА.")]
    #[case("Γυναίκα με κόκκινο παλτό.")]
    #[case("A 5 μm mesh, a Δx sign, the Ω logo, αβ waves.")]
    #[case("Дама в T-shirt, а рядом собака.")]
    #[case("Ｔシャツを着た女性。")]
    #[case("빨간 T셔츠.")]
    #[case("A tee with 𝐸 on it.")]
    fn ordinary_letters_are_not(#[case] caption: &str) {
        assert_eq!(found(caption), None);
    }
}
