//! The streamed response of a model.

use std::time::Duration;

use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{ContentBlockDelta, ContentBlockStart, ConverseStreamOutput, StopReason};
use tokio::time::{Instant, timeout, timeout_at};

use super::classify;
use super::error::{AwsError, Interruption};
use super::error_response::RequestInfo;
use crate::model_api::{Excess, MAX_CHARACTERS, ResponseEvent, Stop, Tokens, USAGE_TIMEOUT};
use crate::reaction::Parameter;

/// The maximum duration of a request, the whole response included. A longer idle timeout extends it.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::EndTurn | StopReason::StopSequence => Self::Complete,
            StopReason::MaxTokens => Self::MaxTokens,
            StopReason::ContentFiltered => Self::ContentFilter,
            StopReason::GuardrailIntervened => Self::Guardrail,
            // The SDK has no variant for it.
            other if other.as_str() == "refusal" => Self::Refusal,
            other => Self::Other(other.as_str().to_owned()),
        }
    }
}

type Receiver = EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>;

/// The limits on the time of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    /// The maximum time without data.
    idle: Duration,
    whole: Duration,
    started: Instant,
}

impl Timeouts {
    pub(super) fn start(idle: Duration) -> Self {
        Self { idle, whole: REQUEST_TIMEOUT.max(idle.saturating_mul(2)), started: Instant::now() }
    }
}

/// A response stream. Dropping it closes the connection.
#[derive(Debug)]
pub struct ConverseStream {
    receiver: Receiver,
    info: RequestInfo,
    timeouts: Timeouts,
    characters: usize,
    /// The block with the input of the tool.
    tool: Option<i32>,
    stop: Option<Stop>,
    usage: Option<Tokens>,
    request_id: Option<String>,
}

impl ConverseStream {
    pub(super) const fn new(
        receiver: Receiver,
        info: RequestInfo,
        timeouts: Timeouts,
        request_id: Option<String>,
    ) -> Self {
        Self { receiver, info, timeouts, characters: 0, tool: None, stop: None, usage: None, request_id }
    }

    /// Returns the id of the request at AWS, for support cases.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns the next event. The last one is [`ResponseEvent::Finished`] or an error. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Returns an error if the response is incomplete; the text so far must be discarded.
    pub async fn next(&mut self) -> Result<ResponseEvent, AwsError> {
        loop {
            if self.stop.is_some() {
                // The text is complete even if the token count does not arrive.
                let _ = timeout(self.timeouts.idle.min(USAGE_TIMEOUT), self.read_usage()).await;
            }
            if let Some(stop) = self.stop.take() {
                return Ok(ResponseEvent::Finished { stop, usage: self.usage });
            }
            let Timeouts { idle, whole, started } = self.timeouts;
            let deadline = started + whole;
            let now = Instant::now();
            // A timeout does not expire while data is always ready.
            if now >= deadline {
                return Err(self.exceeded(Excess::Time(whole)));
            }
            match timeout_at(deadline.min(now + idle), self.receiver.recv()).await {
                Ok(Ok(Some(event))) => {
                    if let Some(event) = self.handle(event) {
                        if self.characters > MAX_CHARACTERS {
                            return Err(self.exceeded(Excess::Characters(MAX_CHARACTERS)));
                        }
                        return Ok(event);
                    }
                }
                // A stream cut off between two frames ends without an error.
                Ok(Ok(None)) => return Err(AwsError::StreamInterrupted { cause: Interruption::Truncated }),
                Ok(Err(error)) => return Err(classify::stream(&error, &self.info)),
                Err(_) if Instant::now() >= deadline => return Err(self.exceeded(Excess::Time(whole))),
                Err(_) => return Err(AwsError::StreamInterrupted { cause: Interruption::Timeout(idle) }),
            }
        }
    }

    fn exceeded(&self, excess: Excess) -> AwsError {
        AwsError::ResponseDiscarded { model: self.info.subject.clone(), excess }
    }

    /// Processes an event. Returns `None` for thinking and unknown events.
    fn handle(&mut self, event: ConverseStreamOutput) -> Option<ResponseEvent> {
        match event {
            ConverseStreamOutput::ContentBlockStart(event) if self.info.structure == Some(Parameter::ToolChoice) => {
                // Only the first call counts.
                if let (Some(ContentBlockStart::ToolUse(_)), None) = (event.start, self.tool) {
                    self.tool = Some(event.content_block_index);
                    if std::mem::take(&mut self.characters) > 0 {
                        return Some(ResponseEvent::Discard);
                    }
                }
            }
            ConverseStreamOutput::ContentBlockDelta(event) => {
                let text = match event.delta? {
                    ContentBlockDelta::Text(text) if self.tool.is_none() => text,
                    ContentBlockDelta::ToolUse(call) if self.tool == Some(event.content_block_index) => call.input,
                    _ => return None,
                };
                self.characters += text.chars().count();
                return (!text.is_empty()).then_some(ResponseEvent::Text(text));
            }
            ConverseStreamOutput::MessageStop(event) => {
                self.stop = Some(match event.stop_reason {
                    StopReason::ToolUse if self.tool.is_some() => Stop::Complete,
                    reason => reason.into(),
                });
            }
            ConverseStreamOutput::Metadata(event) => {
                let count = |tokens| u64::try_from(tokens).unwrap_or_default();
                self.usage = event
                    .usage
                    .map(|usage| Tokens { input: count(usage.input_tokens), output: count(usage.output_tokens) });
            }
            _ => {}
        }
        None
    }

    /// Reads until the token count, which comes last.
    async fn read_usage(&mut self) {
        while self.usage.is_none() {
            let Ok(Some(event)) = self.receiver.recv().await else { return };
            drop(self.handle(event));
        }
    }
}
