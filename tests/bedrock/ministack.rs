//! The same program against a service and a faulty network that somebody else wrote: MiniStack answers as Bedrock does
//! (PyPI `ministack`), microburst stands before it and breaks things (PyPI `microburst`).
//!
//! `RECAPTION_MINISTACK` and `RECAPTION_MICROBURST` name their executables; `.ci/run` provides them. Where there are
//! none, the tests say that they are skipped.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::world::World;

/// A server of somebody else's, stopped when it is dropped.
pub struct Theirs {
    child: Child,
    port: u16,
}

impl Theirs {
    /// Starts the executable a variable names, and waits until it listens. Without one, says that the test is skipped.
    fn start(variable: &str, prepare: impl FnOnce(&mut Command, u16)) -> Option<Self> {
        let Some(executable) = std::env::var(variable).ok().filter(|path| !path.is_empty()) else {
            // Past the test harness, which keeps to itself what passing tests print.
            let _ = writeln!(std::io::stderr().lock(), "SKIPPED: {variable} names no executable");
            return None;
        };
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a port").port();
        let mut command = Command::new(executable);
        prepare(&mut command, port);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let started = Self { child: child.expect("it starts"), port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "{variable} does not listen");
            std::thread::yield_now();
        }
        Some(started)
    }

    /// MiniStack, if there is one.
    pub fn ministack() -> Option<Self> {
        Self::start("RECAPTION_MINISTACK", |command, port| {
            // Without the second, it listens to the whole network.
            command.env("GATEWAY_PORT", port.to_string()).env("BIND_HOST", "127.0.0.1");
        })
    }

    fn microburst(upstream: &str) -> Option<Self> {
        Self::start("RECAPTION_MICROBURST", |command, port| {
            command.args(["--upstream", upstream, "--host", "127.0.0.1", "--port", &port.to_string()]);
        })
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has microburst break requests by these rules, the first that matches.
    fn set_rules(&self, rules: &serde_json::Value) {
        let body = rules.to_string();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        write!(
            stream,
            "POST /_microburst/rules HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_describes() {
    let Some(service) = Theirs::ministack() else { return };
    let world = World::new(6, &service.url());
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(6), 0), "{table}");
    assert!(world.candidates().iter().all(|(_, text, _)| !text.trim().is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_faulty_network_nothing_is_lost_and_nothing_done_twice() {
    let Some(service) = Theirs::ministack() else { return };
    let Some(faults) = Theirs::microburst(&service.url()) else { return };
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
    // MiniStack's texts end with a number sign and eight digits that tell the question.
    let whole = |text: &str| text.rsplit_once('#').is_some_and(|(_, digits)| digits.len() == 8);
    assert!(candidates.iter().all(|(_, text, _)| whole(text)), "no fragment among them: {candidates:?}");
}
