//! Forgetting a session: its file and what the database keeps beside it, removed while nobody else writes it.

use std::path::Path;
use std::{fs, io};

use super::error::SessionError;
use super::location::Location;
use super::lock::Lock;

/// What the database appends to its name for the files beside it; the file itself goes last, so that what is
/// left when this is interrupted is a session and not the remains of one.
const FILES: [&str; 3] = ["-wal", "-shm", ""];

/// Removes the session of `dataset`, with everything that was decided in it. Where there is none, nothing happens.
///
/// # Errors
///
/// When another process writes it, or a file cannot be removed.
pub fn forget(location: &Location, dataset: &Path) -> Result<(), SessionError> {
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
    fn the_session_goes_and_what_is_beside_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().join("metadata.jsonl");
        let location = Location::find(&dataset, CAPTION, None).unwrap();
        forget(&location, &dataset).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "where there is none, nothing happens");

        location.prepare().unwrap();
        let beside = |name: &str| location.file().with_file_name(name);
        for name in ["metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm", "other.sqlite"] {
            fs::write(beside(name), "").unwrap();
        }
        forget(&location, &dataset).unwrap();
        for name in ["metadata.sqlite", "metadata.sqlite-wal", "metadata.sqlite-shm"] {
            assert!(!beside(name).exists(), "{name}");
        }
        assert!(beside("other.sqlite").exists());
    }

    #[test]
    fn a_session_in_use_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().join("metadata.jsonl");
        let location = Location::find(&dataset, CAPTION, None).unwrap();
        location.prepare().unwrap();
        fs::write(location.file(), "").unwrap();
        let _held = Lock::acquire(location.file(), &dataset).unwrap();
        assert!(matches!(forget(&location, &dataset), Err(SessionError::Locked { .. })));
        assert!(location.file().exists());
    }
}
