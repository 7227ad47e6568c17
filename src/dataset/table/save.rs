//! Writes a table with changed captions: everything but their cells, and the excluded rows, is copied unchanged.

use std::io::{self, Write};

use super::lines::failed;
use super::quotes::cell;
use super::{Row, TableLines};
use crate::dataset::rewrite::Slot;
use crate::dataset::save::{Change, Counts, SaveError};
use crate::dataset::source::{Bytes, clamp_len};
use crate::dataset::{Dataset, DatasetError, Entry, RecordId};

const BLOCK: usize = 256 * 1024;

impl TableLines {
    /// Writes the table with `changes`, which must be in file order.
    pub(in crate::dataset) fn write(
        &self,
        dataset: &Dataset,
        changes: &mut dyn Iterator<Item = (RecordId, Change)>,
        output: &mut dyn Write,
        not_written: &dyn Fn(io::Error) -> SaveError,
    ) -> Result<Counts, SaveError> {
        let wrong = |error| failed(dataset.path(), error);
        let mut counts = Counts::default();
        let mut rows = self.rows().map_err(wrong)?;
        let separator = rows.separator;
        let mut copy = Copy { table: &self.table, dataset, at: 0, block: vec![0; BLOCK], output, not_written };
        let mut next = 0;
        for (record, change) in changes {
            if record.0 < next {
                return Err(SaveError::OutOfOrder { record });
            }
            let entry = dataset.entry(record)?;
            let mut bytes = None;
            while next <= record.0 {
                bytes = rows.read().map_err(wrong)?.map(|Row { bytes, .. }| bytes);
                next += 1;
            }
            let Some(bytes) = bytes else {
                let (path, count) = (dataset.path().into(), dataset.record_count());
                return Err(DatasetError::NoSuchRecord { path, record, count }.into());
            };
            let Entry::Record(known) = entry else {
                counts.bad += 1;
                continue;
            };
            let row = copy.read(bytes.start, bytes.end)?;
            let blank = row.iter().take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
            let captions = match change {
                Change::Exclude { records } => {
                    copy.until(bytes.start + blank as u64)?;
                    copy.at = bytes.end;
                    // The reader leaves the second half of a line end to the next row.
                    let is_halved = row.ends_with(b"\r") && copy.read(bytes.end, bytes.end + 1)? == b"\n";
                    copy.at += u64::from(is_halved);
                    counts.excluded += records;
                    continue;
                }
                Change::Caption(caption) if known.caption.text() == Some(&caption) => continue,
                Change::Caption(caption) => vec![(self.caption, caption)],
                Change::Captions(captions) => {
                    let column = |slot: &Slot| match slot {
                        Slot::Field(name) => self.names.iter().position(|column| *column == **name),
                        Slot::Element(_) => None,
                    };
                    let mut captions: Vec<_> =
                        captions.into_iter().filter_map(|(slot, caption)| Some((column(&slot)?, caption))).collect();
                    captions.sort_unstable_by_key(|(column, _)| *column);
                    captions
                }
            };
            for (column, caption) in captions {
                let Some(place) = cell(&row, separator, column) else {
                    counts.bad += 1;
                    continue;
                };
                let is_quoted = row[place.clone()].starts_with(b"\"");
                let new = encoded(&caption, separator, is_quoted);
                if new.as_bytes() == &row[place.clone()] {
                    continue;
                }
                copy.until(bytes.start + place.start as u64)?;
                copy.write(new.as_bytes())?;
                copy.at = bytes.start + place.end as u64;
                counts.changed += 1;
            }
        }
        copy.until(self.table.stamp().len)?;
        dataset.0.source.check()?;
        Ok(counts)
    }
}

/// Returns the text of a cell, in quotes if it had them or needs them.
fn encoded(text: &str, separator: u8, is_quoted: bool) -> String {
    let needs_quotes = |byte: u8| byte == separator || matches!(byte, b'"' | b'\n' | b'\r');
    if is_quoted || text.bytes().any(needs_quotes) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Copies a table to the output.
struct Copy<'a> {
    table: &'a Bytes,
    dataset: &'a Dataset,
    /// Offset of the next byte to copy.
    at: u64,
    block: Vec<u8>,
    output: &'a mut dyn Write,
    not_written: &'a dyn Fn(io::Error) -> SaveError,
}

impl Copy<'_> {
    fn until(&mut self, end: u64) -> Result<(), SaveError> {
        while self.at < end {
            let len = clamp_len(end - self.at, self.block.len());
            let block = &mut self.block[..len];
            self.table.read_exact_at(self.at, block).map_err(|source| unreadable(self.dataset, source))?;
            self.output.write_all(block).map_err(self.not_written)?;
            self.at += len as u64;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), SaveError> {
        self.output.write_all(bytes).map_err(self.not_written)
    }

    /// Returns the bytes between two offsets, up to the end of the file.
    fn read(&self, start: u64, end: u64) -> Result<Vec<u8>, SaveError> {
        let len = end.min(self.table.stamp().len).saturating_sub(start);
        let mut bytes = vec![0; clamp_len(len, usize::MAX)];
        self.table.read_exact_at(start, &mut bytes).map_err(|source| unreadable(self.dataset, source))?;
        Ok(bytes)
    }
}

fn unreadable(dataset: &Dataset, source: io::Error) -> SaveError {
    DatasetError::Io { path: dataset.path().to_owned(), source }.into()
}
