//! The file of a picture: whether it can be read, whether it is still the one that was read.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use super::{PictureError, plain};

/// Files beyond this are not read. A 24-megapixel picture without compression takes 72 MB.
const MOST_BYTES: u64 = 400_000_000;

/// Tells one state of a file from another. Two equal stamps are taken for the same content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    /// A file replaced by renaming another over it has another inode, even within one tick of the clock.
    #[cfg(unix)]
    inode: u64,
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            inode: std::os::unix::fs::MetadataExt::ino(metadata),
        }
    }

    /// Size of the file in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// When it was written, where the file system says.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    #[cfg(test)]
    pub fn made_up(len: u64) -> Self {
        Self {
            len,
            modified: None,
            #[cfg(unix)]
            inode: 0,
        }
    }
}

/// The present state of the file at `path`, or why there is nothing to read.
pub(crate) fn stamp(path: &Path) -> Result<Stamp, PictureError> {
    let metadata = std::fs::metadata(path).map_err(|error| refusal(&error))?;
    if !metadata.is_file() {
        return Err(PictureError::NotAFile(kind(metadata.file_type())));
    }
    match metadata.len() {
        0 => Err(PictureError::Empty),
        bytes if bytes > MOST_BYTES => Err(PictureError::TooManyBytes { bytes, limit: MOST_BYTES }),
        _ => Ok(Stamp::of(&metadata)),
    }
}

/// The bytes of the file at `path`. Looks before it opens: opening a named pipe would wait for a writer.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, PictureError> {
    let expected = stamp(path)?.len();
    let file = File::open(path).map_err(|error| refusal(&error))?;
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(MOST_BYTES).read_to_end(&mut bytes).map_err(|error| refusal(&error))?;
    if bytes.is_empty() { Err(PictureError::Empty) } else { Ok(bytes) }
}

pub(super) fn refusal(error: &io::Error) -> PictureError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PictureError::Missing,
        io::ErrorKind::PermissionDenied => PictureError::Forbidden,
        _ => PictureError::Io(plain(error)),
    }
}

#[cfg(unix)]
fn kind(file: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match file {
        _ if file.is_dir() => "folder",
        _ if file.is_fifo() => "named pipe",
        _ if file.is_socket() => "socket",
        _ => "device",
    }
}

#[cfg(not(unix))]
fn kind(file: FileType) -> &'static str {
    if file.is_dir() { "folder" } else { "device" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_there_instead() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()), Err(PictureError::NotAFile("folder")));
        assert_eq!(read(&folder.path().join("none.jpg")), Err(PictureError::Missing));
        let empty = folder.path().join("empty.jpg");
        std::fs::write(&empty, "").unwrap();
        assert_eq!(read(&empty), Err(PictureError::Empty));
        assert_eq!(read(&empty.join("below-a-file.jpg")), Err(PictureError::Missing));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_named_pipe_is_refused_without_waiting_for_a_writer() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.jpg");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(read(&pipe), Err(PictureError::NotAFile("named pipe")));
        assert_eq!(read(Path::new("/dev/null")), Err(PictureError::NotAFile("device")));
    }

    #[test]
    fn a_file_too_large_is_not_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.bmp");
        File::create(&path).unwrap().set_len(MOST_BYTES + 1).unwrap();
        assert_eq!(read(&path), Err(PictureError::TooManyBytes { bytes: MOST_BYTES + 1, limit: MOST_BYTES }));
    }

    #[test]
    fn a_replaced_file_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, "one").unwrap();
        let first = stamp(&path).unwrap();
        assert_eq!(stamp(&path), Ok(first));
        let other = folder.path().join("b.jpg");
        std::fs::write(&other, "two").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(stamp(&path), Ok(first), "same length, renamed over");
    }
}
