//! The time limit of closing.

use std::io;
#[cfg(unix)]
use std::time::Duration;

use crate::exit::ExitCode;

/// How long closing may still take after a signal to end.
#[cfg(unix)]
const GRACE: Duration = Duration::from_millis(700);

/// Waits until everything is closed. If a signal to end arrives meanwhile, because the file system of the session does not
/// respond, the process exits soon after it.
pub(super) async fn close<T>(closing: impl Future<Output = T>) -> T {
    tokio::select! {
        closed = closing => closed,
        Ok(()) = insisted() => std::process::exit(i32::from(ExitCode::Interrupted as u8)),
    }
}

#[cfg(unix)]
async fn insisted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tokio::time::sleep(GRACE).await;
    Ok(())
}

#[cfg(not(unix))]
async fn insisted() -> io::Result<()> {
    tokio::signal::ctrl_c().await
}
