//! The kinds of findings: their names, their order and how much each matters unless the operator says otherwise.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// What can be wrong with a caption, worst first: the order of the variants is the order of findings that matter
/// equally.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintKind {
    /// There is no text.
    Empty,
    /// A model's apology in place of a caption.
    Refusal,
    /// The sentence a script writes when a model failed.
    Fallback,
    /// It is not in the language that is wanted.
    WrongLanguage,
    /// The text stops before its end.
    CutOff,
    /// It has a word that the operator does not want.
    BannedWord,
    /// It lacks a word that the operator wants.
    MissingRequired,
    /// Characters that a reader would not see or that command a terminal.
    ControlCharacters,
    /// A letter of another script that looks like one of its own.
    LookAlike,
    /// Marks of Markdown or HTML, or quotation marks round the whole.
    Markup,
    /// It begins by speaking of the picture or the task ("This image shows").
    Preamble,
    /// It is not sure of what it says ("appears to be").
    Hedging,
    /// A word comes twice in a row.
    DoubledWord,
    /// More words than the limit.
    TooLong,
    /// Fewer words than a caption takes.
    TooShort,
    /// Another record has the same caption.
    Duplicate,
    /// Another record has nearly the same caption.
    NearDuplicate,
    /// More tokens than a text encoder of the CLIP family reads.
    ClipTokens,
}

impl LintKind {
    /// How many there are.
    pub const COUNT: usize = 18;

    /// All of them, worst first.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Empty,
        Self::Refusal,
        Self::Fallback,
        Self::WrongLanguage,
        Self::CutOff,
        Self::BannedWord,
        Self::MissingRequired,
        Self::ControlCharacters,
        Self::LookAlike,
        Self::Markup,
        Self::Preamble,
        Self::Hedging,
        Self::DoubledWord,
        Self::TooLong,
        Self::TooShort,
        Self::Duplicate,
        Self::NearDuplicate,
        Self::ClipTokens,
    ];

    /// The name in output, filters and settings. These do not change from one version to the next.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Refusal => "refusal",
            Self::Fallback => "fallback",
            Self::WrongLanguage => "wrong-language",
            Self::CutOff => "cut-off",
            Self::BannedWord => "banned-word",
            Self::MissingRequired => "missing-required",
            Self::ControlCharacters => "control-characters",
            Self::LookAlike => "look-alike",
            Self::Markup => "markup",
            Self::Preamble => "preamble",
            Self::Hedging => "hedging",
            Self::DoubledWord => "doubled-word",
            Self::TooLong => "too-long",
            Self::TooShort => "too-short",
            Self::Duplicate => "duplicate",
            Self::NearDuplicate => "near-duplicate",
            Self::ClipTokens => "clip-tokens",
        }
    }

    /// How much it matters unless the operator says otherwise.
    ///
    /// What makes a caption useless is an error. What is true but often as it should be is only good to know: two
    /// pictures of one scene have nearly the same caption, and most who use captions have no CLIP to read them.
    #[must_use]
    pub const fn default_severity(self) -> Severity {
        match self {
            Self::Empty | Self::Refusal | Self::Fallback | Self::BannedWord | Self::MissingRequired => Severity::Error,
            Self::NearDuplicate | Self::ClipTokens => Severity::Info,
            Self::WrongLanguage
            | Self::CutOff
            | Self::ControlCharacters
            | Self::LookAlike
            | Self::Markup
            | Self::Preamble
            | Self::Hedging
            | Self::DoubledWord
            | Self::TooLong
            | Self::TooShort
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

/// A name that no kind has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no such lint; the lints are {}", LintKind::ALL.map(LintKind::name).join(", "))]
pub struct UnknownLint;

impl FromStr for LintKind {
    type Err = UnknownLint;

    fn from_str(name: &str) -> Result<Self, UnknownLint> {
        Self::ALL.into_iter().find(|kind| kind.name() == name).ok_or(UnknownLint)
    }
}

/// How much a finding matters, from not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It is not looked for.
    Off,
    /// It is said, and has no consequence.
    Info,
    /// The caption wants a look: it is not accepted unseen, and `check` ends with 1.
    Warn,
    /// The same, and it comes before warnings.
    Error,
}

impl Severity {
    /// The name in output and settings.
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
    fn all_kinds_are_listed_in_order_under_names_of_their_own() {
        assert!(LintKind::ALL.is_sorted_by(|worse, better| worse < better));
        for (at, kind) in LintKind::ALL.into_iter().enumerate() {
            assert_eq!((kind as usize, kind.name().parse()), (at, Ok(kind)));
        }
        assert_eq!("nothing".parse::<LintKind>(), Err(UnknownLint));
    }
}
