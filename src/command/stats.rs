//! `recaption stats PATH`: what reviewing has come to.

use std::io::{self, Write};
use std::ops::ControlFlow;

use super::input::{self, Input, InputError};
use crate::dataset::DatasetError;
use crate::exit::ExitCode;
use crate::report::{Bars, Figures, Page, RowKind};
use crate::runtime::Facts;
use crate::session::{self, SessionError};

/// What `stats` was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StatsOptions {
    /// Of what.
    pub input: Input,
    /// The most words a caption may have.
    pub max_words: usize,
    /// One JSON object instead of text.
    pub json: bool,
    /// ASCII characters only.
    pub ascii: bool,
    /// Headings in bold.
    pub colour: bool,
}

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// There is nothing to count.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Standard output or error is closed or full.
    #[error("writing: {0}")]
    Output(#[from] io::Error),
}

impl StatsError {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::Usage,
            Self::Output(_) => ExitCode::Write,
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
    let (dataset, location) = options.input.open()?;
    let history = session::read_history(&location, &Facts(dataset.clone()))?;
    input::report(&history.opened, &location, errors)?;
    let gathered = Figures::gather(&dataset, &history, options.max_words, &mut || ControlFlow::Continue(()))?;
    // Nothing breaks it off.
    let figures = gathered.unwrap_or_default();
    if options.json {
        writeln!(out, "{}", figures.json())?;
    } else {
        print(&figures.page(options.bars()), options.colour, out)?;
    }
    Ok(out.flush()?)
}

impl StatsOptions {
    const fn bars(&self) -> Bars {
        if self.ascii { Bars::Ascii } else { Bars::Blocks }
    }
}

fn print(page: &Page, colour: bool, out: &mut dyn Write) -> io::Result<()> {
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
