//! A progress bar on standard error.

use std::io::{self, Write};

use indicatif::{ProgressDrawTarget, ProgressStyle};

use super::Console;
use crate::text::sanitize;

/// How often the bar is redrawn.
const REDRAWS_PER_SECOND: u8 = 4;
/// Output beside a hidden bar is written in blocks of this many bytes.
const BLOCK: usize = 1 << 16;

/// A progress bar, or nothing if it is hidden. Messages are escaped.
pub struct ProgressBar(indicatif::ProgressBar);

impl ProgressBar {
    #[must_use]
    pub fn new(visible: bool) -> Self {
        let target =
            if visible { ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SECOND) } else { ProgressDrawTarget::hidden() };
        Self(indicatif::ProgressBar::with_draw_target(None, target))
    }

    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.0.is_hidden()
    }

    /// Starts over with `length` steps. `template` is indicatif's.
    pub fn restart(&self, template: &str, length: u64) {
        self.0.reset();
        self.0.set_length(length);
        match ProgressStyle::with_template(template) {
            Ok(style) => self.0.set_style(style.progress_chars("━╸─")),
            Err(error) => tracing::warn!(%error, template, "wrong template for the progress bar"),
        }
    }

    pub fn advance(&self) {
        if !self.0.is_hidden() {
            self.0.inc(1);
        }
    }

    pub fn set_position(&self, position: u64) {
        self.0.set_position(position);
    }

    pub fn set_message(&self, message: &str) {
        self.0.set_message(sanitize(message).into_owned());
    }

    /// Prints a line above the bar.
    pub fn print_above(&self, line: &str) {
        self.0.println(sanitize(line));
    }

    pub fn clear(&self) {
        self.0.finish_and_clear();
    }

    /// Returns a console that writes to `out` and hides the bar while it does, since both may be on one screen.
    ///
    /// # Errors
    /// Returns an error if `out` is closed or full.
    pub fn beside<'a>(&'a self, out: &'a mut Console<'_>) -> io::Result<Console<'a>> {
        let (is_terminal, has_colour) = (out.is_terminal, out.has_colour);
        let stream = out.raw_stream()?;
        if self.0.is_hidden() {
            let mut console = Console::with(stream, is_terminal, has_colour);
            console.block = BLOCK;
            return Ok(console);
        }
        Ok(Console::with(Beside { bar: &self.0, stream }, is_terminal, has_colour))
    }
}

struct Beside<'a, 'out> {
    bar: &'a indicatif::ProgressBar,
    stream: &'a mut (dyn Write + 'out),
}

impl Write for Beside<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| self.stream.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.bar.suspend(|| self.stream.flush())
    }
}
