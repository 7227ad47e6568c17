//! The result of a save: a report, or an error.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic_file::{WriteError, WriteWarning};
use crate::dataset::{DatasetError, RecordId, Stamp};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveReport {
    /// The target, symlinks followed.
    pub path: PathBuf,
    /// Lines that are not blank, including those that cannot be parsed.
    pub records_written: u32,
    /// Records whose caption differs from the dataset's.
    pub captions_changed: u32,
    pub excluded: u32,
    /// Amendments of lines that cannot be parsed, which are copied unchanged.
    pub bad_lines_left: u32,
    /// Amendments of captions that are neither strings nor `null`, which are copied unchanged.
    pub not_text_left: u32,
    /// Exclusions of a caption whose image has others that are not excluded, which is kept unchanged.
    pub partly_excluded: u32,
    pub bytes: u64,
    /// Identifies the file at the next save ([`Expected::Ours`](super::Expected::Ours)).
    pub stamp: Stamp,
    /// XXH3-128 of the file's bytes.
    pub hash: u128,
    pub backup: Option<Backup>,
    pub warnings: Vec<WriteWarning>,
}

/// The copy of the replaced file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// Created by this save.
    Made(PathBuf),
    /// An existing backup, which is never overwritten.
    Kept(PathBuf),
}

/// Why a target is not overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// Not written by this session.
    Foreign,
    /// Written by this session, and changed since.
    Changed,
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "exists and was not written by this session",
            Self::Changed => "changed since this session wrote it",
        })
    }
}

/// Why nothing was saved. The target is unchanged, unless noted otherwise.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The amendments are not in file order, or two are of the same record.
    #[error("internal error: amendment of record {} is out of order", record.0)]
    OutOfOrder { record: RecordId },
    #[error("{path} {kind}; --force replaces it, -o FILE writes another")]
    Conflict { path: PathBuf, kind: ConflictKind },
    #[error("{path} is being written by another process; wait until it ends, or use -o FILE")]
    Busy { path: PathBuf },
    /// The target is the dataset, without an in-place save being requested.
    #[error("{path} is the dataset itself; --in-place replaces it and keeps a .bak, -o FILE writes another")]
    IsDataset { path: PathBuf },
    #[error("{path}: a CSV table is saved as one; use a name with .csv or .tsv, or convert it with recaption export")]
    NotATable { path: PathBuf },
    #[error("{path}: a Parquet file is saved as one; use a name with .parquet, or convert it with recaption export")]
    NotParquet { path: PathBuf },
    #[error("{path}: a tar archive is saved as one; use a name with .tar, or convert it with recaption export")]
    NotATar { path: PathBuf },
    #[error(
        "{path}: captions.json is saved as a JSON object; use a name with .json, or convert it with recaption export"
    )]
    NotJson { path: PathBuf },
    #[error("{path} is not a regular file; use -o FILE")]
    NotAFile { path: PathBuf },
    #[error("cannot write {path}: {source}; the existing file is untouched; -o FILE writes elsewhere")]
    Io {
        /// The target, or its backup.
        path: PathBuf,
        source: io::Error,
    },
    /// The new file is complete and in place, but may not survive a power loss. Save again, expecting the file of the
    /// report.
    #[error("{} was written, but could not be synced: {source}; save again", report.path.display())]
    NotConfirmed { report: Box<SaveReport>, source: io::Error },
}

impl SaveError {
    /// Why the file at `path` could not be replaced.
    pub(super) fn at(path: &Path, error: WriteError) -> Self {
        let path = path.to_owned();
        match error {
            WriteError::Exists => Self::Conflict { path, kind: ConflictKind::Foreign },
            WriteError::NotAFile => Self::NotAFile { path },
            WriteError::Busy => Self::Busy { path },
            WriteError::Io(source) | WriteError::NotConfirmed(source) => Self::Io { path, source },
        }
    }
}
