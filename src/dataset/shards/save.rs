//! Writes a shard with changed captions and without excluded rows.

use std::io::{self, Read as _, Write};
use std::ops::Range;

use super::{Shard, Shards};
use crate::dataset::save::{Change, Counts, SaveError};
use crate::dataset::source::Bytes;
use crate::dataset::{Caption, Dataset, DatasetError, Entry, RecordId};
use crate::parquet_file::{CopyError, Edit, copy};

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
        let path = &self.files[shard].path;
        let wrong = |why: &str| SaveError::from(DatasetError::Table { path: path.clone(), why: why.to_owned() });
        let Ok(open) = self.files[shard].table(&self.caption_field) else {
            return self.copy_unread(shard, changes, output, not_written);
        };
        let records = self.lines(dataset.path())?.records(shard);
        let columns = open.table.columns();
        let caption = columns.iter().find(|column| column.field.name() == self.caption_field);
        // Lists and structs are protected: their records have no text that could be changed.
        let caption = caption.filter(|column| column.field.is_primitive()).map(|column| column.leaves.start);

        let mut plan = Plan { dataset, records, is_text: caption.is_some(), counts: Counts::default(), before: None };
        let mut failed = None;
        let mut edits = changes
            .map_while(|(record, change)| plan.edit(record, change).map_err(|error| failed = Some(error)).ok())
            .flatten();
        let copied = copy(&open.table, caption, &mut edits, output);
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
        let Shard { path, file, stamp, .. } = &self.files[shard];
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

/// Turns changes of records into changes of rows.
struct Plan<'a> {
    dataset: &'a Dataset,
    /// Those of the shard.
    records: Range<u32>,
    /// The captions are strings.
    is_text: bool,
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
        let Entry::Record(known) = self.dataset.entry(record)? else {
            self.counts.bad += 1;
            return Ok(None);
        };
        let edit = match (change, known.caption) {
            (Change::Exclude { records }, _) => {
                self.counts.excluded += records;
                Edit::LeaveOut
            }
            (Change::Caption(new), Caption::Text(old)) if new == old => return Ok(None),
            (Change::Caption(new), Caption::Text(_) | Caption::None) if self.is_text => {
                self.counts.changed += 1;
                Edit::Text(new)
            }
            (Change::Caption(_) | Change::Captions(_), _) => {
                self.counts.not_text += 1;
                return Ok(None);
            }
        };
        Ok(Some((u64::from(record.0 - self.records.start), edit)))
    }
}
