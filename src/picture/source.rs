//! Reading pictures, and detecting that one has changed: a file, a row of a Parquet file, or a member of a tar archive.

use std::borrow::Cow;
use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

use super::spelling::spellings;
use super::{PictureError, clean_message, other_spelling};
use crate::parquet_file::{Cell, CellError};
use crate::remote_folder::{self, FetchError};
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
    stamp_unless(&|| false, path)
}

/// Like [`stamp`]. Returns [`PictureError::Cancelled`] if `is_cancelled` returns true while the picture is downloaded.
pub(crate) fn stamp_unless(is_cancelled: &(dyn Fn() -> bool + Sync), path: &Path) -> Result<Stamp, PictureError> {
    found_unless(is_cancelled, path).map(|(_, stamp)| stamp)
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
        None => other_spelling(path).filter(|path| path.is_file()).map(Cow::Owned).or_else(|| listed(path)),
    }
}

/// Returns the path of the picture in a bucket that `path` means. It need not have been downloaded.
fn listed(path: &Path) -> Option<Cow<'_, Path>> {
    let (folder, name) = remote_folder::find(path)?;
    if folder.holds(&name) {
        return Some(path.into());
    }
    let inside = spellings(&name).find(|spelling| folder.holds(spelling))?;
    let root = path.ancestors().nth(Path::new(&name).components().count())?;
    Some(root.join(inside).into())
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

fn found(path: &Path) -> Result<(Found<'_>, Stamp), PictureError> {
    found_unless(&|| false, path)
}

/// Finds a picture: a file, a row of a Parquet file, a file under another spelling, or an object in a bucket.
fn found_unless<'a>(
    is_cancelled: &(dyn Fn() -> bool + Sync),
    path: &'a Path,
) -> Result<(Found<'a>, Stamp), PictureError> {
    match stamp_at(path) {
        // An empty file stands for an object that has not been downloaded.
        Err(PictureError::Empty) if remote_folder::contains(path) => downloaded(is_cancelled, path),
        Err(PictureError::Missing) => {
            if let Some(cell) = Cell::of(path) {
                let metadata = std::fs::metadata(cell.file).map_err(|error| io_error(&error))?;
                return Ok((Found::Row(cell), Stamp::of(&metadata)));
            }
            if let Some(place) = Place::of(path) {
                let metadata = std::fs::metadata(place.archive).map_err(|error| io_error(&error))?;
                return Ok((Found::Member(place), Stamp::of(&metadata)));
            }
            if remote_folder::contains(path) {
                return downloaded(is_cancelled, path);
            }
            let other = other_spelling(path).ok_or(PictureError::Missing)?;
            stamp_at(&other).map(|stamp| (Found::File(other.into()), stamp))
        }
        stamped => stamped.map(|stamp| (Found::File(path.into()), stamp)),
    }
}

/// Returns the file with the content of an object in a bucket.
fn downloaded<'a>(is_cancelled: &(dyn Fn() -> bool + Sync), path: &Path) -> Result<(Found<'a>, Stamp), PictureError> {
    let (folder, name) = remote_folder::find(path).ok_or(PictureError::Missing)?;
    let mut fetched = folder.fetch(&name, is_cancelled);
    if fetched == Err(FetchError::Missing)
        && let Some(other) = spellings(&name).find(|spelling| *spelling != name && folder.holds(spelling))
    {
        fetched = folder.fetch(&other, is_cancelled);
    }
    let file = fetched.map_err(|error| match error {
        FetchError::Missing => PictureError::Missing,
        FetchError::Cancelled => PictureError::Cancelled,
        FetchError::Failed(why) => PictureError::Remote(why),
    })?;
    stamp_at(&file).map(|stamp| (Found::File(file.into()), stamp))
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
            Err(CellError::Elsewhere(path)) => match found(&path)? {
                (Found::File(path), stamp) => read_file(&path, stamp),
                (Found::Row(_) | Found::Member(_), _) => Err(PictureError::Missing),
            },
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
