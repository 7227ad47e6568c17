//! Knows refusals of the service: by status and exception, and where those are the same for everything, by its words.

use std::time::Duration;

use jiff::SignedDuration;

use super::error::{AwsError, Limit, Parameter, PictureProblem};

/// The most characters of the service's words that are shown.
const WORDS: usize = 300;

/// The longest word that is shown. An ARN is shorter; what is longer is data.
const WORD: usize = 160;

/// What was asked for, to be named in errors.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The model, or what else was wanted.
    pub subject: String,
    /// The region that was asked.
    pub region: String,
    /// The address that was asked.
    pub endpoint: String,
    /// The profile the credentials are looked for in, where one was named.
    pub profile: Option<String>,
}

/// What the service answered instead of what was asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Refusal {
    /// The HTTP status; none where the answer had begun well.
    pub status: Option<u16>,
    /// The name of the exception.
    pub code: Option<String>,
    /// The service's words.
    pub message: String,
    /// How long it asks to wait.
    pub retry_after: Option<Duration>,
    /// How far this machine's clock is ahead of the service's.
    pub offset: Option<SignedDuration>,
}

impl Refusal {
    /// Which row of the table this is. The words are those the service is known to use.
    pub(super) fn classify(&self, asked: &Asked) -> AwsError {
        let text = self.message.to_lowercase();
        let code = self.code.as_deref().unwrap_or_default();
        let model = || asked.subject.clone();

        if matches!(code, "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture")
            || says(&text, &["signature expired", "signature not yet current"])
        {
            return AwsError::ClockSkew { offset: self.offset };
        }
        if says(&text, &["too many tokens per day", "tokens per day"]) {
            return AwsError::DailyTokens { model: model() };
        }
        match (code, self.status) {
            ("ModelNotReadyException", _) => self.busy(),
            ("ThrottlingException" | "TooManyRequestsException" | "Throttling", _) | (_, Some(429)) => {
                self.throttled(&text, asked)
            }
            // A limit on connections is told as if the service were down.
            ("ServiceUnavailableException", _) | (_, Some(503)) if says(&text, &["too many"]) => {
                self.throttled(&text, asked)
            }
            ("InternalServerException" | "ServiceUnavailableException", _) | (_, Some(500..)) => self.busy(),
            ("ModelTimeoutException" | "ModelErrorException" | "ModelStreamErrorException", _)
            | (_, Some(408 | 424)) => AwsError::ModelFailed { model: model(), answer: self.answer() },
            ("ServiceQuotaExceededException", _) => AwsError::AccountLimit { said: words(&self.message) },
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
            ) => self.credentials_refused(&text),
            ("AccessDeniedException" | "AccessDenied", _) | (_, Some(401 | 403)) => self.forbidden(&text, asked),
            // Without the exception, it is an address that is not found.
            ("ResourceNotFoundException", _) => self.not_found(&text, asked),
            ("ValidationException", _) | (_, Some(400)) => self.invalid(&text, asked),
            _ => self.other(asked),
        }
    }

    fn throttled(&self, text: &str, asked: &Asked) -> AwsError {
        let limit = if text.contains("tokens") { Limit::Tokens } else { Limit::Requests };
        AwsError::Throttled { model: asked.subject.clone(), limit, retry_after: self.retry_after }
    }

    fn busy(&self) -> AwsError {
        AwsError::Busy { answer: self.answer() }
    }

    /// The words are left out: they may quote the whole request, with its headers.
    fn credentials_refused(&self, text: &str) -> AwsError {
        if text.contains("expired") {
            AwsError::CredentialsExpired
        } else {
            AwsError::CredentialsInvalid { code: self.answer() }
        }
    }

    fn forbidden(&self, text: &str, asked: &Asked) -> AwsError {
        // Before the general case: access to a model is also said to be "not authorized" (to subscribe to it).
        if says(text, &["access to the model", "model access", "access to this model", "marketplace"]) {
            return self.no_model_access(asked);
        }
        if let Some(action) = word_after(&self.message, "not authorized to perform: ") {
            let resource = word_after(&self.message, "on resource: ").unwrap_or(&asked.subject);
            return AwsError::NotAuthorized {
                action: words(action),
                resource: words(resource),
                denied: text.contains("explicit deny"),
            };
        }
        if says(text, &["expired", "api key", "bearer token", "authentication failed", "security token", "access key"])
        {
            return self.credentials_refused(text);
        }
        self.other(asked)
    }

    fn not_found(&self, text: &str, asked: &Asked) -> AwsError {
        if text.contains("end of its life") || text.contains("legacy") {
            AwsError::Retired { model: asked.subject.clone() }
        } else if text.contains("use case details") || text.contains("access") {
            self.no_model_access(asked)
        } else {
            AwsError::NoSuchModel { model: asked.subject.clone(), region: asked.region.clone() }
        }
    }

    fn invalid(&self, text: &str, asked: &Asked) -> AwsError {
        let model = asked.subject.clone();
        if says(text, &["end of its life", "marked by provider as legacy"]) {
            AwsError::Retired { model }
        } else if text.contains("on-demand throughput") {
            let profiles = profiles(&model, &asked.region);
            AwsError::NeedsInferenceProfile { model, profiles }
        } else if says(
            text,
            &["model identifier is invalid", "model id is invalid", "could not resolve the foundation model"],
        ) {
            AwsError::NoSuchModel { model, region: asked.region.clone() }
        } else if says(text, &["operation not allowed", "access to the model", "use case details"]) {
            self.no_model_access(asked)
        } else if text.contains("content filtering policy") {
            AwsError::PictureRefused { model, problem: PictureProblem::Content(words(&self.message)) }
        } else if says(text, &["support image", "support the image", "support vision", "image input is not supported"])
        {
            AwsError::TakesNoPictures { model }
        } else if let Some(problem) = self.picture_problem(text) {
            AwsError::PictureRefused { model, problem }
        } else if text.contains("temperature") {
            // Before thinking: "may only be set to 1 when thinking is enabled" is said of the temperature.
            AwsError::ParameterRefused { model, parameter: Parameter::Temperature }
        } else if says(text, &["thinking", "effort", "outputconfig", "output_config"]) {
            AwsError::ParameterRefused { model, parameter: Parameter::Thinking }
        } else {
            self.other(asked)
        }
    }

    fn picture_problem(&self, text: &str) -> Option<PictureProblem> {
        if !text.contains("image") {
            return None;
        }
        let kind: fn(String) -> PictureProblem = if says(text, &["pixel", "dimension"]) {
            PictureProblem::Dimensions
        } else if says(text, &["exceed", "too large", " mb", "bytes >"]) {
            PictureProblem::Size
        } else {
            PictureProblem::Format
        };
        Some(kind(words(&self.message)))
    }

    fn no_model_access(&self, asked: &Asked) -> AwsError {
        AwsError::NoModelAccess {
            model: asked.subject.clone(),
            region: asked.region.clone(),
            said: words(&self.message),
        }
    }

    fn other(&self, asked: &Asked) -> AwsError {
        let said = words(&self.message);
        AwsError::Other {
            model: asked.subject.clone(),
            status: self.status,
            code: self.code.clone(),
            said: if said.is_empty() { "the service says nothing more".to_owned() } else { said },
        }
    }

    /// The name of the exception, else the status.
    fn answer(&self) -> String {
        match (&self.code, self.status) {
            (Some(code), _) => code.clone(),
            (None, Some(status)) => format!("HTTP {status}"),
            (None, None) => "an exception".to_owned(),
        }
    }
}

/// Whether the text has one of the phrases.
fn says(text: &str, phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| text.contains(phrase))
}

/// The inference profiles a model may have in a region: that of its geography, and the one for the whole world.
fn profiles(model: &str, region: &str) -> Vec<String> {
    // An ARN ends in the id.
    let id = model.rsplit('/').next().unwrap_or(model);
    let geographies: &[&str] = match region {
        "ap-northeast-1" | "ap-northeast-3" => &["jp", "apac", "global"],
        "ap-southeast-2" | "ap-southeast-4" => &["au", "apac", "global"],
        _ if region.starts_with("us-gov-") => &["us-gov"],
        _ if region.starts_with("us-") || region.starts_with("ca-") => &["us", "global"],
        _ if region.starts_with("eu-") => &["eu", "global"],
        _ if region.starts_with("ap-") => &["apac", "global"],
        _ => &["global"],
    };
    geographies.iter().map(|geography| format!("{geography}.{id}")).collect()
}

/// Somebody else's words on one line, in bounds.
pub(super) fn words(text: &str) -> String {
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if word.chars().count() > WORD { "…" } else { word });
    }
    if let Some((end, _)) = line.char_indices().nth(WORDS) {
        line.truncate(end);
        line.push('…');
    }
    line
}

/// The word that follows, without the punctuation behind it.
fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_whitespace().next().map(|word| word.trim_end_matches(['.', ',', ';'])).filter(|word| !word.is_empty())
}
