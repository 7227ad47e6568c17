//! Queries the terminal's graphics capabilities, with a timeout.

mod detect;
#[cfg_attr(not(unix), allow(dead_code, reason = "queries are sent on Unix only"))]
mod replies;
#[cfg(all(test, unix))]
mod tests;

use std::time::Duration;

use super::capabilities::Capabilities;
use super::fit::CellSize;
use detect::Environment;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    pub capabilities: Capabilities,
    /// Input that is not a reply: keys typed ahead.
    pub typed: Vec<u8>,
    /// Set if the query timed out, to the beginning of an incomplete reply (empty if there is none). Its rest and further
    /// replies may still arrive among the keys.
    pub late: Option<Vec<u8>>,
}

/// What may be on the screen while the terminal is queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// The output of other programs.
    Shell,
    /// Only what is drawn again after the probe. If the locale is not UTF-8, the terminal is asked for its character set,
    /// which prints a character.
    OwnScreen,
}

/// Queries the terminal and waits at most `timeout` for the replies (400 ms is suitable).
///
/// The terminal must be in raw mode, with no other reader. If standard output is not a terminal, returns the capabilities
/// from the environment variables.
#[must_use]
pub fn probe(timeout: Duration, on: Surroundings) -> Probe {
    let environment = Environment::current();
    #[cfg(unix)]
    if environment.answers_queries()
        && let Some(probe) = unix::query_terminal(&environment, timeout, on)
    {
        return probe;
    }
    let capabilities = detect::detect(&replies::Replies::default(), &environment, None);
    Probe { capabilities, typed: Vec::new(), late: None }
}

/// Returns true if this runs in a tmux that does not pass graphics commands to the outer terminal.
#[must_use]
pub fn tmux_blocks_passthrough() -> bool {
    Environment::current().in_tmux() && !detect::tmux_allows_passthrough()
}

/// Returns the current cell size, if the kernel knows it. It changes with the font size.
#[must_use]
pub fn current_cell_size() -> Option<CellSize> {
    #[cfg(unix)]
    return unix::window_cell_size(std::os::fd::AsFd::as_fd(&crate::console::screen()));
    #[cfg(not(unix))]
    return None;
}

#[cfg(unix)]
mod unix {
    use std::fs::OpenOptions;
    use std::io::{self, IsTerminal as _, Write};
    use std::os::fd::{AsFd, BorrowedFd};
    use std::time::{Duration, Instant};

    use rustix::event::{PollFd, PollFlags, Timespec, poll};

    use super::detect::{self, Environment};
    use super::replies::{self, ProbeInput, Questions};
    use super::{Probe, Surroundings};
    use crate::console;
    use crate::preview::fit::CellSize;

    /// Uses standard input and output, or the controlling terminal if standard input is redirected.
    pub(super) fn query_terminal(environment: &Environment, timeout: Duration, on: Surroundings) -> Option<Probe> {
        let (stdin, stdout) = (io::stdin(), console::screen());
        if !stdout.is_terminal() {
            return None;
        }
        let passthrough = environment.in_tmux() && detect::tmux_allows_passthrough();
        let charset = on == Surroundings::OwnScreen && !console::is_utf8_locale();
        let questions = Questions { passthrough, kitty: environment.answers_kitty_query(), charset };
        let input = if stdin.is_terminal() {
            query(stdin.as_fd(), &mut stdout.lock(), questions, timeout)
        } else {
            let terminal = OpenOptions::new().read(true).open("/dev/tty").ok()?;
            query(terminal.as_fd(), &mut stdout.lock(), questions, timeout)
        };
        let capabilities = detect::detect(&input.replies, environment, window_cell_size(stdout.as_fd()));
        let late = (!input.is_complete(passthrough)).then_some(input.unfinished);
        Some(Probe { capabilities, typed: input.typed, late })
    }

    /// Sends the queries and reads until the last reply or the timeout.
    pub(in crate::preview) fn query(
        input: BorrowedFd<'_>,
        output: &mut impl Write,
        questions: Questions,
        timeout: Duration,
    ) -> ProbeInput {
        let deadline = Instant::now() + timeout;
        let mut received = Vec::new();
        let mut send = |queries: &[u8]| output.write_all(queries).and_then(|()| output.flush()).is_ok();
        let mut is_open = send(&replies::queries(questions));
        let mut has_asked_about_sixel = false;
        while is_open {
            let replied = ProbeInput::parse(&received);
            if replied.is_complete(questions.passthrough) {
                break;
            }
            if replied.replies.has_sixel() && !has_asked_about_sixel {
                has_asked_about_sixel = true;
                is_open = send(&replies::sixel_queries());
            }
            is_open = is_open && read_some(input, &mut received, deadline);
        }
        ProbeInput::parse(&received).finish()
    }

    /// Appends the available input. Returns false after the deadline or at the end of the input.
    fn read_some(input: BorrowedFd<'_>, received: &mut Vec<u8>, deadline: Instant) -> bool {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(left) else { return false };
        let mut ready = [PollFd::new(&input, PollFlags::IN)];
        match poll(&mut ready, Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => return !left.is_zero(),
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
        let mut chunk = [0; 1024];
        match rustix::io::read(input, &mut chunk) {
            Ok(0) | Err(_) => false,
            Ok(count) => {
                received.extend_from_slice(&chunk[..count]);
                true
            }
        }
    }

    /// Computes the cell size from the kernel's window size, which many terminals set in pixels too.
    pub(super) fn window_cell_size(terminal: BorrowedFd<'_>) -> Option<CellSize> {
        let window = rustix::termios::tcgetwinsize(terminal).ok()?;
        CellSize::new(window.ws_xpixel.checked_div(window.ws_col)?, window.ws_ypixel.checked_div(window.ws_row)?)
    }
}
