//! Groups of options that several commands share. A group that implements `Serialize` sets settings: its fields are
//! named after them.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::Not;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use serde::{Serialize, Serializer};

use crate::config::{Delay, DescriberChoice, ImageProtocol, Notify, Preset, StyleChoice, Theme};
use crate::dataset::{DatasetError, has_images, has_shards, together};
use crate::describe::Dollars;
use crate::describe::openai::ApiPreset;

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
pub struct DatasetOptions {
    /// Dataset: a .jsonl file, a .csv or .tsv table, .parquet files, .tar archives, a folder with a metadata.jsonl or metadata.csv, or a folder of images, .parquet files or .tar archives; or the s3:// URL of one [default: the current folder]
    #[arg(value_hint = ValueHint::AnyPath)]
    #[serde(skip)]
    pub(super) path: Option<PathBuf>,

    #[command(flatten)]
    #[serde(flatten)]
    caption_field: CaptionFieldOption,

    /// Resolve image paths against this folder (also allows .. and absolute paths) [default: the dataset's folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    #[serde(skip)]
    pub images: Option<PathBuf>,

    /// In a folder, read captions from the text files with this extension, also beside a captions.json or metadata.jsonl;
    /// several (txt,short.txt) are several captions of each image [default: txt or caption]
    #[arg(long, value_name = "EXT[,EXT]", value_parser = extensions)]
    #[serde(skip)]
    pub sidecar_ext: Option<String>,

    /// Name the column of a .csv, .tsv or .parquet file that contains the image paths [default: file_name]
    #[arg(long, value_name = "COLUMN")]
    #[serde(skip)]
    pub file_column: Option<String>,

    /// Search a folder for images also if it is the home folder, the root, or has few images among many files
    #[arg(long)]
    #[serde(skip)]
    pub any_folder: bool,
}

/// Parses the extensions of text files (`caption`, `.caption`, `txt,short.txt`), in lower case.
fn extensions(text: &str) -> Result<String, String> {
    let mut extensions: Vec<String> = Vec::new();
    for name in text.split(',') {
        let extension = name.trim().trim_start_matches('.').to_lowercase();
        if extension.is_empty() || extension.contains(['/', '\\']) || extensions.contains(&extension) {
            return Err(
                "expected the extension of text files, such as txt, or several, such as txt,short.txt".to_owned()
            );
        }
        extensions.push(extension);
    }
    Ok(extensions.join(","))
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Args)]
pub struct ShardsOption {
    /// More Parquet files or tar archives of the same dataset
    #[arg(value_name = "SHARD", value_hint = ValueHint::FilePath)]
    shards: Vec<PathBuf>,
}

impl ShardsOption {
    /// Returns the files after the first.
    #[must_use]
    pub fn paths(&self) -> &[PathBuf] {
        &self.shards
    }

    /// Returns the path of the dataset that `first` and these files are.
    ///
    /// # Errors
    /// Returns an error if they are not one.
    pub fn with(&self, first: PathBuf) -> Result<PathBuf, DatasetError> {
        if self.shards.is_empty() {
            return Ok(first);
        }
        let all: Vec<PathBuf> = std::iter::once(first).chain(self.shards.iter().cloned()).collect();
        together(&all)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "neither metadata.jsonl nor images, Parquet files or tar archives in the current folder; name a dataset (recaption PATH), or try the samples (recaption demo)"
)]
pub struct NoDataset;

impl DatasetOptions {
    /// Returns the given path. If none is given, returns `metadata.jsonl` or `metadata.csv` in the folder
    /// `here`, or `here` if it has images, Parquet files or tar archives.
    ///
    /// # Errors
    /// Returns an error if no path is given and there is neither. A given path is not checked.
    pub fn path(&self, here: &Path) -> Result<PathBuf, NoDataset> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let known = ["metadata.jsonl", "metadata.csv"].map(|name| here.join(name));
        if self.sidecar_ext.is_some() {
            Ok(here.to_owned())
        } else if let Some(metadata) = known.into_iter().find(|path| path.is_file()) {
            Ok(metadata)
        } else if has_images(here) || has_shards(here) {
            Ok(here.to_owned())
        } else {
            Err(NoDataset)
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct CaptionFieldOption {
    /// Name the JSON field that holds the caption [env: RECAPTION_CAPTION_FIELD] [default: text]
    #[arg(long, value_name = "FIELD")]
    caption_field: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct SessionOption {
    /// Use this session file [default: .recaption/NAME.sqlite beside the dataset]
    #[arg(long = "session", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

// A run over selected records without a screen. A doc comment would become the description of the command.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct RunOptions {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub shards: ShardsOption,

    #[command(flatten)]
    pub session: SessionOption,

    /// Select at most this many records, in the order of the dataset
    #[arg(short, long = "num", value_name = "N")]
    pub number: Option<usize>,

    /// Select a random sample of this size
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,

    /// Set the random seed; the same seed draws the same records
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub seed: u64,

    /// Print the number of requests and the estimated cost, then exit
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask for confirmation before paid requests
    #[arg(short, long)]
    pub yes: bool,

    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub max_words: MaxWordsOption,

    #[command(flatten)]
    pub style: StyleOption,

    #[command(flatten)]
    pub describer: DescriberOptions,

    #[command(flatten)]
    pub log: LogOptions,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Saving")]
pub struct TargetOptions {
    /// Write the updated dataset to this file [default: NAME_updated.jsonl beside the dataset]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// Overwrite the dataset (keeps the original as .bak)
    #[arg(long, conflicts_with = "output")]
    pub in_place: bool,

    /// Overwrite without asking, even a file that another program wrote or changed
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MaxWordsOption {
    /// Limit captions to this many words [env: RECAPTION_MAX_WORDS] [default: 50]
    #[arg(long, value_name = "N", help_heading = None)]
    max_words: Option<NonZeroUsize>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
pub struct StyleOption {
    /// Set the style of captions: auto recognises it [env: RECAPTION_STYLE] [default: auto]
    #[arg(long, value_name = "STYLE", help_heading = None)]
    style: Option<StyleChoice>,

    /// Check captions that are JSON objects against this JSON Schema [env: RECAPTION_SCHEMA] [default: none]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = None)]
    schema: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
pub struct LanguageOption {
    /// Set the language of captions: a name or a code [env: RECAPTION_LANGUAGE] [default: en]
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct StyleGuideOption {
    /// Check captions against this style guide, and give it to describers [env: RECAPTION_STYLE_GUIDE] [default: none]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    style_guide: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[command(next_help_heading = "Describing")]
#[serde(rename_all = "kebab-case")]
pub struct DescriberOptions {
    /// Choose the describer [env: RECAPTION_DESCRIBER] [default: openai if a server is set, else bedrock if there are AWS credentials, else local]
    #[arg(long, value_name = "NAME")]
    describer: Option<DescriberChoice>,

    /// Choose the model: auto, an ID, or for Bedrock a short name or an ARN [env: RECAPTION_MODEL] [default: auto]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// Use this AWS region [env: RECAPTION_REGION] [default: from the AWS configuration]
    #[arg(short, long, value_name = "REGION")]
    region: Option<String>,

    /// Use this AWS profile [env: RECAPTION_PROFILE] [default: from the AWS configuration]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Use a custom endpoint URL [env: RECAPTION_ENDPOINT_URL] [default: the region's]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    endpoint_url: Option<String>,

    #[command(flatten)]
    #[serde(skip_serializing_if = "ServerOptions::is_empty")]
    openai: ServerOptions,

    /// Use this prompt: a file, or a name in your prompts folder [env: RECAPTION_PROMPT] [default: default]
    #[arg(long, value_name = "FILE|NAME", value_hint = ValueHint::FilePath)]
    prompt: Option<String>,

    #[command(flatten)]
    #[serde(flatten)]
    style_guide: StyleGuideOption,

    /// Set the words for people [env: RECAPTION_PEOPLE] [default: a woman, a man, a girl, a boy, or a person where that cannot be told]
    #[arg(long, value_name = "WORDS")]
    people: Option<String>,

    #[command(flatten)]
    #[serde(flatten)]
    language: LanguageOption,

    /// Limit concurrent requests [env: RECAPTION_CONCURRENCY] [default: adapts to the service; 8 of an OpenAI-compatible server, 1 of one on this computer]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,

    /// Limit requests per minute [env: RECAPTION_RPM] [default: adapts to the service]
    #[arg(long, value_name = "N")]
    rpm: Option<NonZeroU32>,

    /// Limit tokens per minute [env: RECAPTION_TPM] [default: adapts to the service]
    #[arg(long, value_name = "N")]
    tpm: Option<NonZeroU32>,

    /// Wait at least this long between requests [env: RECAPTION_DELAY] [default: 0s]
    #[arg(long, value_name = "DURATION")]
    delay: Option<Delay>,

    /// Stop before the run costs more than this, in dollars [env: RECAPTION_BUDGET] [default: no limit]
    #[arg(long, value_name = "USD")]
    budget: Option<Dollars>,

    /// Ask before a bulk action that costs more than this, in dollars [env: RECAPTION_CONFIRM_ABOVE] [default: 1.00]
    #[arg(long, value_name = "USD")]
    confirm_above: Option<Dollars>,
}

/// The `[openai]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ServerOptions {
    /// Use this OpenAI-compatible server [env: RECAPTION_OPENAI_PRESET]
    #[arg(long, value_name = "NAME")]
    preset: Option<ApiPreset>,

    /// Use the OpenAI-compatible server at this base URL [env: RECAPTION_OPENAI_BASE_URL, OPENAI_BASE_URL]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    base_url: Option<String>,

    /// Read its API key from this environment variable [env: RECAPTION_OPENAI_API_KEY_ENV] [default: OPENAI_API_KEY]
    #[arg(long, value_name = "VARIABLE")]
    api_key_env: Option<String>,

    /// Set the price of a million input tokens, in dollars [env: RECAPTION_OPENAI_PRICE_IN] [default: free on this computer, else unknown]
    #[arg(long, value_name = "USD")]
    price_in: Option<Dollars>,

    /// Set the price of a million output tokens, in dollars [env: RECAPTION_OPENAI_PRICE_OUT] [default: free on this computer, else unknown]
    #[arg(long, value_name = "USD")]
    price_out: Option<Dollars>,
}

impl ServerOptions {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Spot check")]
pub struct SpotCheckOptions {
    /// Review a random sample of this size; the report estimates the quality of the whole dataset
    #[arg(long, value_name = "N")]
    pub sample: Option<NonZeroU64>,

    /// Set the random seed; the same seed draws the same records
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub seed: u64,

    /// Stratify the sample by this field
    #[arg(long, value_name = "FIELD", requires = "sample")]
    pub by: Option<String>,

    /// Hide which caption is the candidate and which the original until one is accepted
    #[arg(long, requires = "sample")]
    pub blind: bool,

    #[command(flatten)]
    pub(super) reviewer: ReviewerOption,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
pub struct ReviewerOption {
    /// Name the reviewer for decisions and reports [env: RECAPTION_REVIEWER] [default: your login name]
    #[arg(long, value_name = "NAME")]
    reviewer: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
pub struct AsciiOption {
    /// Use ASCII characters only (always, if stdout is not a terminal) [env: RECAPTION_ASCII]
    #[arg(long)]
    #[serde(skip_serializing_if = "Not::not")]
    ascii: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[command(next_help_heading = "Screen")]
#[serde(rename_all = "kebab-case")]
pub struct ScreenOptions {
    #[command(flatten)]
    #[serde(flatten)]
    picture: ImageProtocolOption,

    /// Choose the colours [env: RECAPTION_THEME] [default: auto]
    #[arg(long, value_name = "NAME")]
    theme: Option<Theme>,

    /// Draw badges and lines with ASCII characters only [env: RECAPTION_ASCII]
    #[arg(long)]
    #[serde(skip_serializing_if = "Not::not")]
    ascii: bool,

    /// Leave the mouse to the terminal [env: RECAPTION_MOUSE]
    #[arg(long)]
    #[serde(rename = "mouse", skip_serializing_if = "Not::not", serialize_with = "negated")]
    no_mouse: bool,

    /// Choose the key bindings [env: RECAPTION_KEYS] [default: default]
    #[arg(long, value_name = "PRESET")]
    keys: Option<Preset>,

    /// Notify when a long run ends [env: RECAPTION_NOTIFY] [default: off]
    #[arg(long, value_name = "HOW")]
    notify: Option<Notify>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
fn negated<S: Serializer>(switch: &bool, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_bool(!switch)
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[command(next_help_heading = "Screen")]
#[serde(rename_all = "kebab-case")]
pub struct ImageProtocolOption {
    /// Choose how to draw images [env: RECAPTION_IMAGE_PROTOCOL] [default: auto]
    #[arg(long, value_name = "PROTOCOL")]
    image_protocol: Option<ImageProtocol>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[command(next_help_heading = "Log")]
pub struct LogOptions {
    /// Log to this file [env: RECAPTION_LOG] [default: description_generation.log beside the session]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    log: Option<String>,

    /// Log more; repeat for everything [env: RECAPTION_LOG_LEVEL]
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// The settings of the reviewer, for every command that opens it.
#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ReviewingOptions {
    #[command(flatten)]
    #[serde(flatten)]
    max_words: MaxWordsOption,

    #[command(flatten)]
    #[serde(flatten)]
    style: StyleOption,

    #[command(flatten)]
    #[serde(flatten)]
    describer: DescriberOptions,

    /// Describe this many records ahead of the current one [env: RECAPTION_AHEAD] [default: 3]
    #[arg(long, value_name = "N", help_heading = "Describing")]
    ahead: Option<usize>,

    /// Keep line breaks in captions you write [env: RECAPTION_LINE_BREAKS] [default: join lines with spaces]
    #[arg(long, help_heading = None)]
    #[serde(skip_serializing_if = "Not::not")]
    line_breaks: bool,

    #[command(flatten)]
    #[serde(flatten)]
    screen: ScreenOptions,

    #[command(flatten)]
    #[serde(flatten)]
    log: LogOptions,
}
