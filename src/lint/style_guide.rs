//! The style guide: preferred terms, banned and required words, in one file for lints and prompts.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::rules::{Rules, Term, WordList};
use crate::text;

/// The maximum size of the file: far more than a style guide needs, because all of it is in every prompt.
const MAX_BYTES: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum StyleGuideError {
    #[error("{}: cannot read the style guide: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: too large for a style guide: the limit is {MAX_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    /// The line is counted from one.
    #[error("{}:{line}: {message}", path.display())]
    Invalid { path: PathBuf, line: usize, message: String },
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StyleGuide {
    /// The words to replace, by preferred term.
    terms: BTreeMap<String, Vec<String>>,
    banned: Vec<String>,
    /// A caption must contain one phrase of each list.
    required: Vec<Vec<String>>,
}

/// The format of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    #[serde(default)]
    terms: BTreeMap<Spanned<String>, Phrases>,
    #[serde(default)]
    banned: Vec<Spanned<String>>,
    required: Option<Spanned<Vec<Phrases>>>,
}

/// Alternative phrases; one of them may stand without a list.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or an array of strings")]
pub enum Phrases {
    One(String),
    Any(Vec<String>),
}

impl From<Phrases> for Vec<String> {
    fn from(phrases: Phrases) -> Self {
        match phrases {
            Phrases::One(phrase) => vec![phrase],
            Phrases::Any(phrases) => phrases,
        }
    }
}

impl StyleGuide {
    /// Reads a file.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, is not valid TOML of this format, or contradicts itself.
    pub fn load(path: &Path) -> Result<Self, StyleGuideError> {
        let unreadable = |source| StyleGuideError::Read { path: path.to_owned(), source };
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(StyleGuideError::TooLarge { path: path.to_owned() });
        }
        let text = text::from_file(bytes).map_err(|error| unreadable(error.into()))?;
        Self::parse(&text).map_err(|(line, message)| StyleGuideError::Invalid { path: path.to_owned(), line, message })
    }

    /// Parses the text of a file. An error has the line, counted from one.
    fn parse(text: &str) -> Result<Self, (usize, String)> {
        let line_at = |offset: usize| text.get(..offset).unwrap_or_default().matches('\n').count() + 1;
        let content: Content = toml::from_str(text)
            .map_err(|error| (line_at(error.span().map_or(0, |span| span.start)), error.message().trim().to_owned()))?;
        let mut guide = Self::default();
        // A word that is replaced by two terms, or by itself, has no right form.
        let mut replaced: BTreeMap<String, String> = BTreeMap::new();
        let mut preferred = BTreeSet::new();
        for (term, words) in content.terms {
            let invalid = |message| (line_at(term.span().start), message);
            let words = Vec::from(words);
            let (name, key) = (term.get_ref().clone(), form(term.get_ref()));
            if key.is_empty() || words.is_empty() || words.iter().any(|word| form(word).is_empty()) {
                return Err(invalid(format!("term {name:?} needs a name and words that it replaces")));
            }
            for word in words.iter().map(|word| form(word)) {
                if word == key {
                    return Err(invalid(format!("term {name:?} replaces itself")));
                }
                if let Some(other) = replaced.insert(word.clone(), name.clone()).filter(|other| *other != name) {
                    return Err(invalid(format!("{word:?} is replaced by both {other:?} and {name:?}")));
                }
            }
            preferred.insert((key, line_at(term.span().start)));
            guide.terms.insert(name, words);
        }
        for (name, line) in preferred {
            if let Some(other) = replaced.get(&name) {
                return Err((line, format!("term {name:?} is also replaced, by {other:?}")));
            }
            if content.banned.iter().any(|banned| form(banned.get_ref()) == name) {
                return Err((line, format!("term {name:?} is also banned")));
            }
        }
        for banned in content.banned {
            if form(banned.get_ref()).is_empty() {
                return Err((line_at(banned.span().start), "a banned word is empty".to_owned()));
            }
            guide.banned.push(banned.into_inner());
        }
        if let Some(required) = content.required {
            let line = line_at(required.span().start);
            let is_banned = |word: &String| guide.banned.iter().any(|banned| form(banned) == form(word));
            for list in required.into_inner().into_iter().map(Vec::from) {
                if list.iter().all(|word| form(word).is_empty()) {
                    return Err((line, format!("required: {list:?} has no word")));
                }
                if list.iter().all(is_banned) {
                    return Err((line, format!("required: {list:?} is also banned")));
                }
                guide.required.push(list);
            }
        }
        Ok(guide)
    }

    /// Adds the guide to the rules.
    pub fn apply(&self, rules: &mut Rules) {
        rules.terms.extend(self.terms.iter().filter_map(|(term, words)| Term::new(term, words)));
        if !self.banned.is_empty() {
            rules.banned.push(WordList::new(&self.banned));
        }
        rules.required.extend(self.required.iter().map(WordList::new));
    }

    /// Returns the guide as instructions for a model, or `None` if it has none.
    #[must_use]
    pub fn instructions(&self) -> Option<String> {
        let mut sentences = Vec::new();
        if !self.terms.is_empty() {
            let term = |(term, words): (&String, &Vec<String>)| format!("“{term}”, never {}", listed(words, "or"));
            sentences.push(format!("Write {}.", self.terms.iter().map(term).collect::<Vec<_>>().join("; ")));
        }
        if !self.banned.is_empty() {
            sentences.push(format!("Never write {}.", listed(&self.banned, "or")));
        }
        for list in &self.required {
            sentences.push(match list.as_slice() {
                [one] => format!("The caption must contain “{one}”."),
                several => format!("The caption must contain {}.", listed(several, "or")),
            });
        }
        (!sentences.is_empty()).then(|| sentences.join(" "))
    }
}

/// Returns the form in which phrases are compared.
fn form(phrase: &str) -> String {
    text::trim(phrase).to_lowercase()
}

/// Returns the quoted words as a list with a conjunction before the last one.
fn listed(words: &[String], conjunction: &str) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("“{word}”")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} {conjunction} {last}", others.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::lint::{Context, LintKind, lint};

    const GUIDE: &str = "\
banned = [\"stunning\"]
required = [[\"woman\", \"man\"], \"sks style\"]

[terms]
trousers = [\"pants\", \"slacks\"]
\"dress shirt\" = \"button-down\"
T-shirt = [\"tee\", \"shirt\"]
";

    fn guide() -> StyleGuide {
        StyleGuide::parse(GUIDE).expect("a style guide")
    }

    fn term(caption: &str) -> Option<(&str, String)> {
        let mut rules = Rules::default();
        guide().apply(&mut rules);
        let findings = lint(caption, &rules, &Context::default());
        let finding = findings.into_iter().find(|finding| finding.kind == LintKind::PreferredTerm)?;
        Some((&caption[finding.span.expect("a span")], finding.message))
    }

    #[rstest]
    #[case("A man in Pants.", Some(("Pants", "“Pants”: the style guide prefers “trousers”")))]
    #[case("A man in a button-down and pants.", Some(("button-down", "“button-down”: the style guide prefers “dress shirt”")))]
    #[case("A man’s shirt.", Some(("shirt", "“shirt”: the style guide prefers “T-shirt”")))]
    #[case::within_a_preferred_term("A man in a dress shirt and a T-shirt.", None)]
    #[case::part_of_a_word("A panther on a teepee.", None)]
    #[case::written_in_the_image("A sign with “PANTS” and trousers.", None)]
    #[case::after_a_quotation("A sign “PANTS”, black pants.", Some(("pants", "“pants”: the style guide prefers “trousers”")))]
    fn the_first_word_to_replace_is_reported_at_its_place(
        #[case] caption: &str,
        #[case] expected: Option<(&str, &str)>,
    ) {
        assert_eq!(term(caption), expected.map(|(word, message)| (word, message.to_owned())));
    }

    #[test]
    fn banned_and_required_words_are_those_of_the_lints() {
        let mut rules = Rules { banned: vec![WordList::new(["Acme"])], ..Rules::default() };
        guide().apply(&mut rules);
        let kinds = |caption: &str| -> Vec<LintKind> {
            lint(caption, &rules, &Context::default()).into_iter().map(|finding| finding.kind).collect()
        };
        assert_eq!(kinds("A woman in a red coat, sks style."), []);
        assert_eq!(kinds("A stunning woman in a coat, sks style."), [LintKind::BannedWord]);
        assert_eq!(kinds("A woman in an Acme coat, sks style."), [LintKind::BannedWord], "the settings still apply");
        assert_eq!(kinds("A person in a red coat, sks style."), [LintKind::MissingRequired]);
    }

    #[test]
    fn instructions_have_every_word_of_the_guide() {
        let text = guide().instructions().expect("instructions");
        assert!(text.contains("“trousers”, never “pants” or “slacks”"), "{text}");
        assert!(text.contains("Never write “stunning”."), "{text}");
        assert!(text.contains("must contain “woman” or “man”. The caption must contain “sks style”."), "{text}");
        assert_eq!(StyleGuide::parse("# nothing yet\n").expect("valid").instructions(), None);
    }

    #[rstest]
    #[case("banned = [\"a\"\nrequired = []", 2)]
    #[case("banned = []\nwords = []", 2)]
    #[case("\nbanned = \"a\"", 2)]
    #[case("\n\nbanned = [1]", 3)]
    #[case("banned = [\"a\",\n\" \"]", 2)]
    #[case("[terms]\na = 3", 2)]
    #[case("[terms]\na = []", 2)]
    #[case("[terms]\n\na = \"A\"", 3)]
    #[case("[terms]\na = \"x\"\nb = [\"y\", \"X\"]", 3)]
    #[case("[terms]\na = \"b\"\nb = \"c\"", 3)]
    #[case("banned = [\"A\"]\n[terms]\na = \"b\"", 3)]
    #[case("[terms]\na = \"b\"\na = \"c\"", 3)]
    #[case("required = [[]]", 1)]
    #[case("banned = [\"a\"]\nrequired = [\"A\"]", 2)]
    fn errors_have_a_line(#[case] text: &str, #[case] line: usize) {
        let (found, message) = StyleGuide::parse(text).expect_err("invalid");
        assert_eq!(found, line, "{message}");
        assert!(!message.is_empty());
    }

    #[test]
    fn a_missing_or_damaged_file_is_an_error_with_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("style.toml");
        let error = || StyleGuide::load(&file).expect_err("invalid").to_string();
        assert!(error().contains("style.toml: cannot read the style guide"), "{}", error());
        std::fs::write(&file, b"banned = [\"\xff\"]").expect("written");
        assert!(error().contains("style.toml"), "{}", error());
        std::fs::write(&file, vec![b'#'; 70_000]).expect("written");
        assert!(error().contains("too large"), "{}", error());
        std::fs::write(&file, "\nbaned = []").expect("written");
        assert!(error().contains("style.toml:2: unknown field `baned`"), "{}", error());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a-z\"\\[\\]=,\n ]{0,80}|\\PC*") {
            if let Ok(guide) = StyleGuide::parse(&text) {
                guide.apply(&mut Rules::default());
                let _ = guide.instructions();
            }
        }
    }
}
