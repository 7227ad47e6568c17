//! `recaption save PATH`: writes the updated dataset, like saving in the reviewer.
//!
//! The session stores that the file was saved, so that the next save may overwrite it. If the session cannot be opened for
//! writing, because it is open in a reviewer or read-only, the dataset is saved all the same; the next save to that file
//! then asks first, and `save` prints a note.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::input::{self, Input, InputError};
use crate::console::Console;
use crate::dataset::Dataset;
use crate::engine::{SaveFailure, SaveRequest, SaveSummary, SaveTarget};
use crate::exit::ExitCode;
use crate::inputs::{Inputs, IsInput};
use crate::remote_folder;
use crate::session::{self, Ledger, Location, Opened, SessionError, Store};
use crate::text::counted;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SaveOptions {
    pub input: Input,
    /// The file to write; by default `<stem>_updated.jsonl` beside the dataset.
    pub output: Option<PathBuf>,
    /// Overwrite the dataset itself and keep its first version as `.bak`. Overrides `output`.
    pub in_place: bool,
    /// Overwrite a file that this session did not write, or that changed since.
    pub force: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    Input(#[from] InputError),
    /// The output would replace an input.
    #[error(transparent)]
    IsInput(#[from] IsInput),
    /// Another file is in the way.
    #[error("{0}")]
    Conflict(String),
    /// The file cannot be written, or the dataset has changed.
    #[error("{0}")]
    NotWritten(String),
    /// The dataset is saved, but standard output or standard error is closed or full.
    #[error("saved, but cannot write output: {0}")]
    Report(#[source] io::Error),
}

impl SaveError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(_) => ExitCode::Usage,
            Self::IsInput(_) | Self::Conflict(_) | Self::NotWritten(_) | Self::Report(_) => ExitCode::Write,
        }
    }
}

/// Saves the dataset. Prints a summary to `out` and notes to `errors`. Returns [`ExitCode::Findings`] if decisions were not
/// applied.
///
/// # Errors
/// Returns an error if the dataset was not saved. The target is untouched then.
pub fn run(options: &SaveOptions, out: &mut Console<'_>, errors: &mut Console<'_>) -> Result<ExitCode, SaveError> {
    let (dataset, location) = options.input.open()?;
    let target = SaveTarget::new(&dataset, options.output.clone(), options.in_place);
    target.check(&Inputs::of(&dataset, &location))?;
    let Hold { mut opened, store } = hold(&dataset, &location)?;
    input::report(&opened, &location, errors).map_err(SaveError::Report)?;

    let saved = target.save(&dataset, SaveRequest::new(&opened.ledger, options.force));
    let summary = saved.map_err(|failure| match failure {
        SaveFailure::Conflict(why) => SaveError::Conflict(why),
        SaveFailure::Other(why) => SaveError::NotWritten(why),
    })?;

    let stored = store.and_then(|store| store_save(store, &mut opened.ledger, &summary));
    report(&target.path, &summary, stored.err(), out, errors).map_err(SaveError::Report)?;
    Ok(if summary.left_out == 0 { ExitCode::Done } else { ExitCode::Findings })
}

/// A session, with write access or the reason why it cannot be written.
struct Hold {
    opened: Opened,
    store: Result<Store, SessionError>,
}

fn hold(dataset: &Dataset, location: &Location) -> Result<Hold, InputError> {
    match session::open(location, dataset, Timestamp::now()) {
        Ok((store, opened)) => Ok(Hold { opened, store: Ok(store) }),
        // If the session cannot be read either, opening it read-only returns that error.
        Err(refused) => Ok(Hold { opened: input::read_session(dataset, location)?, store: Err(refused) }),
    }
}

/// Stores the save in the session.
fn store_save(mut store: Store, ledger: &mut Ledger, summary: &SaveSummary) -> Result<(), SessionError> {
    store.append(ledger.perform(summary.events().into()), summary.at)?;
    store.close()
}

fn report(
    path: &Path,
    summary: &SaveSummary,
    not_stored: Option<SessionError>,
    out: &mut Console<'_>,
    errors: &mut Console<'_>,
) -> io::Result<()> {
    let records = counted(summary.records, "record", "records");
    let changed = counted(summary.changed, "caption", "captions");
    let excluded = if summary.excluded == 0 { String::new() } else { format!(", {} excluded", summary.excluded) };
    let path = remote_folder::with_urls(&path.display().to_string());
    out.message(format_args!("{path}: {records}, {changed} changed{excluded}"))?;
    out.flush()?;
    if let Some(warning) = &summary.warning {
        errors.message(warning)?;
    }
    if let Some(error) = not_stored {
        errors.message(format_args!(
            "this save is not in the session, so one with other decisions needs --force: {error}"
        ))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
