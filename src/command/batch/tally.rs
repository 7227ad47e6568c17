//! The figures of a collection.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::json;

use crate::console::Console;
use crate::describe::Usage;
use crate::engine::batch::Totals;
use crate::exit::ExitCode;
use crate::text::{counted, sanitize, thousands};

/// The maximum number of reasons that are listed.
const MAX_REASONS: usize = 10;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub described: u64,
    pub verified: u64,
    pub accepted: u64,
    pub cut_off: u64,
    /// Records without a candidate, by reason.
    pub failures: BTreeMap<String, u64>,
    /// Results of records that are not in the dataset any more. They are kept in the session.
    pub absent: u64,
    pub lines: Totals,
    pub usage: Usage,
    /// Jobs whose results were collected, those that still work, and parts without a job.
    pub collected: u64,
    pub running: u64,
    pub without_job: u64,
    /// Records that still wait.
    pub waiting: u64,
    /// Jobs whose results could not be collected, and why.
    pub problems: Vec<String>,
}

impl Tally {
    pub(super) fn failed(&self) -> u64 {
        self.failures.values().sum()
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        if self.failures.is_empty() && self.problems.is_empty() { ExitCode::Done } else { ExitCode::Findings }
    }

    /// `dataset` is its path, quoted for a shell.
    pub(super) fn print(&self, dataset: &str, out: &mut Console<'_>) -> io::Result<()> {
        let jobs = |count| counted(count, "job", "jobs");
        writeln!(out, "collected {}, {} at work", jobs(self.collected), jobs(self.running))?;
        for (count, what) in [
            (self.described, "described"),
            (self.verified, "verified"),
            (self.accepted, "accepted, without a finding"),
            (self.cut_off, "cut off by the token limit"),
            (self.absent, "not in the dataset any more (kept in the session)"),
            (self.waiting, "waiting"),
        ] {
            if count > 0 {
                writeln!(out, "  {:>9}  {what}", thousands(count))?;
            }
        }
        if self.failed() > 0 {
            writeln!(out, "  {:>9}  failed", thousands(self.failed()))?;
        }
        for (reason, count) in self.failures.iter().take(MAX_REASONS) {
            writeln!(out, "             {count} × {}", sanitize(reason))?;
        }
        if let Some(more) = self.failures.len().checked_sub(MAX_REASONS).filter(|more| *more > 0) {
            writeln!(out, "             and {}", counted(more as u64, "other reason", "other reasons"))?;
        }
        let Totals { lines: _, responses: _, errors: _, repeated, foreign, unreadable } = self.lines;
        for (count, what) in [
            (repeated, "repeated results left out"),
            (foreign, "results of other requests left out"),
            (unreadable, "lines left out: not a result"),
        ] {
            if count > 0 {
                writeln!(out, "  {:>9}  {what}", thousands(count))?;
            }
        }
        if self.usage != Usage::default() {
            let (input, output) = (thousands(self.usage.tokens.input), thousands(self.usage.tokens.output));
            writeln!(out, "  cost {}: {input} tokens in, {output} out", self.usage.cost)?;
        }
        for problem in &self.problems {
            out.message(problem)?;
        }
        if self.without_job > 0 {
            writeln!(out, "{} without a job: run the same `recaption batch submit` again", self.without_job)?;
        }
        if self.failed() > 0 && self.verified == 0 {
            writeln!(out, "retry failed:  recaption batch submit {dataset} --only failed")?;
        }
        if self.described > self.accepted {
            writeln!(out, "review:        recaption {dataset}")?;
        }
        out.flush()
    }

    pub(super) fn print_json(&self, out: &mut Console<'_>) -> io::Result<()> {
        out.json(&json!({
            "jobs_collected": self.collected,
            "jobs_running": self.running,
            "parts_without_job": self.without_job,
            "described": self.described,
            "verified": self.verified,
            "accepted": self.accepted,
            "cut_off": self.cut_off,
            "failed": self.failed(),
            "failures": self.failures,
            "absent": self.absent,
            "waiting": self.waiting,
            "lines": self.lines.lines,
            "repeated": self.lines.repeated,
            "foreign": self.lines.foreign,
            "unreadable": self.lines.unreadable,
            "input_tokens": self.usage.tokens.input,
            "output_tokens": self.usage.tokens.output,
            "cost_usd": self.usage.cost,
            "problems": self.problems,
        }))?;
        out.flush()
    }
}
