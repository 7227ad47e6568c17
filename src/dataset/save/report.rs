//! What a save tells: of its success, or why there was none.

use std::fmt;
use std::io;
use std::path::PathBuf;

use crate::dataset::{DatasetError, RecordId, Stamp};

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaveReport {
    /// The file, links followed.
    pub path: PathBuf,
    /// Lines that hold something, those that cannot be parsed included.
    pub records_written: u32,
    /// Records whose caption is not the dataset's any more.
    pub captions_changed: u32,
    /// Records left out.
    pub excluded: u32,
    /// Amendments not made because the line cannot be parsed; such lines are written back as they are.
    pub bad_lines_left: u32,
    /// Length of the file.
    pub bytes: u64,
    /// To recognise the file by at the next save ([`Expected::Ours`](super::Expected::Ours)).
    pub stamp: Stamp,
    /// XXH3-128 of the file's bytes.
    pub hash: u128,
    /// The file's first original, if one was asked for.
    pub backup: Option<Backup>,
    /// What the operator should know.
    pub warnings: Vec<SaveWarning>,
}

/// The copy of what was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backup {
    /// It was made by this save.
    Made(PathBuf),
    /// One was there already, and is never overwritten.
    Kept(PathBuf),
}

/// What could not be carried over to the new file, though it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SaveWarning {
    /// Other names of the old file still lead to its old content.
    #[error("{path} had {links} names (hard links); the others still show the old content")]
    HardLinks {
        /// The target.
        path: PathBuf,
        /// How many names it had.
        links: u64,
    },
    /// The file belongs to whoever saved.
    #[error("{path} could not be given its old owner")]
    Owner {
        /// The target.
        path: PathBuf,
    },
    /// Extended attributes, or an access list, are lost.
    #[error("{path} could not be given its old attributes ({which})")]
    Attributes {
        /// The target.
        path: PathBuf,
        /// Their names, or that these are not known either.
        which: String,
    },
    /// The folder may not be read, so it could not be told to flush.
    #[error("{folder} could not be opened to be flushed; a power cut in the next seconds may undo the save")]
    FolderNotFlushed {
        /// The target's folder.
        folder: PathBuf,
    },
}

/// Why a target is not overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConflictKind {
    /// This session never wrote it.
    Foreign,
    /// This session wrote it, but it changed since.
    Changed,
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "was there before, and not written by this session",
            Self::Changed => "changed since this session wrote it",
        })
    }
}

/// Why nothing was saved. What was at the target is as it was, unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// The dataset cannot be read any more.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// The amendments are not in the records' order, or name one twice.
    #[error("record {} was amended out of order", record.0)]
    OutOfOrder {
        /// The offender.
        record: RecordId,
    },
    /// Something else is at the target.
    #[error("{path} {kind}; --force replaces it, -o FILE writes another")]
    Conflict {
        /// The target.
        path: PathBuf,
        /// What it is.
        kind: ConflictKind,
    },
    /// Another save to the same target is running.
    #[error("{path} is being saved by another process; wait for it, or use -o FILE")]
    Busy {
        /// The target.
        path: PathBuf,
    },
    /// The dataset would be replaced without being asked to.
    #[error("{path} is the dataset itself; --in-place replaces it and keeps a .bak, -o FILE writes another")]
    IsDataset {
        /// The target.
        path: PathBuf,
    },
    /// A folder or a device.
    #[error("{path} is not a regular file; use -o FILE")]
    NotAFile {
        /// The target.
        path: PathBuf,
    },
    /// The operating system refused: a full disk, a folder without permission.
    #[error("{path} could not be written: {source}; what was there is untouched; -o FILE writes elsewhere")]
    Io {
        /// The target, or the backup to be made first.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The new file is in place and whole, but may not outlast a power cut. Saving again settles it, with what the
    /// report tells of the file as expected.
    #[error("{} is written, but the disk did not confirm it: {source}; save again", report.path.display())]
    NotConfirmed {
        /// What is there now.
        report: Box<SaveReport>,
        /// What the system said.
        source: io::Error,
    },
}
