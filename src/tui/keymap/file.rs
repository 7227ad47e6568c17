//! Parsing a keymap file: a table for each context, with commands and their keys.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::Binding;
use super::key::{Key, KeyError};
use crate::review::{Command, CommandLine, Context};

/// Why a keymap cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeymapError {
    #[error("{}: cannot read the keymap: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{file}:{line}: {source}")]
    Line {
        file: String,
        /// Counted from 1.
        line: usize,
        source: BindingError,
    },
}

/// Why a line of a keymap is invalid.
#[derive(Debug, thiserror::Error)]
pub enum BindingError {
    #[error("{0}")]
    Syntax(String),
    #[error("unknown table [{table}]; the tables are {}", tables())]
    UnknownContext { table: String },
    #[error("[{context}] unknown command \"{command}\"{}", similar(.command))]
    UnknownCommand { context: &'static str, command: String },
    #[error("[{context}] {command} does nothing here; it can be bound in {tables}")]
    WrongContext { context: &'static str, command: &'static str, tables: String },
    #[error("[{context}] {command}: {source}")]
    Key { context: &'static str, command: &'static str, source: KeyError },
    /// Two commands are bound to the same keys, or to keys of which one begins the other.
    #[error("[{context}] {keys} is bound to both {first} and {second}")]
    Twice { context: &'static str, keys: String, first: &'static str, second: &'static str },
}

fn tables() -> String {
    Context::ALL.iter().map(|context| context.name()).collect::<Vec<_>>().join(", ")
}

/// Suggests the command that the palette finds.
fn similar(name: &str) -> String {
    let found = CommandLine::new(name, Context::Browse).selected();
    found.map_or_else(String::new, |command| format!("; did you mean \"{}\"?", command.name()))
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Keys {
    One(String),
    Several(Vec<String>),
}

/// Parses the bindings of each context. `file` is named in errors.
pub(super) fn parse(text: &str, file: &str) -> Result<BTreeMap<Context, Vec<Binding>>, KeymapError> {
    let invalid = |at: usize, source| {
        let line = text.get(..at).unwrap_or(text).matches('\n').count() + 1;
        KeymapError::Line { file: file.to_owned(), line, source }
    };
    let tables: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Keys>> = toml::from_str(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        invalid(at, BindingError::Syntax(error.message().to_owned()))
    })?;
    let mut bindings = BTreeMap::new();
    for (table, commands) in tables {
        let unknown = || invalid(table.span().start, BindingError::UnknownContext { table: table.get_ref().clone() });
        let context = Context::from_name(table.get_ref()).ok_or_else(unknown)?;
        let mut bound = Vec::new();
        for (name, keys) in commands {
            bind(context, name.get_ref(), keys, &mut bound).map_err(|error| invalid(name.span().start, error))?;
        }
        bindings.insert(context, bound);
    }
    Ok(bindings)
}

fn bind(context: Context, name: &str, keys: Keys, bound: &mut Vec<Binding>) -> Result<(), BindingError> {
    let table = context.name();
    let unknown = || BindingError::UnknownCommand { context: table, command: name.to_owned() };
    let command = Command::from_name(name).ok_or_else(unknown)?;
    if !command.is_bindable_in(context) {
        let tables = Context::ALL.iter().filter(|other| command.is_bindable_in(**other));
        let tables = tables.map(|other| format!("[{}]", other.name())).collect::<Vec<_>>().join(", ");
        return Err(BindingError::WrongContext { context: table, command: command.name(), tables });
    }
    let keys = match keys {
        Keys::One(keys) => vec![keys],
        Keys::Several(keys) => keys,
    };
    for sequence in keys {
        let invalid = |source| BindingError::Key { context: table, command: command.name(), source };
        let sequence = Key::parse_sequence(&sequence).map_err(invalid)?;
        if let Some((_, first)) = bound.iter().find(|(keys, _)| clash(keys, &sequence)) {
            let (keys, first) = (Key::sequence_name(&sequence), first.name());
            return Err(BindingError::Twice { context: table, keys, first, second: command.name() });
        }
        bound.push((sequence, command));
    }
    Ok(())
}

/// Returns true if two sequences cannot both be bound: they are equal, or one begins the other.
pub(super) fn clash(one: &[Key], other: &[Key]) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_the_line() {
        let error = |text: &str| parse(text, "mine.toml").expect_err("an invalid keymap").to_string();
        let unknown = error("# mine\n[browse]\nskip = \"s\"\nacept = \"a\"");
        assert_eq!(unknown, "mine.toml:4: [browse] unknown command \"acept\"; did you mean \"accept\"?");
        let key = error("[browse]\naccept = \"hyper-a\"");
        assert!(key.starts_with("mine.toml:2: [browse] accept: ") && key.contains("hyper-a"), "{key}");
        let twice = error("[browse]\naccept = \"a\"\n\nskip = [\"s\", \"a\"]");
        assert_eq!(twice, "mine.toml:4: [browse] a is bound to both accept and skip");
        assert!(error("[browse]\ntop = \"g g\"\nskip = \"g\"").contains("is bound to both"));
        let table = error("[browse]\nskip = \"s\"\n[nowhere]\naccept = \"a\"");
        assert!(table.starts_with("mine.toml:3: unknown table [nowhere]; the tables are browse, "), "{table}");
        let syntax = error("[browse]\nskip = s");
        assert!(syntax.starts_with("mine.toml:2: "), "{syntax}");
    }

    #[test]
    fn a_command_cannot_be_bound_in_a_context_without_effect() {
        let error = |text: &str| parse(text, "mine.toml").expect_err("an invalid keymap").to_string();
        assert_eq!(
            error("[edit]\naccept = \"ctrl-a\""),
            "mine.toml:2: [edit] accept does nothing here; it can be bound in [browse], [zoom], [sheet]"
        );
        assert_eq!(
            error("[browse]\n\ntoggle = \"T\""),
            "mine.toml:3: [browse] toggle does nothing here; it can be bound in [replace]"
        );
        let inherited = parse("[browse]\nzoom-in = \"+\"\n[edit]\nsuspend = \"ctrl-z\"", "mine.toml");
        assert!(inherited.is_ok(), "{inherited:?}");
    }

    #[test]
    fn former_names_are_accepted() {
        let (old, new) = ("[edit]\ntake-and-next = \"ctrl-n\"", "[edit]\naccept-edit-next = \"ctrl-n\"");
        assert_eq!(parse(old, "old.toml").expect("valid"), parse(new, "new.toml").expect("valid"));
    }
}
