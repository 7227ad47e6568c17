//! Bedrock for tests: answers in the service's own bytes, whole or broken off, and the requests that came.

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

use super::{Client, Options};

/// Stands where Bedrock would. Clients of it are answered in the order in which they ask.
pub(crate) struct Bedrock(StaticReplayClient);

impl Bedrock {
    /// With an answer for each request that will come.
    pub(crate) fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        let event = |answer: Answer| ReplayEvent::new(HttpRequest::empty(), answer.0);
        Self(StaticReplayClient::new(answers.into_iter().map(event).collect()))
    }

    /// A client that is answered from here, in region us-east-1.
    pub(crate) fn client(&self) -> Client {
        let config = config().into_builder().http_client(self.0.clone()).build();
        Client::new(&config, false, &Options::default()).expect("a client")
    }

    /// What came so far.
    pub(crate) fn requests(&self) -> Vec<Sent> {
        let sent = |request: &HttpRequest| Sent {
            path: request.uri().split_once("amazonaws.com").map_or("", |(_, path)| path).to_owned(),
            date: request.headers().get("x-amz-date").unwrap_or_default().to_owned(),
            body: serde_json::from_slice(request.body().bytes().expect("a body in memory")).unwrap_or_default(),
        };
        self.0.actual_requests().map(sent).collect()
    }
}

/// A region, and credentials that need no looking for.
pub(super) fn config() -> SdkConfig {
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// A request as it came.
pub(crate) struct Sent {
    /// Where to.
    pub(crate) path: String,
    /// When it says it was signed ("20261123T062659Z").
    pub(crate) date: String,
    /// The JSON in it; null where it was none.
    pub(crate) body: Value,
}

/// What the service answers to one request.
pub(crate) struct Answer(HttpResponse);

impl Answer {
    fn new(status: u16, kind: &str, body: SdkBody) -> Self {
        let mut response = HttpResponse::new(status.try_into().expect("a status"), body);
        response.headers_mut().insert("content-type", kind.to_owned());
        Self(response)
    }

    /// A stream of events, or of what is left of them.
    pub(crate) fn stream(parts: impl IntoIterator<Item = Part>) -> Self {
        let body = Parts { left: parts.into_iter().collect(), wait: None };
        Self::new(200, "application/vnd.amazon.eventstream", SdkBody::from_body_1_x(body))
    }

    /// A good answer: this text, 100 tokens in, 20 out.
    pub(crate) fn text(text: &str) -> Self {
        Self::stream([event::start(), event::text(text), event::stop("end_turn"), event::metadata(100, 20)])
    }

    /// An exception in place of an answer.
    pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Self {
        let body = json!({ "message": message }).to_string();
        Self::new(status, "application/json", SdkBody::from(body)).header("x-amzn-errortype", code)
    }

    /// Anything at all, as a proxy or another service would answer.
    pub(crate) fn page(status: u16, kind: &str, text: &str) -> Self {
        Self::new(status, kind, SdkBody::from(text))
    }

    /// With one more header.
    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.0.headers_mut().insert(name, value.to_owned());
        self
    }
}

/// A part of an answer on its way.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    /// These bytes arrive.
    Bytes(Vec<u8>),
    /// Nothing arrives for so long.
    Wait(Duration),
    /// Nothing arrives any more, but the connection stays.
    Silence,
    /// The connection is lost.
    Reset,
}

/// The events of a stream, as frames on the wire.
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

    /// An event by name.
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

/// A body that arrives part by part.
struct Parts {
    left: VecDeque<Part>,
    wait: Option<Pin<Box<Sleep>>>,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(context));
                self.wait = None;
            }
            match self.left.pop_front() {
                None => return Poll::Ready(None),
                Some(Part::Bytes(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
                Some(Part::Reset) => return Poll::Ready(Some(Err(io::ErrorKind::ConnectionReset.into()))),
                Some(Part::Wait(duration)) => self.wait = Some(Box::pin(tokio::time::sleep(duration))),
                Some(Part::Silence) => {
                    self.left.push_front(Part::Silence);
                    return Poll::Pending;
                }
            }
        }
    }
}
