//! Opens the dataset and the session of a command.

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::path::{Path, PathBuf};

use crate::dataset::{Dataset, DatasetError, METADATA_FILES, OpenOptions};
use crate::session::{self, Location, Opened, SessionError, Unmatched};
use crate::text::{counted, sanitize};

/// The maximum number of lost records listed.
const MAX_LISTED: usize = 10;

/// The magic number of a session file. See <https://www.sqlite.org/fileformat.html>.
const SQLITE: &[u8; 16] = b"SQLite format 3\0";

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// The dataset: a JSON Lines file, or a folder with a `metadata.jsonl`.
    pub dataset: PathBuf,
    pub reading: OpenOptions,
    /// The session file; by default the one that belongs to the dataset.
    pub session: Option<PathBuf>,
}

#[derive(Debug, thiserror::Error)]
pub enum InputError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Session(#[from] SessionError),
    /// An explicitly named session must exist: without its decisions, the output would be wrong.
    #[error("{}: no such session; omit --session to use the one beside the dataset", .0.display())]
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

    /// Returns the dataset and session to use if `dataset` is a session file.
    pub(super) fn of_session(&self) -> Result<Self, InputError> {
        if !is_session(&self.dataset) {
            return Ok(self.clone());
        }
        let session = Some(self.dataset.clone());
        Ok(Self { dataset: session::dataset_of(&self.dataset)?, session, ..self.clone() })
    }
}

/// Finds another session of a dataset. `other` is the session, or a dataset with a session.
pub(super) fn other_review(other: &Path, dataset: &Dataset, reading: &OpenOptions) -> Result<Location, InputError> {
    let field = dataset.caption_field();
    if is_session(other) {
        return Ok(Location::find(dataset.path(), field, Some(other))?);
    }
    // A part of a table or of a folder with text files is a JSON Lines file, which has neither columns nor text files.
    let is_lines = |path: &Path| path.extension().is_some_and(|found| found == "jsonl");
    let reading =
        if is_lines(other) || other.is_dir() && other != dataset.path() && other.join(METADATA_FILES[0]).is_file() {
            &OpenOptions { file_column: None, sidecar_extension: None, ..reading.clone() }
        } else {
            reading
        };
    Ok(Location::find(Dataset::open(other, reading)?.path(), field, None)?)
}

fn is_session(path: &Path) -> bool {
    // Opening a pipe waits for its other end.
    if !path.is_file() {
        return false;
    }
    let mut magic = [0; SQLITE.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    read.is_ok() && magic == *SQLITE
}

/// Reads a session without locking it.
pub(super) fn read_session(dataset: &Dataset, location: &Location) -> Result<Opened, InputError> {
    Ok(session::open_read_only(location, dataset)?)
}

/// Prints differences between the session and the dataset.
pub(super) fn report(opened: &Opened, location: &Location, errors: &mut dyn Write) -> io::Result<()> {
    for note in opened.binding.note().into_iter().chain(location.note()) {
        writeln!(errors, "{}", sanitize(&note))?;
    }
    let unmatched: Vec<&Unmatched> = opened.unmatched.iter().filter(|lost| lost.is_listed()).collect();
    for lost in unmatched.iter().take(MAX_LISTED) {
        let name = sanitize(&lost.file_name);
        if lost.is_ambiguous {
            let why = "but none of the records of this name is certain to be the same";
            writeln!(errors, "{name}: reviewed, {why} (decision set aside, kept in the session)")?;
        } else {
            writeln!(errors, "{name}: reviewed, but not in the dataset any more (decision kept in the session)")?;
        }
    }
    match unmatched.len().saturating_sub(MAX_LISTED) {
        0 => Ok(()),
        more => writeln!(errors, "and {} like it", counted(more as u64, "other", "others")),
    }
}
