//! How far a check is, on standard error while that is a terminal.

use std::io::{self, LineWriter, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar, or nothing.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn begin(shown: bool) -> Self {
        let target = if shown { ProgressDrawTarget::stderr_with_hz(4) } else { ProgressDrawTarget::hidden() };
        Self(ProgressBar::with_draw_target(None, target))
    }

    /// The records are gone through, for the purpose named; zero where their number is not known.
    pub(super) fn phase(&self, purpose: &'static str, records: u32) {
        let template = if records > 0 { "{bar:24} {pos}/{len} {msg} ({eta} left)" } else { "{msg}" };
        self.0.reset();
        self.0.set_length(records.into());
        self.0.set_message(purpose);
        // A template is a constant; were one wrong, the bar would only look otherwise.
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.0.set_style(style.progress_chars("━╸─"));
        }
    }

    pub(super) fn one_more(&self) {
        if !self.0.is_hidden() {
            self.0.inc(1);
        }
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }

    /// A way to `out` past the bar, which may be on the same screen. Lines go there whole.
    pub(super) fn beside<'a>(&'a self, out: &'a mut dyn Write) -> Box<dyn Write + 'a> {
        if self.0.is_hidden() { Box::new(out) } else { Box::new(LineWriter::new(Beside { bar: &self.0, out })) }
    }
}

struct Beside<'a> {
    bar: &'a ProgressBar,
    out: &'a mut dyn Write,
}

impl Write for Beside<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bar.suspend(|| self.out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
