//! Requests and responses of batch inference. They are those of single requests: the same prompt, image and parameters, and
//! the same reading of a response.

use super::attempt::AttemptError;
use super::backend::ApiRequest;
use super::options::RemoteOptions;
use super::request::{self, PreparedRequest};
use super::response::Response;
use crate::describe::catalogue::{Target, UploadLimits};
use crate::describe::upload::Upload;
use crate::describe::{CompleteResponse, Cost, Description, Request, Tokens, Usage};
use crate::reaction::Parameter;

/// A model that describes in batches.
#[derive(Clone, Debug)]
pub struct BatchModel {
    options: RemoteOptions,
    target: Target,
}

/// A request as it is sent.
#[derive(Clone, Debug)]
pub struct BatchRequest {
    pub request: ApiRequest,
    /// The maximum number of tokens that can be charged.
    pub max_tokens: Tokens,
    /// For display.
    pub parameters: String,
}

impl BatchModel {
    #[must_use]
    pub const fn new(options: RemoteOptions, target: Target) -> Self {
        Self { options, target }
    }

    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// Returns the name and version of the prompt.
    #[must_use]
    pub fn prompt(&self) -> &str {
        self.options.prompt.version()
    }

    /// Returns the limits of the images.
    #[must_use]
    pub fn upload_limits(&self) -> UploadLimits {
        self.target.upload_limits()
    }

    /// Estimates the tokens for an image of this width and height.
    #[must_use]
    pub fn estimate(&self, size: Option<(u32, u32)>) -> Tokens {
        request::estimate(&self.options, &self.target, size)
    }

    /// Returns the request that describes an image.
    ///
    /// # Errors
    ///
    /// Returns an error if the prompt is empty for this record.
    pub fn prepare(&self, request: &Request, upload: Upload) -> Result<BatchRequest, String> {
        // A schema is accepted.
        let unsupported = vec![Parameter::ToolChoice];
        let prepared = PreparedRequest::new(&self.options, request, &self.target, upload, unsupported)
            .map_err(|error| format!("{}: {error}", request.context.file_name))?;
        Ok(BatchRequest {
            max_tokens: prepared.max_tokens(),
            parameters: prepared.parameters(),
            request: prepared.request,
        })
    }
}

/// Reads a response of a batch, with its price.
///
/// # Errors
///
/// Returns the reason why it is no description: it has no text, or was blocked.
pub fn describe_batch_response(
    response: CompleteResponse,
    target: &Target,
    prompt: &str,
    parameters: &str,
) -> Result<Description, String> {
    let CompleteResponse { text, stop, tokens } = response;
    let usage = match tokens {
        Some(tokens) => Usage { tokens, cost: target.batch_cost(tokens) },
        None => Usage { tokens: Tokens::default(), cost: Cost::UNKNOWN },
    };
    let max_tokens = u32::try_from(usage.tokens.output).unwrap_or(u32::MAX);
    let response = Response::complete(text, stop, usage, tokens.is_some());
    let described = response.into_description(target, max_tokens, Some(prompt.to_owned()), parameters.to_owned());
    described.map_err(|error| match error {
        AttemptError::Failed(message)
        | AttemptError::Backoff(message)
        | AttemptError::RetryOnce(message)
        | AttemptError::NotReady(message)
        | AttemptError::BackoffThenPause(message) => message,
        AttemptError::Retry => format!("{}: no response", target.name),
    })
}
