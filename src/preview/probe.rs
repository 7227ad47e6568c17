//! Asks the terminal, once and with a deadline, what pictures it can show.

mod choice;
#[cfg_attr(not(unix), allow(dead_code, reason = "without Unix terminals nothing is asked"))]
mod replies;
#[cfg(all(test, unix))]
mod tests;

use std::time::Duration;

use super::capabilities::Capabilities;
use super::fit::CellSize;
use choice::Environment;

/// What the terminal said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What it can draw.
    pub capabilities: Capabilities,
    /// Bytes that came in meanwhile and were no answers: keys typed ahead.
    pub typed: Vec<u8>,
    /// Where not all was answered before the deadline: answers may still come in among the keys, and first the rest of
    /// one that began like this (empty where none had begun).
    pub late: Option<Vec<u8>>,
}

/// Asks the terminal what it can draw, for at most `deadline` (400 ms suits).
///
/// The terminal must be in raw mode, and nobody else may be reading from it. Without a terminal, nothing is asked and
/// nothing but half blocks is found.
#[must_use]
pub fn probe(deadline: Duration) -> Probe {
    let environment = Environment::current();
    #[cfg(unix)]
    if environment.answers_queries()
        && let Some(probe) = unix::ask_terminal(&environment, deadline)
    {
        return probe;
    }
    let capabilities = choice::choose(&replies::Replies::default(), &environment, None);
    Probe { capabilities, typed: Vec::new(), late: None }
}

/// Whether this runs in a tmux that lets no pictures through to the terminal around it.
#[must_use]
pub fn tmux_is_in_the_way() -> bool {
    Environment::current().in_tmux() && !choice::tmux_lets_through()
}

/// The size of a cell now, where the kernel knows: it changes with the size of the font.
#[must_use]
pub fn cell_now() -> Option<CellSize> {
    #[cfg(unix)]
    return unix::cell_of_window(std::os::fd::AsFd::as_fd(&std::io::stdout()));
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

    use super::Probe;
    use super::choice::{self, Environment};
    use super::replies::{self, Conversation};
    use crate::preview::fit::CellSize;

    /// Asks through standard input and output, or through the terminal that controls the process where the input is
    /// something else.
    pub(super) fn ask_terminal(environment: &Environment, deadline: Duration) -> Option<Probe> {
        let (stdin, stdout) = (io::stdin(), io::stdout());
        if !stdout.is_terminal() {
            return None;
        }
        let passthrough = environment.in_tmux() && choice::tmux_lets_through();
        let conversation = if stdin.is_terminal() {
            ask(stdin.as_fd(), &mut stdout.lock(), passthrough, deadline)
        } else {
            let terminal = OpenOptions::new().read(true).open("/dev/tty").ok()?;
            ask(terminal.as_fd(), &mut stdout.lock(), passthrough, deadline)
        };
        let capabilities = choice::choose(&conversation.replies, environment, cell_of_window(stdout.as_fd()));
        let late = (!conversation.is_over(passthrough)).then_some(conversation.unfinished);
        Some(Probe { capabilities, typed: conversation.typed, late })
    }

    /// Sends the queries and reads until the last is answered or the deadline has passed.
    pub(in crate::preview) fn ask(
        input: BorrowedFd<'_>,
        output: &mut impl Write,
        passthrough: bool,
        deadline: Duration,
    ) -> Conversation {
        let end = Instant::now() + deadline;
        let mut received = Vec::new();
        let sent = output.write_all(&replies::queries(passthrough)).and_then(|()| output.flush());
        if sent.is_ok() {
            while !Conversation::of(&received).is_over(passthrough) && read_some(input, &mut received, end) {}
        }
        Conversation::of(&received).ended()
    }

    /// Appends what can be read. `false` when the time is up or the input has ended.
    fn read_some(input: BorrowedFd<'_>, received: &mut Vec<u8>, end: Instant) -> bool {
        let left = end.saturating_duration_since(Instant::now());
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

    /// The size of a cell by the kernel's account of the window, which many terminals fill in.
    pub(super) fn cell_of_window(terminal: BorrowedFd<'_>) -> Option<CellSize> {
        let window = rustix::termios::tcgetwinsize(terminal).ok()?;
        CellSize::new(window.ws_xpixel.checked_div(window.ws_col)?, window.ws_ypixel.checked_div(window.ws_row)?)
    }
}
