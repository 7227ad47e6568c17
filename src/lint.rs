//! Lint rules for captions, judged by their text alone.
//!
//! Every finding costs the operator attention, so each rule prefers a false negative to a false positive.

mod boilerplate;
mod caption_style;
mod clip_tokens;
mod cut_off;
mod doubled_word;
mod duplicate;
mod fast_hash;
mod hedging;
mod kind;
mod language;
mod look_alike;
mod markup;
mod near_duplicate;
mod phrase_matching;
mod quotations;
mod rules;
mod schema;
mod structured;
mod style_guide;
mod tag_rules;

use std::cell::OnceCell;
use std::ops::Range;

pub use caption_style::CaptionStyle;
pub use clip_tokens::clip_tokens;
pub use duplicate::{CaptionHash, DuplicateIndex, Duplicates};
pub use kind::{LintKind, Severity, UnknownLint};
pub use language::Language;
pub use near_duplicate::{NearDuplicateIndex, NearDuplicates, Sketch};
pub use rules::{Rules, Severities, WordList};
pub use schema::{Schema, SchemaError};
pub use style_guide::{Phrases, StyleGuide, StyleGuideError};
pub use tag_rules::Conflicts;

use crate::dataset::RecordId;
use crate::describe::{Quote, StopReason, Verdict};
use crate::text::{clip_words, hidden_characters, is_blank, single_line, tags, without_controls};
use phrase_matching::Words;
use quotations::Quotations;

/// Only this many bytes of a caption are split into words, because that happens on every frame. A longer string is not a
/// real caption; only its beginning is checked.
const MAX_BYTES: usize = 64 * 1024;

/// One problem in one caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    pub kind: LintKind,
    pub severity: Severity,
    /// One line, without control characters.
    pub message: String,
    /// The offending part of the caption, in bytes; `None` if the finding concerns the caption as a whole.
    pub span: Option<Range<usize>>,
}

impl Finding {
    /// Returns true for warnings and errors: the caption is not accepted unseen, and `check` exits with 1.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        self.severity >= Severity::Warn
    }
}

/// Facts about a caption that its text does not contain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Why the describer stopped, if the caption is a candidate.
    pub stop: Option<&'a StopReason>,
    /// Another record with the same caption ([`Duplicates::group`]).
    pub duplicate_of: Option<RecordId>,
    /// Another record with nearly the same caption ([`NearDuplicates::other`]).
    pub near_duplicate_of: Option<RecordId>,
    /// A verdict on this text. One on another text is no fact about it.
    pub verdict: Option<&'a Verdict>,
}

/// Returns all findings in `caption`, worst first, at most one of each kind, except for the phrases of a verdict and the
/// fields of a structured caption.
#[must_use]
pub fn lint(caption: &str, rules: &Rules, context: &Context<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = findings(caption, rules, context, Severity::Info).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

/// Returns true if any finding [needs attention](Finding::needs_attention). Rules of severity `info` are not run.
#[must_use]
pub fn needs_attention(caption: &str, rules: &Rules, context: &Context<'_>) -> bool {
    findings(caption, rules, context, Severity::Warn).next().is_some()
}

/// Returns true if any finding is an error. Only the rules of that severity are run.
#[must_use]
pub fn has_error(caption: &str, rules: &Rules, context: &Context<'_>) -> bool {
    findings(caption, rules, context, Severity::Error).next().is_some()
}

/// Returns true if there is any finding, or one of a kind. No more rules are run than that takes.
#[must_use]
pub fn has_finding(kind: Option<LintKind>, caption: &str, rules: &Rules, context: &Context<'_>) -> bool {
    match kind {
        Some(_) if rules.are_json() => {
            !structured::findings(caption, rules, context, (Severity::Info, kind)).is_empty()
        }
        Some(kind) => of_kind(kind, &Text::of(caption), rules, context, Severity::Info).next().is_some(),
        None => findings(caption, rules, context, Severity::Info).next().is_some(),
    }
}

/// Returns the severity of the worst finding that [needs attention](Finding::needs_attention).
#[must_use]
pub fn worst(caption: &str, rules: &Rules, context: &Context<'_>) -> Option<Severity> {
    findings(caption, rules, context, Severity::Warn).map(|finding| finding.severity).max()
}

/// Returns true if the caption is cut off, without running the other rules of [`lint`]. A caption that hit the token limit
/// counts regardless of the severity of the rule.
#[must_use]
pub fn is_cut_off(caption: &str, rules: &Rules, stop: Option<&StopReason>) -> bool {
    let is_checked = rules.severities.of(LintKind::CutOff) >= Severity::Warn || stop == Some(&StopReason::MaxTokens);
    is_checked && cut_off::cut_off(caption, stop, !rules.are_sentences()).is_some()
}

/// Runs the rules of at least severity `min`, in the order of their kinds.
fn findings<'a>(
    caption: &'a str,
    rules: &'a Rules,
    context: &'a Context<'a>,
    min: Severity,
) -> impl Iterator<Item = Finding> + 'a {
    let structured = rules.are_json().then(|| structured::findings(caption, rules, context, (min, None)));
    let text = Text::of(caption);
    let kinds = LintKind::ALL.into_iter().filter(|_| !rules.are_json());
    let plain = kinds.flat_map(move |kind| of_kind(kind, &text, rules, context, min));
    structured.into_iter().flatten().chain(plain)
}

/// Runs one rule, if it is of at least severity `min`.
fn of_kind(
    kind: LintKind,
    text: &Text<'_>,
    rules: &Rules,
    context: &Context<'_>,
    min: Severity,
) -> impl Iterator<Item = Finding> + use<> {
    let severity = rules.severities.of(kind);
    let violations = match context.verdict {
        _ if severity < min => Vec::new(),
        Some(verdict) if kind.is_of_verifier() => judged(kind, verdict, text.caption),
        _ => check(kind, text, rules, context).into_iter().collect(),
    };
    violations.into_iter().map(move |Violation { message, span }| Finding { kind, severity, message, span })
}

fn beginning(caption: &str) -> &str {
    &caption[..caption.floor_char_boundary(MAX_BYTES)]
}

/// Returns what a verdict says about the caption: nothing if it is about another text.
fn judged(kind: LintKind, verdict: &Verdict, caption: &str) -> Vec<Violation> {
    let shown = |text: &str| without_controls(&single_line(text));
    if !verdict.is_about(caption) {
        return Vec::new();
    }
    if kind == LintKind::Missing {
        let things: Vec<String> = verdict.missing.iter().map(|thing| shown(thing)).collect();
        return if things.is_empty() { Vec::new() } else { vec![Violation::whole(things.join(", "))] };
    }
    let violation = |quote: &Quote| Some(Violation::at(quote.span(caption)?, format!("“{}”", shown(&quote.text))));
    verdict.unsupported.iter().filter_map(violation).collect()
}

/// A caption with the word boundaries and quotations that several rules share, computed when the first one needs them.
struct Text<'a> {
    caption: &'a str,
    is_blank: bool,
    words: OnceCell<Words<'a>>,
    quotations: OnceCell<Quotations>,
}

impl<'a> Text<'a> {
    fn of(caption: &'a str) -> Self {
        Self { caption, is_blank: is_blank(caption), words: OnceCell::new(), quotations: OnceCell::new() }
    }

    fn words(&self) -> &Words<'a> {
        self.words.get_or_init(|| Words::of(beginning(self.caption)))
    }

    fn quotations(&self) -> &Quotations {
        self.quotations.get_or_init(|| Quotations::of(beginning(self.caption)))
    }
}

/// The result of one rule, before [`Finding`] adds kind and severity.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Violation {
    message: String,
    span: Option<Range<usize>>,
}

impl Violation {
    fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self { message: message.into(), span: Some(span) }
    }

    fn whole(message: impl Into<String>) -> Self {
        Self { message: message.into(), span: None }
    }
}

/// Applies the rule for one kind. An empty caption violates no rule but [`LintKind::Empty`].
fn check(kind: LintKind, text: &Text<'_>, rules: &Rules, context: &Context<'_>) -> Option<Violation> {
    let caption = text.caption;
    if text.is_blank {
        return (kind == LintKind::Empty).then(|| Violation::whole("no text"));
    }
    match kind {
        LintKind::Empty | LintKind::InvalidJson | LintKind::Schema | LintKind::Unsupported | LintKind::Missing => None,
        LintKind::Refusal => boilerplate::refusal(caption),
        LintKind::Fallback => boilerplate::placeholder(caption),
        LintKind::WrongLanguage => language::wrong_language(text, rules.language?),
        LintKind::CutOff => cut_off::cut_off(caption, context.stop, !rules.are_sentences()),
        LintKind::BannedWord => rules.banned_word(text),
        LintKind::MissingRequired => rules.missing_required(text),
        LintKind::ControlCharacters => control_characters(caption),
        LintKind::LookAlike => look_alike::look_alike(text),
        LintKind::Markup => markup::markup(caption),
        LintKind::Preamble => boilerplate::preamble(caption),
        LintKind::Hedging => hedging::hedging(text),
        LintKind::PreferredTerm => rules.preferred_term(text),
        LintKind::DoubledWord if rules.are_tags() => None,
        LintKind::DoubledWord => doubled_word::doubled_word(text, rules.language),
        LintKind::ConflictingTags | LintKind::DuplicateTag if !rules.are_tags() => None,
        LintKind::ConflictingTags => rules.conflicts.find(beginning(caption)),
        LintKind::DuplicateTag => tag_rules::duplicate_tag(beginning(caption)),
        LintKind::TooLong => too_long(caption, rules),
        LintKind::TooShort => too_short(text, rules),
        LintKind::Duplicate | LintKind::NearDuplicate => duplicates(kind, context),
        LintKind::ClipTokens => clip_tokens::too_many(caption, rules.language),
    }
}

/// Reports another record with the same or nearly the same caption, for the kinds of that.
fn duplicates(kind: LintKind, context: &Context<'_>) -> Option<Violation> {
    let (other, similar) = match kind {
        LintKind::Duplicate => (context.duplicate_of?, "same caption"),
        LintKind::NearDuplicate => (context.near_duplicate_of?, "nearly the same caption"),
        _ => return None,
    };
    Some(Violation::whole(format!("{similar} as record {}", other.index() + 1)))
}

fn control_characters(caption: &str) -> Option<Violation> {
    let mut hidden = hidden_characters(caption);
    let (at, first) = hidden.next()?;
    let others = hidden.count();
    let number = u32::from(first);
    let message = match others {
        0 => format!("hidden character U+{number:04X}"),
        _ => format!("{} hidden characters, first U+{number:04X}", others + 1),
    };
    Some(Violation::at(at..at + first.len_utf8(), message))
}

fn too_long(caption: &str, rules: &Rules) -> Option<Violation> {
    let (length, max) = (rules.length(caption), rules.max_words);
    let over = length.checked_sub(max).filter(|&over| over > 0)?;
    let (unit, end) = if rules.are_tags() {
        ("tags", tags(caption).nth(max.saturating_sub(1)).map_or(0, |last| last.end))
    } else {
        ("words", clip_words(caption, max).len())
    };
    Some(Violation::at(end..caption.len(), format!("{length} {unit}, {over} over the limit of {max}")))
}

/// Counts words twice and takes the larger number: separated by spaces, as [`too_long`] does, and by Unicode word
/// boundaries (UAX #29), which also work for scripts without spaces.
fn too_short(text: &Text<'_>, rules: &Rules) -> Option<Violation> {
    let length = rules.length(text.caption);
    let (length, unit) = if rules.are_tags() { (length, "tag") } else { (length.max(text.words().len()), "word") };
    let plural = if length == 1 { "" } else { "s" };
    let min = rules.min_words;
    (length < min).then(|| Violation::whole(format!("{length} {unit}{plural}, at least {min} required")))
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
    fn findings_are_sorted_worst_first(#[case] caption: &str, #[case] expected: &[LintKind]) {
        assert_eq!(kinds(caption), expected);
    }

    #[test]
    fn too_long_spans_the_words_over_the_limit() {
        let caption = "One two three four five six seven eight.";
        let findings = lint(caption, &rules(), &Context::default());
        assert_eq!(findings[0].message, "8 words, 2 over the limit of 6");
        assert_eq!(&caption[findings[0].span.clone().expect("a span")], " seven eight.");
    }

    #[test]
    fn hidden_characters_are_counted_and_the_first_is_spanned() {
        let findings = lint("co\u{200b}at, ha\u{202e}t.", &rules(), &Context::default());
        assert_eq!(findings[0].message, "2 hidden characters, first U+200B");
        assert_eq!(findings[0].span, Some(2..5));
    }

    #[test]
    fn duplicate_names_the_other_record_counted_from_one() {
        let context = Context { duplicate_of: Some(RecordId(4)), ..Context::default() };
        let findings = lint("A red coat.", &rules(), &context);
        assert_eq!(findings[0].kind, LintKind::Duplicate);
        assert_eq!(findings[0].message, "same caption as record 5");
    }

    #[test]
    fn near_duplicate_names_the_other_record() {
        let context = Context { near_duplicate_of: Some(RecordId(0)), ..Context::default() };
        let findings = lint("A red coat.", &rules(), &context);
        assert_eq!(findings[0].message, "nearly the same caption as record 1");
        assert!(!findings[0].needs_attention());
    }

    #[test]
    fn severities_disable_and_reorder_findings() {
        let mut rules = rules();
        rules.severities.set(LintKind::CutOff, Severity::Off);
        rules.severities.set(LintKind::TooLong, Severity::Error);
        rules.severities.set(LintKind::Preamble, Severity::Info);
        let findings = lint("The image shows a woman in a r", &rules, &Context::default());
        let found: Vec<_> = findings.iter().map(|finding| (finding.kind, finding.severity)).collect();
        assert_eq!(found, [(LintKind::TooLong, Severity::Error), (LintKind::Preamble, Severity::Info)]);
        assert!(needs_attention("The image shows a woman in a r", &rules, &Context::default()));
        assert!(
            !needs_attention("The image shows a hat.", &rules, &Context::default()),
            "an info finding needs no attention"
        );
        rules.severities.set(LintKind::Empty, Severity::Off);
        assert_eq!(lint(" ", &rules, &Context::default()), []);
    }

    #[rstest]
    #[case("Coat.", Some("1 word, at least 3 required"))]
    #[case("Red coat.", Some("2 words, at least 3 required"))]
    #[case("A red coat.", None)]
    #[case("A red-brown coat", None)]
    #[case("빨간 코트.", Some("2 words, at least 3 required"))]
    #[case("赤いコートの女性。", None)]
    fn too_short_counts_words_of_any_script(#[case] caption: &str, #[case] message: Option<&str>) {
        let mut rules = rules();
        rules.severities.set(LintKind::CutOff, Severity::Off);
        let found = lint(caption, &rules, &Context::default());
        assert_eq!(found.first().map(|finding| finding.message.as_str()), message);
    }

    #[rstest]
    #[case::list("1girl, solo, long hair", &[])]
    #[case::full_stop("1girl, solo, long hair.", &[])]
    #[case::one_word_twice("hat\nhat, scarf, 1girl", &["repeated: “hat”"])]
    #[case::short("1girl, solo", &["2 tags, at least 3 required"])]
    #[case::long_tags("a b c, d e f, g h i", &[])]
    #[case::long("a, b, c, d, e, f, g, h", &["8 tags, 2 over the limit of 6"])]
    #[case::several("solo, night, 2girls, day, Solo", &["“2girls” conflicts with “solo”", "repeated: “Solo”"])]
    fn lists_of_tags_have_rules_of_their_own(#[case] caption: &str, #[case] expected: &[&str]) {
        let mut rules = Rules { style: Some(CaptionStyle::Tags), min_words: 3, ..rules() };
        rules.conflicts.add(&[vec!["solo"], vec!["2girls"]], false);
        let messages: Vec<String> =
            lint(caption, &rules, &Context::default()).into_iter().map(|finding| finding.message).collect();
        assert_eq!(messages, expected);
        let stop = Context { stop: Some(&StopReason::MaxTokens), ..Context::default() };
        assert_eq!(lint(caption, &rules, &stop)[0].message, "cut off at the token limit");
        assert!(!is_cut_off(caption, &rules, None) && is_cut_off(caption, &rules, stop.stop));
    }

    #[test]
    fn too_many_tags_are_spanned() {
        let rules = Rules { style: Some(CaptionStyle::Tags), max_words: 2, min_words: 1, ..Rules::default() };
        let caption = "long hair, solo , hat, coat";
        let span = lint(caption, &rules, &Context::default())[0].span.clone().expect("a span");
        assert_eq!(&caption[span], " , hat, coat");
    }

    fn verdict(caption: &str) -> Verdict {
        Verdict {
            judged: crate::describe::verdict::TextHash::of(caption),
            unsupported: vec![Quote::of(caption, 2..5), Quote::of(caption, 6..10)],
            missing: vec!["a\nhat".to_owned(), "a bag".to_owned()],
            dropped: 0,
        }
    }

    #[test]
    fn a_verdict_gives_a_finding_for_each_phrase_of_its_own_text() {
        let caption = "A red coat.";
        let verdict = verdict(caption);
        let context = Context { verdict: Some(&verdict), ..Context::default() };
        let found: Vec<_> =
            lint(caption, &rules(), &context).into_iter().map(|finding| (finding.message, finding.span)).collect();
        let expected =
            [("“red”".to_owned(), Some(2..5)), ("“coat”".to_owned(), Some(6..10)), ("a hat, a bag".to_owned(), None)];
        assert_eq!(found, expected);
        assert!(needs_attention(caption, &rules(), &context));
        assert_eq!(lint("A red coats.", &rules(), &context), [], "another text");
        let mut rules = rules();
        rules.severities.set(LintKind::Unsupported, Severity::Off);
        assert_eq!(lint(caption, &rules, &context).len(), 1);
        assert!(!needs_attention(caption, &rules, &context));
    }

    fn all_rules_enabled() -> Rules {
        Rules {
            language: Language::named("en"),
            banned: vec![WordList::new(["coat"])],
            required: vec![WordList::new(["hat"])],
            ..Rules::default()
        }
    }

    proptest! {
        #[test]
        fn lint_accepts_any_string(caption in any::<String>(), max_words in 1_usize..8) {
            let rules = Rules { max_words, ..all_rules_enabled() };
            let findings = lint(&caption, &rules, &Context::default());
            let in_order = findings.is_sorted_by(|worse, better| {
                (better.severity, worse.kind) < (worse.severity, better.kind)
            });
            prop_assert!(in_order);
            let any = findings.iter().any(Finding::needs_attention);
            prop_assert_eq!(needs_attention(&caption, &rules, &Context::default()), any);
            let has = |kind| has_finding(kind, &caption, &rules, &Context::default());
            prop_assert_eq!(has(None), !findings.is_empty());
            for kind in LintKind::ALL {
                prop_assert_eq!(has(Some(kind)), findings.iter().any(|finding| finding.kind == kind));
            }
            for finding in findings {
                prop_assert!(!finding.message.chars().any(char::is_control));
                if let Some(span) = finding.span {
                    prop_assert!(!caption[span].is_empty());
                }
            }
        }
    }
}
