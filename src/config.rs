//! The settings of a run. [`Layers`] merges built-in defaults, the user's file, `RECAPTION_*` variables and options, and
//! deserialises the result once into a [`Config`].
//!
//! To add a setting: a line in `assets/config.toml`, a field in [`Config`], an option in `cli::options`.

mod batch;
mod layers;
mod lints;
mod openai;
mod s3;
mod values;
mod verify;

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use self::batch::BatchSettings;
pub use self::layers::{ConfigError, Effective, Layers, Source};
pub use self::lints::LintSettings;
pub use self::openai::{HeaderValue, OpenaiSettings};
pub use self::s3::S3Settings;
pub use self::values::{Delay, DescriberChoice, ImageProtocol, LogLevel, Notify, Preset, StyleChoice, Theme};
pub use self::verify::VerifySettings;
use crate::describe::Dollars;

/// The defaults and the documentation of every setting, in the format of the user's file.
pub const DEFAULTS: &str = include_str!("../assets/config.toml");

/// Every setting with its effective value, in the order of [`DEFAULTS`], which documents them. An `Option` is a setting
/// without a default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    pub caption_field: String,
    pub max_words: NonZeroUsize,
    pub style: StyleChoice,
    /// A path in the user's file is relative to that file.
    pub schema: Option<PathBuf>,
    pub line_breaks: bool,
    pub describer: Option<DescriberChoice>,
    pub ahead: usize,
    pub model: String,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub endpoint_url: Option<String>,
    pub prompt: String,
    /// A path in the user's file is relative to that file.
    pub style_guide: Option<PathBuf>,
    pub people: String,
    pub language: String,
    pub reviewer: Option<String>,
    pub concurrency: Option<NonZeroUsize>,
    pub rpm: Option<NonZeroU32>,
    pub tpm: Option<NonZeroU32>,
    pub delay: Delay,
    pub budget: Option<Dollars>,
    pub confirm_above: Dollars,
    pub image_protocol: ImageProtocol,
    pub theme: Theme,
    pub ascii: bool,
    pub mouse: bool,
    pub keys: Preset,
    pub notify: Notify,
    pub log: Option<PathBuf>,
    pub log_level: LogLevel,
    pub openai: OpenaiSettings,
    pub verify: VerifySettings,
    pub batch: BatchSettings,
    pub s3: S3Settings,
    pub lints: LintSettings,
}

#[cfg(test)]
mod tests;
