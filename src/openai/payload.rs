//! The JSON of responses, read field by field: servers leave fields out, set them to null, or change their types.

use serde_json::Value;

use crate::model_api::{Stop, Tokens};

/// A chunk of a stream, or a whole response.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Payload {
    pub(super) text: String,
    pub(super) stop: Option<Stop>,
    pub(super) usage: Option<Tokens>,
    pub(super) error: Option<ErrorPayload>,
}

/// An error, in any of the forms that servers use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ErrorPayload {
    pub(super) message: String,
    /// A name ("`model_not_found`") or an HTTP status.
    pub(super) code: Option<String>,
    /// The rejected parameter.
    pub(super) parameter: Option<String>,
}

impl Payload {
    pub(super) fn of(json: &Value) -> Self {
        let choices = json["choices"].as_array().map(Vec::as_slice).unwrap_or_default();
        let choice = choices.iter().find(|choice| choice["index"].as_u64().is_none_or(|index| index == 0));
        let choice = choice.unwrap_or(&Value::Null);
        // A response that is not streamed has a message in place of the delta.
        let message = if choice["delta"].is_object() { &choice["delta"] } else { &choice["message"] };
        let is_refusal = message["refusal"].as_str().is_some_and(|text| !text.is_empty());
        let stop = choice["finish_reason"].as_str().and_then(stop);
        let failed = || ErrorPayload { message: "the server reported an error".to_owned(), ..ErrorPayload::default() };
        let error = ErrorPayload::of(json).or_else(|| ErrorPayload::of(choice));
        let error = error.or_else(|| (stop == Some(Stop::Other("error".to_owned()))).then(failed));
        Self {
            text: text(&message["content"]),
            stop: if is_refusal { Some(Stop::Refusal) } else { stop },
            usage: usage(&json["usage"]),
            error,
        }
    }
}

/// Returns the text of a content: a string, or an array of parts. Parts of other types are thinking.
fn text(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let is_text =
                |part: &&Value| part["type"].as_str().is_none_or(|kind| matches!(kind, "text" | "output_text"));
            parts
                .iter()
                .filter(is_text)
                .map(|part| part.as_str().or_else(|| part["text"].as_str()).unwrap_or(""))
                .collect()
        }
        _ => String::new(),
    }
}

/// Some servers send an empty reason in every chunk.
fn stop(reason: &str) -> Option<Stop> {
    match &*reason.to_ascii_lowercase() {
        "" | "null" => None,
        "stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence" => Some(Stop::Complete),
        "length" | "max_tokens" | "model_length" => Some(Stop::MaxTokens),
        "content_filter" | "safety" | "prohibited_content" | "recitation" => Some(Stop::ContentFilter),
        _ => Some(Stop::Other(reason.to_owned())),
    }
}

/// A count of zero for both means that the server does not count.
fn usage(usage: &Value) -> Option<Tokens> {
    let count = |name: &str| usage[name].as_u64();
    let (input, output) = (count("prompt_tokens")?, count("completion_tokens")?);
    (input > 0 || output > 0).then_some(Tokens { input, output })
}

impl ErrorPayload {
    /// Returns the error of a response, if it is one.
    pub(super) fn of(json: &Value) -> Option<Self> {
        let error = match &json["error"] {
            Value::Null if json["object"] == "error" => json,
            // FastAPI; an object, an array or a string.
            Value::Null if !json["detail"].is_null() && json["choices"].is_null() => {
                return Some(Self { message: message(&json["detail"]), ..Self::default() });
            }
            Value::Null | Value::Bool(false) => return None,
            error => error,
        };
        let name = |field: &str| match &error[field] {
            Value::String(name) if !name.is_empty() => Some(name.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        };
        let mut message = message(error);
        // OpenRouter passes on the message of the provider.
        if let Some(raw) = error["metadata"]["raw"].as_str() {
            message = format!("{message}: {raw}");
        }
        Some(Self { message, code: name("code").or_else(|| name("type")), parameter: name("param") })
    }

    /// Returns the HTTP status in the code.
    pub(super) fn status(&self) -> Option<u16> {
        self.code.as_deref()?.parse().ok().filter(|status| (400..600).contains(status))
    }
}

fn message(error: &Value) -> String {
    match error {
        Value::String(text) => text.clone(),
        Value::Object(_) => {
            let text = ["message", "msg", "detail", "error"].iter().find_map(|name| error[*name].as_str());
            text.map_or_else(|| error.to_string(), str::to_owned)
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case::delta(json!({"choices": [{"index": 0, "delta": {"content": "A"}, "finish_reason": null}]}), "A", None)]
    #[case::empty_reason(json!({"choices": [{"delta": {"content": "A"}, "finish_reason": ""}]}), "A", None)]
    #[case::message(
        json!({"choices": [{"message": {"content": "A"}, "finish_reason": "stop"}]}), "A", Some(Stop::Complete)
    )]
    #[case::parts(
        json!({"choices": [{"delta": {"content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": "?"}]}, {"type": "text", "text": "A"}, "B"
        ]}}]}), "AB", None
    )]
    #[case::reasoning(json!({"choices": [{"delta": {"content": null, "reasoning_content": "A?"}}]}), "", None)]
    #[case::another_choice(json!({"choices": [{"index": 1, "delta": {"content": "B"}}]}), "", None)]
    #[case::no_choice(json!({"choices": [], "usage": null}), "", None)]
    #[case::length(json!({"choices": [{"delta": {}, "finish_reason": "length"}]}), "", Some(Stop::MaxTokens))]
    #[case::refusal(json!({"choices": [{"delta": {"refusal": "No."}}]}), "", Some(Stop::Refusal))]
    #[case::other(
        json!({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}), "", Some(Stop::Other("tool_calls".into()))
    )]
    fn text_and_reason_are_read(#[case] json: Value, #[case] text: &str, #[case] stop: Option<Stop>) {
        let payload = Payload::of(&json);
        assert_eq!((payload.text.as_str(), payload.stop, payload.error), (text, stop, None));
    }

    #[rstest]
    #[case(json!({"prompt_tokens": 12, "completion_tokens": 3}), Some((12, 3)))]
    #[case(json!({"prompt_tokens": 0, "completion_tokens": 0}), None)]
    #[case(json!({"prompt_tokens": 12}), None)]
    #[case(json!(null), None)]
    fn usage_is_read_if_it_is_counted(#[case] usage: Value, #[case] expected: Option<(u64, u64)>) {
        let usage = Payload::of(&json!({ "usage": usage })).usage;
        assert_eq!(usage.map(|usage| (usage.input, usage.output)), expected);
    }

    #[rstest]
    #[case(json!({"error": {"message": "no", "code": "bad", "type": "t", "param": "p"}}), "no", Some("bad"))]
    #[case(json!({"error": {"message": "no", "type": "t", "code": null}}), "no", Some("t"))]
    #[case(json!({"error": {"message": "no", "code": 429}}), "no", Some("429"))]
    #[case(json!({"error": "no"}), "no", None)]
    #[case(json!({"object": "error", "message": "no", "code": 400}), "no", Some("400"))]
    #[case(json!({"detail": "Not Found"}), "Not Found", None)]
    #[case(json!({"detail": [{"msg": "no", "loc": ["body"]}]}), "[{\"msg\":\"no\",\"loc\":[\"body\"]}]", None)]
    #[case(json!({"error": {"message": "Provider returned error", "code": 502, "metadata": {"raw": "down"}}}),
        "Provider returned error: down", Some("502"))]
    #[case(json!({"choices": [{"finish_reason": "error"}]}), "the server reported an error", None)]
    #[case(json!({"choices": [{"error": {"code": 502, "message": "down"}, "finish_reason": "error"}]}), "down", Some("502"))]
    fn errors_are_read_in_all_forms(#[case] json: Value, #[case] message: &str, #[case] code: Option<&str>) {
        let error = Payload::of(&json).error.expect("an error");
        assert_eq!((error.message.as_str(), error.code.as_deref()), (message, code));
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "[a-z]{0,4}".prop_map(Value::from),
        ];
        let names =
            "(choices|delta|message|content|error|usage|finish_reason|detail|code|type|text|index|prompt_tokens)";
        leaf.prop_recursive(5, 40, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map(names, inner, 0..4)
                    .prop_map(|fields| Value::from(fields.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read(json in any_json()) {
            let _ = Payload::of(&json);
        }
    }
}
