//! The column of images: a struct of `bytes` and `path`, with the metadata by which Hugging Face's `datasets` and the viewer
//! of the hub show it.

use std::io::Write;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::column::writer::ColumnWriter;
use ::parquet::data_type::ByteArray;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::{EnabledStatistics, WriterPropertiesBuilder};
use ::parquet::file::writer::SerializedRowGroupWriter;
use ::parquet::schema::types::{ColumnPath, Type, TypePtr};
use serde_json::json;

/// The usual name of the column.
const NAME: &str = "image";
/// Bytes of images in a row group.
const GROUP_BYTES: usize = 100_000_000;
/// The definition level of a value that is not null, in a struct that is not null.
const PRESENT: i16 = 2;

/// The images of a row group.
pub(super) struct ImageColumn {
    pub(super) name: String,
    bytes: Vec<ByteArray>,
    paths: Vec<ByteArray>,
    len: usize,
}

impl ImageColumn {
    /// Creates a column whose name is none of `names`.
    pub(super) fn new(names: &[&str]) -> Self {
        let numbered = (2_u64..).map(|number| format!("{NAME}_{number}"));
        let mut candidates = std::iter::once(NAME.to_owned()).chain(numbered);
        let name = candidates.find(|name| !names.contains(&name.as_str())).unwrap_or_default();
        Self { name, bytes: Vec::new(), paths: Vec::new(), len: 0 }
    }

    pub(super) fn column(&self) -> Result<TypePtr, ParquetError> {
        let bytes = Type::primitive_type_builder("bytes", Physical::BYTE_ARRAY).with_repetition(Repetition::OPTIONAL);
        let path = Type::primitive_type_builder("path", Physical::BYTE_ARRAY).with_repetition(Repetition::OPTIONAL);
        let path = path.with_logical_type(Some(LogicalType::String)).build()?;
        let group = Type::group_type_builder(&self.name).with_repetition(Repetition::OPTIONAL);
        group.with_fields(vec![bytes.build()?.into(), path.into()]).build().map(Into::into)
    }

    /// Adds the properties of the column, and the metadata. Images are compressed already.
    pub(super) fn properties(&self, properties: WriterPropertiesBuilder) -> WriterPropertiesBuilder {
        let features = json!({ "info": { "features": { &self.name: { "_type": "Image" } } } });
        let bytes = ColumnPath::new(vec![self.name.clone(), "bytes".to_owned()]);
        properties
            .set_column_compression(bytes.clone(), Compression::UNCOMPRESSED)
            .set_column_dictionary_enabled(bytes.clone(), false)
            .set_column_statistics_enabled(bytes, EnabledStatistics::None)
            .set_key_value_metadata(Some(vec![KeyValue::new("huggingface".to_owned(), features.to_string())]))
    }

    pub(super) fn put(&mut self, image: Vec<u8>, path: &str) {
        self.len += image.len();
        self.bytes.push(image.into());
        self.paths.push(path.into());
    }

    /// Returns true if the row group has enough images.
    pub(super) fn is_full(&self) -> bool {
        self.len >= GROUP_BYTES
    }

    /// Writes the images and clears them.
    pub(super) fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        self.len = 0;
        // One by one: after each, the writer decides whether its page is full.
        write_leaf(group, &std::mem::take(&mut self.bytes), 1)?;
        write_leaf(group, &std::mem::take(&mut self.paths), usize::MAX)
    }
}

fn write_leaf<W: Write + Send>(
    group: &mut SerializedRowGroupWriter<'_, W>,
    values: &[ByteArray],
    batch: usize,
) -> Result<(), ParquetError> {
    let mut column = group.next_column()?.ok_or_else(|| super::general("the schema has fewer columns"))?;
    let ColumnWriter::ByteArrayColumnWriter(out) = column.untyped() else {
        return Err(super::general("the columns of the schema are in another order"));
    };
    for values in values.chunks(batch) {
        out.write_batch(values, Some(&vec![PRESENT; values.len()]), None)?;
    }
    column.close()
}
