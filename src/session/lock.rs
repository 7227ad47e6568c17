//! One writer a session: a lock file beside it, held while the process lives, that names the holder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::error::SessionError;

/// The right to write a session, until dropped. The system takes it back from a process that dies.
#[derive(Debug)]
pub(super) struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock of a session. The lock file is never removed: somebody may be waiting on it.
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
        // Closing the file would not do: a program that is just being started holds a copy of it until it runs. Where
        // this fails, the end of the process does it.
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
    fn a_second_holder_is_told_who_the_first_is() {
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
    fn a_longer_number_left_by_a_dead_holder_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let session = folder.path().join("metadata.sqlite");
        std::fs::write(lock_file(&session), "99999999999999").unwrap();
        let _lock = Lock::acquire(&session, &session).unwrap();
        let refused = Lock::acquire(&session, &session).unwrap_err();
        assert!(matches!(refused, SessionError::Locked { pid: Some(pid), .. } if pid == std::process::id()));
    }
}
