//! Downloaded images, in a folder of bounded size that all datasets share.
//!
//! A file is named by the object, its version and its length, so that a changed object is never read from the cache, and a
//! file that a power failure cut off is recognised. Files are written atomically, but not synced. Other processes may use
//! the folder, and it may be deleted at any time.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use lru::LruCache;

use crate::atomic_file::{self, WriteError};

/// The hashes of an object's URL and of its version.
pub(super) type Key = (u64, u64);

#[derive(Debug)]
pub(super) struct DiskCache {
    folder: PathBuf,
    max_bytes: u64,
    /// `None` before the folder was read.
    files: Mutex<Option<Files>>,
}

#[derive(Debug)]
struct Files {
    /// With their lengths, the least recently used last.
    lengths: LruCache<Key, u64>,
    bytes: u64,
}

impl DiskCache {
    pub(super) const fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self { folder, max_bytes, files: Mutex::new(None) }
    }

    /// Returns the path of a file, and marks it as used.
    pub(super) fn get(&self, key: Key) -> Option<PathBuf> {
        let mut files = self.files();
        let files = files.get_or_insert_with(|| self.read_folder());
        let len = *files.lengths.get(&key)?;
        let path = self.path(key, len);
        if fs::metadata(&path).is_ok_and(|found| found.len() == len) {
            return Some(path);
        }
        // Another process removed it.
        files.lengths.pop(&key);
        files.bytes -= len;
        None
    }

    /// Stores a file and removes those that were not used for the longest time, as far as the limit requires it.
    pub(super) fn insert(&self, key: Key, content: &[u8]) -> Result<PathBuf, WriteError> {
        let len = content.len() as u64;
        let path = self.path(key, len);
        fs::create_dir_all(path.parent().unwrap_or(&self.folder))?;
        atomic_file::write_unsynced::<WriteError>(&path, &mut |out| Ok(out.write_all(content)?))?;
        let mut files = self.files();
        let files = files.get_or_insert_with(|| self.read_folder());
        files.bytes += len;
        files.bytes -= files.lengths.put(key, len).unwrap_or_default();
        // The new one stays, whatever its size: it is about to be read.
        while files.bytes > self.max_bytes && files.lengths.len() > 1 {
            let Some((key, len)) = files.lengths.pop_lru() else { break };
            files.bytes -= len;
            if let Err(error) = fs::remove_file(self.path(key, len)) {
                tracing::debug!(%error, "cannot remove a file of the cache");
            }
        }
        Ok(path)
    }

    fn path(&self, (object, version): Key, len: u64) -> PathBuf {
        self.folder.join(format!("{:02x}", object >> 56)).join(format!("{object:016x}-{version:016x}-{len:x}"))
    }

    /// Lists the files, those written first as the least recently used. Removes those that are cut off.
    fn read_folder(&self) -> Files {
        let mut found: Vec<(SystemTime, Key, u64)> = Vec::new();
        let subfolders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        for entry in subfolders.flat_map(|folder| fs::read_dir(folder.path())).flatten().flatten() {
            let (Some((key, len)), Ok(metadata)) = (parse(&entry.path()), entry.metadata()) else { continue };
            if metadata.len() == len {
                found.push((metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH), key, len));
            } else {
                let _ = fs::remove_file(entry.path());
            }
        }
        found.sort_unstable();
        let mut files = Files { lengths: LruCache::unbounded(), bytes: 0 };
        for (_, key, len) in found {
            files.bytes += len;
            files.bytes -= files.lengths.put(key, len).unwrap_or_default();
        }
        files
    }

    fn files(&self) -> MutexGuard<'_, Option<Files>> {
        // No code that holds the lock panics.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parse(path: &Path) -> Option<(Key, u64)> {
    let mut parts = path.file_name()?.to_str()?.split('-');
    let mut number = || u64::from_str_radix(parts.next()?, 16).ok();
    Some(((number()?, number()?), number()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_recently_used_files_are_removed_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().to_owned(), 10);
        let paths: Vec<PathBuf> = (1..=2).map(|object| cache.insert((object, 0), b"12345").unwrap()).collect();
        assert_eq!(cache.get((1, 0)).as_ref(), Some(&paths[0]));
        cache.insert((3, 0), b"1234").unwrap();
        assert_eq!(cache.get((2, 0)), None);
        assert!(!paths[1].exists() && paths[0].exists());
        assert_eq!(cache.get((1, 1)), None, "another version");

        let cache = DiskCache::new(folder.path().to_owned(), 10);
        assert!(cache.get((1, 0)).is_some() && cache.get((3, 0)).is_some());
        cache.insert((4, 0), b"1234567890").unwrap();
        assert_eq!((cache.get((1, 0)), cache.get((3, 0))), (None, None));
        cache.insert((5, 0), b"larger than the limit").unwrap();
        assert!(cache.get((5, 0)).is_some(), "it is about to be read");
    }

    #[test]
    fn files_that_are_cut_off_or_gone_are_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let cache = DiskCache::new(folder.path().to_owned(), 100);
        let cut_off = cache.insert((1, 0), b"12345").unwrap();
        let gone = cache.insert((2, 0), b"12345").unwrap();
        fs::write(&cut_off, "").unwrap();
        fs::remove_file(gone).unwrap();
        assert_eq!((cache.get((1, 0)), cache.get((2, 0))), (None, None));
        fs::write(&cut_off, "123").unwrap();
        assert_eq!(DiskCache::new(folder.path().to_owned(), 100).get((1, 0)), None);
        assert!(!cut_off.exists());
    }
}
