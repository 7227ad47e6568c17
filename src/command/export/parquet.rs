//! All records in one Parquet file, like Hugging Face's `metadata.parquet`: typed columns for the file name, the caption and
//! the other fields.
//!
//! No value is rounded or left out. A column has the type of the table that the dataset was imported from if all its values
//! fit into it, else the type of its values; if they have none in common, each is written as JSON.

mod cell;
mod image_column;
mod leaf;
mod node;
mod number;
mod shape;
mod time;

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use ::parquet::basic::{Compression, Repetition};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::{Type, TypePtr};

use super::images::Images;
use super::outcome::{Named, surrogate_note};
use super::source::{CaptionValue, Chosen, Source, Stopped};
use super::{ExportError, Outcome};
use crate::dataset::{FILE_NAME, Json};
use crate::parquet_file::column_like;
use crate::text::counted;
use cell::Cell;
use image_column::ImageColumn;
use leaf::Misfit;
use node::Node;
use shape::Shape;

/// Maximum number of rows in a row group.
const ROWS: usize = 10_000;
/// Maximum number of buffered values, reached before [`ROWS`] if a column has long lists.
const VALUES: usize = 4_000_000;
/// A dataset with more fields cannot be a table.
const MAX_COLUMNS: usize = 1_000;

/// The facts about a column after the first pass over the records.
#[derive(Default)]
struct Plan {
    name: String,
    shape: Shape,
    /// The type in the table that the dataset was imported from.
    imported: Option<Imported>,
    /// Line number of the first value that does not fit into the imported type.
    misfit: Option<u64>,
    has_values: bool,
}

struct Imported {
    column: TypePtr,
    /// A column of the same type, in which each value is tried. Null is allowed.
    trial: Node,
    /// The number of rows with a value.
    values: u64,
}

/// How values become those of a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Typed,
    /// Each value as JSON.
    Json,
    /// Strings as they are, others as JSON.
    TextOrJson,
}

struct Column {
    encoding: Encoding,
    node: Node,
    /// Whether the current row has a value.
    is_set: bool,
}

/// Writes the selected records to `out`, in bounded memory: the first pass finds the types of the columns. `imported` are
/// the columns of the table that the dataset was imported from. With `images`, the first column has them. Adds notes about
/// the content to `notes`.
pub(super) fn write(
    source: &Source<'_>,
    imported: Vec<TypePtr>,
    images: Option<&Images<'_>>,
    out: &mut (dyn Write + Send),
    notes: &mut Vec<String>,
) -> Result<Outcome, Stopped> {
    let (plans, rows) = plan(source, imported)?;
    notes.extend(plans.iter().flat_map(Plan::notes));
    let caption = source.dataset.caption_field();
    let mut types = plans.iter().map(|plan| plan.column(rows)).collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let columns = types.iter().zip(&plans).map(|(column, plan)| {
        let node = Node::new(column).ok_or_else(|| general("a column has no type"))?;
        Ok(Column { encoding: plan.encoding(plan.name == caption), node, is_set: false })
    });
    let mut columns = columns.collect::<Result<Vec<_>, ParquetError>>().map_err(failed)?;
    let mut properties = WriterProperties::builder().set_compression(Compression::SNAPPY);
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    let mut images = images.map(|images| (images, ImageColumn::new(&names)));
    if let Some((_, column)) = &images {
        types.insert(0, column.column().map_err(failed)?);
        properties = column.properties(properties);
    }
    let schema = Type::group_type_builder("schema").with_fields(types).build().map_err(failed)?;
    let mut file = SerializedFileWriter::new(&mut *out, schema.into(), properties.build().into()).map_err(failed)?;

    let places: HashMap<&str, usize> = names.into_iter().zip(0..).collect();
    let (mut rows, mut surrogates, mut doubtful) = (0, Named::default(), 0);
    let mut outcome = source.write_each("writing", &mut |chosen| {
        if let Some((images, column)) = &mut images {
            let record = chosen.record;
            match images.place(record).and_then(|place| Images::read(record, &place)) {
                Ok(bytes) => column.put(bytes, &record.file_name),
                Err(problem) => return Ok(Some(images.note(problem))),
            }
        }
        for (name, cell) in cells(source, chosen) {
            let Some(column) = places.get(&*name).and_then(|at| columns.get_mut(*at)) else { continue };
            if column.encoding != Encoding::Json && cell.has_lone_surrogate() {
                surrogates.add(|| source.dataset.message(chosen.record.line, &name));
            }
            doubtful += u64::from(column.encoding == Encoding::TextOrJson && !cell.is_null() && cell.text().is_none());
            column.put(cell).map_err(|Misfit| changed(&name))?;
        }
        for column in &mut columns {
            column.end_row().map_err(|Misfit| changed("a column"))?;
        }
        rows += 1;
        let is_full = images.as_ref().is_some_and(|(_, column)| column.is_full());
        if rows == ROWS || is_full || columns.iter_mut().map(|column| column.node.len()).sum::<usize>() > VALUES {
            rows = 0;
            write_group(&mut file, images.as_mut().map(|(_, column)| column), &mut columns).map_err(failed)?;
        }
        Ok::<_, Stopped>(None)
    })?;
    if rows > 0 {
        write_group(&mut file, images.as_mut().map(|(_, column)| column), &mut columns).map_err(failed)?;
    }
    file.close().map_err(failed)?;
    outcome.doubtful = doubtful + surrogates.count;
    if doubtful > 0 {
        let captions = counted(doubtful, "caption is not a string", "captions are not strings");
        notes.push(format!("{captions}: written as JSON in a column of strings"));
    }
    notes.extend(surrogate_note(&surrogates));
    notes.extend(images.into_iter().flat_map(|(images, _)| images.notes()));
    Ok(outcome)
}

fn write_group<W: Write + Send>(
    file: &mut SerializedFileWriter<W>,
    images: Option<&mut ImageColumn>,
    columns: &mut [Column],
) -> Result<(), ParquetError> {
    let mut group = file.next_row_group()?;
    images.map_or(Ok(()), |images| images.write(&mut group))?;
    columns.iter_mut().try_for_each(|column| column.node.write(&mut group))?;
    group.close().map(drop)
}

/// Finds the columns: those of the imported table in its order, or the file name and the caption, then the other fields in
/// order of appearance. Returns the number of rows too.
fn plan(source: &Source<'_>, imported: Vec<TypePtr>) -> Result<(Vec<Plan>, u64), Stopped> {
    let own = [FILE_NAME, source.dataset.caption_field()];
    let was_imported = !imported.is_empty();
    let mut plans: Vec<Plan> = imported.into_iter().map(Plan::imported).collect();
    for name in own {
        if !plans.iter().any(|plan| plan.name == name) {
            plans.push(Plan { name: name.to_owned(), ..Plan::default() });
        }
    }
    let mut places: HashMap<String, usize> = plans.iter().map(|plan| plan.name.clone()).zip(0..).collect();
    let mut rows = 0;
    source.each(&mut |chosen| {
        rows += 1;
        for (name, cell) in cells(source, chosen) {
            let at = places.get(&*name).copied().unwrap_or_else(|| {
                places.insert(name.clone().into_owned(), plans.len());
                plans.push(Plan { name: name.into_owned(), ..Plan::default() });
                plans.len() - 1
            });
            plans[at].take(cell, chosen.record.line);
        }
        if plans.len() > MAX_COLUMNS {
            let why = "more than 1000 different fields, too many for columns; export to jsonl";
            return Err(ExportError::Target { path: source.dataset.path().to_owned(), why });
        }
        Ok(())
    })?;
    plans.retain(|plan| plan.has_values || !was_imported && own.contains(&plan.name.as_str()));
    Ok((plans, rows))
}

impl Plan {
    fn imported(column: TypePtr) -> Self {
        let name = column.name().to_owned();
        let trial = with_repetition(&column, Repetition::OPTIONAL).ok().and_then(|column| Node::new(&column));
        let imported = trial.map(|trial| Imported { column, trial, values: 0 });
        Self { name, imported, ..Self::default() }
    }

    /// Takes note of a value.
    fn take(&mut self, cell: Cell<'_>, line: u64) {
        self.has_values = true;
        self.shape = std::mem::take(&mut self.shape).and(Shape::of(cell));
        let Some(imported) = &mut self.imported else { return };
        if imported.trial.put(Some(cell)).is_err() {
            self.imported = None;
            self.misfit = Some(line);
            return;
        }
        imported.trial.clear();
        imported.values += u64::from(!cell.is_null());
    }

    fn column(&self, rows: u64) -> Result<TypePtr, ParquetError> {
        match &self.imported {
            Some(imported) if imported.values == rows => Ok(imported.column.clone()),
            Some(imported) => with_repetition(&imported.column, Repetition::OPTIONAL),
            None => self.shape.column(&self.name),
        }
    }

    fn encoding(&self, is_caption: bool) -> Encoding {
        match self.shape.untyped() {
            Some(_) if self.imported.is_some() => Encoding::Typed,
            Some(_) if is_caption => Encoding::TextOrJson,
            Some(_) => Encoding::Json,
            None => Encoding::Typed,
        }
    }

    fn notes(&self) -> impl Iterator<Item = String> {
        let name = &self.name;
        let misfit = self.misfit.map(|line| {
            format!("column \"{name}\": the value in line {line} does not fit the type of the imported table; another is used")
        });
        let json = self.shape.untyped().filter(|_| self.imported.is_none());
        misfit.into_iter().chain(json.map(|reason| format!("column \"{name}\" contains JSON: {reason}")))
    }
}

impl Column {
    fn put(&mut self, cell: Cell<'_>) -> Result<(), Misfit> {
        self.is_set = true;
        let raw = cell.raw();
        match self.encoding {
            Encoding::Typed => self.node.put(Some(cell)),
            _ if cell.is_null() => self.node.put(None),
            Encoding::TextOrJson if cell.text().is_some() => self.node.put(Some(cell)),
            Encoding::TextOrJson | Encoding::Json => self.node.put(Some(Cell::Text(&raw))),
        }
    }

    /// Completes a row.
    fn end_row(&mut self) -> Result<(), Misfit> {
        if std::mem::take(&mut self.is_set) { Ok(()) } else { self.node.put(None) }
    }
}

/// Returns the values of a record by column.
fn cells<'a>(source: &'a Source<'_>, chosen: &'a Chosen<'_>) -> Vec<(Cow<'a, str>, Cell<'a>)> {
    let own = |name, cell| (Cow::Borrowed(name), cell);
    let mut cells = vec![own(FILE_NAME, Cell::Text(&chosen.record.file_name))];
    let caption = match chosen.caption() {
        CaptionValue::Text(_) if chosen.has_lone_surrogate() => chosen.line.caption().map(Cell::Json),
        CaptionValue::Text(text) => Some(Cell::Text(text)),
        CaptionValue::Object(text) => {
            Json::of_object(text).map_or(Some(Cell::Text(text)), |json| Some(Cell::Json(json)))
        }
        CaptionValue::Json(_) => chosen.line.caption().map(Cell::Json),
        CaptionValue::Missing => chosen.line.caption().map(Cell::Json).filter(|cell| cell.is_null()),
    };
    cells.extend(caption.map(|caption| own(source.dataset.caption_field(), caption)));
    cells.extend(chosen.line.others().into_iter().map(|(name, json)| (name, Cell::Json(json))));
    cells
}

/// Returns a type with another repetition.
fn with_repetition(column: &Type, repetition: Repetition) -> Result<TypePtr, ParquetError> {
    column_like(column, column.name(), repetition)
}

fn general(message: &str) -> ParquetError {
    ParquetError::General(message.to_owned())
}

/// The error if a value is not that of the first pass.
fn changed(name: &str) -> Stopped {
    failed(general(&format!("{name}: a value changed while it was exported")))
}

fn failed(error: ParquetError) -> Stopped {
    Stopped::Writing(match error {
        ParquetError::External(source) => source.downcast().map_or_else(io::Error::other, |error| *error).into(),
        error => io::Error::other(error).into(),
    })
}
