//! Takes the values of a column apart into its leaves ("Dremel Made Simple with Parquet" explains the levels).

use std::borrow::Cow;
use std::io::Write;

use ::parquet::basic::Repetition;
use ::parquet::errors::ParquetError;
use ::parquet::file::writer::SerializedRowGroupWriter;
use ::parquet::schema::types::Type;

use super::cell::Cell;
use super::leaf::{Leaf, Misfit};
use crate::parquet_file::{Annotation, annotation, is_element, is_repeated};

/// Maximum number of nested types of an imported column.
const MAX_DEPTH: usize = 60;

/// A column, or a part of a nested one.
pub(super) struct Node {
    is_optional: bool,
    /// The definition level of a value that is not null.
    definition: i16,
    kind: Kind,
}

enum Kind {
    Leaf(Leaf),
    Struct(Vec<(String, Node)>),
    List {
        /// The repetition level of all elements but the first.
        repetition: i16,
        element: Box<Node>,
    },
    Map {
        repetition: i16,
        entry: Box<(Node, Node)>,
    },
}

#[derive(Clone, Copy)]
struct Levels {
    definition: i16,
    repetition: i16,
}

impl Levels {
    const fn repeated(self) -> Self {
        Self { definition: self.definition + 1, repetition: self.repetition + 1 }
    }
}

impl Node {
    /// Returns `None` for a type that cannot be written.
    pub(super) fn new(column: &Type) -> Option<Self> {
        Self::build(column, Levels { definition: 0, repetition: 0 }, MAX_DEPTH)
    }

    fn build(field: &Type, levels: Levels, depth: usize) -> Option<Self> {
        let depth = depth.checked_sub(1)?;
        let info = field.get_basic_info();
        match info.has_repetition().then(|| info.repetition()) {
            // A repeated field outside of a list is a list without a type of its own.
            Some(Repetition::REPEATED) => {
                let inner = levels.repeated();
                let element =
                    Self { is_optional: false, definition: inner.definition, kind: Self::kind(field, inner, depth)? };
                let kind = Kind::List { repetition: inner.repetition, element: element.into() };
                Some(Self { is_optional: false, definition: levels.definition, kind })
            }
            Some(Repetition::OPTIONAL) => {
                let levels = Levels { definition: levels.definition + 1, ..levels };
                Some(Self { is_optional: true, definition: levels.definition, kind: Self::kind(field, levels, depth)? })
            }
            Some(Repetition::REQUIRED) | None => Some(Self {
                is_optional: false,
                definition: levels.definition,
                kind: Self::kind(field, levels, depth)?,
            }),
        }
    }

    fn kind(field: &Type, levels: Levels, depth: usize) -> Option<Kind> {
        if field.is_primitive() {
            return Some(Kind::Leaf(Leaf::new(field)));
        }
        let inner = levels.repeated();
        let repetition = inner.repetition;
        match (annotation(field), field.get_fields()) {
            (Annotation::List, [repeated]) if is_repeated(repeated) => {
                let element = if is_element(repeated) {
                    Self { is_optional: false, definition: inner.definition, kind: Self::kind(repeated, inner, depth)? }
                } else {
                    Self::build(&repeated.get_fields()[0], inner, depth)?
                };
                Some(Kind::List { repetition, element: element.into() })
            }
            (Annotation::Map, [entry]) if is_repeated(entry) && entry.is_group() && entry.get_fields().len() == 2 => {
                let key = Self::build(&entry.get_fields()[0], inner, depth)?;
                let value = Self::build(&entry.get_fields()[1], inner, depth)?;
                Some(Kind::Map { repetition, entry: (key, value).into() })
            }
            (_, []) => None,
            (_, fields) => {
                let fields =
                    fields.iter().map(|field| Some((field.name().to_owned(), Self::build(field, levels, depth)?)));
                Some(Kind::Struct(fields.collect::<Option<_>>()?))
            }
        }
    }

    /// Appends the value of a record.
    ///
    /// # Errors
    /// Returns an error if the column cannot hold it exactly. The column must then be cleared.
    pub(super) fn put(&mut self, cell: Option<Cell<'_>>) -> Result<(), Misfit> {
        self.put_at(cell, 0)
    }

    fn put_at(&mut self, cell: Option<Cell<'_>>, at: i16) -> Result<(), Misfit> {
        let Some(cell) = cell.filter(|cell| !cell.is_null()) else {
            if !self.is_optional {
                return Err(Misfit);
            }
            let definition = self.definition - 1;
            self.each_leaf(&mut |leaf| leaf.put_null(definition, at));
            return Ok(());
        };
        let definition = self.definition;
        match &mut self.kind {
            Kind::Leaf(leaf) => leaf.put(cell, definition, at),
            Kind::Struct(fields) => {
                let values = cell.fields().ok_or(Misfit)?;
                if values.iter().any(|(name, _)| !fields.iter().any(|(field, _)| field == name)) {
                    return Err(Misfit);
                }
                fields.iter_mut().try_for_each(|(name, field)| {
                    let value = values.iter().find(|(other, _)| other == name).map(|(_, value)| *value);
                    field.put_at(value, at)
                })
            }
            Kind::List { repetition, element } => {
                let elements = cell.elements().ok_or(Misfit)?;
                if elements.is_empty() {
                    element.each_leaf(&mut |leaf| leaf.put_null(definition, at));
                }
                let levels = std::iter::once(at).chain(std::iter::repeat(*repetition));
                elements.into_iter().zip(levels).try_for_each(|(value, at)| element.put_at(Some(value), at))
            }
            Kind::Map { repetition, entry } => {
                let (key, value) = &mut **entry;
                let entries = entries(cell).ok_or(Misfit)?;
                if entries.is_empty() {
                    for node in [&mut *key, &mut *value] {
                        node.each_leaf(&mut |leaf| leaf.put_null(definition, at));
                    }
                }
                let levels = std::iter::once(at).chain(std::iter::repeat(*repetition));
                entries.iter().zip(levels).try_for_each(|((name, cell), at)| {
                    key.put_key(name, at)?;
                    value.put_at(Some(*cell), at)
                })
            }
        }
    }

    /// Appends the key of a map: a text, or JSON that stands in a text because keys of objects are texts.
    fn put_key(&mut self, key: &Key<'_>, at: i16) -> Result<(), Misfit> {
        match (key, &mut self.kind) {
            (Key::Name(name), Kind::Leaf(leaf)) if leaf.is_of_texts() => {
                leaf.put(Cell::Text(name), self.definition, at)
            }
            (Key::Name(name), Kind::Leaf(leaf)) => leaf.put(Cell::Token(name), self.definition, at),
            (Key::Cell(cell), _) => self.put_at(Some(*cell), at),
            (Key::Name(_), _) => Err(Misfit),
        }
    }

    fn each_leaf(&mut self, act: &mut dyn FnMut(&mut Leaf)) {
        match &mut self.kind {
            Kind::Leaf(leaf) => act(leaf),
            Kind::Struct(fields) => fields.iter_mut().for_each(|(_, field)| field.each_leaf(act)),
            Kind::List { element, .. } => element.each_leaf(act),
            Kind::Map { entry, .. } => {
                entry.0.each_leaf(act);
                entry.1.each_leaf(act);
            }
        }
    }

    pub(super) fn clear(&mut self) {
        self.each_leaf(&mut Leaf::clear);
    }

    /// Returns the number of buffered values in all leaves.
    pub(super) fn len(&mut self) -> usize {
        let mut values = 0;
        self.each_leaf(&mut |leaf| values += leaf.len());
        values
    }

    /// Writes the buffered values and clears them.
    pub(super) fn write<W: Write + Send>(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<(), ParquetError> {
        let mut result = Ok(());
        self.each_leaf(&mut |leaf| {
            if result.is_ok() {
                result = group.next_column().and_then(|column| match column {
                    Some(mut column) => leaf.write(column.untyped()).and_then(|()| column.close()),
                    None => Err(ParquetError::General("the schema has fewer columns".to_owned())),
                });
            }
        });
        result
    }
}

/// A key of a map.
enum Key<'a> {
    Name(Cow<'a, str>),
    Cell(Cell<'a>),
}

/// Returns the entries of a map: an object, or an array of pairs if a key occurs twice.
fn entries(cell: Cell<'_>) -> Option<Vec<(Key<'_>, Cell<'_>)>> {
    if let Some(fields) = cell.fields() {
        return Some(fields.into_iter().map(|(name, value)| (Key::Name(name), value)).collect());
    }
    cell.elements()?.into_iter().map(pair).collect()
}

fn pair(pair: Cell<'_>) -> Option<(Key<'_>, Cell<'_>)> {
    match pair.elements()?.as_slice() {
        [key, value] => Some((Key::Cell(*key), *value)),
        _ => None,
    }
}
