//! Assembles the records of a Parquet table from its columns ("Dremel Made Simple with Parquet" explains the levels).

use std::fmt::Write as _;

use ::parquet::basic::Repetition;
use ::parquet::column::page::PageReader;
use ::parquet::errors::Result;
use ::parquet::schema::types::{ColumnDescPtr, TypePtr};

use super::form::{Annotation, Form, annotation, is_element, is_repeated};
use super::json_string;
use super::leaf::{Leaf, Levels, general};
use super::value::Loss;

/// Maximum number of nested types. JSON parsers have a limit of 128.
const MAX_DEPTH: usize = 60;

/// Opens the column at an index, in the order of the leaves of the schema.
pub(crate) type Open<'a> = dyn FnMut(usize) -> Result<(ColumnDescPtr, Box<dyn PageReader>)> + 'a;

/// A column, or a part of a nested one.
pub(crate) struct Node {
    /// The definition level of a value that is not null, if it may be null.
    optional: Option<i16>,
    kind: Kind,
}

enum Kind {
    Leaf(Box<Leaf>),
    Struct(Vec<(String, Node)>),
    /// With the definition level of a list that is not empty, and the repetition level of all elements but the first.
    List(Levels, Box<Node>),
    Map(Levels, Box<(Node, Node)>),
}

impl Levels {
    const fn repeated(self) -> Self {
        Self { definition: self.definition + 1, repetition: self.repetition + 1 }
    }
}

impl Node {
    /// Opens a column. `leaf` is the index of its first leaf, and becomes that of the next column's.
    pub(crate) fn open(column: &TypePtr, leaf: &mut usize, open: &mut Open<'_>) -> Result<Self> {
        Self::build(column, Levels { definition: 0, repetition: 0 }, leaf, open, MAX_DEPTH)
    }

    fn build(field: &TypePtr, levels: Levels, leaf: &mut usize, open: &mut Open<'_>, depth: usize) -> Result<Self> {
        let depth = depth.checked_sub(1).ok_or_else(|| general("types are nested too deeply"))?;
        let repetition = field.get_basic_info().has_repetition().then(|| field.get_basic_info().repetition());
        match repetition {
            // A repeated field outside of a list is a list without a type of its own.
            Some(Repetition::REPEATED) => {
                let levels = levels.repeated();
                let element = Self { optional: None, kind: Self::kind(field, levels, leaf, open, depth)? };
                Ok(Self { optional: None, kind: Kind::List(levels, Box::new(element)) })
            }
            Some(Repetition::OPTIONAL) => {
                let levels = Levels { definition: levels.definition + 1, ..levels };
                let kind = Self::kind(field, levels, leaf, open, depth)?;
                Ok(Self { optional: Some(levels.definition), kind })
            }
            Some(Repetition::REQUIRED) | None => {
                Ok(Self { optional: None, kind: Self::kind(field, levels, leaf, open, depth)? })
            }
        }
    }

    fn kind(field: &TypePtr, levels: Levels, leaf: &mut usize, open: &mut Open<'_>, depth: usize) -> Result<Kind> {
        if field.is_primitive() {
            let (descriptor, pages) = open(*leaf)?;
            *leaf += 1;
            return Ok(Kind::Leaf(Box::new(Leaf::new(&descriptor, Form::of(field), pages))));
        }
        let inner = levels.repeated();
        match (annotation(field), field.get_fields()) {
            (Annotation::List, [repeated]) if is_repeated(repeated) => {
                let element = if is_element(repeated) {
                    Self { optional: None, kind: Self::kind(repeated, inner, leaf, open, depth)? }
                } else {
                    Self::build(&repeated.get_fields()[0], inner, leaf, open, depth)?
                };
                Ok(Kind::List(inner, Box::new(element)))
            }
            (Annotation::Map, [entry]) if is_repeated(entry) && entry.is_group() && entry.get_fields().len() == 2 => {
                let key = Self::build(&entry.get_fields()[0], inner, leaf, open, depth)?;
                let value = Self::build(&entry.get_fields()[1], inner, leaf, open, depth)?;
                Ok(Kind::Map(inner, Box::new((key, value))))
            }
            (_, []) => Err(general("a struct without fields")),
            (_, fields) => {
                let fields = fields
                    .iter()
                    .map(|field| Ok((field.name().to_owned(), Self::build(field, levels, leaf, open, depth)?)));
                Ok(Kind::Struct(fields.collect::<Result<_>>()?))
            }
        }
    }

    /// Appends the JSON of the next record. Calls `lost` for each value that is not in it.
    pub(crate) fn record(&mut self, out: &mut String, lost: &mut dyn FnMut(Loss)) -> Result<()> {
        self.read(out, lost)?;
        self.each_leaf(&mut |leaf| {
            if leaf.maximum.repetition > 0 && leaf.is_within(1)? {
                return Err(general("the parts of a column have different numbers of values"));
            }
            Ok(())
        })
    }

    /// Checks that no values are left after the last record.
    pub(crate) fn finish(&mut self) -> Result<()> {
        self.each_leaf(&mut |leaf| {
            if leaf.is_within(0)? {
                return Err(general("a column has more values than the table has rows"));
            }
            Ok(())
        })
    }

    fn each_leaf(&mut self, act: &mut dyn FnMut(&mut Leaf) -> Result<()>) -> Result<()> {
        match &mut self.kind {
            Kind::Leaf(leaf) => act(leaf),
            Kind::Struct(fields) => fields.iter_mut().try_for_each(|(_, field)| field.each_leaf(act)),
            Kind::List(_, element) => element.each_leaf(act),
            Kind::Map(_, entry) => {
                entry.0.each_leaf(act)?;
                entry.1.each_leaf(act)
            }
        }
    }

    fn read(&mut self, out: &mut String, lost: &mut dyn FnMut(Loss)) -> Result<()> {
        if let Some(definition) = self.optional
            && self.first()?.level()?.definition < definition
        {
            out.push_str("null");
            return self.skip();
        }
        match &mut self.kind {
            Kind::Leaf(leaf) => leaf.read(out, lost),
            Kind::Struct(fields) => {
                let mut separator = '{';
                for (name, field) in fields {
                    out.push(separator);
                    separator = ',';
                    out.push_str(&json_string(name));
                    out.push(':');
                    field.read(out, lost)?;
                }
                out.push('}');
                Ok(())
            }
            Kind::List(levels, element) => {
                let levels = *levels;
                out.push('[');
                if element.first()?.level()?.definition < levels.definition {
                    element.skip()?;
                } else {
                    element.read(out, lost)?;
                    while element.first()?.is_within(levels.repetition)? {
                        out.push(',');
                        element.read(out, lost)?;
                    }
                }
                out.push(']');
                Ok(())
            }
            Kind::Map(levels, entry) => {
                let (key, value) = &mut **entry;
                read_map(*levels, key, value, out, lost)
            }
        }
    }

    /// Passes over a null or an empty list, which has one pair of levels in each leaf.
    fn skip(&mut self) -> Result<()> {
        self.each_leaf(&mut Leaf::skip)
    }

    /// Returns a leaf; its levels are those of all others up to this node.
    fn first(&mut self) -> Result<&mut Leaf> {
        match &mut self.kind {
            Kind::Leaf(leaf) => Ok(leaf),
            Kind::Struct(fields) => fields
                .first_mut()
                .ok_or_else(|| general("a struct without fields"))
                .and_then(|(_, field)| field.first()),
            Kind::List(_, element) => element.first(),
            Kind::Map(_, entry) => entry.0.first(),
        }
    }
}

/// Appends an object, or an array of pairs if a key occurs twice.
fn read_map(
    levels: Levels,
    key: &mut Node,
    value: &mut Node,
    out: &mut String,
    lost: &mut dyn FnMut(Loss),
) -> Result<()> {
    if key.first()?.level()?.definition < levels.definition {
        out.push_str("{}");
        key.skip()?;
        return value.skip();
    }
    let mut entries: Vec<(String, String)> = Vec::new();
    loop {
        let mut entry = (String::new(), String::new());
        key.read(&mut entry.0, lost)?;
        value.read(&mut entry.1, lost)?;
        entries.push(entry);
        if !key.first()?.is_within(levels.repetition)? {
            break;
        }
    }
    let mut keys: Vec<&str> = entries.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    let is_object = keys.windows(2).all(|pair| pair[0] != pair[1]);
    let mut separator = if is_object { '{' } else { '[' };
    for (key, value) in &entries {
        out.push(separator);
        separator = ',';
        let _ = match is_object {
            true if key.starts_with('"') => write!(out, "{key}:{value}"),
            true => write!(out, "{}:{value}", json_string(key)),
            false => write!(out, "[{key},{value}]"),
        };
    }
    out.push(if is_object { '}' } else { ']' });
    Ok(())
}
