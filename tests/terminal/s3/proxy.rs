//! A proxy that records requests and responses, and loses or holds them.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

/// Only a failing test waits this long.
const TIMEOUT: Duration = Duration::from_secs(30);

#[derive(Default)]
struct State {
    requests: Vec<String>,
    responses: Vec<String>,
    /// The beginning of the request whose response is lost.
    lost: Option<&'static str>,
    /// The beginning of requests that do not reach the server.
    held: Option<&'static str>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }
}

pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    pub fn start(server: &str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let (server, of) = (server.trim_start_matches("http://").to_owned(), Arc::clone(&shared));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, shared) = (TcpStream::connect(&server).expect("the server"), Arc::clone(&of));
                thread::spawn(move || serve(client, server, &shared));
            }
        });
        Self { port, shared }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Closes the connection in place of the response to the next request that begins like this.
    pub fn lose_response_to(&self, beginning: &'static str) {
        self.shared.state().lost = Some(beginning);
    }

    /// Keeps requests that begin like this from the server.
    pub fn hold(&self, beginning: &'static str) {
        self.shared.state().held = Some(beginning);
    }

    pub fn release(&self) {
        self.shared.state().held = None;
    }

    /// Waits for a request that begins like this.
    pub fn wait_for(&self, beginning: &str) {
        let is_missing = |state: &mut State| !state.requests.iter().any(|request| request.starts_with(beginning));
        let waited = self.shared.changed.wait_timeout_while(self.shared.state(), TIMEOUT, is_missing);
        assert!(!waited.expect("no panic").1.timed_out(), "no request {beginning}");
    }

    /// Returns the first lines of all responses.
    pub fn responses(&self) -> Vec<String> {
        self.shared.state().responses.clone()
    }
}

/// Passes on one connection, a request and its response at a time.
fn serve(mut client: TcpStream, mut server: TcpStream, shared: &Arc<Shared>) {
    let mut responses = server.try_clone().expect("a handle");
    let (mut to_client, of_responses) = (client.try_clone().expect("a handle"), Arc::clone(shared));
    let is_lost = Arc::new(Mutex::new(false));
    let loses = Arc::clone(&is_lost);
    let back = thread::spawn(move || {
        let mut block = vec![0; 1 << 16];
        while let Ok(read @ 1..) = responses.read(&mut block) {
            if block.starts_with(b"HTTP/1.1 ") {
                let line = String::from_utf8_lossy(&block[..read]).lines().next().unwrap_or_default().to_owned();
                of_responses.state().responses.push(line);
            }
            if *loses.lock().expect("no panic") || to_client.write_all(&block[..read]).is_err() {
                break;
            }
        }
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut block = vec![0; 1 << 16];
    while let Ok(read @ 1..) = client.read(&mut block) {
        let mut state = shared.state();
        let begins = |beginning: Option<&str>| beginning.is_some_and(|with| block.starts_with(with.as_bytes()));
        if [&b"GET "[..], b"PUT ", b"HEAD ", b"POST ", b"DELETE "].iter().any(|method| block.starts_with(method)) {
            let line = String::from_utf8_lossy(&block[..read]).lines().next().unwrap_or_default().to_owned();
            state.requests.push(line);
            shared.changed.notify_all();
        }
        if begins(state.held) {
            continue;
        }
        if begins(state.lost) {
            state.lost = None;
            *is_lost.lock().expect("no panic") = true;
        }
        drop(state);
        if server.write_all(&block[..read]).is_err() {
            break;
        }
    }
    let _ = server.shutdown(Shutdown::Write);
    let _ = back.join();
}
