//! Lint: what can be said against a caption without looking at its picture.
//!
//! A finding costs the operator a look, so each rule prefers missing a case to reporting a good caption.

mod clip;
mod doubled;
mod duplicate;
mod ending;
mod hedging;
mod kind;
mod language;
mod look_alike;
mod markup;
mod near;
mod phrases;
mod rules;
mod words;

use std::ops::Range;

pub use clip::clip_tokens;
pub use duplicate::{DuplicateIndex, Duplicates};
pub use kind::{LintKind, Severity, UnknownLint};
pub use language::Language;
pub use near::{Near, NearIndex, NearPass};
pub use rules::{Rules, Severities, WordList};

use crate::dataset::RecordId;
use crate::describe::StopReason;
use crate::text::{clip_words, hidden_characters, trim, word_count};
use words::{Quotations, Words};

/// Most bytes of a caption that are taken apart into words: this is done for every frame of the screen. What is longer is
/// no caption, and is judged by its beginning.
const LOOKED_AT: usize = 64 * 1024;

/// One thing said against a caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What kind of thing.
    pub kind: LintKind,
    /// How much it matters.
    pub severity: Severity,
    /// One line for the operator, without control characters.
    pub message: String,
    /// The part of the caption it is about, in bytes; nothing where it is about the whole.
    pub span: Option<Range<usize>>,
}

impl Finding {
    /// Whether the caption wants a look because of it; else it is only good to know.
    #[must_use]
    pub fn wants_a_look(&self) -> bool {
        self.severity >= Severity::Warn
    }
}

/// What is known of a caption besides its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Why the describer stopped writing it, if it is a describer's.
    pub stop: Option<&'a StopReason>,
    /// Another record with the same caption ([`Duplicates::other`]).
    pub same_as: Option<RecordId>,
    /// Another record with nearly the same caption ([`Near::other`]).
    pub near: Option<RecordId>,
}

/// Everything to be said against `caption`, worst first, at most one finding of each kind.
#[must_use]
pub fn lint(caption: &str, rules: &Rules, context: &Context<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = found(caption, rules, context, Severity::Info).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Whether a caption has a finding that [wants a look](Finding::wants_a_look). What is only good to know is not looked for.
#[must_use]
pub fn wants_a_look(caption: &str, rules: &Rules, context: &Context<'_>) -> bool {
    found(caption, rules, context, Severity::Warn).next().is_some()
}

/// Whether a caption lacks its end, as far as that [wants a look](Finding::wants_a_look): one finding of [`lint`], in a
/// part of the time. What ran into the limit of its describer always does.
#[must_use]
pub fn is_cut_off(caption: &str, rules: &Rules, stop: Option<&StopReason>) -> bool {
    let matters = rules.severities.of(LintKind::CutOff) >= Severity::Warn || stop == Some(&StopReason::MaxTokens);
    matters && ending::cut_off(caption, stop).is_some()
}

/// The findings that matter so much at least, by kind.
fn found<'a>(
    caption: &'a str,
    rules: &'a Rules,
    context: &'a Context<'a>,
    least: Severity,
) -> impl Iterator<Item = Finding> + 'a {
    let beginning = &caption[..caption.floor_char_boundary(LOOKED_AT)];
    let text = Text { caption, words: Words::of(beginning), quotations: Quotations::of(beginning) };
    LintKind::ALL.into_iter().filter_map(move |kind| {
        let severity = rules.severities.of(kind);
        let Remark { message, span } = (severity >= least).then(|| look(kind, &text, rules, context))??;
        Some(Finding { kind, severity, message, span })
    })
}

/// A caption, with what several rules look at.
struct Text<'a> {
    caption: &'a str,
    words: Words<'a>,
    quotations: Quotations,
}

/// What a rule says.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Remark {
    message: String,
    span: Option<Range<usize>>,
}

impl Remark {
    /// About a part of the caption.
    fn about(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span: Some(span) }
    }

    /// About all of it.
    fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None }
    }
}

/// Applies the rule for one kind. Of an empty caption there is nothing else to say.
fn look(kind: LintKind, text: &Text<'_>, rules: &Rules, context: &Context<'_>) -> Option<Remark> {
    let caption = text.caption;
    if trim(caption).is_empty() {
        return (kind == LintKind::Empty).then(|| Remark::whole("there is no text"));
    }
    match kind {
        LintKind::Empty => None,
        LintKind::Refusal => phrases::refusal(caption),
        LintKind::Fallback => phrases::fallback(caption),
        LintKind::WrongLanguage => language::wrong(text, rules.language?),
        LintKind::CutOff => ending::cut_off(caption, context.stop),
        LintKind::BannedWord => rules.banned(text),
        LintKind::MissingRequired => rules.missing(text),
        LintKind::ControlCharacters => control_characters(caption),
        LintKind::LookAlike => look_alike::look_alike(text),
        LintKind::Markup => markup::markup(caption),
        LintKind::Preamble => phrases::preamble(caption),
        LintKind::Hedging => hedging::hedging(text),
        LintKind::DoubledWord => doubled::doubled(text, rules.language),
        LintKind::TooLong => too_long(caption, rules.max_words),
        LintKind::TooShort => too_short(text, rules.min_words),
        LintKind::Duplicate => context.same_as.map(|other| said_of(other, "the same caption as")),
        LintKind::NearDuplicate => context.near.map(|other| said_of(other, "nearly the same caption as")),
        LintKind::ClipTokens => clip::too_many(caption, rules.language),
    }
}

fn control_characters(caption: &str) -> Option<Remark> {
    let mut hidden = hidden_characters(caption);
    let (at, first) = hidden.next()?;
    let others = hidden.count();
    let number = u32::from(first);
    let message = match others {
        0 => format!("a character that does not show (U+{number:04X})"),
        _ => format!("{} characters that do not show, first U+{number:04X}", others + 1),
    };
    Some(Remark::about(at..at + first.len_utf8(), message))
}

fn too_long(caption: &str, max_words: usize) -> Option<Remark> {
    let words = word_count(caption);
    let over = words.checked_sub(max_words).filter(|&over| over > 0)?;
    let message = format!("{words} words, {over} over the limit of {max_words}");
    Some(Remark::about(clip_words(caption, max_words).len()..caption.len(), message))
}

/// Words are counted both ways, and the larger number counts: between spaces, as the upper limit does, and as Unicode
/// bounds them, which also tells the words of scripts without spaces apart.
fn too_short(text: &Text<'_>, min_words: usize) -> Option<Remark> {
    let words = word_count(text.caption).max(text.words.len());
    let short = words < min_words;
    short.then(|| Remark::whole(format!("{words} of at least {min_words} words")))
}

fn said_of(other: RecordId, what: &str) -> Remark {
    Remark::whole(format!("{what} record {}", other.index() + 1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn rules() -> Rules {
        Rules { max_words: 6, ..Rules::default() }
    }

    fn kinds(caption: &str) -> Vec<LintKind> {
        lint(caption, &rules(), &Context::default()).into_iter().map(|finding| finding.kind).collect()
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
        let findings = lint(caption, &rules(), &Context::default());
        assert_eq!(findings[0].message, "8 words, 2 over the limit of 6");
        assert_eq!(&caption[findings[0].span.clone().expect("a span")], " seven eight.");
    }

    #[test]
    fn a_hidden_character_is_named_and_marked() {
        let findings = lint("co\u{200b}at, ha\u{202e}t.", &rules(), &Context::default());
        assert_eq!(findings[0].message, "2 characters that do not show, first U+200B");
        assert_eq!(findings[0].span, Some(2..5));
    }

    #[test]
    fn a_duplicate_names_the_other_record_as_people_count() {
        let context = Context { same_as: Some(RecordId(4)), ..Context::default() };
        let findings = lint("A red coat.", &rules(), &context);
        assert_eq!(findings[0].kind, LintKind::Duplicate);
        assert_eq!(findings[0].message, "the same caption as record 5");
    }

    #[test]
    fn a_near_duplicate_names_the_other_record_too() {
        let context = Context { near: Some(RecordId(0)), ..Context::default() };
        let findings = lint("A red coat.", &rules(), &context);
        assert_eq!(findings[0].message, "nearly the same caption as record 1");
        assert!(!findings[0].wants_a_look());
    }

    #[test]
    fn what_is_off_is_not_found_and_what_matters_more_comes_first() {
        let mut rules = rules();
        rules.severities.set(LintKind::CutOff, Severity::Off);
        rules.severities.set(LintKind::TooLong, Severity::Error);
        rules.severities.set(LintKind::Preamble, Severity::Info);
        let findings = lint("The image shows a woman in a r", &rules, &Context::default());
        let found: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.severity)).collect();
        assert_eq!(found, [(LintKind::TooLong, Severity::Error), (LintKind::Preamble, Severity::Info)]);
        assert!(wants_a_look("The image shows a woman in a r", &rules, &Context::default()));
        assert!(
            !wants_a_look("The image shows a hat.", &rules, &Context::default()),
            "it is good to know, and no more"
        );
        rules.severities.set(LintKind::Empty, Severity::Off);
        assert_eq!(lint(" ", &rules, &Context::default()), []);
    }

    #[rstest]
    #[case("Coat.", Some("1 of at least 3 words"))]
    #[case("Red coat.", Some("2 of at least 3 words"))]
    #[case("A red coat.", None)]
    #[case("A red-brown coat", None)]
    #[case("빨간 코트.", Some("2 of at least 3 words"))]
    #[case("赤いコートの女性。", None)]
    fn a_caption_of_too_few_words_is_too_short(#[case] caption: &str, #[case] message: Option<&str>) {
        let mut rules = rules();
        rules.severities.set(LintKind::CutOff, Severity::Off);
        let found = lint(caption, &rules, &Context::default());
        assert_eq!(found.first().map(|finding| finding.message.as_str()), message);
    }

    /// Rules under which every kind is looked for.
    fn every_rule() -> Rules {
        Rules {
            language: Language::named("en"),
            banned: vec![WordList::new(["coat"])],
            required: vec![WordList::new(["hat"])],
            ..Rules::default()
        }
    }

    proptest! {
        #[test]
        fn any_text_can_be_linted(caption in any::<String>(), max_words in 1_usize..8) {
            let rules = Rules { max_words, ..every_rule() };
            let findings = lint(&caption, &rules, &Context::default());
            let in_order = findings.is_sorted_by(|worse, better| {
                (better.severity, worse.kind) < (worse.severity, better.kind)
            });
            prop_assert!(in_order);
            let any = findings.iter().any(Finding::wants_a_look);
            prop_assert_eq!(wants_a_look(&caption, &rules, &Context::default()), any);
            for finding in findings {
                prop_assert!(!finding.message.chars().any(char::is_control));
                if let Some(span) = finding.span {
                    prop_assert!(!caption[span].is_empty());
                }
            }
        }
    }
}
