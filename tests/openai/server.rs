//! A server that sends exact bytes, in pieces, and records the requests.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// What the server does in response to a request. Afterwards it closes the connection.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pieces: Vec<Piece>,
    /// Reset the connection instead of closing it in order.
    reset: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Bytes(Vec<u8>),
    Pause(Duration),
}

impl Reply {
    /// A response with this body.
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::header(status, &[("content-type", content_type)]).then(body)
    }

    /// A header without length, so that the body ends with the connection.
    pub fn header(status: u16, headers: &[(&str, &str)]) -> Self {
        let mut text = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
        for (name, value) in headers {
            text.extend([*name, ": ", *value, "\r\n"]);
        }
        Self::default().then(text + "\r\n")
    }

    /// A response that is streamed; each of the texts is one event.
    pub fn events(data: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut body = String::new();
        for data in data {
            body.extend(["data: ", data.as_ref(), "\n\n"]);
        }
        Self::new(200, "text/event-stream", body)
    }

    /// A complete response, as OpenAI sends it.
    pub fn text(text: &str) -> Self {
        let mut events = vec![json!({ "choices": [{ "index": 0, "delta": { "role": "assistant", "content": "" } }] })];
        events.extend(text.split_inclusive(' ').map(delta));
        events.push(finish("stop"));
        events.push(json!({ "choices": [], "usage": { "prompt_tokens": 1_500, "completion_tokens": 60 } }));
        let events = events.iter().map(ToString::to_string);
        Self::events(events.chain(["[DONE]".to_owned()]))
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", body.to_string())
    }

    pub fn error(status: u16, message: &str) -> Self {
        Self::json(status, &json!({ "error": { "message": message, "type": "invalid_request_error" } }))
    }

    pub fn then(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.pieces.push(Piece::Bytes(bytes.into()));
        self
    }

    /// Appends the pieces of another reply.
    pub fn joined(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self.reset |= other.reset;
        self
    }

    pub fn pause(mut self, duration: Duration) -> Self {
        self.pieces.push(Piece::Pause(duration));
        self
    }

    pub fn reset(mut self) -> Self {
        self.reset = true;
        self
    }
}

/// A chunk with text.
pub fn delta(text: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": { "content": text }, "finish_reason": null }] })
}

/// A chunk with a reason for the end.
pub fn finish(reason: &str) -> Value {
    json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": reason }] })
}

#[derive(Clone, Debug)]
pub struct ReceivedRequest {
    /// Method and path.
    pub line: String,
    pub authorization: Option<String>,
    /// The names, in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// Null if there is none.
    pub body: Value,
}

impl ReceivedRequest {
    /// Returns the text of the prompt.
    pub fn text(&self) -> String {
        self.parts().iter().filter_map(|part| part["text"].as_str()).collect()
    }

    /// Returns the image as a data URI.
    pub fn image(&self) -> String {
        let parts = self.parts();
        parts.iter().find_map(|part| part["image_url"]["url"].as_str()).unwrap_or_default().to_owned()
    }

    fn parts(&self) -> Vec<Value> {
        let messages = self.body["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().flat_map(|message| message["content"].as_array().cloned().unwrap_or_default()).collect()
    }
}

type Script = dyn Fn(usize, &ReceivedRequest) -> Reply + Send + Sync;

struct State {
    script: Box<Script>,
    models: Reply,
    requests: Mutex<Vec<ReceivedRequest>>,
}

/// Stopped on drop.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts a server with one model on a free port. `script` receives the number of the request for a description, from
    /// zero, and the request.
    pub async fn start(script: impl Fn(usize, &ReceivedRequest) -> Reply + Send + Sync + 'static) -> Self {
        Self::with_models(Reply::json(200, &json!({ "object": "list", "data": [{ "id": "llava" }] })), script).await
    }

    pub async fn with_models(
        models: Reply,
        script: impl Fn(usize, &ReceivedRequest) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State { script: Box::new(script), models, requests: Mutex::default() });
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&shared)));
            }
        });
        Self { address, state, accepting }
    }

    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Returns the requests for descriptions.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.requests.lock().expect("no panic under the lock").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn serve(mut stream: TcpStream, state: Arc<State>) {
    let Some(request) = read(&mut stream).await else { return };
    let reply = match &*request.line {
        "GET /v1/models" => state.models.clone(),
        "POST /v1/chat/completions" => {
            let number = {
                let mut all = state.requests.lock().expect("no panic under the lock");
                all.push(request.clone());
                all.len() - 1
            };
            (state.script)(number, &request)
        }
        other => Reply::error(404, &format!("no {other}")),
    };
    for piece in reply.pieces {
        match piece {
            Piece::Pause(duration) => sleep(duration).await,
            // Fails if the client disconnects.
            Piece::Bytes(bytes) => {
                let _ = stream.write_all(&bytes).await;
                let _ = stream.flush().await;
            }
        }
    }
    if reply.reset {
        let _ = stream.set_zero_linger();
    }
}

async fn read(stream: &mut TcpStream) -> Option<ReceivedRequest> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let header = |name: &str| {
        let of = |line: &str| {
            line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|it| it.1.to_owned())
        };
        head.lines().find_map(of)
    };
    let length = header("content-length").map_or(0, |length| length.parse().expect("a length"));
    while bytes.len() < end + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    Some(ReceivedRequest {
        line: head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned(),
        authorization: header("authorization"),
        headers: head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: serde_json::from_slice(&bytes[end..]).unwrap_or_default(),
    })
}
