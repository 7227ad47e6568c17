//! How a caller should react to an error of a model API. The modules that call an API classify its errors with these types.

use std::time::Duration;

/// How the caller should react to an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Lower the request rate and retry; the image is not the cause.
    SlowDown { retry_after: Option<Duration> },
    /// Retry with backoff, then fail this image.
    Retry,
    /// Retry with backoff, then pause all requests; the image is not the cause.
    RetryThenPause,
    /// Switch to the next model, or pause all requests if there is none.
    NextModel,
    /// Retry without the parameter, for this and later requests.
    DropParameter(Parameter),
    /// Fail this image and continue.
    FailImage,
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
}

impl std::fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Temperature => "a temperature",
            Self::Thinking => "the thinking setting",
        })
    }
}
