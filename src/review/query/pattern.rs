//! Text patterns of queries and searches.

use std::fmt;
use std::ops::Range;

use regex::{Regex, RegexBuilder, bytes};

/// Why a text is not a valid pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    #[error("pattern too long")]
    TooLong,
    #[error("{0}")]
    Syntax(String),
}

/// The kind of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A literal, anywhere. Smart case: case-sensitive if it contains an upper-case letter.
    Plain,
    /// A glob with `*` and `?` that matches the whole text or, for a path, its last component. Smart case.
    Glob {
        is_path: bool,
    },
    Expression {
        ignore_case: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Pattern {
    source: String,
    kind: Kind,
    text: Regex,
    /// The same pattern for raw lines, which may not be UTF-8. `None` if the pattern is not a literal.
    bytes: Option<bytes::Regex>,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.kind == other.kind
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles a literal.
    ///
    /// # Errors
    /// Returns an error if it is too long.
    pub fn literal(words: &str) -> Result<Self, PatternError> {
        let expression = regex::escape(words);
        let builder = bytes::RegexBuilder::new(&expression).case_insensitive(ignores_case(words)).build();
        let bytes = builder.map_err(|error| failed(&error))?;
        let pattern = Self::new(words, Kind::Plain, &expression, ignores_case(words))?;
        Ok(Self { bytes: Some(bytes), ..pattern })
    }

    /// Compiles a glob with `*` and `?`.
    ///
    /// # Errors
    /// Returns an error if it is too long.
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

    /// Compiles a regular expression.
    ///
    /// # Errors
    /// Returns an error if it is invalid or too long.
    pub fn expression(source: &str, ignore_case: bool) -> Result<Self, PatternError> {
        Self::new(source, Kind::Expression { ignore_case }, source, ignore_case)
    }

    fn new(source: &str, kind: Kind, expression: &str, ignore_case: bool) -> Result<Self, PatternError> {
        let text = RegexBuilder::new(expression).case_insensitive(ignore_case).build();
        Ok(Self { source: source.to_owned(), kind, text: text.map_err(|error| failed(&error))?, bytes: None })
    }

    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.kind == Kind::Plain
    }

    #[must_use]
    pub const fn is_expression(&self) -> bool {
        matches!(self.kind, Kind::Expression { .. })
    }

    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.text.is_match(text)
    }

    /// Returns false only if no string in a raw JSON line can match.
    #[must_use]
    pub fn may_be_in(&self, line: &[u8]) -> bool {
        // A JSON escape in the line may stand for any character.
        self.bytes.as_ref().is_none_or(|bytes| bytes.is_match(line) || memchr::memchr(b'\\', line).is_some())
    }

    /// Returns the ranges of the matches, in bytes, from left to right.
    pub fn match_ranges<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
        self.text.find_iter(text).map(|found| found.range()).filter(|range| !range.is_empty())
    }
}

/// Prints the pattern in the syntax of queries, except for the quotes of a literal.
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
            // The last line is the message; the lines before it show the position.
            let text = other.to_string();
            let message = text.lines().last().unwrap_or_default();
            PatternError::Syntax(message.strip_prefix("error: ").unwrap_or(message).to_owned())
        }
    }
}
