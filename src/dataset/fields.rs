//! Finds the fields of a line of JSON, and their exact positions, without decoding their values.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Range;

use memchr::memmem;
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
    /// The first token that is not JSON but read as a number nevertheless.
    pub(super) nan: Option<&'static str>,
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
    /// The start of the last key.
    pub(super) key: usize,
    /// From the last key to its value: a colon and white space.
    pub(super) colon: Range<usize>,
    /// The end of the last value.
    pub(super) end: usize,
}

/// Parses a line without decoding any values.
pub(super) fn fields<'a>(line: &'a str, caption_field: &str) -> Result<Fields<'a>, LineError> {
    let (mut fields, nan) = walk(line, |fields: &mut Fields<'a>, key, value| {
        let (name, raw) = (&line[key.clone()], &line[value.clone()]);
        if is(name, FILE_NAME) {
            fields.file_name.set(raw);
        } else if is(name, caption_field) {
            fields.caption.set(raw);
        }
        fields.tail = Some(Tail {
            comma: fields.tail.take().map(|before| before.end..key.start),
            key: key.start,
            colon: key.end..value.start,
            end: value.end,
        });
    })?;
    fields.nan = nan;
    Ok(fields)
}

/// Returns all fields of an object in order, without decoding any values. A repeated field has its last value, in the
/// place of its first, as in Python.
pub(super) fn all_fields(object: &str) -> Result<Vec<(Cow<'_, str>, Json<'_>)>, LineError> {
    #[derive(Default)]
    struct All<'a> {
        fields: Vec<(Cow<'a, str>, Json<'a>)>,
        places: HashMap<Cow<'a, str>, usize>,
    }
    let (all, _) = walk(object, |all: &mut All<'_>, key, value| {
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

/// The positions of an undecoded key and its value.
pub(super) type Member = (Range<usize>, Range<usize>);

/// Returns the members of an object, in order.
pub(super) fn members(object: &str) -> Result<Vec<Member>, LineError> {
    let (members, _) = walk(object, |members: &mut Vec<_>, key, value| members.push((key, value)))?;
    Ok(members)
}

/// Returns the undecoded value of a field, the last one if it is repeated.
pub(super) fn field<'a>(object: &'a str, name: &str) -> Result<Option<Json<'a>>, LineError> {
    let (found, _) = walk(object, |found: &mut Option<Json<'a>>, key, value| {
        if is(&object[key], name) {
            *found = Some(Json(&object[value]));
        }
    })?;
    Ok(found)
}

/// Visits the fields of an object in order, with the positions of the undecoded key and value. Returns the visitor's
/// state and the first token that is not JSON but read as a number nevertheless.
fn walk<T: Default>(
    line: &str,
    mut visit: impl FnMut(&mut T, Range<usize>, Range<usize>),
) -> Result<(T, Option<&'static str>), LineError> {
    let walked = walk_json(line, &mut visit);
    if walked.is_err()
        && let Some(Masked { json, first }) = without_nan(line)
    {
        return walk_json(&json, visit).map(|state| (state, Some(first)));
    }
    walked.map(|state| (state, None))
}

fn walk_json<T: Default>(line: &str, visit: impl FnMut(&mut T, Range<usize>, Range<usize>)) -> Result<T, LineError> {
    let mut json = serde_json::Deserializer::from_str(line);
    if !line.trim_ascii_start().starts_with('{') {
        IgnoredAny::deserialize(&mut json).and_then(|_| json.end()).map_err(|error| not_json(line, &error))?;
        return Err(LineError::NotAnObject { found: JsonKind::of(line.trim_ascii_start()) });
    }
    let walk = Walk { line, visit, state: PhantomData };
    let state = json.deserialize_map(walk).map_err(|error| not_json(line, &error))?;
    json.end().map_err(|error| not_json(line, &error))?;
    Ok(state)
}

/// A line with zeros in place of the tokens that Python writes for numbers that JSON does not have.
pub(super) struct Masked {
    pub(super) json: String,
    /// The first of the tokens.
    first: &'static str,
}

/// Returns the line with its NaN and Infinity tokens masked, if there are any. Nothing else moves.
pub(super) fn without_nan(line: &str) -> Option<Masked> {
    const TOKENS: [(&str, &str); 3] = [("NaN", "0.0"), ("Infinity", "0.000000"), ("-Infinity", "-0.000000")];
    let bytes = line.as_bytes();
    memmem::find(bytes, b"NaN").or_else(|| memmem::find(bytes, b"Infinity"))?;
    let is_end = |byte: &u8| matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace();
    let (mut json, mut first) = (bytes.to_vec(), None);
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        at += match byte {
            b'"' => string_len(&bytes[at..]),
            b':' | b',' | b'[' => {
                let start = at + 1 + bytes[at + 1..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
                let token = TOKENS.iter().find(|(token, _)| {
                    let after = bytes[start..].strip_prefix(token.as_bytes());
                    after.is_some_and(|after| after.first().is_none_or(is_end))
                });
                let len = token.map_or(0, |(token, zero)| {
                    json[start..start + token.len()].copy_from_slice(zero.as_bytes());
                    first.get_or_insert(*token);
                    token.len()
                });
                start + len - at
            }
            _ => 1,
        };
    }
    let json = String::from_utf8(json).expect("ASCII was replaced by ASCII");
    first.map(|first| Masked { json, first })
}

/// Returns the length of the string at the beginning, quotes included, or of everything if it does not end.
fn string_len(bytes: &[u8]) -> usize {
    let mut len = 1;
    while let Some(found) = bytes.get(len..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        match bytes[len + found] {
            b'"' => return len + found + 1,
            _ => len += found + 2,
        }
    }
    bytes.len()
}

fn not_json(line: &str, error: &serde_json::Error) -> LineError {
    let (row, column) = (error.line(), error.column());
    let message = error.to_string();
    let reason = message.strip_suffix(&format!(" at line {row} column {column}")).unwrap_or(&message);
    let before: usize = line.split_inclusive('\n').take(row.saturating_sub(1)).map(str::len).sum();
    LineError::NotJson { byte: before + column, reason: reason.into() }
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
        // Keys are read undecoded as well: one that cannot be decoded is not ours, and no reason to reject the line.
        while let Some(key) = map.next_key::<&'a RawValue>()? {
            let value = map.next_value::<&'a RawValue>()?;
            (self.visit)(&mut state, place(self.line, key), place(self.line, value));
        }
        Ok(state)
    }
}

/// Returns the position of a borrowed part of a line.
fn place(line: &str, part: &RawValue) -> Range<usize> {
    let start = part.get().as_ptr().addr() - line.as_ptr().addr();
    start..start + part.get().len()
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
/// contain lone surrogates, numbers can exceed every type or be `NaN`, `Infinity` and `-Infinity`, arrays and objects can be
/// nested to any depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Json<'a>(&'a str);

impl<'a> Json<'a> {
    /// Returns the value of a field of a line, the last one if it is repeated. Returns `None` if there is none.
    #[must_use]
    pub fn field_of(line: &'a str, name: &str) -> Option<Self> {
        // Lines that are not objects are reported when they are read as records.
        field(line, name).unwrap_or_default()
    }

    /// Returns a text that is a JSON object.
    #[must_use]
    pub fn of_object(text: &'a str) -> Option<Self> {
        let json = Self(text.trim_ascii());
        (json.kind() == JsonKind::Object && serde_json::from_str::<IgnoredAny>(json.0).is_ok()).then_some(json)
    }

    pub(super) const fn new(raw: &'a str) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn raw(self) -> &'a str {
        self.0
    }

    #[must_use]
    pub fn kind(self) -> JsonKind {
        JsonKind::of(self.0)
    }

    /// Returns true for `null`, and for the NaN that pandas writes in its place.
    #[must_use]
    pub fn is_missing(self) -> bool {
        matches!(self.0, "null" | "NaN")
    }

    /// Decodes a string. Returns `None` for another kind of value.
    #[must_use]
    pub fn text(self) -> Option<Decoded<'a>> {
        decode(self.0)
    }

    /// Returns the elements of an array. Returns `None` for another kind of value.
    #[must_use]
    pub fn elements(self) -> Option<Vec<Self>> {
        let masked = without_nan(self.0).map(|masked| masked.json);
        let json = masked.as_deref().unwrap_or(self.0);
        let elements = serde_json::from_str::<Vec<&RawValue>>(json).ok()?;
        Some(elements.into_iter().map(|element| Self(&self.0[place(json, element)])).collect())
    }

    /// Returns the elements of a list of texts, in which `null` stands for a missing one. Returns `None` for other values.
    #[must_use]
    pub fn texts(self) -> Option<Vec<Self>> {
        let elements = self.elements()?;
        elements.iter().all(|element| element.is_missing() || element.text().is_some()).then_some(elements)
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
