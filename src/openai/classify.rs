//! Classifies error responses by HTTP status and code, and by the message if those are ambiguous.

use std::time::Duration;

use serde_json::Value;

use super::client::Secrets;
use super::error::OpenaiError;
use super::payload::ErrorPayload;
use crate::reaction::Parameter;
use crate::text::excerpt;

/// The details of a request that errors mention.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a request")]
pub(super) struct RequestInfo {
    pub(super) model: String,
    pub(super) host: String,
    pub(super) url: String,
    /// The environment variable of the key.
    pub(super) key_variable: Option<String>,
    /// Whether a key was sent.
    pub(super) has_key: bool,
    pub(super) secrets: Secrets,
    /// Whether the image is neither a JPEG nor a PNG, the formats that every server reads.
    pub(super) uncommon_format: bool,
    /// Whether the limit of output tokens is sent under its old name.
    pub(super) old_limit: bool,
    /// Whether a schema of the response is sent.
    pub(super) has_schema: bool,
}

/// Returns the error of a body that is not a response of the API.
pub(super) fn body(status: u16, body: &str, retry_after: Option<Duration>, info: &RequestInfo) -> OpenaiError {
    let text = body.trim_start_matches('\u{feff}').trim();
    if let Ok(json) = serde_json::from_str::<Value>(text) {
        let first = json.as_array().and_then(|array| array.first());
        let error = ErrorPayload::of(first.unwrap_or(&json));
        return error_payload(status, &error.unwrap_or_default(), retry_after, info);
    }
    if text.starts_with('<') {
        let title = html_title(text).map(|title| format!(" \"{title}\"")).unwrap_or_default();
        return match status {
            // The page of a gateway in front of the server.
            408 | 429 | 500.. => {
                let message = format!("HTML page{title}");
                error_payload(status, &ErrorPayload { message, ..ErrorPayload::default() }, retry_after, info)
            }
            _ => OpenaiError::NotAnApi { url: info.url.clone(), found: format!("an HTML page{title}") },
        };
    }
    error_payload(status, &ErrorPayload { message: text.to_owned(), ..ErrorPayload::default() }, retry_after, info)
}

/// Returns the error of an error payload, also of one in a stream. `status` is that of the response: 200 in a stream.
pub(super) fn error_payload(
    status: u16,
    error: &ErrorPayload,
    retry_after: Option<Duration>,
    info: &RequestInfo,
) -> OpenaiError {
    let status = if status < 400 { error.status().unwrap_or(status) } else { status };
    // Some servers repeat the header of the request.
    let error_message = info.secrets.hidden_in(&error.message);
    let text = error_message.to_lowercase();
    let code = error.code.as_deref().unwrap_or_default().to_lowercase();
    let (model, host) = (info.model.clone(), info.host.clone());
    let message = match excerpt(&error_message) {
        message if message.is_empty() => format!("HTTP {status}"),
        message => message,
    };
    let has = |phrases: &[&str]| phrases.iter().any(|phrase| text.contains(phrase));

    if status == 402 || code == "insufficient_quota" || has(&["insufficient credit", "exceeded your current quota"]) {
        return OpenaiError::QuotaExhausted { host, message };
    }
    if has(&["loading model", "model is loading", "currently loading", "is still loading"]) || code == "model_loading" {
        return OpenaiError::Loading { host, model };
    }
    if status == 429 || code.contains("rate_limit") || code == "resource_exhausted" {
        return OpenaiError::RateLimited { host, message, retry_after };
    }
    if status == 401 || code == "invalid_api_key" || has(&["api key not valid", "incorrect api key"]) {
        return match (&info.key_variable, info.has_key) {
            (Some(variable), true) => OpenaiError::KeyRejected { host, status, variable: variable.clone() },
            (variable, _) => OpenaiError::KeyMissing { host, variable: variable.clone() },
        };
    }
    if is_without_images(&text) {
        return OpenaiError::ImagesUnsupported { model, message };
    }
    if code == "model_not_found"
        || (matches!(status, 400 | 404)
            && text.contains("model")
            && has(&[
                "not found",
                "does not exist",
                "not exist",
                "not a valid model",
                "unknown model",
                "invalid model",
            ]))
    {
        return OpenaiError::ModelNotFound { model, host, available: Vec::new() };
    }
    if let Some(parameter) = rejected_parameter(error, &text, info) {
        return OpenaiError::ParameterRejected { model, parameter };
    }
    if has(&["image", "base64", "data uri", "data url"]) && (400..=500).contains(&status) {
        return if info.uncommon_format {
            OpenaiError::ParameterRejected { model, parameter: Parameter::ImageFormat }
        } else {
            OpenaiError::ImageRejected { model, message }
        };
    }
    match status {
        403 if has(&["moderation", "flagged", "safety", "content policy"]) => {
            OpenaiError::ImageRejected { model, message }
        }
        403 => OpenaiError::Forbidden { host, message },
        404 | 405 => OpenaiError::NoEndpoint { url: info.url.clone() },
        408 | 409 | 425 | 500.. => OpenaiError::Busy { host, reason: busy_reason(status, &error_message) },
        // An error in a stream, without a status.
        0..400 => OpenaiError::Interrupted { cause: message },
        _ => OpenaiError::Other { host, model, status, message },
    }
}

/// The phrases are those of llama.cpp, vLLM, Ollama, LM Studio, OpenRouter and servers of text models.
fn is_without_images(text: &str) -> bool {
    let phrases = [
        "image input is not supported",
        "not support image",
        "does not support vision",
        "not a multimodal model",
        "support image input",
        "unknown variant `image_url`",
        "images are not supported",
        "missing data required for image input",
        "does not support multimodal",
        "at most 0 image",
        "mmproj",
    ];
    phrases.iter().any(|phrase| text.contains(phrase))
}

/// Returns true if the model accepts no system prompt. The phrases are those of vLLM and llama.cpp (from templates
/// of Gemma and Mistral), Gemini and OpenAI.
fn is_without_system(text: &str) -> bool {
    let phrases = [
        "system role not supported",
        "system role is not supported",
        "does not support 'system'",
        "support system message",
        "system messages are not supported",
        "developer instruction is not enabled",
        "roles must alternate",
    ];
    phrases.iter().any(|phrase| text.contains(phrase))
}

fn rejected_parameter(error: &ErrorPayload, text: &str, info: &RequestInfo) -> Option<Parameter> {
    if is_without_system(text) {
        return Some(Parameter::System);
    }
    // Whatever is wrong with it, the request works without it.
    let schema = ["response_format", "response format", "json_schema", "json schema", "structured output", "grammar"];
    let parameter = error.parameter.as_deref().unwrap_or_default();
    if info.has_schema && schema.iter().any(|name| text.contains(name) || parameter.contains(name)) {
        return Some(Parameter::Schema);
    }
    let refuses =
        ["unsupported", "not supported", "not support", "not permitted", "not allowed", "deprecated", "extra"]
            .iter()
            .chain(&["unknown", "unrecognized", "unexpected", "invalid", "only the default", "instead"])
            .any(|phrase| text.contains(phrase));
    if !refuses {
        return None;
    }
    let names = |name: &str| error.parameter.as_deref() == Some(name) || text.contains(name);
    if names("stream_options") || names("include_usage") {
        Some(Parameter::StreamOptions)
    } else if info.old_limit
        && (error.parameter.as_deref() == Some("max_tokens") || text.contains("max_completion_tokens"))
    {
        Some(Parameter::MaxTokens)
    } else if names("temperature") {
        Some(Parameter::Temperature)
    } else if names("reasoning_effort") {
        Some(Parameter::Thinking)
    } else {
        None
    }
}

fn busy_reason(status: u16, message: &str) -> String {
    let message = excerpt(message);
    if message.is_empty() { format!("HTTP {status}") } else { format!("HTTP {status}: {message}") }
}

fn html_title(page: &str) -> Option<String> {
    let lower = page.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(excerpt(&page[start..end])).filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::*;
    use crate::openai::ApiKey;
    use crate::reaction::{PauseCause, Reaction};

    fn info() -> RequestInfo {
        RequestInfo {
            model: "llava".to_owned(),
            host: "localhost:1234".to_owned(),
            url: "http://localhost:1234/v1/chat/completions".to_owned(),
            key_variable: Some("OPENAI_API_KEY".to_owned()),
            has_key: true,
            secrets: Secrets(ApiKey::new("sk-abcdefgh").into_iter().collect()),
            uncommon_format: false,
            old_limit: true,
            has_schema: true,
        }
    }

    const ACCESS: Reaction = Reaction::Pause(PauseCause::Access);
    const QUOTA: Reaction = Reaction::Pause(PauseCause::Quota);
    const SLOW: Reaction = Reaction::SlowDown { retry_after: None };

    #[rstest]
    #[case::openai_rate(429, json!({"error": {"message": "Rate limit reached for gpt-5 in organization org-x on requests per min (RPM): Limit 3", "type": "requests", "code": "rate_limit_exceeded"}}), "slowing down", SLOW)]
    #[case::openai_quota(429, json!({"error": {"message": "You exceeded your current quota, please check your plan and billing details.", "type": "insufficient_quota", "code": "insufficient_quota"}}), "credit", QUOTA)]
    #[case::openrouter_credit(402, json!({"error": {"code": 402, "message": "Insufficient credits"}}), "add credit", QUOTA)]
    #[case::openai_key(401, json!({"error": {"message": "Incorrect API key provided: sk-abcdefgh", "code": "invalid_api_key"}}), "check OPENAI_API_KEY", ACCESS)]
    #[case::gemini_key(400, json!([{"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.", "status": "INVALID_ARGUMENT"}}]), "check OPENAI_API_KEY", ACCESS)]
    #[case::llamacpp_loading(503, json!({"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}}), "llava is loading", Reaction::WaitUntilReady)]
    #[case::llamacpp_no_images(500, json!({"error": {"code": 500, "message": "image input is not supported - hint: if this is unexpected, you may need to provide the mmproj", "type": "server_error"}}), "vision model", Reaction::NextModel)]
    #[case::vllm_no_images(400, json!({"object": "error", "message": "llava is not a multimodal model", "type": "BadRequestError", "param": null, "code": 400}), "vision model", Reaction::NextModel)]
    #[case::openrouter_no_images(404, json!({"error": {"code": 404, "message": "No endpoints found that support image input"}}), "vision model", Reaction::NextModel)]
    #[case::ollama_model(404, json!({"error": {"message": "model \"llava\" not found, try pulling it first", "type": "api_error", "param": null, "code": null}}), "no model llava on localhost:1234", Reaction::NextModel)]
    #[case::vllm_model(404, json!({"object": "error", "message": "The model `llava` does not exist.", "type": "NotFoundError", "code": 404}), "--model", Reaction::NextModel)]
    #[case::openrouter_model(400, json!({"error": {"code": 400, "message": "llava is not a valid model ID"}}), "--model", Reaction::NextModel)]
    #[case::no_endpoint(404, json!({"detail": "Not Found"}), "usually ends in /v1", ACCESS)]
    #[case::moderation(403, json!({"error": {"code": 403, "message": "Your input was flagged"}}), "rejected the image", Reaction::FailImage)]
    #[case::region(403, json!({"error": {"message": "Country, region, or territory not supported", "code": "unsupported_country_region_territory"}}), "denies access", ACCESS)]
    #[case::limit_renamed(400, json!({"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.", "type": "invalid_request_error", "param": "max_tokens", "code": "unsupported_parameter"}}), "max_tokens", Reaction::DropParameter(Parameter::MaxTokens))]
    #[case::temperature(400, json!({"error": {"message": "Unsupported value: 'temperature' does not support 0.3 with this model. Only the default (1) value is supported.", "param": "temperature", "code": "unsupported_value"}}), "temperature", Reaction::DropParameter(Parameter::Temperature))]
    #[case::vllm_system(400, json!({"object": "error", "message": "System role not supported", "type": "BadRequestError", "param": null, "code": 400}), "a system prompt", Reaction::DropParameter(Parameter::System))]
    #[case::llamacpp_system(500, json!({"error": {"code": 500, "message": "Jinja Exception: System role not supported", "type": "server_error"}}), "a system prompt", Reaction::DropParameter(Parameter::System))]
    #[case::mistral_system(400, json!({"object": "error", "message": "Conversation roles must alternate user/assistant/user/assistant/...", "code": 400}), "a system prompt", Reaction::DropParameter(Parameter::System))]
    #[case::gemini_system(400, json!([{"error": {"code": 400, "message": "Developer instruction is not enabled for models/gemma-3-27b-it", "status": "INVALID_ARGUMENT"}}]), "a system prompt", Reaction::DropParameter(Parameter::System))]
    #[case::openai_system(400, json!({"error": {"message": "Unsupported value: 'messages[0].role' does not support 'system' with this model.", "param": "messages[0].role", "code": "unsupported_value"}}), "a system prompt", Reaction::DropParameter(Parameter::System))]
    #[case::stream_options(422, json!({"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}), "token counts", Reaction::DropParameter(Parameter::StreamOptions))]
    #[case::image(400, json!({"error": {"message": "You uploaded an unsupported image. Please make sure your image is valid.", "code": "image_parse_error"}}), "rejected the image", Reaction::FailImage)]
    #[case::too_large(413, json!({"error": {"message": "Request too large"}}), "HTTP 413", Reaction::FailRequest)]
    #[case::context(400, json!({"error": {"code": 400, "message": "the request exceeds the available context size. try increasing the context size", "type": "exceed_context_size_error"}}), "context size", Reaction::FailRequest)]
    #[case::repeats_the_key(400, json!({"error": {"message": "cannot parse header Bearer sk-abcdefgh"}}), "header Bearer ***", Reaction::FailRequest)]
    #[case::busy(503, json!({"error": {"message": "The server is overloaded"}}), "is busy (HTTP 503: The server is overloaded)", Reaction::Retry)]
    #[case::in_stream(200, json!({"error": {"code": 502, "message": "Provider disconnected"}}), "busy", Reaction::Retry)]
    #[case::in_stream_unnamed(200, json!({"error": "something broke"}), "something broke", Reaction::Retry)]
    #[case::in_stream_rate(200, json!({"error": {"code": 429, "message": "slow down"}}), "slowing down", SLOW)]
    fn errors_have_a_message_and_a_reaction(
        #[case] status: u16,
        #[case] json: Value,
        #[case] phrase: &str,
        #[case] reaction: Reaction,
    ) {
        let error = body(status, &json.to_string(), None, &info());
        assert!(error.to_string().contains(phrase), "{error}");
        assert_eq!(error.reaction(), reaction, "{error:?}");
        assert!(!error.to_string().contains("sk-abcdefgh"), "{error}");
    }

    #[rstest]
    #[case(200, "<!DOCTYPE html><html><head><title>Login</title>", "returned an HTML page \"Login\"", ACCESS)]
    #[case(404, "<html></html>", "returned an HTML page", ACCESS)]
    #[case(502, "<html><title>502 Bad Gateway</title>", "HTML page \"502 Bad Gateway\"", Reaction::Retry)]
    #[case(500, "Internal Server Error", "HTTP 500: Internal Server Error", Reaction::Retry)]
    #[case(404, "404 page not found", "usually ends in /v1", ACCESS)]
    #[case(500, "", "HTTP 500", Reaction::Retry)]
    #[case(418, "\u{1b}[31mteapot\r\n", "teapot", ACCESS)]
    fn other_bodies_are_classified(
        #[case] status: u16,
        #[case] text: &str,
        #[case] phrase: &str,
        #[case] reaction: Reaction,
    ) {
        let error = body(status, text, None, &info());
        assert!(error.to_string().contains(phrase), "{error}");
        assert!(!error.to_string().contains(['\u{1b}', '\n']), "{error}");
        assert_eq!(error.reaction(), reaction, "{error:?}");
    }

    #[test]
    fn an_uncommon_image_format_is_converted_before_the_image_fails() {
        let refused = json!({"error": {"message": "Failed to load image"}}).to_string();
        let webp = RequestInfo { uncommon_format: true, ..info() };
        assert_eq!(body(400, &refused, None, &webp).reaction(), Reaction::DropParameter(Parameter::ImageFormat));
        assert_eq!(body(400, &refused, None, &info()).reaction(), Reaction::FailImage);
    }

    #[test]
    fn a_missing_key_names_its_variable() {
        let none = RequestInfo { has_key: false, ..info() };
        let error = body(401, "{}", None, &none).to_string();
        assert!(error.contains("requires an API key: set OPENAI_API_KEY"), "{error}");
        let unnamed = RequestInfo { key_variable: None, ..none };
        assert!(body(401, "{}", None, &unnamed).to_string().contains("--api-key-env"));
    }

    #[test]
    fn many_models_are_listed_in_part() {
        let available = (0..300).map(|number| format!("model-{number}")).collect();
        let error = OpenaiError::ModelNotFound { model: "a".into(), host: "b".into(), available }.to_string();
        assert!(error.contains("(model-0, model-1") && error.ends_with("and 288 more)"), "{error}");
    }
}
