//! Structured captions: which texts may be one, and what a response or an edit becomes.

use crate::dataset::Caption;
use crate::describe::{LOCAL, StopReason};
use crate::lint::{self, Finding, LintKind, Rules};
use crate::text::{JsonObject, excerpt, trim, truncate_to_width};

/// The columns of a text that is refused, in the message.
const MAX_SHOWN: usize = 60;

/// Why a describer cannot write the captions of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoObjects {
    #[error("the captions are JSON objects, the built-in describer writes sentences: use bedrock or openai")]
    Sentences,
    #[error("the captions are JSON objects, which the describer is not set up for: restart with --style json")]
    NotSetUp,
}

/// Returns true if only a JSON object may be the caption of a record: its original is one, or all captions are.
#[must_use]
pub fn is_required(original: Option<&Caption>, rules: &Rules) -> bool {
    rules.are_json() || matches!(original, Some(Caption::Object(_)))
}

/// Returns true if a text may be the caption of a record.
#[must_use]
pub fn is_allowed(text: &str, original: Option<&Caption>, rules: &Rules) -> bool {
    !is_required(original, rules) || JsonObject::is(text)
}

/// Checks that a describer can write the captions of a dataset. `writes_objects`: it is set up for JSON objects.
///
/// # Errors
/// Returns an error if it cannot.
pub fn check_describer(describer: &str, writes_objects: bool, rules: &Rules) -> Result<(), NoObjects> {
    match describer {
        _ if !rules.are_json() => Ok(()),
        LOCAL => Err(NoObjects::Sentences),
        _ if writes_objects => Ok(()),
        _ => Err(NoObjects::NotSetUp),
    }
}

/// Returns the object in a response, with the white space of the current caption. One that the token limit cut off is
/// returned as it is.
///
/// # Errors
/// Returns the reason if the response is something else.
pub fn response(text: &str, stop: &StopReason, current: Option<&str>) -> Result<String, String> {
    let json = without_fence(trim(text));
    match JsonObject::parse(json) {
        Ok(object) => Ok(object.formatted_like(current.unwrap_or_default())),
        Err(_) if *stop == StopReason::MaxTokens && json.starts_with('{') => Ok(json.to_owned()),
        Err(error) => {
            let shown = excerpt(json);
            Err(format!("{error}, in the response “{}”", truncate_to_width(&shown, MAX_SHOWN, "…")))
        }
    }
}

/// Returns the text in a code fence of Markdown, else the text.
fn without_fence(text: &str) -> &str {
    let fenced = text.strip_prefix("```").and_then(|text| text.strip_suffix("```"));
    // The language may come first.
    fenced.map_or(text, |inner| trim(inner.trim_start_matches(|c: char| c.is_ascii_alphanumeric())))
}

/// Returns the caption that an edit of `before` results in: with the white space of `before`, and `before` itself if
/// nothing else changed.
///
/// # Errors
/// Returns the reason if the text is not a JSON object, or if it has a value that the schema does not allow and `before` has
/// fewer of those.
pub fn edited(before: &str, typed: &str, rules: &Rules) -> Result<String, String> {
    let object = JsonObject::parse(typed).map_err(|error| {
        let line = typed[..error.at].matches('\n').count() + 1;
        format!("{error}, in line {line}")
    })?;
    let text = object.formatted_like(before);
    if let Ok(old) = JsonObject::parse(before) {
        let indented = old.indented().text;
        if object.indented().text == indented {
            return Ok(before.to_owned());
        }
    }
    if let Some(error) = added_violation(before, &text, rules) {
        return Err(error);
    }
    let start = before.len() - before.trim_ascii_start().len();
    let end = before.trim_ascii_end().len().max(start);
    Ok([&before[..start], &text, &before[end..]].concat())
}

/// Returns a value of a caption that the schema does not allow, if there are more of them than in the caption before.
#[must_use]
pub fn added_violation(before: &str, after: &str, rules: &Rules) -> Option<String> {
    let violations = |text: &str| -> Vec<Finding> {
        let findings = lint::lint(text, rules, &lint::Context::default());
        findings.into_iter().filter(|finding| finding.kind == LintKind::Schema).collect()
    };
    let found = violations(after);
    let is_worse = found.len() > violations(before).len();
    found.into_iter().next().filter(|_| is_worse).map(|first| format!("schema: {}", first.message))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::lint::{CaptionStyle, Schema};

    const BEFORE: &str = "{\"style\": \"pho\\u0074o\", \"size\": 1.50}\n";

    fn rules() -> Rules {
        let schema = r#"{"properties": {"style": {"enum": ["photo", "drawing"]}, "size": {"type": "number"}}}"#;
        Rules { style: Some(CaptionStyle::Json), schema: Some(Schema::of(schema)), ..Rules::default() }
    }

    #[rstest]
    #[case::object("{\"a\":1}", Some("{\"a\": 1}"))]
    #[case::fenced("```json\n{\"a\": 1}\n```", Some("{\"a\": 1}"))]
    #[case::fenced_on_a_line("```json {\"a\": 1} ```", Some("{\"a\": 1}"))]
    #[case::fenced_without_language(" ```\n{\n \"a\": 1\n}\n``` ", Some("{\"a\": 1}"))]
    #[case::introduced("Here it is: {\"a\": 1}", None)]
    #[case::prose("A coat.", None)]
    #[case::cut_off("{\"a\": \"on", None)]
    fn a_response_is_an_object(#[case] text: &str, #[case] expected: Option<&str>) {
        let found = response(text, &StopReason::EndTurn, Some("{\"b\": 2}"));
        assert_eq!(found.as_deref().ok(), expected, "{found:?}");
    }

    #[test]
    fn a_response_that_is_cut_off_is_kept() {
        let found = response("```json\n{\"a\": \"on", &StopReason::MaxTokens, None);
        assert!(found.is_err(), "{found:?}");
        assert_eq!(response("{\"a\": \"on", &StopReason::MaxTokens, None), Ok("{\"a\": \"on".to_owned()));
    }

    #[rstest]
    #[case::unchanged("{\n  \"style\": \"photo\",\n  \"size\": 1.50\n}", Ok(BEFORE))]
    #[case::changed("{\"style\":\"drawing\",\"size\":1.50}", Ok("{\"style\": \"drawing\", \"size\": 1.50}\n"))]
    #[case::broken("{\n\"style\": photo}", Err("not JSON: expected value, in line 2"))]
    #[case::prose("A photo.", Err("must be a JSON object {…}, in line 1"))]
    fn an_edit_keeps_the_white_space(#[case] typed: &str, #[case] expected: Result<&str, &str>) {
        let found = edited(BEFORE, typed, &rules());
        assert_eq!(found.as_deref().map_err(String::as_str), expected);
    }

    #[test]
    fn an_edit_adds_no_violation_of_the_schema() {
        let edit =
            |before: &str, typed: &str| edited(before, typed, &rules()).map_err(|error| error.len() > "schema: ".len());
        assert_eq!(edit(BEFORE, r#"{"style": "oil", "size": 1}"#), Err(true));
        let bad = r#"{"style": "oil", "size": "large"}"#;
        let better = r#"{"style": "oil", "size": 2}"#;
        assert_eq!(edit(bad, better), Ok(better.to_owned()));
        assert_eq!(
            edit(bad, r#"{"style": "ink", "size": "small"}"#),
            Ok(r#"{"style": "ink", "size": "small"}"#.to_owned())
        );
    }

    #[test]
    fn only_an_object_replaces_an_object() {
        let object = Caption::Object("{}".to_owned());
        let prose = Rules::default();
        assert!(!is_allowed("A coat.", Some(&object), &prose));
        assert!(is_allowed("{\"a\": 1}", Some(&object), &prose));
        assert!(is_allowed("A coat.", Some(&Caption::Text("{}".to_owned())), &prose));
        assert!(!is_allowed("A coat.", None, &rules()));
    }
}
