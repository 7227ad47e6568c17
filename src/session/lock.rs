//! The lock file that limits a session to one writer. It contains the process id of the holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::SessionError;

/// The most digits of a process id.
const LONGEST: u64 = 20;

/// An exclusive lock, released when dropped or when the process ends.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Acquires the lock of a session. The lock file is never removed, because another process may be waiting for it.
    pub(super) fn acquire(session: &Path, dataset: &Path) -> Result<Self, SessionError> {
        let path = lock_file(session);
        let failed = |doing, source| SessionError::File { path: path.clone(), doing, source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| failed("open the lock file", source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SessionError::Locked { dataset: dataset.to_owned(), pid: holder(&mut file) });
            }
            Err(TryLockError::Error(source)) => return Err(failed("lock", source)),
        }
        let mut before = Vec::new();
        let read = (&mut file).take(LONGEST + 1).read_to_end(&mut before).map_err(|source| failed("read", source))?;
        if read as u64 > LONGEST || !before.iter().all(u8::is_ascii_digit) {
            let source = io::Error::other("another file has its name (file left as it is)");
            return Err(failed("lock the session with", source));
        }
        let pid = std::process::id().to_string();
        file.rewind()
            .and_then(|()| file.set_len(0))
            .and_then(|()| file.write_all(pid.as_bytes()))
            .map_err(|source| failed("write the lock file", source))?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that is being started holds a copy of the descriptor until exec.
        // If this fails, the lock is released when the process ends.
        let _ = self.file.unlock();
    }
}

fn lock_file(session: &Path) -> PathBuf {
    let mut path = session.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_names_the_holder() {
        let folder = tempfile::tempdir().unwrap();
        let session = folder.path().join("metadata.sqlite");
        let dataset = folder.path().join("metadata.jsonl");
        let lock = Lock::acquire(&session, &dataset).unwrap();
        let refused = Lock::acquire(&session, &dataset).unwrap_err();
        assert!(matches!(refused, SessionError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
        assert!(refused.to_string().contains(&format!("by process {}: close it there", std::process::id())));
        drop(lock);
        Lock::acquire(&session, &dataset).unwrap();
    }

    #[test]
    fn another_file_of_its_name_is_left_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let session = folder.path().join("metadata.sqlite");
        for content in ["{}\n", "123456789012345678901", "text"] {
            std::fs::write(lock_file(&session), content).unwrap();
            let error = Lock::acquire(&session, &session).unwrap_err();
            assert!(error.to_string().contains("metadata.sqlite.lock"), "{error}");
            assert_eq!(std::fs::read_to_string(lock_file(&session)).unwrap(), content);
        }
    }

    #[test]
    fn a_longer_process_id_of_a_previous_holder_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let session = folder.path().join("metadata.sqlite");
        std::fs::write(lock_file(&session), "99999999999999").unwrap();
        let _lock = Lock::acquire(&session, &session).unwrap();
        let refused = Lock::acquire(&session, &session).unwrap_err();
        assert!(matches!(refused, SessionError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    }
}
