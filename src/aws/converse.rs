//! A request to a model and its streamed response.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_bedrockruntime::operation::converse_stream::builders::ConverseStreamFluentBuilder;
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{
    self, ContentBlock, ContentBlockDelta, ConversationRole, ConverseStreamOutput, ImageBlock, ImageSource,
    InferenceConfiguration, JsonSchemaDefinition, Message, OutputConfig, OutputFormat, OutputFormatStructure,
    OutputFormatType, StopReason, SystemContentBlock,
};
use aws_smithy_types::Document;
use aws_smithy_types::error::operation::BuildError;
use tokio::time::{Instant, timeout, timeout_at};

use super::classify;
use super::error::{AwsError, Excess, Interruption};
use super::error_response::RequestInfo;

/// The maximum time to wait for the token count after the text is complete.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

/// The maximum duration of a request, the whole response included. A longer idle timeout extends it.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(5);

/// The maximum number of characters of a text, twice those of the longest caption that is requested (4,096 tokens).
pub(super) const MAX_CHARACTERS: usize = 32_768;

#[derive(Clone, Debug, PartialEq)]
pub struct ConverseRequest {
    /// The id or ARN of a model or an inference profile.
    pub model: String,
    pub system: Option<String>,
    pub text: String,
    /// Sent before the text, which gives better results.
    pub image: Option<Image>,
    /// The maximum number of output tokens. The service deducts all of them from the quota in advance.
    pub max_tokens: u32,
    /// From 0 to 1. Some models accept only `None`, the default of the model.
    pub temperature: Option<f32>,
    pub thinking: Thinking,
    /// The JSON schema of the response.
    pub schema: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pub format: ImageFormat,
    /// The encoded image.
    pub bytes: Arc<[u8]>,
}

/// The formats Bedrock accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    Png,
    Jpeg,
    Gif,
    Webp,
}

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
pub enum ConverseEvent {
    /// Text to append, never empty.
    Text(String),
    /// The text is complete.
    Finished {
        stop: Stop,
        /// The tokens charged, if the service reported them.
        usage: Option<TokenUsage>,
    },
}

/// Why a response ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The text is complete.
    EndTurn,
    /// [`ConverseRequest::max_tokens`] cut the text off.
    MaxTokens,
    /// A stop sequence ended it.
    Sequence,
    /// The service's content filter blocked the response.
    ContentFiltered,
    /// A guardrail of the account blocked the response.
    Guardrail,
    Refusal,
    /// Another reason, as named by the service.
    Other(String),
}

/// The tokens counted by the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Text and image.
    pub input: u64,
    /// Text and thinking.
    pub output: u64,
}

impl ConverseRequest {
    pub(super) fn apply_to(self, call: ConverseStreamFluentBuilder) -> Result<ConverseStreamFluentBuilder, AwsError> {
        let invalid = |model: &str, error: &dyn std::fmt::Display| AwsError::Other {
            model: model.to_owned(),
            status: None,
            code: None,
            message: error.to_string(),
        };
        let mut message = Message::builder().role(ConversationRole::User);
        if let Some(image) = self.image {
            let block = ImageBlock::builder()
                .format(image.format.into())
                .source(ImageSource::Bytes(Blob::new(image.bytes.as_ref())))
                .build()
                .map_err(|error| invalid(&self.model, &error))?;
            message = message.content(ContentBlock::Image(block));
        }
        let message =
            message.content(ContentBlock::Text(self.text)).build().map_err(|error| invalid(&self.model, &error))?;
        let inference = InferenceConfiguration::builder()
            .max_tokens(i32::try_from(self.max_tokens).unwrap_or(i32::MAX))
            .set_temperature(self.temperature)
            .build();
        let call = call.model_id(self.model).messages(message).inference_config(inference);
        let call = call.set_system(self.system.map(|text| vec![SystemContentBlock::Text(text)]));
        let format = self.schema.map(structured).transpose().map_err(|error| AwsError::Other {
            model: String::new(),
            status: None,
            code: None,
            message: error.to_string(),
        })?;
        let output = |effort| OutputConfig::builder().set_effort(effort).set_text_format(format.clone()).build();
        let call = if format.is_some() { call.output_config(output(None)) } else { call };
        Ok(match self.thinking {
            Thinking::ModelDefault => call,
            Thinking::Effort(effort) => call.output_config(output(Some(effort))),
            Thinking::Off(setting) => {
                let thinking = HashMap::from([("type".to_owned(), Document::String(setting))]);
                let fields = HashMap::from([("thinking".to_owned(), Document::Object(thinking))]);
                call.additional_model_request_fields(Document::Object(fields))
            }
        })
    }
}

/// Returns the format of a response with a JSON schema.
fn structured(schema: &str) -> Result<OutputFormat, BuildError> {
    let schema = JsonSchemaDefinition::builder().name("response").schema(schema).build()?;
    OutputFormat::builder()
        .r#type(OutputFormatType::JsonSchema)
        .structure(OutputFormatStructure::JsonSchema(schema))
        .build()
}

impl From<ImageFormat> for types::ImageFormat {
    fn from(format: ImageFormat) -> Self {
        match format {
            ImageFormat::Png => Self::Png,
            ImageFormat::Jpeg => Self::Jpeg,
            ImageFormat::Gif => Self::Gif,
            ImageFormat::Webp => Self::Webp,
        }
    }
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::EndTurn => Self::EndTurn,
            StopReason::MaxTokens => Self::MaxTokens,
            StopReason::StopSequence => Self::Sequence,
            StopReason::ContentFiltered => Self::ContentFiltered,
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
    stop: Option<Stop>,
    usage: Option<TokenUsage>,
    request_id: Option<String>,
}

impl ConverseStream {
    pub(super) const fn new(
        receiver: Receiver,
        info: RequestInfo,
        timeouts: Timeouts,
        request_id: Option<String>,
    ) -> Self {
        Self { receiver, info, timeouts, characters: 0, stop: None, usage: None, request_id }
    }

    /// Returns the id of the request at AWS, for support cases.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// Returns the next event. The last one is [`ConverseEvent::Finished`] or an error. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Returns an error if the response is incomplete; the text so far must be discarded.
    pub async fn next(&mut self) -> Result<ConverseEvent, AwsError> {
        loop {
            if self.stop.is_some() {
                // The text is complete even if the token count does not arrive.
                let _ = timeout(self.timeouts.idle.min(METADATA_TIMEOUT), self.read_usage()).await;
            }
            if let Some(stop) = self.stop.take() {
                return Ok(ConverseEvent::Finished { stop, usage: self.usage });
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
                    if let Some(text) = self.handle(event) {
                        self.characters += text.chars().count();
                        if self.characters > MAX_CHARACTERS {
                            return Err(self.exceeded(Excess::Characters(MAX_CHARACTERS)));
                        }
                        return Ok(ConverseEvent::Text(text));
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

    /// Processes an event and returns its text. Thinking and unknown events have none.
    fn handle(&mut self, event: ConverseStreamOutput) -> Option<String> {
        match event {
            ConverseStreamOutput::ContentBlockDelta(event) => match event.delta {
                Some(ContentBlockDelta::Text(text)) if !text.is_empty() => return Some(text),
                _ => {}
            },
            ConverseStreamOutput::MessageStop(event) => self.stop = Some(event.stop_reason.into()),
            ConverseStreamOutput::Metadata(event) => {
                let count = |tokens| u64::try_from(tokens).unwrap_or_default();
                self.usage = event
                    .usage
                    .map(|usage| TokenUsage { input: count(usage.input_tokens), output: count(usage.output_tokens) });
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
