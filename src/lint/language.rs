//! Detects captions in the wrong language: by script, and among languages in Latin script by their most frequent words.

mod profiles;

use std::collections::HashMap;
use std::sync::LazyLock;

use profiles::{PROFILES, Profile};

use super::fast_hash::FastMap;
use super::phrase_matching::normalize;
use super::{Text, Violation};

/// A language with a profile (`profiles.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language(&'static Profile);

impl Language {
    /// Parses a code ("ko", "pt-BR") or a name in English or in the language itself ("Korean", "한국어"). Returns `None` if
    /// the language is unsupported or `setting` names more than one.
    #[must_use]
    pub fn named(setting: &str) -> Option<Self> {
        let setting = setting.to_lowercase();
        let mut parts = setting.split(|character: char| !character.is_alphanumeric()).filter(|part| !part.is_empty());
        let first = parts.next()?;
        let by_name = |part: &str| PROFILES.iter().find(|profile| profile.names.contains(&part));
        let by_code = PROFILES.iter().find(|profile| profile.code == first);
        let mut named = by_code.into_iter().chain(by_name(first)).chain(parts.filter_map(by_name));
        let language = named.next()?;
        named.all(|other| other.code == language.code).then_some(Self(language))
    }

    #[must_use]
    pub fn is_english(self) -> bool {
        self.0.code == "en"
    }

    #[must_use]
    pub fn is_latin(self) -> bool {
        self.0.script == Script::Latin
    }

    /// Returns the name in English.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }
}

/// The scripts that distinguish languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Script {
    Latin,
    Cyrillic,
    Greek,
    Hebrew,
    Arabic,
    Devanagari,
    Thai,
    Hangul,
    Kana,
    Han,
    /// Any script without a language profile.
    Other,
}

impl Script {
    /// Returns the script of a letter, or `None` for other characters.
    fn of(character: char) -> Option<Self> {
        let script = match character {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}' => Self::Latin,
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Self::Greek,
            '\u{400}'..='\u{52f}' => Self::Cyrillic,
            '\u{590}'..='\u{5ff}' => Self::Hebrew,
            '\u{600}'..='\u{6ff}' | '\u{750}'..='\u{77f}' => Self::Arabic,
            '\u{900}'..='\u{97f}' => Self::Devanagari,
            '\u{e00}'..='\u{e7f}' => Self::Thai,
            '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}' => Self::Hangul,
            '\u{3040}'..='\u{30ff}' | '\u{ff66}'..='\u{ff9d}' => Self::Kana,
            '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}' => Self::Han,
            _ => Self::Other,
        };
        character.is_alphabetic().then_some(script)
    }

    /// Returns the number of letters needed for a verdict. Syllables and ideographs carry more information than letters.
    const fn min_letters(self) -> usize {
        match self {
            Self::Hangul | Self::Kana | Self::Han => 6,
            _ => 16,
        }
    }

    /// Returns the description used in messages.
    const fn name(self) -> &'static str {
        match self {
            Self::Latin => "in Latin letters",
            Self::Cyrillic => "in Cyrillic letters",
            Self::Greek => "in Greek",
            Self::Hebrew => "in Hebrew letters",
            Self::Arabic => "in Arabic letters",
            Self::Devanagari => "in Devanagari letters",
            Self::Thai => "in Thai",
            Self::Hangul => "in Korean",
            Self::Kana => "in Japanese",
            Self::Han => "in Chinese characters",
            Self::Other => "in other letters",
        }
    }
}

/// The minimum percentage of letters in another script, and the maximum in the expected one.
const MIN_FOREIGN_PERCENT: usize = 80;
const MAX_EXPECTED_PERCENT: usize = 10;
/// The percentage of kana among kana and ideographs that makes a text Japanese instead of Chinese.
const MIN_KANA_PERCENT: usize = 15;

/// Reports a caption that is certainly not in the expected language. Quotations are ignored because they are text in the
/// image; capitalised words are ignored if the expected script is not Latin, because they can be names.
pub(super) fn wrong_language(text: &Text<'_>, expected: Language) -> Option<Violation> {
    let found = by_script(text, expected).or_else(|| by_words(text, expected))?;
    Some(Violation::whole(format!("{found}, expected {}", expected.name())))
}

fn by_script(text: &Text<'_>, expected: Language) -> Option<String> {
    let mut letters: HashMap<Script, usize> = HashMap::new();
    if expected.is_latin() && text.caption.is_ascii() {
        return None;
    }
    for word in unquoted_words(text).filter(|word| expected.is_latin() || !word.starts_with(char::is_uppercase)) {
        for script in word.chars().filter_map(Script::of) {
            *letters.entry(script).or_default() += 1;
        }
    }
    let of = |script| letters.get(&script).copied().unwrap_or_default();
    let total: usize = letters.values().sum();
    let (kana, han) = (of(Script::Kana), of(Script::Han));
    if expected.0.script == Script::Han {
        let japanese = kana >= Script::Kana.min_letters() && kana * 100 >= (kana + han) * MIN_KANA_PERCENT;
        if japanese {
            return Some(Script::Kana.name().to_owned());
        }
    }
    // Ideographs count as Japanese, and as Korean if there are no kana.
    let has_ideographs = expected.0.script == Script::Kana || (expected.0.script == Script::Hangul && kana == 0);
    let own = of(expected.0.script) + if has_ideographs { han } else { 0 };
    let (script, most) =
        letters.iter().max_by_key(|(script, count)| (**count, **script as u8)).map(|(s, n)| (*s, *n))?;
    // A text with kana and ideographs is Japanese.
    let (script, most) = if matches!(script, Script::Kana | Script::Han) && kana > 0 && script != expected.0.script {
        (Script::Kana, kana + han)
    } else {
        (script, most)
    };
    let sure = script != expected.0.script
        && most >= script.min_letters()
        && most * 100 >= total * MIN_FOREIGN_PERCENT
        && own * 100 <= total * MAX_EXPECTED_PERCENT;
    sure.then(|| match script {
        Script::Latin => {
            best_by_words(text).map_or_else(|| script.name().to_owned(), |profile| format!("in {}", profile.name))
        }
        _ => script.name().to_owned(),
    })
}

/// The number of distinct frequent words needed to identify a language.
const MIN_HITS: u32 = 4;
/// At least one word of the caption in this many must be a hit.
const MAX_WORDS_PER_HIT: u32 = 5;
/// The minimum ratio of hits to those of the expected language.
const MIN_HIT_RATIO: u32 = 4;

fn by_words(text: &Text<'_>, expected: Language) -> Option<String> {
    if !expected.is_latin() {
        return None;
    }
    let (hits, words) = hits(text);
    let own = hits[index_of(expected.0)?];
    let (language, most) = PROFILES.iter().zip(hits).max_by_key(|(_, hits)| *hits)?;
    // A word of both languages counts for both, so it cannot tip the balance.
    let sure = language.code != expected.0.code
        && most >= MIN_HITS
        && most * MAX_WORDS_PER_HIT >= words
        && most >= own * MIN_HIT_RATIO;
    sure.then(|| format!("in {}", language.name))
}

fn best_by_words(text: &Text<'_>) -> Option<&'static Profile> {
    let (hits, _) = hits(text);
    let (profile, most) = PROFILES.iter().zip(hits).max_by_key(|(_, hits)| *hits)?;
    (most >= MIN_HITS).then_some(profile)
}

fn index_of(profile: &Profile) -> Option<usize> {
    PROFILES.iter().position(|other| other.code == profile.code)
}

/// Returns the number of distinct frequent words of each language in the caption, and the total number of words.
fn hits(text: &Text<'_>) -> ([u32; PROFILES.len()], u32) {
    static WORDS: LazyLock<FastMap<&str, u32>> = LazyLock::new(|| {
        let mut words = FastMap::default();
        for (at, profile) in PROFILES.iter().enumerate() {
            for word in profile.words {
                *words.entry(*word).or_default() |= 1 << at;
            }
        }
        words
    });
    let mut seen: Vec<(&str, u32)> = Vec::new();
    let mut total = 0;
    for word in unquoted_words(text) {
        total += 1;
        if let Some((word, languages)) = WORDS.get_key_value(normalize(word).as_ref())
            && !seen.iter().any(|(known, _)| known == word)
        {
            seen.push((*word, *languages));
        }
    }
    let mut hits = [0; PROFILES.len()];
    for (at, hits) in hits.iter_mut().enumerate() {
        *hits = seen.iter().map(|(_, languages)| languages >> at & 1).sum();
    }
    (hits, total)
}

fn unquoted_words<'a>(text: &Text<'a>) -> impl Iterator<Item = &'a str> {
    let unquoted = |at: &usize| !text.quotations().contain(text.words().start(*at));
    (0..text.words().len()).filter(unquoted).filter_map(|at| text.words().get(at))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn found(caption: &str, expected: &str) -> Option<String> {
        let text = Text::of(caption);
        wrong_language(&text, Language::named(expected).expect("a supported language"))
            .map(|violation| violation.message)
    }

    #[rstest]
    #[case("en", Some("English"))]
    #[case("English", Some("English"))]
    #[case("en-US", Some("English"))]
    #[case("British English", Some("English"))]
    #[case("pt_BR", Some("Portuguese"))]
    #[case("한국어", Some("Korean"))]
    #[case("Simplified Chinese", Some("Chinese"))]
    #[case("Klingon", None)]
    #[case("English and Korean", None)]
    #[case("", None)]
    fn languages_are_named_by_code_or_name(#[case] setting: &str, #[case] name: Option<&str>) {
        assert_eq!(Language::named(setting).map(Language::name), name);
    }

    #[rstest]
    #[case("en", "검은 코트를 입은 여성이 거리에 서 있다.", "in Korean, expected English")]
    #[case("en", "赤いコートを着た女性が街に立っている。", "in Japanese, expected English")]
    #[case("en", "一位穿着红色外套的女士站在街上。", "in Chinese characters, expected English")]
    #[case("en", "Женщина в красном пальто стоит на улице.", "in Cyrillic letters, expected English")]
    #[case("en", "Une femme aux cheveux noirs porte un manteau rouge dans la rue.", "in French, expected English")]
    #[case("en", "Eine Frau mit schwarzen Haaren steht auf der Straße.", "in German, expected English")]
    #[case("en", "Una mujer joven con pelo negro lleva un abrigo rojo.", "in Spanish, expected English")]
    #[case("ko", "A woman in a red coat is standing on the street.", "in English, expected Korean")]
    #[case("ko", "赤いコートを着た女性が街に立っている。", "in Japanese, expected Korean")]
    #[case("zh", "赤いコートを着た女性が街に立っている。", "in Japanese, expected Chinese")]
    #[case("fr", "A woman in a red coat is standing on the street.", "in English, expected French")]
    #[case("de", "Young woman with long black hair, wearing a white shirt.", "in English, expected German")]
    fn captions_in_another_language_are_found(#[case] expected: &str, #[case] caption: &str, #[case] message: &str) {
        assert_eq!(found(caption, expected).as_deref(), Some(message));
    }

    #[rstest]
    #[case("en", "Young Asian woman with long black hair, wearing white beanie, sneakers. Urban, chic.")]
    #[case("en", "Woman wearing Comme des Garçons, Rue de la Paix.")]
    #[case("en", "Sign reads \"서울특별시 강남구 신사동\" above the door.")]
    #[case("en", "Denim jacket, crochet beret, macramé bag, café décor, haute couture.")]
    #[case("en", "Red coat.")]
    #[case("ko", "나이키 에어맥스를 신은 여성.")]
    #[case("ko", "ADIDAS ORIGINALS SUPERSTAR 운동화.")]
    #[case("ko", "\"STREET CULTURE\" 로고가 있는 후드티.")]
    #[case("ja", "黒髪女性、白色上着、東京駅前広場。")]
    #[case("ja", "赤いコートを着た女性。")]
    #[case("zh", "一位穿着红色外套的女士。")]
    #[case("fr", "Une femme porte un t-shirt et des sneakers.")]
    #[case("nl", "Een jonge vrouw in een zwarte jas op straat.")]
    #[case("ru", "Женщина в красном пальто.")]
    fn captions_in_the_expected_language_are_not(#[case] expected: &str, #[case] caption: &str) {
        assert_eq!(found(caption, expected), None);
    }

    #[test]
    fn every_profile_has_a_bit_and_is_found_by_code_and_name() {
        assert!(PROFILES.len() <= 32);
        for profile in &PROFILES {
            assert_eq!(Language::named(profile.code).map(|language| language.0.code), Some(profile.code));
            assert_eq!(Language::named(profile.name).map(|language| language.0.code), Some(profile.code));
        }
    }
}
