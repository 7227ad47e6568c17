//! `recaption save PATH`: writes the updated dataset from the session, as the reviewer does.
//!
//! A save changes nothing in the session but that it is told of it. For that it is opened for writing; where that
//! cannot be, because it is being reviewed at this moment or must not be written, it is only read, and the save goes
//! ahead all the same. The session then does not know that the new file is its own, so whoever saves there next is
//! asked before it is overwritten. That is said.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::input::{self, Input, InputError};
use crate::dataset::Dataset;
use crate::engine::{SaveFailure, SaveRequest, SaveSummary, SaveTarget};
use crate::exit::ExitCode;
use crate::session::{self, Ledger, Location, Opened, SessionError, Store};
use crate::text::{counted, sanitize};

/// What `save` was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveOptions {
    /// What to save.
    pub input: Input,
    /// The file to write; `<stem>_updated.jsonl` beside the dataset if absent.
    pub output: Option<PathBuf>,
    /// Write over the dataset itself, whose first state is kept as `.bak`. `output` then has no say.
    pub in_place: bool,
    /// Replace a file that this session did not write, or that changed since.
    pub force: bool,
}

/// Why nothing was saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// There is nothing to save.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Something else is in the way.
    #[error("{0}")]
    Conflict(String),
    /// The file could not be written, or the dataset changed meanwhile.
    #[error("{0}")]
    NotWritten(String),
    /// The file is written, but standard output or error is closed or full.
    #[error("saved, but reporting it failed: {0}")]
    Report(#[source] io::Error),
}

impl SaveError {
    /// How the program is to end.
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::Usage,
            Self::Conflict(_) | Self::NotWritten(_) | Self::Report(_) => ExitCode::Write,
        }
    }
}

/// Saves. `out` gets one line of what was written, `errors` what else there is to know.
///
/// # Errors
/// When nothing was saved; what was at the target is then as it was.
pub fn run(options: &SaveOptions, out: &mut dyn Write, errors: &mut dyn Write) -> Result<(), SaveError> {
    let (dataset, location) = options.input.open()?;
    let Hold { mut opened, store } = hold(&dataset, &location)?;
    input::report(&opened, &location, errors).map_err(SaveError::Report)?;

    let target = SaveTarget::new(&dataset, options.output.clone(), options.in_place);
    let saved = target.save(&dataset, SaveRequest::new(&opened.ledger, options.force));
    let summary = saved.map_err(|failure| match failure {
        SaveFailure::Conflict(why) => SaveError::Conflict(why),
        SaveFailure::Other(why) => SaveError::NotWritten(why),
    })?;

    let told = store.and_then(|store| tell(store, &mut opened.ledger, &summary));
    report(&target.path, &summary, told.err(), out, errors).map_err(SaveError::Report)
}

/// A session, and the right to write to it or why there is none.
struct Hold {
    opened: Opened,
    store: Result<Store, SessionError>,
}

fn hold(dataset: &Dataset, location: &Location) -> Result<Hold, InputError> {
    match session::open(location, dataset, Timestamp::now()) {
        Ok((store, opened)) => Ok(Hold { opened, store: Ok(store) }),
        // What keeps it from being read too, such as damage, is found again there.
        Err(refused) => Ok(Hold { opened: input::look(dataset, location)?, store: Err(refused) }),
    }
}

/// Notes the save in the session.
fn tell(mut store: Store, ledger: &mut Ledger, summary: &SaveSummary) -> Result<(), SessionError> {
    store.append(ledger.perform(summary.event().into()), summary.at)?;
    store.close()
}

fn report(
    path: &Path,
    summary: &SaveSummary,
    not_told: Option<SessionError>,
    out: &mut dyn Write,
    errors: &mut dyn Write,
) -> io::Result<()> {
    let records = counted(summary.records, "record", "records");
    let changed = counted(summary.changed, "caption", "captions");
    let left_out = if summary.excluded == 0 { String::new() } else { format!(", {} left out", summary.excluded) };
    let path = path.to_string_lossy();
    writeln!(out, "{}: {records}, {changed} changed{left_out}", sanitize(&path))?;
    out.flush()?;
    if let Some(warning) = &summary.warning {
        writeln!(errors, "{}", sanitize(warning))?;
    }
    if let Some(why) = not_told {
        let why = format!("the session was not told of this save, so the next one there asks first: {why}");
        writeln!(errors, "{}", sanitize(&why))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
