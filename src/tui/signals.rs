//! Signals: termination, a closed terminal, and suspending to the shell.

use std::io;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use crate::exit::ExitCode;

/// How long the program may take to exit after the terminal has closed.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(2);

/// The signals that end the review like `quit-now`: every acknowledged decision is stored.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    ends: [tokio::signal::unix::Signal; 3],
    #[cfg(unix)]
    gone: tokio::sync::oneshot::Receiver<()>,
}

#[cfg(unix)]
impl Signals {
    /// Registers the signal handlers.
    ///
    /// # Errors
    /// Returns an error if the system refuses.
    pub fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            ends: [signal(SignalKind::terminate())?, signal(SignalKind::hangup())?, signal(SignalKind::interrupt())?],
            gone: terminal_gone()?,
        })
    }

    /// Waits for a signal, or for the terminal to close.
    pub async fn received(&mut self) {
        let Self { ends: [terminate, hangup, interrupt], gone } = self;
        tokio::select! {
            Ok(()) = gone => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}

/// Watches for the terminal to close. Not every process is sent a signal then, and the event reader sees a closed
/// terminal as one that is always readable.
#[cfg(unix)]
fn terminal_gone() -> io::Result<tokio::sync::oneshot::Receiver<()>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("hang-up".to_owned()).spawn(move || {
        if hung_up(None) {
            // The receiver may be gone.
            let _ = sender.send(());
            // A thread may be blocked on the terminal. Decisions are stored long before the grace period ends.
            std::thread::sleep(GRACE);
            std::process::exit(i32::from(ExitCode::Interrupted as u8));
        }
    })?;
    Ok(receiver)
}

/// Returns true if the terminal has closed.
#[cfg(unix)]
pub fn terminal_is_gone() -> bool {
    hung_up(Some(&rustix::event::Timespec::default()))
}

/// Waits until the terminal has closed or the timeout expires. Returns false if the terminal cannot be watched.
#[cfg(unix)]
fn hung_up(timeout: Option<&rustix::event::Timespec>) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdin = io::stdin();
    // Without requested events, poll returns only on a hang-up or an error.
    let mut watched = [PollFd::new(&stdin, PollFlags::empty())];
    while matches!(poll(&mut watched, timeout), Err(rustix::io::Errno::INTR)) {}
    watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Returns false: a console does not close.
#[cfg(not(unix))]
pub fn terminal_is_gone() -> bool {
    false
}

#[cfg(not(unix))]
impl Signals {
    /// # Errors
    /// Never returns an error.
    pub fn new() -> io::Result<Self> {
        Ok(Self {})
    }

    pub async fn received(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Stops the process until the shell continues it.
///
/// # Errors
/// Returns an error if the system refuses.
#[cfg(unix)]
pub fn suspend() -> io::Result<()> {
    use rustix::process::{Signal, kill_current_process_group};
    Ok(kill_current_process_group(Signal::TSTP)?)
}

/// # Errors
/// Always returns an error: only Unix can suspend a process.
#[cfg(not(unix))]
pub fn suspend() -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "suspending is not supported on this system"))
}
