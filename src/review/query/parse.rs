//! Parses a [`Query`].
//!
//! ```text
//! any  = all { "or" all }
//! all  = one { [ "and" ] one }
//! one  = "not" one | "(" any ")" | term
//! term = word | "phrase" | ~fuzzy | key:value
//! ```
//!
//! An unclosed quote or parenthesis is closed at the end, because the query is still being typed.

use std::ops::Range;

use super::{
    ATTENTION, Aspect, ERROR, FieldTest, Fuzzy, NumberRange, Pattern, Query, Status, Value, Vocabulary, queryable_lints,
};
use crate::engine::selection::Origin;
use crate::lint::LintKind;
use crate::session::Actor;
use crate::text::Phrase;

/// Why the text is not a valid query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// The offending part, in bytes.
    pub at: Range<usize>,
    /// The error and the expected input.
    pub message: String,
}

type Parsed<T> = Result<T, QueryError>;

/// Parses a query; `None` if the text is blank.
///
/// # Errors
/// Returns an error that names the offending part.
pub fn parse(text: &str) -> Parsed<Option<Query>> {
    Parser { text, at: 0, vocabulary: None }.query()
}

/// Parses a query; `None` if the text is blank. Its fields must be in the vocabulary, unless their names are in quotes.
///
/// # Errors
/// Returns an error that names the offending part.
pub fn parse_known(text: &str, vocabulary: &Vocabulary) -> Parsed<Option<Query>> {
    Parser { text, at: 0, vocabulary: Some(vocabulary) }.query()
}

struct Parser<'a> {
    text: &'a str,
    /// The offset of the rest, in bytes.
    at: usize,
    /// The known fields; `None` if any name is allowed.
    vocabulary: Option<&'a Vocabulary>,
}

impl Parser<'_> {
    fn query(&mut self) -> Parsed<Option<Query>> {
        if self.next_token().is_none() {
            return Ok(None);
        }
        let query = self.any()?;
        match self.next_token() {
            None => Ok(Some(query)),
            Some(_) => Err(self.error(self.at..self.at + 1, "unmatched \")\"")),
        }
    }

    fn any(&mut self) -> Parsed<Query> {
        let mut parts = vec![self.all()?];
        while self.skip("or") {
            parts.push(self.all()?);
        }
        Ok(join(parts, Query::Any))
    }

    fn all(&mut self) -> Parsed<Query> {
        let mut parts = vec![self.one()?];
        loop {
            let joined = self.skip("and");
            match self.next_token() {
                None | Some(')') if !joined => break,
                _ if !joined && self.is_next("or") => break,
                _ => parts.push(self.one()?),
            }
        }
        Ok(join(parts, Query::All))
    }

    fn one(&mut self) -> Parsed<Query> {
        match self.next_token() {
            None => Err(self.error(self.text.len()..self.text.len(), "expected a term")),
            Some(')') => Err(self.error(self.at..self.at + 1, "expected a term before \")\"")),
            Some('(') => {
                self.at += 1;
                let inner = self.any()?;
                if self.next_token() == Some(')') {
                    self.at += 1;
                }
                Ok(inner)
            }
            Some(_) if self.skip("not") => Ok(Query::Not(Box::new(self.one()?))),
            Some(_) if self.is_next("and") || self.is_next("or") => {
                let end = self.word_end(self.at);
                Err(self
                    .error(self.at..end, "expected a term before this (quote \"and\" or \"or\" to search for them)"))
            }
            Some(_) => self.term(),
        }
    }

    fn term(&mut self) -> Parsed<Query> {
        let start = self.at;
        let rest = &self.text[start..];
        if rest.starts_with('"') {
            let words = self.quoted();
            if self.text[self.at..].starts_with(':') && !words.is_empty() {
                self.at += 1;
                return self.field(words);
            }
            return self.literal(start, &words).map(Query::Text);
        }
        if rest.starts_with('~') {
            self.at = self.word_end(start);
            let needle = &self.text[start + 1..self.at];
            if needle.is_empty() {
                return Err(self.error(start..self.at, "expected letters of a file name after ~"));
            }
            return Ok(Query::Fuzzy(Fuzzy::new(needle)));
        }
        let end = self.word_end(start);
        if let Some(length) = key_end(&self.text[start..end]) {
            let key = self.text[start..start + length].to_owned();
            self.at = start + length + 1;
            return self.keyed(&key, start);
        }
        self.at = end;
        let words = self.text[start..end].to_owned();
        self.literal(start, &words).map(Query::Text)
    }

    fn keyed(&mut self, key: &str, start: usize) -> Parsed<Query> {
        let Some(aspect) = Aspect::from_key(key) else {
            return match self.vocabulary.and_then(|vocabulary| vocabulary.unknown_field(key)) {
                Some(error) => Err(self.error(start..start + key.len(), &error)),
                None => self.field(key.to_owned()),
            };
        };
        match aspect {
            Aspect::Name => self.value(true).map(Query::Name),
            Aspect::Caption => self.value(false).map(Query::Caption),
            Aspect::Tag => self.value(false).map(Query::Tag),
            Aspect::Model => self.value(false).map(|value| Query::Origin(Origin::Model, value)),
            Aspect::Prompt => self.value(false).map(|value| Query::Origin(Origin::Prompt, value)),
            Aspect::Describer => self.value(false).map(|value| Query::Origin(Origin::Describer, value)),
            Aspect::Note => self.value(false).map(Query::Note),
            Aspect::Pattern => {
                if !self.text[self.at..].starts_with('/') {
                    return Err(self.error(start..self.word_end(self.at), "expected re:/…/"));
                }
                self.expression().map(|pattern| Query::Caption(Value::Contains(pattern)))
            }
            Aspect::Begins => self.phrase().map(Query::Begins),
            Aspect::Phrase => self.phrase().map(Query::Phrase),
            Aspect::Words => {
                let (word, place) = self.plain();
                let range = NumberRange::parse(&word);
                range.map(Query::Words).ok_or_else(|| self.error(place, "expected words:50, words:>50 or words:10..50"))
            }
            Aspect::Status => {
                let (word, place) = self.plain();
                self.choose(&word, place, &Status::ALL, Status::name).map(Query::Status)
            }
            Aspect::Lint => {
                let (word, place) = self.plain();
                match word.as_str() {
                    "" => Ok(Query::Lint(None)),
                    "no" => Ok(Query::Not(Box::new(Query::Lint(None)))),
                    ATTENTION => Ok(Query::Attention),
                    ERROR => Ok(Query::Error),
                    _ => {
                        let kinds = queryable_lints();
                        // The name of a lint that queries do not support is not the beginning of another name.
                        let is_unsupported = word.parse().is_ok_and(|kind: LintKind| !kinds.contains(&kind));
                        let word = if is_unsupported { "" } else { word.as_str() };
                        self.choose(word, place, &kinds, LintKind::name).map(|kind| Query::Lint(Some(kind)))
                    }
                }
            }
            Aspect::Flag => {
                let (word, place) = self.plain();
                match word.as_str() {
                    "" | "yes" => Ok(Query::Flagged),
                    "no" => Ok(Query::Not(Box::new(Query::Flagged))),
                    _ => Err(self.error(place, "flag: or flag:no")),
                }
            }
            Aspect::By => {
                let (word, place) = self.plain();
                let actors = [Actor::Operator, Actor::Run];
                self.choose(&word, place, &actors, super::actor_name).map(Query::By)
            }
        }
    }

    fn field(&mut self, key: String) -> Parsed<Query> {
        let start = self.at;
        let quoted = self.text[start..].starts_with(['"', '/']);
        if !quoted && let Some(range) = NumberRange::parse_comparison(&self.text[start..self.word_end(start)]) {
            self.at = self.word_end(start);
            return Ok(Query::Field(FieldTest { key, value: Value::InRange(range) }));
        }
        self.value(false).map(|value| Query::Field(FieldTest { key, value }))
    }

    /// Parses the value of a key that takes text.
    fn value(&mut self, is_path: bool) -> Parsed<Value> {
        let start = self.at;
        let rest = &self.text[start..];
        if rest.starts_with('"') {
            let words = self.quoted();
            return self.literal(start, &words).map(Value::Contains);
        }
        if rest.starts_with('/') {
            return self.expression().map(Value::Contains);
        }
        let (word, place) = self.plain();
        if word.is_empty() {
            return Ok(Value::Any);
        }
        if word.contains(['*', '?']) {
            let pattern = Pattern::glob(&word, is_path);
            return pattern.map(Value::Contains).map_err(|error| self.error(place, &error.to_string()));
        }
        self.literal(start, &word).map(Value::Contains)
    }

    /// Parses a regular expression between slashes.
    fn expression(&mut self) -> Parsed<Pattern> {
        let start = self.at;
        let mut source = String::new();
        let mut characters = self.text[start + 1..].char_indices();
        let mut end = self.text.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '/' => {
                    end = start + 1 + at + 1;
                    break;
                }
                '\\' => match characters.next() {
                    Some((_, '/')) => source.push('/'),
                    Some((_, other)) => source.extend(['\\', other]),
                    None => source.push('\\'),
                },
                other => source.push(other),
            }
        }
        self.at = self.word_end(end);
        let ignore_case = match &self.text[end..self.at] {
            "" => false,
            "i" => true,
            _ => return Err(self.error(end..self.at, "unknown flag after the last /; only i (ignore case) is allowed")),
        };
        Pattern::expression(&source, ignore_case).map_err(|error| self.error(start..self.at, &error.to_string()))
    }

    /// Parses a quoted string, with the escapes \" and \\.
    fn quoted(&mut self) -> String {
        let mut words = String::new();
        let mut characters = self.text[self.at + 1..].char_indices();
        let start = self.at + 1;
        self.at = self.text.len();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at = start + at + 1;
                    break;
                }
                '\\' => words.push(characters.next().map_or('\\', |(_, escaped)| escaped)),
                other => words.push(other),
            }
        }
        words
    }

    /// Parses a value of one word, quoted or not, and returns it with its position.
    fn plain(&mut self) -> (String, Range<usize>) {
        let start = self.at;
        let word = if self.text[start..].starts_with('"') {
            self.quoted()
        } else {
            self.at = self.word_end(start);
            self.text[start..self.at].to_owned()
        };
        (word, start..self.at)
    }

    fn phrase(&mut self) -> Parsed<Phrase> {
        let (words, place) = self.plain();
        Phrase::new(&words).ok_or_else(|| self.error(place, "expected a word, or several in quotes"))
    }

    fn literal(&self, start: usize, words: &str) -> Parsed<Pattern> {
        if words.is_empty() {
            return Err(self.error(start..self.at, "empty quotes"));
        }
        Pattern::literal(words).map_err(|error| self.error(start..self.at, &error.to_string()))
    }

    /// Finds a choice by its full name or a unique prefix of one of the words in it.
    fn choose<T: Copy>(&self, word: &str, place: Range<usize>, all: &[T], name: fn(T) -> &'static str) -> Parsed<T> {
        let word = word.to_lowercase().replace(' ', "-");
        let names = || all.iter().map(|choice| name(*choice)).collect::<Vec<_>>().join(" ");
        if let Some(exact) = all.iter().find(|choice| name(**choice) == word) {
            return Ok(*exact);
        }
        let has_prefix = |name: &str| {
            name.starts_with(&word) || name.match_indices('-').any(|(at, _)| name[at + 1..].starts_with(&word))
        };
        let matching: Vec<&T> = all.iter().filter(|choice| !word.is_empty() && has_prefix(name(**choice))).collect();
        match matching.as_slice() {
            [only] => Ok(**only),
            [] if word.is_empty() => Err(self.error(place, &format!("one of: {}", names()))),
            [] => Err(self.error(place, &format!("no “{word}”; Tab completes one of: {}", names()))),
            several => {
                let names: Vec<&str> = several.iter().map(|choice| name(**choice)).collect();
                Err(self.error(place, &format!("ambiguous: {}", names.join(" or "))))
            }
        }
    }

    /// Skips to the next token and returns its first character.
    fn next_token(&mut self) -> Option<char> {
        self.at = self.text.len() - self.text[self.at..].trim_start().len();
        self.text[self.at..].chars().next()
    }

    /// Returns true if the next token is this word.
    fn is_next(&mut self, word: &str) -> bool {
        self.next_token();
        let end = self.word_end(self.at);
        self.text[self.at..end].eq_ignore_ascii_case(word)
    }

    /// Skips the next token if it is this word, and returns true.
    fn skip(&mut self, word: &str) -> bool {
        let is_next = self.is_next(word);
        if is_next {
            self.at += word.len();
        }
        is_next
    }

    fn word_end(&self, start: usize) -> usize {
        self.text[start..].find(ends_word).map_or(self.text.len(), |end| start + end)
    }

    fn error(&self, at: Range<usize>, message: &str) -> QueryError {
        let end = at.end.min(self.text.len());
        QueryError { at: at.start.min(end)..end, message: message.to_owned() }
    }
}

/// Returns the only part, or joins several.
fn join(mut parts: Vec<Query>, join: fn(Vec<Query>) -> Query) -> Query {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

pub(super) fn ends_word(character: char) -> bool {
    character.is_whitespace() || matches!(character, '(' | ')' | '"')
}

/// Returns the end of the key in a word, if it has one: a colon after a name.
pub(super) fn key_end(word: &str) -> Option<usize> {
    let end = word.find(':')?;
    let mut characters = word[..end].chars();
    let is_name = characters.next().is_some_and(|first| first.is_alphabetic() || first == '_');
    is_name.then_some(end)
}
