//! A file of keys: which actions they stand for, table by table, and where in the file something is wrong.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::key::{Key, KeyError};
use super::{Binding, Context};
use crate::review::Action;

/// Why a keymap cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeymapError {
    /// The file is there but cannot be read.
    #[error("{}: cannot read the keymap: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It says something that is no binding of a key.
    #[error("{file}:{line}: {mistake}")]
    Line {
        /// The file.
        file: String,
        /// The line, from one.
        line: usize,
        /// What is wrong with it.
        mistake: Mistake,
    },
}

/// What is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum Mistake {
    /// It is not TOML, or has an unknown table.
    #[error("{0}")]
    Syntax(String),
    /// An action that does not exist.
    #[error("[{context}] has no action \"{action}\"; `recaption --help` names the file with all of them")]
    UnknownAction {
        /// The table.
        context: &'static str,
        /// The word that is no action.
        action: String,
    },
    /// A key that does not exist.
    #[error("[{context}] {action}: {source}")]
    Key {
        /// The table.
        context: &'static str,
        /// The action it was for.
        action: &'static str,
        /// What is wrong with the key.
        source: KeyError,
    },
    /// One key, two meanings.
    #[error("[{context}] {keys} is bound to both {first} and {second}")]
    Twice {
        /// The table.
        context: &'static str,
        /// The keys.
        keys: String,
        /// One action.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
}

/// An action's keys, as they are written.
#[derive(Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Several(Vec<String>),
}

/// What a file binds, by context. Its name is for errors.
pub(super) fn parse(text: &str, file: &str) -> Result<BTreeMap<Context, Vec<Binding>>, KeymapError> {
    let wrong = |at: usize, mistake| {
        let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        KeymapError::Line { file: file.to_owned(), line, mistake }
    };
    let tables: BTreeMap<Context, BTreeMap<Spanned<String>, Keys>> = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        wrong(at, Mistake::Syntax(error.message().to_owned()))
    })?;
    let mut bindings = BTreeMap::new();
    for (context, table) in tables {
        let mut bound = Vec::new();
        for (name, keys) in table {
            bind(context, name.get_ref(), keys, &mut bound).map_err(|mistake| wrong(name.span().start, mistake))?;
        }
        bindings.insert(context, bound);
    }
    Ok(bindings)
}

fn bind(context: Context, name: &str, keys: Keys, bound: &mut Vec<Binding>) -> Result<(), Mistake> {
    let context = context.name();
    let unknown = || Mistake::UnknownAction { context, action: name.to_owned() };
    let action = Action::from_name(name).ok_or_else(unknown)?;
    let keys = match keys {
        Keys::One(keys) => vec![keys],
        Keys::Several(keys) => keys,
    };
    for sequence in keys {
        let no_key = |source| Mistake::Key { context, action: action.name(), source };
        let sequence = Key::parse_sequence(&sequence).map_err(no_key)?;
        if let Some((_, first)) = bound.iter().find(|(keys, _)| clash(keys, &sequence)) {
            let (keys, first) = (Key::sequence_name(&sequence), first.name());
            return Err(Mistake::Twice { context, keys, first, second: action.name() });
        }
        bound.push((sequence, action));
    }
    Ok(())
}

/// Whether two sequences cannot both be bound: equal, or one begins the other.
pub(super) fn clash(one: &[Key], other: &[Key]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_named_with_their_line() {
        let error = |text: &str| parse(text, "mine.toml").expect_err("a mistake").to_string();
        let said = error("# mine\n[browse]\nskip = \"s\"\nacept = \"a\"");
        assert!(said.starts_with("mine.toml:4: [browse] has no action \"acept\""), "{said}");
        let said = error("[browse]\naccept = \"hyper-a\"");
        assert!(said.starts_with("mine.toml:2: [browse] accept: ") && said.contains("hyper-a"), "{said}");
        let said = error("[browse]\naccept = \"a\"\n\nskip = [\"s\", \"a\"]");
        assert_eq!(said, "mine.toml:4: [browse] a is bound to both accept and skip");
        assert!(error("[browse]\ntop = \"g g\"\nskip = \"g\"").contains("is bound to both"));
        let said = error("[browse]\nskip = \"s\"\n[nowhere]\naccept = \"a\"");
        assert!(said.starts_with("mine.toml:3: ") && said.contains("nowhere"), "{said}");
        let said = error("[browse]\nskip = s");
        assert!(said.starts_with("mine.toml:2: "), "{said}");
    }
}
