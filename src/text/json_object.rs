//! A text that is a JSON object: the places of its values, its form indented for reading, and changes of single values.
//!
//! Numbers, and everything else that is not a string, keep their spelling.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use serde::de::IgnoredAny;

/// The deepest nesting. More is no caption, and a parser of ours could run out of stack.
const MAX_DEPTH: usize = 64;
/// A list of numbers or strings stays on its line up to this many bytes.
const MAX_INLINE: usize = 60;
const INDENT: &str = "  ";

/// Why a text is not a JSON object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotAnObject {
    pub message: String,
    /// Where, in bytes.
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonObject<'a> {
    text: &'a str,
    values: Vec<JsonValue>,
}

impl JsonObject<'_> {
    /// Returns true if a text is a JSON object.
    #[must_use]
    pub fn is(text: &str) -> bool {
        text.trim_ascii_start().starts_with('{') && JsonObject::parse(text).is_ok()
    }
}

/// Returns the texts in a JSON object, each on a line, or another text as it is.
#[must_use]
pub fn plain_text(text: Cow<'_, str>) -> Cow<'_, str> {
    match JsonObject::parse(&text) {
        Ok(object) => object.texts().collect::<Vec<_>>().join("\n").into(),
        Err(_) => text,
    }
}

/// A value in a [`JsonObject`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonValue {
    /// For messages: `objects[0].location`.
    pub path: String,
    /// The JSON pointer (RFC 6901).
    pub pointer: String,
    /// Its place in the text, in bytes.
    pub span: Range<usize>,
    /// False for an object or an array with members.
    pub is_leaf: bool,
    pub is_string: bool,
}

impl<'a> JsonObject<'a> {
    /// Parses a text.
    ///
    /// # Errors
    /// Returns an error if the text is not one JSON object, or is nested too deeply.
    pub fn parse(text: &'a str) -> Result<Self, NotAnObject> {
        let start = text.len() - text.trim_ascii_start().len();
        let fail = |at, message: &str| Err(NotAnObject { message: message.to_owned(), at });
        // Most captions are prose.
        if !text[start..].starts_with(['{', '[', '"']) {
            return fail(start, "must be a JSON object {…}");
        }
        if let Err(error) = serde_json::from_str::<IgnoredAny>(text) {
            return Err(syntax_error(text, &error));
        }
        if !text[start..].starts_with('{') {
            return fail(start, "must be a JSON object {…}");
        }
        let mut depth = 0_usize;
        for token in Tokens::of(text) {
            match text.as_bytes()[token.start] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return fail(token.start, "nested too deeply");
            }
        }
        Ok(Self { text, values: values(text) })
    }

    /// Returns the values, in order. A container comes before its members.
    #[must_use]
    pub fn values(&self) -> &[JsonValue] {
        &self.values
    }

    /// Returns the values that have no members.
    pub fn leaves(&self) -> impl Iterator<Item = &JsonValue> {
        self.values.iter().filter(|value| value.is_leaf)
    }

    /// Returns the texts of the strings.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.leaves().filter(|value| value.is_string).map(|value| self.value_text(value))
    }

    /// Returns the text of a string, or the JSON of another value.
    #[must_use]
    pub fn value_text(&self, value: &JsonValue) -> String {
        let json = &self.text[value.span.clone()];
        if value.is_string { decoded(json) } else { json.to_owned() }
    }

    /// Returns the place in the whole text of a part of [`value_text`](Self::value_text).
    #[must_use]
    pub fn place_in(&self, value: &JsonValue, part: Range<usize>) -> Range<usize> {
        let json = &self.text[value.span.clone()];
        if !value.is_string {
            return value.span.start + part.start..value.span.start + part.end;
        }
        let (mut at, mut start, mut end) = (0, None, 1);
        for (raw, unit) in units(json) {
            if at >= part.end {
                break;
            }
            at += unit.unwrap_or(char::REPLACEMENT_CHARACTER).len_utf8();
            if at > part.start {
                start.get_or_insert(raw.start);
            }
            end = raw.end;
        }
        let start = start.unwrap_or(end);
        value.span.start + start..value.span.start + end.max(start)
    }

    /// Returns the whole text with another value. A string takes any text, another value its JSON.
    ///
    /// # Errors
    /// Returns an error if the new value is not JSON.
    pub fn with_value(&self, value: &JsonValue, new: &str) -> Result<String, NotAnObject> {
        let json = if value.is_string {
            encoded(new)
        } else {
            serde_json::from_str::<IgnoredAny>(new).map_err(|error| syntax_error(new, &error))?;
            new.trim_ascii().to_owned()
        };
        Ok([&self.text[..value.span.start], &json, &self.text[value.span.end..]].concat())
    }

    /// Returns the whole text with other texts in its strings. Those that stay keep their spelling.
    #[must_use]
    pub fn with_texts(&self, change: impl Fn(&str) -> String) -> String {
        let (mut changed, mut end) = (String::with_capacity(self.text.len()), 0);
        for value in self.leaves().filter(|value| value.is_string) {
            let (old, start) = (self.value_text(value), value.span.start);
            let new = change(&old);
            if new != old {
                changed.push_str(&self.text[end..start]);
                changed.push_str(&encoded(&new));
                end = value.span.end;
            }
        }
        changed.push_str(&self.text[end..]);
        changed
    }

    /// Returns the object indented, with readable strings: only the escapes that JSON requires.
    #[must_use]
    pub fn indented(&self) -> IndentedJson {
        let mut out = IndentedJson::default();
        let tokens: Vec<Range<usize>> = Tokens::of(self.text).collect();
        let mut depth = 0_usize;
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match self.byte(token) {
                b'{' | b'[' => {
                    if let Some(count) = self.inline(&tokens[at - 1..]) {
                        for token in &tokens[at - 1..at - 1 + count] {
                            out.push_token(self.text, token);
                            out.push_space(if self.byte(token) == b',' { " " } else { "" });
                        }
                        at += count - 1;
                    } else {
                        out.push_token(self.text, token);
                        depth += 1;
                        out.push_line(depth);
                    }
                }
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    out.push_line(depth);
                    out.push_token(self.text, token);
                }
                b',' => {
                    out.push_token(self.text, token);
                    out.push_line(depth);
                }
                b':' => {
                    out.push_token(self.text, token);
                    out.push_space(" ");
                }
                _ => {
                    let is_key = tokens.get(at).is_some_and(|next| self.byte(next) == b':');
                    let start = out.text.len();
                    out.push_token(self.text, token);
                    if is_key {
                        out.keys.push(start..out.text.len());
                    }
                }
            }
        }
        out
    }

    /// Returns the object with the white space of another text: the separators of one on a single line, else the
    /// indentation.
    #[must_use]
    pub fn formatted_like(&self, other: &str) -> String {
        let white = Whitespace::of(other);
        let mut out = String::with_capacity(self.text.len());
        let (mut depth, mut before) = (0_usize, 0);
        for token in Tokens::of(self.text) {
            let byte = self.byte(&token);
            let closes = matches!(byte, b'}' | b']');
            if closes {
                depth = depth.saturating_sub(1);
            }
            let opens = |byte| matches!(byte, b'{' | b'[');
            // An empty object or array stays on its line.
            if (opens(before) && !closes) || (closes && !opens(before)) {
                white.push_line(&mut out, depth);
            }
            if before == b',' {
                match &white.indent {
                    Some(_) => white.push_line(&mut out, depth),
                    None => out.push_str(&white.comma),
                }
            }
            out.push_str(&self.text[token]);
            match byte {
                b'{' | b'[' => depth += 1,
                b':' => out.push_str(&white.colon),
                _ => {}
            }
            before = byte;
        }
        out
    }

    /// Returns how many of these tokens are an empty object, or an array that fits on a line.
    fn inline(&self, tokens: &[Range<usize>]) -> Option<usize> {
        let open = self.byte(tokens.first()?);
        let end = tokens.iter().skip(1).position(|token| matches!(self.byte(token), b'{' | b'[' | b'}' | b']'))? + 1;
        let closes = matches!(self.byte(&tokens[end]), b'}' | b']');
        let length = || tokens[1..end].iter().map(Range::len).sum::<usize>();
        (closes && (end == 1 || open == b'[' && length() <= MAX_INLINE)).then_some(end + 1)
    }

    fn byte(&self, token: &Range<usize>) -> u8 {
        self.text.as_bytes()[token.start]
    }
}

/// The result of [`JsonObject::indented`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndentedJson {
    pub text: String,
    /// The places of the keys, in bytes.
    pub keys: Vec<Range<usize>>,
    /// The parts that are in both texts, in order.
    parts: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    from: usize,
    to: usize,
    /// Of the longer one, in bytes.
    len: usize,
}

impl IndentedJson {
    /// Returns the place of a part of the object's own text.
    #[must_use]
    pub fn range(&self, own: &Range<usize>) -> Range<usize> {
        let shown = |at: usize, parts: usize| {
            let part = self.parts[..parts].last();
            part.map_or(0, |part| (part.to + (at - part.from).min(part.len)).min(self.text.len()))
        };
        let start = shown(own.start, self.parts.partition_point(|part| part.from <= own.start));
        let end = shown(own.end, self.parts.partition_point(|part| part.from < own.end));
        start..end.max(start)
    }

    fn push_token(&mut self, text: &str, token: &Range<usize>) {
        let json = &text[token.clone()];
        let push = |this: &mut Self, from: usize, raw: &str, shown: &str| {
            this.parts.push(Part { from, to: this.text.len(), len: raw.len().min(shown.len()) });
            this.text.push_str(shown);
        };
        if !json.starts_with('"') || !json.contains('\\') {
            return push(self, token.start, json, json);
        }
        push(self, token.start, "\"", "\"");
        for (raw, unit) in units(json) {
            let from = token.start + raw.start;
            match unit {
                Some(character) => {
                    let mut shown = String::new();
                    push_encoded(&mut shown, character);
                    push(self, from, &json[raw], &shown);
                }
                None => push(self, from, &json[raw.clone()], &json[raw]),
            }
        }
        push(self, token.end - 1, "\"", "\"");
    }

    fn push_line(&mut self, depth: usize) {
        self.text.push('\n');
        for _ in 0..depth {
            self.text.push_str(INDENT);
        }
    }

    fn push_space(&mut self, space: &str) {
        self.text.push_str(space);
    }
}

/// The white space between tokens.
struct Whitespace {
    comma: String,
    colon: String,
    /// `None` if all is on one line.
    indent: Option<String>,
}

impl Whitespace {
    /// Recognises the white space of a JSON text by its first tokens. Other texts have that of Python's `json.dumps`.
    fn of(text: &str) -> Self {
        let mut white = Self { comma: " ".to_owned(), colon: " ".to_owned(), indent: None };
        if !JsonObject::is(text) {
            return white;
        }
        let (mut end, mut before, mut comma, mut colon) = (0, 0, None, None);
        for token in Tokens::of(text) {
            let space = &text[end..token.start];
            match before {
                b'{' | b'[' if space.contains('\n') && white.indent.is_none() => {
                    white.indent = Some(space.rsplit('\n').next().unwrap_or_default().to_owned());
                }
                b',' => comma = comma.or(Some(space)),
                b':' => colon = colon.or(Some(space)),
                _ => {}
            }
            (end, before) = (token.end, text.as_bytes()[token.start]);
        }
        let one_line = |space: &&str| !space.contains('\n');
        comma.filter(one_line).unwrap_or(" ").clone_into(&mut white.comma);
        colon.filter(one_line).unwrap_or(" ").clone_into(&mut white.colon);
        white
    }

    fn push_line(&self, out: &mut String, depth: usize) {
        let Some(indent) = &self.indent else { return };
        out.push('\n');
        for _ in 0..depth {
            out.push_str(indent);
        }
    }
}

/// The tokens of a valid JSON text, as places: brackets, commas, colons, strings, and other values.
struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    const fn of(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let space = self.bytes[self.at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let start = self.at + space;
        let rest = &self.bytes[start..];
        let is_delimiter = |byte: &u8| byte.is_ascii_whitespace() || b"{}[],:\"".contains(byte);
        let len = match rest.first()? {
            b'"' => {
                let mut len = 1;
                while let Some(found) = rest.get(len..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
                    len += found + 1;
                    if rest[len - 1] == b'"' {
                        break;
                    }
                    len += 1;
                }
                len
            }
            b'{' | b'}' | b'[' | b']' | b',' | b':' => 1,
            _ => rest.iter().position(is_delimiter).unwrap_or(rest.len()),
        };
        self.at = start + len;
        Some(start..self.at)
    }
}

/// A container around a value.
enum Frame {
    /// With the key of the current member, once it is known.
    Object(Option<String>),
    /// With the index of the current element.
    Array(usize),
}

fn values(text: &str) -> Vec<JsonValue> {
    let mut values: Vec<JsonValue> = Vec::new();
    // With the index of the container among the values.
    let mut frames: Vec<(Frame, usize)> = Vec::new();
    for token in Tokens::of(text) {
        let byte = text.as_bytes()[token.start];
        match (byte, frames.last_mut()) {
            (b'}' | b']', _) => {
                if let Some((_, index)) = frames.pop() {
                    let is_empty = index + 1 == values.len();
                    values[index].span.end = token.end;
                    values[index].is_leaf = is_empty;
                }
                continue;
            }
            (b',', Some((Frame::Object(key), _))) => {
                *key = None;
                continue;
            }
            (b',', Some((Frame::Array(index), _))) => {
                *index += 1;
                continue;
            }
            (b'"', Some((Frame::Object(key @ None), _))) => {
                *key = Some(decoded(&text[token]));
                continue;
            }
            (b':' | b',', _) => continue,
            _ => {}
        }
        let (path, pointer) = place_of(&frames);
        let is_container = matches!(byte, b'{' | b'[');
        values.push(JsonValue { path, pointer, span: token, is_leaf: !is_container, is_string: byte == b'"' });
        match byte {
            b'{' => frames.push((Frame::Object(None), values.len() - 1)),
            b'[' => frames.push((Frame::Array(0), values.len() - 1)),
            _ => {}
        }
    }
    values
}

/// Returns the path and the JSON pointer of the current value.
fn place_of(frames: &[(Frame, usize)]) -> (String, String) {
    let (mut path, mut pointer) = (String::new(), String::new());
    for (frame, _) in frames {
        // Writing to a string cannot fail.
        let _ = match frame {
            Frame::Object(key) => {
                let key = key.as_deref().unwrap_or_default();
                let dot = if path.is_empty() { "" } else { "." };
                write!(path, "{dot}{key}")
                    .and_then(|()| write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1")))
            }
            Frame::Array(index) => write!(path, "[{index}]").and_then(|()| write!(pointer, "/{index}")),
        };
    }
    (path, pointer)
}

/// Returns the characters of a JSON string with their places in it, quotes included; `None` for half of a surrogate pair.
fn units(json: &str) -> impl Iterator<Item = (Range<usize>, Option<char>)> {
    let end = json.len().saturating_sub(1);
    let mut at = 1;
    std::iter::from_fn(move || {
        if at >= end {
            return None;
        }
        let start = at;
        let rest = &json[start..end];
        let first = rest.chars().next()?;
        let (len, unit) = match rest.as_bytes() {
            [b'\\', b'u', ..] => match (code_unit(rest), rest.get(6..).and_then(code_unit)) {
                (Some(high @ 0xD800..0xDC00), Some(low @ 0xDC00..0xE000)) => {
                    (12, char::from_u32(0x1_0000 + ((high - 0xD800) << 10) + (low - 0xDC00)))
                }
                (Some(unit), _) => (6, char::from_u32(unit)),
                (None, _) => (2, None),
            },
            [b'\\', escaped, ..] => {
                let character = match escaped {
                    b'n' => '\n',
                    b't' => '\t',
                    b'r' => '\r',
                    b'b' => '\u{8}',
                    b'f' => '\u{c}',
                    other => char::from(*other),
                };
                (2, Some(character))
            }
            _ => (first.len_utf8(), Some(first)),
        };
        at += len;
        Some((start..at, unit))
    })
}

/// Returns the code unit of an escape `\uXXXX` at the beginning.
fn code_unit(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok()
}

fn decoded(json: &str) -> String {
    units(json).map(|(_, unit)| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn encoded(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    text.chars().for_each(|character| push_encoded(&mut json, character));
    json.push('"');
    json
}

fn push_encoded(json: &mut String, character: char) {
    match character {
        '"' => json.push_str("\\\""),
        '\\' => json.push_str("\\\\"),
        '\n' => json.push_str("\\n"),
        '\r' => json.push_str("\\r"),
        '\t' => json.push_str("\\t"),
        '\0'..='\u{1f}' => {
            // Writing to a string cannot fail.
            let _ = write!(json, "\\u{:04x}", u32::from(character));
        }
        _ => json.push(character),
    }
}

fn syntax_error(text: &str, error: &serde_json::Error) -> NotAnObject {
    let (row, column) = (error.line(), error.column());
    let message = error.to_string();
    let reason = message.strip_suffix(&format!(" at line {row} column {column}")).unwrap_or(&message);
    let before: usize = text.split_inclusive('\n').take(row.saturating_sub(1)).map(str::len).sum();
    let at = (before + column.saturating_sub(1)).min(text.len());
    let at = text.floor_char_boundary(at);
    let message = if error.is_eof() {
        format!("not JSON: the text ends too early ({reason})")
    } else {
        format!("not JSON: {reason}")
    };
    NotAnObject { message, at }
}

#[cfg(test)]
mod tests;
