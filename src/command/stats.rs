//! `recaption stats PATH`: session statistics, agreement of two sessions, spot check reports and sample sizes.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::input::{self, Input, InputError};
use crate::atomic_file::{self, WriteError, WriteWarning};
use crate::console::{Console, Style};
use crate::dataset::{Dataset, DatasetError};
use crate::engine::style;
use crate::exit::ExitCode;
use crate::inputs::{Inputs, IsInput};
use crate::lint::Rules;
use crate::report::{Bars, Comparison, Figures, Page, Plan, Reviewers, RowKind, SpotReport, TagFigures, UNKNOWN};
use crate::session::{self, History, Location, SessionError};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsOptions {
    /// A dataset or a session.
    pub input: Input,
    pub mode: StatsMode,
    /// The style of the captions, and the limit for their length.
    pub rules: Rules,
    /// Print one JSON object.
    pub json: bool,
    /// Print ASCII only.
    pub ascii: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub enum StatsMode {
    /// Statistics of the session.
    #[default]
    Figures,
    /// The tags of the current captions.
    Tags,
    /// What each reviewer did.
    Reviewers,
    /// Agreement with another session of the same dataset, given by its file or by its dataset.
    Compare(PathBuf),
    /// A report of the latest spot check: JSON if the file name ends in `.json`, else Markdown.
    Report {
        path: PathBuf,
        /// Overwrite an existing file.
        force: bool,
    },
    /// Sample sizes to verify an acceptance rate.
    Plan {
        /// From 0 to 1.
        target: f64,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("this session has no spot check; start one with `recaption PATH --sample N`")]
    NoSample,
    #[error("{}: {reason}", .path.display())]
    Report { path: PathBuf, reason: String },
    /// Standard output or standard error is closed or full.
    /// The report would replace an input.
    #[error(transparent)]
    IsInput(#[from] IsInput),
    #[error("cannot write output: {0}")]
    Output(#[from] io::Error),
}

impl StatsError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::NoSample => ExitCode::Usage,
            Self::Report { .. } | Self::IsInput(_) | Self::Output(_) => ExitCode::Write,
        }
    }
}

impl From<DatasetError> for StatsError {
    fn from(error: DatasetError) -> Self {
        Self::Input(error.into())
    }
}

impl From<SessionError> for StatsError {
    fn from(error: SessionError) -> Self {
        Self::Input(error.into())
    }
}

/// Prints statistics to `out` and notes to `errors`.
///
/// # Errors
/// Returns an error if the dataset or its session cannot be read, or if output cannot be written.
pub fn run(options: &StatsOptions, out: &mut Console<'_>, errors: &mut Console<'_>) -> Result<(), StatsError> {
    let input = options.input.of_session()?;
    let (dataset, location) = input.open()?;
    match &options.mode {
        StatsMode::Figures => {
            let history = read_history(&dataset, &location, errors)?;
            let rules = style::settled(&dataset, &options.rules)?;
            let gathered = Figures::gather(&dataset, &history, &rules, &mut || ControlFlow::Continue(()))?;
            // Never `None`, because the callback never breaks.
            let figures = gathered.unwrap_or_default();
            options.print(|| figures.json(), |bars| figures.page(bars), out)
        }
        StatsMode::Tags => {
            let history = read_history(&dataset, &location, errors)?;
            let tags = TagFigures::gather(&dataset, &history.opened.ledger)?;
            options.print(|| tags.json(), |bars| tags.page(bars), out)
        }
        StatsMode::Reviewers => {
            let history = read_history(&dataset, &location, errors)?;
            let mut reviewers = Reviewers::default();
            reviewers.add(&dataset, &history, UNKNOWN)?;
            reviewers.add_conflicts(&history.opened.ledger);
            options.print(|| serde_json::json!({ "reviewers": reviewers.json() }), |bars| reviewers.page(bars), out)
        }
        StatsMode::Compare(other) => {
            let second = input::other_review(other, &dataset, &input.reading)?;
            let histories = [read_history(&dataset, &location, errors)?, read_history(&dataset, &second, errors)?];
            let names = [&location, &second].map(|location| location.file().display().to_string());
            let comparison = Comparison::gather(&dataset, names, histories.each_ref())?;
            options.print(|| comparison.json(), |bars| comparison.page(bars), out)
        }
        StatsMode::Report { path, force } => {
            let history = read_history(&dataset, &location, errors)?;
            let report = SpotReport::gather(&dataset, &history, Timestamp::now())?.ok_or(StatsError::NoSample)?;
            for warning in write_report(&report, path, &Inputs::of(&dataset, &location), *force)? {
                errors.message(warning)?;
            }
            let (judged, drawn) = (report.figures.accepted.total(), report.figures.drawn);
            Ok(out.message(format_args!("{}: {judged} of {drawn} records judged", path.display()))?)
        }
        StatsMode::Plan { target } => {
            let mut bad = 0;
            dataset.scan(&mut |entry| {
                bad += u64::from(entry.record().is_none());
                ControlFlow::Continue(())
            })?;
            let plan = Plan::new(u64::from(dataset.record_count()) - bad, *target);
            options.print(|| plan.json(), |bars| plan.page(bars), out)
        }
    }
}

fn write_report(
    report: &SpotReport,
    path: &Path,
    inputs: &Inputs,
    force: bool,
) -> Result<Vec<WriteWarning>, StatsError> {
    let refused = |reason: String| StatsError::Report { path: path.to_owned(), reason };
    inputs.check(path)?;
    let written = atomic_file::write(path, force, &mut |file| Ok(report.write_as(path, file)?));
    written.map_err(|error| match error {
        WriteError::Exists => refused("already exists; --force replaces it".to_owned()),
        error => refused(error.to_string()),
    })
}

fn read_history(dataset: &Dataset, location: &Location, errors: &mut Console<'_>) -> Result<History, StatsError> {
    let history = session::read_history(location, dataset)?;
    input::report(&history.opened, location, errors)?;
    Ok(history)
}

impl StatsOptions {
    fn print(
        &self,
        json: impl FnOnce() -> Value,
        page: impl FnOnce(Bars) -> Page,
        out: &mut Console<'_>,
    ) -> Result<(), StatsError> {
        if self.json {
            out.json(&json())?;
        } else {
            let page = page(if self.ascii { Bars::Ascii } else { Bars::Blocks });
            print(&page, out)?;
        }
        Ok(out.flush()?)
    }
}

/// Prints a page with bold headings and dim remarks.
pub(super) fn print(page: &Page, out: &mut Console<'_>) -> io::Result<()> {
    for row in &page.rows {
        match row.kind {
            RowKind::Heading => out.styled(Style::Bold, &row.text)?,
            RowKind::Remark => out.styled(Style::Dim, &row.text)?,
            RowKind::Plain => write!(out, "{}", row.text)?,
        }
        writeln!(out)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
