//! A Parquet table with a row for each image, like Hugging Face's `metadata.parquet`.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, ConvertedType, Type as Physical};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::{ColumnChunkMetaData, RowGroupMetaData};
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

use super::{FILE_NAME, InitError, Records};
use crate::picture::{catch_panic, clean_message};

/// Adds all rows, with the columns as fields in the same order. Returns the columns.
pub(super) fn write(path: &Path, records: &mut Records<'_, '_>) -> Result<Vec<TypePtr>, InitError> {
    let file = File::open(path).map_err(|source| InitError::Read { path: path.to_owned(), source })?;
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    catch_panic(|| rows(file, path, records), wrong)
}

fn rows(file: File, path: &Path, records: &mut Records<'_, '_>) -> Result<Vec<TypePtr>, InitError> {
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    let broken = |error: ParquetError| wrong(clean_message(error));
    let table = SerializedFileReader::new(file).map_err(broken)?;
    let schema = table.metadata().file_metadata().schema();
    let (data, columns): (Vec<_>, Vec<_>) = schema.get_fields().iter().cloned().partition(is_binary);
    if let Some((_, twice)) =
        columns.iter().enumerate().find(|(at, one)| columns[..*at].iter().any(|other| other.name() == one.name()))
    {
        return Err(wrong(format!("duplicate column \"{}\"", twice.name())));
    }
    if !columns.iter().any(|column| column.name() == FILE_NAME) {
        return Err(wrong(match data.first() {
            None => format!("no column \"{FILE_NAME}\""),
            Some(images) => format!(
                "no column \"{FILE_NAME}\"; if the images are in column \"{}\", write each to a file first, and the file \
                 names to a column \"{FILE_NAME}\"",
                images.name()
            ),
        }));
    }
    for column in data {
        let note = format!("{}: column \"{}\" is skipped: binary data, not text", path.display(), column.name());
        records.note(&note)?;
    }
    check_compression(&table, &columns).map_err(wrong)?;

    let projection = Type::group_type_builder(schema.name()).with_fields(columns.clone()).build().map_err(broken)?;
    for (at, row) in table.get_row_iter(Some(projection)).map_err(broken)?.enumerate() {
        let row = row.map_err(broken)?;
        let fields: Vec<(&str, Value)> = row
            .get_column_iter()
            .map(|(name, field)| match field.to_json_value() {
                Value::Null if name == records.caption_field => (name.as_str(), Value::from("")),
                value => (name.as_str(), value),
            })
            .collect();
        if fields.iter().any(|(name, value)| *name == FILE_NAME && !value.is_string()) {
            records.skip(&format!("{}: row {}", path.display(), at + 1), "\"file_name\" is not a string")?;
            continue;
        }
        records.line(&fields)?;
    }
    Ok(columns)
}

/// Returns true if a column has binary data, such as encoded images.
fn is_binary(column: &Arc<Type>) -> bool {
    if column.is_group() {
        return column.get_fields().iter().any(is_binary);
    }
    let is_bytes = matches!(column.get_physical_type(), Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY);
    is_bytes && matches!(column.get_basic_info().converted_type(), ConvertedType::NONE | ConvertedType::BSON)
}

/// Checks that all columns can be decompressed, before anything is read.
fn check_compression(table: &SerializedFileReader<File>, columns: &[Arc<Type>]) -> Result<(), String> {
    let chunks = table.metadata().row_groups().iter().flat_map(RowGroupMetaData::columns);
    let read = chunks.filter(|chunk| {
        chunk.column_path().parts().first().is_some_and(|root| columns.iter().any(|column| column.name() == root))
    });
    let known =
        |compression| matches!(compression, Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_));
    match read.map(ColumnChunkMetaData::compression).find(|compression| !known(*compression)) {
        None => Ok(()),
        Some(other) => {
            let name = other.to_string();
            let name = name.split('(').next().unwrap_or(&name).to_lowercase();
            Err(format!("compressed with {name}, which is not supported; use snappy, gzip or no compression"))
        }
    }
}
