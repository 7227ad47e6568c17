//! `recaption stats PATH`: what reviewing has come to; how two reviews of a dataset agree; how large a spot check has
//! to be.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;

use super::input::{self, Input, InputError};
use crate::dataset::{Dataset, DatasetError};
use crate::exit::ExitCode;
use crate::output;
use crate::report::{Bars, Comparison, Figures, Page, Plan, RowKind, SpotReport};
use crate::session::{self, History, Location, SessionError};
use crate::text::sanitize;

/// What `stats` was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StatsOptions {
    /// Of what: a dataset, or a session.
    pub input: Input,
    /// Which figures.
    pub what: What,
    /// The most words a caption may have.
    pub max_words: usize,
    /// One JSON object instead of text.
    pub json: bool,
    /// ASCII characters only.
    pub ascii: bool,
    /// Headings in bold.
    pub colour: bool,
}

/// Which figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum What {
    /// What reviewing has come to.
    #[default]
    Figures,
    /// How far another review of the same dataset agrees with it: its session, or its dataset.
    Compare(PathBuf),
    /// The report of the newest spot check, written to a file: as JSON where its name ends in `.json`, else as Markdown.
    Report {
        /// The file.
        path: PathBuf,
        /// Replace it if it is there.
        force: bool,
    },
    /// How large a spot check has to be.
    Plan {
        /// The acceptance rate that is to be shown, from 0 to 1.
        target: f64,
    },
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// There is nothing to count.
    #[error(transparent)]
    Input(#[from] InputError),
    /// No sample was drawn.
    #[error("there is no spot check in this session: `recaption PATH --sample N` begins one")]
    NoSample,
    /// The report cannot be written there.
    #[error("{}: {why}", sanitize(&path.to_string_lossy()))]
    Report {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        why: String,
    },
    /// Standard output or error is closed or full.
    #[error("writing: {0}")]
    Output(#[from] io::Error),
}

impl StatsError {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) | Self::NoSample => ExitCode::Usage,
            Self::Report { .. } | Self::Output(_) => ExitCode::Write,
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

/// Counts. `out` gets the figures, `errors` what else there is to know.
///
/// # Errors
/// When the dataset or its session cannot be read, or the figures cannot be written.
pub fn run(options: &StatsOptions, out: &mut dyn Write, errors: &mut dyn Write) -> Result<(), StatsError> {
    let input = options.input.of_session()?;
    let (dataset, location) = input.open()?;
    match &options.what {
        What::Figures => {
            let history = look(&dataset, &location, errors)?;
            let gathered = Figures::gather(&dataset, &history, options.max_words, &mut || ControlFlow::Continue(()))?;
            // Nothing breaks it off.
            let figures = gathered.unwrap_or_default();
            options.print(|| figures.json(), |bars| figures.page(bars), out)
        }
        What::Compare(other) => {
            let second = input::other_review(other, &dataset, &input.reading)?;
            let histories = [look(&dataset, &location, errors)?, look(&dataset, &second, errors)?];
            let names = [&location, &second].map(|location| location.file().display().to_string());
            let comparison = Comparison::gather(&dataset, names, histories.each_ref())?;
            options.print(|| comparison.json(), |bars| comparison.page(bars), out)
        }
        What::Report { path, force } => {
            let history = look(&dataset, &location, errors)?;
            let report = SpotReport::gather(&dataset, &history, Timestamp::now())?.ok_or(StatsError::NoSample)?;
            write_report(&report, path, dataset.path(), *force)?;
            let shown = path.to_string_lossy();
            let (judged, drawn) = (report.figures.accepted.total(), report.figures.drawn);
            Ok(writeln!(out, "{}: {judged} of {drawn} records judged", sanitize(&shown))?)
        }
        What::Plan { target } => {
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

fn write_report(report: &SpotReport, path: &Path, dataset: &Path, force: bool) -> Result<(), StatsError> {
    let refused = |why: String| StatsError::Report { path: path.to_owned(), why };
    if output::is_same(path, dataset) {
        return Err(refused("the dataset itself; name another file".to_owned()));
    }
    let written = output::put(path, force, &mut |file| report.write_as(path, file));
    written.map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => refused("there already; --force replaces it".to_owned()),
        _ => refused(error.to_string()),
    })
}

fn look(dataset: &Dataset, location: &Location, errors: &mut dyn Write) -> Result<History, StatsError> {
    let history = session::read_history(location, dataset)?;
    input::report(&history.opened, location, errors)?;
    Ok(history)
}

impl StatsOptions {
    fn print(
        &self,
        json: impl FnOnce() -> Value,
        page: impl FnOnce(Bars) -> Page,
        out: &mut dyn Write,
    ) -> Result<(), StatsError> {
        if self.json {
            writeln!(out, "{}", json())?;
        } else {
            let page = page(if self.ascii { Bars::Ascii } else { Bars::Blocks });
            print(&page, self.colour, out)?;
        }
        Ok(out.flush()?)
    }
}

/// Prints a page, with headings in bold and remarks dim where there is colour.
pub(super) fn print(page: &Page, colour: bool, out: &mut dyn Write) -> io::Result<()> {
    for row in &page.rows {
        match (colour, row.kind) {
            (true, RowKind::Heading) => writeln!(out, "\x1b[1m{}\x1b[0m", row.text)?,
            (true, RowKind::Remark) => writeln!(out, "\x1b[2m{}\x1b[0m", row.text)?,
            _ => writeln!(out, "{}", row.text)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
