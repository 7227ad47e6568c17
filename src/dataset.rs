//! The dataset: a JSON Lines file or a CSV table and the images it names, or a folder of images with captions in text
//! files beside them; read on demand.
//!
//! Opening reads nothing. [`Dataset::build_index`] finds the lines in the background and publishes them as it goes.
//! Records are read by position and parsed on demand. [`save`] writes a new file with changed captions.

mod archives;
mod caption_map;
mod fields;
mod file_kind;
mod file_set;
mod folder;
mod format;
mod index;
mod line;
mod matching;
mod objects;
mod parallel_scan;
mod picture;
mod read;
mod rewrite;
mod save;
mod shards;
mod siblings;
mod sidecars;
mod source;
mod survey;
mod table;

use std::borrow::Cow;
use std::fmt::Display;
use std::io;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use twox_hash::XxHash3_64;

pub use fields::{Decoded, Json};
pub(crate) use file_kind::TEXTS;
pub use file_kind::{FileKind, METADATA_FILES};
pub use folder::{FolderImage, FolderScan, FolderText, LeftOut, TextKinds};
pub use format::Foreign;
pub use index::Progress;
pub use line::{BadLine, Caption, Entry, JsonKind, LineError, LineFinding, MAX_LINE_BYTES, OtherCaption, Record};
pub use matching::{Match, Sought, match_namesakes};
pub use picture::PathRefused;
pub use rewrite::{Line, with_file_name};
pub use save::{
    Amendment, Backup, ConflictKind, Expected, PreparedSave, SaveError, SaveOptions, SaveReport, backups, hash_of,
    hash_of_set, prepare_shard, save, save_shard,
};
pub use shards::{has_shards, together};
pub use siblings::Sibling;
pub use sidecars::{SidecarError, SidecarReport, SidecarSave, save_sidecars};
pub use source::{Change, Stamp};
pub use survey::{Namesakes, Occurrences, Shared, Survey};
pub use table::{RowError, Rows, TableError, columns};

use crate::{parquet_file, tar_file};
use archives::Archives;
pub(crate) use caption_map::CAPTIONS;
use file_set::FileSet;
use folder::Extent;
use index::Index;
use read::CaptionForm;
pub(crate) use table::utf16;

use shards::{Found, Shards};
use siblings::{Form, Siblings};
use sidecars::{FolderLines, Sidecars};
use source::Source;

/// The file that makes a folder a dataset, named as in Hugging Face's `imagefolder`.
const METADATA: &str = "metadata.jsonl";
/// The table that makes a folder a dataset, if there is no [`METADATA`].
const TABLE: &str = "metadata.csv";
/// The field that names a record's image.
pub(crate) const FILE_NAME: &str = "file_name";
/// The default caption field.
pub const CAPTION: &str = "text";

/// Position of a record in its dataset, from zero. Blank lines are not records; lines that cannot be parsed are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u32);

impl RecordId {
    /// The position as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenOptions {
    pub caption_field: String,
    /// The folder that image paths are resolved against, the dataset's own by default. If given, absolute paths and `..`
    /// are allowed too.
    pub images: Option<PathBuf>,
    /// The extension of the text files with the captions in a folder of images, by default `.txt` and `.caption`. Several
    /// (`txt,short.txt`) are several captions of each image.
    pub sidecar_extension: Option<String>,
    /// Search a folder of images also if it is hardly meant.
    pub any_folder: bool,
    /// The column of a table or a Parquet file with the paths of the images, by default `file_name`.
    pub file_column: Option<String>,
}

impl Default for OpenOptions {
    fn default() -> Self {
        Self {
            caption_field: CAPTION.into(),
            images: None,
            sidecar_extension: None,
            any_folder: false,
            file_column: None,
        }
    }
}

/// Why a dataset could not be opened or read.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error("{path}: no such file or folder")]
    NotFound { path: PathBuf },
    #[error("{folder}: neither {METADATA} nor images in this folder; give the path of the .jsonl file")]
    NoMetadata { folder: PathBuf },
    #[error("{folder}: not searched for images: {what}; name a folder in it, or agree with --any-folder")]
    TooBroad { folder: PathBuf, what: String },
    /// A pipe or a device.
    #[error("{path}: not a regular file; datasets need random access, so write it to a file first")]
    NotAFile { path: PathBuf },
    #[error("{path}: {why}")]
    Several { path: PathBuf, why: &'static str },
    #[error("{path}: no file matches this pattern")]
    NoShards { path: PathBuf },
    /// A CSV or TSV table or a Parquet file that cannot be read.
    #[error("{path}: {why}")]
    Table { path: PathBuf, why: String },
    #[error("{path}: {found}")]
    Foreign { path: PathBuf, found: Foreign },
    /// More records than a [`RecordId`] can count, or more bytes than the index can hold.
    #[error("{path}: too large; split it (at most 4 294 967 295 records in 256 TiB)")]
    TooLarge { path: PathBuf },
    /// Saving would change which image a record names.
    #[error("the caption field cannot be \"{FILE_NAME}\"; give the field that holds the caption")]
    CaptionFieldIsFileName,
    #[error("--caption-field {names}: give different names, separated by commas")]
    CaptionFields { names: String },
    #[error(
        "{path}: several caption fields are supported in JSON Lines, CSV and Parquet files only; name one of them with --caption-field (several text files an image: --sidecar-ext txt,short.txt)"
    )]
    SeveralFields { path: PathBuf },
    #[error("{path}: --file-column is for .csv, .tsv and .parquet files")]
    FileColumn { path: PathBuf },
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
    /// Positions in the file are no longer valid.
    #[error(
        "{path}: changed on disk since it was opened ({change}); open it again (in the reviewer with :reopen), which keeps all decisions"
    )]
    ChangedOnDisk { path: PathBuf, change: Change },
    /// A position past the records indexed so far.
    #[error("{path}: no record {}; {count} are indexed", record.0)]
    NoSuchRecord { path: PathBuf, record: RecordId, count: u32 },
}

/// Returns true if a folder has an image, by the extension, among its first entries.
#[must_use]
pub fn has_images(folder: &Path) -> bool {
    /// Enough to pass the files of other programs, few enough for a slow network mount.
    const MOST: usize = 1_000;
    let entries = std::fs::read_dir(folder).into_iter().flatten().take(MOST);
    entries.flatten().any(|entry| FileKind::of(&entry.file_name()) == FileKind::Image)
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
    captions: CaptionForm,
    /// XXH3-128 of the content, once the whole file has been read.
    hash: OnceLock<u128>,
}

impl Dataset {
    /// Opens `path`: a JSON Lines file, a CSV or TSV table, a Parquet file or a pattern of several, or a folder with a
    /// metadata file, of Parquet files, or of images. Of a file, only the first kilobytes or the footer are read. A folder
    /// of images is scanned, and a table read, when its records are first needed.
    ///
    /// # Errors
    /// Returns an error if there is no such file, it is not a regular file, it has another format, or the folder has no
    /// images.
    pub fn open(path: &Path, options: &OpenOptions) -> Result<Self, DatasetError> {
        if options.caption_field == FILE_NAME {
            return Err(DatasetError::CaptionFieldIsFileName);
        }
        let Some(names) = siblings::field_names(&options.caption_field)? else {
            let images = Self::open_images(path, options, &[options.caption_field.as_str().into()])?;
            return if images.has_lists()? { Ok(Self::of_siblings(images, Form::List, options)) } else { Ok(images) };
        };
        let options = &OpenOptions { caption_field: names.join(","), ..options.clone() };
        let first = names.first().map_or(CAPTION, |name| &**name).to_owned();
        let images = Self::open_images(path, &OpenOptions { caption_field: first, ..options.clone() }, &names)?;
        if images.is_folder() || images.is_map() || images.is_archive() {
            return Err(DatasetError::SeveralFields { path: path.to_owned() });
        }
        if let Some(table) = images.0.source.table() {
            table.check_columns(images.path(), &names)?;
        }
        Ok(Self::of_siblings(images, Form::Fields(names), options))
    }

    fn of_siblings(images: Self, form: Form, options: &OpenOptions) -> Self {
        let folder = images.0.folder.clone();
        let siblings = Siblings::new(images, form, options.caption_field.clone());
        Self::new(Source::of_siblings(siblings), Index::of_lines(), folder, options)
    }

    /// Returns true if the captions are lists of texts.
    fn has_lists(&self) -> Result<bool, DatasetError> {
        if self.is_folder() || self.is_table() || self.is_archive() {
            return Ok(false);
        }
        if let Some(shards) = self.0.source.shards() {
            return Ok(shards.has_lists());
        }
        if self.is_map() {
            return Ok(true);
        }
        siblings::are_lists(&self.0.source, self.0.index.layout(), self.caption_field())
    }

    /// Opens a dataset in which an image is one record. Of the fields of its captions, the first is that of `options`.
    fn open_images(path: &Path, options: &OpenOptions, fields: &[Arc<str>]) -> Result<Self, DatasetError> {
        let path = if path.is_dir() {
            // Who names the text files wants those.
            if options.sidecar_extension.is_some() {
                return Self::open_text_files(path, options);
            }
            let metadata = [METADATA, TABLE].map(|name| path.join(name)).into_iter().find(|file| file.exists());
            let captions = path.join(CAPTIONS);
            match metadata {
                Some(file) => file,
                None if is_caption_map(&captions)? => captions,
                None => return Self::open_folder(path, options, fields),
            }
        } else if shards::is_pattern(path) {
            let failed = |source| DatasetError::Io { path: path.to_owned(), source };
            let (path, found) =
                shards::find(path).map_err(failed)?.ok_or_else(|| DatasetError::NoShards { path: path.to_owned() })?;
            return Self::open_shards(path, found, options, fields);
        } else if parquet_file::is_parquet(path) || tar_file::is_tar(path) {
            let found = Found { shards: vec![path.to_owned()], left_out: Vec::new() };
            return Self::open_shards(path.to_owned(), found, options, fields);
        } else {
            path.into()
        };
        let is_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
        let source = match () {
            () if is_table(&path) => Source::open_table(path, &options.caption_field, options.file_column.as_deref())?,
            () if options.file_column.is_some() => return Err(DatasetError::FileColumn { path }),
            () if is_json && is_caption_map(&path)? => Source::open_map(path, &options.caption_field)?,
            () => Source::open(path)?,
        };
        let folder = match source.path().parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let has_lines = source.table().is_some() || source.map().is_some();
        if has_lines {
            return Ok(Self::new(source, Index::of_lines(), folder, options));
        }
        let index = Index::new(&source)?;
        let are_objects = siblings::are_objects(&source, index.layout(), &options.caption_field)?;
        let captions = if are_objects { CaptionForm::Object } else { CaptionForm::Text };
        Ok(Self::with_captions_in(captions, source, index, folder, options))
    }

    fn open_folder(folder: &Path, options: &OpenOptions, fields: &[Arc<str>]) -> Result<Self, DatasetError> {
        let failed = |source| DatasetError::Io { path: folder.to_owned(), source };
        if let Some(metadata) = METADATA_FILES.map(|name| folder.join(name)).into_iter().find(|file| file.exists()) {
            return Self::open_images(&metadata, options, fields);
        }
        if too_broad(folder).is_none()
            && !has_images(folder)
            && let Some((path, found)) = shards::find(folder).map_err(failed)?
        {
            return Self::open_shards(path, found, options, fields);
        }
        Self::open_text_files(folder, options)
    }

    /// Opens a folder of images with captions in text files.
    fn open_text_files(folder: &Path, options: &OpenOptions) -> Result<Self, DatasetError> {
        let failed = |source| DatasetError::Io { path: folder.to_owned(), source };
        if options.file_column.is_some() {
            return Err(DatasetError::FileColumn { path: folder.to_owned() });
        }
        let broad = |what| DatasetError::TooBroad { folder: folder.to_owned(), what };
        if !options.any_folder {
            too_broad(folder).map_or(Ok(()), |what| Err(broad(what.to_owned())))?;
        }
        match folder::extent(folder).map_err(failed)? {
            Extent::NoImages => return Err(DatasetError::NoMetadata { folder: folder.to_owned() }),
            Extent::Few { images, files } if !options.any_folder => {
                return Err(broad(format!("{images} of its first {files} files are images")));
            }
            Extent::Few { .. } | Extent::Images => {}
        }
        let kinds = TextKinds::of(options.sidecar_extension.as_deref());
        let lines = FolderLines::new(kinds, options.caption_field.clone());
        let source = Source::of_folder(folder.to_owned(), lines);
        Ok(Self::new(source, Index::of_lines(), folder.to_owned(), options))
    }

    fn open_shards(
        path: PathBuf,
        Found { shards, left_out }: Found,
        options: &OpenOptions,
        fields: &[Arc<str>],
    ) -> Result<Self, DatasetError> {
        let folder = match path.parent() {
            _ if path.is_dir() => path.clone(),
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        let source = if shards.first().is_some_and(|shard| tar_file::is_tar(shard)) {
            Source::of_archives(path.clone(), Archives::open(shards, left_out, &path, options)?)
        } else {
            let shards = Shards::open(shards, left_out, &path, fields, options.file_column.as_deref())?;
            Source::of_shards(path, shards)
        };
        Ok(Self::new(source, Index::of_lines(), folder, options))
    }

    fn new(source: Source, index: Index, folder: PathBuf, options: &OpenOptions) -> Self {
        let captions = if source.shards().is_some() { CaptionForm::Typed } else { CaptionForm::Text };
        Self::with_captions_in(captions, source, index, folder, options)
    }

    fn with_captions_in(
        captions: CaptionForm,
        source: Source,
        index: Index,
        folder: PathBuf,
        options: &OpenOptions,
    ) -> Self {
        Self(Arc::new(Inner {
            name: name_of(source.path(), &folder),
            source,
            index,
            folder,
            images: options.images.clone(),
            caption_field: options.caption_field.clone(),
            captions,
            hash: OnceLock::new(),
        }))
    }

    /// Returns true if it is a folder of images with sidecars, rather than a JSON Lines file.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.0.source.folder().is_some()
    }

    /// Returns true if it is a CSV or TSV table.
    #[must_use]
    pub fn is_table(&self) -> bool {
        self.0.source.table().is_some()
    }

    /// Returns true if it is a JSON object with the captions of each image.
    #[must_use]
    pub fn is_map(&self) -> bool {
        self.0.source.map().is_some()
    }

    /// Returns true if it is one or several Parquet files.
    #[must_use]
    pub fn is_parquet(&self) -> bool {
        self.0.source.shards().is_some()
    }

    /// Returns true if it is one or several tar archives.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        self.0.source.archives().is_some()
    }

    /// Returns true if it is indexed, and its images are in Parquet files or tar archives.
    #[must_use]
    pub fn has_images_inside(&self) -> bool {
        self.0.source.file_set().is_some_and(FileSet::has_images)
    }

    /// Returns the files with the records: those of a dataset of Parquet files or archives, else [`Self::path`].
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let files = self.0.source.file_set().map(FileSet::files).unwrap_or_default();
        let files: Vec<PathBuf> = files.into_iter().map(|file| file.path.clone()).collect();
        if files.is_empty() { vec![self.path().to_owned()] } else { files }
    }

    /// Returns the records of a shard, which is one of [`Self::files`], and its stamp as it was opened.
    ///
    /// # Errors
    /// Returns an error if the shards cannot be read.
    pub fn shard(&self, shard: usize) -> Result<(Range<u32>, Stamp), DatasetError> {
        if let Some(siblings) = self.0.source.siblings() {
            return siblings.shard(shard);
        }
        let all = || Ok((0..self.record_count(), self.stamp()));
        let Some(set) = self.0.source.file_set() else { return all() };
        let Some(stamp) = set.files().get(shard).map(|file| file.stamp) else { return all() };
        Ok((set.records(self.path(), shard)?, stamp))
    }

    /// Returns the sidecars of a folder that has been scanned.
    fn sidecars(&self) -> Option<&Sidecars> {
        Some(&self.0.source.folder()?.known()?.sidecars)
    }

    /// Returns the files and folders in a folder of images or shards that are not in the dataset: for each reason the
    /// number, and the first names. There are none before the folder is scanned, which [`Self::build_index`] does.
    pub fn left_out(&self) -> impl Iterator<Item = (LeftOut, u64, &[String])> {
        let of_set = self.0.source.file_set().map(FileSet::left_out).unwrap_or_default();
        let beside_map = self.0.source.map().into_iter().flat_map(caption_map::CaptionMap::left_out);
        self.sidecars().into_iter().flat_map(Sidecars::left_out).chain(of_set).chain(beside_map)
    }

    /// Finds the lines of the file, on the caller's thread. `progress` is called soon after the first records can be
    /// read, then every few megabytes. If it breaks, indexing stops, and a later call resumes it. Returns at once if the
    /// index is complete. Blocks while another thread builds it, so `progress` must not call this again.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, changed since it was opened, or is too large.
    pub fn build_index(&self, progress: &mut dyn FnMut(Progress) -> ControlFlow<()>) -> Result<Progress, DatasetError> {
        self.0.index.build(&self.0.source, progress)
    }

    /// Returns the number of records indexed so far: all of them if [`Self::is_indexed`].
    #[must_use]
    pub fn record_count(&self) -> u32 {
        self.0.index.count()
    }

    /// Returns true if the whole file is indexed.
    #[must_use]
    pub fn is_indexed(&self) -> bool {
        self.0.index.is_complete()
    }

    /// Reads one record.
    ///
    /// # Errors
    /// Returns an error if there is no such record (yet), the file cannot be read, or it changed since it was opened.
    pub fn entry(&self, record: RecordId) -> Result<Entry, DatasetError> {
        self.entry_and_line(record).map(|(entry, _)| entry)
    }

    /// Reads one record, and returns it with its line, in which invalid UTF-8 is replaced by U+FFFD.
    ///
    /// # Errors
    /// See [`Self::entry`].
    pub fn entry_and_line(&self, record: RecordId) -> Result<(Entry, String), DatasetError> {
        let mut found = None;
        let range = record.0..record.0.saturating_add(1);
        read::lines(&self.0.source, (&self.0.index, self.0.captions), range, &mut |raw| {
            let line = String::from_utf8_lossy(raw.bytes).into_owned();
            found = Some((line::parse(&raw, &self.0.caption_field), line));
            ControlFlow::Continue(())
        })?;
        let missing = || DatasetError::NoSuchRecord { path: self.path().into(), record, count: self.record_count() };
        found.ok_or_else(missing)
    }

    /// Visits every record in file order, in bounded memory. Completes the index first. `visit` breaks to stop.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or changed since it was opened.
    pub fn scan(&self, visit: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Result<(), DatasetError> {
        self.build_index(&mut |_| ControlFlow::Continue(()))?;
        self.visit(0..self.record_count(), visit)
    }

    /// Visits every record's unparsed line; otherwise like [`Self::scan`].
    ///
    /// # Errors
    /// See [`Self::scan`].
    pub fn scan_lines(&self, visit: &mut dyn FnMut(&Line<'_>) -> ControlFlow<()>) -> Result<(), DatasetError> {
        self.build_index(&mut |_| ControlFlow::Continue(()))?;
        self.lines(0..self.record_count(), visit)
    }

    /// Visits the unparsed lines of those records of a range that are indexed, in order. `visit` breaks to stop.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or changed since it was opened.
    pub fn lines(
        &self,
        range: Range<u32>,
        visit: &mut dyn FnMut(&Line<'_>) -> ControlFlow<()>,
    ) -> Result<(), DatasetError> {
        read::lines(&self.0.source, (&self.0.index, self.0.captions), range, &mut |raw| {
            visit(&Line::new(raw, &self.0.caption_field))
        })
    }

    fn visit(&self, range: Range<u32>, visit: &mut dyn FnMut(Entry) -> ControlFlow<()>) -> Result<(), DatasetError> {
        read::lines(&self.0.source, (&self.0.index, self.0.captions), range, &mut |raw| {
            visit(line::parse(&raw, &self.0.caption_field))
        })
    }

    /// Returns the records that have the image of a record because it has several captions, itself included. Only itself
    /// before the dataset is indexed.
    #[must_use]
    pub fn siblings(&self, record: RecordId) -> Range<u32> {
        if let Some(siblings) = self.0.source.siblings() {
            return siblings.of(record).unwrap_or(record.0..record.0.saturating_add(1));
        }
        let (number, of) = self.0.source.place(record).1.map_or((0, 1), |sibling| (sibling.number, sibling.of));
        let first = record.0 - number;
        first..first.saturating_add(of)
    }

    /// Returns the caption fields if there are several; none if there is one.
    #[must_use]
    pub fn caption_fields(&self) -> &[Arc<str>] {
        self.0.source.siblings().map_or(&[], Siblings::fields)
    }

    /// Returns the names of the captions of an image, if they are in several fields or text files; none otherwise.
    #[must_use]
    pub fn caption_names(&self) -> Vec<Arc<str>> {
        let of_folder = self.0.source.folder().map(FolderLines::names).unwrap_or_default();
        if of_folder.is_empty() { self.caption_fields().to_vec() } else { of_folder }
    }

    /// Returns the dataset in which an image with several captions is one record, if they are in one line.
    #[must_use]
    pub fn by_image(&self) -> Option<&Self> {
        self.0.source.siblings().map(|siblings| &siblings.images)
    }

    /// Returns a line of [`Self::by_image`] with the captions of `amendments`, which are of records of that image.
    #[must_use]
    pub fn with_captions<'a>(&self, line: &Line<'a>, amendments: Vec<(RecordId, String)>) -> Cow<'a, [u8]> {
        let first = |record: RecordId| self.siblings(record).start;
        let siblings = self.0.source.siblings();
        let slot = |record: RecordId| Some(siblings?.slot(record.0 - first(record)));
        let captions = amendments.into_iter().filter_map(|(record, text)| Some((slot(record)?, text)));
        save::with_captions(line, &captions.collect::<Vec<_>>())
    }

    /// Returns true if an image can have several captions, each of which is a record.
    #[must_use]
    pub fn has_siblings(&self) -> bool {
        self.0.source.siblings().is_some() || self.0.source.place(RecordId(0)).1.is_some()
    }

    /// Returns the line number of a record, as an editor shows it: from one, blank lines included. Returns 0 if the
    /// record is not indexed (yet).
    #[must_use]
    pub fn line_number(&self, record: RecordId) -> u64 {
        if let Some(siblings) = self.0.source.siblings() {
            return siblings.place(record).map_or(0, |(line, _)| line);
        }
        let spans = self.0.index.spans(record.0..record.0.saturating_add(1));
        spans.first().map_or(0, |span| span.line)
    }

    /// Resolves the image a record names against the dataset's folder, or [`OpenOptions::images`].
    ///
    /// # Errors
    /// Returns an error if the path leaves the folder (by its spelling; symlinks in the folder are followed), or cannot
    /// name a file.
    pub fn picture_path(&self, file_name: &str) -> Result<PathBuf, PathRefused> {
        if let Some(picture) = self.0.source.file_set().and_then(|set| set.picture(self.path(), file_name)) {
            return Ok(picture);
        }
        self.file_path(file_name)
    }

    /// Returns the path of the file that a record names, also if its image is in a Parquet file.
    ///
    /// # Errors
    /// See [`Self::picture_path`].
    pub fn file_path(&self, file_name: &str) -> Result<PathBuf, PathRefused> {
        match &self.0.images {
            Some(images) => picture::anywhere(images, file_name),
            None => picture::inside(&self.0.folder, file_name),
        }
    }

    /// Returns the path of the file, or of the folder of images.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.source.path()
    }

    /// Returns a path beside the file, or in the folder of images, with this text after its name.
    #[must_use]
    pub fn beside(&self, suffix: &str) -> PathBuf {
        let stem = if self.path() == self.folder() {
            self.name().into()
        } else {
            self.path().file_stem().unwrap_or_default().to_string_lossy()
        };
        self.folder().join(format!("{stem}{suffix}"))
    }

    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// Returns the display name: the folder's if the file is a `metadata.jsonl`, otherwise the file's stem.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    #[must_use]
    pub fn caption_field(&self) -> &str {
        &self.0.caption_field
    }

    /// Returns the stamp of the file as it was opened.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        self.0.source.stamp()
    }

    /// Returns the XXH3-128 of the file's bytes. The first call reads the whole file; later ones only check that it is
    /// unchanged.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or changed since it was opened.
    pub fn content_hash(&self) -> Result<u128, DatasetError> {
        self.0.source.check()?;
        if let Some(hash) = self.0.hash.get() {
            return Ok(*hash);
        }
        let hash = self.0.source.hash()?;
        Ok(*self.0.hash.get_or_init(|| hash))
    }

    /// Scans the whole file for repeated `file_name`s and hashes it. Completes the index first. `keep_going` is called
    /// every few thousand records; returns `None` if it breaks.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or changed since it was opened.
    pub fn survey(&self, keep_going: &mut dyn FnMut() -> ControlFlow<()>) -> Result<Option<Survey>, DatasetError> {
        survey::survey(self, keep_going)
    }

    /// Checks that the file at [`Self::path`] is still the one that was opened, with the same content.
    ///
    /// # Errors
    /// Returns [`DatasetError::ChangedOnDisk`] if it is not.
    pub fn check_on_disk(&self) -> Result<(), DatasetError> {
        self.0.source.check()?;
        self.0.source.check_path()
    }

    /// Formats a message about a line as editors and compilers do: `metadata.jsonl:41: …`.
    #[must_use]
    pub fn message(&self, line: u64, what: &dyn Display) -> String {
        format!("{}: {what}", self.place(line))
    }

    /// Returns the place of a line for messages: `metadata.jsonl:41`, or the sidecar of that record.
    #[must_use]
    pub fn place(&self, line: u64) -> String {
        let record = u32::try_from(line.saturating_sub(1)).unwrap_or(u32::MAX);
        if let Some(sidecar) = self.sidecars().and_then(|sidecars| sidecars.path(RecordId(record))) {
            return sidecar.display().to_string();
        }
        if let Some(place) = self.0.source.file_set().and_then(|set| set.place(line)) {
            return place;
        }
        let file = self.path().file_name().unwrap_or(self.path().as_os_str());
        format!("{}:{line}", file.display())
    }
}

/// Returns true if the name is that of a CSV or TSV table.
fn is_table(path: &Path) -> bool {
    path.extension().is_some_and(|found| ["csv", "tsv"].iter().any(|table| found.eq_ignore_ascii_case(table)))
}

/// Returns true if a file has the captions of each image in an object.
fn is_caption_map(path: &Path) -> Result<bool, DatasetError> {
    caption_map::is_caption_map(path).map_err(|source| DatasetError::Io { path: path.to_owned(), source })
}

/// Returns what a folder is if searching it would take very long and is hardly meant.
fn too_broad(folder: &Path) -> Option<&'static str> {
    let folder = folder.canonicalize().ok()?;
    if folder.parent().is_none() {
        return Some("it is the root of the file system");
    }
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    (home.as_deref() == Some(&folder)).then_some("it is your home folder")
}

fn name_of(path: &Path, folder: &Path) -> String {
    let own = || path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    if path == folder || path.file_name().is_some_and(|name| name == METADATA || name == TABLE || name == CAPTIONS) {
        // `.` and paths that end in `..` have no file name.
        let folder = folder.canonicalize().unwrap_or_else(|_| folder.into());
        folder.file_name().map_or_else(own, |name| name.to_string_lossy().into_owned())
    } else {
        own()
    }
}

/// Returns the suffix that distinguishes the files (session, output) of one caption field from those of others: empty for
/// [`CAPTION`]. Field names that are unsafe or too long for a file name are replaced by their hash.
#[must_use]
pub fn field_suffix(caption_field: &str) -> String {
    const LONGEST: usize = 100;
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ',');
    if caption_field == CAPTION {
        String::new()
    } else if caption_field.len() <= LONGEST && !caption_field.is_empty() && caption_field.chars().all(is_plain) {
        format!(".{}", caption_field.replace(',', "+"))
    } else {
        format!(".{:016x}", XxHash3_64::oneshot(caption_field.as_bytes()))
    }
}

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
