//! Tests against third-party servers: MiniStack emulates Bedrock (PyPI `ministack`), and microburst is a proxy that injects
//! faults (PyPI `microburst`).
//!
//! `RECAPTION_MINISTACK` and `RECAPTION_MICROBURST` are the paths of their executables, which `.ci/run` sets. Without them,
//! the tests are skipped with a message.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;

/// A third-party server, killed on drop.
pub struct ExternalServer {
    child: Child,
    port: u16,
}

impl ExternalServer {
    /// Starts the executable in `variable` and waits until it listens. Returns `None` if the variable is unset.
    fn start(variable: &str, prepare: impl FnOnce(&mut Command, u16)) -> Option<Self> {
        let Some(executable) = std::env::var(variable).ok().filter(|path| !path.is_empty()) else {
            // Written to the handle, because the test harness captures the output of macros.
            let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {variable} is not set");
            return None;
        };
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = Command::new(executable);
        prepare(&mut command, port);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let started = Self { child: child.expect("a child process"), port };
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_mins(1), "{variable} does not listen");
            std::thread::yield_now();
        }
        Some(started)
    }

    pub fn ministack() -> Option<Self> {
        Self::start("RECAPTION_MINISTACK", |command, port| {
            // The default of BIND_HOST is all interfaces.
            command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
        })
    }

    fn microburst(upstream: &str) -> Option<Self> {
        Self::start("RECAPTION_MICROBURST", |command, port| {
            command.args(["--upstream", upstream, "--host", "127.0.0.1", "--port", &port.to_string()]);
        })
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sets the rules of microburst; the first match applies.
    fn set_rules(&self, rules: &serde_json::Value) {
        let body = rules.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        write!(
            stream,
            "POST /_microburst/rules HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        assert!(response.starts_with("HTTP/1.1 2"), "{response}");
    }
}

impl Drop for ExternalServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_describes_images() {
    let Some(service) = ExternalServer::ministack() else { return };
    let world = World::new(6, &service.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(6), 0), "{table}");
    assert!(world.candidates().iter().all(|(_, text, _)| !text.trim().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_faulty_network_causes_no_loss_and_no_repetition() {
    let Some(service) = ExternalServer::ministack() else { return };
    let Some(faults) = ExternalServer::microburst(&service.url()) else { return };
    let error = |code: &str, status: u16| json!({ "service": "bedrock", "times": 1, "error": { "code": code, "status": status } });
    let response = |fault: serde_json::Value| json!({ "service": "bedrock", "times": 1, "response": fault });
    faults.set_rules(&json!([
        error("ThrottlingException", 429),
        error("ServiceUnavailableException", 503),
        error("InternalServerException", 500),
        error("ModelTimeoutException", 408),
        { "service": "bedrock", "times": 1, "reset": true },
        { "service": "bedrock", "times": 1, "latency": 700 },
        response(json!({ "truncate_frac": 0.5 })),
        response(json!({ "abort_frac": 0.5 })),
        response(json!({ "event_frames": [{ "at": 2, "bad_crc": true }] })),
        response(json!({ "corrupt_bytes": 5 })),
    ]));
    let world = World::new(12, &faults.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(12), 0), "{table}");
    let candidates = world.candidates();
    let names: std::collections::BTreeSet<&String> = candidates.iter().map(|(name, ..)| name).collect();
    assert_eq!((candidates.len(), names.len()), (12, 12));
    // MiniStack's responses end with `#` and eight digits derived from the request.
    let complete = |text: &str| text.rsplit_once('#').is_some_and(|(_, digits)| digits.len() == 8);
    assert!(candidates.iter().all(|(_, text, _)| complete(text)), "no partial text: {candidates:?}");
}
