//! The kinds of findings: names, order and default severities.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// A lint rule. The variants are in order of importance, which breaks ties between findings of equal severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintKind {
    Empty,
    /// The model refused to write a caption.
    Refusal,
    /// The placeholder a script writes when its model fails.
    Fallback,
    /// A caption is not a JSON object, in a dataset of JSON objects.
    InvalidJson,
    /// The JSON Schema does not allow a value.
    Schema,
    WrongLanguage,
    /// The text stops in the middle of a sentence.
    CutOff,
    BannedWord,
    /// A required word is missing.
    MissingRequired,
    /// Invisible characters and terminal control characters.
    ControlCharacters,
    /// A homoglyph: a letter that looks like one of another script.
    LookAlike,
    /// Markdown, HTML or JSON syntax, or quotation marks around the whole caption.
    Markup,
    /// The caption starts with a phrase about the image or the task ("This image shows").
    Preamble,
    /// Uncertain wording ("appears to be").
    Hedging,
    /// A word that the style guide replaces by another.
    PreferredTerm,
    /// The same word twice in a row.
    DoubledWord,
    /// Tags that exclude each other.
    ConflictingTags,
    /// The same tag twice.
    DuplicateTag,
    TooLong,
    TooShort,
    /// A verifier found that the image does not support a phrase of the caption.
    Unsupported,
    Duplicate,
    NearDuplicate,
    /// More tokens than a CLIP text encoder reads.
    ClipTokens,
    /// A verifier found that the caption does not mention a prominent thing.
    Missing,
}

impl LintKind {
    pub const COUNT: usize = 25;

    pub const ALL: [Self; Self::COUNT] = [
        Self::Empty,
        Self::Refusal,
        Self::Fallback,
        Self::InvalidJson,
        Self::Schema,
        Self::WrongLanguage,
        Self::CutOff,
        Self::BannedWord,
        Self::MissingRequired,
        Self::ControlCharacters,
        Self::LookAlike,
        Self::Markup,
        Self::Preamble,
        Self::Hedging,
        Self::PreferredTerm,
        Self::DoubledWord,
        Self::ConflictingTags,
        Self::DuplicateTag,
        Self::TooLong,
        Self::TooShort,
        Self::Unsupported,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::ClipTokens,
        Self::Missing,
    ];

    /// Returns the name used in output, queries and settings. Names are stable across versions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Refusal => "refusal",
            Self::Fallback => "fallback",
            Self::InvalidJson => "invalid-json",
            Self::Schema => "schema-violation",
            Self::WrongLanguage => "wrong-language",
            Self::CutOff => "cut-off",
            Self::BannedWord => "banned-word",
            Self::MissingRequired => "missing-required",
            Self::ControlCharacters => "control-characters",
            Self::LookAlike => "look-alike",
            Self::Markup => "markup",
            Self::Preamble => "preamble",
            Self::Hedging => "hedging",
            Self::PreferredTerm => "preferred-term",
            Self::DoubledWord => "doubled-word",
            Self::ConflictingTags => "conflicting-tags",
            Self::DuplicateTag => "duplicate-tag",
            Self::TooLong => "too-long",
            Self::TooShort => "too-short",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::ClipTokens => "clip-tokens",
            Self::Unsupported => "unsupported",
            Self::Missing => "missing",
        }
    }

    /// Returns true if a verifier finds it, not a rule.
    #[must_use]
    pub const fn is_of_verifier(self) -> bool {
        matches!(self, Self::Unsupported | Self::Missing)
    }

    /// Returns the severity if the settings do not override it.
    ///
    /// `Error` means that the caption is useless. `Info` is for findings that are often harmless: two images of one scene
    /// have nearly the same caption, and most captions are never read by CLIP.
    #[must_use]
    pub const fn default_severity(self) -> Severity {
        match self {
            Self::Empty
            | Self::Refusal
            | Self::Fallback
            | Self::InvalidJson
            | Self::Schema
            | Self::BannedWord
            | Self::MissingRequired => Severity::Error,
            Self::NearDuplicate | Self::ClipTokens | Self::Missing => Severity::Info,
            Self::WrongLanguage
            | Self::CutOff
            | Self::ControlCharacters
            | Self::LookAlike
            | Self::Markup
            | Self::Preamble
            | Self::Hedging
            | Self::PreferredTerm
            | Self::DoubledWord
            | Self::ConflictingTags
            | Self::DuplicateTag
            | Self::TooLong
            | Self::TooShort
            | Self::Unsupported
            | Self::Duplicate => Severity::Warn,
        }
    }
}

impl fmt::Display for LintKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

impl Serialize for LintKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown lint, expected one of {}", LintKind::ALL.map(LintKind::name).join(", "))]
pub struct UnknownLint;

impl FromStr for LintKind {
    type Err = UnknownLint;

    fn from_str(name: &str) -> Result<Self, UnknownLint> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownLint)
    }
}

/// The severity of a finding, in ascending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The rule is disabled.
    Off,
    /// Reported without consequences.
    Info,
    /// The caption is not accepted unseen, and `check` exits with 1.
    Warn,
    /// Like `Warn`, but listed first.
    Error,
}

impl Severity {
    /// Returns the name used in output and settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_lists_every_kind_once_in_order_with_a_unique_name() {
        assert!(LintKind::ALL.is_sorted_by(|worse, better| worse < better));
        for (at, kind) in LintKind::ALL.into_iter().enumerate() {
            assert_eq!((kind as usize, kind.name().parse()), (at, Ok(kind)));
        }
        assert_eq!("nothing".parse::<LintKind>(), Err(UnknownLint));
    }
}
