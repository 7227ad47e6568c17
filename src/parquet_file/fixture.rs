//! Parquet files for tests, like those that Hugging Face's `datasets` writes.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::parser::parse_message_type;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) bytes: Option<Vec<u8>>,
    pub(crate) path: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) n: Option<i64>,
}

impl Row {
    pub(crate) fn new(bytes: &[u8], path: &str, text: &str, n: i64) -> Self {
        Self { bytes: Some(bytes.to_vec()), path: Some(path.to_owned()), text: Some(text.to_owned()), n: Some(n) }
    }
}

/// How a file is written.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) compression: Compression,
    pub(crate) rows_a_group: usize,
    pub(crate) rows_a_page: usize,
    /// With the places of pages, and the number of nulls.
    pub(crate) index: bool,
    pub(crate) dictionary: bool,
}

impl Default for Form {
    fn default() -> Self {
        Self { compression: Compression::SNAPPY, rows_a_group: 100, rows_a_page: 100, index: true, dictionary: true }
    }
}

pub(crate) const FEATURES: &str = r#"{"info": {"features": {"image": {"_type": "Image"}}}}"#;

/// Writes rows with the columns `image` (`bytes`, `path`), `text` and `n`.
pub(crate) fn write(path: &Path, rows: &[Row], form: &Form) {
    let schema = parse_message_type(
        "message schema {
            optional group image { optional binary bytes; optional binary path (STRING); }
            optional binary text (STRING);
            optional int64 n;
        }",
    );
    let file = File::create(path).unwrap();
    let mut file = SerializedFileWriter::new(file, Arc::new(schema.unwrap()), properties(form).into()).unwrap();
    for rows in rows.chunks(form.rows_a_group) {
        let mut group = file.next_row_group().unwrap();
        let bytes = |value: &Option<Vec<u8>>| value.clone().map(ByteArray::from);
        texts(&mut group, 2, rows.iter().map(|row| bytes(&row.bytes)));
        texts(&mut group, 2, rows.iter().map(|row| text(row.path.as_ref())));
        texts(&mut group, 1, rows.iter().map(|row| text(row.text.as_ref())));
        numbers(&mut group, rows.iter().map(|row| row.n));
        group.close().unwrap();
    }
    file.close().unwrap();
}

/// A row with a list of captions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ListRow {
    pub(crate) path: Option<String>,
    pub(crate) texts: Option<Vec<Option<String>>>,
    pub(crate) short: Option<String>,
    pub(crate) n: Option<i64>,
}

/// Writes rows with the columns `file_name`, `text` (a list), `short` and `n`.
pub(crate) fn write_lists(path: &Path, rows: &[ListRow], form: &Form) {
    let schema = parse_message_type(
        "message schema {
            optional binary file_name (STRING);
            optional group text (LIST) { repeated group list { optional binary element (STRING); } }
            optional binary short (STRING);
            optional int64 n;
        }",
    );
    let file = File::create(path).unwrap();
    let mut file = SerializedFileWriter::new(file, Arc::new(schema.unwrap()), properties(form).into()).unwrap();
    for rows in rows.chunks(form.rows_a_group) {
        let mut group = file.next_row_group().unwrap();
        texts(&mut group, 1, rows.iter().map(|row| text(row.path.as_ref())));
        lists(&mut group, rows.iter().map(|row| row.texts.as_deref()));
        texts(&mut group, 1, rows.iter().map(|row| text(row.short.as_ref())));
        numbers(&mut group, rows.iter().map(|row| row.n));
        group.close().unwrap();
    }
    file.close().unwrap();
}

fn properties(form: &Form) -> WriterProperties {
    let statistics = if form.index { EnabledStatistics::Page } else { EnabledStatistics::None };
    WriterProperties::builder()
        .set_compression(form.compression)
        .set_dictionary_enabled(form.dictionary)
        .set_statistics_enabled(statistics)
        .set_offset_index_disabled(!form.index)
        .set_data_page_row_count_limit(form.rows_a_page)
        .set_write_batch_size(form.rows_a_page)
        .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), FEATURES.to_owned())]))
        .set_created_by("parquet-cpp-arrow version 26.0.1".to_owned())
        .build()
}

fn text(value: Option<&String>) -> Option<ByteArray> {
    value.map(|text| ByteArray::from(text.as_str()))
}

fn numbers(group: &mut SerializedRowGroupWriter<'_, File>, values: impl Iterator<Item = Option<i64>>) {
    let values: Vec<Option<i64>> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| value.is_some().into()).collect();
    let values: Vec<i64> = values.into_iter().flatten().collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
}

/// Writes lists. The definition level of null is 0, that of an empty list 1, of a missing element 2, and of an element 3.
fn lists<'a>(
    group: &mut SerializedRowGroupWriter<'_, File>,
    lists: impl Iterator<Item = Option<&'a [Option<String>]>>,
) {
    let (mut definitions, mut repetitions, mut values) = (Vec::new(), Vec::new(), Vec::new());
    for list in lists {
        let Some(list) = list.filter(|list| !list.is_empty()) else {
            definitions.push(i16::from(list.is_some()));
            repetitions.push(0);
            continue;
        };
        for (at, element) in list.iter().enumerate() {
            definitions.push(if element.is_some() { 3 } else { 2 });
            repetitions.push(i16::from(at > 0));
            values.extend(text(element.as_ref()));
        }
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&values, Some(&definitions), Some(&repetitions)).unwrap();
    column.close().unwrap();
}

fn texts(
    group: &mut SerializedRowGroupWriter<'_, File>,
    maximum: i16,
    values: impl Iterator<Item = Option<ByteArray>>,
) {
    let values: Vec<_> = values.collect();
    let levels: Vec<i16> = values.iter().map(|value| if value.is_some() { maximum } else { maximum - 1 }).collect();
    let values: Vec<ByteArray> = values.into_iter().flatten().collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None).unwrap();
    column.close().unwrap();
}
