//! A mock of Bedrock that replays responses in the wire format, complete or interrupted, and records the requests.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_bedrockruntime::config::http::{HttpRequest, HttpResponse};
use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_http_client::test_util::{ReplayEvent, StaticReplayClient};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use http_body::{Body, Frame};
use serde_json::{Value, json};
use tokio::time::Sleep;

use super::client::CredentialsKind;
use super::{Client, Options};

/// Returns its responses in order.
pub(crate) struct MockBedrock(StaticReplayClient);

impl MockBedrock {
    /// `responses` has one for each expected request.
    pub(crate) fn new(responses: impl IntoIterator<Item = MockResponse>) -> Self {
        let event = |response: MockResponse| ReplayEvent::new(HttpRequest::empty(), response.0);
        Self(StaticReplayClient::new(responses.into_iter().map(event).collect()))
    }

    /// Returns a client for region us-east-1.
    pub(crate) fn client(&self) -> Client {
        let config = config().into_builder().http_client(self.0.clone()).build();
        Client::new(&config, CredentialsKind::Default, &Options::default()).expect("a client")
    }

    pub(crate) fn requests(&self) -> Vec<MockRequest> {
        let parsed = |request: &HttpRequest| MockRequest {
            path: request.uri().split_once("amazonaws.com").map_or("", |(_, path)| path).to_owned(),
            date: request.headers().get("x-amz-date").unwrap_or_default().to_owned(),
            body: serde_json::from_slice(request.body().bytes().expect("a body in memory")).unwrap_or_default(),
        };
        self.0.actual_requests().map(parsed).collect()
    }
}

/// Returns a configuration with a region and static credentials.
pub(super) fn config() -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

pub(crate) struct MockRequest {
    pub(crate) path: String,
    /// The time of the signature ("20261123T062659Z").
    pub(crate) date: String,
    /// Null if it was not JSON.
    pub(crate) body: Value,
}

pub(crate) struct MockResponse(HttpResponse);

impl MockResponse {
    fn new(status: u16, content_type: &str, body: SdkBody) -> Self {
        let mut response = HttpResponse::new(status.try_into().expect("a status"), body);
        response.headers_mut().insert("content-type", content_type.to_owned());
        Self(response)
    }

    pub(crate) fn stream(parts: impl IntoIterator<Item = Part>) -> Self {
        let body = Parts { remaining: parts.into_iter().collect(), delay: None };
        Self::new(200, "application/vnd.amazon.eventstream", SdkBody::from_body_1_x(body))
    }

    /// A complete response with 100 input and 20 output tokens.
    pub(crate) fn text(text: &str) -> Self {
        Self::stream([event::start(), event::text(text), event::stop("end_turn"), event::metadata(100, 20)])
    }

    pub(crate) fn exception(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "message": message }).to_string();
        Self::new(status, "application/json", SdkBody::from(body)).header("x-amzn-errortype", code)
    }

    /// Any other response, such as the page of a proxy.
    pub(crate) fn raw(status: u16, content_type: &str, text: &str) -> Self {
        Self::new(status, content_type, SdkBody::from(text))
    }

    /// An error whose body repeats the chunk without end.
    pub(crate) fn endless(status: u16, chunk: Vec<u8>) -> Self {
        let body = Parts { remaining: [Part::Repeat(chunk.into())].into(), delay: None };
        Self::new(status, "application/json", SdkBody::from_body_1_x(body))
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.to_owned());
        self
    }
}

/// A part of a streamed body.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Bytes(Vec<u8>),
    /// Bytes repeated without end.
    Repeat(Bytes),
    /// A pause before the next part.
    Delay(Duration),
    /// The connection stays open without data.
    Stall,
    /// The connection is reset.
    Reset,
}

/// The events of a stream, as frames.
pub(crate) mod event {
    use super::*;

    fn frame(headers: [(&'static str, &str); 2], payload: &Value) -> Part {
        let mut message = Message::new(payload.to_string().into_bytes())
            .add_header(Header::new(":content-type", HeaderValue::String("application/json".into())));
        for (name, value) in headers {
            message = message.add_header(Header::new(name, HeaderValue::String(value.to_owned().into())));
        }
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).expect("a frame");
        Part::Bytes(bytes)
    }

    pub(crate) fn any(name: &str, payload: &Value) -> Part {
        frame([(":message-type", "event"), (":event-type", name)], payload)
    }

    pub(crate) fn start() -> Part {
        any("messageStart", &json!({ "role": "assistant" }))
    }

    pub(crate) fn text(text: &str) -> Part {
        any("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": text } }))
    }

    pub(crate) fn thinking(text: &str) -> Part {
        let delta = json!({ "reasoningContent": { "text": text } });
        any("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": delta }))
    }

    pub(crate) fn stop(reason: &str) -> Part {
        any("messageStop", &json!({ "stopReason": reason }))
    }

    pub(crate) fn metadata(input: u32, output: u32) -> Part {
        let usage = json!({ "inputTokens": input, "outputTokens": output, "totalTokens": input + output });
        any("metadata", &json!({ "usage": usage, "metrics": { "latencyMs": 1200 } }))
    }

    pub(crate) fn exception(name: &str, message: &str) -> Part {
        frame([(":message-type", "exception"), (":exception-type", name)], &json!({ "message": message }))
    }
}

struct Parts {
    remaining: VecDeque<Part>,
    delay: Option<Pin<Box<Sleep>>>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(delay) = &mut self.delay {
                ready!(delay.as_mut().poll(context));
                self.delay = None;
            }
            match self.remaining.pop_front() {
                None => return Poll::Ready(None),
                Some(Part::Bytes(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
                Some(Part::Repeat(bytes)) => {
                    self.remaining.push_front(Part::Repeat(bytes.clone()));
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
                Some(Part::Reset) => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
                Some(Part::Delay(duration)) => self.delay = Some(Box::pin(tokio::time::sleep(duration))),
                Some(Part::Stall) => {
                    self.remaining.push_front(Part::Stall);
                    return Poll::Pending;
                }
            }
        }
    }
}
