//! A mock of Bedrock: sends the responses of a script in the wire format, and records the requests.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::Bytes;
use futures::StreamExt as _;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

#[derive(Clone, Debug)]
pub enum Reply {
    /// A complete text, in pieces and after a delay.
    Text { pieces: Vec<String>, after: Duration, stop: &'static str },
    /// A complete text with the tokens in and out.
    Counted { text: String, usage: (u64, u64) },
    /// A tool call after some text, its input in pieces.
    Tool { text: String, input: Vec<String>, stop: &'static str },
    /// An interrupted text: the stream ends with an exception or without a stop event.
    Fragment { pieces: Vec<String>, exception: Option<&'static str> },
    /// An HTTP error. `code` is the name of the exception.
    Error { status: u16, code: &'static str, message: String },
    /// A response of another service.
    Body { status: u16, header: (&'static str, &'static str), body: String },
    /// Closes the connection without a response.
    Reset,
}

impl Reply {
    pub fn text(text: &str) -> Self {
        Self::Text { pieces: pieces(text), after: Duration::ZERO, stop: "end_turn" }
    }

    pub fn throttled() -> Self {
        let message = "Too many requests, please wait before trying again.".to_owned();
        Self::Error { status: 429, code: "ThrottlingException", message }
    }
}

fn pieces(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// From the path.
    pub model: String,
    pub body: Value,
    pub path: String,
    /// The header with the signature or the API key.
    pub authorization: String,
    /// The time since the start of the server.
    pub at: Duration,
}

impl ReceivedRequest {
    /// Returns the system prompt.
    pub fn system(&self) -> String {
        let blocks = self.body["system"].as_array().cloned().unwrap_or_default();
        blocks.iter().filter_map(|block| block["text"].as_str()).collect()
    }

    pub fn temperature(&self) -> Option<f64> {
        self.body["inferenceConfig"]["temperature"].as_f64().map(|value| (value * 100.0).round() / 100.0)
    }

    /// Returns the text of the user message.
    pub fn text(&self) -> String {
        let content = self.body["messages"][0]["content"].as_array().cloned().unwrap_or_default();
        content.iter().filter_map(|block| block["text"].as_str()).collect()
    }
}

type Script = dyn Fn(usize, &ReceivedRequest) -> Reply + Send + Sync;

struct State {
    script: Box<Script>,
    sts_in_script: bool,
    requests: Mutex<Vec<ReceivedRequest>>,
    start: Instant,
    tokens: (u64, u64),
}

/// Stopped on drop.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts a server on a free port. `script` receives the number of the request, from zero, and the request. Requests to
    /// STS are answered, but not recorded.
    pub async fn start(script: impl Fn(usize, &ReceivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(script, false).await
    }

    /// Starts a server whose script also receives the requests to STS.
    pub async fn start_with_sts(script: impl Fn(usize, &ReceivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_with(script, true).await
    }

    async fn start_with(
        script: impl Fn(usize, &ReceivedRequest) -> Reply + Send + Sync + 'static,
        sts_in_script: bool,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            script: Box::new(script),
            sts_in_script,
            requests: Mutex::default(),
            start: Instant::now(),
            tokens: (1_500, 60),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| respond(Arc::clone(&state), request));
                    // Fails if the client disconnects.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, state, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.requests.lock().expect("no panic under the lock").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Body = BoxBody<Bytes, Closed>;

/// Makes hyper close the connection.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Closed {}

async fn respond(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Closed> {
    let path = request.uri().path().to_owned();
    let model = path.trim_start_matches("/model/").split('/').next().unwrap_or_default().replace("%3A", ":");
    let authorization = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let authorization = authorization.unwrap_or_default().to_owned();
    let body = request.into_body().collect().await.map_err(|_| Closed)?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let request = ReceivedRequest { model, body, path, authorization, at: state.start.elapsed() };
    if request.path == "/" && !state.sts_in_script {
        return reply(&state, 0, identity());
    }
    let number = {
        let mut all = state.requests.lock().expect("no panic under the lock");
        all.push(request.clone());
        all.len() - 1
    };
    reply(&state, number, (state.script)(number, &request))
}

/// The response of STS.
pub fn identity() -> Reply {
    let body = "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
                <Arn>arn:aws:iam::123456789012:user/mina</Arn><UserId>AIDA</UserId><Account>123456789012</Account>\
                </GetCallerIdentityResult></GetCallerIdentityResponse>";
    Reply::Body { status: 200, header: ("content-type", "text/xml"), body: body.to_owned() }
}

fn reply(state: &State, number: usize, reply: Reply) -> Result<Response<Body>, Closed> {
    match reply {
        Reply::Reset => Err(Closed),
        Reply::Body { status, header, body } => {
            let body = http_body_util::Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {}).boxed();
            Ok(Response::builder().status(status).header(header.0, header.1).body(body).expect("a response"))
        }
        Reply::Error { status, code, message } => {
            let body = http_body_util::Full::new(Bytes::from(json!({ "message": message }).to_string()));
            Ok(Response::builder()
                .status(status)
                .header("x-amzn-errortype", code)
                .header("x-amzn-requestid", format!("request-{number}"))
                .header("content-type", "application/json")
                .body(body.map_err(|never: Infallible| match never {}).boxed())
                .expect("a response"))
        }
        Reply::Text { pieces, after, stop } => Ok(streamed(complete(&pieces, stop, state.tokens), after, number)),
        Reply::Tool { text, input, stop } => {
            Ok(streamed(called(&text, &input, stop, state.tokens), Duration::ZERO, number))
        }
        Reply::Counted { text, usage } => {
            Ok(streamed(complete(&pieces(&text), "end_turn", usage), Duration::ZERO, number))
        }
        Reply::Fragment { pieces, exception } => {
            let mut frames = message_start();
            frames.extend(pieces.iter().map(|piece| delta(piece)));
            frames.extend(exception.map(self::exception));
            Ok(streamed(frames, Duration::ZERO, number))
        }
    }
}

/// The frames of a complete response.
fn complete(pieces: &[String], stop: &str, usage: (u64, u64)) -> Vec<Bytes> {
    let mut frames = message_start();
    frames.extend(pieces.iter().map(|piece| delta(piece)));
    frames.push(event("contentBlockStop", &json!({ "contentBlockIndex": 0 })));
    frames.extend(message_end(stop, usage));
    frames
}

/// The frames of a response with a tool call.
fn called(text: &str, input: &[String], stop: &str, usage: (u64, u64)) -> Vec<Bytes> {
    let mut frames = message_start();
    frames.push(delta(text));
    frames.push(event("contentBlockStop", &json!({ "contentBlockIndex": 0 })));
    let call = json!({ "toolUse": { "toolUseId": "tooluse_QwErTy", "name": "response" } });
    frames.push(event("contentBlockStart", &json!({ "contentBlockIndex": 1, "start": call })));
    frames.extend(input.iter().map(|piece| {
        let delta = json!({ "toolUse": { "input": piece } });
        event("contentBlockDelta", &json!({ "contentBlockIndex": 1, "delta": delta }))
    }));
    frames.push(event("contentBlockStop", &json!({ "contentBlockIndex": 1 })));
    frames.extend(message_end(stop, usage));
    frames
}

fn message_end(stop: &str, (input, output): (u64, u64)) -> [Bytes; 2] {
    let usage = json!({ "inputTokens": input, "outputTokens": output, "totalTokens": input + output });
    [
        event("messageStop", &json!({ "stopReason": stop })),
        event("metadata", &json!({ "usage": usage, "metrics": { "latencyMs": 1 } })),
    ]
}

fn message_start() -> Vec<Bytes> {
    vec![event("messageStart", &json!({ "role": "assistant" }))]
}

fn delta(text: &str) -> Bytes {
    event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": text } }))
}

fn streamed(frames: Vec<Bytes>, after: Duration, number: usize) -> Response<Body> {
    let frames = futures::stream::iter(frames.into_iter().enumerate()).then(move |(index, frame)| async move {
        if index == 0 {
            sleep(after).await;
        }
        Ok(Frame::data(frame))
    });
    Response::builder()
        .header("content-type", "application/vnd.amazon.eventstream")
        .header("x-amzn-requestid", format!("request-{number}"))
        .body(BodyExt::boxed(StreamBody::new(frames)))
        .expect("a response")
}

fn event(name: &str, payload: &Value) -> Bytes {
    frame(":event-type", name, "event", payload)
}

fn exception(name: &str) -> Bytes {
    frame(":exception-type", name, "exception", &json!({ "message": "on purpose" }))
}

fn frame(kind: &'static str, name: &str, message_type: &'static str, payload: &Value) -> Bytes {
    let text = |text: &str| HeaderValue::String(text.to_owned().into());
    let message = Message::new(payload.to_string())
        .add_header(Header::new(":message-type", text(message_type)))
        .add_header(Header::new(kind, text(name)))
        .add_header(Header::new(":content-type", text("application/json")));
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).expect("a frame");
    bytes.into()
}
