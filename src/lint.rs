//! Lint: what can be said against a caption without looking at its picture.
//!
//! A finding costs the operator a look, so each rule prefers missing a case to reporting a good caption.

mod duplicate;
mod ending;
mod phrases;

use std::fmt;
use std::ops::Range;

pub use duplicate::{DuplicateIndex, Duplicates};

use crate::dataset::RecordId;
use crate::describe::StopReason;
use crate::text::{clip_words, hidden_characters, trim, word_count};

/// What can be wrong with a caption, worst first: the order of the variants is the order of severity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LintKind {
    /// There is no text.
    Empty,
    /// A model's apology in place of a caption.
    Refusal,
    /// The sentence a script writes when a model failed.
    Fallback,
    /// The text stops before its end.
    CutOff,
    /// Characters that a reader would not see or that command a terminal.
    ControlCharacters,
    /// It begins by speaking of the picture or the task ("This image shows").
    Preamble,
    /// More words than the limit.
    TooLong,
    /// Another record has the same caption.
    Duplicate,
}

impl LintKind {
    /// All of them, worst first.
    pub const ALL: [Self; 8] = [
        Self::Empty,
        Self::Refusal,
        Self::Fallback,
        Self::CutOff,
        Self::ControlCharacters,
        Self::Preamble,
        Self::TooLong,
        Self::Duplicate,
    ];

    /// The name in output and filters. These do not change from one version to the next.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Refusal => "refusal",
            Self::Fallback => "fallback",
            Self::CutOff => "cut-off",
            Self::ControlCharacters => "control-characters",
            Self::Preamble => "preamble",
            Self::TooLong => "too-long",
            Self::Duplicate => "duplicate",
        }
    }
}

impl fmt::Display for LintKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One thing said against a caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: LintKind,
    /// One line for the operator, without control characters.
    pub message: String,
    /// The part of the caption it is about, in bytes; nothing where it is about the whole.
    pub span: Option<Range<usize>>,
}

/// What captions are held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The most words a caption may have.
    pub max_words: usize,
}

/// What is known of a caption besides its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Why the describer stopped writing it, if it is a describer's.
    pub stop: Option<&'a StopReason>,
    /// Another record with the same caption ([`Duplicates::other`]).
    pub same_as: Option<RecordId>,
}

/// Everything to be said against `caption`, worst first, at most one finding of each kind.
#[must_use]
pub fn lint(caption: &str, rules: &Rules, context: &Context<'_>) -> Vec<Finding> {
    if trim(caption).is_empty() {
        return vec![Finding { kind: LintKind::Empty, message: "there is no text".to_owned(), span: None }];
    }
    [
        phrases::refusal(caption),
        phrases::fallback(caption),
        ending::cut_off(caption, context.stop),
        control_characters(caption),
        phrases::preamble(caption),
        too_long(caption, rules.max_words),
        context.same_as.map(duplicate),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn control_characters(caption: &str) -> Option<Finding> {
    let mut hidden = hidden_characters(caption);
    let (at, first) = hidden.next()?;
    let others = hidden.count();
    let number = u32::from(first);
    let message = match others {
        0 => format!("a character that does not show (U+{number:04X})"),
        _ => format!("{} characters that do not show, first U+{number:04X}", others + 1),
    };
    Some(Finding { kind: LintKind::ControlCharacters, message, span: Some(at..at + first.len_utf8()) })
}

fn too_long(caption: &str, max_words: usize) -> Option<Finding> {
    let words = word_count(caption);
    let over = words.checked_sub(max_words).filter(|&over| over > 0)?;
    let message = format!("{words} words, {over} over the limit of {max_words}");
    Some(Finding { kind: LintKind::TooLong, message, span: Some(clip_words(caption, max_words).len()..caption.len()) })
}

fn duplicate(other: RecordId) -> Finding {
    let message = format!("the same caption as record {}", other.index() + 1);
    Finding { kind: LintKind::Duplicate, message, span: None }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    const RULES: Rules = Rules { max_words: 6 };

    fn kinds(caption: &str) -> Vec<LintKind> {
        lint(caption, &RULES, &Context::default()).into_iter().map(|finding| finding.kind).collect()
    }

    #[rstest]
    #[case::good("A woman in a red coat.", &[])]
    #[case::good_korean("빨간 코트를 입은 여성이 서 있다.", &[])]
    #[case::nothing("", &[LintKind::Empty])]
    #[case::whitespace(" \n\u{a0}", &[LintKind::Empty])]
    #[case::seven_words("A woman in a long red coat.", &[LintKind::TooLong])]
    #[case::escape("A \x1b[31mred\x1b[0m coat.", &[LintKind::ControlCharacters])]
    #[case::line_break("A coat.\nA hat.", &[])]
    #[case::several("The image shows a woman in a r", &[LintKind::CutOff, LintKind::Preamble, LintKind::TooLong])]
    fn findings_come_worst_first(#[case] caption: &str, #[case] expected: &[LintKind]) {
        assert_eq!(kinds(caption), expected);
    }

    #[test]
    fn the_words_over_the_limit_are_marked() {
        let caption = "One two three four five six seven eight.";
        let findings = lint(caption, &RULES, &Context::default());
        assert_eq!(findings[0].message, "8 words, 2 over the limit of 6");
        assert_eq!(&caption[findings[0].span.clone().expect("a span")], " seven eight.");
    }

    #[test]
    fn a_hidden_character_is_named_and_marked() {
        let findings = lint("co\u{200b}at, ha\u{202e}t.", &RULES, &Context::default());
        assert_eq!(findings[0].message, "2 characters that do not show, first U+200B");
        assert_eq!(findings[0].span, Some(2..5));
    }

    #[test]
    fn a_duplicate_names_the_other_record_as_people_count() {
        let context = Context { same_as: Some(RecordId(4)), ..Context::default() };
        let findings = lint("A red coat.", &RULES, &context);
        assert_eq!(findings[0].kind, LintKind::Duplicate);
        assert_eq!(findings[0].message, "the same caption as record 5");
    }

    #[test]
    fn all_kinds_are_listed_in_order_under_names_of_their_own() {
        assert!(LintKind::ALL.is_sorted_by(|worse, better| worse < better && worse.name() != better.name()));
    }

    proptest! {
        #[test]
        fn any_text_can_be_linted(caption in any::<String>(), max_words in 1_usize..8) {
            let findings = lint(&caption, &Rules { max_words }, &Context::default());
            prop_assert!(findings.is_sorted_by(|worse, better| worse.kind < better.kind));
            for finding in findings {
                prop_assert!(!finding.message.chars().any(char::is_control));
                if let Some(span) = finding.span {
                    prop_assert!(!caption[span].is_empty());
                }
            }
        }
    }
}
