//! The rows of a CSV or TSV table with a header and a row for each image, like Hugging Face's `metadata.csv`.

pub mod columns;
mod lines;
mod quotes;
mod save;

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Read};
use std::ops::Range;
use std::path::Path;
use std::rc::Rc;

use csv::{ByteRecord, ErrorKind, Reader, ReaderBuilder};

use super::index::BOM;
use super::{FILE_NAME, FileKind};
use columns::Renames;
use quotes::{QuoteScanner, Quotes};

pub(super) use lines::TableLines;

/// The separators that are recognised, the most common first.
const SEPARATORS: [u8; 3] = *b",;\t";
/// The size of the read buffer, in bytes. The header must fit in it for its separator to be recognised.
const BUFFER: usize = 64 * 1024;

/// Why a table cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("{0}")]
    Wrong(String),
}

impl From<csv::Error> for TableError {
    fn from(error: csv::Error) -> Self {
        let message = error.to_string();
        match error.into_kind() {
            ErrorKind::Io(error) => Self::Io(error),
            _ => Self::Wrong(message),
        }
    }
}

/// Why a row is not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    #[error("row with more or fewer cells than the header")]
    Ragged,
    #[error("row with text after a closing quote")]
    AfterQuote,
    #[error("row that is not UTF-8")]
    NotUtf8,
}

#[derive(Debug)]
pub struct Row<'a> {
    /// The line in which it starts, from one.
    pub line: u64,
    /// Its place in the file, with the blank lines before it.
    bytes: Range<u64>,
    /// A cell for each column.
    pub cells: Result<Vec<&'a str>, RowError>,
}

/// Reads a table row by row.
pub struct Rows<R> {
    table: Reader<QuoteScanner<BufReader<R>>>,
    quotes: Rc<RefCell<Quotes>>,
    row: ByteRecord,
    names: Vec<String>,
    file_name: usize,
    separator: u8,
    /// Bytes before the table.
    bom: u64,
}

impl<R: Read> Rows<R> {
    /// Reads the header.
    ///
    /// # Errors
    /// Returns an error if the table cannot be read, is not UTF-8, or has no column of file names.
    pub fn open(table: R) -> Result<Self, TableError> {
        Self::open_renamed(table, Renames::default())
    }

    /// Like [`Self::open`], with other names for some columns.
    ///
    /// # Errors
    /// See [`Self::open`]. Returns an error if such a column is missing, too.
    pub fn open_renamed(table: R, renames: Renames<'_>) -> Result<Self, TableError> {
        let mut table = BufReader::with_capacity(BUFFER, table);
        let start = table.fill_buf()?;
        if let Some(why) = utf16(start) {
            return Err(TableError::Wrong(why));
        }
        let (bom, start) = if start.starts_with(BOM) { start.split_at(BOM.len()) } else { start.split_at(0) };
        let separator = separator(start, renames.file.unwrap_or(FILE_NAME));
        let bom = bom.len();
        table.consume(bom);

        let quotes = Rc::new(RefCell::new(Quotes::default()));
        let scanner = QuoteScanner::new(table, separator, Rc::clone(&quotes));
        let mut table = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(scanner);
        let mut names: Vec<String> = table.headers()?.iter().map(str::to_owned).collect();
        quotes.borrow_mut().next_line();
        if names.is_empty() {
            return Err(TableError::Wrong("the file is empty".to_owned()));
        }
        renames.apply(&mut names).map_err(TableError::Wrong)?;
        columns::check(&names.iter().map(String::as_str).collect::<Vec<_>>()).map_err(TableError::Wrong)?;
        let file_name = names.iter().position(|name| name == FILE_NAME).unwrap_or_default();
        Ok(Self { table, quotes, row: ByteRecord::new(), names, file_name, separator, bom: bom as u64 })
    }

    /// Returns the names of the columns.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Returns the next row, or `None` after the last one.
    ///
    /// # Errors
    /// Returns an error if the table cannot be read, or a quote is not closed.
    pub fn read(&mut self) -> Result<Option<Row<'_>>, TableError> {
        let start = self.table.position().byte();
        if !self.table.read_byte_record(&mut self.row)? {
            return match self.quotes.borrow().unclosed() {
                Some(line) => Err(TableError::Wrong(format!(
                    "line {line}: a quote is not closed; all rows after it are in its cell"
                ))),
                None => Ok(None),
            };
        }
        let end = self.table.position().byte();
        let line = self.quotes.borrow_mut().next_line();
        let columns = self.names.len();
        if let Some(cell) =
            self.row.iter().position(|cell| swallows_rows(cell, self.separator, columns, self.file_name))
        {
            let name = self.names.get(cell).map_or("", String::as_str);
            return Err(TableError::Wrong(format!(
                "line {line}: \"{name}\" contains lines that look like rows; close its quote, or double the quotes \
                 inside it"
            )));
        }
        let cells = if self.quotes.borrow_mut().is_misplaced_before(end) {
            Err(RowError::AfterQuote)
        } else if has_cells(&self.row, columns) {
            let cells = self.row.iter().take(columns).map(std::str::from_utf8);
            cells.collect::<Result<_, _>>().map_err(|_| RowError::NotUtf8)
        } else {
            Err(RowError::Ragged)
        };
        Ok(Some(Row { line, bytes: self.bom + start..self.bom + end, cells }))
    }
}

/// Returns the message if a file begins like UTF-16, with or without a byte order mark.
pub(crate) fn utf16(start: &[u8]) -> Option<String> {
    let has_mark = start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff");
    (has_mark || start.iter().take(2).any(|byte| *byte == 0))
        .then(|| "encoded as UTF-16; convert it to UTF-8 first (iconv -f utf-16 -t utf-8)".to_owned())
}

/// Returns the separator with which the header has a file name, or else the most columns.
fn separator(start: &[u8], file_name: &str) -> u8 {
    let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    let columns = |separator: &u8| {
        let mut header = ByteRecord::new();
        let read = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(*separator)
            .from_reader(line)
            .read_byte_record(&mut header);
        let is_named = read.is_ok() && header.iter().any(|name| name == file_name.as_bytes());
        (is_named, header.len())
    };
    // `max_by_key` returns the last maximum.
    SEPARATORS.into_iter().rev().max_by_key(columns).unwrap_or(b',')
}

/// Returns true if a row has a cell for each column. Spreadsheets append empty cells.
fn has_cells(row: &ByteRecord, columns: usize) -> bool {
    row.len() >= columns && row.iter().skip(columns).all(<[u8]>::is_empty)
}

/// Returns true if a cell of several lines contains one that looks like a row: as many cells, with an image's name in the
/// right one. Then a quote was not closed, and the rows up to the next quote are in the cell.
fn swallows_rows(cell: &[u8], separator: u8, columns: usize, file_name: usize) -> bool {
    let mut lines = cell.split(|byte| matches!(byte, b'\n' | b'\r'));
    lines.next();
    lines.any(|line| {
        let mut cells = line.split(|byte| *byte == separator);
        let name = cells.nth(file_name).and_then(|name| std::str::from_utf8(name).ok());
        let is_image = name
            .and_then(|name| Path::new(name.trim_matches(['"', ' '])).file_name())
            .is_some_and(|name| matches!(FileKind::of(name), FileKind::Image | FileKind::OtherImage));
        is_image && file_name + 1 + cells.count() >= columns
    })
}

#[cfg(test)]
mod tests;
