//! Progress of a check, on standard error if that is a terminal.

use crate::console::ProgressBar;

pub(super) struct Progress(pub(super) ProgressBar);

impl Progress {
    pub(super) fn begin(visible: bool) -> Self {
        Self(ProgressBar::new(visible))
    }

    /// Begins a pass over the records. Pass zero if their number is unknown.
    pub(super) fn phase(&self, purpose: &str, records: u32) {
        let template = if records > 0 { "{bar:24} {pos}/{len} {msg} ({eta} left)" } else { "{msg}" };
        self.0.restart(template, records.into());
        self.0.set_message(purpose);
    }

    pub(super) fn advance(&self) {
        self.0.advance();
    }

    pub(super) fn end(&self) {
        self.0.clear();
    }
}
