//! Replaces a file atomically and durably. At any time its path leads to a complete file, either the old or the new one,
//! and a successful write survives a power failure.
//!
//! The new content goes to a temporary file in the same folder, which is synced and renamed over the target; then the
//! folder is synced. Symbolic links are followed, and mode, owner and extended attributes of the old file are kept. The
//! name of the temporary file is derived from the target's, and the file is locked while it is written: one that is not
//! locked was left behind by a process that died, and the next write to a file of its folder removes it.
//!
//! Every file that recaption writes for the user goes through this module (`tests/architecture.rs` checks it).

mod attributes;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, BufWriter, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use tempfile::NamedTempFile;
use twox_hash::xxhash3_128::Hasher;

/// The limit for symbolic links on Linux. More than that is a loop.
const MAX_LINKS: usize = 40;
/// How often to try to create the temporary file while other processes create and remove it too.
const MAX_ATTEMPTS: usize = 16;

/// The beginning and end of the names of temporary files, around a hash of the target's name.
const PREFIX: &str = ".recaption-save-";
const SUFFIX: &str = ".tmp";
/// Files of a folder that are looked through for abandoned temporary ones: about 50 ms.
const MAX_SWEPT: usize = 100_000;

/// Why a file was not replaced. Except for [`NotConfirmed`](Self::NotConfirmed), the old file is untouched.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The target exists, and overwriting it was not allowed.
    #[error("already exists")]
    Exists,
    /// The target is a folder or a device.
    #[error("not a regular file")]
    NotAFile,
    #[error("another process is writing this file")]
    Busy,
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The new file is in place and complete, but syncing its folder failed.
    #[error("written, but may be lost in a power failure ({0}); write it again")]
    NotConfirmed(#[source] io::Error),
}

/// What could not be carried over from the old file to the new one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteWarning {
    /// Other names of the old file still lead to the old content.
    #[error("{path} had {links} names (hard links); the others still have the old content")]
    HardLinks { path: PathBuf, links: u64 },
    /// The new file belongs to the current user.
    #[error("{path}: the old owner could not be restored")]
    Owner { path: PathBuf },
    /// Extended attributes, among them access control lists.
    #[error("{path}: attributes could not be restored ({which})")]
    Attributes { path: PathBuf, which: String },
    /// The folder is not readable, so it cannot be opened for syncing.
    #[error("{folder} cannot be opened to sync it; a power failure in the next seconds may undo the write")]
    FolderNotSynced { folder: PathBuf },
}

/// Replaces the file at `path` with what `fill` writes.
///
/// # Errors
/// Returns the error of `fill`; [`WriteError::Exists`] if the file exists and `overwrite` is false; another
/// [`WriteError`] if the file cannot be written.
pub fn write<E: From<WriteError>>(
    path: &Path,
    overwrite: bool,
    fill: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<(), E>,
) -> Result<Vec<WriteWarning>, E> {
    check_absent(path, overwrite)?;
    let mut replacement = Replacement::begin(path)?;
    replacement.fill(fill)?;
    let committed = replacement.sync()?.commit(overwrite)?;
    committed.synced.map_err(WriteError::NotConfirmed)?;
    Ok(committed.warnings)
}

/// Replaces the file at `path` like [`write()`], but without syncing: after a power failure it may be empty or old. For
/// caches, whose content can be computed again. A new file is readable by its owner only.
///
/// # Errors
/// Like [`write()`].
pub fn write_unsynced<E: From<WriteError>>(
    path: &Path,
    fill: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<(), E>,
) -> Result<(), E> {
    let mut replacement = Replacement::begin_with(path, path, Mode::Private)?;
    replacement.fill(fill)?;
    replacement.carry_attributes().map_err(WriteError::Io)?;
    replacement.rename(true)?;
    Ok(())
}

/// Makes `path` another name of the file `original` (a hard link), and syncs its folder. Returns false if it exists, or the
/// file system has no hard links.
///
/// # Errors
/// Returns an error if the folder cannot be synced. The link is there then.
pub fn link(original: &Path, path: &Path) -> Result<bool, WriteError> {
    if fs::hard_link(original, path).is_err() {
        return Ok(false);
    }
    let folder = path.parent().unwrap_or(path);
    // A folder that is not readable cannot be synced; the file that replaces the original is reported for it.
    let mut reported = Vec::new();
    open_folder(folder).and_then(|opened| sync_folder(folder, opened, &mut reported)).map_err(WriteError::Io)?;
    Ok(true)
}

/// Files of a [`Batch`] that are synced together. Each has two open file descriptors; systems allow at least 256.
const GROUP: usize = 64;
/// File systems combine concurrent syncs into one commit of their journal.
const SYNC_THREADS: usize = 16;

/// Writes many files, faster than one by one: files are synced in groups, concurrently, and each folder once at the end.
/// As with [`write()`], each file is synced before it replaces the old one.
#[derive(Default)]
pub struct Batch {
    pending: Vec<Pending>,
    folders: BTreeSet<PathBuf>,
    warnings: Vec<WriteWarning>,
    written: u64,
}

struct Pending {
    path: PathBuf,
    overwrite: bool,
    replacement: Replacement,
}

/// A file of a batch that was not replaced. `written` files were replaced before it; no others are.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", .path.display())]
pub struct BatchError {
    pub path: PathBuf,
    pub written: u64,
    pub source: WriteError,
}

impl Batch {
    /// Replaces the file at `path` like [`write()`], in the course of this or a later call.
    ///
    /// # Errors
    /// Returns an error if this file or an earlier one cannot be replaced.
    pub fn write(&mut self, path: &Path, overwrite: bool, content: &[u8]) -> Result<(), BatchError> {
        let begin = || -> Result<Replacement, WriteError> {
            check_absent(path, overwrite)?;
            let mut replacement = Replacement::begin(path)?;
            replacement.file().write_all(content)?;
            Ok(replacement)
        };
        let replacement = match begin() {
            Ok(replacement) => replacement,
            Err(source) => {
                self.commit()?;
                return Err(self.failed(path.to_owned(), source));
            }
        };
        self.pending.push(Pending { path: path.to_owned(), overwrite, replacement });
        if self.pending.len() == GROUP { self.commit() } else { Ok(()) }
    }

    /// Makes `path` another name of the file `original` (a hard link), at once. Returns false if the file system cannot do
    /// that, or the file is on another one.
    ///
    /// # Errors
    /// Returns an error if there is another file and `overwrite` is false.
    pub fn link(&mut self, path: &Path, overwrite: bool, original: &Path) -> Result<bool, BatchError> {
        // `original` may be a symbolic link, which a hard link would name instead of the file.
        let Ok(original) = original.canonicalize() else { return Ok(false) };
        if is_same_path(path, &original) {
            return Ok(true);
        }
        match fs::hard_link(&original, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && overwrite => {
                let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else { return Ok(false) };
                let temporary = folder.join(temporary_name(name));
                if fs::hard_link(&original, &temporary).is_err() {
                    return Ok(false);
                }
                let renamed = fs::rename(&temporary, path);
                // Renaming does nothing if both are names of one file already.
                let _ = fs::remove_file(&temporary);
                renamed.map_err(|error| self.failed(path.to_owned(), error.into()))?;
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.commit()?;
                return Err(self.failed(path.to_owned(), WriteError::Exists));
            }
            Err(_) => return Ok(false),
            Ok(()) => {}
        }
        self.written += 1;
        self.folders.extend(path.parent().map(Path::to_owned));
        Ok(true)
    }

    /// Returns the number of files that were replaced.
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Replaces the remaining files and syncs the folders.
    ///
    /// # Errors
    /// Returns an error if a file cannot be replaced, or [`WriteError::NotConfirmed`] if a folder cannot be synced. All
    /// files are in place then.
    pub fn sync(mut self) -> Result<Vec<WriteWarning>, BatchError> {
        self.commit()?;
        for path in mem::take(&mut self.folders) {
            let synced = open_folder(&path).and_then(|folder| sync_folder(&path, folder, &mut self.warnings));
            synced.map_err(|error| self.failed(path, WriteError::NotConfirmed(error)))?;
        }
        Ok(self.warnings)
    }

    /// Puts the pending files in their places, in order, up to the first that cannot be.
    fn commit(&mut self) -> Result<(), BatchError> {
        let mut pending = mem::take(&mut self.pending);
        let share = pending.len().div_ceil(SYNC_THREADS).max(1);
        let synced: Vec<_> = thread::scope(|scope| {
            let mut workers = Vec::new();
            while !pending.is_empty() {
                let files: Vec<Pending> = pending.drain(..share.min(pending.len())).collect();
                let sync = |file: Pending| (file.path, file.overwrite, file.replacement.sync());
                workers.push(scope.spawn(move || files.into_iter().map(sync).collect::<Vec<_>>()));
            }
            let join = |worker: thread::ScopedJoinHandle<'_, Vec<_>>| {
                worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            workers.into_iter().flat_map(join).collect()
        });
        for (path, overwrite, complete) in synced {
            let renamed = complete
                .and_then(|Complete { replacement, warnings, .. }| Ok((replacement.rename(overwrite)?.0, warnings)));
            let (target, mut warnings) = renamed.map_err(|source| self.failed(path, source))?;
            self.written += 1;
            self.warnings.append(&mut warnings);
            if let Some(folder) = target.parent().filter(|folder| !self.folders.contains(*folder)) {
                self.folders.insert(folder.to_owned());
            }
        }
        Ok(())
    }

    const fn failed(&self, path: PathBuf, source: WriteError) -> BatchError {
        BatchError { path, written: self.written, source }
    }
}

/// Fails early; [`rename`] checks again.
fn check_absent(path: &Path, overwrite: bool) -> Result<(), WriteError> {
    if !overwrite && path.symlink_metadata().is_ok() { Err(WriteError::Exists) } else { Ok(()) }
}

/// Returns true if two paths lead to the same file. They may be spelled differently, and need not exist.
#[must_use]
pub fn is_same_path(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    one == other || matches!((real(one), real(other)), (Ok(one), Ok(other)) if one == other)
}

/// A temporary file that will replace a target. Dropping it removes the temporary file.
pub struct Replacement {
    target: PathBuf,
    temp: NamedTempFile,
    /// Opened before anything is written, so that a folder that cannot be opened is an early error.
    folder: Option<File>,
    /// The file whose owner, mode and attributes the new file gets.
    model: Option<(PathBuf, Metadata)>,
}

/// A new file that is completely written and synced, but not in its place yet.
pub struct Complete {
    replacement: Replacement,
    metadata: Metadata,
    warnings: Vec<WriteWarning>,
}

/// A file that was replaced.
pub struct Committed {
    /// Metadata of the new file.
    pub metadata: Metadata,
    pub warnings: Vec<WriteWarning>,
    /// Whether the folder was synced too. If not, a power failure may bring the old file back.
    pub synced: io::Result<()>,
}

/// Permissions of a file that does not replace another one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// The permissions that the umask allows, as for any program.
    Default,
    Private,
}

impl Replacement {
    /// Creates a temporary file beside the file that `target` leads to.
    ///
    /// # Errors
    /// Returns an error if the temporary file cannot be created, or if the target is not a regular file.
    pub fn begin(target: &Path) -> Result<Self, WriteError> {
        Self::begin_with(target, target, Mode::Default)
    }

    /// Creates a temporary file beside the file that `target` leads to. It gets the attributes of the file at `model`.
    ///
    /// # Errors
    /// Like [`begin`](Self::begin).
    pub fn begin_like(target: &Path, model: &Path) -> Result<Self, WriteError> {
        Self::begin_with(target, model, Mode::Default)
    }

    fn begin_with(target: &Path, model: &Path, mode: Mode) -> Result<Self, WriteError> {
        let target = resolve(target)?;
        let model = match fs::metadata(model) {
            Ok(found) if found.is_file() => Some((model.canonicalize()?, found)),
            Ok(_) => return Err(WriteError::NotAFile),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error.into()),
        };
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(WriteError::NotAFile);
        };
        // Until it has the mode of the file it replaces, the new one may be more private, but not less.
        let mode = if model.is_some() { Mode::Private } else { mode };
        remove_abandoned(folder)?;
        let temp = create_temporary(folder, name, mode)?.ok_or(WriteError::Busy)?;
        let folder = open_folder(folder)?;
        Ok(Self { target, temp, folder, model })
    }

    /// Returns the target with all symbolic links resolved.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Returns the file to write to.
    pub fn file(&mut self) -> &mut File {
        self.temp.as_file_mut()
    }

    fn fill<E: From<WriteError>>(
        &mut self,
        fill: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut writer = BufWriter::new(self.file());
        fill(&mut writer)?;
        Ok(writer.flush().map_err(WriteError::Io)?)
    }

    /// Carries attributes over and syncs the file. If that fails, the temporary file is removed. It is never synced
    /// twice, because a second attempt may succeed without having written what the first one lost.
    ///
    /// # Errors
    /// Returns an error if the mode cannot be set or the disk does not confirm the write.
    pub fn sync(self) -> Result<Complete, WriteError> {
        let warnings = self.carry_attributes()?;
        self.temp.as_file().sync_all()?;
        let metadata = self.temp.as_file().metadata()?;
        Ok(Complete { replacement: self, metadata, warnings })
    }

    fn carry_attributes(&self) -> io::Result<Vec<WriteWarning>> {
        let mut warnings = Vec::new();
        if let Some((path, metadata)) = &self.model {
            attributes::carry(path, metadata, self.temp.as_file(), &mut warnings)?;
        }
        Ok(warnings)
    }

    /// Puts the file in its place. Returns its path and its folder.
    fn rename(self, overwrite: bool) -> Result<(PathBuf, Option<File>), WriteError> {
        let Self { target, temp, folder, .. } = self;
        rename(temp, &target, overwrite)?;
        Ok((target, folder))
    }
}

impl Complete {
    /// Puts the file in its place and syncs the folder.
    ///
    /// # Errors
    /// Returns [`WriteError::Exists`] if a file is in its place and `overwrite` is false, or another error if the file
    /// cannot be renamed. The temporary file is then removed.
    pub fn commit(self, overwrite: bool) -> Result<Committed, WriteError> {
        let Self { replacement, metadata, mut warnings } = self;
        let (target, folder) = replacement.rename(overwrite)?;
        let synced = sync_folder(target.parent().unwrap_or(&target), folder, &mut warnings);
        Ok(Committed { metadata, warnings, synced })
    }
}

/// Returns the path `target` leads to through symbolic links, whether or not a file exists there. Its folder has no links
/// either.
fn resolve(target: &Path) -> io::Result<PathBuf> {
    let mut path = std::path::absolute(target)?;
    for _ in 0..MAX_LINKS {
        match path.symlink_metadata() {
            Ok(metadata) if metadata.is_symlink() => {
                let link = fs::read_link(&path)?;
                path = path.parent().unwrap_or(Path::new("/")).join(link);
            }
            Ok(_) => return path.canonicalize(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return match (path.parent(), path.file_name()) {
                    (Some(folder), Some(name)) => Ok(folder.canonicalize()?.join(name)),
                    _ => Err(error),
                };
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links, or a loop of them"))
}

/// Creates the temporary file of a target and locks it. Returns `None` if another process is writing it.
fn create_temporary(folder: &Path, name: &OsStr, mode: Mode) -> io::Result<Option<NamedTempFile>> {
    let temp_name = temporary_name(name);
    for _ in 0..MAX_ATTEMPTS {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&temp_name).rand_bytes(0);
        // The default of `tempfile` is private.
        #[cfg(unix)]
        if mode == Mode::Default {
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        }
        #[cfg(not(unix))]
        let _ = mode;
        match builder.tempfile_in(folder) {
            Ok(temp) => match temp.as_file().try_lock() {
                // Between creation and lock, another process may have considered it stale and removed it.
                Ok(()) if is_at(temp.as_file(), temp.path()) => return Ok(Some(temp)),
                // The path may lead to the other process's file now: leave it.
                Ok(()) | Err(TryLockError::WouldBlock) => forget(temp),
                // The file system has no locks. Writers cannot exclude each other, and stale files stay.
                Err(TryLockError::Error(_)) => return Ok(Some(temp)),
            },
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if !remove_stale(&folder.join(&temp_name))? {
                    return Ok(None);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Removes the temporary files that dead processes left in a folder, once per process and folder. In a folder of very many
/// files, some may stay until there are fewer.
fn remove_abandoned(folder: &Path) -> io::Result<()> {
    static SWEPT: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    if !SWEPT.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned()) {
        return Ok(());
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
        Err(error) => return Err(error),
    };
    // From here on, an error only leaves a file that is in the way.
    for entry in entries.take(MAX_SWEPT).flatten().filter(|entry| is_temporary(&entry.file_name())) {
        match remove_stale(&entry.path()) {
            Ok(_) => {}
            Err(error) => tracing::debug!(path = %entry.path().display(), %error, "a temporary file stays"),
        }
    }
    Ok(())
}

fn temporary_name(target: &OsStr) -> String {
    // A hash, because the name of the target with a suffix may exceed the limit for file names.
    format!("{PREFIX}{:016x}{SUFFIX}", Hasher::oneshot(target.as_encoded_bytes()) >> 64)
}

/// Returns true for names of [`temporary_name`].
fn is_temporary(name: &OsStr) -> bool {
    let hash = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    hash.is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn forget(mut temp: NamedTempFile) {
    temp.disable_cleanup(true);
}

/// Removes a temporary file that no process is writing. Returns false if one is.
fn remove_stale(path: &Path) -> io::Result<bool> {
    // Open only what this program creates: not a link, and not a named pipe, which would block.
    match path.symlink_metadata() {
        Ok(found) if found.is_file() => {}
        Ok(_) => return Err(io::Error::other(format!("{} is in the way", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    }
    let file = match File::options().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) if is_at(&file, path) => fs::remove_file(path).map(|()| true),
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns true if `path` still leads to the open file.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;

    let identity = |metadata: &Metadata| (metadata.dev(), metadata.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(open), Ok(found)) if identity(&open) == identity(&found))
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

fn rename(temp: NamedTempFile, target: &Path, overwrite: bool) -> Result<(), WriteError> {
    if overwrite {
        return temp.persist(target).map(drop).map_err(|error| error.error.into());
    }
    match temp.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(error) if target.symlink_metadata().is_ok() => {
            drop(error.file);
            Err(WriteError::Exists)
        }
        // Some file systems have neither hard links nor a rename that fails if the target exists. There, the check a
        // moment ago is all there is.
        Err(error) if matches!(error.error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            error.file.persist(target).map(drop).map_err(|error| error.error.into())
        }
        Err(error) => Err(error.error.into()),
    }
}

/// Opens a folder for syncing. Returns `None` if folders cannot be opened on this system, or this one is not readable.
fn open_folder(folder: &Path) -> io::Result<Option<File>> {
    if !cfg!(unix) {
        return Ok(None);
    }
    match File::open(folder) {
        Ok(folder) => Ok(Some(folder)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(None),
        Err(error) => Err(error),
    }
}

fn sync_folder(path: &Path, folder: Option<File>, warnings: &mut Vec<WriteWarning>) -> io::Result<()> {
    let Some(folder) = folder else {
        if cfg!(unix) {
            warnings.push(WriteWarning::FolderNotSynced { folder: path.to_owned() });
        }
        return Ok(());
    };
    match folder.sync_all() {
        // Some file systems cannot sync folders, and offer nothing instead.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn put(path: &Path, overwrite: bool, text: &str) -> Result<Vec<WriteWarning>, WriteError> {
        write(path, overwrite, &mut |file| Ok(file.write_all(text.as_bytes())?))
    }

    #[test]
    fn an_existing_file_is_replaced_only_if_that_is_allowed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        assert_eq!(put(&path, false, "one").unwrap(), []);
        assert!(matches!(put(&path, false, "two"), Err(WriteError::Exists)));
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        put(&path, true, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert!(matches!(put(folder.path(), true, "three"), Err(WriteError::NotAFile)));
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_failing_writer_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        put(&path, false, "old").unwrap();
        let result = write(&path, true, &mut |file| {
            file.write_all(b"new").map_err(WriteError::Io)?;
            Err(WriteError::Io(io::ErrorKind::StorageFull.into()))
        });
        assert!(matches!(result, Err(WriteError::Io(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_batch_writes_to_several_folders() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("in")).unwrap();
        let mut batch = Batch::default();
        let names_of = |folder: &'static str| (0..3 * GROUP).map(move |at| format!("{folder}{at:03}"));
        for name in names_of("").chain(names_of("in/")) {
            batch.write(&folder.path().join(&name), false, name.as_bytes()).unwrap();
        }
        assert_eq!(batch.sync().unwrap(), []);
        assert_eq!(names(&folder.path().join("in")), names_of("").collect::<Vec<_>>());
        assert!(names_of("in/").all(|name| fs::read_to_string(folder.path().join(&name)).unwrap() == name));
    }

    #[test]
    fn a_batch_stops_at_the_first_file_that_cannot_be_written() {
        for files in [3, 3 * GROUP] {
            let folder = tempfile::tempdir().unwrap();
            let mut batch = Batch::default();
            let path = |at: usize| folder.path().join(format!("{at:03}"));
            fs::write(path(files - 1), "old").unwrap();
            let failed = (0..files).find_map(|at| batch.write(&path(at), false, b"new").err()).unwrap();
            assert_eq!((failed.path, failed.written), (path(files - 1), files as u64 - 1));
            assert!(matches!(failed.source, WriteError::Exists));
            // A file that appears meanwhile stops those after it.
            let mut batch = Batch::default();
            fs::remove_file(path(files - 1)).unwrap();
            fs::create_dir(folder.path().join("new")).unwrap();
            let path = |at: usize| folder.path().join(format!("new/{at:03}"));
            batch.write(&path(0), false, b"new").unwrap();
            batch.write(&path(1), false, b"new").unwrap();
            fs::write(path(0), "old").unwrap();
            let failed = batch.sync().unwrap_err();
            assert_eq!((failed.path, failed.written), (path(0), 0));
            assert_eq!(names(&folder.path().join("new")), ["000"]);
            assert_eq!(fs::read_to_string(path(0)).unwrap(), "old");
        }
    }

    #[test]
    fn abandoned_temporary_files_are_removed_and_those_in_use_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let in_use = Replacement::begin(&path("in use")).unwrap();
        let abandoned = temporary_name(OsStr::new("a target of a dead process"));
        let others = [".recaption-save-0123.tmp", ".recaption-save-0123456789abcdef.tmp.bak", "x.tmp"];
        for name in others.into_iter().chain([abandoned.as_str()]) {
            fs::write(path(name), "part").unwrap();
        }
        fs::create_dir(path(&temporary_name(OsStr::new("a folder")))).unwrap();
        // This process has swept the folder when it began to write.
        fs::create_dir(path("sub")).unwrap();
        let link = folder.path().join("sub/..");
        remove_abandoned(&link).unwrap();
        let mut expected: Vec<String> = others.map(str::to_owned).to_vec();
        expected.extend([
            "sub".to_owned(),
            temporary_name(OsStr::new("a folder")),
            temporary_name(OsStr::new("in use")),
        ]);
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        drop(in_use);
        fs::write(path("sub").join(&abandoned), "part").unwrap();
        put(&path("sub/another target"), false, "text").unwrap();
        assert_eq!(names(&path("sub")), ["another target"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_cache_file_is_private() {
        use std::os::unix::fs::MetadataExt as _;

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write_unsynced(&path, &mut |file| Ok::<_, WriteError>(file.write_all(b"a")?)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    }
}
