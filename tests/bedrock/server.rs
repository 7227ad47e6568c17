//! A service that speaks Bedrock's protocol and does what the test tells it: it answers with real frames, has a quota,
//! breaks off, keeps silent, and writes down what it was asked.

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

/// What the service says to one request.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A text in pieces, after a while, ended by a stop reason.
    Text { pieces: Vec<String>, after: Duration, stop: &'static str },
    /// Pieces of a text, and then the end of the stream, in good order or as an exception.
    Fragment { pieces: Vec<String>, exception: Option<&'static str> },
    /// An HTTP error: status, exception and message.
    Error { status: u16, code: &'static str, message: String },
    /// The connection is closed without an answer.
    Reset,
}

impl Reply {
    /// A text that comes at once.
    pub fn text(text: &str) -> Self {
        Self::Text { pieces: pieces(text), after: Duration::ZERO, stop: "end_turn" }
    }

    /// The refusal of a quota.
    pub fn throttled() -> Self {
        let message = "Too many requests, please wait before trying again.".to_owned();
        Self::Error { status: 429, code: "ThrottlingException", message }
    }
}

/// A text in words.
fn pieces(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The model in its address.
    pub model: String,
    /// Its body.
    pub body: Value,
    /// When it came, from the start of the service.
    pub at: Duration,
}

impl Asked {
    /// The text of the question.
    pub fn text(&self) -> String {
        let content = self.body["messages"][0]["content"].as_array().cloned().unwrap_or_default();
        content.iter().filter_map(|block| block["text"].as_str()).collect()
    }
}

type Script = dyn Fn(usize, &Asked) -> Reply + Send + Sync;

struct State {
    script: Box<Script>,
    asked: Mutex<Vec<Asked>>,
    begun: Instant,
    tokens: (u64, u64),
}

/// The service, while it is held.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// A service on a port of its own that answers by the script: the number of the request, from zero, and what it is.
    pub async fn start(script: impl Fn(usize, &Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State {
            script: Box::new(script),
            asked: Mutex::default(),
            begun: Instant::now(),
            tokens: (1_500, 60),
        });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                tokio::spawn(async move {
                    let service = service_fn(move |request| answer(Arc::clone(&state), request));
                    // A client that goes away is no concern of the service.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { address, state, accepting }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().expect("no panic under the lock").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Body = BoxBody<Bytes, Broken>;

/// The connection is closed in mid-answer.
#[derive(Debug)]
struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("closed on purpose")
    }
}

impl std::error::Error for Broken {}

async fn answer(state: Arc<State>, request: Request<Incoming>) -> Result<Response<Body>, Broken> {
    let path = request.uri().path().to_owned();
    let model = path.trim_start_matches("/model/").split('/').next().unwrap_or_default().replace("%3A", ":");
    let body = request.into_body().collect().await.map_err(|_| Broken)?.to_bytes();
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let asked = Asked { model, body, at: state.begun.elapsed() };
    let number = {
        let mut all = state.asked.lock().expect("no panic under the lock");
        all.push(asked.clone());
        all.len() - 1
    };
    match (state.script)(number, &asked) {
        Reply::Reset => Err(Broken),
        Reply::Error { status, code, message } => {
            let body = http_body_util::Full::new(Bytes::from(json!({ "message": message }).to_string()));
            Ok(Response::builder()
                .status(status)
                .header("x-amzn-errortype", code)
                .header("content-type", "application/json")
                .body(body.map_err(|never: Infallible| match never {}).boxed())
                .expect("a response"))
        }
        Reply::Text { pieces, after, stop } => {
            let mut frames = opening();
            frames.extend(pieces.iter().map(|piece| delta(piece)));
            frames.push(event("contentBlockStop", &json!({ "contentBlockIndex": 0 })));
            frames.push(event("messageStop", &json!({ "stopReason": stop })));
            let (input, output) = state.tokens;
            let usage = json!({ "inputTokens": input, "outputTokens": output, "totalTokens": input + output });
            frames.push(event("metadata", &json!({ "usage": usage, "metrics": { "latencyMs": 1 } })));
            Ok(streamed(frames, after))
        }
        Reply::Fragment { pieces, exception } => {
            let mut frames = opening();
            frames.extend(pieces.iter().map(|piece| delta(piece)));
            frames.extend(exception.map(self::exception));
            Ok(streamed(frames, Duration::ZERO))
        }
    }
}

fn opening() -> Vec<Bytes> {
    vec![event("messageStart", &json!({ "role": "assistant" }))]
}

fn delta(text: &str) -> Bytes {
    event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": text } }))
}

fn streamed(frames: Vec<Bytes>, after: Duration) -> Response<Body> {
    let frames = futures::stream::iter(frames.into_iter().enumerate()).then(move |(place, frame)| async move {
        if place == 0 {
            sleep(after).await;
        }
        Ok(Frame::data(frame))
    });
    Response::builder()
        .header("content-type", "application/vnd.amazon.eventstream")
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
