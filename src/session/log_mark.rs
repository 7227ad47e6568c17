//! The mark in the database file for newer changes in its write-ahead log. A copy of the file alone, or a file whose log was
//! deleted, is recognised by it instead of being read as a session with fewer decisions.
//!
//! A commit that follows a complete checkpoint sets the mark, and the file is checkpointed once after it. While the
//! session is idle, and on closing, the mark is replaced by the number of the newest event, and the file is checkpointed
//! again: it is complete without its log then. The file of a new session gets the mark before its first event.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::error::{Fault, SessionError};
use super::event::Seq;
use super::schema::{self, Header};
use super::setting::{put_setting, setting};
use super::sqlite_file::{immutable_connection, journal_of, wal_of};

const NAME: &str = "complete_through";
const LOGGED: i64 = -1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogMark {
    /// Written before there were marks.
    None,
    /// Newer changes are in the log.
    Logged,
    /// The log has no event after this one.
    Complete(Seq),
}

impl LogMark {
    pub(super) fn read(connection: &Connection) -> Result<Self, Fault> {
        Ok(match setting::<i64>(connection, NAME)? {
            None => Self::None,
            Some(LOGGED) => Self::Logged,
            Some(through) => Self::Complete(Seq(through.cast_unsigned())),
        })
    }

    pub(super) fn store(self, connection: &Connection) -> Result<(), Fault> {
        let value = match self {
            Self::None => None,
            Self::Logged => Some(LOGGED),
            Self::Complete(through) => Some(through.0.cast_signed()),
        };
        put_setting(connection, NAME, value)
    }

    /// Checks that there is no event missing, given the newest one.
    pub(super) fn check(self, newest: Seq) -> Result<(), Fault> {
        if matches!(self, Self::Complete(through) if through > newest) { Err(Fault::LogMissing) } else { Ok(()) }
    }
}

/// Checks that a file without a log does not need one. The file may not exist. A log that is empty counts as one: that is
/// how the operator accepts the loss. A file with a rollback journal has no log yet.
pub(super) fn check_without_log(file: &Path) -> Result<(), SessionError> {
    let len = fs::metadata(file).map_or(0, |metadata| metadata.len());
    if len == 0 || wal_of(file).exists() || journal_of(file).exists() {
        return Ok(());
    }
    let needs_log = || -> Result<bool, Fault> {
        let connection = immutable_connection(file)?;
        Ok(match schema::header(&connection)? {
            // Before version 0.2, the tables were created in the log.
            Header::Empty => true,
            Header::Session(_) => LogMark::read(&connection)? == LogMark::Logged,
            Header::Foreign => false,
        })
    };
    let needs_log = needs_log().map_err(|fault| fault.of(file))?;
    if needs_log && !wal_of(file).exists() { Err(Fault::LogMissing.of(file)) } else { Ok(()) }
}
