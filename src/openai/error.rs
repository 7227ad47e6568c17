//! Errors of an API: the message for the operator, and the reaction for the caller.

use std::time::Duration;

use crate::model_api::Excess;
use crate::reaction::{Parameter, PauseCause, Reaction};

/// Why there is no description. The message names the cause and the fix, and contains no key and no image data.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenaiError {
    #[error("base URL \"{url}\": {reason}; use --base-url URL, usually ending in /v1")]
    InvalidBaseUrl { url: String, reason: String },
    #[error("{variable} is not a valid API key: it has characters that a header cannot contain")]
    InvalidKey { variable: String },
    #[error("header \"{name}\" of [openai]: {reason}")]
    InvalidHeader { name: String, reason: &'static str },
    #[error("cannot reach {host} ({reason}): start the server, or check the network and --base-url")]
    Unreachable { host: String, reason: String },
    #[error("{host} limits requests: slowing down ({message})")]
    RateLimited { host: String, message: String, retry_after: Option<Duration> },
    #[error("{host}: quota or credit used up: add credit, or wait until it is renewed ({message})")]
    QuotaExhausted { host: String, message: String },
    #[error("{model} is loading on {host}")]
    Loading { host: String, model: String },
    #[error("{host} is busy ({reason}): try again later")]
    Busy { host: String, reason: String },
    #[error("{host} requires an API key: {}", match variable {
        Some(variable) => format!("set {variable}, or name another variable with --api-key-env"),
        None => "name the environment variable that has it with --api-key-env".to_owned(),
    })]
    KeyMissing { host: String, variable: Option<String> },
    /// The message of the server may contain the key.
    #[error(
        "{host} rejected the API key (HTTP {status}): check {variable}, or name another variable with --api-key-env"
    )]
    KeyRejected { host: String, status: u16, variable: String },
    #[error("{host} denies access ({message}): check the permissions of the API key and the model")]
    Forbidden { host: String, message: String },
    #[error("no model {model} on {host}: choose one with --model{}", listed(available))]
    ModelNotFound {
        model: String,
        host: String,
        /// Empty if unknown.
        available: Vec<String>,
    },
    #[error("no Chat Completions API at {url}: check --base-url, which usually ends in /v1")]
    NoEndpoint { url: String },
    #[error("{url} returned {found} instead of a response of the API: check --base-url, which usually ends in /v1")]
    NotAnApi { url: String, found: String },
    #[error("{model} does not accept images ({message}): choose a vision model with --model")]
    ImagesUnsupported { model: String, message: String },
    #[error("{model} does not accept {parameter}: retrying without it")]
    ParameterRejected { model: String, parameter: Parameter },
    #[error("{model} rejected the image ({message})")]
    ImageRejected { model: String, message: String },
    /// The response is incomplete.
    #[error("response interrupted ({cause}): partial text discarded")]
    Interrupted { cause: String },
    /// The response exceeded a limit and was not read further.
    #[error("response of {model} discarded ({excess}): try again, or choose another --model")]
    Discarded { model: String, excess: Excess },
    #[error("{host} rejected the request for {model} (HTTP {status}): {message}")]
    Other { host: String, model: String, status: u16, message: String },
}

/// Lists the first models of a server for a message, in parentheses after a space.
#[must_use]
pub fn listed(models: &[String]) -> String {
    const MAX: usize = 12;
    match models {
        [] => String::new(),
        models if models.len() <= MAX => format!(" ({})", models.join(", ")),
        models => format!(" ({}, and {} more)", models[..MAX].join(", "), models.len() - MAX),
    }
}

impl OpenaiError {
    #[must_use]
    pub const fn reaction(&self) -> Reaction {
        match self {
            Self::RateLimited { retry_after, .. } => Reaction::SlowDown { retry_after: *retry_after },
            Self::Busy { .. } | Self::Interrupted { .. } => Reaction::Retry,
            Self::Loading { .. } => Reaction::WaitUntilReady,
            Self::Unreachable { .. } => Reaction::RetryThenPause,
            Self::ModelNotFound { .. } | Self::ImagesUnsupported { .. } => Reaction::NextModel,
            Self::ParameterRejected { parameter, .. } => Reaction::DropParameter(*parameter),
            Self::QuotaExhausted { .. } => Reaction::Pause(PauseCause::Quota),
            Self::InvalidBaseUrl { .. }
            | Self::InvalidKey { .. }
            | Self::InvalidHeader { .. }
            | Self::KeyMissing { .. }
            | Self::KeyRejected { .. }
            | Self::Forbidden { .. }
            | Self::NoEndpoint { .. }
            | Self::NotAnApi { .. } => Reaction::Pause(PauseCause::Access),
            // The request was charged, and the next response would probably be no better.
            Self::ImageRejected { .. } | Self::Discarded { .. } => Reaction::FailImage,
            Self::Other { status, .. } => match status {
                400 | 413 | 422 => Reaction::FailRequest,
                // A proxy, or another service at this address. The next request would fail as well.
                _ => Reaction::Pause(PauseCause::Access),
            },
        }
    }
}
