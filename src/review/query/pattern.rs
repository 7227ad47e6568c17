//! A text to look for.

use std::fmt;
use std::ops::Range;

use regex::{Regex, RegexBuilder, bytes};

/// Why a text cannot be looked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It is too long to be looked for.
    #[error("too long to look for")]
    TooLong,
    /// It is no regular expression.
    #[error("{0}")]
    Syntax(String),
}

/// How a pattern is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// As it stands, anywhere. Capitals count if it has any, and only then.
    Plain,
    /// With `*` and `?`, from the beginning to the end; of a path, from the beginning of its last part, too. Capitals
    /// count as in plain ones.
    Glob { is_path: bool },
    /// As a regular expression.
    Expression { ignore_case: bool },
}

/// A text to look for.
#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    kind: Kind,
    text: Regex,
    /// The same for bytes that may be no text; only what is plain can be looked for there.
    bytes: Option<bytes::Regex>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.kind == other.kind
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Finds `words` as they stand, anywhere.
    ///
    /// # Errors
    /// Where there are too many of them.
    pub fn literal(words: &str) -> Result<Self, PatternError> {
        let expression = regex::escape(words);
        let builder = bytes::RegexBuilder::new(&expression).case_insensitive(ignores_case(words)).build();
        let bytes = builder.map_err(|error| failed(&error))?;
        let pattern = Self::new(words, Kind::Plain, &expression, ignores_case(words))?;
        Ok(Self { bytes: Some(bytes), ..pattern })
    }

    /// Finds what fits `source`, in which `*` stands for any characters and `?` for one.
    ///
    /// # Errors
    /// Where it is too long.
    pub fn glob(source: &str, is_path: bool) -> Result<Self, PatternError> {
        let mut expression = String::from(if is_path { "(?s)^(?:.*/)?" } else { "(?s)^" });
        for character in source.chars() {
            match character {
                '*' => expression.push_str(".*"),
                '?' => expression.push('.'),
                other => expression.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
            }
        }
        expression.push('$');
        Self::new(source, Kind::Glob { is_path }, &expression, ignores_case(source))
    }

    /// Finds what a regular expression does.
    ///
    /// # Errors
    /// Where it is none, or too long.
    pub fn expression(source: &str, ignore_case: bool) -> Result<Self, PatternError> {
        Self::new(source, Kind::Expression { ignore_case }, source, ignore_case)
    }

    fn new(source: &str, kind: Kind, expression: &str, ignore_case: bool) -> Result<Self, PatternError> {
        let text = RegexBuilder::new(expression).case_insensitive(ignore_case).build();
        Ok(Self { source: source.to_owned(), kind, text: text.map_err(|error| failed(&error))?, bytes: None })
    }

    /// What is looked for, as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether it is looked for as it stands.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.kind == Kind::Plain
    }

    /// Whether it is a regular expression.
    #[must_use]
    pub const fn is_expression(&self) -> bool {
        matches!(self.kind, Kind::Expression { .. })
    }

    /// Whether a text has it.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.text.is_match(text)
    }

    /// Whether one of the texts written in a line of JSON may have it: no, only if none has.
    #[must_use]
    pub fn may_be_in(&self, line: &[u8]) -> bool {
        // What is escaped in the line is not in it as it reads.
        self.bytes.as_ref().is_none_or(|bytes| bytes.is_match(line) || memchr::memchr(b'\\', line).is_some())
    }

    /// Where a text has it, in bytes, from the left.
    pub fn places<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.text.find_iter(text).map(|found| found.range()).filter(|range| !range.is_empty())
    }
}

/// As it is written in a query, where it is not plain.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Plain | Kind::Glob { .. } => f.write_str(&self.source),
            Kind::Expression { ignore_case } => {
                write!(f, "/{}/{}", self.source.replace('/', "\\/"), if ignore_case { "i" } else { "" })
            }
        }
    }
}

fn ignores_case(words: &str) -> bool {
    !words.chars().any(char::is_uppercase)
}

fn failed(error: &regex::Error) -> PatternError {
    match error {
        regex::Error::CompiledTooBig(_) => PatternError::TooLong,
        other => {
            // The last line says what is wrong; those before it show where, over several lines.
            let message = other.to_string();
            let what = message.lines().last().unwrap_or_default();
            PatternError::Syntax(what.strip_prefix("error: ").unwrap_or(what).to_owned())
        }
    }
}
