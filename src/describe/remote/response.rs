//! Reads a response stream and converts it to a description.

use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{AttemptError, Events};
use super::backend::{ApiClient, ApiError, ApiRequest};
use super::charge::PendingCharge;
use crate::describe::catalogue::Target;
use crate::describe::{Cost, Description, DescriptionEvent, StopReason, Tokens, Usage};
use crate::model_api::{ResponseEvent, Stop};

/// A complete response.
pub(super) struct Response {
    text: String,
    stop: Stop,
    usage: Usage,
    /// Whether the service reported the usage.
    is_counted: bool,
}

/// Sends a request and reads the response to its end. Calls `on_accepted` when the response begins, and `on_text` with the
/// time until its first text. Logs what a support case needs, without the text.
pub(super) async fn read(
    client: &dyn ApiClient,
    request: ApiRequest,
    mut charge: PendingCharge<'_>,
    events: &Events,
    on_accepted: impl FnOnce(),
    on_text: impl FnOnce(Duration),
) -> Result<Response, ApiError> {
    let start = Instant::now();
    let model = request.model.clone();
    charge.sent();
    let mut stream = match client.send(request).await {
        Ok(stream) => stream,
        Err(error) => {
            // A rejected request is free; a request lost in transit may be charged.
            if !error.may_be_charged {
                charge.cancel();
            }
            return Err(error);
        }
    };
    on_accepted();
    let mut text = String::new();
    let mut on_text = Some(on_text);
    let mut first_token = None;
    loop {
        let event = stream.next().await.inspect_err(|error| {
            let (request_id, elapsed) = (stream.request_id(), start.elapsed());
            tracing::warn!(model, request_id, ?first_token, ?elapsed, %error, "response failed");
        });
        match event? {
            ResponseEvent::Text(more) => {
                if let Some(on_text) = on_text.take() {
                    first_token = Some(start.elapsed());
                    on_text(start.elapsed());
                }
                text.push_str(&more);
                let _ = events.send(DescriptionEvent::Delta(more));
            }
            ResponseEvent::Discard => {
                text.clear();
                let _ = events.send(DescriptionEvent::Waiting("thinking".to_owned()));
            }
            ResponseEvent::Finished { stop, usage } => {
                // Without a token count, dropping the pending charge reports the maximum.
                let is_counted = usage.is_some();
                let usage = match usage {
                    Some(counted) => charge.settle(counted),
                    None if charge.is_free() => Usage::default(),
                    None => Usage { tokens: Tokens::default(), cost: Cost::UNKNOWN },
                };
                let (request_id, elapsed, cost) = (stream.request_id(), start.elapsed(), usage.cost);
                let Tokens { input, output } = usage.tokens;
                tracing::info!(model, request_id, ?first_token, ?elapsed, input, output, %cost, "response complete");
                return Ok(Response { text, stop, usage, is_counted });
            }
        }
    }
}

impl Response {
    /// Creates a response that arrived as a whole, with what it cost.
    pub(super) const fn complete(text: String, stop: Stop, usage: Usage, is_counted: bool) -> Self {
        Self { text, stop, usage, is_counted }
    }

    /// Returns the tokens that the service reported.
    pub(super) fn counted(&self) -> Option<Tokens> {
        self.is_counted.then_some(self.usage.tokens)
    }

    pub(super) fn into_description(
        self,
        target: &Target,
        max_tokens: u32,
        prompt: Option<String>,
        parameters: String,
    ) -> Result<Description, AttemptError> {
        let Self { text, stop, usage, .. } = self;
        let name = &target.name;
        let text = text.trim_start_matches('\u{feff}').split_whitespace().collect::<Vec<_>>().join(" ");
        let failed = |message: &str| Err(AttemptError::Failed(format!("{name}: {message}")));
        let stop = match stop {
            Stop::Complete => StopReason::EndTurn,
            Stop::MaxTokens => StopReason::MaxTokens,
            Stop::Other(reason) => StopReason::Other(reason),
            Stop::ContentFilter => return failed("response blocked by the content filter"),
            Stop::Guardrail => return failed("response blocked by a guardrail of the AWS account"),
            Stop::Refusal => return failed("the model refused to describe this image"),
        };
        match (text.is_empty(), &stop) {
            (false, _) => {
                Ok(Description { text, model: target.id.clone(), prompt, parameters, stop, usage: Some(usage) })
            }
            (true, StopReason::MaxTokens) => {
                let message = format!("{name} used all {max_tokens} output tokens without writing any text");
                Err(AttemptError::Failed(message))
            }
            (true, _) => Err(AttemptError::RetryOnce(format!("{name} returned no text"))),
        }
    }
}
