//! The open file: positioned reads, and detection of changes since it was opened.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io;
#[cfg(unix)]
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use twox_hash::xxhash3_128::Hasher;

use super::archives::Archives;
use super::caption_map::CaptionMap;
use super::file_set::FileSet;
use super::shards::Shards;
use super::siblings::Siblings;
use super::sidecars::FolderLines;
use super::table::TableLines;
use super::{DatasetError, RecordId, Sibling};

const HASH_BLOCK: usize = 256 * 1024;

/// Identifies a file and its content without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamp {
    pub len: u64,
    /// Modification time, in nanoseconds since the Unix epoch.
    pub modified_ns: i64,
    /// 0 if the system has no device numbers.
    pub device: u64,
    /// 0 if the system has no inode numbers.
    pub inode: u64,
}

impl Stamp {
    const EMPTY: Self = Self { len: 0, modified_ns: 0, device: 0, inode: 0 };

    /// Returns the stamp of the file at `path`, following symlinks.
    ///
    /// # Errors
    /// Returns an error if [`fs::metadata`] does.
    pub fn of(path: &Path) -> io::Result<Self> {
        fs::metadata(path).map(|metadata| Self::from(&metadata))
    }

    /// Returns true if both are of one file, under whatever name.
    pub(crate) fn is_same_file(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// The form sessions store: compared as a whole, never parsed.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { len, modified_ns, device, inode } = self;
        write!(f, "{len} bytes, changed {modified_ns} ns, file {inode} on {device}")
    }
}

impl From<&Metadata> for Stamp {
    #[cfg(unix)]
    fn from(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
            device: metadata.dev(),
            inode: metadata.ino(),
        }
    }

    #[cfg(not(unix))]
    fn from(metadata: &Metadata) -> Self {
        let since = metadata.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let modified_ns = since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_default();
        Self { len: metadata.len(), modified_ns, device: 0, inode: 0 }
    }
}

/// How a file differs from the one that was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Shorter,
    Longer,
    Written,
    Replaced,
    Removed,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shorter => "it is shorter",
            Self::Longer => "it is longer",
            Self::Written => "it was written to",
            Self::Replaced => "another file is in its place",
            Self::Removed => "it was removed",
        })
    }
}

#[cfg(unix)]
type Handle = File;
/// Without positioned reads, reading moves the cursor, so there is one reader at a time.
#[cfg(not(unix))]
type Handle = std::sync::Mutex<File>;

#[derive(Debug)]
pub(super) struct Source {
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    File(Bytes),
    Folder(Box<FolderLines>),
    Table(Box<TableLines>),
    Shards(Box<Shards>),
    Archives(Box<Archives>),
    Map(Box<CaptionMap>),
    /// Several captions of each image of another source.
    Siblings(Box<Siblings>),
}

/// A file that is open for positioned reads.
#[derive(Debug)]
pub(super) struct Bytes {
    handle: Handle,
    stamp: Stamp,
}

impl Bytes {
    pub(super) fn new(file: File, stamp: Stamp) -> Self {
        #[cfg(not(unix))]
        let file = std::sync::Mutex::new(file);
        Self { handle: file, stamp }
    }

    pub(super) const fn stamp(&self) -> Stamp {
        self.stamp
    }

    #[cfg(unix)]
    pub(super) fn read_exact_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.handle.read_exact_at(buffer, at)
    }

    #[cfg(not(unix))]
    pub(super) fn read_exact_at(&self, at: u64, buffer: &mut [u8]) -> io::Result<()> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = self.handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(buffer)
    }

    #[cfg(unix)]
    fn metadata(&self) -> io::Result<Metadata> {
        self.handle.metadata()
    }

    #[cfg(not(unix))]
    fn metadata(&self) -> io::Result<Metadata> {
        self.handle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).metadata()
    }
}

impl Source {
    pub(super) fn open(path: PathBuf) -> Result<Self, DatasetError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DatasetError::NotFound { path: path.clone() },
            _ => DatasetError::Io { path: path.clone(), source },
        };
        // Checked before opening, because opening a named pipe blocks until its other end is opened.
        if !fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(DatasetError::NotAFile { path });
        }
        let file = File::open(&path).map_err(failed)?;
        let stamp = Stamp::from(&file.metadata().map_err(failed)?);
        Ok(Self { path, kind: Kind::File(Bytes::new(file, stamp)) })
    }

    /// Opens a CSV or TSV table.
    pub(super) fn open_table(
        path: PathBuf,
        caption_field: &str,
        file_column: Option<&str>,
    ) -> Result<Self, DatasetError> {
        match Self::open(path)? {
            Self { path, kind: Kind::File(bytes) } => {
                let lines = TableLines::open(&path, bytes, caption_field, file_column)?;
                Ok(Self { path, kind: Kind::Table(Box::new(lines)) })
            }
            other => Ok(other),
        }
    }

    /// Opens a JSON object with the captions of each image.
    pub(super) fn open_map(path: PathBuf, caption_field: &str) -> Result<Self, DatasetError> {
        match Self::open(path)? {
            Self { path, kind: Kind::File(bytes) } => {
                Ok(Self { path, kind: Kind::Map(Box::new(CaptionMap::new(bytes, caption_field))) })
            }
            other => Ok(other),
        }
    }

    pub(super) fn of_folder(path: PathBuf, lines: FolderLines) -> Self {
        Self { path, kind: Kind::Folder(Box::new(lines)) }
    }

    pub(super) fn of_shards(path: PathBuf, shards: Shards) -> Self {
        Self { path, kind: Kind::Shards(Box::new(shards)) }
    }

    pub(super) fn of_archives(path: PathBuf, archives: Archives) -> Self {
        Self { path, kind: Kind::Archives(Box::new(archives)) }
    }

    pub(super) fn of_siblings(siblings: Siblings) -> Self {
        Self { path: siblings.path().to_owned(), kind: Kind::Siblings(Box::new(siblings)) }
    }

    /// Returns true if its bytes are those of one file.
    pub(super) const fn is_plain_file(&self) -> bool {
        matches!(self.kind, Kind::File(_))
    }

    pub(super) fn siblings(&self) -> Option<&Siblings> {
        match &self.kind {
            Kind::Siblings(siblings) => Some(siblings),
            _ => None,
        }
    }

    /// Returns the line number of a record if it differs from that of its line, and its place among the captions of its
    /// image if there are several.
    pub(super) fn place(&self, record: RecordId) -> (Option<u64>, Option<Sibling>) {
        match &self.kind {
            Kind::Siblings(siblings) => siblings.place(record).map_or((None, None), |(line, it)| (Some(line), it)),
            Kind::Folder(lines) => (None, lines.sibling(record)),
            Kind::File(_) | Kind::Table(_) | Kind::Shards(_) | Kind::Archives(_) | Kind::Map(_) => (None, None),
        }
    }

    pub(super) fn folder(&self) -> Option<&FolderLines> {
        match &self.kind {
            Kind::Folder(lines) => Some(lines),
            Kind::Siblings(siblings) => siblings.source().folder(),
            _ => None,
        }
    }

    pub(super) fn table(&self) -> Option<&TableLines> {
        match &self.kind {
            Kind::Table(lines) => Some(lines),
            Kind::Siblings(siblings) => siblings.source().table(),
            _ => None,
        }
    }

    pub(super) fn map(&self) -> Option<&CaptionMap> {
        match &self.kind {
            Kind::Map(map) => Some(map),
            Kind::Siblings(siblings) => siblings.source().map(),
            _ => None,
        }
    }

    pub(super) fn shards(&self) -> Option<&Shards> {
        match &self.kind {
            Kind::Shards(shards) => Some(shards),
            Kind::Siblings(siblings) => siblings.source().shards(),
            _ => None,
        }
    }

    pub(super) fn archives(&self) -> Option<&Archives> {
        match &self.kind {
            Kind::Archives(archives) => Some(archives),
            _ => None,
        }
    }

    /// Returns the files with the records, if there may be several.
    pub(super) fn file_set(&self) -> Option<&dyn FileSet> {
        match &self.kind {
            Kind::Shards(shards) => Some(&**shards),
            Kind::Archives(archives) => Some(&**archives),
            Kind::Siblings(siblings) => siblings.source().file_set(),
            _ => None,
        }
    }

    /// Returns the file with the lines. The first call scans a folder, and reads a table or shards.
    fn bytes(&self) -> Result<&Bytes, DatasetError> {
        match &self.kind {
            Kind::File(bytes) => Ok(bytes),
            Kind::Folder(lines) => lines.scanned(&self.path).map(|scanned| &scanned.bytes),
            Kind::Table(lines) => lines.lines(&self.path),
            Kind::Shards(shards) => shards.bytes(&self.path),
            Kind::Archives(archives) => archives.bytes(&self.path),
            Kind::Map(map) => map.lines(&self.path),
            Kind::Siblings(siblings) => siblings.bytes(),
        }
    }

    /// Returns the open file as it is on disk, unless the source is a folder or shards.
    fn file(&self) -> Option<&Bytes> {
        match &self.kind {
            Kind::File(bytes) => Some(bytes),
            Kind::Folder(_) | Kind::Shards(_) | Kind::Archives(_) => None,
            Kind::Table(lines) => Some(lines.table()),
            Kind::Map(map) => Some(&map.object),
            Kind::Siblings(siblings) => siblings.source().file(),
        }
    }

    /// Scans a folder or reads a table, unless that was done before.
    pub(super) fn prepare(&self) -> Result<(), DatasetError> {
        self.bytes().map(drop)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the stamp. That of a folder that cannot be read is empty; reading reports the error.
    pub(super) fn stamp(&self) -> Stamp {
        if let Some(siblings) = self.siblings() {
            return siblings.stamp();
        }
        if let Some(files) = self.file_set() {
            return files.stamp();
        }
        self.file().map_or_else(|| self.bytes().map_or(Stamp::EMPTY, Bytes::stamp), Bytes::stamp)
    }

    /// Returns the length of all lines. That of a source that cannot be read is zero; reading reports the error.
    pub(super) fn len(&self) -> u64 {
        self.bytes().map_or(0, |bytes| bytes.stamp.len)
    }

    /// Fills `buffer` with the bytes at offset `at`.
    pub(super) fn read(&self, at: u64, buffer: &mut [u8]) -> Result<(), DatasetError> {
        self.read_from(self.bytes()?, at, buffer)
    }

    fn read_from(&self, bytes: &Bytes, at: u64, buffer: &mut [u8]) -> Result<(), DatasetError> {
        bytes.read_exact_at(at, buffer).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.changed(Change::Shorter),
            _ => self.failed(source),
        })
    }

    /// Checks that the open file still has the content it was opened with. The file at its path now does not matter: after
    /// an in-place save the old content is still read from the open, unlinked file.
    pub(super) fn check(&self) -> Result<(), DatasetError> {
        if let Some(files) = self.file_set() {
            return files.check();
        }
        let Some(file) = self.file() else {
            // No other program can change a temporary file without a name.
            return Ok(());
        };
        let now = Stamp::from(&file.metadata().map_err(|source| self.failed(source))?);
        match now.len.cmp(&file.stamp.len) {
            std::cmp::Ordering::Less => Err(self.changed(Change::Shorter)),
            std::cmp::Ordering::Greater => Err(self.changed(Change::Longer)),
            std::cmp::Ordering::Equal if now.modified_ns != file.stamp.modified_ns => {
                Err(self.changed(Change::Written))
            }
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    /// Checks that the path still refers to the open file.
    pub(super) fn check_path(&self) -> Result<(), DatasetError> {
        if let Some(files) = self.file_set() {
            return files.check_paths();
        }
        match Stamp::of(&self.path) {
            Ok(_) if self.folder().is_some() => Ok(()),
            Ok(now) if self.file().is_some_and(|file| now.is_same_file(&file.stamp)) => Ok(()),
            Ok(_) => Err(self.changed(Change::Replaced)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(self.changed(Change::Removed)),
            Err(source) => Err(self.failed(source)),
        }
    }

    /// Returns the XXH3-128 of all bytes.
    pub(super) fn hash(&self) -> Result<u128, DatasetError> {
        if let Some(siblings) = self.siblings() {
            return siblings.hash();
        }
        if let Some(files) = self.file_set() {
            return files.hash();
        }
        if let Some(lines) = self.folder() {
            return lines.scanned(&self.path).map(|scanned| scanned.hash);
        }
        let Some(file) = self.file() else { return Ok(0) };
        let len = file.stamp.len;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; HASH_BLOCK];
        let mut at = 0;
        while at < len {
            let block = &mut buffer[..clamp_len(len - at, HASH_BLOCK)];
            self.read_from(file, at, block)?;
            hasher.write(block);
            at += block.len() as u64;
        }
        self.check()?;
        Ok(hasher.finish_128())
    }

    pub(super) fn changed(&self, change: Change) -> DatasetError {
        DatasetError::ChangedOnDisk { path: self.path.clone(), change }
    }

    fn failed(&self, source: io::Error) -> DatasetError {
        DatasetError::Io { path: self.path.clone(), source }
    }
}

/// Returns `len`, at most `most`.
pub(super) fn clamp_len(len: u64, most: usize) -> usize {
    usize::try_from(len).map_or(most, |len| len.min(most))
}
