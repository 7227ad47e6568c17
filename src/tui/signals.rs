//! Signals: being asked to end, and stopping until the shell goes on.

use std::io;
#[cfg(unix)]
use std::time::Duration;

#[cfg(unix)]
use crate::exit::ExitCode;

/// How long the review may take to end once the terminal has gone away.
#[cfg(unix)]
const GRACE: Duration = Duration::from_secs(2);

/// The signals that end the review as if the operator had left: everything acknowledged is stored.
#[derive(Debug)]
pub struct Signals {
    #[cfg(unix)]
    ends: [tokio::signal::unix::Signal; 3],
    #[cfg(unix)]
    gone: tokio::sync::oneshot::Receiver<()>,
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
            gone: terminal_gone()?,
        })
    }

    /// Waits for one.
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

/// Tells when the terminal has gone away. Not everyone is sent a signal then, and for the reader of keys a terminal that
/// is gone is one that has something to say again and again.
#[cfg(unix)]
fn terminal_gone() -> io::Result<tokio::sync::oneshot::Receiver<()>> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    std::thread::Builder::new().name("hang-up".to_owned()).spawn(move || {
        if hung_up(None) {
            // Whoever listened may have left already.
            let _ = sender.send(());
            // Whatever still waits for it waits in vain. What was decided has long been stored when the time is up.
            std::thread::sleep(GRACE);
            std::process::exit(i32::from(ExitCode::Interrupted as u8));
        }
    })?;
    Ok(receiver)
}

/// Whether the terminal has gone away.
#[cfg(unix)]
pub fn terminal_is_gone() -> bool {
    hung_up(Some(&rustix::event::Timespec::default()))
}

/// Waits until the terminal has gone away, or the time is up. Where terminals cannot be watched, it never has.
#[cfg(unix)]
fn hung_up(patience: Option<&rustix::event::Timespec>) -> bool {
    use rustix::event::{PollFd, PollFlags, poll};
    let stdin = io::stdin();
    // Asked for nothing, it returns only when there is nothing more to come.
    let mut watched = [PollFd::new(&stdin, PollFlags::empty())];
    while matches!(poll(&mut watched, patience), Err(rustix::io::Errno::INTR)) {}
    watched[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Whether the terminal has gone away: a console does not.
#[cfg(not(unix))]
pub fn terminal_is_gone() -> bool {
    false
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
