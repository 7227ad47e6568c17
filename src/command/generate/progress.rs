//! Progress on standard error: a bar in a terminal, a line now and then elsewhere.

use std::io::Write as _;
use std::time::{Duration, Instant};

use super::tally::Tally;
use crate::console::{Console, ProgressBar};
use crate::describe::DescriberStatus;
use crate::text::{span, thousands};

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// Shows how far a run is.
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    begun: Instant,
    told: Instant,
    total: u64,
}

impl Progress {
    /// A run of so many records begins.
    pub(super) fn begin(total: u64, terminal: bool) -> Self {
        let bar = terminal.then(|| {
            let bar = ProgressBar::new(true);
            bar.restart("{bar:24} {pos}/{len} {wide_msg}", total);
            bar
        });
        let now = Instant::now();
        Self { bar, begun: now, told: now, total }
    }

    /// Something has changed, or time has passed.
    pub(super) fn show(&mut self, tally: &Tally, status: &DescriberStatus) {
        let ended = tally.ended();
        if let Some(bar) = &self.bar {
            bar.set_position(ended);
            bar.set_message(&self.words(tally, status));
        } else if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            // A reader that is gone does not stop the run.
            let _ = writeln!(Console::stderr(), "{ended}/{} {}", self.total, self.words(tally, status));
        }
    }

    /// A word that is to stay.
    pub(super) fn say(&self, words: &str) {
        match &self.bar {
            Some(bar) => bar.print_above(words),
            None => {
                let _ = Console::stderr().message(words);
            }
        }
    }

    pub(super) fn end(self) -> Duration {
        if let Some(bar) = &self.bar {
            bar.clear();
        }
        self.begun.elapsed()
    }

    fn words(&self, tally: &Tally, status: &DescriberStatus) -> String {
        let mut parts = Vec::new();
        if tally.failed() > 0 {
            parts.push(format!("{} failed", tally.failed()));
        }
        if status.waiting > 0 {
            parts.push(format!("{} waiting", status.waiting));
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        let ended = tally.ended();
        if ended > 0 && seconds >= 1.0 {
            #[expect(clippy::cast_precision_loss, reason = "for people to read")]
            let (done, left) = (ended as f64, self.total.saturating_sub(ended) as f64);
            parts.push(format!("{:.1}/min", done * 60.0 / seconds));
            if left > 0.0 {
                parts.push(format!("{} left", span(Duration::from_secs_f64(left * seconds / done))));
            }
        }
        if tally.usage.tokens.input > 0 {
            parts.push(format!("{} tokens", thousands(tally.usage.tokens.input + tally.usage.tokens.output)));
            parts.push(tally.usage.cost.to_string());
        }
        if let Some(pause) = &status.paused {
            parts = vec![pause.message.clone()];
        }
        parts.join(" · ")
    }
}
