//! Parquet files with a row for each image as a dataset: Hugging Face's shards, with the images inside or beside them.
//!
//! The lines are those of all shards in natural order, in a temporary file without a name, so that everything that reads a
//! dataset reads shards as well. They have no images: a column of images is read a value at a time, when its picture is
//! shown. Saving rewrites the column of captions instead of lines.

mod lines;
mod names;
mod save;
mod set;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use twox_hash::xxhash3_128::Hasher;

use super::source::{Bytes, Change, Stamp};
use super::{DatasetError, LeftOut, columns};
use crate::parquet_file::{Cell, OpenTable, TableColumn, TableError, is_text, is_text_list};
use lines::Lines;

pub(super) use set::{Found, find, is_pattern};
pub use set::{has_shards, together};

/// The way out if a file is damaged.
const DAMAGED: &str = "download or write it again";

/// A Parquet file of the dataset.
#[derive(Debug)]
pub(super) struct Shard {
    pub(super) path: PathBuf,
    /// The open file.
    pub(super) file: File,
    pub(super) stamp: Stamp,
    /// The column with the paths of the images, if it was named.
    file_column: Option<String>,
    /// The footer, once it has been read; or why it cannot be.
    table: OnceLock<Result<Arc<OpenTable>, String>>,
}

/// The shards of a dataset.
#[derive(Debug)]
pub(super) struct Shards {
    pub(super) files: Vec<Shard>,
    /// The names of other files, and why they are no shards.
    pub(super) left_out: Vec<(LeftOut, Vec<String>)>,
    /// The first is that of the lines.
    caption_fields: Vec<Arc<str>>,
    lines: OnceLock<Result<Lines, String>>,
}

impl Shard {
    fn open(path: PathBuf, file_column: Option<&str>) -> Result<Self, DatasetError> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DatasetError::NotFound { path: path.clone() },
            _ => DatasetError::Io { path: path.clone(), source },
        };
        // Checked before opening, because opening a named pipe blocks until its other end is opened.
        if !std::fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(DatasetError::NotAFile { path });
        }
        let file = File::open(&path).map_err(failed)?;
        let stamp = Stamp::from(&file.metadata().map_err(failed)?);
        Ok(Self { path, file, stamp, file_column: file_column.map(str::to_owned), table: OnceLock::new() })
    }

    /// Returns the file name.
    pub(super) fn name(&self) -> String {
        self.path.file_name().unwrap_or(self.path.as_os_str()).to_string_lossy().into_owned()
    }

    /// Returns the open table. The first call reads the footer.
    pub(super) fn table(&self, caption_fields: &[Arc<str>]) -> Result<&Arc<OpenTable>, &str> {
        let open = || {
            let file = self.file.try_clone().map_err(|error| error.to_string())?;
            let open = OpenTable::of(file, self.file_column.as_deref()).map_err(|error| match error {
                TableError::Io(error) => error.to_string(),
                TableError::Wrong(why) => format!("{why}; {DAMAGED}"),
            })?;
            check_columns(&open, caption_fields, self.file_column.as_deref())?;
            let open = Arc::new(open);
            open.share(&self.path);
            Ok(open)
        };
        self.table.get_or_init(open).as_ref().map_err(String::as_str)
    }
}

/// Checks that a table has images or their paths, and the columns of captions.
fn check_columns(open: &OpenTable, caption_fields: &[Arc<str>], file_column: Option<&str>) -> Result<(), String> {
    open.table.check_compression()?;
    let columns = open.table.columns();
    let mut names: Vec<&str> = columns.iter().map(|column| column.field.name()).collect();
    for caption_field in caption_fields {
        let Some(caption) = columns.iter().find(|column| column.field.name() == &**caption_field) else {
            let missing = || {
                format!(
                    "no column \"{caption_field}\"; name the column with the captions with --caption-field (found {})",
                    columns::list(&names)
                )
            };
            return Err(columns::caption_note(&names, caption_field).unwrap_or_else(missing));
        };
        // The JSON of a date is a string, which an edit would replace by a text.
        if caption.field.is_primitive() && !is_text(&caption.field) && !is_text_list(&caption.field) {
            return Err(format!("column \"{caption_field}\" has no strings; name another one with --caption-field"));
        }
    }
    if let Some(name) = file_column.filter(|_| open.roles.path_column.is_none()) {
        return Err(format!("no column \"{name}\" with strings (found {})", columns::list(&names)));
    }
    if open.roles.images.is_none() && open.roles.paths.is_none() {
        names.retain(|name| !caption_fields.iter().any(|field| &**field == *name));
        return columns::check(&names);
    }
    Ok(())
}

impl Shards {
    /// Opens the files. Reads the footer of the first.
    pub(super) fn open(
        paths: Vec<PathBuf>,
        left_out: Vec<(LeftOut, Vec<String>)>,
        path: &Path,
        caption_fields: &[Arc<str>],
        file_column: Option<&str>,
    ) -> Result<Self, DatasetError> {
        let open = |path| Shard::open(path, file_column);
        let files = paths.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        let shards = Self { files, left_out, caption_fields: caption_fields.to_vec(), lines: OnceLock::new() };
        // Of several, one that cannot be read is a record that says so.
        let is_one = shards.files.len() == 1;
        if let Some(Err(why)) = shards.files.first().map(|shard| shard.table(caption_fields))
            && (is_one || shards.files[1].table(caption_fields).is_err())
        {
            let path = shards.files.first().map_or_else(|| path.to_owned(), |shard| shard.path.clone());
            return Err(DatasetError::Table { path, why: why.to_owned() });
        }
        Ok(shards)
    }

    /// Returns true if the captions are lists of texts, in the first shard that can be read.
    pub(super) fn has_lists(&self) -> bool {
        let table = self.files.iter().find_map(|shard| shard.table(&self.caption_fields).ok());
        let is_list = |column: &TableColumn| self.is_caption(column) && is_text_list(&column.field);
        table.is_some_and(|open| open.table.columns().iter().any(is_list))
    }

    fn is_caption(&self, column: &TableColumn) -> bool {
        self.caption_fields.iter().any(|field| &**field == column.field.name())
    }

    /// Returns the lines. Reads the shards except for their images, or waits for another thread to do it.
    fn lines(&self, path: &Path) -> Result<&Lines, DatasetError> {
        let failed = |why: &String| DatasetError::Table { path: path.to_owned(), why: why.clone() };
        let read = || Lines::read(&self.files, &self.caption_fields).map_err(|error| error.to_string());
        self.lines.get_or_init(read).as_ref().map_err(failed)
    }

    /// Returns the file with the lines.
    pub(super) fn bytes(&self, path: &Path) -> Result<&Bytes, DatasetError> {
        self.lines(path).map(|lines| &lines.bytes)
    }

    /// Returns the lines if they have been read.
    fn known(&self) -> Option<&Lines> {
        self.lines.get()?.as_ref().ok()
    }

    /// Returns the stamp of the file, or of all.
    pub(super) fn stamp(&self) -> Stamp {
        if let [only] = self.files.as_slice() {
            return only.stamp;
        }
        let mut hasher = Hasher::new();
        for shard in &self.files {
            hasher.write(format!("{}\0{}\n", shard.name(), shard.stamp).as_bytes());
        }
        let hash = hasher.finish_128();
        #[expect(clippy::cast_possible_truncation, reason = "the halves of the hash")]
        let (low, high) = (hash as u64, (hash >> 64) as u64);
        let len = self.files.iter().map(|shard| shard.stamp.len).sum();
        Stamp { len, modified_ns: low.cast_signed(), device: 0, inode: high }
    }

    /// Returns the records of a shard.
    pub(super) fn records(&self, path: &Path, shard: usize) -> Result<Range<u32>, DatasetError> {
        self.lines(path).map(|lines| lines.records(shard))
    }

    /// Checks that the open files still have the content they were opened with.
    pub(super) fn check(&self) -> Result<(), DatasetError> {
        self.files.iter().try_for_each(Shard::check)
    }

    /// Checks that the paths still refer to the open files.
    pub(super) fn check_paths(&self) -> Result<(), DatasetError> {
        self.files.iter().try_for_each(Shard::check_path)
    }

    /// Returns the hash of the content, except for the images: of one file as [`hash_of`](super::hash_of) returns it.
    pub(super) fn hash(&self) -> Result<u128, DatasetError> {
        let mut hashes = Vec::with_capacity(self.files.len());
        for shard in &self.files {
            let failed = |source| DatasetError::Io { path: shard.path.clone(), source };
            hashes.push(super::save::hash_of_file(&shard.file).map_err(failed)?);
        }
        self.check()?;
        Ok(together_hash(&hashes))
    }

    /// Returns the place of a line for messages: the shard and the row, from one.
    pub(super) fn place(&self, line: u64) -> Option<String> {
        let record = u32::try_from(line.checked_sub(1)?).ok()?;
        let (shard, row) = self.known()?.place(record)?;
        Some(format!("{}:{}", self.files.get(shard)?.name(), row + 1))
    }

    /// Returns true if the lines have been read and there are images in the files, rather than paths only.
    pub(super) fn has_images(&self) -> bool {
        self.known().is_some_and(|lines| lines.names.is_some())
    }

    /// Returns the path of the picture in the row that has this name; `None` if pictures are files, or this one is.
    pub(super) fn picture(&self, path: &Path, name: &str) -> Option<PathBuf> {
        let lines = self.lines(path).ok()?;
        let (shard, row) = lines.place(lines.names.as_ref()?.find(name)?)?;
        Some(Cell::path(&self.files.get(shard)?.path, row))
    }
}

impl Shard {
    fn check(&self) -> Result<(), DatasetError> {
        let failed = |source| DatasetError::Io { path: self.path.clone(), source };
        let changed = |change| Err(DatasetError::ChangedOnDisk { path: self.path.clone(), change });
        let now = Stamp::from(&self.file.metadata().map_err(failed)?);
        match now.len.cmp(&self.stamp.len) {
            std::cmp::Ordering::Less => changed(Change::Shorter),
            std::cmp::Ordering::Greater => changed(Change::Longer),
            std::cmp::Ordering::Equal if now.modified_ns != self.stamp.modified_ns => changed(Change::Written),
            std::cmp::Ordering::Equal => Ok(()),
        }
    }

    fn check_path(&self) -> Result<(), DatasetError> {
        let changed = |change| Err(DatasetError::ChangedOnDisk { path: self.path.clone(), change });
        match Stamp::of(&self.path) {
            Ok(now) if now.is_same_file(&self.stamp) => Ok(()),
            Ok(_) => changed(Change::Replaced),
            Err(error) if error.kind() == io::ErrorKind::NotFound => changed(Change::Removed),
            Err(source) => Err(DatasetError::Io { path: self.path.clone(), source }),
        }
    }
}

/// Returns the hash of a set from those of its files.
pub(super) fn together_hash(hashes: &[u128]) -> u128 {
    if let [only] = hashes {
        return *only;
    }
    let mut whole = Hasher::new();
    for one in hashes {
        whole.write(&one.to_le_bytes());
    }
    whole.finish_128()
}

#[cfg(test)]
mod tests;
