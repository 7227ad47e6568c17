//! Reads a response stream and converts it to a description.

use super::attempt::{AttemptError, Events};
use super::charge::PendingCharge;
use crate::aws::{AwsError, Client, ConverseEvent, ConverseRequest, Stop};
use crate::describe::catalogue::Target;
use crate::describe::{Cost, Description, DescriptionEvent, StopReason, Tokens, Usage};

/// A complete response.
pub(super) struct Response {
    text: String,
    stop: Stop,
    usage: Usage,
    max_tokens: u32,
}

/// Sends a request and reads the response to its end. Calls `on_accepted` when the response begins.
pub(super) async fn read(
    client: &Client,
    request: ConverseRequest,
    mut charge: PendingCharge<'_>,
    events: &Events,
    on_accepted: impl FnOnce(),
) -> Result<Response, AwsError> {
    let max_tokens = request.max_tokens;
    charge.sent();
    let mut stream = match client.converse(request).await {
        Ok(stream) => stream,
        Err(error) => {
            // A rejected request is free; a request lost in transit may be charged.
            if !matches!(error, AwsError::StreamInterrupted { .. }) {
                charge.cancel();
            }
            return Err(error);
        }
    };
    on_accepted();
    let mut text = String::new();
    loop {
        match stream.next().await? {
            ConverseEvent::Text(more) => {
                text.push_str(&more);
                let _ = events.send(DescriptionEvent::Delta(more));
            }
            ConverseEvent::Finished { stop, usage } => {
                // Without a token count, dropping the pending charge reports the maximum.
                let usage = match usage {
                    Some(counted) => charge.settle(Tokens { input: counted.input, output: counted.output }),
                    None => Usage { tokens: Tokens::default(), cost: Cost::UNKNOWN },
                };
                return Ok(Response { text, stop, usage, max_tokens });
            }
        }
    }
}

impl Response {
    pub(super) fn into_description(
        self,
        target: &Target,
        prompt: Option<String>,
        parameters: String,
    ) -> Result<Description, AttemptError> {
        let Self { text, stop, usage, max_tokens } = self;
        let name = &target.name;
        let text = text.trim_start_matches('\u{feff}').split_whitespace().collect::<Vec<_>>().join(" ");
        let failed = |message| Err(AttemptError::Failed(message));
        let stop = match stop {
            Stop::EndTurn | Stop::Sequence => StopReason::EndTurn,
            Stop::MaxTokens => StopReason::MaxTokens,
            Stop::Other(reason) => StopReason::Other(reason),
            Stop::ContentFiltered => return failed(format!("{name}: response blocked by the content filter")),
            Stop::Guardrail => return failed(format!("{name}: response blocked by a guardrail of the AWS account")),
            Stop::Refusal => return failed(format!("{name} refused to describe this image")),
        };
        match (text.is_empty(), &stop) {
            (false, _) => {
                Ok(Description { text, model: target.id.clone(), prompt, parameters, stop, usage: Some(usage) })
            }
            (true, StopReason::MaxTokens) => {
                failed(format!("{name} used all {max_tokens} output tokens without writing any text"))
            }
            (true, _) => Err(AttemptError::RetryOnce(format!("{name} returned no text"))),
        }
    }
}
