//! Completion of the word at the cursor.

use super::parse::{ends_word, key_end};
use super::print::quoted;
use super::{ATTENTION, Aspect, ERROR, Status, Vocabulary, actor_name, queryable_lints};
use crate::lint::LintKind;
use crate::session::Actor;

/// A completion of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion {
    pub text: String,
    /// The number of records it matches, among those of the vocabulary, if known.
    pub count: Option<u64>,
    /// Empty for values.
    pub meaning: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The text before the word.
    pub before: String,
    /// The completions of the word.
    pub choices: Vec<Suggestion>,
    /// The text after the cursor.
    pub after: String,
}

/// Completes the word that ends at the cursor (a byte offset): a key, or the value of one.
#[must_use]
pub fn complete(text: &str, cursor: usize, vocabulary: &Vocabulary) -> Completion {
    let cursor = text.floor_char_boundary(cursor);
    let start = word_start(&text[..cursor]);
    let word = &text[start..cursor];
    let choices = match key_end(word) {
        Some(end) => {
            let (key, prefix) = (&word[..end], &word[end + 1..]);
            let suggestion = |(value, count)| Suggestion { text: format!("{key}:{value}"), count, meaning: "" };
            values(key, prefix, vocabulary).into_iter().map(suggestion).collect()
        }
        None => keys(word, vocabulary),
    };
    Completion { before: text[..start].to_owned(), choices, after: text[cursor..].to_owned() }
}

/// Returns true if the last word of a query may become something else with the next key: a key before its colon, or an
/// operator.
#[must_use]
pub fn is_incomplete(text: &str, vocabulary: &Vocabulary) -> bool {
    let start = word_start(text);
    let word = &text[start..];
    if word.is_empty() || word.contains(':') {
        return false;
    }
    let is_first = text[..start].trim().is_empty();
    let operators: &[&str] = if is_first { &["not"] } else { &["and", "or", "not"] };
    let is_operator = operators.iter().any(|operator| begins(operator, word));
    is_operator || !keys(word, vocabulary).is_empty()
}

fn keys(prefix: &str, vocabulary: &Vocabulary) -> Vec<Suggestion> {
    let built_in = Aspect::ALL.iter().map(|aspect| {
        let slash = if *aspect == Aspect::Pattern { "/" } else { "" };
        Suggestion { text: format!("{}:{slash}", aspect.key()), count: None, meaning: aspect.meaning() }
    });
    // A field that a key of the same name finds as well.
    let is_found =
        |field: &str| matches!(Aspect::from_key(field), Some(Aspect::Prompt | Aspect::Describer | Aspect::Tag));
    let fields = vocabulary.fields().filter(|(field, _)| !is_found(field)).map(|(field, records)| {
        let is_name = key_end(&format!("{field}:")) == Some(field.len()) && !field.contains(ends_word);
        let is_plain = is_name && Aspect::from_key(field).is_none();
        let text = if is_plain { format!("{field}:") } else { format!("{}:", quoted(field)) };
        Suggestion { text, count: Some(records), meaning: "field of the dataset" }
    });
    built_in.chain(fields).filter(|key| begins(key.text.trim_start_matches('"'), prefix)).collect()
}

/// Returns the values of a key that begin with a prefix, with their counts.
fn values(key: &str, prefix: &str, vocabulary: &Vocabulary) -> Vec<(String, Option<u64>)> {
    let prefix = prefix.trim_start_matches('"');
    let names: Vec<&str> = match Aspect::from_key(key) {
        Some(Aspect::Status) => Status::ALL.iter().map(|status| status.name()).collect(),
        Some(Aspect::Lint) => {
            queryable_lints().into_iter().map(LintKind::name).chain([ATTENTION, ERROR, "no"]).collect()
        }
        Some(Aspect::Flag) => vec!["yes", "no"],
        Some(Aspect::By) => [Actor::Operator, Actor::Run].map(actor_name).into(),
        Some(aspect @ (Aspect::Model | Aspect::Prompt | Aspect::Describer)) => vocabulary.origins(aspect).collect(),
        Some(_) | None => Vec::new(),
    };
    let known: Vec<(&str, Option<u64>)> = match Aspect::from_key(key).filter(|aspect| *aspect != Aspect::Tag) {
        Some(aspect) => {
            let mut counted: Vec<_> = names.into_iter().map(|name| (name, vocabulary.count(aspect, name))).collect();
            if aspect == Aspect::Lint {
                // Findings that the data has come first.
                counted.sort_by_key(|(_, count)| *count == Some(0));
            }
            counted
        }
        None => vocabulary.values(key).into_iter().map(|(value, count)| (value, Some(count))).collect(),
    };
    let matching = known.into_iter().filter(|(value, _)| {
        begins(value, prefix)
            || !prefix.is_empty() && value.match_indices('-').any(|(at, _)| begins(&value[at + 1..], prefix))
    });
    let needs_no_quotes = |value: &str| !value.contains(ends_word) && !value.contains(['*', '?', '/', '<', '>', '=']);
    let written = |value: &str| if needs_no_quotes(value) { value.to_owned() } else { quoted(value) };
    matching.map(|(value, count)| (written(value), count)).collect()
}

fn begins(value: &str, prefix: &str) -> bool {
    value.to_lowercase().starts_with(&prefix.to_lowercase())
}

/// Returns the start of the last word. Spaces and parentheses in quotes belong to it.
fn word_start(text: &str) -> usize {
    let mut start = 0;
    let mut quoted = false;
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | ')' if !quoted => start = at + 1,
            space if !quoted && space.is_whitespace() => start = at + space.len_utf8(),
            _ => {}
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("sta", "", "status:", "")]
    #[case("red (fl", "red (", "flag:", "")]
    #[case("status:rea", "", "status:ready", "")]
    #[case("status:review", "", "status:to-review", "")]
    #[case("lint:cut|  red", "", "lint:cut-off", "  red")]
    #[case("by:r", "", "by:run", "")]
    #[case("not \"a b\" re", "not \"a b\" ", "re:/", "")]
    fn words_are_completed(#[case] text: &str, #[case] before: &str, #[case] choice: &str, #[case] after: &str) {
        let cursor = text.find('|').unwrap_or(text.len());
        let text = text.replace('|', "");
        let Completion { before: head, choices, after: tail } = complete(&text, cursor, &Vocabulary::default());
        let choices: Vec<String> = choices.into_iter().map(|choice| choice.text).collect();
        assert_eq!((head.as_str(), choices, tail.as_str()), (before, vec![choice.to_owned()], after));
    }

    #[test]
    fn caption_words_have_no_completions() {
        assert_eq!(complete("purple", 6, &Vocabulary::default()).choices, []);
        assert_eq!(complete("\"sta", 4, &Vocabulary::default()).choices, []);
    }

    #[rstest]
    #[case("sta", true)]
    #[case("red sta", true)]
    #[case("red o", true)]
    #[case("o", false)]
    #[case("not", true)]
    #[case("red", false)]
    #[case("red ", false)]
    #[case("status:", false)]
    #[case("\"sta", false)]
    fn a_word_that_may_become_a_key_is_incomplete(#[case] text: &str, #[case] expected: bool) {
        assert_eq!(is_incomplete(text, &Vocabulary::default()), expected);
    }
}
