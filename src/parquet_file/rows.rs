//! The rows of a table as JSON, column by column, in one row group after the other.

use ::parquet::errors::Result;
use ::parquet::schema::types::Type;

use super::form::Form;
use super::leaf::Leaf;
use super::reader::Node;
use super::table::{Table, TableColumn};

/// Opens the part of a column in a row group.
pub(crate) fn open_column(table: &Table, column: &TableColumn, group: usize) -> Result<Node> {
    let mut leaf = column.leaves.start;
    Node::open(&column.field, &mut leaf, &mut |leaf| Ok((table.leaf(leaf), table.pages(group, leaf)?)))
}

/// Opens the part of a column without children in a row group.
pub(crate) fn open_leaf(table: &Table, leaf: usize, group: usize) -> Result<Leaf> {
    let descriptor = table.leaf(leaf);
    let form = Form::of(descriptor.self_type());
    Ok(Leaf::new(&descriptor, form, table.pages(group, leaf)?))
}

/// Returns true if a column has binary data, by the first values of its leaves.
pub(crate) fn is_data(table: &Table, column: &TableColumn) -> Result<bool> {
    for leaf in column.leaves.clone() {
        let form = Form::of(table.leaf(leaf).self_type());
        for group in 0..table.groups().len() {
            if !matches!(form, Form::Bytes | Form::Data) {
                break;
            }
            match open_leaf(table, leaf, group)?.is_data()? {
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

/// Returns true if a column may be a field of a record: not lists of fractions, which are embeddings, and not bytes without
/// a type inside of others.
pub(crate) fn may_be_field(column: &TableColumn) -> bool {
    fn has_only_values(field: &Type, is_repeated: bool, depth: usize) -> bool {
        let is_repeated = is_repeated || super::is_repeated(field);
        if field.is_primitive() {
            return match Form::of(field) {
                Form::Float | Form::Float16 => !is_repeated,
                Form::Bytes => depth == 0,
                Form::Data => false,
                _ => true,
            };
        }
        field.get_fields().iter().all(|field| has_only_values(field, is_repeated, depth + 1))
    }
    has_only_values(&column.field, false, 0)
}
