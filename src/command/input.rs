//! What `save` and `export` begin with: a dataset and what its session says of it.

use std::io::{self, Write};
use std::path::PathBuf;

use crate::dataset::{Dataset, DatasetError, OpenOptions};
use crate::runtime::Facts;
use crate::session::{self, Location, Opened, SessionError};
use crate::text::{counted, sanitize};

/// The most records named that the dataset has lost.
const MOST_NAMED: usize = 10;

/// Which dataset, and which session of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The dataset: a JSON Lines file, or a folder with a `metadata.jsonl`.
    pub dataset: PathBuf,
    /// How to read it.
    pub reading: OpenOptions,
    /// The session's file; where sessions are kept, if absent.
    pub session: Option<PathBuf>,
}

/// Why there is nothing to work on.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The dataset cannot be opened or read.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The session cannot be read.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The session that was named does not exist. Without its decisions the result would be another than meant.
    #[error("{}: there is no such session; without --session it is looked for beside the dataset", .0.display())]
    NoSession(PathBuf),
}

impl Input {
    /// Opens the dataset and finds its session, which need not exist yet.
    pub(super) fn open(&self) -> Result<(Dataset, Location), InputError> {
        let dataset = Dataset::open(&self.dataset, &self.reading)?;
        if let Some(named) = self.session.as_ref().filter(|named| !named.exists()) {
            return Err(InputError::NoSession(named.clone()));
        }
        let location = Location::find(dataset.path(), dataset.caption_field(), self.session.as_deref())?;
        Ok((dataset, location))
    }
}

/// Reads a session without holding it.
pub(super) fn look(dataset: &Dataset, location: &Location) -> Result<Opened, InputError> {
    Ok(session::open_read_only(location, &Facts(dataset.clone()))?)
}

/// Says where the session and the dataset do not fit together.
pub(super) fn report(opened: &Opened, location: &Location, errors: &mut dyn Write) -> io::Result<()> {
    for note in opened.binding.note().into_iter().chain(location.note()) {
        writeln!(errors, "{}", sanitize(&note))?;
    }
    let unmatched = &opened.unmatched;
    for lost in unmatched.iter().take(MOST_NAMED) {
        let name = sanitize(&lost.file_name);
        writeln!(errors, "{name}: reviewed, but not in the dataset any more (kept in the session)")?;
    }
    match unmatched.len().saturating_sub(MOST_NAMED) {
        0 => Ok(()),
        more => writeln!(errors, "and {} like it", counted(more as u64, "other", "others")),
    }
}
