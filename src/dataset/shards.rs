//! Parquet files with a row for each image as a dataset: Hugging Face's shards, with the images inside or beside them.
//!
//! The lines are those of all shards in natural order, in a temporary file without a name, so that everything that reads a
//! dataset reads shards as well. They have no images: a column of images is read a value at a time, when its picture is
//! shown. Saving rewrites the column of captions instead of lines.

mod lines;
mod names;
mod save;
mod set;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::file_set::{FileSet, OpenFile, Starts};
use super::source::Bytes;
use super::{DatasetError, LeftOut, columns};
use crate::parquet_file::{Cell, OpenTable, TableColumn, TableError, is_text, is_text_list};
use lines::Lines;

pub(super) use names::Names;
pub(super) use names::hash as name_hash;
pub(super) use set::{Found, find, is_pattern};
pub use set::{has_shards, together};

/// The way out if a file is damaged.
const DAMAGED: &str = "download or write it again";

/// A Parquet file of the dataset.
#[derive(Debug)]
pub(super) struct Shard {
    opened: OpenFile,
    /// The column with the paths of the images, if it was named.
    file_column: Option<String>,
    /// The footer, once it has been read; or why it cannot be.
    table: OnceLock<Result<Arc<OpenTable>, String>>,
}

/// The shards of a dataset.
#[derive(Debug)]
pub(super) struct Shards {
    files: Vec<Shard>,
    /// The names of other files, and why they are no shards.
    left_out: Vec<(LeftOut, Vec<String>)>,
    /// The first is that of the lines.
    caption_fields: Vec<Arc<str>>,
    lines: OnceLock<Result<Lines, String>>,
}

impl Shard {
    fn open(path: PathBuf, file_column: Option<&str>) -> Result<Self, DatasetError> {
        let opened = OpenFile::open(path)?;
        Ok(Self { opened, file_column: file_column.map(str::to_owned), table: OnceLock::new() })
    }

    /// Returns the open table. The first call reads the footer.
    pub(super) fn table(&self, caption_fields: &[Arc<str>]) -> Result<&Arc<OpenTable>, &str> {
        let open = || {
            let file = self.opened.file.try_clone().map_err(|error| error.to_string())?;
            let open = OpenTable::of(file, self.file_column.as_deref()).map_err(|error| match error {
                TableError::Io(error) => error.to_string(),
                TableError::Wrong(why) => format!("{why}; {DAMAGED}"),
            })?;
            check_columns(&open, caption_fields, self.file_column.as_deref())?;
            let open = Arc::new(open);
            open.share(&self.opened.path);
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
            let path = shards.files.first().map_or_else(|| path.to_owned(), |shard| shard.opened.path.clone());
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

    /// Returns the lines if they have been read.
    fn known(&self) -> Option<&Lines> {
        self.lines.get()?.as_ref().ok()
    }
}

impl FileSet for Shards {
    fn files(&self) -> Vec<&OpenFile> {
        self.files.iter().map(|shard| &shard.opened).collect()
    }

    fn bytes(&self, path: &Path) -> Result<&Bytes, DatasetError> {
        self.lines(path).map(|lines| &lines.bytes)
    }

    fn starts(&self) -> Option<&Starts> {
        self.known().map(|lines| &lines.starts)
    }

    fn place_in(&self, _record: u32, row: u64) -> Option<String> {
        Some((row + 1).to_string())
    }

    fn has_images(&self) -> bool {
        self.known().is_some_and(|lines| lines.names.is_some())
    }

    fn picture(&self, path: &Path, name: &str) -> Option<PathBuf> {
        let lines = self.lines(path).ok()?;
        let (shard, row) = lines.starts.place(lines.names.as_ref()?.find(name)?)?;
        Some(Cell::path(&self.files.get(shard)?.opened.path, row))
    }

    fn left_out(&self) -> Vec<(LeftOut, u64, &[String])> {
        self.left_out.iter().map(|(reason, names)| (*reason, names.len() as u64, names.as_slice())).collect()
    }
}

#[cfg(test)]
mod tests;
