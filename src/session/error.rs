//! What can go wrong with a session, said so that the operator knows the file and the way out.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::event::Seq;
use crate::dataset::{DatasetError, RecordId};

/// Why a session cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Another process writes this session.
    #[error("{} is being reviewed by {}: close it there, or open read-only", .dataset.display(), process(*.pid))]
    Locked {
        /// The dataset.
        dataset: PathBuf,
        /// The other process; unknown where its lock file cannot be read.
        pid: Option<u32>,
    },
    /// The file is something else.
    #[error("{}: is not a session of recaption (file left as it is): move it away, or choose another with --session", .file.display())]
    NotASession {
        /// The file.
        file: PathBuf,
    },
    /// It is about other captions of the same records.
    #[error("{}: holds the review of {reviewed:?}, and this is one of {asked:?}: name that field with --caption-field, or another session with --session", .file.display())]
    OtherField {
        /// The session's file.
        file: PathBuf,
        /// The member whose captions it is about.
        reviewed: String,
        /// The member whose captions were to be reviewed.
        asked: String,
    },
    /// A newer recaption wrote it.
    #[error("{}: has format {version}, and this recaption knows formats up to {known} (file left as it is): use a newer recaption", .file.display())]
    TooNew {
        /// The session's file.
        file: PathBuf,
        /// Its format.
        version: u32,
        /// The newest format known here.
        known: u32,
    },
    /// Its contents contradict themselves.
    #[error("{}: is damaged: {what} (file left as it is): put back a copy, or move it away to begin anew", .file.display())]
    Damaged {
        /// The session's file.
        file: PathBuf,
        /// What was found.
        what: String,
    },
    /// The database refused.
    #[error("{}: {source}{}", .file.display(), way_out(.source))]
    Database {
        /// The session's file.
        file: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// A file or folder beside the database could not be used.
    #[error("{}: cannot {doing}: {source}{}", .path.display(), way_out_of_file(.source))]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What was tried ("create the folder").
        doing: &'static str,
        /// Why.
        source: io::Error,
    },
    /// There is no folder to put the session in.
    #[error("{}: the session cannot be kept beside it and there is no home folder: choose a file with --session", .dataset.display())]
    NoStateFolder {
        /// The dataset.
        dataset: PathBuf,
    },
    /// The dataset changed, and reading it to find the records again failed.
    #[error("cannot read the dataset of the session: {0}")]
    Dataset(#[from] DatasetError),
    /// An event came out of order.
    #[error("event {} came where {} was due: nothing after it is stored until the session is opened again", .got.0, .due.0)]
    OutOfOrder {
        /// The number that was due.
        due: Seq,
        /// The number that came.
        got: Seq,
    },
    /// The dataset has no such record.
    #[error("internal error: first event of record {}, which is not in the dataset", .record.0)]
    Unknown {
        /// The record.
        record: RecordId,
    },
    /// It is open for reading only, or not at all.
    #[error("the session is not open for writing")]
    NotOpen,
    /// The writer had failed before; the reason was told then.
    #[error("an earlier event could not be stored, so nothing is until the session is opened again")]
    Failed,
    /// The writer's thread is gone.
    #[error("the session's thread has ended: open the session again")]
    Stopped,
}

/// Why reading or writing rows failed, before the file's name is put to it.
#[derive(Debug)]
pub(super) enum Fault {
    Database(rusqlite::Error),
    Damaged(String),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

impl Fault {
    pub(super) fn of(self, file: &Path) -> SessionError {
        let file = file.to_owned();
        match self {
            Self::Damaged(what) => SessionError::Damaged { file, what },
            Self::Database(source) => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => SessionError::NotASession { file },
                Some(ErrorCode::DatabaseCorrupt) => SessionError::Damaged { file, what: source.to_string() },
                _ => SessionError::Database { file, source },
            },
        }
    }
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

const NOT_WRITABLE: &str = ": make the file and its folder writable, open read-only, or choose another with --session";
const FULL: &str = ": make room on the disk, then open the session again";

fn way_out_of_file(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => NOT_WRITABLE,
        _ => "",
    }
}

fn way_out(error: &rusqlite::Error) -> &'static str {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => FULL,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => NOT_WRITABLE,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ": another program has it open",
        _ => "",
    }
}
