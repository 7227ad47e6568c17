//! The settings a run goes by: defaults, then the user's file, then the environment, then the command line, each stronger
//! than the one before, resolved once into a [`Config`].

mod lints;
mod sources;
mod values;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use serde::{Deserialize, Serialize, Serializer};

pub use self::lints::LintSettings;
pub use self::sources::{Effective, Origin, Sources};
pub use self::values::{Delay, DescriberChoice, ImageProtocol, Keys, LogLevel, Notify, Theme};
use crate::describe::Dollars;

/// The defaults, in the form in which users write their own: every setting, explained.
pub const DEFAULTS: &str = include_str!("../assets/config.toml");

/// The settings of a run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[expect(clippy::struct_excessive_bools, reason = "switches, each whatever the others are")]
pub struct Config {
    /// The member of each line that holds the caption.
    pub caption_field: String,
    /// The most words a caption may have.
    pub max_words: NonZeroUsize,
    /// Whether captions may have several lines; else line breaks become spaces.
    pub line_breaks: bool,
    /// What writes captions; Bedrock where there are credentials for it and the embedded describer elsewhere, if
    /// nothing is said.
    #[serde(default)]
    pub describer: Option<DescriberChoice>,
    /// How many records the describer works ahead of the one in view.
    pub ahead: usize,
    /// Whether that number is the user's and not the default.
    #[serde(skip)]
    pub ahead_is_chosen: bool,
    /// The model, as the catalogue knows it.
    pub model: String,
    /// Where Bedrock is asked; as AWS's own settings say, if nothing is said.
    #[serde(default)]
    pub region: Option<String>,
    /// The profile of AWS's own settings.
    #[serde(default)]
    pub profile: Option<String>,
    /// Another address than the region's.
    #[serde(default)]
    pub endpoint_url: Option<String>,
    /// The prompt: a file, or the name of one in the user's folder.
    pub prompt: String,
    /// How captions name people.
    pub people: String,
    /// The language captions are written in.
    pub language: String,
    /// Who reviews; the login name, if nothing is said.
    #[serde(default)]
    pub reviewer: Option<String>,
    /// How many descriptions are under way at once.
    pub concurrency: NonZeroUsize,
    /// The most requests a minute; learned from the service, if nothing is said.
    #[serde(default)]
    pub rpm: Option<NonZeroU32>,
    /// The most tokens a minute.
    #[serde(default)]
    pub tpm: Option<NonZeroU32>,
    /// The least time between two requests.
    pub delay: Delay,
    /// What a run may cost.
    #[serde(default)]
    pub budget: Option<Dollars>,
    /// What many descriptions may cost without a question.
    pub confirm_above: Dollars,
    /// How pictures are drawn.
    pub image_protocol: ImageProtocol,
    /// Which colours are used.
    pub theme: Theme,
    /// Whether badges and lines are ASCII only.
    pub ascii: bool,
    /// Whether the mouse is listened to.
    pub mouse: bool,
    /// Whose keys are used, under the user's own.
    pub keys: Keys,
    /// How the operator is told that something long is done.
    pub notify: Notify,
    /// The log; beside the session where none is named.
    #[serde(default, serialize_with = "lossy")]
    pub log: Option<PathBuf>,
    /// The least important thing worth a line in it.
    pub log_level: LogLevel,
    /// What captions are held against, besides their length and language.
    pub lints: LintSettings,
}

/// What one source has to say: the same settings, each of which may be left open.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Settings {
    pub caption_field: Option<String>,
    pub max_words: Option<NonZeroUsize>,
    pub line_breaks: Option<bool>,
    pub describer: Option<DescriberChoice>,
    pub ahead: Option<usize>,
    pub model: Option<String>,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    pub prompt: Option<String>,
    pub people: Option<String>,
    pub language: Option<String>,
    pub reviewer: Option<String>,
    pub concurrency: Option<NonZeroUsize>,
    pub rpm: Option<NonZeroU32>,
    pub tpm: Option<NonZeroU32>,
    pub delay: Option<Delay>,
    pub budget: Option<Dollars>,
    pub confirm_above: Option<Dollars>,
    pub image_protocol: Option<ImageProtocol>,
    pub theme: Option<Theme>,
    pub ascii: Option<bool>,
    pub mouse: Option<bool>,
    pub keys: Option<Keys>,
    pub notify: Option<Notify>,
    #[serde(serialize_with = "lossy")]
    pub log: Option<PathBuf>,
    pub log_level: Option<LogLevel>,
    pub lints: LintSettings,
    /// How often `-v` was given. Only the command line has it: it is relative to what the others say.
    #[serde(skip)]
    pub verbose: u8,
}

/// Why there are no settings to go by. Each names its source and what to write instead.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file says something that is no setting.
    #[error("{}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// What is wrong with it.
        message: String,
    },
    /// A variable has a value that its setting cannot have.
    #[error("{name}={value:?}: {expected}")]
    Variable {
        /// The variable.
        name: String,
        /// Its value.
        value: OsString,
        /// What it should be.
        expected: String,
    },
}

impl Config {
    /// Takes over what a stronger source has to say.
    fn apply(&mut self, stronger: Settings) {
        fn set<T>(setting: &mut T, stronger: Option<T>) {
            if let Some(value) = stronger {
                *setting = value;
            }
        }
        set(&mut self.caption_field, stronger.caption_field);
        set(&mut self.max_words, stronger.max_words);
        set(&mut self.line_breaks, stronger.line_breaks);
        set(&mut self.describer, stronger.describer.map(Some));
        self.ahead_is_chosen |= stronger.ahead.is_some();
        set(&mut self.ahead, stronger.ahead);
        set(&mut self.model, stronger.model);
        set(&mut self.region, stronger.region.map(Some));
        set(&mut self.profile, stronger.profile.map(Some));
        set(&mut self.endpoint_url, stronger.endpoint_url.map(Some));
        set(&mut self.prompt, stronger.prompt);
        set(&mut self.people, stronger.people);
        set(&mut self.language, stronger.language);
        set(&mut self.reviewer, stronger.reviewer.map(Some));
        set(&mut self.concurrency, stronger.concurrency);
        set(&mut self.rpm, stronger.rpm.map(Some));
        set(&mut self.tpm, stronger.tpm.map(Some));
        set(&mut self.delay, stronger.delay);
        set(&mut self.budget, stronger.budget.map(Some));
        set(&mut self.confirm_above, stronger.confirm_above);
        set(&mut self.image_protocol, stronger.image_protocol);
        set(&mut self.theme, stronger.theme);
        set(&mut self.ascii, stronger.ascii);
        set(&mut self.mouse, stronger.mouse);
        set(&mut self.keys, stronger.keys);
        set(&mut self.notify, stronger.notify);
        set(&mut self.log, stronger.log.map(Some));
        set(&mut self.log_level, stronger.log_level);
        self.lints.apply(stronger.lints);
    }
}

impl Settings {
    /// What the text of a file says.
    fn from_file(path: &Path, text: &str) -> Result<Self, ConfigError> {
        toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            ConfigError::File {
                path: path.to_owned(),
                line: before.matches('\n').count() + 1,
                message: error.message().to_owned(),
            }
        })
    }

    /// What the variables say. Each is named as its setting is in the file: `max-words` is `RECAPTION_MAX_WORDS`.
    fn from_environment(environment: &Environment<'_>) -> Result<Self, ConfigError> {
        Ok(Self {
            caption_field: environment.text("CAPTION_FIELD")?,
            max_words: environment.parse("MAX_WORDS", count)?,
            line_breaks: environment.parse("LINE_BREAKS", yes_or_no)?,
            describer: environment.parse("DESCRIBER", one_of)?,
            ahead: environment.parse("AHEAD", |records| {
                records.parse().map_err(|_| "expected a whole number from 0 on".to_owned())
            })?,
            model: environment.text("MODEL")?,
            region: environment.text("REGION")?,
            profile: environment.text("PROFILE")?,
            endpoint_url: environment.text("ENDPOINT_URL")?,
            prompt: environment.text("PROMPT")?,
            people: environment.text("PEOPLE")?,
            language: environment.text("LANGUAGE")?,
            reviewer: environment.text("REVIEWER")?,
            concurrency: environment.parse("CONCURRENCY", count)?,
            rpm: environment.parse("RPM", count)?,
            tpm: environment.parse("TPM", count)?,
            delay: environment.parse("DELAY", amount)?,
            budget: environment.parse("BUDGET", amount)?,
            confirm_above: environment.parse("CONFIRM_ABOVE", amount)?,
            image_protocol: environment.parse("IMAGE_PROTOCOL", one_of)?,
            theme: environment.parse("THEME", one_of)?,
            ascii: environment.parse("ASCII", yes_or_no)?,
            mouse: environment.parse("MOUSE", yes_or_no)?,
            keys: environment.parse("KEYS", one_of)?,
            notify: environment.parse("NOTIFY", one_of)?,
            log: environment.get("LOG").map(PathBuf::from),
            log_level: environment.parse("LOG_LEVEL", one_of)?,
            // A table is no value of one variable.
            lints: LintSettings::default(),
            verbose: 0,
        })
    }
}

/// The text of a file; nothing if it does not exist and need not.
fn text_of(path: &Path, required: bool) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

/// A path as text. One that is no text is settled for: it is only shown.
#[expect(clippy::ref_option, reason = "serde hands over the field")]
fn lossy<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

/// The variables whose names begin with `RECAPTION_`. An empty one is as good as none.
struct Environment<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Environment<'_> {
    fn name(name: &str) -> String {
        format!("RECAPTION_{name}")
    }

    fn get(&self, name: &str) -> Option<OsString> {
        (self.0)(&Self::name(name)).filter(|value| !value.is_empty())
    }

    fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        self.parse(name, |text| Ok(text.to_owned()))
    }

    /// The value of a variable, or what it should be.
    fn parse<T>(&self, name: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let parsed = match value.to_str() {
            Some(text) => parse(text),
            None => Err("expected UTF-8".to_owned()),
        };
        match parsed {
            Ok(setting) => Ok(Some(setting)),
            Err(expected) => Err(ConfigError::Variable { name: Self::name(name), value, expected }),
        }
    }
}

fn count<T: FromStr>(value: &str) -> Result<T, String> {
    value.parse().map_err(|_| "expected a whole number from 1 on".to_owned())
}

/// A value whose own error says what it should be.
fn amount<T: FromStr<Err: Display>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|error: T::Err| error.to_string())
}

/// One of the values that the command line knows.
fn one_of<T: ValueEnum>(value: &str) -> Result<T, String> {
    T::from_str(value, true).map_err(|_| {
        let names = T::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let names: Vec<String> = names.map(|value| value.get_name().to_owned()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn yes_or_no(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err("expected true or false".to_owned()),
    }
}

#[cfg(test)]
mod tests;
