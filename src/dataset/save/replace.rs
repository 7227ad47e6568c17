//! Replaces a file so that its path always leads to a whole one: the old, or the new once it is on disk.
//!
//! The new content goes to a temporary file in the same folder whose name follows from the target's, and which is
//! locked while it is written. One found unlocked was left by a run that died, and is removed by the next save.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use twox_hash::xxhash3_128::Hasher;

use super::{ConflictKind, SaveError, SaveWarning, Stamp, attributes};

/// Links followed before they are taken for a loop; what Linux allows.
const MOST_LINKS: usize = 40;
/// Tries at getting the temporary file when others are after it too.
const MOST_TRIES: usize = 16;

/// A file being written that will take a target's place.
pub(super) struct Replacement {
    target: PathBuf,
    temp: NamedTempFile,
    /// Opened before anything is written, so that a folder that cannot be flushed is known early.
    folder: Option<File>,
    /// The file whose owner, mode and attributes the new one gets.
    model: Option<(PathBuf, Metadata)>,
}

/// What is at the target now.
pub(super) struct Committed {
    pub(super) stamp: Stamp,
    pub(super) warnings: Vec<SaveWarning>,
    /// Whether the folder is known to be on disk too.
    pub(super) flushed: io::Result<()>,
}

impl Replacement {
    /// Opens a temporary file beside what `target` leads to, to replace it.
    pub(super) fn begin(target: &Path) -> Result<Self, SaveError> {
        Self::begin_like(target, target)
    }

    /// Opens a temporary file beside what `target` leads to, to become like the file at `model`.
    pub(super) fn begin_like(target: &Path, model: &Path) -> Result<Self, SaveError> {
        let failed = |source| SaveError::Io { path: target.into(), source };
        let target = resolve(target).map_err(failed)?;
        let model = match fs::metadata(model) {
            Ok(found) if found.is_file() => Some((model.canonicalize().map_err(failed)?, found)),
            Ok(_) => return Err(SaveError::NotAFile { path: target }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed(error)),
        };
        let (Some(folder), Some(name)) = (target.parent(), target.file_name()) else {
            return Err(SaveError::NotAFile { path: target });
        };
        let temp = match temporary(folder, name, model.is_some()) {
            Ok(Some(temp)) => temp,
            Ok(None) => return Err(SaveError::Busy { path: target }),
            Err(error) => return Err(failed(error)),
        };
        let folder = open_folder(folder).map_err(failed)?;
        Ok(Self { target, temp, folder, model })
    }

    /// The target with all links resolved.
    pub(super) fn target(&self) -> &Path {
        &self.target
    }

    /// Where to write.
    pub(super) fn file(&mut self) -> &mut File {
        self.temp.as_file_mut()
    }

    /// Flushes the new file, asks `check` for the last time, and puts the file in the target's place. When anything
    /// fails before that, the temporary file is removed and the target is as it was; an unflushed file is never flushed
    /// again, since a second try may succeed without having written what the first one lost.
    pub(super) fn commit(
        mut self,
        force: bool,
        check: &dyn Fn() -> Result<(), SaveError>,
    ) -> Result<Committed, SaveError> {
        let mut warnings = Vec::new();
        if let Some((path, metadata)) = &self.model {
            attributes::carry(path, metadata, self.temp.as_file(), &mut warnings)
                .map_err(|source| self.failed(source))?;
        }
        self.temp.as_file_mut().sync_all().map_err(|source| self.failed(source))?;
        let stamp = Stamp::from(&self.temp.as_file().metadata().map_err(|source| self.failed(source))?);
        check()?;
        let Self { target, temp, folder, .. } = self;
        let exists = target.symlink_metadata().is_ok();
        persist(temp, &target, force || exists)?;
        if cfg!(unix) && folder.is_none() {
            let folder = target.parent().unwrap_or(&target).into();
            warnings.push(SaveWarning::FolderNotFlushed { folder });
        }
        Ok(Committed { stamp, warnings, flushed: folder.map_or(Ok(()), |folder| flush(&folder)) })
    }

    fn failed(&self, source: io::Error) -> SaveError {
        SaveError::Io { path: self.target.clone(), source }
    }
}

/// Where `target` leads through symbolic links, whether or not anything is there; its folder without links too.
fn resolve(target: &Path) -> io::Result<PathBuf> {
    let mut path = std::path::absolute(target)?;
    for _ in 0..MOST_LINKS {
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

/// The locked temporary file for a target; nothing if another process is writing it.
fn temporary(folder: &Path, name: &OsStr, is_private: bool) -> io::Result<Option<NamedTempFile>> {
    // A hash, because the name with anything added may be longer than names can be.
    let hash = Hasher::oneshot(name.as_encoded_bytes()) >> 64;
    let temp_name = format!(".recaption-save-{hash:016x}.tmp");
    for _ in 0..MOST_TRIES {
        let mut builder = tempfile::Builder::new();
        builder.prefix(&temp_name).rand_bytes(0);
        // A new file gets the mode any program would give it; one that replaces another is nobody's business until it
        // has the other's.
        #[cfg(unix)]
        if !is_private {
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        }
        #[cfg(not(unix))]
        let _ = is_private;
        match builder.tempfile_in(folder) {
            Ok(temp) => match temp.as_file().try_lock() {
                // Between creation and lock another process may have taken it for a dead run's, and removed it.
                Ok(()) if is_at(temp.as_file(), temp.path()) => return Ok(Some(temp)),
                // It may be another's by now, so it is not ours to remove.
                Ok(()) | Err(TryLockError::WouldBlock) => forget(temp),
                // A file system without locks: writers are not told apart there, and dead runs' files stay.
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

fn forget(mut temp: NamedTempFile) {
    temp.disable_cleanup(true);
}

/// Removes a temporary file that nobody writes; false if somebody does.
fn remove_stale(path: &Path) -> io::Result<bool> {
    // Only what this program makes is opened: not a link, and not a pipe that would wait.
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

fn is_at(file: &File, path: &Path) -> bool {
    let stamps = (file.metadata().map(|metadata| Stamp::from(&metadata)), Stamp::of(path));
    matches!(stamps, (Ok(open), Ok(found)) if open.is_same_file(&found))
}

fn persist(temp: NamedTempFile, target: &Path, overwrite: bool) -> Result<(), SaveError> {
    let failed = |source| SaveError::Io { path: target.into(), source };
    if overwrite {
        return temp.persist(target).map(drop).map_err(|error| failed(error.error));
    }
    match temp.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(error) if target.symlink_metadata().is_ok() => {
            drop(error.file);
            Err(SaveError::Conflict { path: target.into(), kind: ConflictKind::Foreign })
        }
        // Some file systems can neither link nor rename without replacing; there the check just made has to do.
        Err(error) if matches!(error.error.kind(), io::ErrorKind::Unsupported | io::ErrorKind::PermissionDenied) => {
            error.file.persist(target).map(drop).map_err(|error| failed(error.error))
        }
        Err(error) => Err(failed(error.error)),
    }
}

/// The folder's handle, to flush it by; nothing where folders cannot be opened, or this one may not be.
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

fn flush(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        // Some file systems have no flushing of folders; there is nothing better to ask them for.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}
