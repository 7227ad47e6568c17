//! Third-party servers, each a process of its own. Their executables are named by variables that `.ci/run` sets. Without
//! them, the tests are skipped with a message.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A third-party server, killed on drop.
pub struct ExternalServer {
    child: Child,
    port: u16,
}

impl ExternalServer {
    /// Starts the executable in `variable` and waits until it listens. Returns `None` if the variable is unset.
    pub fn start(variable: &str, prepare: impl FnOnce(&mut Command, u16)) -> Option<Self> {
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

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Sends a request and returns the body of the response.
    pub fn call(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a connection");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
             content-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("a request");
        let mut response = String::new();
        stream.read_to_string(&mut response).expect("a response");
        assert!(response.starts_with("HTTP/1.1 2"), "{response}");
        response.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default()
    }
}

impl Drop for ExternalServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
