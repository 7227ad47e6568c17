//! A CSV or TSV table with a header and a row for each image, like Hugging Face's `metadata.csv`.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::report::Reason;
use super::{FILE_NAME, InitError, Records, json_string};
use crate::dataset::{RowError, Rows, TableError, columns};

/// Adds all rows, with the columns as fields in the same order. All values are strings.
pub(super) fn write(path: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let file = File::open(path).map_err(|source| InitError::Read { path: path.to_owned(), source })?;
    write_from(path, file, records)
}

/// Like [`write()`], for the content of a file.
pub(super) fn write_from(path: &Path, table: impl Read, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let failed = |error| match error {
        TableError::Io(source) => InitError::Read { path: path.to_owned(), source },
        TableError::Wrong(why) => InitError::Table { path: path.to_owned(), why },
    };
    let mut rows = Rows::open_renamed(table, records.renames).map_err(failed)?;
    let names = rows.names().to_vec();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    if let Some(note) = columns::caption_note(&names, records.caption_field) {
        records.note(&note)?;
    }
    let file_name = names.iter().position(|name| *name == FILE_NAME).unwrap_or_default();
    while let Some(row) = rows.read().map_err(failed)? {
        records.read += 1;
        let reason = match row.cells {
            Err(RowError::AfterQuote) => Reason::AfterQuote,
            Err(RowError::Ragged) => Reason::Ragged,
            Err(RowError::NotUtf8) => Reason::LineNotUtf8,
            Ok(cells) if cells.get(file_name).is_none_or(|name| name.trim().is_empty()) => Reason::NoFileName,
            Ok(cells) => {
                let values: Vec<String> = cells.into_iter().map(json_string).collect();
                records.line(names.iter().copied().zip(values.iter().map(String::as_str)))?;
                continue;
            }
        };
        records.report.add(reason, &format!("line {}", row.line));
    }
    Ok(())
}
