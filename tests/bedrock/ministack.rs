//! The same program against a service that somebody else wrote: MiniStack (PyPI `ministack`).
//!
//! `RECAPTION_MINISTACK` names its executable; `.ci/run` provides one. Where there is none, the test says that it is
//! skipped.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::world::World;

/// MiniStack, stopped when it is dropped.
struct MiniStack {
    child: Child,
    port: u16,
}

impl MiniStack {
    fn start(executable: &str) -> Self {
        let port = TcpListener::bind(("127.0.0.1", 0)).and_then(|free| free.local_addr()).expect("a port").port();
        let child = Command::new(executable)
            .env("GATEWAY_PORT", port.to_string())
            .env("BIND_HOST", "127.0.0.1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("MiniStack starts");
        let started = Self { child, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_mins(1), "MiniStack does not listen");
            std::thread::yield_now();
        }
        started
    }
}

impl Drop for MiniStack {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_describes() {
    let Some(executable) = std::env::var("RECAPTION_MINISTACK").ok().filter(|path| !path.is_empty()) else {
        // Past the test harness, which keeps what passing tests print to itself.
        let _ = writeln!(std::io::stderr().lock(), "SKIPPED: RECAPTION_MINISTACK names no MiniStack (PyPI ministack)");
        return;
    };
    let service = MiniStack::start(&executable);
    let world = World::new(6, &format!("http://127.0.0.1:{}", service.port));
    let (table, code) = world.generate(&["--model", "claude-sonnet-4-6"]).await;
    assert_eq!((table["described"].as_u64(), code), (Some(6), 0), "{table}");
    assert!(world.candidates().iter().all(|(_, text, _)| !text.trim().is_empty()));
}
