//! Progress on standard error: a bar in a terminal, else a line every few seconds.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::tally::Tally;
use crate::console::{Console, ProgressBar};
use crate::describe::DescriberStatus;
use crate::text::{span, thousands};

/// The time between two lines without a terminal.
const INTERVAL: Duration = Duration::from_secs(10);

pub(super) struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
    printed: Instant,
    total: u64,
}

impl Progress {
    pub(super) fn start(total: u64, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(true);
            bar.restart("{bar:24} {pos}/{len} {wide_msg}", total);
            bar
        });
        let now = Instant::now();
        Self { bar, started: now, printed: now, total }
    }

    pub(super) fn show(&mut self, tally: &Tally, status: &DescriberStatus) {
        let ended = tally.ended();
        if let Some(bar) = &self.bar {
            bar.set_position(ended);
            bar.set_message(&self.words(tally, status));
        } else if self.printed.elapsed() >= INTERVAL {
            self.printed = Instant::now();
            // A closed stream does not stop the run.
            let _ = writeln!(Console::stderr(), "{ended}/{} {}", self.total, self.words(tally, status));
        }
    }

    /// Prints a message above the bar.
    pub(super) fn message(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.print_above(text),
            None => {
                let _ = Console::stderr().message(text);
            }
        }
    }

    pub(super) fn end(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.clear();
        }
        self.started.elapsed()
    }

    fn words(&self, tally: &Tally, status: &DescriberStatus) -> String {
        let mut parts = Vec::new();
        if tally.failed() > 0 {
            parts.push(format!("{} failed", tally.failed()));
        }
        let seconds = self.started.elapsed().as_secs_f64();
        let ended = tally.ended();
        if ended > 0 && seconds >= 1.0 {
            #[expect(clippy::cast_precision_loss, reason = "rounded for display")]
            let (done, left) = (ended as f64, self.total.saturating_sub(ended) as f64);
            parts.push(format!("{:.1}/min", done * 60.0 / seconds));
            if left > 0.0 {
                parts.push(format!("{} left", span(Duration::from_secs_f64(left * seconds / done))));
            }
        }
        match status.limited_by {
            Some(limit) => parts.push(format!("limited by {limit}")),
            None if status.waiting > 0 => parts.push(format!("{} waiting", status.waiting)),
            None => {}
        }
        if tally.usage.tokens.input > 0 {
            parts.push(format!("{} tokens", thousands(tally.usage.tokens.input + tally.usage.tokens.output)));
            parts.push(tally.usage.cost.summary());
        }
        if let Some(pause) = &status.paused {
            parts = vec![pause.message.clone()];
        }
        parts.join(" · ")
    }
}
