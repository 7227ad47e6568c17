//! Prints a [`Query`]; parsing the result gives the same query.

use std::fmt::{self, Formatter};

use super::parse::{ends_word, key_end};
use super::{ATTENTION, Aspect, ERROR, FieldTest, NumberRange, Query, Value, actor_name};

impl fmt::Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(parts) => joined(f, parts, " ", |part| matches!(part, Self::All(_) | Self::Any(_))),
            Self::Any(parts) => joined(f, parts, " or ", |part| matches!(part, Self::Any(_))),
            Self::Not(query) => {
                f.write_str("not ")?;
                part(f, query, matches!(**query, Self::All(_) | Self::Any(_)))
            }
            Self::Text(pattern) => f.write_str(&word(pattern.source())),
            Self::Fuzzy(letters) => write!(f, "~{}", letters.source()),
            Self::Name(value) => keyed(f, Aspect::Name, value),
            Self::Caption(value @ Value::Contains(pattern)) if pattern.is_expression() => {
                keyed(f, Aspect::Pattern, value)
            }
            Self::Caption(value) => keyed(f, Aspect::Caption, value),
            Self::Tag(value) => keyed(f, Aspect::Tag, value),
            Self::Words(range) => write!(f, "{}:{range}", Aspect::Words.key()),
            Self::Begins(phrase) => write!(f, "{}:{}", Aspect::Begins.key(), quoted(&phrase.words())),
            Self::Phrase(phrase) => write!(f, "{}:{}", Aspect::Phrase.key(), quoted(&phrase.words())),
            Self::Lint(kind) => write!(f, "{}:{}", Aspect::Lint.key(), kind.map_or("", |kind| kind.name())),
            Self::Attention => write!(f, "{}:{ATTENTION}", Aspect::Lint.key()),
            Self::Error => write!(f, "{}:{ERROR}", Aspect::Lint.key()),
            Self::Status(status) => write!(f, "{}:{}", Aspect::Status.key(), status.name()),
            Self::Flagged => write!(f, "{}:", Aspect::Flag.key()),
            Self::Note(value) => keyed(f, Aspect::Note, value),
            Self::Origin(origin, value) => write!(f, "{}:{}", origin.name(), written(value)),
            Self::By(actor) => write!(f, "{}:{}", Aspect::By.key(), actor_name(*actor)),
            Self::Field(FieldTest { key, value }) => {
                let is_name = key_end(&format!("{key}:")) == Some(key.len()) && !key.contains(ends_word);
                if is_name && Aspect::from_key(key).is_none() {
                    write!(f, "{key}:{}", written(value))
                } else {
                    write!(f, "{}:{}", quoted(key), written(value))
                }
            }
        }
    }
}

fn joined(f: &mut Formatter<'_>, parts: &[Query], join: &str, nested: fn(&Query) -> bool) -> fmt::Result {
    for (place, query) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(join)?;
        }
        part(f, query, nested(query))?;
    }
    Ok(())
}

fn part(f: &mut Formatter<'_>, query: &Query, nested: bool) -> fmt::Result {
    if nested { write!(f, "({query})") } else { write!(f, "{query}") }
}

fn keyed(f: &mut Formatter<'_>, aspect: Aspect, value: &Value) -> fmt::Result {
    write!(f, "{}:{}", aspect.key(), written(value))
}

fn written(value: &Value) -> String {
    match value {
        Value::Any => String::new(),
        Value::InRange(range) => range.to_string(),
        Value::Contains(pattern) if pattern.is_plain() => {
            let source = pattern.source();
            let needs_no_quotes = !source.is_empty()
                && !source.starts_with('/')
                && !source.contains(|character| ends_word(character) || matches!(character, '*' | '?'))
                && NumberRange::parse_comparison(source).is_none();
            if needs_no_quotes { source.to_owned() } else { quoted(source) }
        }
        Value::Contains(pattern) => pattern.to_string(),
    }
}

/// Quotes a word that would be parsed as something else.
fn word(words: &str) -> String {
    let is_operator = ["and", "or", "not"].iter().any(|operator| words.eq_ignore_ascii_case(operator));
    let needs_no_quotes =
        !is_operator && !words.starts_with('~') && !words.contains(ends_word) && key_end(words).is_none();
    if needs_no_quotes { words.to_owned() } else { quoted(words) }
}

pub(in crate::review) fn quoted(words: &str) -> String {
    format!("\"{}\"", words.replace('\\', "\\\\").replace('"', "\\\""))
}
