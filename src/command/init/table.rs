//! A CSV or TSV table with a header and a row for each image, like Hugging Face's `metadata.csv`.

mod quotes;

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;

use csv::{ByteRecord, ReaderBuilder};

use super::report::Reason;
use super::{FILE_NAME, InitError, Records, columns, json_string, utf16};
use crate::dataset::FileKind;
use quotes::{QuoteScanner, Quotes};

/// The separators that are recognised, the most common first.
const SEPARATORS: [u8; 3] = *b",;\t";
/// The size of the read buffer, in bytes. The header must fit in it for its separator to be recognised.
const BUFFER: usize = 64 * 1024;
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Adds all rows, with the columns as fields in the same order. All values are strings.
pub(super) fn write(path: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let file = File::open(path).map_err(|source| InitError::Read { path: path.to_owned(), source })?;
    write_from(path, file, records)
}

/// Like [`write()`], for the content of a file.
pub(super) fn write_from(path: &Path, table: impl Read, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    let mut table = BufReader::with_capacity(BUFFER, table);
    let start = table.fill_buf().map_err(|source| InitError::Read { path: path.to_owned(), source })?;
    if let Some(why) = utf16(start) {
        return Err(wrong(why));
    }
    let (bom, start) = if start.starts_with(BOM) { start.split_at(BOM.len()) } else { start.split_at(0) };
    let separator = separator(start);
    let bom = bom.len();
    table.consume(bom);

    let quotes = Rc::new(RefCell::new(Quotes::default()));
    let mut table = ReaderBuilder::new().delimiter(separator).flexible(true).from_reader(QuoteScanner::new(
        table,
        separator,
        Rc::clone(&quotes),
    ));
    let failed = |error: csv::Error| wrong(error.to_string());
    let header = table.headers().map_err(failed)?.clone();
    quotes.borrow_mut().next_line();
    if header.is_empty() {
        return Err(wrong("the file is empty".to_owned()));
    }
    let names: Vec<&str> = header.iter().collect();
    columns::check(&names).map_err(wrong)?;
    if let Some(note) = columns::caption_note(&names, records.caption_field) {
        records.note(&note)?;
    }
    let file_name = names.iter().position(|name| *name == FILE_NAME).unwrap_or_default();

    let mut row = ByteRecord::new();
    while table.read_byte_record(&mut row).map_err(failed)? {
        records.read += 1;
        let line = quotes.borrow_mut().next_line();
        if let Some(cell) = row.iter().position(|cell| swallows_rows(cell, separator, names.len(), file_name)) {
            let name = names.get(cell).copied().unwrap_or_default();
            return Err(wrong(format!(
                "line {line}: \"{name}\" contains lines that look like rows; close its quote, or double the quotes \
                 inside it"
            )));
        }
        let reason = if quotes.borrow_mut().is_misplaced_before(table.position().byte()) {
            Reason::AfterQuote
        } else if !has_cells(&row, names.len()) {
            Reason::Ragged
        } else {
            match row.iter().take(names.len()).map(std::str::from_utf8).collect::<Result<Vec<_>, _>>() {
                Err(_) => Reason::LineNotUtf8,
                Ok(cells) if cells.get(file_name).is_none_or(|name| name.trim().is_empty()) => Reason::NoFileName,
                Ok(cells) => {
                    let values: Vec<String> = cells.into_iter().map(json_string).collect();
                    records.line(names.iter().copied().zip(values.iter().map(String::as_str)))?;
                    continue;
                }
            }
        };
        records.report.add(reason, &format!("line {line}"));
    }
    match quotes.borrow().unclosed() {
        Some(line) => Err(wrong(format!("line {line}: a quote is not closed; all rows after it are in its cell"))),
        None => Ok(()),
    }
}

/// Returns the separator with which the header has a file name, or else the most columns.
fn separator(start: &[u8]) -> u8 {
    let line = start.split(|byte| matches!(byte, b'\n' | b'\r')).find(|line| !line.is_empty()).unwrap_or_default();
    let columns = |separator: &u8| {
        let mut header = ByteRecord::new();
        let read = ReaderBuilder::new()
            .has_headers(false)
            .delimiter(*separator)
            .from_reader(line)
            .read_byte_record(&mut header);
        let is_named = read.is_ok() && header.iter().any(|name| name == FILE_NAME.as_bytes());
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
