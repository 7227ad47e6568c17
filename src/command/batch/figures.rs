//! The figures of a collection.

use std::io::{self, Write};

use serde_json::json;

use crate::console::Console;
use crate::describe::Usage;
use crate::engine::batch::{Jobs, Tally, Totals};
use crate::exit::ExitCode;
use crate::text::{counted, sanitize, thousands};

/// The maximum number of reasons that are listed.
const MAX_REASONS: usize = 10;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Figures {
    pub jobs: Jobs,
    pub taken: Tally,
}

impl Figures {
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.taken.failed() == 0 && self.jobs.problems.is_empty() { ExitCode::Done } else { ExitCode::Findings }
    }

    /// `dataset` is its path, quoted for a shell.
    pub(super) fn print(&self, dataset: &str, out: &mut Console<'_>) -> io::Result<()> {
        let jobs = |count| counted(count, "job", "jobs");
        writeln!(out, "collected {}, {} at work", jobs(self.jobs.collected), jobs(self.jobs.running))?;
        for (count, what) in [
            (self.taken.described, "described"),
            (self.taken.verified, "verified"),
            (self.taken.accepted, "accepted, without a finding"),
            (self.taken.cut_off, "cut off by the token limit"),
            (self.taken.absent, "not in the dataset any more (kept in the session)"),
            (self.jobs.waiting, "waiting"),
        ] {
            if count > 0 {
                writeln!(out, "  {:>9}  {what}", thousands(count))?;
            }
        }
        if self.taken.failed() > 0 {
            writeln!(out, "  {:>9}  failed", thousands(self.taken.failed()))?;
        }
        for (reason, count) in self.taken.failures.iter().take(MAX_REASONS) {
            writeln!(out, "             {count} × {}", sanitize(reason))?;
        }
        let listed: u64 = self.taken.failures.values().take(MAX_REASONS).sum();
        if self.taken.failed() > listed {
            writeln!(out, "             {} for other reasons", thousands(self.taken.failed() - listed))?;
        }
        let Totals { lines: _, responses: _, errors: _, repeated, foreign, unreadable } = self.jobs.lines;
        for (count, what) in [
            (repeated, "repeated results left out"),
            (foreign, "results of other requests left out"),
            (unreadable, "lines left out: not a result"),
        ] {
            if count > 0 {
                writeln!(out, "  {:>9}  {what}", thousands(count))?;
            }
        }
        if self.taken.usage != Usage::default() {
            let (input, output) = (thousands(self.taken.usage.tokens.input), thousands(self.taken.usage.tokens.output));
            writeln!(out, "  cost {}: {input} tokens in, {output} out", self.taken.usage.cost)?;
        }
        for problem in &self.jobs.problems {
            out.message(problem)?;
        }
        if self.jobs.without_job > 0 {
            writeln!(out, "{} without a job: run the same `recaption batch submit` again", self.jobs.without_job)?;
        }
        if self.taken.failed() > 0 && self.taken.verified == 0 {
            writeln!(out, "retry failed:  recaption batch submit {dataset} --only failed")?;
        }
        if self.taken.described > self.taken.accepted {
            writeln!(out, "review:        recaption {dataset}")?;
        }
        out.flush()
    }

    pub(super) fn print_json(&self, out: &mut Console<'_>) -> io::Result<()> {
        out.json(&json!({
            "jobs_collected": self.jobs.collected,
            "jobs_running": self.jobs.running,
            "parts_without_job": self.jobs.without_job,
            "described": self.taken.described,
            "verified": self.taken.verified,
            "accepted": self.taken.accepted,
            "cut_off": self.taken.cut_off,
            "failed": self.taken.failed(),
            "failures": self.taken.failures,
            "absent": self.taken.absent,
            "waiting": self.jobs.waiting,
            "lines": self.jobs.lines.lines,
            "repeated": self.jobs.lines.repeated,
            "foreign": self.jobs.lines.foreign,
            "unreadable": self.jobs.lines.unreadable,
            "input_tokens": self.taken.usage.tokens.input,
            "output_tokens": self.taken.usage.tokens.output,
            "cost_usd": self.taken.usage.cost,
            "problems": self.jobs.problems,
        }))?;
        out.flush()
    }
}
