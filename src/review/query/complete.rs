//! Completion of the word at the cursor.

use super::parse::{ends_word, key_end};
use super::print::quoted;
use super::{Aspect, Status, Vocabulary, actor_name, queryable_lints};
use crate::lint::LintKind;
use crate::session::Actor;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Completion {
    /// The text before the word.
    pub before: String,
    /// The completions of the word.
    pub choices: Vec<String>,
    /// The text after the cursor.
    pub after: String,
}

/// Completes the word that ends at the cursor (a byte offset): a key, or the value of one.
#[must_use]
pub fn complete(text: &str, cursor: usize, vocabulary: &Vocabulary, models: &[String]) -> Completion {
    let cursor = text.floor_char_boundary(cursor);
    let start = word_start(&text[..cursor]);
    let word = &text[start..cursor];
    let choices = match key_end(word) {
        Some(end) => {
            let (key, prefix) = (&word[..end], &word[end + 1..]);
            values(key, prefix, vocabulary, models).into_iter().map(|value| format!("{key}:{value}")).collect()
        }
        None => keys(word, vocabulary),
    };
    Completion { before: text[..start].to_owned(), choices, after: text[cursor..].to_owned() }
}

fn keys(prefix: &str, vocabulary: &Vocabulary) -> Vec<String> {
    let built_in = Aspect::ALL.iter().map(|aspect| match aspect {
        Aspect::Pattern => format!("{}:/", aspect.key()),
        aspect => format!("{}:", aspect.key()),
    });
    let fields = vocabulary.fields().map(|field| {
        let is_name = key_end(&format!("{field}:")) == Some(field.len()) && !field.contains(ends_word);
        if is_name && Aspect::from_key(field).is_none() { format!("{field}:") } else { format!("{}:", quoted(field)) }
    });
    built_in.chain(fields).filter(|key| begins(key.trim_start_matches('"'), prefix)).collect()
}

fn values(key: &str, prefix: &str, vocabulary: &Vocabulary, models: &[String]) -> Vec<String> {
    let prefix = prefix.trim_start_matches('"');
    let known: Vec<String> = match Aspect::from_key(key) {
        Some(Aspect::Status) => Status::ALL.iter().map(|status| status.name().to_owned()).collect(),
        Some(Aspect::Lint) => {
            queryable_lints().into_iter().map(LintKind::name).chain(["no"]).map(str::to_owned).collect()
        }
        Some(Aspect::Flag) => vec!["yes".to_owned(), "no".to_owned()],
        Some(Aspect::By) => [Actor::Operator, Actor::Run].map(actor_name).map(str::to_owned).into(),
        Some(Aspect::Model) => models.to_vec(),
        Some(_) => Vec::new(),
        None => vocabulary.values(key).map(str::to_owned).collect(),
    };
    let matching = known.into_iter().filter(|value| {
        begins(value, prefix)
            || !prefix.is_empty() && value.match_indices('-').any(|(at, _)| begins(&value[at + 1..], prefix))
    });
    let needs_no_quotes = |value: &str| !value.contains(ends_word) && !value.contains(['*', '?', '/', '<', '>', '=']);
    matching.map(|value| if needs_no_quotes(&value) { value } else { quoted(&value) }).collect()
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
    #[case("model:claude-3", "", "model:claude-3-7", "")]
    #[case("not \"a b\" re", "not \"a b\" ", "re:/", "")]
    fn words_are_completed(#[case] text: &str, #[case] before: &str, #[case] choice: &str, #[case] after: &str) {
        let cursor = text.find('|').unwrap_or(text.len());
        let text = text.replace('|', "");
        let completion = complete(&text, cursor, &Vocabulary::default(), &["claude-3-7".to_owned()]);
        let expected =
            Completion { before: before.to_owned(), choices: vec![choice.to_owned()], after: after.to_owned() };
        assert_eq!(completion, expected);
    }

    #[test]
    fn caption_words_have_no_completions() {
        assert_eq!(complete("purple", 6, &Vocabulary::default(), &[]).choices, [] as [&str; 0]);
        assert_eq!(complete("\"sta", 4, &Vocabulary::default(), &[]).choices, [] as [&str; 0]);
    }
}
