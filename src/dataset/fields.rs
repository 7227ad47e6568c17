//! Finds the fields of a line of JSON, and their exact positions, without decoding their values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::FILE_NAME;
use super::line::{JsonKind, LineError};

/// The fields of a line's object that we need. If one is repeated, the last one counts, as in Python and the loaders built
/// on it.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    pub(super) file_name: Field<'a>,
    pub(super) caption: Field<'a>,
    /// The end of the object, needed to append a field; `None` if the object is empty.
    pub(super) tail: Option<Tail>,
}

#[derive(Debug, Default)]
pub(super) struct Field<'a> {
    pub(super) json: Option<Json<'a>>,
    pub(super) repeated: bool,
}

impl<'a> Field<'a> {
    fn set(&mut self, raw: &'a str) {
        self.repeated |= self.json.is_some();
        self.json = Some(Json(raw));
    }
}

/// The object's last field and its separators, as positions in the line.
#[derive(Debug)]
pub(super) struct Tail {
    /// From the previous value to the last key: a comma and white space; `None` if there is only one field.
    pub(super) comma: Option<Range<usize>>,
    /// From the last key to its value: a colon and white space.
    pub(super) colon: Range<usize>,
    /// The end of the last value.
    pub(super) end: usize,
}

/// Parses a line without decoding any values.
pub(super) fn fields<'a>(line: &'a str, caption_field: &str) -> Result<Fields<'a>, LineError> {
    walk(line, |fields: &mut Fields<'a>, key, value| {
        let (name, raw) = (&line[key.clone()], &line[value.clone()]);
        if is(name, FILE_NAME) {
            fields.file_name.set(raw);
        } else if is(name, caption_field) {
            fields.caption.set(raw);
        }
        fields.tail = Some(Tail {
            comma: fields.tail.take().map(|before| before.end..key.start),
            colon: key.end..value.start,
            end: value.end,
        });
    })
}

/// Returns all fields of an object in order, without decoding any values. A repeated field has its last value, in the
/// place of its first, as in Python.
pub(super) fn all_fields(object: &str) -> Result<Vec<(Cow<'_, str>, Json<'_>)>, LineError> {
    #[derive(Default)]
    struct All<'a> {
        fields: Vec<(Cow<'a, str>, Json<'a>)>,
        places: HashMap<Cow<'a, str>, usize>,
    }
    let all = walk(object, |all: &mut All<'_>, key, value| {
        let (name, json) = (key_name(&object[key]), Json(&object[value]));
        match all.places.entry(name) {
            Entry::Occupied(place) => all.fields[*place.get()].1 = json,
            Entry::Vacant(place) => {
                all.fields.push((place.key().clone(), json));
                place.insert(all.fields.len() - 1);
            }
        }
    })?;
    Ok(all.fields)
}

/// Returns the undecoded value of a field, the last one if it is repeated.
pub(super) fn field<'a>(object: &'a str, name: &str) -> Result<Option<Json<'a>>, LineError> {
    walk(object, |found: &mut Option<Json<'a>>, key, value| {
        if is(&object[key], name) {
            *found = Some(Json(&object[value]));
        }
    })
}

/// Visits the fields of an object in order, with the positions of the undecoded key and value.
fn walk<T: Default>(line: &str, visit: impl FnMut(&mut T, Range<usize>, Range<usize>)) -> Result<T, LineError> {
    let mut json = serde_json::Deserializer::from_str(line);
    if !line.trim_ascii_start().starts_with('{') {
        IgnoredAny::deserialize(&mut json).and_then(|_| json.end()).map_err(|error| not_json(&error))?;
        return Err(LineError::NotAnObject { found: JsonKind::of(line.trim_ascii_start()) });
    }
    let walk = Walk { line, visit, state: PhantomData };
    let state = json.deserialize_map(walk).map_err(|error| not_json(&error))?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(state)
}

fn not_json(error: &serde_json::Error) -> LineError {
    let (line, byte) = (error.line(), error.column());
    let message = error.to_string();
    let reason = message.strip_suffix(&format!(" at line {line} column {byte}")).unwrap_or(&message);
    LineError::NotJson { byte, reason: reason.into() }
}

struct Walk<'a, F, T> {
    line: &'a str,
    visit: F,
    state: PhantomData<T>,
}

impl<'a, T: Default, F: FnMut(&mut T, Range<usize>, Range<usize>)> Visitor<'a> for Walk<'a, F, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut map: A) -> Result<T, A::Error> {
        let mut state = T::default();
        let start = self.line.as_ptr().addr();
        let place = |part: &'a RawValue| {
            let start = part.get().as_ptr().addr() - start;
            start..start + part.get().len()
        };
        // Keys are read undecoded as well: one that cannot be decoded is not ours, and no reason to reject the line.
        while let Some(key) = map.next_key::<&'a RawValue>()? {
            let value = map.next_value::<&'a RawValue>()?;
            (self.visit)(&mut state, place(key), place(value));
        }
        Ok(state)
    }
}

/// Returns true if an undecoded key is that of a field.
fn is(key: &str, name: &str) -> bool {
    match key.strip_prefix('"').and_then(|key| key.strip_suffix('"')) {
        Some(plain) if !plain.contains('\\') => plain == name,
        _ => key_name(key) == name,
    }
}

/// Decodes a key. One with a lone surrogate is left undecoded, so that no two names become one.
fn key_name(key: &str) -> Cow<'_, str> {
    match Json(key).text() {
        Some(Decoded { text, lone_surrogate: false }) => text,
        _ => Cow::Borrowed(key.trim_matches('"')),
    }
}

/// A value as it is written in the dataset, undecoded. The reader is lenient, so a strict parser may reject it: strings can
/// contain lone surrogates, numbers can exceed every type, arrays and objects can be nested to any depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Returns the value of a field of a line, the last one if it is repeated. Returns `None` if there is none.
    #[must_use]
    pub fn field_of(line: &'a str, name: &str) -> Option<Self> {
        // Lines that are not objects are reported when they are read as records.
        field(line, name).unwrap_or_default()
    }

    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.0
    }

    #[must_use]
    pub fn kind(self) -> JsonKind {
        JsonKind::of(self.0)
    }

    /// Decodes a string. Returns `None` for another kind of value.
    #[must_use]
    pub fn text(self) -> Option<Decoded<'a>> {
        decode(self.0)
    }

    /// Returns the elements of an array. Returns `None` for another kind of value.
    #[must_use]
    pub fn elements(self) -> Option<Vec<Self>> {
        let elements = serde_json::from_str::<Vec<&'a RawValue>>(self.0).ok()?;
        Some(elements.into_iter().map(|element| Self(element.get())).collect())
    }

    /// Returns the fields of an object in order; a repeated one with its last value. Returns `None` for another kind of
    /// value.
    #[must_use]
    pub fn fields(self) -> Option<Vec<(Cow<'a, str>, Self)>> {
        all_fields(self.0).ok()
    }

    /// Returns a string decoded, and any other value as it is written.
    #[must_use]
    pub fn to_text(self) -> Cow<'a, str> {
        self.text().map_or(Cow::Borrowed(self.0), |decoded| decoded.text)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Decoded<'a> {
    pub text: Cow<'a, str>,
    /// An escape is half of a surrogate pair, which a string cannot contain; it is replaced by U+FFFD.
    pub lone_surrogate: bool,
}

/// Decodes a JSON string. Returns `None` if `raw` is another kind of value.
fn decode(raw: &str) -> Option<Decoded<'_>> {
    let plain = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !plain.contains('\\') {
        return Some(Decoded { text: Cow::Borrowed(plain), lone_surrogate: false });
    }
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        return Some(Decoded { text: Cow::Owned(text), lone_surrogate: false });
    }
    // If asked for bytes, serde_json encodes a lone surrogate like a character, as three bytes that are invalid UTF-8.
    let mut json = serde_json::Deserializer::from_str(raw);
    let bytes = json.deserialize_bytes(BytesVisitor).ok()?;
    let mut text = String::with_capacity(bytes.len());
    let mut rest = bytes.as_slice();
    while let Err(error) = std::str::from_utf8(rest) {
        let (valid, after) = rest.split_at(error.valid_up_to());
        text.push_str(&String::from_utf8_lossy(valid));
        text.push(char::REPLACEMENT_CHARACTER);
        rest = after.get(3..).unwrap_or_default();
    }
    text.push_str(&String::from_utf8_lossy(rest));
    Some(Decoded { text: Cow::Owned(text), lone_surrogate: true })
}

struct BytesVisitor;

impl Visitor<'_> for BytesVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}
