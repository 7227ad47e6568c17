//! Connections to the session's database: for writing, and for reading without any change.

use std::path::Path;
use std::{fs, io};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tempfile::TempDir;

use super::error::{Fault, SessionError};
use super::log_mark::check_without_log;
use super::schema::{self, Header, MIGRATIONS};
use super::sqlite_file::{READING, immutable_connection, journal_of, wal_of};

/// Opens the database for writing. Writes nothing to a file that is not a session of a known format.
pub(super) fn connect(file: &Path) -> Result<Connection, SessionError> {
    check_without_log(file)?;
    let open = || -> Result<_, Fault> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(file, flags)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok((schema::header(&connection)?, connection))
    };
    let (header, mut connection) = open().map_err(|fault| fault.of(file))?;
    let version = known_version(header, file)?;
    let mut prepare = || -> Result<_, Fault> {
        if version == 0 {
            // The tables are created without the log. If that is interrupted, no log is missing.
            connection.pragma_update(None, "synchronous", "full")?;
            connection.pragma_update(None, "fullfsync", true)?;
            schema::migrate(&mut connection, version, MIGRATIONS)?;
        }
        let mode: String = connection.pragma_update_and_check(None, "journal_mode", "wal", |row| row.get(0))?;
        // A commit returns once it is on disk. On macOS that takes `fullfsync`, which has no effect elsewhere.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        if mode == "wal" && version > 0 {
            schema::migrate(&mut connection, version, MIGRATIONS)?;
        }
        Ok(mode)
    };
    let mode = prepare().map_err(|fault| fault.of(file))?;
    if mode != "wal" {
        let source = io::Error::new(io::ErrorKind::Unsupported, format!("the file system only allows \"{mode}\""));
        return Err(SessionError::File { path: file.to_owned(), doing: "keep a write-ahead log", source });
    }
    Ok(connection)
}

/// Returns the format of a session, zero for an empty file.
fn known_version(header: Header, file: &Path) -> Result<u32, SessionError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    match header {
        Header::Empty => Ok(0),
        Header::Session(version) if version <= known => Ok(version),
        Header::Session(version) => Err(SessionError::TooNew { file: file.to_owned(), version, known }),
        Header::Foreign => Err(SessionError::NotASession { file: file.to_owned() }),
    }
}

/// Opens the database for reading. Returns `None` if there is no session yet. A database that is `at_rest` (no write-ahead
/// log) is opened as immutable; otherwise SQLite would create the log and its shared memory. Also returns the folder of
/// the copy, if one is needed.
pub(super) fn connect_read_only(
    file: &Path,
    at_rest: bool,
) -> Result<Option<(Connection, Option<TempDir>)>, SessionError> {
    if !file.try_exists().map_err(|source| unreadable(file, source))? {
        return Ok(None);
    }
    if at_rest {
        check_without_log(file)?;
    }
    let open = || -> Result<_, Fault> {
        let connection =
            if at_rest { immutable_connection(file)? } else { Connection::open_with_flags(file, READING)? };
        Ok((schema::header(&connection)?, connection))
    };
    let through_copy = || -> Result<_, SessionError> {
        let (connection, folder) = open_copy(file)?;
        let header = schema::header(&connection).map_err(|fault| fault.of(file))?;
        Ok((header, connection, Some(folder)))
    };
    let (header, connection, copy) = match open() {
        // Reading rolls an interrupted transaction back, which changes the file.
        _ if at_rest && journal_of(file).exists() => through_copy()?,
        Ok((header, connection)) => (header, connection, None),
        // In a read-only folder, SQLite cannot create the shared memory for the write-ahead log.
        Err(Fault::Database(error)) if error.sqlite_error_code() == Some(ErrorCode::CannotOpen) => through_copy()?,
        Err(fault) => return Err(fault.of(file)),
    };
    let version = known_version(header, file)?;
    if version > 0 && (version as usize) < MIGRATIONS.len() {
        // A session opened for reading is not changed, so a copy is migrated.
        drop(connection);
        let (mut connection, folder) = open_copy(file)?;
        schema::migrate(&mut connection, version, MIGRATIONS).map_err(|fault| fault.of(file))?;
        return Ok(Some((connection, Some(folder))));
    }
    Ok((version > 0).then_some((connection, copy)))
}

/// Opens a session of any format for reading, to look at it only: without its write-ahead log if `at_rest`. Returns `None`
/// if it has no tables, or is being created.
pub(super) fn peek(file: &Path, at_rest: bool) -> Result<Option<Connection>, Fault> {
    if at_rest && journal_of(file).exists() {
        return Ok(None);
    }
    let connection = if at_rest { immutable_connection(file)? } else { Connection::open_with_flags(file, READING)? };
    Ok(matches!(schema::header(&connection)?, Header::Session(_)).then_some(connection))
}

/// Opens a copy of the database and its write-ahead log or rollback journal.
pub(super) fn open_copy(file: &Path) -> Result<(Connection, TempDir), SessionError> {
    let folder = tempfile::tempdir().map_err(|source| unreadable(file, source))?;
    let copy = folder.path().join("session.sqlite");
    for beside in [wal_of, journal_of] {
        match fs::copy(beside(file), beside(&copy)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unreadable(file, error)),
            _ => {}
        }
    }
    fs::copy(file, &copy).map_err(|source| unreadable(file, source))?;
    let connection = Connection::open(copy).map_err(|error| Fault::from(error).of(file))?;
    Ok((connection, folder))
}

fn unreadable(file: &Path, source: io::Error) -> SessionError {
    SessionError::File { path: file.to_owned(), doing: "read", source }
}
