//! What captions are held against: limits, the wanted language, the operator's own words, and how much each kind of
//! finding matters.

use unicode_segmentation::UnicodeSegmentation;

use super::words::{Words, plain, same_word};
use super::{Language, LintKind, Remark, Severity, Text};
use crate::text::{is_space, sanitize};

/// What captions are held against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The most words a caption may have.
    pub max_words: usize,
    /// The fewest words a caption may have.
    pub min_words: usize,
    /// The language captions are to be in; unknown to the rules, if absent.
    pub language: Option<Language>,
    /// Words and phrases no caption may have.
    pub banned: Vec<WordList>,
    /// Words and phrases every caption must have: of each list one.
    pub required: Vec<WordList>,
    /// How much each kind of finding matters.
    pub severities: Severities,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            max_words: 50,
            min_words: 3,
            language: None,
            banned: Vec::new(),
            required: Vec::new(),
            severities: Severities::default(),
        }
    }
}

impl Rules {
    /// Whether findings of a kind are looked for.
    #[must_use]
    pub const fn looks_for(&self, kind: LintKind) -> bool {
        !matches!(self.severities.of(kind), Severity::Off)
    }

    pub(super) fn banned(&self, text: &Text<'_>) -> Option<Remark> {
        let (span, phrase) = self.banned.iter().find_map(|list| list.find(text))?;
        Some(Remark::about(span, format!("“{}” is on the list of banned words", sanitize(phrase.text()))))
    }

    pub(super) fn missing(&self, text: &Text<'_>) -> Option<Remark> {
        let missing = self.required.iter().find(|list| list.find(text).is_none())?;
        let names: Vec<String> = missing.0.iter().map(|phrase| format!("“{}”", sanitize(phrase.text()))).collect();
        Some(Remark::whole(match names.as_slice() {
            [] => return None,
            [one] => format!("{one} is required and not in it"),
            several => format!("one of {} is required and none is in it", several.join(", ")),
        }))
    }
}

/// How much each kind of finding matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severities([Severity; LintKind::COUNT]);

impl Default for Severities {
    fn default() -> Self {
        Self(LintKind::ALL.map(LintKind::default_severity))
    }
}

impl Severities {
    /// How much findings of a kind matter.
    #[must_use]
    pub const fn of(&self, kind: LintKind) -> Severity {
        self.0[kind as usize]
    }

    /// Says how much findings of a kind are to matter.
    pub const fn set(&mut self, kind: LintKind, severity: Severity) {
        self.0[kind as usize] = severity;
    }
}

/// Words and phrases, any of which counts.
///
/// Case, the form of apostrophes and a possessive `'s` make no difference; words of a phrase may have spaces or hyphens
/// between them. A phrase is found as whole words. Only scripts that write no spaces (Chinese, Japanese, Thai …) have it
/// found anywhere, and a Korean word may go on after it, as particles do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordList(Vec<Phrase>);

impl WordList {
    /// A list of phrases. Empty ones are left out.
    pub fn new<T: AsRef<str>>(phrases: impl IntoIterator<Item = T>) -> Self {
        Self(phrases.into_iter().filter_map(|phrase| Phrase::new(phrase.as_ref())).collect())
    }

    /// Where the first of the phrases is that the caption has.
    fn find(&self, text: &Text<'_>) -> Option<(std::ops::Range<usize>, &Phrase)> {
        self.0.iter().find_map(|phrase| phrase.find(text).map(|span| (span, phrase)))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phrase {
    /// In lower case with straight apostrophes, apart by one space.
    Words(String),
    /// Found as it stands: it has no word, or is of a script without spaces.
    Anywhere(String),
}

impl Phrase {
    fn new(phrase: &str) -> Option<Self> {
        let phrase = crate::text::trim(phrase).to_lowercase().replace('’', "'");
        if phrase.is_empty() {
            return None;
        }
        let words: Vec<&str> = phrase.unicode_words().collect();
        Some(if words.is_empty() || phrase.contains(writes_no_spaces) {
            Self::Anywhere(phrase)
        } else {
            Self::Words(words.join(" "))
        })
    }

    fn text(&self) -> &str {
        match self {
            Self::Words(phrase) | Self::Anywhere(phrase) => phrase,
        }
    }

    fn find(&self, text: &Text<'_>) -> Option<std::ops::Range<usize>> {
        match self {
            // Scripts without spaces have no case either, so bytes stay where they are; other text in such a phrase has
            // to be in lower case in the caption too.
            Self::Anywhere(phrase) => text.caption.find(phrase.as_str()).map(|at| at..at + phrase.len()),
            Self::Words(phrase) => {
                let length = phrase.split(' ').count();
                let at = (0..text.words.len()).find(|at| stands_at(&text.words, *at, phrase))?;
                Some(text.words.span(at, length))
            }
        }
    }
}

/// Whether `phrase` stands at word `at`, its words with nothing but spaces and hyphens between them.
fn stands_at(words: &Words<'_>, at: usize, phrase: &str) -> bool {
    let joined = |gap: &str| gap.chars().all(|mark| is_space(mark) || matches!(mark, '-' | '\u{2010}' | '\u{2011}'));
    let mut wanted = phrase.split(' ').enumerate().peekable();
    while let Some((place, wanted_word)) = wanted.next() {
        let Some(word) = words.get(at + place) else { return false };
        let is_last = wanted.peek().is_none();
        let same = same_word(word, wanted_word) || (is_last && same_stem(word, wanted_word));
        if !same || !(is_last || joined(words.gap(at + place))) {
            return false;
        }
    }
    true
}

/// Whether `word` is `wanted` and an ending that is no other word: a possessive or, in Korean, a particle.
fn same_stem(word: &str, wanted: &str) -> bool {
    let word = plain(word);
    word.strip_suffix("'s") == Some(wanted) || (wanted.ends_with(is_hangul) && word.starts_with(wanted))
}

fn is_hangul(character: char) -> bool {
    matches!(character, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}')
}

/// Thai, Lao, Myanmar, Khmer, kana and ideographs.
fn writes_no_spaces(character: char) -> bool {
    matches!(character, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::{Context, lint};
    use super::*;

    fn found<'a>(banned: &str, caption: &'a str) -> Option<&'a str> {
        let rules = Rules { banned: vec![WordList::new([banned])], ..Rules::default() };
        let findings = lint(caption, &rules, &Context::default());
        let finding = findings.into_iter().find(|finding| finding.kind == LintKind::BannedWord)?;
        assert!(finding.message.contains("banned"), "{finding:?}");
        finding.span.map(|span| &caption[span])
    }

    #[rstest]
    #[case("nike", "A Nike cap.", Some("Nike"))]
    #[case("Nike", "A cap with \"NIKE\" text.", Some("NIKE"))]
    #[case("cap", "A capped bottle.", None)]
    #[case("woman", "A woman's coat.", Some("woman's"))]
    #[case("woman", "A woman’s coat.", Some("woman’s"))]
    #[case("woman", "Two women.", None)]
    #[case("t-shirt", "A white T-shirt.", Some("T-shirt"))]
    #[case("t-shirt", "A white T shirt.", Some("T shirt"))]
    #[case("young asian", "Young  Asian man.", Some("Young  Asian"))]
    #[case("young asian", "She is young. Asian food.", None)]
    #[case("don't", "They don’t smile.", Some("don’t"))]
    #[case("한국", "한국인 여성이 서 있다.", Some("한국인"))]
    #[case("여성", "젊은 여성이 서 있다.", Some("여성이"))]
    #[case("성이", "젊은 여성이 서 있다.", None)]
    #[case("女性", "若い女性が立つ。", Some("女性"))]
    #[case("—", "A coat — red.", Some("—"))]
    #[case("  ", "A coat.", None)]
    fn banned_words_are_found_whole_in_any_case(
        #[case] banned: &str,
        #[case] caption: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(found(banned, caption), expected);
    }

    #[test]
    fn of_each_required_list_one_is_enough() {
        let required = vec![WordList::new(["sks style"]), WordList::new(["woman", "man"])];
        let rules = Rules { required, ..Rules::default() };
        let said = |caption| {
            let findings = lint(caption, &rules, &Context::default());
            findings.into_iter().find(|finding| finding.kind == LintKind::MissingRequired).map(|found| found.message)
        };
        assert_eq!(said("A man in sks style."), None);
        assert_eq!(said("A man in style.").as_deref(), Some("“sks style” is required and not in it"));
        assert_eq!(said("A coat, sks style.").as_deref(), Some("one of “woman”, “man” is required and none is in it"));
    }
}
