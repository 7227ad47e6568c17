//! The layers that settings come from: defaults < the user's file < environment < options.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::{Deserialize as _, Serialize};
use toml::de::{DeTable, DeValue};
use toml::{Table, Value};

use super::{Config, DEFAULTS};
use crate::text;

/// The settings that each source sets; unset ones are absent.
#[derive(Clone, Debug)]
pub struct Layers {
    /// The path of the user's file, which need not exist.
    path: Option<PathBuf>,
    text: Option<String>,
    in_file: Table,
    in_environment: Table,
    options: Table,
    /// How often `-v` is given: by how many steps to raise the log level that the other layers set.
    verbose: usize,
}

/// The value of one setting and its source.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// The key, after the name of its table and a dot if it is in one (`lints.too-long`).
    pub name: String,
    /// `None` if the setting has no default and no source sets it.
    pub value: Option<serde_json::Value>,
    pub source: Source,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Default,
    /// `line` counts from one.
    File {
        path: PathBuf,
        line: usize,
    },
    /// The environment variable of this name.
    Variable(String),
    Options,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File { path, line } => write!(formatter, "{}:{line}", path.display()),
            Self::Variable(name) => formatter.write_str(name),
            Self::Options => formatter.write_str("command line"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("command line: {0}")]
    Options(#[from] toml::ser::Error),
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}:{line}: {message}", path.display())]
    Syntax { path: PathBuf, line: usize, message: String },
    #[error("{name}={value:?}: expected UTF-8")]
    Encoding { name: String, value: OsString },
    #[error("{origin}: {setting}: {message}")]
    Value {
        origin: Source,
        /// The key and the rejected value.
        setting: String,
        message: String,
    },
}

impl Layers {
    /// Reads the user's file and the environment. `options` are those on the command line.
    ///
    /// # Errors
    /// Returns an error if the file or a variable cannot be read.
    pub fn load(options: Table) -> Result<Self, ConfigError> {
        let file = etcetera::choose_base_strategy().ok().map(|user| user.config_dir().join("recaption/config.toml"));
        Self::read(options, |name| env::var_os(name), file)
    }

    /// Reads the file, which need not exist, or the one that `RECAPTION_CONFIG` names, which must.
    pub(crate) fn read(
        mut options: Table,
        environment: impl Fn(&str) -> Option<OsString>,
        file: Option<PathBuf>,
    ) -> Result<Self, ConfigError> {
        // An empty variable counts as unset.
        let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
        let named = environment("RECAPTION_CONFIG").map(PathBuf::from);
        let is_required = named.is_some();
        let path = named.or(file);
        let text = path.as_deref().map(|path| read_file(path, is_required)).transpose()?.flatten();
        let in_file = match (&path, &text) {
            (Some(path), Some(text)) => parse(path, text)?,
            _ => Table::new(),
        };
        let verbose = options.remove("verbose").and_then(|count| count.as_integer()).unwrap_or_default();
        Ok(Self {
            path,
            text,
            in_file,
            in_environment: from_environment(environment)?,
            options,
            verbose: verbose.try_into().unwrap_or_default(),
        })
    }

    /// Merges the layers and deserialises the result.
    ///
    /// # Errors
    /// Returns an error if a setting is unknown or has an invalid value.
    pub fn config(&self) -> Result<Config, ConfigError> {
        let mut merged = defaults();
        for layer in [&self.in_file, &self.in_environment, &self.options] {
            replace_server(&mut merged, layer);
            merge(&mut merged, layer.clone());
        }
        // In the file, `model` is that of Bedrock.
        let in_environment = || lookup(&self.in_environment, "openai.model").or(lookup(&self.in_environment, "model"));
        if let Some(model) = lookup(&self.options, "model").or_else(in_environment) {
            let openai = Table::from_iter([("model".to_owned(), model.clone())]);
            merge(&mut merged, Table::from_iter([("openai".to_owned(), openai.into())]));
        }
        let mut config = Config::deserialize(merged.clone()).map_err(|error| self.explain(&merged, &error))?;
        config.log_level = config.log_level.raised(self.verbose);
        for (setting, named) in [("style-guide", &mut config.style_guide), ("schema", &mut config.schema)] {
            if let (Some(file), Source::File { path, .. }) = (&*named, self.source(setting)) {
                *named = Some(path.parent().map_or_else(|| file.clone(), |folder| folder.join(file)));
            }
        }
        Ok(config)
    }

    /// Returns every setting of `config` in the order of the defaults.
    #[must_use]
    pub fn effective(&self, config: &Config) -> Vec<Effective> {
        let settings = leaves(config).into_iter();
        let effective = settings.map(|(name, value)| {
            let source = self.source(&name);
            Effective { name, value: Some(value).filter(|value| !value.is_null()), source }
        });
        effective.collect()
    }

    /// Returns the strongest source that sets the key.
    #[must_use]
    pub fn source(&self, key: &str) -> Source {
        if lookup(&self.options, key).is_some() || (key == "log-level" && self.verbose > 0) {
            Source::Options
        } else if lookup(&self.in_environment, key).is_some() {
            Source::Variable(variable(key))
        } else if lookup(&self.in_file, key).is_some() {
            let line = self.text.as_deref().and_then(|text| line_of(text, key)).unwrap_or(1);
            Source::File { path: self.path.clone().unwrap_or_default(), line }
        } else {
            Source::Default
        }
    }

    /// Returns the path of the user's file, and true if it exists. `None` if the user has no configuration folder.
    #[must_use]
    pub fn file(&self) -> Option<(&Path, bool)> {
        self.path.as_deref().map(|path| (path, self.text.is_some()))
    }

    /// Finds the setting that makes deserialising `merged` fail: one that fails on top of the defaults alone.
    fn explain(&self, merged: &Table, error: &toml::de::Error) -> ConfigError {
        let fails = |(key, _): (String, _)| {
            let value = lookup(merged, &key)?;
            let alone =
                key.rsplit('.').fold(value.clone(), |value, part| Table::from_iter([(part.into(), value)]).into());
            let mut table = defaults();
            merge(&mut table, alone.try_into().ok()?);
            let error = Config::deserialize(table).err()?;
            Some((format!("{key} = {value}"), self.source(&key), error))
        };
        match leaves(merged).into_iter().find_map(fails) {
            Some((setting, origin, error)) => {
                ConfigError::Value { origin, setting, message: expected(error.message()) }
            }
            None => ConfigError::Value { origin: Source::Default, setting: String::new(), message: error.to_string() },
        }
    }
}

/// Returns the text of the file, or `None` if it does not exist and need not.
fn read_file(path: &Path, is_required: bool) -> Result<Option<String>, ConfigError> {
    match fs::read(path).and_then(|bytes| Ok(text::from_file(bytes)?)) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_required => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

fn parse(path: &Path, text: &str) -> Result<Table, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        line: line_at(text, error.span().map_or(0, |span| span.start)),
        message: error.message().to_owned(),
    })
}

fn defaults() -> Table {
    toml::from_str(DEFAULTS).expect("a test parses the defaults")
}

/// Returns every setting with its default, or with the example value that the defaults have in a comment
/// (`# rpm = 200`).
pub(super) fn examples() -> Table {
    let is_key = |text: &str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    let is_example = |text: &&str| text.split_once(" = ").is_some_and(|(key, _)| is_key(key));
    let lines = DEFAULTS.lines().map(|line| line.strip_prefix("# ").filter(is_example).unwrap_or(line));
    toml::from_str(&lines.collect::<Vec<_>>().join("\n")).expect("a test parses the defaults")
}

/// Reads the variable of each setting, of those in the tables of the server and the verifier too. Lints have none.
fn from_environment(environment: impl Fn(&str) -> Option<OsString>) -> Result<Table, ConfigError> {
    let read = |prefix: &str, examples: Table| {
        let mut table = Table::new();
        for (key, example) in examples.into_iter().filter(|(_, example)| !example.is_table()) {
            let name = variable(&format!("{prefix}{key}"));
            if let Some(value) = environment(&name) {
                let text = value.into_string().map_err(|value| ConfigError::Encoding { name, value })?;
                table.insert(key, typed(text, &example));
            }
        }
        Ok::<_, ConfigError>(table)
    };
    let mut examples = examples();
    let mut tables = Table::new();
    for name in ["openai", "verify", "batch"] {
        let inner = examples.remove(name).and_then(|table| table.try_into().ok()).unwrap_or_default();
        let inner = read(&format!("{name}."), inner)?;
        if !inner.is_empty() {
            tables.insert(name.to_owned(), inner.into());
        }
    }
    let mut table = read("", examples)?;
    table.extend(tables);
    Ok(table)
}

fn variable(key: &str) -> String {
    format!("RECAPTION_{}", key.to_uppercase().replace(['-', '.'], "_"))
}

/// Removes what the layers below say about another server if this layer chooses one: its key and its price.
fn replace_server(below: &mut Table, layer: &Table) {
    let chooses = ["openai.preset", "openai.base-url"].iter().any(|key| lookup(layer, key).is_some());
    if chooses && let Some(Value::Table(openai)) = below.get_mut("openai") {
        openai.clear();
    }
}

/// Converts the text to the type of the example. Text of another type stays a string, which deserialising rejects.
fn typed(text: String, example: &Value) -> Value {
    let value = match (example, &*text.to_ascii_lowercase()) {
        (Value::Integer(_), number) => number.parse().ok().map(Value::Integer),
        (Value::Boolean(_), "1" | "true" | "yes" | "on") => Some(Value::Boolean(true)),
        (Value::Boolean(_), "0" | "false" | "no" | "off") => Some(Value::Boolean(false)),
        _ => None,
    };
    value.unwrap_or(Value::String(text))
}

/// Adds a stronger layer: its tables are merged, its other values replace those below.
fn merge(below: &mut Table, layer: Table) {
    for (key, value) in layer {
        match (below.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(layer)) => merge(below, layer),
            (_, value) => _ = below.insert(key, value),
        }
    }
}

fn lookup<'a>(table: &'a Table, key: &str) -> Option<&'a Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = table.get(first)?;
    rest.map_or(Some(value), |rest| lookup(value.as_table()?, rest))
}

/// Returns the values by key, those of nested tables too (`lints.too-long`).
fn leaves(settings: &impl Serialize) -> Vec<(String, serde_json::Value)> {
    let mut leaves = Vec::new();
    let Ok(serde_json::Value::Object(settings)) = serde_json::to_value(settings) else { return leaves };
    for (name, value) in settings {
        match value {
            serde_json::Value::Object(table) => {
                leaves.extend(table.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => leaves.push((name, value)),
        }
    }
    leaves
}

/// Returns the part of serde's message that states the expectation, with words in place of Rust's types. The rest
/// repeats the value.
fn expected(message: &str) -> String {
    let message = message.trim();
    let Some((_, expected)) = message.split_once(", expected ").filter(|_| message.starts_with("invalid ")) else {
        return message.to_owned();
    };
    let expected = match expected {
        "a nonzero usize" | "a nonzero u32" => "an integer of 1 or more",
        "usize" => "an integer of 0 or more",
        "a boolean" => "true or false",
        "a sequence" => "an array",
        "struct LintSettings" | "struct OpenaiSettings" | "struct VerifySettings" => "a table",
        other => other,
    };
    format!("expected {expected}")
}

/// Returns the line, from one, on which the file sets the key.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let file = DeTable::parse(text).ok()?;
    let mut table = file.get_ref();
    let mut start = 0;
    for part in key.split('.') {
        let (key, value) = table.iter().find(|(key, _)| key.get_ref().as_ref() == part)?;
        start = key.span().start;
        if let DeValue::Table(inner) = value.get_ref() {
            table = inner;
        }
    }
    Some(line_at(text, start))
}

fn line_at(text: &str, offset: usize) -> usize {
    text.get(..offset).unwrap_or_default().matches('\n').count() + 1
}
