//! The type of a column, inferred from its values.

use std::fmt;
use std::sync::Arc;

use ::parquet::basic::{LogicalType, Repetition, Type as Physical};
use ::parquet::errors::ParquetError;
use ::parquet::schema::types::{Type, TypePtr};

use super::cell::Cell;
use super::number::{float, integer};
use crate::dataset::JsonKind;

/// Maximum number of nested lists and objects in a typed column.
const MAX_DEPTH: usize = 8;
/// Maximum number of fields of an object in a typed column. One with more is rather a dictionary.
const MAX_FIELDS: usize = 100;

/// The common type of values. Any of them may be null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    #[default]
    Nothing,
    Boolean,
    Number(Number),
    Text,
    List(Box<Self>),
    Struct(Vec<(String, Self)>),
    Untyped(Reason),
}

/// What decides which type holds all numbers exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    are_integers: bool,
    /// The range of zero and the integers.
    least: i128,
    most: i128,
    /// Whether 64-bit floats hold all of them.
    are_floats: bool,
}

/// Why each value of a column is written as JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Number,
    Fields,
    Depth,
    Types,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Number => "no 64-bit type holds all its numbers exactly",
            Self::Fields => "its objects have different fields",
            Self::Depth => "its values are nested deeply",
            Self::Types => "its values have several types",
        })
    }
}

impl Shape {
    pub(super) fn of(cell: Cell<'_>) -> Self {
        Self::nested(cell, MAX_DEPTH)
    }

    fn nested(cell: Cell<'_>, depth: usize) -> Self {
        match cell.kind() {
            JsonKind::Null => Self::Nothing,
            JsonKind::Boolean => Self::Boolean,
            JsonKind::String => Self::Text,
            JsonKind::Number => {
                cell.number().map_or(Self::Untyped(Reason::Number), |token| Self::Number(Number::of(token)))
            }
            JsonKind::Array | JsonKind::Object if depth == 0 => Self::Untyped(Reason::Depth),
            JsonKind::Array => match cell.elements() {
                Some(elements) => {
                    let element = |shape: Self, element| shape.and(Self::nested(element, depth - 1));
                    Self::List(Box::new(elements.into_iter().fold(Self::Nothing, element)))
                }
                None => Self::Untyped(Reason::Types),
            },
            JsonKind::Object => match cell.fields() {
                Some(fields) if !fields.is_empty() && fields.len() <= MAX_FIELDS => Self::Struct(
                    fields
                        .into_iter()
                        .map(|(name, value)| (name.into_owned(), Self::nested(value, depth - 1)))
                        .collect(),
                ),
                Some(_) => Self::Untyped(Reason::Fields),
                None => Self::Untyped(Reason::Types),
            },
        }
    }

    /// Returns the type that holds the values of both types.
    pub(super) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, shape) | (shape, Self::Nothing) => shape,
            (Self::Untyped(one), Self::Untyped(other)) => Self::Untyped(one.max(other)),
            (Self::Untyped(reason), _) | (_, Self::Untyped(reason)) => Self::Untyped(reason),
            (Self::Boolean, Self::Boolean) => Self::Boolean,
            (Self::Text, Self::Text) => Self::Text,
            (Self::Number(one), Self::Number(other)) => Self::Number(one.and(other)),
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.and(*other))),
            (Self::Struct(fields), Self::Struct(others)) => Self::fields_of_both(fields, others),
            _ => Self::Untyped(Reason::Types),
        }
    }

    fn fields_of_both(mut fields: Vec<(String, Self)>, others: Vec<(String, Self)>) -> Self {
        if fields.len() != others.len() {
            return Self::Untyped(Reason::Fields);
        }
        for (at, (name, other)) in others.into_iter().enumerate() {
            // Mostly, they have the same order.
            let is_here = fields.get(at).is_some_and(|(here, _)| *here == name);
            let place = if is_here { Some(at) } else { fields.iter().position(|(here, _)| *here == name) };
            let Some(place) = place else { return Self::Untyped(Reason::Fields) };
            let shape = std::mem::take(&mut fields[place].1);
            fields[place].1 = shape.and(other);
        }
        Self::Struct(fields)
    }

    /// Returns why the column has no type, if it has none.
    pub(super) fn untyped(&self) -> Option<Reason> {
        match self {
            Self::Untyped(reason) => Some(*reason),
            Self::Number(number) => number.physical().is_none().then_some(Reason::Number),
            Self::List(element) => element.untyped(),
            Self::Struct(fields) => fields.iter().filter_map(|(_, field)| field.untyped()).max(),
            Self::Nothing | Self::Boolean | Self::Text => None,
        }
    }

    /// Returns a column of this type; of strings if it has no type.
    pub(super) fn column(&self, name: &str) -> Result<TypePtr, ParquetError> {
        if self.untyped().is_some() { Self::Text.nested_column(name) } else { self.nested_column(name) }
    }

    fn nested_column(&self, name: &str) -> Result<TypePtr, ParquetError> {
        let (physical, logical) = match self {
            Self::Nothing | Self::Text | Self::Untyped(_) => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Self::Boolean => (Physical::BOOLEAN, None),
            Self::Number(number) => number.physical().unwrap_or((Physical::BYTE_ARRAY, Some(LogicalType::String))),
            Self::List(element) => {
                let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
                let list = list.with_fields(vec![element.nested_column("element")?]).build()?;
                return group(name, vec![list.into()], Some(LogicalType::List));
            }
            Self::Struct(fields) => {
                let fields = fields.iter().map(|(name, field)| field.nested_column(name));
                return group(name, fields.collect::<Result<_, _>>()?, None);
            }
        };
        let column = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
        column.with_logical_type(logical).build().map(Arc::new)
    }
}

fn group(name: &str, fields: Vec<TypePtr>, logical: Option<LogicalType>) -> Result<TypePtr, ParquetError> {
    let group = Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
    group.with_fields(fields).with_logical_type(logical).build().map(Arc::new)
}

impl Number {
    fn of(token: &str) -> Self {
        // Larger integers than 128 bits have no type either.
        let is_integer = token != "-0" && token.trim_start_matches('-').bytes().all(|byte| byte.is_ascii_digit());
        let limit = if token.starts_with('-') { i128::MIN } else { i128::MAX };
        let integer = if is_integer { integer(token).unwrap_or(limit) } else { 0 };
        Self {
            are_integers: is_integer,
            least: integer.min(0),
            most: integer.max(0),
            are_floats: float(token).is_some(),
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            are_integers: self.are_integers && other.are_integers,
            least: self.least.min(other.least),
            most: self.most.max(other.most),
            are_floats: self.are_floats && other.are_floats,
        }
    }

    fn physical(self) -> Option<(Physical, Option<LogicalType>)> {
        let fits = |least: i128, most: i128| self.least >= least && self.most <= most;
        match self.are_integers {
            true if fits(i64::MIN.into(), i64::MAX.into()) => Some((Physical::INT64, None)),
            true if fits(0, u64::MAX.into()) => Some((Physical::INT64, Some(LogicalType::integer(64, false)))),
            false if self.are_floats => Some((Physical::DOUBLE, None)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::Json;

    fn shape(values: &[&str]) -> Shape {
        let lines: Vec<String> = values.iter().map(|value| format!("{{\"a\": {value}}}")).collect();
        let cells = lines.iter().map(|line| Cell::Json(Json::field_of(line, "a").expect("a field")));
        cells.map(Shape::of).fold(Shape::Nothing, Shape::and)
    }

    /// Returns a column as `show_schema` would print it, in short.
    fn column(values: &[&str]) -> String {
        fn short(column: &Type) -> String {
            let info = column.get_basic_info();
            match (column.is_group(), info.logical_type_ref()) {
                (true, Some(LogicalType::List)) => format!("[{}]", short(&column.get_fields()[0].get_fields()[0])),
                (true, _) => {
                    let field = |field: &TypePtr| format!("{}: {}", field.name(), short(field));
                    format!("{{{}}}", column.get_fields().iter().map(field).collect::<Vec<_>>().join(", "))
                }
                (false, Some(LogicalType::String)) => "string".to_owned(),
                (false, Some(LogicalType::Integer(_))) => "unsigned".to_owned(),
                (false, _) => column.get_physical_type().to_string().to_lowercase(),
            }
        }
        let shape = shape(values);
        let column = short(&shape.column("a").unwrap());
        shape.untyped().map_or(column, |reason| format!("{reason:?}"))
    }

    #[test]
    fn a_column_has_the_common_type_of_its_values() {
        assert_eq!(column(&["null", "null"]), "string");
        assert_eq!(column(&["null", "-3", "4"]), "int64");
        assert_eq!(column(&["1", "0.5", "2"]), "double");
        assert_eq!(column(&["18446744073709551615", "1"]), "unsigned");
        assert_eq!(column(&["18446744073709551615", "-1"]), "Number");
        assert_eq!(column(&["18446744073709551616"]), "Number");
        assert_eq!(column(&["9007199254740993", "0.5"]), "Number");
        assert_eq!(column(&["1e999"]), "Number");
        assert_eq!(column(&["true", "1"]), "Types");
        assert_eq!(column(&["\"a\"", "1", "\"b\""]), "Types");
        assert_eq!(column(&["[\"a\", null]", "[]", "null"]), "[string]");
        assert_eq!(column(&["[[1], []]", "[[0.5]]"]), "[[double]]");
        assert_eq!(column(&["[1, \"a\"]"]), "Types");
        assert_eq!(column(&["{\"x\": 1, \"y\": [true]}", "{\"y\": [], \"x\": null}"]), "{x: int64, y: [boolean]}");
        assert_eq!(column(&["{\"x\": 1}", "{\"y\": 1}"]), "Fields");
        assert_eq!(column(&["{}"]), "Fields");
        assert_eq!(column(&["[[[[[[[[1]]]]]]]]"]), "[[[[[[[[int64]]]]]]]]");
        assert_eq!(column(&["[[[[[[[[[1]]]]]]]]]"]), "Depth");
        assert_eq!(column(&[&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))]), "Depth");
    }

    proptest! {
        #[test]
        fn the_order_of_values_does_not_change_their_column(mut values in prop::collection::vec(0..12_usize, 0..8)) {
            let samples =
                ["null", "true", "1", "0.5", "-1", "18446744073709551615", "1e999", "\"a\"", "[]", "[1]", "{\"x\": 1}", "{\"x\": 0.5}"];
            let kind = |values: &[usize]| shape(&values.iter().map(|at| samples[*at]).collect::<Vec<_>>());
            let first = kind(&values);
            values.reverse();
            prop_assert_eq!(kind(&values), first);
        }
    }
}
