//! One question to a model, and its answer as it arrives.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_bedrockruntime::operation::converse_stream::builders::ConverseStreamFluentBuilder;
use aws_sdk_bedrockruntime::primitives::Blob;
use aws_sdk_bedrockruntime::primitives::event_stream::EventReceiver;
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use aws_sdk_bedrockruntime::types::{
    ContentBlock, ContentBlockDelta, ConversationRole, ConverseStreamOutput, ImageBlock, ImageFormat, ImageSource,
    InferenceConfiguration, Message, OutputConfig, StopReason,
};
use aws_smithy_types::Document;
use tokio::time::timeout;

use super::classify;
use super::error::{AwsError, Breakage};
use super::refusal::Asked;

/// How long the count of tokens is waited for once the text is complete.
const METADATA: Duration = Duration::from_secs(5);

/// What a model is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct ConverseRequest {
    /// The id of a model or an inference profile, or the ARN of one.
    pub model: String,
    /// The question.
    pub text: String,
    /// What the question is about. It goes before the text, which models like better.
    pub picture: Option<Picture>,
    /// The most tokens the answer may have. The quota is charged with all of them when the request arrives.
    pub max_tokens: u32,
    /// How much the answer may vary, from 0 to 1; none leaves it to the model, and some models insist on that.
    pub temperature: Option<f32>,
    /// What a model that thinks before it answers is told about it.
    pub thinking: Thinking,
}

/// A picture as a model takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// How it is encoded.
    pub format: PictureFormat,
    /// The encoded picture.
    pub bytes: Arc<[u8]>,
}

/// The encodings Bedrock takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names say it")]
pub enum PictureFormat {
    Png,
    Jpeg,
    Gif,
    Webp,
}

/// Whether a model thinks before it answers. What it thinks counts toward the tokens of the answer, and can use them up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Thinking {
    /// Nothing is said about it.
    #[default]
    AsTheModelDoes,
    /// It is turned off.
    Off,
    /// It is given an effort ("low", "medium", "high").
    Effort(String),
}

/// What an answer consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConverseEvent {
    /// More of the text. Never empty.
    Text(String),
    /// The text is complete: all of it has arrived, unchanged.
    Finished {
        /// Why it ended.
        stop: Stop,
        /// What is charged for; none where the service did not say.
        usage: Option<TokenUsage>,
    },
}

/// Why an answer ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Stop {
    /// The model had said all it wanted.
    EndTurn,
    /// [`ConverseRequest::max_tokens`] cut it off.
    MaxTokens,
    /// It came to a text it was told to stop at.
    StopSequence,
    /// The service withheld the answer for what it says.
    ContentFiltered,
    /// A guardrail of the account stepped in.
    Guardrail,
    /// The model declined.
    Refusal,
    /// Another reason, in the service's words.
    Other(String),
}

/// Tokens counted by the service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenUsage {
    /// Tokens of the question, picture included.
    pub input: u64,
    /// Tokens of the answer, thinking included.
    pub output: u64,
}

impl ConverseRequest {
    /// Puts the request into the SDK's words.
    pub(super) fn fill(self, call: ConverseStreamFluentBuilder) -> Result<ConverseStreamFluentBuilder, AwsError> {
        let refused = |model: &str, error: &dyn std::fmt::Display| AwsError::Other {
            model: model.to_owned(),
            status: None,
            code: None,
            said: error.to_string(),
        };
        let mut message = Message::builder().role(ConversationRole::User);
        if let Some(picture) = self.picture {
            let block = ImageBlock::builder()
                .format(picture.format.into())
                .source(ImageSource::Bytes(Blob::new(picture.bytes.as_ref())))
                .build()
                .map_err(|error| refused(&self.model, &error))?;
            message = message.content(ContentBlock::Image(block));
        }
        let message =
            message.content(ContentBlock::Text(self.text)).build().map_err(|error| refused(&self.model, &error))?;
        let inference = InferenceConfiguration::builder()
            .max_tokens(i32::try_from(self.max_tokens).unwrap_or(i32::MAX))
            .set_temperature(self.temperature)
            .build();
        let call = call.model_id(self.model).messages(message).inference_config(inference);
        Ok(match self.thinking {
            Thinking::AsTheModelDoes => call,
            Thinking::Off => {
                let off = HashMap::from([("type".to_owned(), Document::String("disabled".to_owned()))]);
                let fields = HashMap::from([("thinking".to_owned(), Document::Object(off))]);
                call.additional_model_request_fields(Document::Object(fields))
            }
            Thinking::Effort(effort) => call.output_config(OutputConfig::builder().effort(effort).build()),
        })
    }
}

impl From<PictureFormat> for ImageFormat {
    fn from(format: PictureFormat) -> Self {
        match format {
            PictureFormat::Png => Self::Png,
            PictureFormat::Jpeg => Self::Jpeg,
            PictureFormat::Gif => Self::Gif,
            PictureFormat::Webp => Self::Webp,
        }
    }
}

impl From<StopReason> for Stop {
    fn from(reason: StopReason) -> Self {
        match reason {
            StopReason::EndTurn => Self::EndTurn,
            StopReason::MaxTokens => Self::MaxTokens,
            StopReason::StopSequence => Self::StopSequence,
            StopReason::ContentFiltered => Self::ContentFiltered,
            StopReason::GuardrailIntervened => Self::Guardrail,
            // Models say it, the SDK does not know it.
            other if other.as_str() == "refusal" => Self::Refusal,
            other => Self::Other(other.as_str().to_owned()),
        }
    }
}

type Receiver = EventReceiver<ConverseStreamOutput, ConverseStreamOutputError>;

/// An answer that is arriving. Dropping it hangs up.
#[derive(Debug)]
pub struct ConverseStream {
    receiver: Receiver,
    asked: Asked,
    idle: Duration,
    stop: Option<Stop>,
    usage: Option<TokenUsage>,
}

impl ConverseStream {
    pub(super) const fn new(receiver: Receiver, asked: Asked, idle: Duration) -> Self {
        Self { receiver, asked, idle, stop: None, usage: None }
    }

    /// Waits for the next part of the answer. Nothing is lost if the wait is given up. After
    /// [`ConverseEvent::Finished`] or an error there is nothing more to be had.
    ///
    /// # Errors
    ///
    /// Whatever keeps the answer from being complete: what has arrived of it is a fragment.
    pub async fn next(&mut self) -> Result<ConverseEvent, AwsError> {
        loop {
            if self.stop.is_some() {
                // Late or lost, the count of tokens is missing: the text is complete and paid for all the same.
                let _ = timeout(self.idle.min(METADATA), self.count()).await;
            }
            if let Some(stop) = self.stop.take() {
                return Ok(ConverseEvent::Finished { stop, usage: self.usage });
            }
            match timeout(self.idle, self.receiver.recv()).await {
                Ok(Ok(Some(event))) => {
                    if let Some(text) = self.take_in(event) {
                        return Ok(ConverseEvent::Text(text));
                    }
                }
                // A stream that was cut off between two frames ends like one that is complete.
                Ok(Ok(None)) => return Err(AwsError::StreamBroken { how: Breakage::EndedEarly }),
                Ok(Err(error)) => return Err(classify::stream(&error, &self.asked)),
                Err(_) => return Err(AwsError::StreamBroken { how: Breakage::Silence(self.idle) }),
            }
        }
    }

    /// The text of an event. What the model thinks, and events that are not known, are none.
    fn take_in(&mut self, event: ConverseStreamOutput) -> Option<String> {
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

    /// Reads on to the count of tokens, which comes last.
    async fn count(&mut self) {
        while self.usage.is_none() {
            let Ok(Some(event)) = self.receiver.recv().await else { return };
            drop(self.take_in(event));
        }
    }
}
