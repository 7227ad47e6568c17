//! Reading pictures, and detecting that one has changed: a file, a row of a Parquet file, or a member of a tar archive.

use std::borrow::Cow;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use super::{PictureError, clean_message, other_spelling};
use crate::parquet_file::{Cell, CellError};
use crate::tar_file::Place;

/// The largest file read, in bytes. An uncompressed picture of 24 megapixels takes 72 MB.
const MAX_BYTES: u64 = 400_000_000;

/// Identifies a version of a file by its metadata. Equal stamps mean unchanged content. That of a picture in a Parquet file
/// is the stamp of that file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stamp {
    len: u64,
    modified: Option<SystemTime>,
    /// Detects a file replaced by a rename within one tick of the file system's clock.
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

    /// Returns the size of the file in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Returns the modification time, or `None` if the file system has none.
    pub fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    #[cfg(test)]
    pub fn for_test(len: u64) -> Self {
        Self {
            len,
            modified: None,
            #[cfg(unix)]
            inode: 0,
        }
    }
}

/// Returns the current stamp of the picture at `path`.
///
/// # Errors
///
/// Returns an error if it is missing, empty, too large or not a regular file.
pub(crate) fn stamp(path: &Path) -> Result<Stamp, PictureError> {
    found(path).map(|(_, stamp)| stamp)
}

/// Returns the path of the existing picture that `path` means: `path` itself, if possible.
pub(crate) fn located(path: &Path) -> Option<Cow<'_, Path>> {
    if path.is_file() {
        return Some(path.into());
    }
    match Cell::of(path) {
        // An error counts as present: reading reports it, with its reason.
        Some(cell) => cell.exists().unwrap_or(true).then(|| path.into()),
        None if Place::of(path).is_some() => Some(path.into()),
        None => other_spelling(path).filter(|path| path.is_file()).map(Cow::Owned),
    }
}

/// Returns true if a path names a part of a file: a row of a Parquet file, or a member of a tar archive.
pub(crate) fn is_inside_file(path: &Path) -> bool {
    Cell::of(path).is_some() || Place::of(path).is_some()
}

/// Where a picture is.
enum Found<'a> {
    File(Cow<'a, Path>),
    Row(Cell<'a>),
    Member(Place<'a>),
}

/// Finds a picture: a file, a row of a Parquet file, or a file under another spelling.
fn found(path: &Path) -> Result<(Found<'_>, Stamp), PictureError> {
    match stamp_at(path) {
        Err(PictureError::Missing) => {
            if let Some(cell) = Cell::of(path) {
                let metadata = std::fs::metadata(cell.file).map_err(|error| io_error(&error))?;
                return Ok((Found::Row(cell), Stamp::of(&metadata)));
            }
            if let Some(place) = Place::of(path) {
                let metadata = std::fs::metadata(place.archive).map_err(|error| io_error(&error))?;
                return Ok((Found::Member(place), Stamp::of(&metadata)));
            }
            let other = other_spelling(path).ok_or(PictureError::Missing)?;
            stamp_at(&other).map(|stamp| (Found::File(other.into()), stamp))
        }
        stamped => stamped.map(|stamp| (Found::File(path.into()), stamp)),
    }
}

fn stamp_at(path: &Path) -> Result<Stamp, PictureError> {
    let metadata = std::fs::metadata(path).map_err(|error| io_error(&error))?;
    if !metadata.is_file() {
        return Err(PictureError::NotAFile(file_kind(metadata.file_type())));
    }
    match metadata.len() {
        0 => Err(PictureError::Empty),
        bytes if bytes > MAX_BYTES => Err(PictureError::TooManyBytes { bytes, limit: MAX_BYTES }),
        _ => Ok(Stamp::of(&metadata)),
    }
}

/// The encoded bytes of a picture.
pub(super) enum Encoded {
    File(File),
    /// Of a part of a file, which is read at once.
    Bytes(Vec<u8>),
}

/// Opens a picture. Returns `None` for what [`read`] reports.
pub(super) fn open(path: &Path) -> Option<Encoded> {
    match found(path).ok()?.0 {
        Found::File(path) => File::open(path).ok().map(Encoded::File),
        Found::Row(_) | Found::Member(_) => read(path).ok().map(Encoded::Bytes),
    }
}

/// Reads the picture at `path`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, PictureError> {
    match found(path)? {
        (Found::File(path), stamp) => read_file(&path, stamp),
        (Found::Row(cell), _) => match cell.read() {
            Ok(bytes) if bytes.is_empty() => Err(PictureError::Empty),
            Ok(bytes) if bytes.len() as u64 > MAX_BYTES => {
                Err(PictureError::TooManyBytes { bytes: bytes.len() as u64, limit: MAX_BYTES })
            }
            Ok(bytes) => Ok(bytes.into()),
            Err(CellError::Null) => Err(PictureError::NoImage),
            Err(CellError::Elsewhere(path)) => stamp_at(&path).and_then(|stamp| read_file(&path, stamp)),
            Err(CellError::Io(error)) => Err(io_error(&error)),
            Err(CellError::Broken(why)) => Err(PictureError::BrokenTable(why)),
        },
        (Found::Member(place), _) => match place.read(MAX_BYTES) {
            Ok(bytes) if bytes.is_empty() => Err(PictureError::Empty),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(PictureError::BrokenTable(error.to_string()))
            }
            read => read.map_err(|error| io_error(&error)),
        },
    }
}

/// Reads a file whose type has been checked, because opening a named pipe blocks until it has a writer.
fn read_file(path: &Path, stamp: Stamp) -> Result<Vec<u8>, PictureError> {
    let file = File::open(path).map_err(|error| io_error(&error))?;
    let mut bytes = Vec::with_capacity(usize::try_from(stamp.len()).unwrap_or_default());
    file.take(MAX_BYTES).read_to_end(&mut bytes).map_err(|error| io_error(&error))?;
    if bytes.is_empty() { Err(PictureError::Empty) } else { Ok(bytes) }
}

fn io_error(error: &io::Error) -> PictureError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => PictureError::Missing,
        io::ErrorKind::PermissionDenied => PictureError::Forbidden,
        _ => PictureError::Io(clean_message(error)),
    }
}

#[cfg(unix)]
fn file_kind(file: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    match file {
        _ if file.is_dir() => "folder",
        _ if file.is_fifo() => "named pipe",
        _ if file.is_socket() => "socket",
        _ => "device",
    }
}

#[cfg(not(unix))]
fn file_kind(file: FileType) -> &'static str {
    if file.is_dir() { "folder" } else { "device" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_cause() {
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
    fn a_named_pipe_is_rejected_without_blocking() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe.jpg");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        assert_eq!(read(&pipe), Err(PictureError::NotAFile("named pipe")));
        assert_eq!(read(Path::new("/dev/null")), Err(PictureError::NotAFile("device")));
    }

    #[test]
    fn a_file_that_is_too_large_is_rejected() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge.bmp");
        File::create(&path).unwrap().set_len(MAX_BYTES + 1).unwrap();
        assert_eq!(read(&path), Err(PictureError::TooManyBytes { bytes: MAX_BYTES + 1, limit: MAX_BYTES }));
    }

    #[test]
    fn replacing_a_file_changes_its_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        std::fs::write(&path, "one").unwrap();
        let first = stamp(&path).unwrap();
        assert_eq!(stamp(&path), Ok(first));
        let other = folder.path().join("b.jpg");
        std::fs::write(&other, "two").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert_ne!(stamp(&path), Ok(first), "same length, replaced by a rename");
    }
}
