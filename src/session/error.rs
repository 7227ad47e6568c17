//! Errors of opening and writing a session. Each message names the file and a way out.

use std::path::{Path, PathBuf};
use std::{fs, io};

use rusqlite::ErrorCode;

use super::event::Seq;
use super::sqlite_file::wal_of;
use crate::dataset::{DatasetError, RecordId};
use crate::text::counted;

#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// Another process has the session open for writing.
    #[error("{} is being reviewed by {}: close it there, or open read-only", .dataset.display(), process(*.pid))]
    Locked {
        dataset: PathBuf,
        /// `None` if the lock file cannot be read.
        pid: Option<u32>,
    },
    #[error("{}: not a recaption session (file left as it is): move it away, or choose another with --session", .file.display())]
    NotASession { file: PathBuf },
    /// A pipe, a socket or a device.
    #[error("{}: not a regular file: choose another session with --session", .file.display())]
    NotAFile { file: PathBuf },
    /// The session belongs to another dataset.
    #[error("{}: session of {}, not of {}: open the dataset again, or choose another session with --session", .file.display(), .owner.display(), .dataset.display())]
    OtherDataset { file: PathBuf, owner: PathBuf, dataset: PathBuf },
    /// The session belongs to another caption field.
    #[error("{}: session of the field {reviewed:?}, not of {requested:?}: use --caption-field {reviewed}, or another session with --session", .file.display())]
    OtherField { file: PathBuf, reviewed: String, requested: String },
    #[error("{}: format {version} is too new, this recaption supports formats up to {known} (file left as it is): use a newer recaption", .file.display())]
    TooNew { file: PathBuf, version: u32, known: u32 },
    /// The contents are inconsistent.
    #[error("{}: damaged: {what} (file left as it is): if it is a copy, copy it again while recaption is closed, or else restore a copy, or move it away to start over", .file.display())]
    Damaged { file: PathBuf, what: String },
    /// The database was copied without its write-ahead log, or the log was deleted.
    #[error("{file}: the newest changes are missing: it was copied while it was open, or its log ({log}) is gone (file left as it is): close recaption there and copy it again, or copy the log too; to use it without them, create an empty {log}", file = .file.display(), log = log_name(.file))]
    LogMissing { file: PathBuf },
    #[error("{}: {source}{}", .file.display(), way_out(.source))]
    Database { file: PathBuf, source: rusqlite::Error },
    /// The file, or one beside it.
    #[error("{}: cannot {doing}: {source}{}", .path.display(), way_out_of_file(.source))]
    File {
        path: PathBuf,
        /// The attempted operation ("create the folder").
        doing: &'static str,
        source: io::Error,
    },
    #[error("{}: no place for the session: its folder cannot be used and there is no home folder; choose a file with --session", .dataset.display())]
    NoStateFolder { dataset: PathBuf },
    /// The dataset changed, and reading it to find the records again failed.
    #[error("cannot read the dataset of the session: {0}")]
    Dataset(#[from] DatasetError),
    #[error("internal error: event {} stored instead of event {}: later events are not stored until the session is reopened", .got.0, .due.0)]
    OutOfOrder { due: Seq, got: Seq },
    #[error("internal error: first event of record {}, which is not in the dataset", .record.0)]
    Unknown { record: RecordId },
    /// Opened for reading only, or not open.
    #[error("the session is not open for writing")]
    NotOpen,
    /// An earlier step failed, whose error has been reported.
    #[error("an earlier event could not be stored: later events are not stored until the session is reopened")]
    Failed,
    #[error("internal error: the session's thread has ended: reopen the session")]
    Stopped,
    /// The session was closed before they could be stored.
    #[error("lost: changes to {}: {source}", counted(*.records, "record", "records"))]
    Lost { records: u64, source: Box<Self> },
}

impl SessionError {
    /// Returns true if the same transaction may succeed later: the disk has room, another program releases its lock, or
    /// the device works again.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        self.is_without_effect()
            || matches!(
                self.code(),
                Some(
                    ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                        | ErrorCode::ReadOnly
                        | ErrorCode::PermissionDenied
                )
            )
    }

    /// Returns true if another program has the file locked.
    pub(super) fn is_locked(&self) -> bool {
        matches!(self.code(), Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked))
    }

    /// Returns true if the transaction failed before anything was synced.
    pub(super) fn is_without_effect(&self) -> bool {
        self.is_locked() || self.code() == Some(ErrorCode::DiskFull)
    }

    fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Database { source, .. } => source.sqlite_error_code(),
            _ => None,
        }
    }

    /// Returns this error as the reason for losing changes, if there are any.
    pub(super) fn losing(self, records: u64) -> Self {
        if records == 0 { self } else { Self::Lost { records, source: Box::new(self) } }
    }
}

/// A database error without the file name.
#[derive(Debug)]
pub(super) enum Fault {
    Database(rusqlite::Error),
    Damaged(String),
    LogMissing,
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
            Self::LogMissing => SessionError::LogMissing { file },
            Self::Database(source) => match source.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => SessionError::NotASession { file },
                // SQLite reports some failures to read as damage.
                Some(ErrorCode::DatabaseCorrupt) => match readable(&file) {
                    Ok(()) => SessionError::Damaged { file, what: source.to_string() },
                    Err(source) => SessionError::File { path: file, doing: "read", source },
                },
                _ => SessionError::Database { file, source },
            },
        }
    }
}

/// Reads a file to its end.
fn readable(file: &Path) -> io::Result<()> {
    io::copy(&mut fs::File::open(file)?, &mut io::sink()).map(drop)
}

/// Tries again once if a session seems to be damaged, in case reading it failed.
pub(super) fn retry_damaged<T>(mut work: impl FnMut() -> Result<T, SessionError>) -> Result<T, SessionError> {
    match work() {
        Err(SessionError::Damaged { .. }) => work(),
        result => result,
    }
}

fn log_name(file: &Path) -> String {
    wal_of(file).file_name().unwrap_or_default().display().to_string()
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

const NOT_WRITABLE: &str = ": make the file and its folder writable, open read-only, or choose another with --session";
const NO_LOCKS: &str = ": its file system has no locks: choose a session on a local disk with --session";
const FULL: &str = ": make room on the disk";

/// The extended codes of locks that fail for another reason than being held.
const NO_LOCK_CODES: [i32; 5] = [
    rusqlite::ffi::SQLITE_IOERR_LOCK,
    rusqlite::ffi::SQLITE_IOERR_RDLOCK,
    rusqlite::ffi::SQLITE_IOERR_UNLOCK,
    rusqlite::ffi::SQLITE_IOERR_CHECKRESERVEDLOCK,
    rusqlite::ffi::SQLITE_IOERR_SHMLOCK,
];

fn way_out_of_file(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => FULL,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => NOT_WRITABLE,
        io::ErrorKind::Unsupported => NO_LOCKS,
        #[cfg(unix)]
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOLCK.raw_os_error()) => NO_LOCKS,
        _ => "",
    }
}

fn way_out(error: &rusqlite::Error) -> &'static str {
    if error.sqlite_error().is_some_and(|error| NO_LOCK_CODES.contains(&error.extended_code)) {
        return NO_LOCKS;
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => FULL,
        Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => NOT_WRITABLE,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ": another program has it open",
        Some(ErrorCode::SystemIoFailure) => ": the disk failed to read or write: check it, and try again",
        _ => "",
    }
}
