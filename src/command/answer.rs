//! Questions in the terminal that are answered with yes or no.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::console::Console;
use crate::text::sanitize;

/// Returns true if a question can be asked: standard input and error are terminals.
pub(super) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks on standard error. Returns true if the answer is yes.
///
/// # Errors
/// Returns an error if standard input cannot be read, or standard error is closed.
pub(super) fn ask(question: &str) -> io::Result<bool> {
    let mut errors = Console::stderr();
    write!(errors, "{} [y/N] ", sanitize(question))?;
    errors.flush()?;
    read()
}

/// Reads an answer from standard input. Returns true if it is yes.
///
/// # Errors
/// Returns an error if standard input cannot be read.
pub(super) fn read() -> io::Result<bool> {
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
