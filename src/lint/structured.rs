//! Lints of captions that are JSON objects: syntax and schema of the whole, and the rules for prose in every text value.

use super::{Context, Finding, LintKind, Rules, Severity, Text, Violation, check, cut_off, duplicates, judged};
use crate::describe::StopReason;
use crate::text::{JsonObject, JsonValue, is_blank, sanitize};

/// The maximum number of findings of a rule in a caption.
const MOST: usize = 8;

/// Returns the findings of those kinds that pass `wanted` and are of at least severity `min`, in the order of the values.
pub(super) fn findings(
    caption: &str,
    rules: &Rules,
    context: &Context<'_>,
    (min, wanted): (Severity, Option<LintKind>),
) -> Vec<Finding> {
    let kinds = LintKind::ALL.into_iter().filter(|kind| wanted.is_none_or(|wanted| wanted == *kind));
    let kinds: Vec<(LintKind, Severity)> = kinds
        .map(|kind| (kind, rules.severities.of(kind)))
        .filter(|(_, severity)| *severity >= min && *severity > Severity::Off)
        .collect();
    let mut findings = Vec::new();
    let mut add = |(kind, severity): (LintKind, Severity), violations: Vec<Violation>| {
        let finding = |Violation { message, span }| Finding { kind, severity, message, span };
        findings.extend(violations.into_iter().take(MOST).map(finding));
    };
    let object = match JsonObject::parse(caption) {
        Ok(object) => object,
        Err(error) => {
            for kind in kinds {
                let violation = match kind.0 {
                    LintKind::Empty if is_blank(caption) => Some(Violation::whole("no text")),
                    LintKind::InvalidJson if !is_blank(caption) => {
                        let end = caption[error.at..].chars().next().map_or(0, char::len_utf8);
                        Some(Violation::at(error.at..error.at + end, sanitize(&error.message)))
                    }
                    LintKind::CutOff => cut_off::cut_off(caption, context.stop, true),
                    // What a describer writes in place of an object.
                    LintKind::Refusal => check(LintKind::Refusal, &Text::of(caption), rules, context),
                    _ => duplicates(kind.0, context),
                };
                add(kind, violation.into_iter().collect());
            }
            return findings;
        }
    };
    for kind in &kinds {
        add(*kind, of_whole(kind.0, caption, &object, rules, context));
    }
    for value in object.leaves().filter(|value| value.is_string) {
        let own = object.value_text(value);
        if is_blank(&own) {
            continue;
        }
        let text = Text::of(&own);
        for kind in &kinds {
            let violation = of_value(kind.0, &text, rules, context);
            let violation = violation.map(|violation| Violation {
                message: format!("{}: {}", sanitize(&value.path), violation.message),
                span: Some(violation.span.map_or_else(|| value.span.clone(), |span| object.place_in(value, span))),
            });
            add(*kind, violation.into_iter().collect());
        }
    }
    findings
}

/// Applies a rule that concerns the caption as a whole.
fn of_whole(
    kind: LintKind,
    caption: &str,
    object: &JsonObject<'_>,
    rules: &Rules,
    context: &Context<'_>,
) -> Vec<Violation> {
    let one = |violation: Option<Violation>| violation.into_iter().collect();
    match kind {
        LintKind::Empty => {
            let is_empty =
                |value: &JsonValue| is_blank(&object.value_text(value)) || caption[value.span.clone()].len() == 2;
            one(object.leaves().all(is_empty).then(|| Violation::whole("no text in any field")))
        }
        LintKind::Schema => {
            let Some(schema) = &rules.schema else { return Vec::new() };
            let violation = |found: super::schema::Disallowed| {
                let value = object.values().iter().find(|value| value.pointer == found.pointer);
                let path = value.map(|value| value.path.as_str()).filter(|path| !path.is_empty());
                let place = path.map(|path| format!("{}: ", sanitize(path))).unwrap_or_default();
                Violation {
                    message: format!("{place}{}", sanitize(&found.message)),
                    span: value.filter(|_| path.is_some()).map(|value| value.span.clone()),
                }
            };
            schema.disallowed(caption, MOST).into_iter().map(violation).collect()
        }
        LintKind::CutOff if context.stop == Some(&StopReason::MaxTokens) => {
            one(cut_off::cut_off(caption, context.stop, true))
        }
        LintKind::MissingRequired => {
            let texts: Vec<String> = object.texts().collect();
            one(rules.missing_required(&Text::of(&texts.join("\n"))))
        }
        LintKind::Unsupported | LintKind::Missing => {
            context.verdict.map(|verdict| judged(kind, verdict, caption)).unwrap_or_default()
        }
        _ => one(duplicates(kind, context)),
    }
}

/// Applies a rule to the text of a value.
fn of_value(kind: LintKind, text: &Text<'_>, rules: &Rules, context: &Context<'_>) -> Option<Violation> {
    match kind {
        LintKind::Refusal
        | LintKind::Fallback
        | LintKind::WrongLanguage
        | LintKind::BannedWord
        | LintKind::ControlCharacters
        | LintKind::LookAlike
        | LintKind::Preamble
        | LintKind::Hedging
        | LintKind::PreferredTerm
        | LintKind::DoubledWord => check(kind, text, rules, context),
        // Only of several sentences, the last one is certainly cut off: most values are a phrase.
        LintKind::CutOff if context.stop != Some(&StopReason::MaxTokens) && text.caption.contains(". ") => {
            cut_off::cut_off(text.caption, context.stop, false)
        }
        _ => None,
    }
}
