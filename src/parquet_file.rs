//! Parquet files: their columns, rows as JSON, single values, and copies in which a column changes.

mod cells;
mod chunks;
mod content_hash;
mod copy;
#[cfg(test)]
pub(crate) mod fixture;
mod form;
mod leaf;
mod pages;
mod reader;
mod roles;
mod rows;
mod table;
mod value;
mod zstandard;

use ::parquet::basic::Repetition;
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::{Type, TypePtr};
use serde_json::Value;

pub(crate) use cells::{Cell, CellError, OpenTable};
pub(crate) use content_hash::{content_hash, hash_range, whole_hash};
pub(crate) use copy::{CopyError, Edit, NewText, copy};
pub(crate) use form::{Annotation, EPOCH_JULIAN_DAY, Form, NANOS_PER_DAY, Values, annotation, is_element, is_repeated};
pub(crate) use reader::Node;
pub(crate) use roles::{FILE_NAMES, Roles, is_text, is_text_list};
pub(crate) use rows::{is_data, may_be_field, open_column, open_leaf};
pub(crate) use table::{Table, TableColumn, TableError};
pub(crate) use value::Loss;

/// The extension of the files.
const EXTENSION: &str = "parquet";

/// Returns true if the name is that of a Parquet file.
pub(crate) fn is_parquet(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(EXTENSION))
}

/// Finds the columns with the images and their names.
pub(crate) fn roles(table: &Table, file_column: Option<&str>) -> Roles {
    Roles::of(table, file_column, &mut |leaf| cells::is_image_data(table, leaf))
}

/// Returns a type with another name and repetition.
pub(crate) fn column_like(column: &Type, name: &str, repetition: Repetition) -> Result<TypePtr, ParquetError> {
    let info = column.get_basic_info();
    let id = info.has_id().then(|| info.id());
    let (logical, converted) = (info.logical_type_ref().cloned(), info.converted_type());
    let column = match column {
        Type::PrimitiveType { physical_type, type_length, scale, precision, .. } => {
            let column = Type::primitive_type_builder(name, *physical_type).with_repetition(repetition);
            let column = column.with_converted_type(converted).with_logical_type(logical).with_length(*type_length);
            column.with_precision(*precision).with_scale(*scale).with_id(id).build()
        }
        Type::GroupType { fields, .. } => {
            let column = Type::group_type_builder(name).with_repetition(repetition).with_fields(fields.clone());
            column.with_converted_type(converted).with_logical_type(logical).with_id(id).build()
        }
    };
    column.map(Into::into)
}

/// Returns the JSON of a string.
fn json_string(text: &str) -> String {
    Value::from(text).to_string()
}
