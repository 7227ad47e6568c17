//! A Parquet table with a row for each image, like Hugging Face's `metadata.parquet`.

mod leaf;
mod pages;
mod reader;
mod value;

use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::column::page::PageReader;
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::RowGroupMetaData;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::schema::types::{ColumnDescPtr, Type, TypePtr};

use super::report::Reason;
use super::{FILE_NAME, InitError, Records};
use crate::command::parquet_form::Form;
use crate::dataset::columns;
use crate::picture::{catch_panic, clean_message};
use leaf::Leaf;
use reader::Node;
use value::Loss;

/// A column of the table.
struct Column {
    field: TypePtr,
    /// Its leaves, in the order of the schema.
    leaves: Range<usize>,
}

/// Adds all rows, with the columns as fields in the same order. Returns the columns.
pub(super) fn write(path: &Path, records: &mut Records<'_, '_>) -> Result<Vec<TypePtr>, InitError> {
    let file = File::open(path).map_err(|source| InitError::Read { path: path.to_owned(), source })?;
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    catch_panic(|| rows(file, path, records), wrong)
}

fn rows(file: File, path: &Path, records: &mut Records<'_, '_>) -> Result<Vec<TypePtr>, InitError> {
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    let broken = |error: ParquetError| wrong(clean_message(error));
    let pages = Arc::new(file.try_clone().map_err(|source| InitError::Read { path: path.to_owned(), source })?);
    let table = SerializedFileReader::new(file).map_err(broken)?;
    let groups = table.metadata().row_groups();
    check_compression(groups).map_err(wrong)?;

    let columns = columns_of(table.metadata().file_metadata().schema());
    let (data, columns) = split_data(&columns, groups, &pages, records.caption_field).map_err(broken)?;
    let names: Vec<&str> = columns.iter().map(|column| column.field.name()).collect();
    columns::check(&names).map_err(|why| match data.first() {
        Some(images) if !names.contains(&FILE_NAME) => wrong(format!(
            "{why}; if the images are in column \"{}\", write each to a file first, and the file names to a column \
             \"{FILE_NAME}\"",
            images.field.name()
        )),
        _ => wrong(why),
    })?;
    if let Some(note) = columns::caption_note(&names, records.caption_field) {
        records.note(&note)?;
    }
    for column in &data {
        records.report.add(Reason::DataColumn, column.field.name());
    }

    let mut values = vec![String::new(); columns.len()];
    for group in groups {
        let nodes = columns.iter().map(|column| open(column, group, &pages)).collect::<Result<Vec<_>, _>>();
        let mut nodes = nodes.map_err(broken)?;
        for _ in 0..group.num_rows() {
            records.read += 1;
            for ((column, node), value) in columns.iter().zip(&mut nodes).zip(&mut values) {
                let (name, report) = (column.field.name(), &mut records.report);
                value.clear();
                node.record(value, &mut |loss| report.add(reason(loss), name)).map_err(broken)?;
            }
            let fields = || columns.iter().map(|column| column.field.name()).zip(values.iter().map(String::as_str));
            if fields().any(|(name, value)| name == FILE_NAME && (!value.starts_with('"') || value == "\"\"")) {
                let row = format!("row {}", records.read);
                records.report.add(Reason::NoFileName, &row);
                continue;
            }
            records.line(fields())?;
        }
        nodes.iter_mut().try_for_each(Node::finish).map_err(broken)?;
    }
    Ok(columns.iter().map(|column| Arc::clone(&column.field)).collect())
}

const fn reason(loss: Loss) -> Reason {
    match loss {
        Loss::NotFinite => Reason::NotFinite,
        Loss::NotText => Reason::ValueNotUtf8,
        Loss::OutOfRange => Reason::OutOfRange,
    }
}

fn columns_of(schema: &Type) -> Vec<Column> {
    fn leaves(field: &Type) -> usize {
        if field.is_primitive() { 1 } else { field.get_fields().iter().map(|field| leaves(field)).sum() }
    }
    let mut first = 0;
    let column = |field: &TypePtr| {
        let leaves = first..first + leaves(field);
        first = leaves.end;
        Column { field: Arc::clone(field), leaves }
    };
    schema.get_fields().iter().map(column).collect()
}

/// Opens the part of a column in a row group.
fn open(column: &Column, group: &RowGroupMetaData, pages: &Arc<File>) -> Result<Node, ParquetError> {
    let mut leaf = column.leaves.start;
    Node::open(&column.field, &mut leaf, &mut |leaf| leaf_pages(leaf, group, pages))
}

type LeafPages = (ColumnDescPtr, Box<dyn PageReader>);

fn leaf_pages(leaf: usize, group: &RowGroupMetaData, file: &Arc<File>) -> Result<LeafPages, ParquetError> {
    let missing = || ParquetError::General("a row group has fewer columns than the table".to_owned());
    let chunk = group.columns().get(leaf).ok_or_else(missing)?;
    let rows = usize::try_from(group.num_rows())?;
    Ok((chunk.column_descr_ptr(), pages::open(Arc::clone(file), chunk, rows)?))
}

/// Separates the columns of binary data, such as encoded images. The file name and the caption never are: their values
/// are either text or reported.
fn split_data<'a>(
    columns: &'a [Column],
    groups: &[RowGroupMetaData],
    pages: &Arc<File>,
    caption_field: &str,
) -> Result<(Vec<&'a Column>, Vec<&'a Column>), ParquetError> {
    let (mut data, mut others) = (Vec::new(), Vec::new());
    for column in columns {
        let is_required = column.field.name() == FILE_NAME || column.field.name() == caption_field;
        let is_data = !is_required && is_data(column, groups, pages)?;
        if is_data { data.push(column) } else { others.push(column) }
    }
    Ok((data, others))
}

fn is_data(column: &Column, groups: &[RowGroupMetaData], pages: &Arc<File>) -> Result<bool, ParquetError> {
    for leaf in column.leaves.clone() {
        for group in groups {
            let (descriptor, pages) = leaf_pages(leaf, group, pages)?;
            let form = Form::of(descriptor.self_type());
            if !matches!(form, Form::Bytes | Form::Data) {
                break;
            }
            match Leaf::new(&descriptor, form, pages).is_data()? {
                Some(true) => return Ok(true),
                Some(false) => break,
                // All null; examine the next row group.
                None if form == Form::Data => return Ok(true),
                None => {}
            }
        }
    }
    Ok(false)
}

/// Checks that all columns can be decompressed, before anything is read.
fn check_compression(groups: &[RowGroupMetaData]) -> Result<(), String> {
    let mut chunks = groups.iter().flat_map(RowGroupMetaData::columns);
    if chunks.any(|chunk| chunk.compression() == Compression::LZO) {
        return Err("compressed with LZO, which is not supported; use zstd, snappy or no compression".to_owned());
    }
    Ok(())
}
