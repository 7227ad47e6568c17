//! Signals: being asked to end, and stopping until the shell goes on.

use std::io;

/// The signals that end the review as if the operator had left: everything acknowledged is stored.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    ends: [tokio::signal::unix::Signal; 3],
}

#[cfg(unix)]
impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            ends: [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?],
        })
    }

    /// Waits for one.
    pub async fn received(&mut self) {
        let [terminate, hangup, interrupt] = &mut self.ends;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// Never.
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    /// Waits for the console's interrupt.
    pub async fn received(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Stops the program until the shell continues it.
///
/// # Errors
/// Where the system refuses, or knows no such thing.
#[cfg(unix)]
pub fn suspend() -> io::Result<()> {
    use rustix::process::{Signal, kill_current_process_group};
    Ok(kill_current_process_group(Signal::TSTP)?)
}

/// Stops the program until the shell continues it.
///
/// # Errors
/// Always: there is no such thing here.
#[cfg(not(unix))]
pub fn suspend() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system cannot suspend a program"))
}
