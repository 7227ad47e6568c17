//! The result of a save: a report, or an error.

use std::fmt;
use std::io;
use std::path::PathBuf;

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
    pub bytes: u64,
    /// Identifies the file at the next save ([`Expected::Ours`](super::Expected::Ours)).
    pub stamp: Stamp,
    /// XXH3-128 of the file's bytes.
    pub hash: u128,
    pub backup: Option<Backup>,
    pub warnings: Vec<SaveWarning>,
}

/// The copy of the replaced file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// Created by this save.
    Made(PathBuf),
    /// An existing backup, which is never overwritten.
    Kept(PathBuf),
}

/// A property of the old file that could not be preserved. The new file was written nevertheless.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveWarning {
    #[error("{path} had {links} hard links; the others still have the old content")]
    HardLinks { path: PathBuf, links: u64 },
    #[error("{path}: owner not preserved")]
    Owner { path: PathBuf },
    /// Extended attributes, or an access control list.
    #[error("{path}: attributes not preserved ({which})")]
    Attributes {
        path: PathBuf,
        /// Their names, if known.
        which: String,
    },
    /// The folder could not be opened, so it was not synced.
    #[error("{folder} could not be synced; a power loss in the next seconds may undo the save")]
    FolderNotFlushed { folder: PathBuf },
}

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
