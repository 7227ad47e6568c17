//! A request to a model and its streamed response.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout, timeout_at};

use super::classify::{self, RequestInfo};
use super::client::transport_error;
use super::error::OpenaiError;
use super::line_events::LineEvents;
use super::payload::Payload;
use super::thinking::Thinking;
use super::transport::Response;
use crate::model_api::{Excess, MAX_CHARACTERS, ResponseEvent, Stop, Tokens, USAGE_TIMEOUT};

/// In bytes per second.
const MIN_UPLOAD_RATE: usize = 100_000;

#[derive(Clone, Debug, PartialEq)]
pub struct ChatRequest {
    pub model: String,
    pub system: Option<String>,
    pub text: String,
    /// Sent before the text, which gives better results.
    pub image: Option<ChatImage>,
    /// The maximum number of output tokens.
    pub max_tokens: u32,
    /// Whether to call the maximum `max_tokens`; newer models of OpenAI accept only `max_completion_tokens`.
    pub old_limit: bool,
    pub temperature: Option<f32>,
    pub effort: Option<String>,
    /// Whether to request the token count.
    pub usage: bool,
    /// The JSON schema of the response.
    pub schema: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatImage {
    /// "image/jpeg"
    pub media_type: &'static str,
    /// The encoded image.
    pub bytes: Arc<[u8]>,
}

impl ChatRequest {
    pub(super) fn to_json(&self) -> Vec<u8> {
        let mut content = Vec::new();
        if let Some(image) = &self.image {
            let url = format!("data:{};base64,{}", image.media_type, BASE64_STANDARD.encode(&image.bytes));
            content.push(json!({ "type": "image_url", "image_url": { "url": url } }));
        }
        content.push(json!({ "type": "text", "text": self.text }));
        let mut messages = Vec::new();
        if let Some(system) = &self.system {
            messages.push(json!({ "role": "system", "content": system }));
        }
        messages.push(json!({ "role": "user", "content": content }));
        let mut body = json!({ "model": self.model, "messages": messages, "stream": true });
        let limit = if self.old_limit { "max_tokens" } else { "max_completion_tokens" };
        body[limit] = self.max_tokens.into();
        if let Some(temperature) = self.temperature {
            // As a double it would be 0.30000001192092896.
            body["temperature"] = (f64::from(temperature * 100.0).round() / 100.0).into();
        }
        if let Some(effort) = &self.effort {
            body["reasoning_effort"] = effort.as_str().into();
        }
        if self.usage {
            body["stream_options"] = json!({ "include_usage": true });
        }
        if let Some(schema) = self.schema {
            let schema: Value = serde_json::from_str(schema).expect("a constant");
            let schema = json!({ "name": "response", "strict": true, "schema": schema });
            body["response_format"] = json!({ "type": "json_schema", "json_schema": schema });
        }
        body.to_string().into_bytes()
    }
}

/// The limits on the time of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timeouts {
    upload: Duration,
    /// The maximum time without data.
    idle: Duration,
    deadline: Instant,
    whole: Duration,
}

impl Timeouts {
    /// A server on this computer may load a model first, and may need minutes for an image.
    pub(super) fn start(is_loopback: bool, body_bytes: usize) -> Self {
        let (idle, whole) = if is_loopback { (10, 20) } else { (2, 5) };
        let (idle, whole) = (Duration::from_mins(idle), Duration::from_mins(whole));
        let upload = Duration::from_secs((body_bytes / MIN_UPLOAD_RATE) as u64);
        Self { upload, idle, deadline: Instant::now() + upload + whole, whole }
    }

    pub(super) fn until_response(self) -> Duration {
        self.upload + self.idle
    }
}

/// A response stream. Dropping it closes the connection.
pub struct ChatStream {
    response: Response,
    info: RequestInfo,
    timeouts: Timeouts,
    format: Format,
    thinking: Thinking,
    /// Events that have been read but not returned.
    ready: VecDeque<ResponseEvent>,
    characters: usize,
    stop: Option<Stop>,
    usage: Option<Tokens>,
    /// Whether nothing more is to be read.
    ended: bool,
}

/// The form of a body, which its first character tells more reliably than its type.
enum Format {
    Unknown,
    Events(LineEvents),
    /// JSON, in spite of the request for a stream, or a page.
    Document(Vec<u8>),
}

impl ChatStream {
    pub(super) fn new(response: Response, info: RequestInfo, timeouts: Timeouts) -> Self {
        Self {
            response,
            info,
            timeouts,
            format: Format::Unknown,
            thinking: Thinking::default(),
            ready: VecDeque::new(),
            characters: 0,
            stop: None,
            usage: None,
            ended: false,
        }
    }

    /// Returns the next event. The last one is [`ResponseEvent::Finished`] or an error. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Returns an error if the response is incomplete; the text so far must be discarded.
    pub async fn next(&mut self) -> Result<ResponseEvent, OpenaiError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            if self.stop.is_some() && !self.ended {
                // The text is complete even if the token count does not arrive.
                let _ = timeout(USAGE_TIMEOUT, self.read_to_end()).await;
                self.ended = true;
                continue;
            }
            if let Some(stop) = self.stop.take() {
                let held = self.thinking.end();
                self.push_text(false, &held)?;
                self.ready.push_back(ResponseEvent::Finished { stop, usage: self.usage });
                continue;
            }
            if self.ended {
                return Err(truncated());
            }
            self.read().await?;
        }
    }

    /// Reads the next chunk.
    async fn read(&mut self) -> Result<(), OpenaiError> {
        let Timeouts { idle, deadline, whole, .. } = self.timeouts;
        let now = Instant::now();
        // A timeout does not expire while data is always ready.
        if now >= deadline {
            return Err(self.discarded(Excess::Time(whole)));
        }
        match timeout_at(deadline.min(now + idle), self.response.chunk()).await {
            Ok(Ok(Some(chunk))) => self.decode(&chunk),
            Ok(Ok(None)) => self.decode_end(),
            Ok(Err(error)) => Err(transport_error(error, &self.info)),
            Err(_) if Instant::now() >= deadline => Err(self.discarded(Excess::Time(whole))),
            Err(_) => Err(OpenaiError::Interrupted { cause: format!("no data for {} s", idle.as_secs()) }),
        }
    }

    /// Reads what follows the text: the token count. Errors no longer matter.
    async fn read_to_end(&mut self) {
        while !self.ended && self.read().await.is_ok() {}
    }

    fn decode(&mut self, chunk: &[u8]) -> Result<(), OpenaiError> {
        if matches!(self.format, Format::Unknown) {
            let text = chunk.strip_prefix("\u{feff}".as_bytes()).unwrap_or(chunk);
            match text.iter().find(|byte| !byte.is_ascii_whitespace()) {
                None => return Ok(()),
                Some(b'{' | b'[' | b'<') => self.format = Format::Document(Vec::new()),
                Some(_) => self.format = Format::Events(LineEvents::default()),
            }
        }
        match &mut self.format {
            Format::Events(events) => {
                for data in events.push(chunk) {
                    self.data(&data)?;
                }
            }
            Format::Document(bytes) => bytes.extend_from_slice(chunk),
            Format::Unknown => {}
        }
        Ok(())
    }

    fn decode_end(&mut self) -> Result<(), OpenaiError> {
        self.ended = true;
        match &mut self.format {
            Format::Events(events) => match events.end() {
                Some(data) => self.data(&data),
                None => Ok(()),
            },
            Format::Document(bytes) => {
                let text = String::from_utf8_lossy(bytes).into_owned();
                self.document(&text)
            }
            Format::Unknown => Ok(()),
        }
    }

    /// Processes the data of an event.
    fn data(&mut self, data: &str) -> Result<(), OpenaiError> {
        match data.trim() {
            "" => Ok(()),
            "[DONE]" => {
                self.stop.get_or_insert(Stop::Complete);
                self.ended = true;
                Ok(())
            }
            // After the end of the text, errors do not matter.
            data if self.stop.is_some() => {
                match serde_json::from_str(data) {
                    Ok(json) => self.usage = Payload::of(&json).usage.or(self.usage),
                    Err(error) => tracing::warn!(%error, "corrupt data after the text: the usage may be missing"),
                }
                Ok(())
            }
            data => match serde_json::from_str(data) {
                Ok(json) => self.payload(&json),
                Err(error) => Err(OpenaiError::Interrupted { cause: format!("corrupt data: {error}") }),
            },
        }
    }

    /// Processes a response that is not streamed. It is complete if it is valid.
    fn document(&mut self, text: &str) -> Result<(), OpenaiError> {
        match serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')) {
            Ok(json) if json["choices"].is_array() => {
                self.payload(&json)?;
                self.stop.get_or_insert(Stop::Complete);
                Ok(())
            }
            Err(error) if error.is_eof() && text.trim_start().starts_with('{') => Err(truncated()),
            _ => Err(classify::body(200, text, self.response.retry_after, &self.info)),
        }
    }

    fn payload(&mut self, json: &Value) -> Result<(), OpenaiError> {
        let payload = Payload::of(json);
        if let Some(error) = payload.error {
            return Err(classify::error_payload(200, &error, self.response.retry_after, &self.info));
        }
        self.usage = payload.usage.or(self.usage);
        let written = self.thinking.push(&payload.text);
        self.push_text(written.discard, &written.text)?;
        self.stop = payload.stop;
        Ok(())
    }

    fn push_text(&mut self, discard: bool, text: &str) -> Result<(), OpenaiError> {
        if discard {
            self.characters = 0;
            self.ready.push_back(ResponseEvent::Discard);
        }
        if !text.is_empty() {
            self.characters += text.chars().count();
            if self.characters > MAX_CHARACTERS {
                return Err(self.discarded(Excess::Characters(MAX_CHARACTERS)));
            }
            self.ready.push_back(ResponseEvent::Text(text.to_owned()));
        }
        Ok(())
    }

    fn discarded(&self, excess: Excess) -> OpenaiError {
        OpenaiError::Discarded { model: self.info.model.clone(), excess }
    }
}

fn truncated() -> OpenaiError {
    OpenaiError::Interrupted { cause: "ended before the text was complete".to_owned() }
}
