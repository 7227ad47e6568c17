//! The files of a database, and reading one without its write-ahead log.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

pub(super) const READING: OpenFlags = OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Returns the path of the write-ahead log.
pub(super) fn wal_of(file: &Path) -> PathBuf {
    with_suffix(file, "-wal")
}

/// Returns the path of the rollback journal, which exists while a new session is created, and afterwards only if that was
/// interrupted: the file alone may be inconsistent then.
pub(super) fn journal_of(file: &Path) -> PathBuf {
    with_suffix(file, "-journal")
}

fn with_suffix(file: &Path, suffix: &str) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Opens a database for reading as if nothing could change it, without its write-ahead log.
pub(super) fn immutable_connection(file: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(immutable(file), READING | OpenFlags::SQLITE_OPEN_URI)
}

/// Returns the URI that opens a database as immutable. See <https://www.sqlite.org/uri.html>.
fn immutable(file: &Path) -> String {
    let mut address = "file:".to_owned();
    for &byte in file.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => address.push(char::from(byte)),
            other => write!(address, "%{other:02x}").expect("writing to a string cannot fail"),
        }
    }
    address.push_str("?immutable=1");
    address
}
