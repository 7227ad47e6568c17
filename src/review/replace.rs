//! Changes to many captions at once: `:s` and its relatives, parsed and applied to one caption.

mod hits;
mod replacement_text;

use std::fmt;

use regex::{Regex, RegexBuilder};
use roaring::RoaringBitmap;

use super::scan::ScanId;
use crate::dataset::{Entry, Line};
use crate::session::RecordStates;
use crate::text::{self, JsonObject};
use replacement_text::ReplacementText;

pub use hits::{Hit, Hits, HitsBuilder};

/// A change to captions.
#[derive(Clone, Debug)]
pub enum Change {
    /// Replaces every match of a pattern.
    Replace {
        pattern: Regex,
        with: ReplacementText,
    },
    /// Adds text before the caption, unless it begins with these words.
    Prefix(String),
    /// Adds text after the caption, unless it ends with these words.
    Suffix(String),
    /// Removes white space at both ends.
    Trim,
    /// Capitalises the first letter.
    SentenceCase,
    /// Adds a full stop unless the caption ends with one or another sentence-ending mark.
    FinalStop,
    /// Replaces a tag.
    RenameTag {
        old: String,
        new: String,
    },
    RemoveTag(String),
    /// Removes repeated tags.
    UniqueTags,
}

impl PartialEq for Change {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Change {}

/// Returns the change as it would be typed.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Replace { pattern, with } => write!(f, "s/{pattern}/{with}/"),
            Self::Prefix(text) => write!(f, "prefix {text}"),
            Self::Suffix(text) => write!(f, "suffix {text}"),
            Self::Trim => f.write_str("trim"),
            Self::SentenceCase => f.write_str("sentence-case"),
            Self::FinalStop => f.write_str("final-stop"),
            Self::RenameTag { old, new } => write!(f, "rename-tag {old}, {new}"),
            Self::RemoveTag(tag) => write!(f, "remove-tag {tag}"),
            Self::UniqueTags => f.write_str("unique-tags"),
        }
    }
}

/// A change and its scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    pub change: Change,
    /// Applies to all records, not only to the selected ones or, if there are none, those in view.
    pub everywhere: bool,
}

/// Why a line is not a valid change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplaceError {
    #[error("{0}")]
    Pattern(String),
    #[error("usage: s/old/new/ (i: ignore case, w: whole words; %s for all records)")]
    Form,
    #[error("unknown flag \"{0}\"; use i (ignore case) or w (whole words)")]
    Flag(char),
    #[error("no group {0} in the pattern; write $$ for a dollar sign")]
    Group(String),
    #[error("usage: prefix TEXT or suffix TEXT")]
    NoText,
    #[error("usage: rename-tag OLD, NEW or remove-tag TAG")]
    Tag,
}

/// Parses a line of the command line. Returns `None` if it is another command.
#[must_use]
pub fn parse(line: &str) -> Option<Result<Wanted, ReplaceError>> {
    let (everywhere, line) = match line.strip_prefix('%') {
        Some(rest) => (true, rest),
        None => (false, line),
    };
    let (word, text) = line.split_once(' ').unwrap_or((line, ""));
    let with_text = |change: fn(String) -> Change| {
        if text.is_empty() { Err(ReplaceError::NoText) } else { Ok(change(text.to_owned())) }
    };
    let change = match word.trim() {
        "prefix" => with_text(Change::Prefix),
        "suffix" => with_text(Change::Suffix),
        "trim" => Ok(Change::Trim),
        "sentence-case" => Ok(Change::SentenceCase),
        "final-stop" => Ok(Change::FinalStop),
        "rename-tag" => renamed_tag(text),
        "remove-tag" => one_tag(text).map(Change::RemoveTag),
        "unique-tags" => Ok(Change::UniqueTags),
        _ => substitution(line)?,
    };
    Some(change.map(|change| Wanted { change, everywhere }))
}

/// Parses `OLD, NEW`.
fn renamed_tag(text: &str) -> Result<Change, ReplaceError> {
    let (old, new) = text.split_once(',').unwrap_or((text, ""));
    if new.trim().is_empty() {
        return Err(ReplaceError::NoText);
    }
    Ok(Change::RenameTag { old: one_tag(old)?, new: one_tag(new)? })
}

fn one_tag(text: &str) -> Result<String, ReplaceError> {
    match text::trim(text) {
        "" => Err(ReplaceError::NoText),
        tag if tag.contains(text::separates_tags) => Err(ReplaceError::Tag),
        tag => Ok(tag.to_owned()),
    }
}

/// Parses `s/old/new/flags`. Any character other than a letter, digit or space may replace the slash; a backslash
/// escapes it.
fn substitution(line: &str) -> Option<Result<Change, ReplaceError>> {
    let rest = line.strip_prefix('s')?;
    let slash = rest.chars().next().filter(|slash| !slash.is_alphanumeric() && !slash.is_whitespace())?;
    Some(substituted(&rest[slash.len_utf8()..], slash))
}

fn substituted(rest: &str, slash: char) -> Result<Change, ReplaceError> {
    let mut parts = vec![String::new()];
    let mut characters = rest.chars().peekable();
    while let Some(character) = characters.next() {
        let part = parts.last_mut().ok_or(ReplaceError::Form)?;
        match character {
            '\\' if characters.peek() == Some(&slash) => part.extend(characters.next()),
            character if character == slash => parts.push(String::new()),
            character => part.push(character),
        }
    }
    let (pattern, with, flags) = match parts.as_slice() {
        [pattern, with] => (pattern, with, ""),
        [pattern, with, flags] => (pattern, with, flags.trim()),
        _ => return Err(ReplaceError::Form),
    };
    if pattern.is_empty() {
        return Err(ReplaceError::Form);
    }
    let (mut any_case, mut whole) = (false, false);
    for flag in flags.chars() {
        match flag {
            'i' => any_case = true,
            'w' => whole = true,
            // `g` is implied; it is accepted for those who type it as in vim.
            'g' => {}
            other => return Err(ReplaceError::Flag(other)),
        }
    }
    let pattern = if whole { format!(r"\b{{start-half}}(?:{pattern})\b{{end-half}}") } else { pattern.clone() };
    let pattern = RegexBuilder::new(&pattern).case_insensitive(any_case).size_limit(1 << 20).build();
    let pattern = pattern.map_err(|error| {
        let words = error.to_string();
        ReplaceError::Pattern(words.lines().last().unwrap_or_default().trim().to_owned())
    })?;
    let with = ReplacementText::parse(with, &pattern).map_err(ReplaceError::Group)?;
    Ok(Change::Replace { pattern, with })
}

impl Change {
    /// Returns the changed caption, or `None` if it is unchanged. It may be empty. Of a structured caption, the texts of its
    /// fields are replaced; other changes, and keys, are not for it.
    #[must_use]
    pub fn apply(&self, caption: &str) -> Option<String> {
        let changed = match (self, JsonObject::parse(caption)) {
            (Self::Replace { pattern, with }, Ok(object)) => {
                object.with_texts(|text| pattern.replace_all(text, with).into_owned())
            }
            (_, Ok(_)) => return None,
            (change, Err(_)) => change.apply_to_text(caption)?,
        };
        (changed != caption).then_some(changed)
    }

    fn apply_to_text(&self, caption: &str) -> Option<String> {
        Some(match self {
            Self::Replace { pattern, with } => pattern.replace_all(caption, with).into_owned(),
            Self::Prefix(prefix) => text::with_prefix(caption, prefix)?,
            Self::Suffix(suffix) => text::with_suffix(caption, suffix)?,
            Self::Trim => text::trim(caption).to_owned(),
            Self::SentenceCase => text::capitalised(caption)?,
            Self::FinalStop => text::with_full_stop(caption)?,
            Self::RenameTag { old, new } => text::with_tag_renamed(caption, &text::tag_key(old), new)?,
            Self::RemoveTag(tag) => text::without_tag(caption, &text::tag_key(tag))?,
            Self::UniqueTags => text::with_unique_tags(caption)?,
        })
    }
}

/// A background scan for the captions that a change applies to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplaceScan {
    pub id: ScanId,
    pub change: Change,
    /// The records to scan.
    pub records: RoaringBitmap,
    /// The session's state when the scan was requested.
    pub states: RecordStates,
}

impl ReplaceScan {
    /// Adds the change to a line's record, if there is one.
    pub fn add(&self, line: &Line, hits: &mut HitsBuilder) {
        let Entry::Record(line) = line.entry() else { return };
        if line.caption.other().is_some() {
            return;
        }
        let state = self.states.get(line.id);
        let Some(before) = state.current_caption(line.id, line.caption.text()) else { return };
        if let Some(after) = self.change.apply(&before).filter(|_| !before.trim().is_empty()) {
            hits.push(line.id, &after);
        }
    }
}

/// The records a change applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    All,
    Selected,
    /// Those that pass the tab and the filter.
    InView,
}

/// The preview of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    pub id: ScanId,
    pub change: Change,
    /// The captions found so far.
    pub hits: Hits,
    /// True once the scan has finished.
    pub complete: bool,
    /// The index of the hit under the cursor.
    pub chosen: usize,
    pub scope: Scope,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn change(line: &str) -> Change {
        parse(line).expect("a change").expect("a good one").change
    }

    #[rstest]
    #[case("s/Asian/Korean/", "Asian woman, asian style", Some("Korean woman, asian style"))]
    #[case("s/asian/Korean/i", "Asian woman, asian style", Some("Korean woman, Korean style"))]
    #[case("s/hat/cap/w", "hat and hatband", Some("cap and hatband"))]
    #[case("s/#red/#blue/w", "a #red hat, #redder", Some("a #blue hat, #redder"))]
    #[case("s/코트/재킷/w", "코트, 코트를", Some("재킷, 코트를"))]
    #[case("s/(red) (hat)/$2, $1/", "a red hat", Some("a hat, red"))]
    #[case(r"s/a\/b/c/", "a/b", Some("c"))]
    #[case("s#a/b#c#", "a/b", Some("c"))]
    #[case("s/none/x/", "a hat", None)]
    #[case("s/.*//", "a hat", Some(""))]
    #[case("s/코트/재킷/", "베이지 코트", Some("베이지 재킷"))]
    #[case("s/solo,? ?//", "1girl, solo, hat", Some("1girl, hat"))]
    #[case("s/hat/cap/", "1girl\nhat\u{2028}solo\n", Some("1girl\ncap\u{2028}solo\n"))]
    #[case(r"s/\n/, /", "1girl\nhat", Some("1girl, hat"))]
    #[case("prefix a photo of", "a hat", Some("a photo of a hat"))]
    #[case("prefix man", "mandarin collar", Some("man mandarin collar"))]
    #[case("suffix , studio light", "a hat", Some("a hat, studio light"))]
    #[case("trim", "  a   hat\nred \u{3000}\n", Some("a   hat\nred"))]
    #[case("trim", "a  hat", None)]
    #[case("trim", "1girl\nsolo", None)]
    #[case("sentence-case", "a hat", Some("A hat"))]
    #[case("sentence-case", "1girl, solo", None)]
    #[case("final-stop", "A hat", Some("A hat."))]
    #[case("final-stop", "1girl, solo,", Some("1girl, solo."))]
    #[case("final-stop", "", None)]
    #[case("rename-tag Long_Hair, very long hair", "1girl,long hair , hat", Some("1girl,very long hair , hat"))]
    #[case("rename-tag hat, cap", "hat, cap", Some("cap"))]
    #[case("remove-tag solo", "1girl, Solo,  hat", Some("1girl,  hat"))]
    #[case("remove-tag hat", "hat", Some(""))]
    #[case("unique-tags", "hat, Hat,cap", Some("hat,cap"))]
    #[case("unique-tags", "hat, cap", None)]
    fn changes_apply_to_a_caption(#[case] line: &str, #[case] caption: &str, #[case] expected: Option<&str>) {
        assert_eq!(change(line).apply(caption).as_deref(), expected);
    }

    #[test]
    fn a_percent_sign_means_all_records() {
        assert!(!parse("s/a/b/").expect("a change").expect("a good one").everywhere);
        assert!(parse("%s/a/b/").expect("a change").expect("a good one").everywhere);
        for other in ["save", "w", "sort", "12", "", "sa", "s a b"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[rstest]
    #[case("s/a", ReplaceError::Form)]
    #[case("s//b/", ReplaceError::Form)]
    #[case("s/a/b/c/d", ReplaceError::Form)]
    #[case("s/a/b/x", ReplaceError::Flag('x'))]
    #[case("prefix", ReplaceError::NoText)]
    #[case("rename-tag hat", ReplaceError::NoText)]
    #[case("rename-tag hat, ", ReplaceError::NoText)]
    #[case("rename-tag , cap", ReplaceError::NoText)]
    #[case("rename-tag hat, cap, coat", ReplaceError::Tag)]
    #[case("remove-tag hat, cap", ReplaceError::Tag)]
    #[case(r"s/(\d)/$1st/", ReplaceError::Group("$1st".to_owned()))]
    fn invalid_changes_are_errors(#[case] line: &str, #[case] error: ReplaceError) {
        assert_eq!(parse(line), Some(Err(error)));
    }

    #[test]
    fn an_invalid_pattern_is_an_error() {
        let Some(Err(ReplaceError::Pattern(why))) = parse("s/(a/b/") else { panic!("refused") };
        assert!(why.contains("unclosed"), "{why}");
    }
}
