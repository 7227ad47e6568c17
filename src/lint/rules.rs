//! Configuration of the lint rules: style of the captions, limits, expected language, banned, required and preferred words,
//! conflicting tags, severities.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::phrase_matching::{Words, normalize, same_word};
use super::schema::Schema;
use super::tag_rules::Conflicts;
use super::{CaptionStyle, Language, LintKind, Severity, Text, Violation};
use crate::text::{JsonObject, is_space, sanitize, tags, word_count};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `None` until it is recognised; the captions are linted as prose until then.
    pub style: Option<CaptionStyle>,
    /// The limits count tags in lists of tags.
    pub max_words: usize,
    pub min_words: usize,
    /// The expected language; `None` disables the rules that depend on it.
    pub language: Option<Language>,
    pub banned: Vec<WordList>,
    /// A caption must contain at least one phrase of each list.
    pub required: Vec<WordList>,
    /// Those of the style guide.
    pub terms: Vec<Term>,
    /// In lists of tags.
    pub conflicts: Conflicts,
    /// Of captions that are JSON objects.
    pub schema: Option<Schema>,
    pub severities: Severities,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            style: None,
            max_words: 50,
            min_words: 3,
            language: None,
            banned: Vec::new(),
            required: Vec::new(),
            terms: Vec::new(),
            conflicts: Conflicts::default(),
            schema: None,
            severities: Severities::default(),
        }
    }
}

impl Rules {
    #[must_use]
    pub const fn is_enabled(&self, kind: LintKind) -> bool {
        !matches!(self.severities.of(kind), Severity::Off)
    }

    /// Returns true if the captions are lists of tags.
    #[must_use]
    pub fn are_tags(&self) -> bool {
        self.style == Some(CaptionStyle::Tags)
    }

    /// Returns true if the captions are JSON objects.
    #[must_use]
    pub fn are_json(&self) -> bool {
        self.style == Some(CaptionStyle::Json)
    }

    /// Returns true if the captions are sentences.
    #[must_use]
    pub fn are_sentences(&self) -> bool {
        matches!(self.style, None | Some(CaptionStyle::Prose))
    }

    /// Returns the maximum length of a caption. The fields of a JSON object have their own, in its schema.
    #[must_use]
    pub fn max_length(&self) -> Option<usize> {
        (!self.are_json()).then_some(self.max_words)
    }

    /// Returns the length of a caption in the unit of the limits: tags or words. Of a JSON object, the words of its texts
    /// count.
    #[must_use]
    pub fn length(&self, caption: &str) -> usize {
        let object = self.are_json().then(|| JsonObject::parse(caption).ok()).flatten();
        match object {
            Some(object) => object.texts().map(|text| word_count(&text)).sum(),
            None if self.are_tags() => tags(caption).count(),
            None => word_count(caption),
        }
    }

    pub(super) fn banned_word(&self, text: &Text<'_>) -> Option<Violation> {
        let (span, phrase) = self.banned.iter().find_map(|list| list.find(text))?;
        Some(Violation::at(span, format!("banned word “{}”", sanitize(phrase.text()))))
    }

    /// Reports the first word that a preferred term replaces, unless it is a part of a preferred term, or written in the
    /// image.
    pub(super) fn preferred_term(&self, text: &Text<'_>) -> Option<Violation> {
        let found = self.terms.iter().flat_map(|term| term.replaces.all(text).map(move |span| (span, term)));
        let mut found: Vec<_> = found.filter(|(span, _)| !text.quotations().contain(span.start)).collect();
        if !found.is_empty() {
            let preferred: Vec<_> = self.terms.iter().flat_map(|term| term.preferred.all(text)).collect();
            let is_preferred = |span: &Range<usize>| {
                preferred.iter().any(|preferred| preferred.start <= span.start && span.end <= preferred.end)
            };
            found.retain(|(span, _)| !is_preferred(span));
        }
        let (span, term) = found.into_iter().min_by_key(|(span, _)| span.start)?;
        let (word, name) = (sanitize(&text.caption[span.clone()]).into_owned(), sanitize(&term.name));
        Some(Violation::at(span, format!("“{word}”: the style guide prefers “{name}”")))
    }

    pub(super) fn missing_required(&self, text: &Text<'_>) -> Option<Violation> {
        let missing = self.required.iter().find(|list| list.find(text).is_none())?;
        let names: Vec<String> = missing.0.iter().map(|phrase| format!("“{}”", sanitize(phrase.text()))).collect();
        Some(Violation::whole(match names.as_slice() {
            [] => return None,
            [one] => format!("required phrase {one} is missing"),
            several => format!("one of {} is required", several.join(", ")),
        }))
    }
}

/// A preferred term and the words that it replaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    preferred: Phrase,
    name: String,
    replaces: WordList,
}

impl Term {
    /// Returns `None` if the term is blank.
    pub(super) fn new(preferred: &str, replaces: &[String]) -> Option<Self> {
        Some(Self { preferred: Phrase::new(preferred)?, name: preferred.to_owned(), replaces: WordList::new(replaces) })
    }
}

/// The severity of each rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Severities([Severity; LintKind::COUNT]);

impl Default for Severities {
    fn default() -> Self {
        Self(LintKind::ALL.map(LintKind::default_severity))
    }
}

impl Severities {
    #[must_use]
    pub const fn of(&self, kind: LintKind) -> Severity {
        self.0[kind as usize]
    }

    pub const fn set(&mut self, kind: LintKind, severity: Severity) {
        self.0[kind as usize] = severity;
    }
}

/// A set of alternative phrases.
///
/// A phrase matches whole words, ignoring case, the form of apostrophes and a possessive `'s`; its words may be separated
/// by spaces or hyphens. In scripts written without spaces (Chinese, Japanese, Thai, …) it matches anywhere, and in Korean
/// it also matches with a particle attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordList(Vec<Phrase>);

impl WordList {
    /// Creates a list from `phrases`, ignoring empty ones.
    pub fn new<T: AsRef<str>>(phrases: impl IntoIterator<Item = T>) -> Self {
        Self(phrases.into_iter().filter_map(|phrase| Phrase::new(phrase.as_ref())).collect())
    }

    /// Returns the first phrase of the list that matches, and its byte range.
    fn find(&self, text: &Text<'_>) -> Option<(Range<usize>, &Phrase)> {
        self.0.iter().find_map(|phrase| phrase.all(text).next().map(|span| (span, phrase)))
    }

    /// Returns the byte ranges of all phrases that match.
    fn all<'a>(&'a self, text: &'a Text<'_>) -> impl Iterator<Item = Range<usize>> + 'a {
        self.0.iter().flat_map(|phrase| phrase.all(text))
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Phrase {
    /// Lowercase words with straight apostrophes, separated by single spaces.
    Words(String),
    /// Matched as a substring: the phrase contains no word or is in a script without spaces.
    Anywhere(String),
}

impl Phrase {
    fn new(phrase: &str) -> Option<Self> {
        let phrase = crate::text::trim(phrase).to_lowercase().replace('’', "'");
        if phrase.is_empty() {
            return None;
        }
        let words: Vec<&str> = phrase.unicode_words().collect();
        Some(if words.is_empty() || phrase.contains(is_unspaced_script) {
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

    /// Returns the byte ranges where it matches, in ascending order.
    fn all<'a>(&'a self, text: &'a Text<'_>) -> Box<dyn Iterator<Item = Range<usize>> + 'a> {
        match self {
            // The caption is not lowercased, because that could move byte offsets. Scripts without spaces have no case
            // anyway; other text in such a phrase only matches lowercase.
            Self::Anywhere(phrase) => {
                let starts = text.caption.match_indices(phrase.as_str());
                Box::new(starts.map(|(at, found)| at..at + found.len()))
            }
            Self::Words(phrase) => {
                let length = phrase.split(' ').count();
                let starts = (0..text.words().len()).filter(|at| phrase_at(text.words(), *at, phrase));
                Box::new(starts.map(move |at| text.words().span(at, length)))
            }
        }
    }
}

/// Returns true if `phrase` starts at word `at`, with only spaces and hyphens between its words.
fn phrase_at(words: &Words<'_>, at: usize, phrase: &str) -> bool {
    let joined = |gap: &str| gap.chars().all(|mark| is_space(mark) || matches!(mark, '-' | '\u{2010}' | '\u{2011}'));
    let mut expected = phrase.split(' ').enumerate().peekable();
    while let Some((offset, expected_word)) = expected.next() {
        let Some(word) = words.get(at + offset) else { return false };
        let is_last = expected.peek().is_none();
        let same = same_word(word, expected_word) || (is_last && same_stem(word, expected_word));
        if !same || !(is_last || joined(words.gap(at + offset))) {
            return false;
        }
    }
    true
}

/// Returns true if `word` is `expected` followed by a possessive `'s` or, in Korean, by a particle.
fn same_stem(word: &str, expected: &str) -> bool {
    let word = normalize(word);
    word.strip_suffix("'s") == Some(expected) || (expected.ends_with(is_hangul) && word.starts_with(expected))
}

fn is_hangul(character: char) -> bool {
    matches!(character, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7a3}')
}

/// Returns true for Thai, Lao, Myanmar, Khmer, kana and CJK ideographs.
fn is_unspaced_script(character: char) -> bool {
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
    fn banned_words_match_whole_words_in_any_case(
        #[case] banned: &str,
        #[case] caption: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(found(banned, caption), expected);
    }

    #[test]
    fn one_phrase_of_each_required_list_is_enough() {
        let required = vec![WordList::new(["sks style"]), WordList::new(["woman", "man"])];
        let rules = Rules { required, ..Rules::default() };
        let message = |caption| {
            let findings = lint(caption, &rules, &Context::default());
            findings.into_iter().find(|finding| finding.kind == LintKind::MissingRequired).map(|found| found.message)
        };
        assert_eq!(message("A man in sks style."), None);
        assert_eq!(message("A man in style.").as_deref(), Some("required phrase “sks style” is missing"));
        assert_eq!(message("A coat, sks style.").as_deref(), Some("one of “woman”, “man” is required"));
    }
}
