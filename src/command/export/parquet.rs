//! All records in one Parquet file, like Hugging Face's `metadata.parquet`: typed columns for the file name, the caption and
//! the other fields.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use ::parquet::basic::{Compression, LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::Type;
use serde_json::Value;

use super::{Chosen, ExportError, Outcome, Source, Stopped};
use crate::dataset::{FILE_NAME, Json};

/// Rows per row group.
const ROWS: usize = 10_000;
/// A dataset with more fields cannot be a table.
const MAX_COLUMNS: usize = 1_000;

/// The common type of all values in a column. Any value may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nothing,
    Boolean,
    Integer,
    Float,
    Text,
    /// Other and mixed types: each value as JSON.
    Json,
}

impl Kind {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Nothing,
            Value::Bool(_) => Self::Boolean,
            Value::Number(number) if number.is_i64() => Self::Integer,
            Value::Number(number) if number.is_f64() => Self::Float,
            Value::String(_) => Self::Text,
            Value::Number(_) | Value::Array(_) | Value::Object(_) => Self::Json,
        }
    }

    /// Returns the type that can hold values of both types.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (one, other) if one == other => one,
            (Self::Nothing, kind) | (kind, Self::Nothing) => kind,
            (Self::Integer, Self::Float) | (Self::Float, Self::Integer) => Self::Float,
            _ => Self::Json,
        }
    }

    const fn physical(self) -> Physical {
        match self {
            Self::Boolean => Physical::BOOLEAN,
            Self::Integer => Physical::INT64,
            Self::Float => Physical::DOUBLE,
            Self::Nothing | Self::Text | Self::Json => Physical::BYTE_ARRAY,
        }
    }
}

/// The buffered values of a column.
enum Cells {
    Booleans(Vec<bool>),
    Integers(Vec<i64>),
    Floats(Vec<f64>),
    Texts(Vec<ByteArray>),
}

struct Column {
    kind: Kind,
    cells: Cells,
    /// Parquet's definition levels: 1 for each row with a value, else 0.
    present: Vec<i16>,
}

impl Column {
    fn new(kind: Kind) -> Self {
        let cells = match kind {
            Kind::Boolean => Cells::Booleans(Vec::new()),
            Kind::Integer => Cells::Integers(Vec::new()),
            Kind::Float => Cells::Floats(Vec::new()),
            Kind::Nothing | Kind::Text | Kind::Json => Cells::Texts(Vec::new()),
        };
        Self { kind, cells, present: Vec::new() }
    }

    fn put(&mut self, value: &Value) {
        fn take<T>(cells: &mut Vec<T>, value: Option<T>) -> bool {
            let is_there = value.is_some();
            cells.extend(value);
            is_there
        }
        let is_there = match &mut self.cells {
            _ if value.is_null() => false,
            Cells::Booleans(cells) => take(cells, value.as_bool()),
            Cells::Integers(cells) => take(cells, value.as_i64()),
            Cells::Floats(cells) => take(cells, value.as_f64()),
            Cells::Texts(cells) if self.kind == Kind::Json => take(cells, Some(value.to_string().as_str().into())),
            Cells::Texts(cells) => take(cells, value.as_str().map(ByteArray::from)),
        };
        self.present.push(is_there.into());
    }

    /// Pads the column to the number of rows.
    fn end_row(&mut self, rows: usize) {
        self.present.resize(rows, 0);
    }

    fn write<W: Write + Send>(&mut self, group: &mut SerializedRowGroupWriter<'_, W>) -> Result<(), ParquetError> {
        let Some(mut column) = group.next_column()? else { return Ok(()) };
        let present = Some(self.present.as_slice());
        match &mut self.cells {
            Cells::Booleans(cells) => {
                column.typed::<BoolType>().write_batch(cells, present, None).map(|_| cells.clear())
            }
            Cells::Integers(cells) => {
                column.typed::<Int64Type>().write_batch(cells, present, None).map(|_| cells.clear())
            }
            Cells::Floats(cells) => {
                column.typed::<DoubleType>().write_batch(cells, present, None).map(|_| cells.clear())
            }
            Cells::Texts(cells) => {
                column.typed::<ByteArrayType>().write_batch(cells, present, None).map(|_| cells.clear())
            }
        }?;
        self.present.clear();
        column.close()
    }
}

/// Writes the chosen records to `out`, which stays small in memory whatever their number: they are gone through twice,
/// first for what the columns are.
pub(super) fn write(source: &Source<'_>, out: &mut (dyn Write + Send)) -> Result<Outcome, Stopped> {
    let (names, kinds) = columns(source)?;
    let fields = names.iter().zip(&kinds).map(|(name, kind)| {
        let text = matches!(kind.physical(), Physical::BYTE_ARRAY).then_some(LogicalType::String);
        let column = Type::primitive_type_builder(name, kind.physical()).with_repetition(Repetition::OPTIONAL);
        column.with_logical_type(text).build().map(Arc::new)
    });
    let fields = fields.collect::<Result<_, _>>().map_err(failed)?;
    let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(failed)?;
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut file = SerializedFileWriter::new(&mut *out, schema.into(), properties.into()).map_err(failed)?;

    let place: HashMap<&str, usize> = names.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let mut table: Vec<Column> = kinds.into_iter().map(Column::new).collect();
    let mut rows = 0;
    let outcome = source.each(&mut |chosen| {
        rows += 1;
        for (name, value) in values(source, chosen) {
            if let Some(column) = place.get(name.as_str()).and_then(|at| table.get_mut(*at)) {
                column.put(&value);
            }
        }
        for column in &mut table {
            column.end_row(rows);
        }
        if rows == ROWS {
            rows = 0;
            write_group(&mut file, &mut table).map_err(failed)?;
        }
        Ok::<_, Stopped>(())
    })?;
    if rows > 0 {
        write_group(&mut file, &mut table).map_err(failed)?;
    }
    file.close().map_err(failed)?;
    Ok(outcome)
}

fn write_group<W: Write + Send>(file: &mut SerializedFileWriter<W>, table: &mut [Column]) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    table.iter_mut().try_for_each(|column| column.write(&mut group))?;
    group.close().map(drop)
}

/// Returns the names and types of the columns: the file name, the caption, then the other fields in order of appearance.
fn columns(source: &Source<'_>) -> Result<(Vec<String>, Vec<Kind>), Stopped> {
    let mut names = vec![FILE_NAME.to_owned(), source.dataset.caption_field().to_owned()];
    let mut kinds = vec![Kind::Text; 2];
    let mut place: HashMap<String, usize> = names.iter().cloned().zip(0..).collect();
    source.each(&mut |chosen| {
        for (name, value) in values(source, chosen) {
            let at = *place.entry(name).or_insert_with_key(|name| {
                names.push(name.clone());
                kinds.push(Kind::Nothing);
                names.len() - 1
            });
            kinds[at] = kinds[at].and(Kind::of(&value));
        }
        if names.len() > MAX_COLUMNS {
            let why = "more than 1000 different fields, too many for columns; export to jsonl";
            return Err(ExportError::Target { path: source.dataset.path().to_owned(), why });
        }
        Ok(())
    })?;
    Ok((names, kinds))
}

/// Returns the values of a record by column.
fn values(source: &Source<'_>, chosen: &Chosen<'_>) -> Vec<(String, Value)> {
    let caption = chosen.state.current_caption(chosen.record.caption.text()).map_or(Value::Null, Value::from);
    let own = [
        (FILE_NAME.to_owned(), Value::from(&*chosen.record.file_name)),
        (source.dataset.caption_field().to_owned(), caption),
    ];
    let others = chosen.line.others().into_iter();
    own.into_iter().chain(others.map(|(name, json)| (name.into_owned(), value(json)))).collect()
}

/// Parses a value. One that no `Value` can hold is kept as it is written.
fn value(json: Json<'_>) -> Value {
    match json.text() {
        Some(decoded) => decoded.text.into(),
        None => serde_json::from_str(json.raw()).unwrap_or_else(|_| json.raw().into()),
    }
}

fn failed(error: ParquetError) -> Stopped {
    Stopped::Writing(match error {
        ParquetError::External(source) => source.downcast().map_or_else(io::Error::other, |error| *error).into(),
        error => io::Error::other(error).into(),
    })
}

/// The error for an export to standard output.
pub(super) fn needs_a_file() -> ExportError {
    ExportError::Target { path: PathBuf::from("standard output"), why: "parquet needs a file; name it with -o" }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_has_the_common_type_of_its_values() {
        let kind = |values: &[Value]| values.iter().map(Kind::of).fold(Kind::Nothing, Kind::and);
        assert_eq!(kind(&[json!(null), json!(null)]), Kind::Nothing);
        assert_eq!(kind(&[json!(null), json!(-3), json!(4)]), Kind::Integer);
        assert_eq!(kind(&[json!(1), json!(0.5), json!(2)]), Kind::Float);
        assert_eq!(kind(&[json!(u64::MAX)]), Kind::Json);
        assert_eq!(kind(&[json!(true), json!(1)]), Kind::Json);
        assert_eq!(kind(&[json!("a"), json!(1), json!("b")]), Kind::Json);
        assert_eq!(kind(&[json!(["a"])]), Kind::Json);
    }

    proptest! {
        #[test]
        fn the_order_of_values_does_not_change_their_column(mut values in prop::collection::vec(0..6_usize, 0..8)) {
            let samples = [json!(null), json!(true), json!(1), json!(0.5), json!("a"), json!([])];
            let kind = |values: &[usize]| values.iter().map(|at| Kind::of(&samples[*at])).fold(Kind::Nothing, Kind::and);
            let first = kind(&values);
            values.reverse();
            prop_assert_eq!(kind(&values), first);
        }
    }
}
