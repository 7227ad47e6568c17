//! Parsing of one line: a record, or the reason why it is not one.

use std::borrow::Cow;
use std::fmt;

use super::fields::{Json, all_fields, fields};
use super::read::{CaptionForm, RawLine};
use super::{RecordId, Sibling};

/// Maximum length of a line that is parsed, in bytes. Longer ones are copied like any line that cannot be parsed.
pub const MAX_LINE_BYTES: usize = 16 * 1024 * 1024;
/// Maximum length of [`BadLine::preview`], in characters.
const PREVIEW_CHARS: usize = 200;

/// The only field of a line that stands for what is no record, such as a row that cannot be read. Its value is the reason.
pub(super) const LEFT_OUT: &str = "left out";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    Record(Record),
    /// A line that cannot be parsed as a record. It is shown, and saved unchanged.
    Bad(BadLine),
}

impl Entry {
    #[must_use]
    pub const fn id(&self) -> RecordId {
        match self {
            Self::Record(record) => record.id,
            Self::Bad(bad) => bad.id,
        }
    }

    /// Returns the line number, from one.
    #[must_use]
    pub const fn line(&self) -> u64 {
        match self {
            Self::Record(record) => record.line,
            Self::Bad(bad) => bad.line,
        }
    }

    /// Returns what identifies the record when its position changes: its file name and caption; of a caption that is not a
    /// string, its JSON. A line that cannot be parsed has no file name, and is identified by its beginning.
    #[must_use]
    pub fn into_identity(self) -> (String, Option<String>) {
        match self {
            Self::Record(record) => {
                let caption = match record.caption {
                    Caption::None => None,
                    Caption::Text(text) | Caption::Object(text) => Some(text),
                    Caption::Other(other) => Some(other.json.into()),
                };
                (record.file_name, caption)
            }
            Self::Bad(bad) => (String::new(), Some(bad.preview)),
        }
    }

    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        match self {
            Self::Record(record) => Some(record),
            Self::Bad(_) => None,
        }
    }
}

/// An image and its caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    pub id: RecordId,
    /// Line number, from one.
    pub line: u64,
    /// As in the dataset; never empty.
    pub file_name: String,
    /// The original caption.
    pub caption: Caption,
    pub findings: Vec<LineFinding>,
    /// Its place among the captions of its image, if there are several.
    pub sibling: Option<Sibling>,
}

/// The caption of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Caption {
    /// The field is missing, `null` or `NaN`.
    #[default]
    None,
    Text(String),
    /// A JSON object, as it is written in the line. Only another object may replace it.
    Object(String),
    /// Another kind of value, which no text may replace: the field would then have two types.
    Other(OtherCaption),
}

/// A caption that is not a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtherCaption {
    pub kind: JsonKind,
    /// As it is written in the line. May contain control characters.
    pub json: Box<str>,
}

impl Caption {
    /// Returns the caption if it is a string, or the JSON of an object.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Object(text) => Some(text),
            Self::None | Self::Other(_) => None,
        }
    }

    /// Returns the caption if it is a string, or the JSON of an object.
    #[must_use]
    pub fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) | Self::Object(text) => Some(text),
            Self::None | Self::Other(_) => None,
        }
    }

    /// Returns the value if it is neither a text nor `null`.
    #[must_use]
    pub const fn other(&self) -> Option<&OtherCaption> {
        match self {
            Self::Other(other) => Some(other),
            Self::None | Self::Text(_) | Self::Object(_) => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadLine {
    pub id: RecordId,
    /// Line number, from one.
    pub line: u64,
    pub error: LineError,
    /// Its beginning, with invalid UTF-8 replaced by U+FFFD. May contain control characters.
    pub preview: String,
}

/// Why a line is not a record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineError {
    #[error("not UTF-8 at byte {byte} (line left as it is)")]
    NotUtf8 {
        /// Offset in the line, from one.
        byte: usize,
    },
    #[error("not JSON near byte {byte}: {} (line left as it is)", plain(reason))]
    NotJson {
        /// Offset in the line, from one; the parser is off by one for some errors.
        byte: usize,
        /// The parser's message.
        reason: String,
    },
    #[error("must be an object (found {found}) (line left as it is)")]
    NotAnObject { found: JsonKind },
    #[error("\"file_name\" is missing (line left as it is)")]
    FileNameMissing,
    #[error("\"file_name\" must be a string (found {found}) (line left as it is)")]
    FileNameNotString { found: JsonKind },
    /// No file name can contain half of a surrogate pair.
    #[error("\"file_name\" contains a lone surrogate (\\uD800 to \\uDFFF) (line left as it is)")]
    FileNameLoneSurrogate,
    #[error("\"file_name\" is empty (line left as it is)")]
    FileNameEmpty,
    /// A row of a table that cannot be read.
    #[error("{0} (left as it is)")]
    LeftOut(String),
    #[error("longer than {} MiB (line left as it is)", MAX_LINE_BYTES >> 20)]
    TooLong,
}

/// Returns the parser's message, or a plain one for what has a way out.
fn plain(reason: &str) -> &str {
    if reason.starts_with("trailing characters") { "text after the object; write one object a line" } else { reason }
}

impl LineError {
    /// Returns the error without the details of one line, and with the way out.
    #[must_use]
    pub fn cause(&self) -> String {
        match self {
            Self::NotJson { reason, .. } if reason.starts_with("EOF") => {
                "not JSON, or one object over several lines; write one a line (jq -c . in.json > out.jsonl)".to_owned()
            }
            Self::NotJson { reason, .. } if reason.starts_with("trailing characters") => {
                "not JSON, or several objects on one line; write one a line (jq -c . in.json > out.jsonl)".to_owned()
            }
            Self::NotJson { reason, .. } => format!("not JSON: {reason}"),
            Self::NotUtf8 { .. } => "not UTF-8; convert the file first (iconv -t utf-8)".to_owned(),
            other => other.to_string(),
        }
    }
}

impl BadLine {
    /// Returns the image that the beginning of the line seems to name.
    #[must_use]
    pub fn file_name(&self) -> Option<String> {
        let (_, after) = self.preview.split_once("\"file_name\"")?;
        let value = after.trim_start().strip_prefix(':')?.trim_start();
        let end = value.char_indices().skip(1).find(|(at, byte)| *byte == '"' && !value[..*at].ends_with('\\'))?.0;
        file_name(Some(Json::new(&value[..=end]))).ok().map(Cow::into_owned)
    }
}

/// A problem of a line that can be parsed nevertheless.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineFinding {
    /// Nothing replaces the value, unless it is `null`.
    #[error("{}", not_a_string(*found))]
    CaptionNotString { found: JsonKind },
    /// U+FFFD is shown in its place.
    #[error("the caption contains a lone surrogate (\\uD800 to \\uDFFF)")]
    CaptionLoneSurrogate,
    /// Python writes these numbers, and Hugging Face's loader reads them.
    #[error("{found} is not JSON: write null instead (Python: json.dumps(…, allow_nan=False))")]
    NotANumber { found: &'static str },
    #[error("duplicate field \"{name}\"; the last one counts")]
    Repeated { name: String },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonKind {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean,
    /// `1.5e3`
    Number,
    /// `"…"`
    String,
    /// `[…]`
    Array,
    /// `{…}`
    Object,
}

fn not_a_string(found: JsonKind) -> String {
    let way_out =
        if found == JsonKind::Null { "" } else { "; text cannot replace it: --caption-field chooses another field" };
    format!("the caption must be a string (found {found}){way_out}")
}

impl JsonKind {
    /// Returns the kind of a value, by its first byte.
    pub(super) fn of(json: &str) -> Self {
        match json.as_bytes().first() {
            Some(b'n') => Self::Null,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'"') => Self::String,
            Some(b'[') => Self::Array,
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
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        })
    }
}

pub(super) fn parse(raw: &RawLine<'_>, caption_field: &str) -> Entry {
    let (id, line) = (raw.record, raw.number);
    match content(raw, caption_field) {
        Ok((file_name, caption, findings)) => {
            let sibling = raw.sibling.clone();
            Entry::Record(Record { id, line, file_name, caption, findings, sibling })
        }
        Err(error) => Entry::Bad(BadLine { id, line, error, preview: preview(raw.bytes) }),
    }
}

type Content = (String, Caption, Vec<LineFinding>);

fn content(raw: &RawLine<'_>, caption_field: &str) -> Result<Content, LineError> {
    let line = text(raw)?;
    let fields = fields(line, caption_field)?;
    let file_name = file_name(fields.file_name.json).map_err(|error| match left_out(line) {
        Some(reason) => LineError::LeftOut(reason),
        None => error,
    })?;
    let mut findings = Vec::new();
    findings.extend(fields.nan.map(|found| LineFinding::NotANumber { found }));
    for (repeated, name) in [(fields.file_name.repeated, super::FILE_NAME), (fields.caption.repeated, caption_field)] {
        if repeated {
            findings.push(LineFinding::Repeated { name: name.into() });
        }
    }
    let caption = match fields.caption.json.map(|json| (json, json.text())) {
        None => Caption::None,
        Some((_, Some(decoded))) => {
            if decoded.lone_surrogate {
                findings.push(LineFinding::CaptionLoneSurrogate);
            }
            Caption::Text(decoded.text.into_owned())
        }
        Some((json, None)) if json.kind() == JsonKind::Object && raw.captions != CaptionForm::Typed => {
            Caption::Object(json.raw().to_owned())
        }
        Some((json, None)) => {
            let kind = json.kind();
            if json.raw() != "NaN" {
                findings.push(LineFinding::CaptionNotString { found: kind });
            }
            if json.is_missing() {
                Caption::None
            } else {
                Caption::Other(OtherCaption { kind, json: json.raw().into() })
            }
        }
    };
    Ok((file_name.into_owned(), caption, findings))
}

/// Returns the reason in a line that stands for what is no record.
fn left_out(line: &str) -> Option<String> {
    let mut fields = all_fields(line).ok()?.into_iter();
    let (_, reason) = fields.next().filter(|(name, _)| name == LEFT_OUT)?;
    fields.next().is_none().then(|| Some(reason.text()?.text.into_owned())).flatten()
}

/// Returns the `file_name` of a line.
pub(super) fn name_in<'a>(raw: &RawLine<'a>, caption_field: &str) -> Result<Cow<'a, str>, LineError> {
    file_name(fields(text(raw)?, caption_field)?.file_name.json)
}

/// Returns the `file_name` and the caption of a line.
pub(super) fn identity_in<'a>(
    raw: &RawLine<'a>,
    caption_field: &str,
) -> Result<(Cow<'a, str>, Option<Cow<'a, str>>), LineError> {
    let fields = fields(text(raw)?, caption_field)?;
    let caption = fields.caption.json.filter(|json| json.kind() != JsonKind::Null);
    let caption = caption.map(|json| json.text().map_or_else(|| json.raw().into(), |decoded| decoded.text));
    Ok((file_name(fields.file_name.json)?, caption))
}

/// Returns true if a line can be parsed as a record.
pub(super) fn is_record(raw: &RawLine<'_>, caption_field: &str) -> bool {
    name_in(raw, caption_field).is_ok()
}

pub(super) fn text<'a>(raw: &RawLine<'a>) -> Result<&'a str, LineError> {
    if raw.too_long {
        return Err(LineError::TooLong);
    }
    std::str::from_utf8(raw.bytes).map_err(|error| LineError::NotUtf8 { byte: error.valid_up_to() + 1 })
}

/// Decodes the file name from the raw value of its field.
pub(super) fn file_name(json: Option<Json<'_>>) -> Result<Cow<'_, str>, LineError> {
    let json = json.ok_or(LineError::FileNameMissing)?;
    let decoded = json.text().ok_or_else(|| LineError::FileNameNotString { found: json.kind() })?;
    if decoded.lone_surrogate {
        return Err(LineError::FileNameLoneSurrogate);
    }
    if decoded.text.is_empty() {
        return Err(LineError::FileNameEmpty);
    }
    Ok(decoded.text)
}

fn preview(line: &[u8]) -> String {
    // A character has at most four bytes. If the last one is cut in two, `take` drops it.
    let beginning = &line[..line.len().min(PREVIEW_CHARS * 4 + 4)];
    String::from_utf8_lossy(beginning.trim_ascii()).chars().take(PREVIEW_CHARS).collect()
}
