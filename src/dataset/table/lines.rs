//! A CSV or TSV table as a dataset: its rows as JSON lines.
//!
//! The lines are in a temporary file without a name, each on the line number of its row, so that everything that reads a
//! dataset reads a table as well. Saving rewrites cells instead of lines.

use std::io::{self, BufWriter, Read, Write};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use serde_json::json;

use super::columns::Renames;
use super::{Rows, TableError, columns};
use crate::dataset::DatasetError;
use crate::dataset::line::LEFT_OUT;
use crate::dataset::source::{Bytes, Stamp, clamp_len};

/// The lines of a table, which is read when they are first needed.
#[derive(Debug)]
pub(in crate::dataset) struct TableLines {
    /// The open table.
    pub(super) table: Bytes,
    /// The names of the columns.
    pub(super) names: Vec<String>,
    /// The column with the captions.
    pub(super) caption: usize,
    /// The column with the paths of the images, if not `file_name`.
    file_column: Option<String>,
    lines: OnceLock<Result<Bytes, String>>,
}

impl TableLines {
    /// Reads the header.
    ///
    /// # Errors
    /// Returns an error if the table cannot be read, or lacks the column of captions or that of image paths.
    pub(in crate::dataset) fn open(
        path: &Path,
        table: Bytes,
        caption_field: &str,
        file_column: Option<&str>,
    ) -> Result<Self, DatasetError> {
        let failed = |error| failed(path, error);
        let rows = rows(&table, file_column).map_err(failed)?;
        let names: Vec<&str> = rows.names().iter().map(String::as_str).collect();
        let caption = names.iter().position(|name| *name == caption_field).ok_or_else(|| {
            let other = columns::caption_note(&names, caption_field);
            let missing = || {
                format!("no column \"{caption_field}\"; add it to the header, or name another one with --caption-field")
            };
            failed(TableError::Wrong(other.unwrap_or_else(missing)))
        })?;
        let names = rows.names().to_vec();
        let file_column = file_column.map(str::to_owned);
        Ok(Self { table, names, caption, file_column, lines: OnceLock::new() })
    }

    /// Reads the table from its beginning.
    pub(super) fn rows(&self) -> Result<Rows<BytesReader<'_>>, TableError> {
        rows(&self.table, self.file_column.as_deref())
    }

    /// Checks that there is a column for each of several captions.
    pub(in crate::dataset) fn check_columns(&self, path: &Path, captions: &[Arc<str>]) -> Result<(), DatasetError> {
        let missing = captions.iter().find(|name| !self.names.iter().any(|column| column == &***name));
        let Some(name) = missing else { return Ok(()) };
        let why = format!("no column \"{name}\"; add it to the header, or name others with --caption-field");
        Err(failed(path, TableError::Wrong(why)))
    }

    /// Returns the open table.
    pub(in crate::dataset) const fn table(&self) -> &Bytes {
        &self.table
    }

    /// Returns the lines. Reads the table, or waits for another thread to do it.
    pub(in crate::dataset) fn lines(&self, path: &Path) -> Result<&Bytes, DatasetError> {
        let wrong = |why: &String| DatasetError::Table { path: path.to_owned(), why: why.clone() };
        self.lines.get_or_init(|| self.read().map_err(|error| error.to_string())).as_ref().map_err(wrong)
    }

    fn read(&self) -> Result<Bytes, TableError> {
        let mut rows = self.rows()?;
        let names: Vec<String> = rows.names().iter().map(|name| json!(name).to_string()).collect();
        let mut out = BufWriter::new(tempfile::tempfile()?);
        let mut line = 1;
        while let Some(row) = rows.read()? {
            for _ in line..row.line {
                out.write_all(b"\n")?;
            }
            line = line.max(row.line) + 1;
            match row.cells {
                Ok(cells) => {
                    let mut separator = "{";
                    for (name, cell) in names.iter().zip(cells) {
                        write!(out, "{separator}{name}: {}", json!(cell))?;
                        separator = ", ";
                    }
                    out.write_all(b"}\n")?;
                }
                // Without a file name, so that it is reported, and saved unchanged.
                Err(reason) => writeln!(out, "{}", json!({ LEFT_OUT: reason.to_string() }))?,
            }
        }
        let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
        let stamp = Stamp::from(&file.metadata()?);
        Ok(Bytes::new(file, stamp))
    }
}

fn rows<'a>(table: &'a Bytes, file_column: Option<&str>) -> Result<Rows<BytesReader<'a>>, TableError> {
    Rows::open_renamed(table.reader(), Renames { file: file_column, caption: None })
}

pub(super) fn failed(path: &Path, error: TableError) -> DatasetError {
    match error {
        TableError::Io(source) => DatasetError::Io { path: path.to_owned(), source },
        TableError::Wrong(why) => DatasetError::Table { path: path.to_owned(), why },
    }
}

/// Reads an open file from its beginning.
pub(in crate::dataset) struct BytesReader<'a> {
    bytes: &'a Bytes,
    at: u64,
}

impl Bytes {
    pub(in crate::dataset) const fn reader(&self) -> BytesReader<'_> {
        BytesReader { bytes: self, at: 0 }
    }
}

impl Read for BytesReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = clamp_len(self.bytes.stamp().len.saturating_sub(self.at), buffer.len());
        self.bytes.read_exact_at(self.at, &mut buffer[..len])?;
        self.at += len as u64;
        Ok(len)
    }
}
