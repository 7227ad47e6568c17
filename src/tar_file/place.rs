//! The content of a single member, by the place of its header.
//!
//! A member is named by the path of its archive with that place, as if the archive were a folder: `train.tar/1536`. No such
//! path exists in a file system, so it cannot be confused with another file.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::SystemTime;

use super::is_tar;
use super::members::BLOCK;
use crate::shared_file::SharedFile;

/// A member of an archive.
pub(crate) struct Place<'a> {
    pub(crate) archive: &'a Path,
    header: u64,
}

/// An archive that members are read from.
#[derive(Debug)]
pub(crate) struct OpenArchive {
    pub(crate) file: SharedFile,
    /// As it was opened.
    version: Version,
}

/// Identifies a version of a file.
type Version = (u64, Option<SystemTime>);

fn version(metadata: &Metadata) -> Version {
    (metadata.len(), metadata.modified().ok())
}

type Shared = HashMap<PathBuf, Weak<OpenArchive>>;

/// The archives of open datasets. After a save in place, their members are still those of the file that was opened.
fn shared() -> MutexGuard<'static, Shared> {
    static SHARED: OnceLock<Mutex<Shared>> = OnceLock::new();
    SHARED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
}

impl OpenArchive {
    pub(crate) fn of(file: File) -> io::Result<Self> {
        let version = version(&file.metadata()?);
        Ok(Self { file: SharedFile::new(file)?, version })
    }

    /// Makes it the file that the members of this path are read from, as long as it is open.
    pub(crate) fn share(self: &Arc<Self>, path: &Path) {
        let mut shared = shared();
        shared.retain(|_, open| open.strong_count() > 0);
        shared.insert(path.to_owned(), Arc::downgrade(self));
    }
}

impl<'a> Place<'a> {
    /// Returns the member that a path names, if it names one.
    pub(crate) fn of(path: &'a Path) -> Option<Self> {
        let archive = path.parent().filter(|archive| is_tar(archive))?;
        let name = path.file_name()?.to_str()?;
        let header = name.parse::<u64>().ok().filter(|number| name == number.to_string())?;
        archive.is_file().then_some(Self { archive, header })
    }

    /// Returns the path that names a member.
    pub(crate) fn path(archive: &Path, header: u64) -> PathBuf {
        archive.join(header.to_string())
    }

    /// Returns the content of at most `most` bytes.
    ///
    /// # Errors
    /// Returns an error if it cannot be read, is larger, or the archive changed.
    pub(crate) fn read(&self, most: u64) -> io::Result<Vec<u8>> {
        let known = shared().get(self.archive).and_then(Weak::upgrade);
        let open = match known {
            Some(open) => open,
            None => Arc::new(OpenArchive::of(File::open(self.archive)?)?),
        };
        let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        let changed = || wrong("the archive changed since it was opened; open it again (in the reviewer with :reopen)");
        if version(&open.file.metadata()?) != open.version {
            return Err(changed());
        }
        let mut header = tar::Header::new_old();
        open.file.reader(self.header).read_exact(header.as_mut_bytes())?;
        let mut own = header.clone();
        own.set_cksum();
        if header.cksum().ok() != own.cksum().ok() {
            return Err(changed());
        }
        let len = header.entry_size()?;
        if len > most {
            return Err(wrong("too large"));
        }
        let mut content = Vec::with_capacity(usize::try_from(len).unwrap_or_default());
        open.file.reader(self.header + BLOCK).take(len).read_to_end(&mut content)?;
        if content.len() as u64 == len { Ok(content) } else { Err(wrong("the archive ends before its member does")) }
    }
}
