//! A Parquet table with a row for each image, like Hugging Face's `metadata.parquet`.

use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::Repetition;
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::TypePtr;

use super::report::Reason;
use super::{FILE_NAME, InitError, Records};
use crate::codec::{catch_panic, clean_message};
use crate::dataset::columns;
use crate::parquet_file::{Loss, Node, Table, TableColumn, TableError, column_like, is_data, open_column};

/// Adds all rows, with the columns as fields in the same order. Returns the columns.
pub(super) fn write(path: &Path, records: &mut Records<'_, '_>) -> Result<Vec<TypePtr>, InitError> {
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    let table = Table::open(path).map_err(|error| match error {
        TableError::Io(source) => InitError::Read { path: path.to_owned(), source },
        TableError::Wrong(why) => wrong(why),
    })?;
    catch_panic(|| rows(&table, path, records), wrong)
}

fn rows(table: &Table, path: &Path, records: &mut Records<'_, '_>) -> Result<Vec<TypePtr>, InitError> {
    let wrong = |why: String| InitError::Table { path: path.to_owned(), why };
    let broken = |error: ParquetError| wrong(clean_message(error));
    table.check_compression().map_err(wrong)?;

    let columns = table.columns();
    let captions = records.renames.caption.map_or(records.caption_field, |(column, _)| column);
    let required = [records.renames.file.unwrap_or(FILE_NAME), captions];
    let (data, columns) = split_data(table, &columns, required).map_err(broken)?;
    let mut names: Vec<String> = columns.iter().map(|column| column.field.name().to_owned()).collect();
    records.renames.apply(&mut names).map_err(wrong)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    columns::check(&names).map_err(|why| match data.first() {
        Some(images) if !names.contains(&FILE_NAME) => wrong(format!(
            "{why}; the images are in column \"{}\": review the table itself, with recaption {}",
            images.field.name(),
            path.display()
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
    for (number, group) in table.groups().iter().enumerate() {
        let nodes = columns.iter().map(|column| open_column(table, column, number)).collect::<Result<Vec<_>, _>>();
        let mut nodes = nodes.map_err(broken)?;
        for _ in 0..group.num_rows() {
            records.read += 1;
            for ((column, node), value) in columns.iter().zip(&mut nodes).zip(&mut values) {
                let (name, report) = (column.field.name(), &mut records.report);
                value.clear();
                node.record(value, &mut |loss| report.add(reason(loss), name)).map_err(broken)?;
            }
            let fields = || names.iter().copied().zip(values.iter().map(String::as_str));
            if fields().any(|(name, value)| name == FILE_NAME && (!value.starts_with('"') || value == "\"\"")) {
                let row = format!("row {}", records.read);
                records.report.add(Reason::NoFileName, &row);
                continue;
            }
            records.line(fields())?;
        }
        nodes.iter_mut().try_for_each(Node::finish).map_err(broken)?;
    }
    columns
        .iter()
        .zip(names)
        .map(|(column, name)| renamed(&column.field, name))
        .collect::<Result<_, _>>()
        .map_err(broken)
}

/// Returns the type of a column under the name of its field.
fn renamed(column: &TypePtr, name: &str) -> Result<TypePtr, ParquetError> {
    if column.name() == name {
        return Ok(Arc::clone(column));
    }
    let info = column.get_basic_info();
    let repetition = if info.has_repetition() { info.repetition() } else { Repetition::REQUIRED };
    column_like(column, name, repetition)
}

const fn reason(loss: Loss) -> Reason {
    match loss {
        Loss::NotFinite => Reason::NotFinite,
        Loss::NotText => Reason::ValueNotUtf8,
        Loss::OutOfRange => Reason::OutOfRange,
    }
}

/// Separates the columns of binary data, such as encoded images. The file name and the caption never are: their values
/// are either text or reported.
fn split_data<'a>(
    table: &Table,
    columns: &'a [TableColumn],
    required: [&str; 2],
) -> Result<(Vec<&'a TableColumn>, Vec<&'a TableColumn>), ParquetError> {
    let (mut data, mut others) = (Vec::new(), Vec::new());
    for column in columns {
        let is_required = required.contains(&column.field.name());
        let is_data = !is_required && is_data(table, column)?;
        if is_data { data.push(column) } else { others.push(column) }
    }
    Ok((data, others))
}
