//! The requests and responses of model APIs, as far as the APIs agree. The modules that call an API use these types.

use std::ops::{Add, AddAssign};
use std::time::Duration;

/// The maximum size of a response: the longest caption with thinking has 6,000 frames of one token, in up to a kilobyte each.
pub const MAX_RESPONSE_BYTES: usize = 8 << 20;
/// The maximum number of characters of a text, twice those of the longest caption that is requested (4,096 tokens).
pub const MAX_CHARACTERS: usize = 32_768;
/// The maximum time to wait for the token count after the text is complete.
pub const USAGE_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a model thinks before it writes. Thinking counts toward the output tokens and can use them up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Thinking {
    /// Sends no setting.
    #[default]
    ModelDefault,
    /// "low", "medium" or "high".
    Effort(String),
    /// Turned off with the setting that the model accepts: "disabled", or "`between_tools`", which is nowhere without
    /// tools.
    Off(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ResponseEvent {
    /// Text to append, never empty.
    Text(String),
    /// The text so far is not the response: it was thinking, or the input of the tool follows.
    Discard,
    /// The text is complete.
    Finished {
        stop: Stop,
        /// The tokens charged, if the service reported them.
        usage: Option<Tokens>,
    },
}

/// Why a response ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The text is complete, or a stop sequence ended it.
    Complete,
    /// The limit of output tokens cut the text off.
    MaxTokens,
    /// The service's content filter blocked the response.
    ContentFilter,
    /// A guardrail of the account blocked the response.
    Guardrail,
    Refusal,
    /// Another reason, as named by the service.
    Other(String),
}

/// The limit that a response exceeded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Excess {
    #[error("more than {} MiB", .0 >> 20)]
    Bytes(usize),
    #[error("more than {0} characters")]
    Characters(usize),
    #[error("not complete after {} s", .0.as_secs())]
    Time(Duration),
}

/// A response that arrived as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompleteResponse {
    pub text: String,
    pub stop: Stop,
    /// `None` if the service did not report them.
    pub tokens: Option<Tokens>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// Text and image.
    pub input: u64,
    /// Text and thinking.
    pub output: u64,
}

impl Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { input: self.input.saturating_add(other.input), output: self.output.saturating_add(other.output) }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}
