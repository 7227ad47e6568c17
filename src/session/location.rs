//! The location of a session: beside its dataset if that is safe, otherwise in the user's state folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use twox_hash::XxHash3_128;

use super::error::SessionError;
use super::rebind;
use crate::dataset::field_suffix;

const FOLDER: &str = ".recaption";
const THUMBNAILS: &str = "thumbnails";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    file: PathBuf,
    place: Place,
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
    /// # Errors
    ///
    /// Returns an error if the user's state folder is needed and there is none.
    pub fn find(dataset: &Path, caption_field: &str, chosen: Option<&Path>) -> Result<Self, SessionError> {
        if let Some(file) = chosen {
            return Ok(Self { file: file.to_owned(), place: Place::Chosen });
        }
        let dataset = anchored(dataset);
        let folder = dataset.parent().unwrap_or(Path::new("."));
        let field = field_suffix(caption_field);
        let place = if is_network(folder) {
            Place::NetworkFolder
        } else if beside(&dataset, &field).exists() || is_writable(folder) {
            Place::Beside
        } else {
            Place::ReadOnlyFolder
        };
        Self::at(&dataset, &field, place, state_folder)
    }

    fn at(
        dataset: &Path,
        field: &str,
        place: Place,
        state: impl Fn() -> Option<PathBuf>,
    ) -> Result<Self, SessionError> {
        let file = match place {
            Place::Beside | Place::Chosen => beside(dataset, field),
            Place::ReadOnlyFolder | Place::NetworkFolder => {
                let state = state().ok_or_else(|| SessionError::NoStateFolder { dataset: dataset.to_owned() })?;
                let hash = XxHash3_128::oneshot(dataset.as_os_str().as_encoded_bytes());
                let mut name = dataset.file_stem().unwrap_or_default().to_owned();
                name.push(format!("-{hash:032x}{field}.sqlite"));
                state.join("recaption").join("sessions").join(name)
            }
        };
        Ok(Self { file, place })
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

    /// Returns the message for the operator if the session is not beside its dataset.
    #[must_use]
    pub fn note(&self) -> Option<String> {
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

/// Returns the dataset of a session: the one beside it, or the one it was last opened with.
///
/// # Errors
///
/// Returns an error if it is not a readable session.
pub fn dataset_of(session: &Path) -> Result<PathBuf, SessionError> {
    let known = rebind::dataset(session)?;
    let folder = anchored(session).parent().map(Path::to_owned).unwrap_or_default();
    let beside = known.file_name().filter(|_| folder.ends_with(FOLDER)).map(|name| folder.with_file_name(name));
    Ok(beside.filter(|beside| beside.exists()).unwrap_or(known))
}

fn beside(dataset: &Path, field: &str) -> PathBuf {
    let mut name = dataset.file_stem().unwrap_or_default().to_owned();
    name.push(format!("{field}.sqlite"));
    dataset.with_file_name(FOLDER).join(name)
}

/// Returns the absolute path with its folder resolved. A symlink to the file itself is not followed: images and session
/// are looked up beside the link.
fn anchored(dataset: &Path) -> PathBuf {
    let path = std::path::absolute(dataset).unwrap_or_else(|_| dataset.to_owned());
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(folder)), Some(name)) => folder.join(name),
        _ => path,
    }
}

fn state_folder() -> Option<PathBuf> {
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
mod tests {
    use super::*;
    use crate::dataset::CAPTION;

    #[test]
    fn a_session_is_beside_its_dataset_and_hidden_from_git() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        let location = Location::find(&folder.join("metadata.jsonl"), CAPTION, None).unwrap();
        assert_eq!(location.file(), folder.join(".recaption/metadata.sqlite"));
        assert_eq!(location.note(), None);
        assert_eq!(location.thumbnails(), Some(folder.join(".recaption/thumbnails")));
        assert!(!folder.join(".recaption").exists(), "looking creates nothing");

        location.prepare().unwrap();
        assert_eq!(fs::read_to_string(folder.join(".recaption/.gitignore")).unwrap(), "*\n");
        fs::write(folder.join(".recaption/.gitignore"), "mine").unwrap();
        location.prepare().unwrap();
        assert_eq!(fs::read_to_string(folder.join(".recaption/.gitignore")).unwrap(), "mine");
    }

    #[test]
    fn the_operators_choice_wins() {
        let location = Location::find(Path::new("/proc/metadata.jsonl"), CAPTION, Some(Path::new("mine.db"))).unwrap();
        assert_eq!((location.file(), location.place()), (Path::new("mine.db"), Place::Chosen));
        location.prepare().unwrap();
    }

    #[test]
    fn a_dataset_named_without_a_folder_is_in_the_current_one() {
        let location = Location::find(Path::new("metadata.jsonl"), CAPTION, None).unwrap();
        let here = std::env::current_dir().unwrap().canonicalize().unwrap();
        assert_eq!(location.file(), here.join(".recaption/metadata.sqlite"));
    }

    #[test]
    fn each_member_has_a_session_of_its_own_and_none_leads_elsewhere() {
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().canonicalize().unwrap().join("metadata.jsonl");
        let file = |field: &str| Location::find(&dataset, field, None).unwrap().file().to_owned();
        let sessions = dataset.with_file_name(".recaption");
        assert_eq!(file(CAPTION), sessions.join("metadata.sqlite"));
        assert_eq!(file("text_ko"), sessions.join("metadata.text_ko.sqlite"));
        assert_eq!(file("설명"), sessions.join("metadata.설명.sqlite"));
        let odd = ["", "../../x", "a/b", "a b", ".", &"x".repeat(300)].map(file);
        for (at, path) in odd.iter().enumerate() {
            assert_eq!(path.parent(), Some(&*sessions), "{path:?}");
            assert!(path.file_name().is_some_and(|name| name.len() < 100) && !odd[..at].contains(path), "{path:?}");
        }
    }

    #[test]
    fn sessions_kept_elsewhere_say_so_and_never_meet() {
        let some_state = || Some(PathBuf::from("/home/someone/.local/state"));
        let one = Location::at(Path::new("/mnt/one/metadata.jsonl"), "", Place::ReadOnlyFolder, some_state).unwrap();
        let two = Location::at(Path::new("/mnt/two/metadata.jsonl"), "", Place::NetworkFolder, some_state).unwrap();
        assert!(one.file().starts_with("/home/someone/.local/state/recaption/sessions"));
        assert_ne!(one.file(), two.file());
        assert!(!one.thumbnails().is_some_and(|thumbnails| thumbnails.starts_with("/mnt")));
        assert!(one.note().unwrap().ends_with("the dataset's folder is read-only"));
        assert!(two.note().unwrap().ends_with("the dataset is on a network file system"));
        let again = Location::at(Path::new("/mnt/one/metadata.jsonl"), "", Place::ReadOnlyFolder, some_state).unwrap();
        assert_eq!(one, again, "the same every time");
    }

    #[test]
    fn without_a_home_the_way_out_is_named() {
        let refused = Location::at(Path::new("/mnt/metadata.jsonl"), "", Place::ReadOnlyFolder, || None).unwrap_err();
        assert!(refused.to_string().contains("--session"));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn file_systems_of_other_machines_are_known() {
        assert!([0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x6573_5546].into_iter().all(is_network_type));
        // ext4, xfs, btrfs, tmpfs, overlayfs.
        assert!(![0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630].into_iter().any(is_network_type));
        assert!(!is_network(Path::new("/proc")));
    }

    #[cfg(unix)]
    #[test]
    fn a_read_only_folder_is_seen_and_a_session_in_it_stays_the_session() {
        use std::os::unix::fs::PermissionsExt;
        if rustix::process::geteuid().is_root() {
            return; // permissions do not bind root
        }
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().join("metadata.jsonl");
        let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
        mode(0o555);
        assert!(!is_writable(folder.path()));
        mode(0o755);
        let beside = Location::find(&dataset, CAPTION, None).unwrap();
        beside.prepare().unwrap();
        fs::write(beside.file(), "").unwrap();
        mode(0o555);
        assert_eq!(Location::find(&dataset, CAPTION, None).unwrap(), beside);
        mode(0o755);
    }
}
