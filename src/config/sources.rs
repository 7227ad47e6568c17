//! Where settings come from, and which of several sources a setting is from.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;
use serde::Serialize;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::{Config, ConfigError, DEFAULTS, Environment, Settings};

/// What each source has to say, besides the defaults. Of two, the later is stronger.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The user's file, where there is a place for one; it need not exist.
    file: Option<PathBuf>,
    /// What is written in it.
    text: Option<String>,
    in_file: Settings,
    in_environment: Settings,
    flags: Settings,
}

/// A setting as it is in effect.
#[derive(Clone, Debug, PartialEq)]
pub struct Effective {
    /// As in the file, after the name of its table and a dot where it is in one (`lints.too-long`).
    pub name: String,
    /// As in the file; nothing if it is set nowhere, and has no default.
    pub value: Option<Value>,
    /// Where the value is from.
    pub origin: Origin,
}

/// A source of settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The program.
    Default,
    /// The user's file.
    File {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
    },
    /// The variable of this name.
    Variable(String),
    /// An option on the command line.
    Flag,
}

impl Sources {
    /// Those of this run: the user's file, the process's environment, and `flags`.
    ///
    /// # Errors
    ///
    /// If one of them says something that is no setting.
    pub fn load(flags: Settings) -> Result<Self, ConfigError> {
        let file = etcetera::choose_base_strategy().ok().map(|user| user.config_dir().join("recaption/config.toml"));
        Self::read(flags, |name| env::var_os(name), file.as_deref())
    }

    /// As [`load`](Self::load), with a given environment and a file that need not exist. `RECAPTION_CONFIG` in the
    /// environment names another, which must.
    ///
    /// # Errors
    ///
    /// If one of them says something that is no setting.
    pub fn read(
        flags: Settings,
        environment: impl Fn(&str) -> Option<OsString>,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let environment = Environment(&environment);
        let named = environment.get("CONFIG").map(PathBuf::from);
        let file = named.clone().or_else(|| file.map(Path::to_owned));
        let text = file.as_deref().map(|path| super::text_of(path, named.is_some())).transpose()?.flatten();
        let in_file = match (&file, &text) {
            (Some(path), Some(text)) => Settings::from_file(path, text)?,
            _ => Settings::default(),
        };
        let in_environment = Settings::from_environment(&environment)?;
        let mut sources = Self { file, text, in_file, in_environment, flags: Settings::default() };
        let level = flags.log_level.unwrap_or_else(|| sources.config().log_level);
        let raised = (flags.verbose > 0).then(|| level.raised(flags.verbose));
        sources.flags = Settings { log_level: raised.or(flags.log_level), ..flags };
        Ok(sources)
    }

    /// What they come to together.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the defaults are part of the program, and a test reads them")]
    pub fn config(&self) -> Config {
        let mut config: Config =
            toml::from_str(DEFAULTS).expect("the defaults are part of the program, and a test reads them");
        for stronger in [&self.in_file, &self.in_environment, &self.flags] {
            config.apply(stronger.clone());
        }
        config
    }

    /// The user's file, if it exists.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|_| self.text.is_some())
    }

    /// Where the user's file would be, if it existed.
    #[must_use]
    pub fn place(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Every setting, in the order of the defaults.
    #[must_use]
    pub fn effective(&self) -> Vec<Effective> {
        let [in_file, in_environment, flags] = [&self.in_file, &self.in_environment, &self.flags].map(leaves);
        let says = |source: &[(String, Value)], name: &str| {
            source.iter().any(|(said, value)| said == name && !value.is_null())
        };
        let mut settings: Vec<Effective> = leaves(&self.config())
            .into_iter()
            .map(|(name, value)| {
                let origin = if says(&flags, &name) {
                    Origin::Flag
                } else if says(&in_environment, &name) {
                    Origin::Variable(Environment::name(&name.to_uppercase().replace('-', "_")))
                } else if says(&in_file, &name) {
                    let line = self.text.as_deref().and_then(|text| line_of(text, &name)).unwrap_or(1);
                    Origin::File { path: self.file.clone().unwrap_or_default(), line }
                } else {
                    Origin::Default
                };
                Effective { name, value: Some(value).filter(|value| !value.is_null()), origin }
            })
            .collect();
        settings.sort_by_key(|setting| explained_at(&setting.name));
        settings
    }
}

/// The values in a structure by their names, those in a table in it too.
fn leaves(settings: &impl Serialize) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    let Ok(Value::Object(members)) = serde_json::to_value(settings) else { return leaves };
    for (name, value) in members {
        match value {
            Value::Object(table) => {
                leaves.extend(table.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            value => leaves.push((name, value)),
        }
    }
    leaves
}

/// Where the defaults explain a setting, whether it is commented out there or not.
fn explained_at(name: &str) -> usize {
    let key = name.rsplit('.').next().unwrap_or(name);
    ["\n", "\n# "]
        .into_iter()
        .filter_map(|before| DEFAULTS.find(&format!("{before}{key} = ")))
        .min()
        .unwrap_or(usize::MAX)
}

/// The line of a file, from one, that has this setting.
fn line_of(text: &str, name: &str) -> Option<usize> {
    let file = DeTable::parse(text).ok()?;
    let mut table = file.get_ref();
    let mut start = 0;
    for part in name.split('.') {
        let (key, value) = table.iter().find(|(key, _)| key.get_ref().as_ref() == part)?;
        start = key.span().start;
        if let DeValue::Table(inner) = value.get_ref() {
            table = inner;
        }
    }
    Some(text.get(..start)?.matches('\n').count() + 1)
}
