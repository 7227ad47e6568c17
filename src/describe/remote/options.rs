//! The settings that all remote describers share.

use std::path::PathBuf;

use crate::describe::budget::Budget;
use crate::describe::prompt::Prompt;
use crate::describe::rate_limiter::RateLimits;

#[derive(Clone, Debug)]
pub struct RemoteOptions {
    pub task: Task,
    pub prompt: Prompt,
    /// How captions refer to people; a variable of the prompt.
    pub people: String,
    pub language: String,
    /// The style guide as instructions; a variable of the prompt.
    pub style_guide: Option<String>,
    /// The JSON Schema of the captions; a variable of the prompt.
    pub schema: Option<String>,
    /// The maximum number of words per caption, for estimates.
    pub max_words: usize,
    pub limits: RateLimits,
    /// The file that remembers models and rates between runs.
    pub memory: Option<PathBuf>,
    /// Of this run. Describer and verifier share it.
    pub budget: Budget,
}

#[cfg(test)]
impl RemoteOptions {
    /// Returns the options of tests: the built-in prompt, without limits.
    pub(in crate::describe) fn for_test() -> Self {
        Self {
            task: Task::Describe,
            prompt: Prompt::built_in(),
            people: String::new(),
            language: "en".to_owned(),
            style_guide: None,
            schema: None,
            max_words: 50,
            limits: RateLimits {
                concurrency: None,
                requests_per_minute: None,
                tokens_per_minute: None,
                delay: std::time::Duration::ZERO,
            },
            memory: None,
            budget: Budget::new(None),
        }
    }
}

/// What the model writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Task {
    /// A caption.
    #[default]
    Describe,
    /// A caption that is a JSON object.
    DescribeObject,
    /// A judgement of a caption, as JSON of [`SCHEMA`](crate::describe::verdict::SCHEMA).
    Verify,
}
