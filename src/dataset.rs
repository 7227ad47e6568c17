//! The dataset: a JSON Lines file and the pictures it names, read on demand and never changed here.
//!
//! Opening reads nothing; [`Dataset::build_index`] finds the lines in the background and publishes them as it goes;
//! records are read by position and parsed when they are asked for. [`save`] writes the file anew with changed captions.

mod index;
mod line;
mod members;
mod picture;
mod read;
mod rewrite;
mod save;
mod source;
mod survey;

use std::fmt::Display;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use twox_hash::XxHash3_64;

pub use index::Progress;
pub use line::{BadLine, Entry, JsonKind, LineError, LineFinding, MAX_LINE_BYTES, Record};
pub use picture::PathRefused;
pub use rewrite::Line;
pub use save::{Amendment, Backup, ConflictKind, Expected, SaveError, SaveOptions, SaveReport, SaveWarning, save};
pub use source::{Change, Stamp};
pub use survey::{Occurrences, Survey};

use index::Index;
use source::Source;

/// The file looked for when a folder is opened, as Hugging Face's `imagefolder` names it.
const METADATA: &str = "metadata.jsonl";
/// The member that names a record's picture.
pub(crate) const FILE_NAME: &str = "file_name";
/// The member that holds a record's caption in most datasets.
pub const CAPTION: &str = "text";

/// Position of a record among the records of its dataset, from zero. Blank lines are not records; lines that cannot be
/// parsed are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u32);

impl RecordId {
    /// The position as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// How a dataset is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    /// The member that holds a record's caption.
    pub caption_field: String,
    /// The folder pictures are looked up in; the dataset's own when absent. Given, it also lifts the refusal of
    /// absolute paths and `..`.
    pub images: Option<PathBuf>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self { caption_field: CAPTION.into(), images: None }
    }
}

/// Why a dataset could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// Nothing is at the path.
    #[error("{path}: no such file or folder")]
    NotFound {
        /// What was asked for.
        path: PathBuf,
    },
    /// A folder without the file that would make it a dataset.
    #[error("{folder}: this folder has no {METADATA}; name the .jsonl file itself")]
    NoMetadata {
        /// What was asked for.
        folder: PathBuf,
    },
    /// A pipe, a device, a folder of that name.
    #[error("{path}: not a regular file; a dataset is read by position, so write it to a file first")]
    NotAFile {
        /// What was asked for.
        path: PathBuf,
    },
    /// The file starts with the mark of an encoding that JSON Lines does not use.
    #[error("{path}: this is UTF-16; convert it to UTF-8 first (iconv -f utf-16 -t utf-8)")]
    Utf16 {
        /// The dataset.
        path: PathBuf,
    },
    /// More records than a [`RecordId`] can count, or more bytes than the index can hold.
    #[error("{path}: too large; split it (at most 4 294 967 295 records in 256 TiB)")]
    TooLarge {
        /// The dataset.
        path: PathBuf,
    },
    /// Saving would change which picture a record names.
    #[error("the caption field cannot be \"{FILE_NAME}\"; name the member that holds the caption")]
    CaptionFieldIsFileName,
    /// The operating system refused.
    #[error("{path}: {source}")]
    Io {
        /// The dataset.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// The file is not the one that was opened any more, so positions in it mean nothing.
    #[error("{path}: changed on disk since it was opened ({change}); open it again")]
    ChangedOnDisk {
        /// The dataset.
        path: PathBuf,
        /// What gave it away.
        change: Change,
    },
    /// A position past the records found so far.
    #[error("{path}: there is no record {}; {count} are known", record.0)]
    NoSuchRecord {
        /// The dataset.
        path: PathBuf,
        /// What was asked for.
        record: RecordId,
        /// How many records there are, or have been found yet.
        count: u32,
    },
}

/// An open dataset. Clones are cheap and share the file and the index.
#[derive(Clone, Debug)]
pub struct Dataset(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: Source,
    index: Index,
    folder: PathBuf,
    images: Option<PathBuf>,
    name: String,
    caption_field: String,
    /// Of the content, once something has read all of it.
    hash: OnceLock<u128>,
}

impl Dataset {
    /// Opens `path`: a JSON Lines file, or a folder with a `metadata.jsonl`. Of the file's content only the byte order
    /// mark is read, so this takes microseconds at any size.
    ///
    /// # Errors
    /// When there is no such file, when it is not a regular file, or not UTF-8 by its byte order mark.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, DatasetError> {
        if options.caption_field == FILE_NAME {
            return Err(DatasetError::CaptionFieldIsFileName);
        }
        let path = if path.is_dir() {
            let file = path.join(METADATA);
            if !file.exists() {
                return Err(DatasetError::NoMetadata { folder: path.into() });
            }
            file
        } else {
            path.into()
        };
        let source = Source::open(path)?;
        let folder = match source.path().parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let index = Index::new(&source)?;
        Ok(Self(Arc::new(Inner {
            name: name_of(source.path(), &folder),
            source,
            index,
            folder,
            images: options.images.clone(),
            caption_field: options.caption_field.clone(),
            hash: OnceLock::new(),
        })))
    }

    /// Finds the lines of the file, on the caller's thread. `progress` is called soon after the first records can be
    /// read, then every few megabytes; when it breaks, the scan stops and a later call goes on from there. Returns at
    /// once when all is found; waits while another thread is at it, so `progress` must not come back here.
    ///
    /// # Errors
    /// When the file cannot be read, changed since it was opened, or is too large.
    pub fn build_index(&self, progress: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Result<Progress, DatasetError> {
        self.0.index.build(&self.0.source, progress)
    }

    /// How many records have been found; all of them once [`Self::is_indexed`].
    #[must_use]
    pub fn record_count(&self) -> u32 {
        self.0.index.count()
    }

    /// Whether the whole file has been looked through.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.0.index.is_complete()
    }

    /// One record, read now.
    ///
    /// # Errors
    /// When there is no such record (yet), the file cannot be read, or it changed since it was opened.
    pub fn entry(&self, record: RecordId) -> Result<Entry, DatasetError> {
        self.entry_and_line(record).map(|(entry, _)| entry)
    }

    /// One record, read now, and the line it was read from: its JSON text, with U+FFFD for what is not text.
    ///
    /// # Errors
    /// As [`Self::entry`].
    pub fn entry_and_line(&self, record: RecordId) -> Result<(Entry, String), DatasetError> {
        let mut found = None;
        let range = record.0..record.0.saturating_add(1);
        read::lines(&self.0.source, &self.0.index, range, &mut |raw| {
            let line = String::from_utf8_lossy(raw.bytes).into_owned();
            found = Some((line::parse(&raw, &self.0.caption_field), line));
            ControlFlow::Continue(())
        })?;
        let missing = || DatasetError::NoSuchRecord { path: self.path().into(), record, count: self.record_count() };
        found.ok_or_else(missing)
    }

    /// Every record in order, one at a time, in bounded memory; finishes the index first. `visit` breaks to stop.
    ///
    /// # Errors
    /// When the file cannot be read, or changed since it was opened.
    pub fn scan(&self, visit: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Result<(), DatasetError> {
        self.build_index(&mut |_| ControlFlow::Continue(()))?;
        self.visit(0..self.record_count(), visit)
    }

    /// As [`Self::scan`], with the lines as they are in the file.
    ///
    /// # Errors
    /// As [`Self::scan`].
    pub fn scan_lines(&self, visit: &mut dyn FnMut(&Line<'_>) -> ControlFlow<()>) -> Result<(), DatasetError> {
        self.build_index(&mut |_| ControlFlow::Continue(()))?;
        self.lines(0..self.record_count(), visit)
    }

    /// The lines of those records of a range that have been found, in order, as they are in the file. `visit` breaks to
    /// stop.
    ///
    /// # Errors
    /// When the file cannot be read, or changed since it was opened.
    pub fn lines(
        &self,
        range: Range<u32>,
        visit: &mut dyn FnMut(&Line<'_>) -> ControlFlow<()>,
    ) -> Result<(), DatasetError> {
        read::lines(&self.0.source, &self.0.index, range, &mut |raw| visit(&Line::new(raw, &self.0.caption_field)))
    }

    fn visit(&self, range: Range<u32>, visit: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Result<(), DatasetError> {
        read::lines(&self.0.source, &self.0.index, range, &mut |raw| visit(line::parse(&raw, &self.0.caption_field)))
    }

    /// The line of the file a record is on, counted from one with blank lines, as an editor shows it; 0 for a record
    /// not found (yet).
    #[must_use]
    pub fn line_number(&self, record: RecordId) -> u64 {
        let spans = self.0.index.spans(record.0..record.0.saturating_add(1));
        spans.first().map_or(0, |span| span.line)
    }

    /// Where the picture a record names is: joined to the dataset's folder, or to [`OpenOptions::images`].
    ///
    /// # Errors
    /// When the name leads out of the folder (judged by its spelling; links inside the folder are followed), or can
    /// not name a file.
    pub fn picture_path(&self, file_name: &str) -> Result<PathBuf, PathRefused> {
        match &self.0.images {
            Some(images) => picture::anywhere(images, file_name),
            None => picture::inside(&self.0.folder, file_name),
        }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.source.path()
    }

    /// The folder the file is in.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// What to call the dataset: its folder's name if the file is a `metadata.jsonl`, else the file's without extension.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The member that holds a record's caption.
    #[must_use]
    pub fn caption_field(&self) -> &str {
        &self.0.caption_field
    }

    /// What identifies the file as it was opened.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.0.source.stamp()
    }

    /// XXH3-128 of the file's bytes. The first call reads the whole file; later ones only see that it is still the same.
    ///
    /// # Errors
    /// When the file cannot be read, or changed since it was opened.
    pub fn content_hash(&self) -> Result<u128, DatasetError> {
        self.0.source.check()?;
        if let Some(hash) = self.0.hash.get() {
            return Ok(*hash);
        }
        let hash = self.0.source.hash()?;
        Ok(*self.0.hash.get_or_init(|| hash))
    }

    /// Looks at the whole file, in the background: which `file_name`s come more than once, and the content's hash.
    /// Finishes the index first. `keep_going` is asked every few thousand records; nothing is returned when it breaks.
    ///
    /// # Errors
    /// When the file cannot be read, or changed since it was opened.
    pub fn survey(&self, keep_going: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Option<Survey>, DatasetError> {
        survey::survey(self, keep_going)
    }

    /// Whether the file at [`Self::path`] is still the one that was opened, with its content.
    ///
    /// # Errors
    /// [`DatasetError::ChangedOnDisk`] when it is not.
    pub fn check_on_disk(&self) -> Result<(), DatasetError> {
        self.0.source.check()?;
        self.0.source.check_path()
    }

    /// A message about a line of the file, in the form editors and compilers use: `metadata.jsonl:41: …`.
    #[must_use]
    pub fn message(&self, line: u64, what: &dyn Display) -> String {
        let file = self.path().file_name().unwrap_or(self.path().as_os_str());
        format!("{}:{line}: {what}", file.display())
    }
}

fn name_of(path: &Path, folder: &Path) -> String {
    let own = || path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if path.file_name().is_some_and(|name| name == METADATA) {
        // The folder may be `.` or end in `..`, which have no name of their own.
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
        folder.file_name().map_or_else(own, |name| name.to_string_lossy().into_owned())
    } else {
        own()
    }
}

/// What tells files about the captions of one member from those of the others, after the dataset's own name in theirs:
/// nothing for [`CAPTION`]. Names that could lead elsewhere, or are too long for a file, are replaced by their hash.
#[must_use]
pub fn field_suffix(caption_field: &str) -> String {
    const LONGEST: usize = 100;
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    if caption_field == CAPTION {
        String::new()
    } else if caption_field.len() <= LONGEST && !caption_field.is_empty() && caption_field.chars().all(is_plain) {
        format!(".{caption_field}")
    } else {
        format!(".{:016x}", XxHash3_64::oneshot(caption_field.as_bytes()))
    }
}

#[cfg(test)]
mod tests;
