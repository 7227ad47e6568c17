//! One line of the file: a record, or what is wrong with it.

use std::borrow::Cow;
use std::fmt;

use super::RecordId;
use super::members::{decode, members};
use super::read::RawLine;

/// Bytes of the longest line that is parsed. Longer ones are copied like any bad line.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// Characters of a bad line that are shown.
const PREVIEW_CHARS: usize = 200;

/// What is at a record's position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A picture and its caption.
    Record(Record),
    /// A line that cannot be read as one. It is shown, and written back as it is.
    Bad(BadLine),
}

impl Entry {
    /// Its position among the records.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        match self {
            Self::Record(record) => record.id,
            Self::Bad(bad) => bad.id,
        }
    }

    /// Its line in the file, from one.
    #[must_use]
    pub const fn line(&self) -> u64 {
        match self {
            Self::Record(record) => record.line,
            Self::Bad(bad) => bad.line,
        }
    }

    /// The record, if the line is one.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            Self::Bad(_) => None,
        }
    }
}

/// A picture and its caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its position among the records.
    pub id: RecordId,
    /// Its line in the file, from one.
    pub line: u64,
    /// The picture, as the dataset names it; never empty.
    pub file_name: String,
    /// The original caption; absent when the line has none or it is not a text.
    pub caption: Option<String>,
    /// What is odd about the line though it can be read.
    pub findings: Vec<LineFinding>,
}

/// A line that cannot be read as a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    /// Its position among the records.
    pub id: RecordId,
    /// Its line in the file, from one.
    pub line: u64,
    /// What is wrong.
    pub error: LineError,
    /// Its beginning, with U+FFFD for what is not text. It may hold control characters.
    pub preview: String,
}

/// Why a line is no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    /// The bytes are not text.
    #[error("not UTF-8 at byte {byte} (line left as it is)")]
    NotUtf8 {
        /// Where in the line, from one.
        byte: usize,
    },
    /// The text is not JSON.
    #[error("not JSON near byte {byte}: {reason} (line left as it is)")]
    NotJson {
        /// Where in the line, from one; the parser is one off for some mistakes.
        byte: usize,
        /// In the parser's words.
        reason: String,
    },
    /// The JSON is something else than an object.
    #[error("{found}, not an object (line left as it is)")]
    NotAnObject {
        /// What it is.
        found: JsonKind,
    },
    /// There is no `file_name`.
    #[error("\"file_name\" is missing (line left as it is)")]
    FileNameMissing,
    /// The `file_name` is not a text.
    #[error("\"file_name\" is {found}, not a text (line left as it is)")]
    FileNameNotText {
        /// What it is.
        found: JsonKind,
    },
    /// The `file_name` has half a character in it, which no file's name can have.
    #[error("\"file_name\" has a lone surrogate (\\uD800 to \\uDFFF) in it (line left as it is)")]
    FileNameLoneSurrogate,
    /// The `file_name` is "".
    #[error("\"file_name\" is empty (line left as it is)")]
    FileNameEmpty,
    /// The line is longer than [`MAX_LINE_BYTES`].
    #[error("longer than {} MiB (line left as it is)", MAX_LINE_BYTES >> 20)]
    TooLong,
}

/// What is odd about a line that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFinding {
    /// The caption is there, but not a text. Saving a caption replaces it.
    #[error("the caption is {found}, not a text")]
    CaptionNotText {
        /// What it is.
        found: JsonKind,
    },
    /// The caption has half a character in it; U+FFFD is shown in its place.
    #[error("the caption has a lone surrogate (\\uD800 to \\uDFFF) in it")]
    CaptionLoneSurrogate,
    /// A member comes more than once.
    #[error("\"{name}\" comes more than once; the last one counts")]
    Repeated {
        /// Its name.
        name: String,
    },
}

/// The kinds of JSON values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// `1.5e3`
    Number,
    /// `"…"`
    Text,
    /// `[…]`
    List,
    /// `{…}`
    Object,
}

impl JsonKind {
    /// The kind of a value, by how it begins.
    pub(super) fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"') => Self::Text,
            Some(b'[') => Self::List,
            Some(b'{') => Self::Object,
            _ => Self::Number,
        }
    }
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::List => "a list",
            Self::Object => "an object",
        })
    }
}

/// Reads a line.
pub(super) fn parse(raw: &RawLine<'_>, caption_field: &str) -> Entry {
    let (id, line) = (raw.record, raw.number);
    match content(raw, caption_field) {
        Ok((file_name, caption, findings)) => Entry::Record(Record { id, line, file_name, caption, findings }),
        Err(error) => Entry::Bad(BadLine { id, line, error, preview: preview(raw.bytes) }),
    }
}

type Content = (String, Option<String>, Vec<LineFinding>);

fn content(raw: &RawLine<'_>, caption_field: &str) -> Result<Content, LineError> {
    let line = text(raw)?;
    let members = members(line, caption_field)?;
    let file_name = file_name(members.file_name.raw)?;
    let mut findings = Vec::new();
    for (repeated, name) in [(members.file_name.repeated, super::FILE_NAME), (members.caption.repeated, caption_field)]
    {
        if repeated {
            findings.push(LineFinding::Repeated { name: name.into() });
        }
    }
    let mut caption = None;
    if let Some(raw) = members.caption.raw {
        match decode(raw) {
            Some(decoded) => {
                if decoded.lone_surrogate {
                    findings.push(LineFinding::CaptionLoneSurrogate);
                }
                caption = Some(decoded.text.into_owned());
            }
            None => findings.push(LineFinding::CaptionNotText { found: JsonKind::of(raw) }),
        }
    }
    Ok((file_name.into_owned(), caption, findings))
}

/// The `file_name` of a line, or why it is no record.
pub(super) fn name_in<'a>(raw: &RawLine<'a>, caption_field: &str) -> Result<Cow<'a, str>, LineError> {
    file_name(members(text(raw)?, caption_field)?.file_name.raw)
}

/// Whether a line can be read as a record.
pub(super) fn is_record(raw: &RawLine<'_>, caption_field: &str) -> bool {
    name_in(raw, caption_field).is_ok()
}

/// A line as text.
pub(super) fn text<'a>(raw: &RawLine<'a>) -> Result<&'a str, LineError> {
    if raw.too_long {
        return Err(LineError::TooLong);
    }
    std::str::from_utf8(raw.bytes).map_err(|error| LineError::NotUtf8 { byte: error.valid_up_to() + 1 })
}

/// The picture's name, from the member as written.
pub(super) fn file_name(raw: Option<&str>) -> Result<Cow<'_, str>, LineError> {
    let raw = raw.ok_or(LineError::FileNameMissing)?;
    let decoded = decode(raw).ok_or_else(|| LineError::FileNameNotText { found: JsonKind::of(raw) })?;
    if decoded.lone_surrogate {
        return Err(LineError::FileNameLoneSurrogate);
    }
    if decoded.text.is_empty() {
        return Err(LineError::FileNameEmpty);
    }
    Ok(decoded.text)
}

fn preview(line: &[u8]) -> String {
    // A character has at most four bytes; one cut in two at the end falls to the last `take`.
    let beginning = &line[..line.len().min(PREVIEW_CHARS * 4 + 4)];
    String::from_utf8_lossy(beginning.trim_ascii()).chars().take(PREVIEW_CHARS).collect()
}
