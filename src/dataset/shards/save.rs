//! Writes a shard with changed captions and without excluded rows.

use std::io::{self, Read as _, Write};
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use super::Shards;
use crate::dataset::file_set::{FileSet as _, OpenFile};
use crate::dataset::line::is_record;
use crate::dataset::read::RawLine;
use crate::dataset::rewrite::{Rewritten, Slot, rewrite_slot};
use crate::dataset::save::{Change, Counts, SaveError};
use crate::dataset::source::Bytes;
use crate::dataset::{Dataset, DatasetError, RecordId};
use crate::parquet_file::{CopyError, Edit, NewText, TableColumn, copy, is_text, is_text_list};

const BLOCK: usize = 256 * 1024;

impl Shards {
    /// Writes a shard with `changes` of its records, which must be in file order.
    pub(in crate::dataset) fn write(
        &self,
        dataset: &Dataset,
        shard: usize,
        changes: &mut dyn Iterator<Item = (RecordId, Change)>,
        output: &mut (dyn Write + Send),
        not_written: &dyn Fn(io::Error) -> SaveError,
    ) -> Result<Counts, SaveError> {
        let path = &self.files[shard].opened.path;
        let wrong = |why: &str| SaveError::from(DatasetError::Table { path: path.clone(), why: why.to_owned() });
        let Ok(open) = self.files[shard].table(&self.caption_fields) else {
            return self.copy_unread(shard, changes, output, not_written);
        };
        let records = self.lines(dataset.path())?.starts.of(shard);
        // Other columns are protected: their records have no text that could be changed.
        let caption = |column: TableColumn| {
            let is_list = is_text_list(&column.field);
            let name = self.caption_fields.iter().find(|field| &***field == column.field.name())?;
            (is_list || is_text(&column.field)).then(|| Column {
                name: Arc::clone(name),
                leaf: column.leaves.start,
                is_list,
            })
        };
        let columns: Vec<Column> = open.table.columns().into_iter().filter_map(caption).collect();
        let leaves: Vec<usize> = columns.iter().map(|column| column.leaf).collect();

        let mut plan = Plan { dataset, records, columns, counts: Counts::default(), before: None };
        let mut failed = None;
        let mut edits = changes
            .map_while(|(record, change)| plan.edit(record, change).map_err(|error| failed = Some(error)).ok())
            .flatten();
        let copied = copy(&open.table, &leaves, &mut edits, output);
        if let Some(error) = failed {
            return Err(error);
        }
        copied.map_err(|error| match error {
            CopyError::Write(error) => not_written(error),
            CopyError::Broken(why) => wrong(&format!("{why}; recaption export writes the captions without the table")),
        })?;
        self.check()?;
        Ok(plan.counts)
    }

    /// Copies a shard that cannot be read byte for byte.
    fn copy_unread(
        &self,
        shard: usize,
        changes: &mut dyn Iterator<Item = (RecordId, Change)>,
        output: &mut (dyn Write + Send),
        not_written: &dyn Fn(io::Error) -> SaveError,
    ) -> Result<Counts, SaveError> {
        let OpenFile { path, file, stamp } = &self.files[shard].opened;
        let unreadable = |source| SaveError::from(DatasetError::Io { path: path.clone(), source });
        let bytes = Bytes::new(file.try_clone().map_err(unreadable)?, *stamp);
        let mut reader = bytes.reader();
        let mut block = vec![0; BLOCK];
        loop {
            match reader.read(&mut block).map_err(unreadable)? {
                0 => break,
                read => output.write_all(&block[..read]).map_err(not_written)?,
            }
        }
        self.check()?;
        Ok(Counts { bad: u32::try_from(changes.count()).unwrap_or(u32::MAX), ..Counts::default() })
    }
}

/// A column of captions.
struct Column {
    name: Arc<str>,
    leaf: usize,
    is_list: bool,
}

/// Turns changes of records into changes of rows.
struct Plan<'a> {
    dataset: &'a Dataset,
    /// Those of the shard.
    records: Range<u32>,
    columns: Vec<Column>,
    counts: Counts,
    before: Option<RecordId>,
}

impl Plan<'_> {
    /// Returns the change of a row, from zero; `None` if there is none.
    fn edit(&mut self, record: RecordId, change: Change) -> Result<Option<(u64, Edit)>, SaveError> {
        if self.before.is_some_and(|before| record <= before) {
            return Err(SaveError::OutOfOrder { record });
        }
        self.before = Some(record);
        if !self.records.contains(&record.0) {
            let (path, count) = (self.dataset.path().into(), self.dataset.record_count());
            return Err(DatasetError::NoSuchRecord { path, record, count }.into());
        }
        let (mut edit, mut change) = (None, Some(change));
        let dataset = self.dataset;
        dataset.lines(record.0..record.0 + 1, &mut |line| {
            edit = change.take().and_then(|change| self.edit_line(line.raw(), line.caption_field(), change));
            ControlFlow::Continue(())
        })?;
        Ok(edit.map(|edit| (u64::from(record.0 - self.records.start), edit)))
    }

    fn edit_line(&mut self, line: &RawLine<'_>, caption_field: &str, change: Change) -> Option<Edit> {
        let captions = match change {
            Change::Exclude { records } if is_record(line, caption_field) => {
                self.counts.excluded += records;
                return Some(Edit::LeaveOut);
            }
            Change::Exclude { .. } => {
                self.counts.bad += 1;
                return None;
            }
            Change::Caption(caption) => vec![(Slot::Field(caption_field.into()), caption)],
            Change::Captions(captions) => captions,
        };
        let mut texts = Vec::new();
        for (slot, text) in captions {
            match (rewrite_slot(line, caption_field, &slot, &text), self.place(&slot)) {
                (Rewritten::Same, _) => {}
                (Rewritten::Bad, _) => self.counts.bad += 1,
                (Rewritten::Changed(_), Some((leaf, element))) => {
                    self.counts.changed += 1;
                    texts.push(NewText { leaf, element, text });
                }
                (Rewritten::NotText, _) | (Rewritten::Changed(_), None) => self.counts.not_text += 1,
            }
        }
        (!texts.is_empty()).then_some(Edit::Texts(texts))
    }

    /// Returns the leaf of a caption, and the number of its element.
    fn place(&self, slot: &Slot) -> Option<(usize, u32)> {
        match slot {
            // No string replaces a list.
            Slot::Field(name) => {
                self.columns.iter().find(|column| column.name == *name && !column.is_list).map(|it| (it.leaf, 0))
            }
            Slot::Element(number) => self.columns.first().map(|column| (column.leaf, *number)),
        }
    }
}
