//! Finds the two members that matter in a line of JSON, and where exactly they are.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::FILE_NAME;
use super::line::{JsonKind, LineError};

/// What a line's object holds, as far as it matters here. Of a member that is repeated, the last one counts, as it does
/// for Python and for the loaders built on it.
#[derive(Debug, Default)]
pub(super) struct Members<'a> {
    pub(super) file_name: Member<'a>,
    pub(super) caption: Member<'a>,
    /// How the object ends, for one more member; absent when it is empty.
    pub(super) tail: Option<Tail>,
}

#[derive(Debug, Default)]
pub(super) struct Member<'a> {
    /// Its value as written.
    pub(super) raw: Option<&'a str>,
    pub(super) repeated: bool,
}

impl<'a> Member<'a> {
    fn set(&mut self, raw: &'a str) {
        self.repeated |= self.raw.is_some();
        self.raw = Some(raw);
    }
}

/// The object's last member and the separators it is written with, as positions in the line.
#[derive(Debug)]
pub(super) struct Tail {
    /// From the value before to the last key: a comma and white space; absent when there is only one member.
    pub(super) comma: Option<Range<usize>>,
    /// From the last key to its value: a colon and white space.
    pub(super) colon: Range<usize>,
    /// After the last value.
    pub(super) end: usize,
}

/// Reads a line without decoding more than member names.
pub(super) fn members<'a>(line: &'a str, caption_field: &str) -> Result<Members<'a>, LineError> {
    let mut json = serde_json::Deserializer::from_str(line);
    if !line.trim_ascii_start().starts_with('{') {
        IgnoredAny::deserialize(&mut json).and_then(|_| json.end()).map_err(|error| not_json(&error))?;
        return Err(LineError::NotAnObject { found: JsonKind::of(line.trim_ascii_start()) });
    }
    let members = json.deserialize_map(MembersVisitor { line, caption_field }).map_err(|error| not_json(&error))?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(members)
}

fn not_json(error: &serde_json::Error) -> LineError {
    let (line, byte) = (error.line(), error.column());
    let message = error.to_string();
    let reason = message.strip_suffix(&format!(" at line {line} column {byte}")).unwrap_or(&message);
    LineError::NotJson { byte, reason: reason.into() }
}

struct MembersVisitor<'a, 'f> {
    line: &'a str,
    caption_field: &'f str,
}

impl<'a> Visitor<'a> for MembersVisitor<'a, '_> {
    type Value = Members<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<Members<'a>, A::Error> {
        let mut members = Members::default();
        // Keys are taken raw too: one that cannot be decoded is none of ours, and no reason to refuse the line.
        while let Some(key) = map.next_key::<&'a RawValue>()? {
            let value = map.next_value::<&'a RawValue>()?;
            let (key, value) = (self.place(key.get()), self.place(value.get()));
            let raw = &self.line[value.clone()];
            if self.names(&key, FILE_NAME) {
                members.file_name.set(raw);
            } else if self.names(&key, self.caption_field) {
                members.caption.set(raw);
            }
            members.tail = Some(Tail {
                comma: members.tail.map(|before| before.end..key.start),
                colon: key.end..value.start,
                end: value.end,
            });
        }
        Ok(members)
    }
}

impl MembersVisitor<'_, '_> {
    /// Where a borrowed part of the line is in it.
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

/// A JSON string's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Decoded<'a> {
    pub(super) text: Cow<'a, str>,
    /// Whether an escape named half a character, which no text can hold; U+FFFD stands in its place.
    pub(super) lone_surrogate: bool,
}

/// Decodes a JSON string; nothing if `raw` is another kind of value.
pub(super) fn decode(raw: &str) -> Option<Decoded<'_>> {
    let plain = raw.strip_prefix('"')?.strip_suffix('"')?;
    if !plain.contains('\\') {
        return Some(Decoded { text: Cow::Borrowed(plain), lone_surrogate: false });
    }
    if let Ok(text) = serde_json::from_str::<String>(raw) {
        return Some(Decoded { text: Cow::Owned(text), lone_surrogate: false });
    }
    // Asked for bytes, serde_json encodes a lone surrogate as if it were a character: three bytes that are no UTF-8.
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
