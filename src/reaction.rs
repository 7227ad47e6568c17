//! How a caller should react to an error of a model API. The modules that call an API classify its errors with these types.

use std::num::IntErrorKind;
use std::time::Duration;

use jiff::{Timestamp, fmt};

/// How the caller should react to an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Lower the request rate and retry; the image is not the cause.
    SlowDown { retry_after: Option<Duration> },
    /// Retry with backoff, then fail this image.
    Retry,
    /// Retry until the model is loaded, which may take minutes.
    WaitUntilReady,
    /// Retry with backoff, then pause all requests; the image is not the cause.
    RetryThenPause,
    /// Switch to the next model, or pause all requests if there is none.
    NextModel,
    /// Retry without the parameter, for this and later requests.
    DropParameter(Parameter),
    /// Fail this image and continue.
    FailImage,
    /// Fail this image and continue, but pause all requests if several in a row fail with the same error: the image may not
    /// be the cause.
    FailRequest,
    /// Pause all requests.
    Pause(PauseCause),
}

/// What must change before requests can succeed again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PauseCause {
    /// Credentials, permissions or settings.
    Access,
    Quota,
}

/// A parameter that some models reject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    Temperature,
    Thinking,
    /// Instructions apart from the user's message.
    System,
    /// The limit of output tokens under its old name.
    MaxTokens,
    /// The request for a token count.
    StreamOptions,
    /// An image in a format other than JPEG and PNG.
    ImageFormat,
    /// The schema of a structured response.
    Schema,
    /// A tool that the model must call, whose input is the response.
    ToolChoice,
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Temperature => "a temperature",
            Self::Thinking => "the thinking setting",
            Self::System => "a system prompt",
            Self::MaxTokens => "max_tokens",
            Self::StreamOptions => "a request for token counts",
            Self::ImageFormat => "images of this format",
            Self::Schema => "a response schema",
            Self::ToolChoice => "a forced tool call",
        })
    }
}

/// Parses a `Retry-After` header: seconds or a date. The rate limiter limits it.
pub fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    match value.trim().parse::<u64>() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow => Some(Duration::MAX),
        Err(_) => Duration::try_from(http_date(value)?.duration_since(now)).ok(),
    }
}

/// Parses the date of an HTTP header.
pub fn http_date(value: &str) -> Option<Timestamp> {
    fmt::rfc2822::parse(value).ok().map(|date| date.timestamp())
}
