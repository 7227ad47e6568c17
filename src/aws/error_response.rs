//! Classifies the error responses of the service by HTTP status and exception, and by the message if those are ambiguous.

use std::time::Duration;

use jiff::SignedDuration;

use super::error::{AwsError, ImageProblem, Limit};
use super::geography::geographies;
use crate::reaction::Parameter;
use crate::text::excerpt as single_line;

/// The details of a request that errors mention.
#[derive(Clone, Debug)]
pub(super) struct RequestInfo {
    /// The model, or a description of another request.
    pub subject: String,
    pub region: String,
    pub endpoint: String,
    /// The configured profile.
    pub profile: Option<String>,
    /// The parameter that requests a structured response, if sent.
    pub structure: Option<Parameter>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct ErrorResponse {
    /// The HTTP status. `None` for an exception within a stream.
    pub status: Option<u16>,
    /// The name of the exception.
    pub code: Option<String>,
    pub message: String,
    pub retry_after: Option<Duration>,
    /// How far the local clock is ahead of the service's.
    pub offset: Option<SignedDuration>,
}

/// Phrases of messages about a parameter for a structured response. That for a tool also names the schema and thinking: a
/// model that thinks cannot be forced to call a tool.
const TOOL: [&str; 6] = ["toolconfig", "toolchoice", "tool_choice", "tool use", "toolspec", "input_schema"];
const SCHEMA: [&str; 8] = [
    "schema",
    "textformat",
    "text_format",
    "structured output",
    "output format",
    "output_format",
    "outputconfig",
    "output_config",
];

impl ErrorResponse {
    /// The phrases are those observed in messages of the service.
    pub(super) fn classify(&self, info: &RequestInfo) -> AwsError {
        let text = self.message.to_lowercase();
        let code = self.code.as_deref().unwrap_or_default();
        let model = || info.subject.clone();

        if matches!(code, "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture")
            || contains_any(&text, &["signature expired", "signature not yet current"])
        {
            return AwsError::ClockSkew { offset: self.offset };
        }
        if contains_any(&text, &["too many tokens per day", "tokens per day"]) {
            return AwsError::DailyQuota { model: model() };
        }
        match (code, self.status) {
            ("ModelNotReadyException", _) => self.busy(),
            ("ThrottlingException" | "TooManyRequestsException" | "Throttling", _) | (_, Some(429)) => {
                self.throttled(&text, info)
            }
            // A limit on connections is reported like an outage.
            ("ServiceUnavailableException", _) | (_, Some(503)) if contains_any(&text, &["too many"]) => {
                self.throttled(&text, info)
            }
            ("InternalServerException" | "ServiceUnavailableException", _) | (_, Some(500..)) => self.busy(),
            ("ModelTimeoutException" | "ModelErrorException" | "ModelStreamErrorException", _)
            | (_, Some(408 | 424)) => AwsError::ModelFailed { model: model(), code: self.status_or_code() },
            ("ServiceQuotaExceededException", _) => AwsError::AccountLimit { message: single_line(&self.message) },
            (code, _) if code.starts_with("ExpiredToken") => AwsError::CredentialsExpired,
            (
                "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "InvalidSignatureException"
                | "SignatureDoesNotMatch"
                | "InvalidAccessKeyId"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "IncompleteSignature"
                | "IncompleteSignatureException",
                _,
            ) => self.credentials_rejected(&text),
            ("AccessDeniedException" | "AccessDenied", _) | (_, Some(401 | 403)) => self.forbidden(&text, info),
            // A 404 without the exception means a wrong endpoint.
            ("ResourceNotFoundException", _) => self.not_found(&text, info),
            ("ValidationException", _) | (_, Some(400)) => self.invalid(&text, info),
            _ => self.other(info),
        }
    }

    fn throttled(&self, text: &str, info: &RequestInfo) -> AwsError {
        let limit = if text.contains("tokens") { Limit::Tokens } else { Limit::Requests };
        AwsError::Throttled { model: info.subject.clone(), limit, retry_after: self.retry_after }
    }

    fn busy(&self) -> AwsError {
        AwsError::Busy { code: self.status_or_code() }
    }

    /// Omits the message, which may quote the whole request with its headers.
    fn credentials_rejected(&self, text: &str) -> AwsError {
        if text.contains("expired") {
            AwsError::CredentialsExpired
        } else {
            AwsError::CredentialsInvalid { code: self.status_or_code() }
        }
    }

    fn forbidden(&self, text: &str, info: &RequestInfo) -> AwsError {
        // Before the general case, because a missing model subscription is also reported as "not authorized".
        if contains_any(text, &["access to the model", "model access", "access to this model", "marketplace"]) {
            return self.no_model_access(info);
        }
        if let Some(action) = word_after(&self.message, "not authorized to perform: ") {
            let resource = word_after(&self.message, "on resource: ").unwrap_or(&info.subject);
            return AwsError::NotAuthorized {
                action: single_line(action),
                resource: single_line(resource),
                explicit_deny: text.contains("explicit deny"),
            };
        }
        if contains_any(
            text,
            &["expired", "api key", "bearer token", "authentication failed", "security token", "access key"],
        ) {
            return self.credentials_rejected(text);
        }
        self.other(info)
    }

    fn not_found(&self, text: &str, info: &RequestInfo) -> AwsError {
        if text.contains("end of its life") || text.contains("legacy") {
            AwsError::Retired { model: info.subject.clone() }
        } else if text.contains("use case details") || text.contains("access") {
            self.no_model_access(info)
        } else {
            AwsError::ModelNotFound { model: info.subject.clone(), region: info.region.clone() }
        }
    }

    fn invalid(&self, text: &str, info: &RequestInfo) -> AwsError {
        let model = info.subject.clone();
        if contains_any(text, &["end of its life", "marked by provider as legacy"]) {
            AwsError::Retired { model }
        } else if text.contains("on-demand throughput") {
            let profiles = profiles(&model, &info.region);
            AwsError::NeedsInferenceProfile { model, profiles }
        } else if contains_any(
            text,
            &["model identifier is invalid", "model id is invalid", "could not resolve the foundation model"],
        ) {
            AwsError::ModelNotFound { model, region: info.region.clone() }
        } else if contains_any(text, &["operation not allowed", "access to the model", "use case details"]) {
            self.no_model_access(info)
        } else if text.contains("content filtering policy") {
            AwsError::ImageRejected { model, problem: ImageProblem::Content(single_line(&self.message)) }
        } else if contains_any(
            text,
            &["support image", "support the image", "support vision", "image input is not supported"],
        ) {
            AwsError::ImagesUnsupported { model }
        } else if let Some(problem) = self.image_problem(text) {
            AwsError::ImageRejected { model, problem }
        } else if contains_any(text, &["support system message", "support system prompt"]) {
            AwsError::ParameterRejected { model, parameter: Parameter::System }
        } else if info.structure == Some(Parameter::ToolChoice) && contains_any(text, &TOOL) {
            AwsError::ParameterRejected { model, parameter: Parameter::ToolChoice }
        } else if text.contains("temperature") {
            // Before thinking, because one message about the temperature mentions thinking.
            AwsError::ParameterRejected { model, parameter: Parameter::Temperature }
        } else if info.structure == Some(Parameter::Schema) && contains_any(text, &SCHEMA) {
            // Before the effort, which is in the same object.
            AwsError::ParameterRejected { model, parameter: Parameter::Schema }
        } else if contains_any(text, &["thinking", "effort", "outputconfig", "output_config"]) {
            AwsError::ParameterRejected { model, parameter: Parameter::Thinking }
        } else {
            self.other(info)
        }
    }

    fn image_problem(&self, text: &str) -> Option<ImageProblem> {
        if !text.contains("image") {
            return None;
        }
        let kind: fn(String) -> ImageProblem = if contains_any(text, &["pixel", "dimension"]) {
            ImageProblem::Dimensions
        } else if contains_any(text, &["exceed", "too large", " mb", "bytes >"]) {
            ImageProblem::Size
        } else {
            ImageProblem::Format
        };
        Some(kind(single_line(&self.message)))
    }

    fn no_model_access(&self, info: &RequestInfo) -> AwsError {
        AwsError::NoModelAccess {
            model: info.subject.clone(),
            region: info.region.clone(),
            message: single_line(&self.message),
        }
    }

    fn other(&self, info: &RequestInfo) -> AwsError {
        let message = single_line(&self.message);
        AwsError::Other {
            model: info.subject.clone(),
            status: self.status,
            code: self.code.clone(),
            message: if message.is_empty() { "no message".to_owned() } else { message },
        }
    }

    /// Returns the name of the exception, or the status if there is none.
    pub(super) fn status_or_code(&self) -> String {
        match (&self.code, self.status) {
            (Some(code), _) => code.clone(),
            (None, Some(status)) => format!("HTTP {status}"),
            (None, None) => "unknown exception".to_owned(),
        }
    }
}

/// Returns true if the text contains one of the phrases.
fn contains_any(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}

/// Returns the inference profiles a model may have for a region: those of its geographies and the global one.
fn profiles(model: &str, region: &str) -> Vec<String> {
    // An ARN ends with the id.
    let id = model.rsplit('/').next().unwrap_or(model);
    geographies(region).iter().map(|geography| format!("{geography}.{id}")).collect()
}

/// Returns the word that follows `before`, without trailing punctuation.
fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_whitespace()
        .next()
        .map(|word| word.trim_end_matches(['.', ',', ';']).trim_matches('"'))
        .filter(|word| !word.is_empty())
}
