//! Whether a caption is in the language it is to be in: by its letters, and among languages of Latin letters by the words
//! every text has.

mod known;

use std::collections::HashMap;
use std::sync::LazyLock;

use known::{KNOWN, Known};

use super::words::plain;
use super::{Remark, Text};

/// A language the rules know, with its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Language(&'static Known);

impl Language {
    /// The language that a setting names: by its code ("ko", "pt-BR") or its name in English or itself ("Korean", "한국어").
    /// Nothing where the rules do not know it, or where several are named.
    #[must_use]
    pub fn named(setting: &str) -> Option<Self> {
        let setting = setting.to_lowercase();
        let mut parts = setting.split(|character: char| !character.is_alphanumeric()).filter(|part| !part.is_empty());
        let first = parts.next()?;
        let by_name = |part: &str| KNOWN.iter().find(|known| known.names.contains(&part));
        let by_code = KNOWN.iter().find(|known| known.code == first);
        let mut named = by_code.into_iter().chain(by_name(first)).chain(parts.filter_map(by_name));
        let language = named.next()?;
        named.all(|other| other.code == language.code).then_some(Self(language))
    }

    /// Whether it is English.
    #[must_use]
    pub fn is_english(self) -> bool {
        self.0.code == "en"
    }

    /// Whether it is written in Latin letters.
    #[must_use]
    pub fn is_latin(self) -> bool {
        self.0.script == Script::Latin
    }

    /// Its name in English.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0.name
    }
}

/// Scripts, as far as they tell languages apart.
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
    /// One that no language above is written in.
    Other,
}

impl Script {
    /// The script of a letter.
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

    /// The fewest letters of it that a caption is judged by. A syllable or an ideograph tells more than a letter.
    const fn enough(self) -> usize {
        match self {
            Self::Hangul | Self::Kana | Self::Han => 6,
            _ => 16,
        }
    }

    /// What a caption in it is in.
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

/// The share of letters, of a hundred, that another script must have, and that the wanted one may.
const FOREIGN_SHARE: usize = 80;
const WANTED_SHARE: usize = 10;
/// Kana among ideographs, of a hundred, that make a text Japanese and not Chinese.
const KANA_SHARE: usize = 15;

/// A finding if the caption is certainly not in the language wanted. What is quoted was read in the picture, and words
/// with a capital may be names: neither counts.
pub(super) fn wrong(text: &Text<'_>, wanted: Language) -> Option<Remark> {
    let is_in = by_script(text, wanted).or_else(|| by_words(text, wanted))?;
    Some(Remark::whole(format!("it is {is_in}; {} is wanted", wanted.name())))
}

fn by_script(text: &Text<'_>, wanted: Language) -> Option<String> {
    let mut letters: HashMap<Script, usize> = HashMap::new();
    if wanted.is_latin() && text.caption.is_ascii() {
        return None;
    }
    for word in own_words(text).filter(|word| wanted.is_latin() || !word.starts_with(char::is_uppercase)) {
        for script in word.chars().filter_map(Script::of) {
            *letters.entry(script).or_default() += 1;
        }
    }
    let of = |script| letters.get(&script).copied().unwrap_or_default();
    let total: usize = letters.values().sum();
    let (kana, han) = (of(Script::Kana), of(Script::Han));
    if wanted.0.script == Script::Han {
        let japanese = kana >= Script::Kana.enough() && kana * 100 >= (kana + han) * KANA_SHARE;
        if japanese {
            return Some(Script::Kana.name().to_owned());
        }
    }
    // Ideographs are among the letters of Japanese, and of Korean where no kana are among them.
    let has_ideographs = wanted.0.script == Script::Kana || (wanted.0.script == Script::Hangul && kana == 0);
    let own = of(wanted.0.script) + if has_ideographs { han } else { 0 };
    let (script, most) =
        letters.iter().max_by_key(|(script, count)| (**count, **script as u8)).map(|(s, n)| (*s, *n))?;
    // Kana and ideographs together are one text.
    let (script, most) = if matches!(script, Script::Kana | Script::Han) && kana > 0 && script != wanted.0.script {
        (Script::Kana, kana + han)
    } else {
        (script, most)
    };
    let sure = script != wanted.0.script
        && most >= script.enough()
        && most * 100 >= total * FOREIGN_SHARE
        && own * 100 <= total * WANTED_SHARE;
    sure.then(|| match script {
        Script::Latin => {
            best_by_words(text).map_or_else(|| script.name().to_owned(), |known| format!("in {}", known.name))
        }
        _ => script.name().to_owned(),
    })
}

/// The fewest words of a language that make sure of it, each counted once.
const WORDS_TO_BE_SURE: u32 = 4;
/// Of how many words of the caption one has to be among them.
const ONE_WORD_OF: u32 = 5;
/// How many times as many as those of the wanted language.
const TIMES_AS_MANY: u32 = 4;

fn by_words(text: &Text<'_>, wanted: Language) -> Option<String> {
    if !wanted.is_latin() {
        return None;
    }
    let (hits, words) = hits(text);
    let own = hits[place(wanted.0)?];
    let (language, most) = KNOWN.iter().zip(hits).max_by_key(|(_, hits)| *hits)?;
    // A word that both have speaks for both: it cannot make the difference.
    let sure = language.code != wanted.0.code
        && most >= WORDS_TO_BE_SURE
        && most * ONE_WORD_OF >= words
        && most >= own * TIMES_AS_MANY;
    sure.then(|| format!("in {}", language.name))
}

fn best_by_words(text: &Text<'_>) -> Option<&'static Known> {
    let (hits, _) = hits(text);
    let (known, most) = KNOWN.iter().zip(hits).max_by_key(|(_, hits)| *hits)?;
    (most >= WORDS_TO_BE_SURE).then_some(known)
}

fn place(known: &Known) -> Option<usize> {
    KNOWN.iter().position(|other| other.code == known.code)
}

/// How many different words of each language the caption has, and how many words in all.
fn hits(text: &Text<'_>) -> ([u32; KNOWN.len()], u32) {
    static WORDS: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| {
        let mut words = HashMap::new();
        for (at, known) in KNOWN.iter().enumerate() {
            for word in known.words {
                *words.entry(*word).or_default() |= 1 << at;
            }
        }
        words
    });
    let mut seen: Vec<(&str, u32)> = Vec::new();
    let mut total = 0;
    for word in own_words(text) {
        total += 1;
        if let Some((word, languages)) = WORDS.get_key_value(plain(word).as_ref())
            && !seen.iter().any(|(known, _)| known == word)
        {
            seen.push((*word, *languages));
        }
    }
    let mut hits = [0; KNOWN.len()];
    for (at, hits) in hits.iter_mut().enumerate() {
        *hits = seen.iter().map(|(_, languages)| languages >> at & 1).sum();
    }
    (hits, total)
}

/// The words outside quotations.
fn own_words<'a>(text: &'a Text<'a>) -> impl Iterator<Item = &'a str> {
    let unquoted = |at: &usize| !text.quotations.contain(text.words.start(*at));
    (0..text.words.len()).filter(unquoted).filter_map(|at| text.words.get(at))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Quotations, Words};
    use super::*;

    fn found(caption: &str, wanted: &str) -> Option<String> {
        let text = Text { caption, words: Words::of(caption), quotations: Quotations::of(caption) };
        wrong(&text, Language::named(wanted).expect("a known language")).map(|remark| remark.message)
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
    fn settings_name_languages_in_several_ways(#[case] setting: &str, #[case] name: Option<&str>) {
        assert_eq!(Language::named(setting).map(Language::name), name);
    }

    #[rstest]
    #[case("en", "검은 코트를 입은 여성이 거리에 서 있다.", "it is in Korean; English is wanted")]
    #[case("en", "赤いコートを着た女性が街に立っている。", "it is in Japanese; English is wanted")]
    #[case("en", "一位穿着红色外套的女士站在街上。", "it is in Chinese characters; English is wanted")]
    #[case("en", "Женщина в красном пальто стоит на улице.", "it is in Cyrillic letters; English is wanted")]
    #[case(
        "en",
        "Une femme aux cheveux noirs porte un manteau rouge dans la rue.",
        "it is in French; English is wanted"
    )]
    #[case("en", "Eine Frau mit schwarzen Haaren steht auf der Straße.", "it is in German; English is wanted")]
    #[case("en", "Una mujer joven con pelo negro lleva un abrigo rojo.", "it is in Spanish; English is wanted")]
    #[case("ko", "A woman in a red coat is standing on the street.", "it is in English; Korean is wanted")]
    #[case("ko", "赤いコートを着た女性が街に立っている。", "it is in Japanese; Korean is wanted")]
    #[case("zh", "赤いコートを着た女性が街に立っている。", "it is in Japanese; Chinese is wanted")]
    #[case("fr", "A woman in a red coat is standing on the street.", "it is in English; French is wanted")]
    #[case("de", "Young woman with long black hair, wearing a white shirt.", "it is in English; German is wanted")]
    fn another_language_is_found(#[case] wanted: &str, #[case] caption: &str, #[case] message: &str) {
        assert_eq!(found(caption, wanted).as_deref(), Some(message));
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
    fn the_wanted_language_is_not_mistaken(#[case] wanted: &str, #[case] caption: &str) {
        assert_eq!(found(caption, wanted), None);
    }

    #[test]
    fn every_language_can_be_told_by_a_bit_and_named_by_its_code() {
        assert!(KNOWN.len() <= 32);
        for known in &KNOWN {
            assert_eq!(Language::named(known.code).map(|language| language.0.code), Some(known.code));
            assert_eq!(Language::named(known.name).map(|language| language.0.code), Some(known.code));
        }
    }
}
