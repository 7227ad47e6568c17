//! The location of a session: beside its dataset if that is safe, otherwise in the user's state folder.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use twox_hash::XxHash3_128;

use super::error::SessionError;
use super::owner::{self, Owner, anchored};
use crate::dataset::{Dataset, field_suffix};

/// The folder of sessions beside a dataset, or in a folder of images.
pub const FOLDER: &str = ".recaption";
/// The beginning of the name of the session of a folder of images. It is the same under whatever name the folder has.
const OF_FOLDER: &str = ".folder";
const THUMBNAILS: &str = "thumbnails";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    file: PathBuf,
    place: Place,
    /// The session of a dataset that is gone, and its former path.
    left: Option<(PathBuf, PathBuf)>,
}

/// Why a session is stored in its location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside the dataset, the default.
    Beside,
    /// Chosen by the operator.
    Chosen,
    /// In the user's state folder, because the dataset's is read-only.
    ReadOnlyFolder,
    /// In the user's state folder, because SQLite's locks and shared memory are unreliable on network file systems.
    NetworkFolder,
}

impl Location {
    /// Determines the location of the session of a dataset and caption field. Creates nothing.
    ///
    /// The first dataset of a stem has `<stem>.sqlite`. While that exists, another one (`captions.jsonl` and
    /// `captions.json`) has a session with its full name. A renamed dataset keeps its session.
    ///
    /// # Errors
    ///
    /// Returns an error if the user's state folder is needed and there is none.
    pub fn find(dataset: &Path, caption_field: &str, chosen: Option<&Path>) -> Result<Self, SessionError> {
        if let Some(file) = chosen {
            if fs::metadata(file).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
                return Err(SessionError::NotAFile { file: file.to_owned() });
            }
            return Ok(Self { file: file.to_owned(), place: Place::Chosen, left: None });
        }
        let dataset = anchored(dataset);
        let folder = if dataset.is_dir() { &dataset } else { dataset.parent().unwrap_or(Path::new(".")) };
        if is_network(folder) {
            return Self::away(&dataset, caption_field, Place::NetworkFolder, state_folder);
        }
        let beside = Self::beside(&dataset, caption_field);
        if beside.file.exists() || is_writable(folder) {
            return Ok(beside);
        }
        Self::away(&dataset, caption_field, Place::ReadOnlyFolder, state_folder)
    }

    fn beside(dataset: &Path, caption_field: &str) -> Self {
        let field = field_suffix(caption_field);
        if dataset.is_dir() {
            let file = dataset.join(FOLDER).join(format!("{OF_FOLDER}{field}.sqlite"));
            return Self { file, place: Place::Beside, left: None };
        }
        let (name, stem) = names_of(dataset);
        let name = name.as_os_str();
        // Also `a.json.jsonl` beside `a.json` and `a.jsonl` has one of its own.
        let hashed = format!("-{:032x}", XxHash3_128::oneshot(name.as_encoded_bytes()));
        let names = [(stem.as_os_str(), ""), (name, ""), (name, &hashed)];
        let (mut free, mut left) = (None, None);
        for (name, hashed) in names {
            let mut name = name.to_owned();
            name.push(format!("{hashed}{field}.sqlite"));
            let file = dataset.with_file_name(FOLDER).join(name);
            match owner::owner(&file, dataset, caption_field) {
                Owner::Own => return Self { file, place: Place::Beside, left: None },
                Owner::Nobody => free = free.or(Some(file)),
                Owner::Gone(owner) => left = left.or(Some((file, owner))),
                Owner::Other(_) => {}
            }
        }
        // The hashed name is free, unless its session was made by another program.
        let file = free.unwrap_or_else(|| dataset.with_file_name(FOLDER).join(format!("{hashed}{field}.sqlite")));
        Self { file, place: Place::Beside, left }
    }

    fn away(
        dataset: &Path,
        caption_field: &str,
        place: Place,
        state: impl Fn() -> Option<PathBuf>,
    ) -> Result<Self, SessionError> {
        let state = state().ok_or_else(|| SessionError::NoStateFolder { dataset: dataset.to_owned() })?;
        let folder = state.join("recaption").join("sessions");
        let field = field_suffix(caption_field);
        let hash = XxHash3_128::oneshot(dataset.as_os_str().as_encoded_bytes());
        let (_, mut name) = names_of(dataset);
        name.push(format!("-{hash:032x}{field}.sqlite"));
        let mut file = folder.join(name);
        if !file.exists()
            && let Some(renamed) = before_renaming(&folder, dataset, &field)
        {
            file = renamed;
        }
        Ok(Self { file, place, left: None })
    }

    /// Checks that the session does not belong to another dataset beside this one.
    pub(super) fn check_owner(&self, dataset: &Dataset) -> Result<(), SessionError> {
        if self.place != Place::Beside {
            return Ok(());
        }
        if dataset.path() == dataset.folder() {
            // No other dataset has a session of this name there.
            return Ok(());
        }
        match owner::owner(&self.file, &anchored(dataset.path()), dataset.caption_field()) {
            Owner::Nobody | Owner::Own => Ok(()),
            Owner::Other(owner) | Owner::Gone(owner) => {
                let dataset = dataset.path().to_owned();
                Err(SessionError::OtherDataset { file: self.file.clone(), owner, dataset })
            }
        }
    }

    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Returns the folder for thumbnails: beside the session if that is beside its dataset, otherwise in the user's cache
    /// folder. Returns `None` if there is none.
    #[must_use]
    pub fn thumbnails(&self) -> Option<PathBuf> {
        match self.place {
            Place::Beside => Some(self.file.with_file_name(THUMBNAILS)),
            Place::Chosen | Place::ReadOnlyFolder | Place::NetworkFolder => {
                let folders = etcetera::choose_base_strategy().ok()?;
                Some(folders.cache_dir().join("recaption").join(THUMBNAILS))
            }
        }
    }

    #[must_use]
    pub const fn place(&self) -> Place {
        self.place
    }

    /// Returns the message for the operator if the session is not beside its dataset, or new although there is one of a
    /// dataset that is gone.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        if let Some((session, dataset)) = &self.left {
            let (session, dataset) = (session.display(), dataset.display());
            return Some(format!("new session; to continue that of {dataset}, which is gone: --session {session}"));
        }
        let why = match self.place {
            Place::Beside | Place::Chosen => return None,
            Place::ReadOnlyFolder => "the dataset's folder is read-only",
            Place::NetworkFolder => "the dataset is on a network file system",
        };
        Some(format!("session in {}: {why}", self.file.display()))
    }

    /// Creates the session's folder. One beside a dataset is ignored by Git.
    ///
    /// # Errors
    ///
    /// Returns an error if the folder cannot be created.
    pub fn prepare(&self) -> Result<(), SessionError> {
        if self.place == Place::Chosen {
            return Ok(());
        }
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let failed = |path: &Path, doing, source| SessionError::File { path: path.to_owned(), doing, source };
        create_durably(folder).map_err(|source| failed(folder, "create the folder", source))?;
        if self.place == Place::Beside {
            let ignore = folder.join(".gitignore");
            match File::create_new(&ignore).and_then(|mut file| file.write_all(b"*\n")) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(&ignore, "create", error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Returns the name and the stem of a dataset. The `*` of a pattern of Parquet files is no character of file names on all
/// systems.
fn names_of(dataset: &Path) -> (OsString, OsString) {
    let plain = |name: Option<&OsStr>| match name.and_then(OsStr::to_str) {
        Some(name) if name.contains('*') => name.replace('*', "_").into(),
        _ => name.unwrap_or_default().to_owned(),
    };
    (plain(dataset.file_name()), plain(dataset.file_stem()))
}

/// Returns the dataset of a session: the one beside it, or the one it was last opened with.
///
/// # Errors
///
/// Returns an error if it is not a readable session.
pub fn dataset_of(session: &Path) -> Result<PathBuf, SessionError> {
    let known = owner::dataset(session)?;
    let folder = anchored(session).parent().map(Path::to_owned).unwrap_or_default();
    let is_of_folder = |name: &OsStr| name.as_encoded_bytes().starts_with(OF_FOLDER.as_bytes());
    if folder.ends_with(FOLDER) && session.file_name().is_some_and(is_of_folder) {
        return Ok(folder.parent().map_or(known, Path::to_owned));
    }
    let beside = known.file_name().filter(|_| folder.ends_with(FOLDER)).map(|name| folder.with_file_name(name));
    Ok(beside.filter(|beside| beside.exists()).unwrap_or(known))
}

/// Finds the session of a dataset among those in the state folder, under the name it had before the dataset was renamed.
fn before_renaming(folder: &Path, dataset: &Path, field: &str) -> Option<PathBuf> {
    let sessions = fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let is_of_field = |file: &PathBuf| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let hash = name.strip_suffix(&format!("{field}.sqlite")).and_then(|rest| Some(rest.rsplit_once('-')?.1));
        hash.is_some_and(|hash| hash.len() == 32 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    sessions.filter(is_of_field).find(|session| owner::is_own(session, dataset))
}

/// Returns the user's state folder, or the data folder where the system has none.
#[must_use]
pub fn state_folder() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.state_dir().unwrap_or_else(|| folders.data_dir()))
}

/// Creates a folder and syncs its parent, so that it survives a power loss.
fn create_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_durably(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    #[cfg(unix)]
    if let Some(parent) = folder.parent() {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(unix)]
fn is_writable(folder: &Path) -> bool {
    // An existing session folder may be writable even if its parent is not.
    let ours = folder.join(FOLDER);
    let folder = if ours.is_dir() { ours.as_path() } else { folder };
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn is_writable(folder: &Path) -> bool {
    fs::metadata(folder).is_ok_and(|metadata| !metadata.permissions().readonly())
}

#[cfg(target_os = "linux")]
fn is_network(folder: &Path) -> bool {
    #[allow(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "a magic number of 32 bits")]
    rustix::fs::statfs(folder).is_ok_and(|system| is_network_type(system.f_type as u32))
}

/// Compares with the magic numbers of `statfs(2)`. Every FUSE file system counts as a network one, because `sshfs` has the same
/// number as a local one.
#[cfg(target_os = "linux")]
const fn is_network_type(magic: u32) -> bool {
    matches!(
        magic,
        0x6969 // NFS
            | 0x517b | 0xff53_4d42 | 0xfe53_4d42 // SMB, CIFS, SMB2
            | 0x6573_5546 // FUSE
            | 0x0102_1997 // 9P
            | 0x5346_414f | 0x6b41_4653 // AFS
            | 0x00c3_6400 // Ceph
            | 0x7375_7245 // Coda
            | 0x0bd0_0bd0 // Lustre
            | 0x4750_4653 // GPFS
            | 0x1983_0326 // BeeGFS
    )
}

#[cfg(target_os = "macos")]
fn is_network(folder: &Path) -> bool {
    /// `MNT_LOCAL` of `mount(2)`.
    const LOCAL: u32 = 0x1000;
    rustix::fs::statfs(folder).is_ok_and(|system| system.f_flags & LOCAL == 0)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn is_network(_folder: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests;
