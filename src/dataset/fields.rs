//! Finds the two fields we need in a line of JSON, and their exact positions.

use std::borrow::Cow;
use std::fmt;
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
    /// The undecoded JSON value.
    pub(super) raw: Option<&'a str>,
    pub(super) repeated: bool,
}

impl<'a> Field<'a> {
    fn set(&mut self, raw: &'a str) {
        self.repeated |= self.raw.is_some();
        self.raw = Some(raw);
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
    let mut json = serde_json::Deserializer::from_str(line);
    if !line.trim_ascii_start().starts_with('{') {
        IgnoredAny::deserialize(&mut json).and_then(|_| json.end()).map_err(|error| not_json(&error))?;
        return Err(LineError::NotAnObject { found: JsonKind::of(line.trim_ascii_start()) });
    }
    let fields = json.deserialize_map(FieldsVisitor { line, caption_field }).map_err(|error| not_json(&error))?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(fields)
}

fn not_json(error: &serde_json::Error) -> LineError {
    let (line, byte) = (error.line(), error.column());
    let message = error.to_string();
    let reason = message.strip_suffix(&format!(" at line {line} column {byte}")).unwrap_or(&message);
    LineError::NotJson { byte, reason: reason.into() }
}

struct FieldsVisitor<'a, 'f> {
    line: &'a str,
    caption_field: &'f str,
}

impl<'a> Visitor<'a> for FieldsVisitor<'a, '_> {
    type Value = Fields<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Fields<'a>, A::Error> {
        let mut fields = Fields::default();
        // Keys are read undecoded as well: one that cannot be decoded is not ours, and no reason to reject the line.
        while let Some(key) = map.next_key::<&'a RawValue>()? {
            let value = map.next_value::<&'a RawValue>()?;
            let (key, value) = (self.place(key.get()), self.place(value.get()));
            let raw = &self.line[value.clone()];
            if self.names(&key, FILE_NAME) {
                fields.file_name.set(raw);
            } else if self.names(&key, self.caption_field) {
                fields.caption.set(raw);
            }
            fields.tail = Some(Tail {
                comma: fields.tail.map(|before| before.end..key.start),
                colon: key.end..value.start,
                end: value.end,
            });
        }
        Ok(fields)
    }
}

impl FieldsVisitor<'_, '_> {
    /// Returns the position of a borrowed part of the line.
    fn place(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr().addr() - self.line.as_ptr().addr();
        start..start + part.len()
    }

    fn names(&self, key: &Range<usize>, name: &str) -> bool {
        let raw = &self.line[key.clone()];
        match raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) {
            Some(plain) if !plain.contains('\\') => plain == name,
            _ => decode(raw).is_some_and(|decoded| !decoded.lone_surrogate && decoded.text == name),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    /// An escape is half of a surrogate pair, which a string cannot contain; it is replaced by U+FFFD.
    pub(super) lone_surrogate: bool,
}

/// Decodes a JSON string. Returns `None` if `raw` is another kind of value.
pub(super) fn decode(raw: &str) -> Option<Decoded<'_>> {
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
