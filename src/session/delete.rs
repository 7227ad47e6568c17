//! Deletes a session.

use std::path::Path;
use std::{fs, io};

use super::error::SessionError;
use super::location::Location;
use super::lock::Lock;

/// Suffixes of the database's files. The database itself is removed last: if this is interrupted, a session is left, and
/// not a write-ahead log without one.
const FILES: [&str; 4] = ["-wal", "-shm", "-journal", ""];

/// Deletes the session of `dataset` with all its decisions. Does nothing if there is none.
///
/// # Errors
///
/// Returns an error if another process has the session open for writing, or a file cannot be removed.
pub fn delete(location: &Location, dataset: &Path) -> Result<(), SessionError> {
    let session = location.file();
    if !session.exists() {
        return Ok(());
    }
    let _lock = Lock::acquire(session, dataset)?;
    for suffix in FILES {
        let mut file = session.as_os_str().to_owned();
        file.push(suffix);
        match fs::remove_file(&file) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(SessionError::File { path: file.into(), doing: "remove", source });
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::CAPTION;

    #[test]
    fn only_the_files_of_the_session_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().join("metadata.jsonl");
        let location = Location::find(&dataset, CAPTION, None).unwrap();
        delete(&location, &dataset).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "without a session nothing is created");

        location.prepare().unwrap();
        let beside = |name: &str| location.file().with_file_name(name);
        let ours = ["metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm", "metadata.sqlite-journal"];
        for name in ours.into_iter().chain(["other.sqlite"]) {
            fs::write(beside(name), "").unwrap();
        }
        delete(&location, &dataset).unwrap();
        for name in ours {
            assert!(!beside(name).exists(), "{name}");
        }
        assert!(beside("other.sqlite").exists());
    }

    #[test]
    fn a_session_in_use_is_not_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().join("metadata.jsonl");
        let location = Location::find(&dataset, CAPTION, None).unwrap();
        location.prepare().unwrap();
        fs::write(location.file(), "").unwrap();
        let _held = Lock::acquire(location.file(), &dataset).unwrap();
        assert!(matches!(delete(&location, &dataset), Err(SessionError::Locked { .. })));
        assert!(location.file().exists());
    }
}
