//! Letters of another script that look like those around them: a reader does not see the difference, and a search or a
//! model sees nothing else.

use super::{Remark, Text};

/// Cyrillic and Greek letters that look like Latin ones in most typefaces, each with the one it looks like. After Unicode
/// Technical Standard 39 (`confusables.txt`), those that are the same in print.
const LOOK_ALIKES: &[(char, char)] = &[
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

/// A finding if a word mixes Latin letters with look-alikes of another alphabet, if such a letter stands alone as a Latin
/// word does ("а coat"), or if a word is in the letters mathematics has (𝐜𝐨𝐚𝐭).
pub(super) fn look_alike(text: &Text<'_>) -> Option<Remark> {
    if text.caption.is_ascii() {
        return None;
    }
    let has_own_cyrillic = text.caption.chars().any(|letter| is_other_alphabet(letter) && latin_twin(letter).is_none());
    (0..text.words.len()).find_map(|at| {
        let word = text.words.get(at)?;
        let start = text.words.start(at);
        let (offset, letter, twin) = odd_letter(word, has_own_cyrillic)?;
        let message = match twin {
            Some(twin) => format!("the letter U+{:04X} in “{word}” only looks like “{twin}”", u32::from(letter)),
            None => format!("“{word}” is in letters of mathematics (U+{:04X})", u32::from(letter)),
        };
        Some(Remark::about(start + offset..start + offset + letter.len_utf8(), message))
    })
}

/// The letter of a word that is not what it looks like, where it is, and what it looks like.
fn odd_letter(word: &str, has_own_cyrillic: bool) -> Option<(usize, char, Option<char>)> {
    if let Some((at, letter)) = word.char_indices().find(|(_, letter)| is_mathematical(*letter)) {
        // One alone is mathematics.
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
    // "Δx" and "μm" mix alphabets and look it. A word of the other alphabet with one Latin letter in it has letters of
    // its own that no Latin one looks like.
    let mixed = latin > 0 && others > 0 && twins == others;
    let alone = latin == 0 && twins == 1 && others == 1 && word.chars().count() == 1 && !has_own_cyrillic;
    if mixed || (alone && matches!(word, "а" | "А")) {
        return first;
    }
    let stray = others > 1 && latin > 0 && latin < others;
    let at_stray = word.char_indices().find(|(_, letter)| LOOK_ALIKES.iter().any(|(_, twin)| twin == letter));
    let all_stray = word
        .chars()
        .filter(|letter| is_latin(*letter))
        .all(|letter| LOOK_ALIKES.iter().any(|(_, twin)| *twin == letter));
    if stray && all_stray {
        return at_stray.map(|(at, letter)| (at, letter, other_twin(letter, word)));
    }
    None
}

fn latin_twin(letter: char) -> Option<char> {
    LOOK_ALIKES.iter().find(|(other, _)| *other == letter).map(|(_, latin)| *latin)
}

/// What a Latin letter looks like in the alphabet of the word it is in.
fn other_twin(latin: char, word: &str) -> Option<char> {
    let is_greek = |letter: char| matches!(letter, '\u{370}'..='\u{3ff}');
    let greek = word.chars().any(is_greek);
    LOOK_ALIKES.iter().find(|(other, twin)| *twin == latin && is_greek(*other) == greek).map(|(other, _)| *other)
}

fn is_latin(character: char) -> bool {
    character.is_ascii_alphabetic() || (matches!(character, '\u{c0}'..='\u{24f}') && character.is_alphabetic())
}

/// Cyrillic and Greek.
fn is_other_alphabet(character: char) -> bool {
    matches!(character, '\u{370}'..='\u{3ff}' | '\u{400}'..='\u{52f}') && character.is_alphabetic()
}

/// The letters of the block Mathematical Alphanumeric Symbols, in which people write what should look bold or italic.
fn is_mathematical(character: char) -> bool {
    matches!(character, '\u{1d400}'..='\u{1d7cb}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Quotations, Words};
    use super::*;

    fn found(caption: &str) -> Option<(&str, String)> {
        let text = Text { caption, words: Words::of(caption), quotations: Quotations::of(caption) };
        look_alike(&text).map(|remark| (&caption[remark.span.expect("a letter")], remark.message))
    }

    #[rstest]
    #[case("A red cоat.", "о", "the letter U+043E in “cоat” only looks like “o”")]
    #[case("Аn umbrella.", "А", "the letter U+0410 in “Аn” only looks like “A”")]
    #[case("In а red coat.", "а", "the letter U+0430 in “а” only looks like “a”")]
    #[case("Α“NIKΕ” logo.", "Ε", "the letter U+0395 in “NIKΕ” only looks like “E”")]
    #[case("Женщинa в пальто.", "a", "the letter U+0061 in “Женщинa” only looks like “а”")]
    #[case("A 𝐫𝐞𝐝 coat.", "𝐫", "“𝐫𝐞𝐝” is in letters of mathematics (U+1D42B)")]
    fn a_letter_in_disguise_is_found(#[case] caption: &str, #[case] letter: &str, #[case] message: &str) {
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
    fn letters_that_are_what_they_look_like_are_not(#[case] caption: &str) {
        assert_eq!(found(caption), None);
    }
}
