//! What commands begin with: a dataset and what its session says of it.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, DatasetError, OpenOptions};
use crate::session::{self, Location, Opened, SessionError};
use crate::text::{counted, sanitize};

/// The most records named that the dataset has lost.
const MOST_NAMED: usize = 10;

/// What a session's file begins with. See <https://www.sqlite.org/fileformat.html>.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

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

    /// What is meant where a session is named in place of its dataset.
    pub(super) fn of_session(&self) -> Result<Self, InputError> {
        if !is_session(&self.dataset) {
            return Ok(self.clone());
        }
        let session = Some(self.dataset.clone());
        Ok(Self { dataset: session::dataset_of(&self.dataset)?, session, ..self.clone() })
    }
}

/// Finds another review of a dataset: `other` is its session, or a dataset with its session.
pub(super) fn other_review(other: &Path, dataset: &Dataset, reading: &OpenOptions) -> Result<Location, InputError> {
    let field = dataset.caption_field();
    if is_session(other) {
        return Ok(Location::find(dataset.path(), field, Some(other))?);
    }
    Ok(Location::find(Dataset::open(other, reading)?.path(), field, None)?)
}

fn is_session(path: &Path) -> bool {
    let mut beginning = [0; SQLITE.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut beginning));
    read.is_ok() && beginning == *SQLITE
}

/// Reads a session without holding it.
pub(super) fn look(dataset: &Dataset, location: &Location) -> Result<Opened, InputError> {
    Ok(session::open_read_only(location, dataset)?)
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
