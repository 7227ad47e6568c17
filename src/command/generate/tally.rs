//! The result of a run, as a table or as JSON.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::console::Console;
use crate::dataset::RecordId;
use crate::describe::Usage;
use crate::exit::ExitCode;
use crate::text::{counted, sanitize, span, thousands};

/// The maximum number of failure reasons listed individually.
const MAX_REASONS: usize = 10;

/// Why a run stopped early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// Credentials, access, or an unavailable model.
    Access(String),
    /// A quota or the budget is used up.
    Resumable(String),
    /// The model costs more than was consented to.
    NoConsent(String),
    Interrupted,
    /// The session could not be written.
    NotWritten(String),
}

impl Stopped {
    #[must_use]
    pub fn reason(&self) -> &str {
        match self {
            Self::Access(reason) | Self::Resumable(reason) | Self::NoConsent(reason) | Self::NotWritten(reason) => {
                reason
            }
            Self::Interrupted => "interrupted",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records with a new candidate.
    pub described: u64,
    /// Records with a new verdict.
    pub verified: u64,
    /// The phrases of those verdicts that cannot be true.
    pub dropped: u64,
    /// Of those described, accepted by the run.
    pub accepted: u64,
    /// Of those described, cut off by the token limit.
    pub cut_off: u64,
    /// Of those described, offered beside a caption without a warning or an error.
    pub beside: u64,
    /// Records in whose image the describer recognised nothing.
    pub unrecognised: u64,
    /// The failed records, by reason.
    pub failures: BTreeMap<String, Vec<RecordId>>,
    pub usage: Usage,
    /// Candidates by model.
    pub models: BTreeMap<String, u64>,
    pub stopped: Option<Stopped>,
    pub took: Duration,
}

impl Tally {
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.failures.values().map(|records| records.len() as u64).sum()
    }

    /// Returns the number of records that a describer is done with.
    #[must_use]
    pub fn ended(&self) -> u64 {
        self.described + self.verified + self.unrecognised + self.failed()
    }

    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match &self.stopped {
            Some(Stopped::NotWritten(_)) => ExitCode::Write,
            Some(Stopped::Access(_)) => ExitCode::Access,
            Some(Stopped::Resumable(_)) => ExitCode::Resumable,
            Some(Stopped::NoConsent(_)) => ExitCode::Usage,
            Some(Stopped::Interrupted) => ExitCode::Interrupted,
            None if self.failures.is_empty() => ExitCode::Done,
            None => ExitCode::Findings,
        }
    }

    /// Prints the table. `name` returns a record's file name.
    pub(super) fn print(
        &self,
        total: u64,
        dataset: &Path,
        name: impl Fn(RecordId) -> String,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let dataset = dataset.to_string_lossy();
        let dataset = sanitize(&dataset);
        let per_minute = match self.took.as_secs_f64() {
            seconds if seconds >= 1.0 && self.described > 0 => {
                #[expect(clippy::cast_precision_loss, reason = "rounded for display")]
                let described = self.described as f64;
                format!(" · {:.1}/min", described * 60.0 / seconds)
            }
            _ => String::new(),
        };
        writeln!(out, "described {} of {} in {}{per_minute}", self.described, total, span(self.took))?;
        if self.accepted > 0 {
            writeln!(out, "  accepted   {:>6}  without a finding", self.accepted)?;
        }
        writeln!(out, "  to review  {:>6}", self.described - self.accepted)?;
        if self.beside > 0 {
            writeln!(out, "  beside     {:>6}  captions without a finding, which stay first", self.beside)?;
        }
        if self.unrecognised > 0 {
            writeln!(out, "  nothing recognised: {}", self.unrecognised)?;
        }
        if self.cut_off > 0 {
            writeln!(out, "  cut off    {:>6}  by the token limit", self.cut_off)?;
        }
        if self.failed() > 0 {
            writeln!(out, "  failed     {:>6}", self.failed())?;
        }
        for (reason, records) in self.failures.iter().take(MAX_REASONS) {
            let first = records.first().map(|record| name(*record)).unwrap_or_default();
            let others = if records.len() > 1 { format!(" and {} more", records.len() - 1) } else { String::new() };
            writeln!(out, "             {}: {}{others}", sanitize(reason), sanitize(&first))?;
        }
        if let Some(more) = self.failures.len().checked_sub(MAX_REASONS + 1) {
            writeln!(out, "             and {}", counted(more as u64 + 1, "other reason", "other reasons"))?;
        }
        let left = total.saturating_sub(self.ended());
        if left > 0 {
            writeln!(out, "  pending    {left:>6}")?;
        }
        if self.usage != Usage::default() {
            let tokens = self.usage.tokens;
            let (input, output) = (thousands(tokens.input), thousands(tokens.output));
            writeln!(out, "  cost  {:>11}  {input} tokens in, {output} out", self.usage.cost)?;
        }
        for (model, texts) in &self.models {
            writeln!(out, "  model      {texts:>6}  {}", sanitize(model))?;
        }
        match &self.stopped {
            Some(Stopped::Interrupted) => writeln!(out, "interrupted; results so far are stored")?,
            Some(stopped) => writeln!(out, "stopped: {}", sanitize(stopped.reason()))?,
            None => {}
        }
        if left > 0 {
            writeln!(out, "continue:      recaption generate {dataset}")?;
        }
        if self.failed() > 0 {
            writeln!(out, "retry failed:  recaption generate {dataset} --only failed")?;
        }
        if self.described > self.accepted {
            writeln!(out, "review:        recaption {dataset}")?;
        }
        out.flush()
    }

    /// Prints one JSON object.
    pub(super) fn print_json(
        &self,
        total: u64,
        name: impl Fn(RecordId) -> String,
        out: &mut Console<'_>,
    ) -> io::Result<()> {
        let failures: BTreeMap<&String, Vec<String>> = self
            .failures
            .iter()
            .map(|(reason, records)| (reason, records.iter().map(|record| name(*record)).collect()))
            .collect();
        let stopped = self.stopped.as_ref().map(Stopped::reason);
        let tally = json!({
            "selected": total,
            "described": self.described,
            "accepted": self.accepted,
            "beside": self.beside,
            "nothing_recognised": self.unrecognised,
            "cut_off": self.cut_off,
            "failed": self.failed(),
            "pending": total.saturating_sub(self.ended()),
            "failures": failures,
            "input_tokens": self.usage.tokens.input,
            "output_tokens": self.usage.tokens.output,
            "cost_usd": self.usage.cost,
            "cost_usd_at_least": self.usage.cost.at_least(),
            "models": self.models,
            "seconds": self.took.as_secs_f64(),
            "stopped": stopped,
        });
        out.json(&tally)?;
        out.flush()
    }
}
