//! Copies of a table in which captions change and rows are left out.
//!
//! The parts of all other columns are copied as they are: compressed, with their statistics and indexes. Only in a row group
//! with rows to leave out are they decoded and written again, value by value with their levels, so that no type is
//! converted.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use ::parquet::basic::{Compression, Encoding};
use ::parquet::bloom_filter::Sbbf;
use ::parquet::column::reader::{ColumnReader, get_column_reader};
use ::parquet::column::writer::{ColumnCloseResult, ColumnWriter};
use ::parquet::data_type::ByteArray;
use ::parquet::errors::{ParquetError, Result};
use ::parquet::file::page_index::index_reader::{decode_column_index, decode_offset_index};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr, WriterVersion};
use ::parquet::file::reader::ChunkReader as _;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};

use super::chunks::Blocks;
use super::table::Table;
use super::zstandard;
use crate::codec::{catch_panic, clean_message};

/// Bytes of values that are decoded together.
const BATCH_BYTES: u64 = 4 << 20;
/// Records that are decoded together.
const BATCH: u64 = 1024;

/// A change of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Edit {
    Texts(Vec<NewText>),
    LeaveOut,
}

/// A text that replaces a value of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewText {
    pub(crate) leaf: usize,
    /// The number of the element in a list, from zero. The first one of an empty list or of null is added.
    pub(crate) element: u32,
    pub(crate) text: String,
}

impl Edit {
    fn texts(&self) -> &[NewText] {
        match self {
            Self::Texts(texts) => texts,
            Self::LeaveOut => &[],
        }
    }
}

/// Why a table was not copied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CopyError {
    /// Of the table that is read.
    #[error("{0}")]
    Broken(String),
    /// Of the output.
    #[error(transparent)]
    Write(io::Error),
}

/// The changes of one row group, by row.
type Edits = BTreeMap<u64, Edit>;

/// Copies a table to `out`. `edits` are by row, from zero, in order; `captions` are the leaves they change.
pub(crate) fn copy(
    table: &Table,
    captions: &[usize],
    edits: &mut dyn Iterator<Item = (u64, Edit)>,
    out: &mut (dyn Write + Send),
) -> std::result::Result<(), CopyError> {
    let failure = Arc::new(Mutex::new(None));
    let out = Watched { out, failure: Arc::clone(&failure) };
    let copied = catch_panic(|| write(table, captions, edits, out).map_err(clean_message), |why| why);
    let failed = failure.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (copied, failed) {
        (_, Some(error)) => Err(CopyError::Write(error)),
        (Err(why), None) => Err(CopyError::Broken(why)),
        (Ok(()), None) => Ok(()),
    }
}

/// Keeps the error of the output, which the `parquet` crate mixes with those of its input.
struct Watched<'a> {
    out: &'a mut (dyn Write + Send),
    failure: Arc<Mutex<Option<io::Error>>>,
}

impl Watched<'_> {
    fn watch<T>(&self, result: io::Result<T>) -> io::Result<T> {
        result.map_err(|error| {
            let kind = error.kind();
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            kind.into()
        })
    }
}

impl Write for Watched<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.out.write(bytes) {
            // Tried again by the caller.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            written => self.watch(written),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.out.flush();
        self.watch(flushed)
    }
}

fn write<W: Write + Send>(
    table: &Table,
    captions: &[usize],
    edits: &mut dyn Iterator<Item = (u64, Edit)>,
    out: W,
) -> Result<()> {
    let schema = table.metadata.file_metadata().schema_descr().root_schema_ptr();
    let properties: WriterPropertiesPtr = properties(table, captions).into();
    let mut file = SerializedFileWriter::new(out, schema, Arc::clone(&properties))?;
    let mut edits = edits.peekable();
    let mut start = 0;
    for (number, metadata) in table.groups().iter().enumerate() {
        let rows = u64::try_from(metadata.num_rows()).unwrap_or_default();
        let mut of_group = Edits::new();
        while let Some((row, edit)) = edits.next_if(|(row, _)| *row < start + rows) {
            of_group.insert(row - start, edit);
        }
        start += rows;
        let left_out = of_group.values().filter(|edit| **edit == Edit::LeaveOut).count() as u64;
        if rows > 0 && left_out == rows {
            continue;
        }
        let changed: BTreeSet<usize> = of_group.values().flat_map(Edit::texts).map(|new| new.leaf).collect();
        let mut group = file.next_row_group()?;
        for leaf in 0..metadata.num_columns() {
            if left_out > 0 || changed.contains(&leaf) {
                let edits = Rewrite { edits: &of_group, leaf };
                write_again(table, number, edits, &properties, &mut group)?;
            } else {
                copy_chunk(table, number, leaf, &mut group)?;
            }
        }
        group.close()?;
    }
    if edits.next().is_some() {
        return Err(general("a change of a row that the table does not have"));
    }
    file.close()?;
    Ok(())
}

/// Returns the properties of the output: those of the table as far as the `parquet` crate has them.
fn properties(table: &Table, captions: &[usize]) -> WriterProperties {
    let file = table.metadata.file_metadata();
    let version = if file.version() >= 2 { WriterVersion::PARQUET_2_0 } else { WriterVersion::PARQUET_1_0 };
    let sorting = table.groups().first().and_then(|group| group.sorting_columns());
    // Changed captions are in no order.
    let is_caption = |column: i32| usize::try_from(column).is_ok_and(|leaf| captions.contains(&leaf));
    let by_caption = sorting.is_some_and(|columns| columns.iter().any(|column| is_caption(column.column_idx)));
    let mut properties = WriterProperties::builder()
        .set_writer_version(version)
        .set_key_value_metadata(file.key_value_metadata().cloned())
        .set_sorting_columns(sorting.filter(|_| !by_caption).cloned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_write_batch_size(usize::try_from(BATCH).unwrap_or(usize::MAX));
    // The parts that are copied are those of the first writer, and readers have rules for the faults of old ones.
    if let Some(created_by) = file.created_by() {
        properties = properties.set_created_by(created_by.to_owned());
    }
    for leaf in 0..file.schema_descr().num_columns() {
        let Some(chunk) = table.groups().first().and_then(|group| group.columns().get(leaf)) else { continue };
        let path = chunk.column_path().clone();
        let statistics = match (chunk.statistics(), chunk.column_index_range()) {
            (_, Some(_)) => EnabledStatistics::Page,
            (Some(_), None) => EnabledStatistics::Chunk,
            (None, None) => EnabledStatistics::None,
        };
        properties = properties
            .set_column_compression(path.clone(), codec(chunk.compression()))
            .set_column_dictionary_enabled(path.clone(), chunk.dictionary_page_offset().is_some())
            .set_column_encoding(path.clone(), Encoding::PLAIN)
            .set_column_statistics_enabled(path, statistics);
    }
    properties.build()
}

/// Returns the codec with which the `parquet` crate writes a column again: none for Zstandard, which [`zstandard`] adds to
/// its pages. The encoder of Brotli is not part of recaption.
const fn codec(of: Compression) -> Compression {
    match of {
        Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) | Compression::LZ4_RAW => of,
        Compression::ZSTD(_) => Compression::UNCOMPRESSED,
        Compression::LZ4 => Compression::LZ4_RAW,
        _ => Compression::SNAPPY,
    }
}

/// Returns true if a column is written with Zstandard: in all row groups as in the first, like the other [`properties`].
fn is_zstandard(table: &Table, leaf: usize) -> bool {
    table.chunk(0, leaf).is_ok_and(|chunk| matches!(chunk.compression(), Compression::ZSTD(_)))
}

/// Copies a part of a column as it is.
fn copy_chunk<W: Write + Send>(
    table: &Table,
    group: usize,
    leaf: usize,
    out: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<()> {
    let chunk = table.chunk(group, leaf)?;
    let number = |value: i64| u64::try_from(value).map_err(|_| general("a part of a column has a negative size"));
    // Checks that it is in the file.
    table.pages(group, leaf)?;
    let metadata = match chunk.dictionary_page_offset() {
        // Some writers store zero for none.
        Some(offset) if offset <= 0 || offset > chunk.data_page_offset() => {
            chunk.clone().into_builder().set_dictionary_page_offset(None).build()?
        }
        _ => chunk.clone(),
    };
    let bytes_of = |range: Range<u64>| {
        let len = usize::try_from(range.end.saturating_sub(range.start))?;
        table.file.get_bytes(range.start, len)
    };
    // An index only makes reading faster: one that is damaged is left out.
    let column_index = match chunk.column_index_range() {
        Some(range) => decode_column_index(&bytes_of(range)?, chunk.column_type()).ok(),
        None => None,
    };
    let offset_index = match chunk.offset_index_range() {
        Some(range) => decode_offset_index(&bytes_of(range)?).ok(),
        None => None,
    };
    let bloom_filter = match Sbbf::read_from_column_chunk(&metadata, &table.file) {
        Err(error @ ParquetError::External(_)) => return Err(error),
        found => found.ok().flatten(),
    };
    let close = ColumnCloseResult {
        bytes_written: number(metadata.compressed_size())?,
        rows_written: number(table.groups()[group].num_rows())?,
        bloom_filter,
        metadata,
        column_index,
        offset_index,
    };
    out.append_column(&Blocks(&table.file), close)
}

/// How the values of a column change.
#[derive(Clone, Copy)]
struct Rewrite<'a> {
    edits: &'a Edits,
    leaf: usize,
}

impl Rewrite<'_> {
    /// Returns the number of new texts.
    fn texts(&self) -> usize {
        self.edits.values().flat_map(Edit::texts).filter(|new| new.leaf == self.leaf).count()
    }
}

/// Returns the new text of an element of a row.
fn text_of(edit: Option<&Edit>, leaf: usize, element: u32) -> Option<&str> {
    let new = edit?.texts().iter().find(|new| (new.leaf, new.element) == (leaf, element))?;
    Some(&new.text)
}

/// The records of a batch.
#[derive(Default)]
struct Levels {
    definitions: Vec<i16>,
    repetitions: Vec<i16>,
}

/// Writes a part of a column with the changes.
fn write_again<W: Write + Send>(
    table: &Table,
    group: usize,
    edits: Rewrite<'_>,
    properties: &WriterPropertiesPtr,
    out: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<()> {
    let mut values = |writer: &mut ColumnWriter<'_>| rewrite(table, group, edits, writer);
    if is_zstandard(table, edits.leaf) {
        return zstandard::write_column(table.leaf(edits.leaf), Arc::clone(properties), out, &mut values);
    }
    let mut column = out.next_column()?.ok_or_else(|| general("the table has more columns than its schema"))?;
    values(column.untyped())?;
    column.close()
}

/// Decodes a part of a column and passes it on with the changes.
fn rewrite(table: &Table, group: usize, edits: Rewrite<'_>, writer: &mut ColumnWriter<'_>) -> Result<()> {
    let leaf = edits.leaf;
    let descriptor = table.leaf(leaf);
    let maximum = (descriptor.max_def_level(), descriptor.max_rep_level());
    let chunk = table.chunk(group, leaf)?;
    let rows = u64::try_from(table.groups()[group].num_rows())?;
    let each = u64::try_from(chunk.uncompressed_size()).unwrap_or_default() / rows.max(1);
    let batch = usize::try_from((BATCH_BYTES / each.max(1)).clamp(1, BATCH))?;
    let mut reader = get_column_reader(Arc::clone(&descriptor), table.pages(group, leaf)?);
    let (mut row, mut texts) = (0, 0);
    while row < rows {
        let wanted = batch.min(usize::try_from(rows - row)?);
        let mut levels = Levels::default();
        macro_rules! batch {
            ($reader:expr, $writer:expr, $edited:expr) => {{
                let mut values = Vec::new();
                let of = (Some(&mut levels.definitions), Some(&mut levels.repetitions));
                let (read, ..) = $reader.read_records(wanted, of.0, of.1, &mut values)?;
                let kept = kept(&levels, values, row, read, maximum, edits, $edited)?;
                let definitions = (maximum.0 > 0).then_some(kept.levels.definitions.as_slice());
                let repetitions = (maximum.1 > 0).then_some(kept.levels.repetitions.as_slice());
                $writer.write_batch(&kept.values, definitions, repetitions)?;
                texts += kept.texts;
                read
            }};
        }
        let read = match (&mut reader, &mut *writer) {
            (ColumnReader::BoolColumnReader(reader), ColumnWriter::BoolColumnWriter(writer)) => {
                batch!(reader, writer, None)
            }
            (ColumnReader::Int32ColumnReader(reader), ColumnWriter::Int32ColumnWriter(writer)) => {
                batch!(reader, writer, None)
            }
            (ColumnReader::Int64ColumnReader(reader), ColumnWriter::Int64ColumnWriter(writer)) => {
                batch!(reader, writer, None)
            }
            (ColumnReader::Int96ColumnReader(reader), ColumnWriter::Int96ColumnWriter(writer)) => {
                batch!(reader, writer, None)
            }
            (ColumnReader::FloatColumnReader(reader), ColumnWriter::FloatColumnWriter(writer)) => {
                batch!(reader, writer, None)
            }
            (ColumnReader::DoubleColumnReader(reader), ColumnWriter::DoubleColumnWriter(writer)) => {
                batch!(reader, writer, None)
            }
            (ColumnReader::ByteArrayColumnReader(reader), ColumnWriter::ByteArrayColumnWriter(writer)) => {
                batch!(reader, writer, Some(|text: &str| ByteArray::from(text)))
            }
            (
                ColumnReader::FixedLenByteArrayColumnReader(reader),
                ColumnWriter::FixedLenByteArrayColumnWriter(writer),
            ) => {
                batch!(reader, writer, None)
            }
            _ => return Err(general("a column of an unexpected type")),
        };
        if read == 0 {
            return Err(general("a column has fewer values than the table has rows"));
        }
        row += read as u64;
    }
    if texts != edits.texts() {
        return Err(general("a change of a list's element that the table does not have"));
    }
    Ok(())
}

/// What remains of a batch.
struct Kept<T> {
    levels: Levels,
    values: Vec<T>,
    /// The number of values that were replaced.
    texts: usize,
}

/// Returns the levels and values of `read` records from `first` that are not left out, with the new texts.
fn kept<T: Clone>(
    levels: &Levels,
    values: Vec<T>,
    first: u64,
    read: usize,
    (definition, repetition): (i16, i16),
    Rewrite { edits, leaf }: Rewrite<'_>,
    edited: Option<fn(&str) -> T>,
) -> Result<Kept<T>> {
    let count = match (definition, repetition) {
        (0, 0) => values.len(),
        (0, _) => levels.repetitions.len(),
        _ => levels.definitions.len(),
    };
    let mut kept = Kept { levels: Levels::default(), values: Vec::with_capacity(values.len()), texts: 0 };
    let mut values = values.into_iter();
    let (mut records, mut element) = (0_usize, 0);
    let mut edit = None;
    for at in 0..count {
        let begins = repetition == 0 || levels.repetitions.get(at) == Some(&0);
        if begins {
            edit = edits.get(&(first + records as u64));
            records += 1;
        }
        element = if begins { 0 } else { element + 1 };
        let level = levels.definitions.get(at).copied().unwrap_or(definition);
        let value =
            if level == definition { Some(values.next().ok_or_else(|| general("a value is missing"))?) } else { None };
        if edit == Some(&Edit::LeaveOut) {
            continue;
        }
        let text = text_of(edit, leaf, element).zip(edited).map(|(text, edited)| edited(text));
        kept.texts += usize::from(text.is_some());
        let value = text.or(value);
        if definition > 0 {
            kept.levels.definitions.push(if value.is_some() { definition } else { level });
        }
        if repetition > 0 {
            kept.levels.repetitions.push(levels.repetitions.get(at).copied().unwrap_or_default());
        }
        kept.values.extend(value);
    }
    if records != read {
        return Err(general("a column has another number of values than the table has rows"));
    }
    Ok(kept)
}

fn general(message: &str) -> ParquetError {
    ParquetError::General(message.to_owned())
}
