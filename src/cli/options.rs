//! The options that several commands share, in groups: a command has a group only where it acts on it.

use std::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::config::{Delay, DescriberChoice, ImageProtocol, Keys, Notify, Settings, Theme};
use crate::describe::Dollars;

/// Which dataset, and how to read it.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DatasetOptions {
    /// A .jsonl file, or a folder with a metadata.jsonl [default: the current folder]
    #[arg(value_hint = ValueHint::AnyPath)]
    path: Option<PathBuf>,

    /// The field that holds the caption [env: RECAPTION_CAPTION_FIELD] [default: text]
    #[arg(long, value_name = "FIELD")]
    caption_field: Option<String>,

    /// Look pictures up in this folder, which also allows .. and absolute paths [default: the dataset's folder]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub images: Option<PathBuf>,
}

/// What to say where no dataset is named and none is at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no metadata.jsonl here: name a .jsonl file or a folder with a metadata.jsonl \
     (recaption PATH), or look at the samples (recaption demo)"
)]
pub struct NoDataset;

impl DatasetOptions {
    /// The dataset's path: the one named, else `metadata.jsonl` in the folder `here`.
    ///
    /// # Errors
    ///
    /// If none is named and that file does not exist. A named one is not looked at.
    pub fn path(&self, here: &Path) -> Result<PathBuf, NoDataset> {
        if let Some(path) = &self.path {
            return Ok(path.clone());
        }
        let metadata = here.join("metadata.jsonl");
        if metadata.is_file() { Ok(metadata) } else { Err(NoDataset) }
    }

    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.caption_field.clone_from(&self.caption_field);
    }
}

/// Which session.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct SessionOption {
    /// The session [default: .recaption/NAME.sqlite beside the dataset]
    #[arg(long = "session", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: Option<PathBuf>,
}

/// Where the updated dataset goes.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Saving")]
pub struct TargetOptions {
    /// Write the updated dataset to this file [default: NAME_updated.jsonl beside the dataset]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// Write it over the dataset itself, whose first state is kept as .bak
    #[arg(long, conflicts_with = "output")]
    pub in_place: bool,

    /// Write over a file that this session did not write, or that changed since, without asking
    #[arg(long)]
    pub force: bool,
}

/// How long captions may be.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct LimitOption {
    /// The most words a caption may have [env: RECAPTION_MAX_WORDS] [default: 50]
    #[arg(long, value_name = "N")]
    max_words: Option<NonZeroUsize>,
}

impl LimitOption {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.max_words = self.max_words;
    }
}

/// What writes captions, and how far ahead.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Describing")]
pub struct DescriberOptions {
    /// What writes captions [env: RECAPTION_DESCRIBER] [default: bedrock where there are AWS credentials, else local]
    #[arg(long, value_name = "NAME")]
    describer: Option<DescriberChoice>,

    /// The model on Bedrock: auto, a short name, an id or an ARN [env: RECAPTION_MODEL] [default: auto]
    #[arg(long, value_name = "MODEL")]
    model: Option<String>,

    /// The AWS region [env: RECAPTION_REGION] [default: as AWS's settings say]
    #[arg(short, long, value_name = "REGION")]
    region: Option<String>,

    /// The profile in AWS's settings [env: RECAPTION_PROFILE]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Ask another address than the region's [env: RECAPTION_ENDPOINT_URL]
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    endpoint_url: Option<String>,

    /// What the model is asked: a file, or a name in your prompts folder [env: RECAPTION_PROMPT] [default: default]
    #[arg(long, value_name = "FILE|NAME", value_hint = ValueHint::FilePath)]
    prompt: Option<String>,

    /// How captions name people [env: RECAPTION_PEOPLE] [default: a woman, a man, a girl, a boy, or a person where that cannot be told]
    #[arg(long, value_name = "WORDS")]
    people: Option<String>,

    /// The language captions are written in [env: RECAPTION_LANGUAGE] [default: en]
    #[arg(long, value_name = "LANGUAGE")]
    language: Option<String>,

    /// How many descriptions are under way at once [env: RECAPTION_CONCURRENCY] [default: 8]
    #[arg(long, value_name = "N")]
    concurrency: Option<NonZeroUsize>,

    /// The most requests a minute [env: RECAPTION_RPM] [default: learned from the service]
    #[arg(long, value_name = "N")]
    rpm: Option<NonZeroU32>,

    /// The most tokens a minute [env: RECAPTION_TPM]
    #[arg(long, value_name = "N")]
    tpm: Option<NonZeroU32>,

    /// The least time between two requests [env: RECAPTION_DELAY] [default: 0s]
    #[arg(long, value_name = "DURATION")]
    delay: Option<Delay>,

    /// Stop before this run would cost more dollars [env: RECAPTION_BUDGET]
    #[arg(long, value_name = "USD")]
    budget: Option<Dollars>,

    /// Ask before many descriptions that cost more dollars together [env: RECAPTION_CONFIRM_ABOVE] [default: 1.00]
    #[arg(long, value_name = "USD")]
    confirm_above: Option<Dollars>,
}

/// How far ahead of the operator captions are written.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Describing")]
pub struct AheadOption {
    /// How many records to describe ahead of the one in view [env: RECAPTION_AHEAD] [default: 3]
    #[arg(long, value_name = "N")]
    ahead: Option<usize>,
}

impl AheadOption {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.ahead = self.ahead;
    }
}

impl DescriberOptions {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.describer = self.describer;
        settings.model.clone_from(&self.model);
        settings.region.clone_from(&self.region);
        settings.profile.clone_from(&self.profile);
        settings.endpoint_url.clone_from(&self.endpoint_url);
        settings.prompt.clone_from(&self.prompt);
        settings.people.clone_from(&self.people);
        settings.language.clone_from(&self.language);
        settings.concurrency = self.concurrency;
        settings.rpm = self.rpm;
        settings.tpm = self.tpm;
        settings.delay = self.delay;
        settings.budget = self.budget;
        settings.confirm_above = self.confirm_above;
    }
}

/// Judging a random part.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Spot check")]
pub struct SpotCheckOptions {
    /// Judge a random part of this size: only its records are shown, and the report tells how good they all are
    #[arg(long, value_name = "N")]
    pub sample: Option<NonZeroU64>,

    /// The same seed gives the same records, to everybody
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub seed: u64,

    /// Draw in proportion to the values of this member of the records
    #[arg(long, value_name = "MEMBER", requires = "sample")]
    pub by: Option<String>,

    /// Show candidate and original as A and B, and say which is which when one is taken
    #[arg(long, requires = "sample")]
    pub blind: bool,

    /// Who reviews, for the report [env: RECAPTION_REVIEWER] [default: your login name]
    #[arg(long, value_name = "NAME")]
    reviewer: Option<String>,
}

impl SpotCheckOptions {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.reviewer.clone_from(&self.reviewer);
    }
}

/// What the captions one writes may be.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct EditingOption {
    /// Keep the line breaks of captions you write; else they become spaces [env: RECAPTION_LINE_BREAKS]
    #[arg(long)]
    line_breaks: bool,
}

impl EditingOption {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.line_breaks = self.line_breaks.then_some(true);
    }
}

/// How the reviewer looks and listens.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Screen")]
pub struct ScreenOptions {
    /// How pictures are drawn.
    #[command(flatten)]
    picture: PictureOption,

    /// Which colours to use [env: RECAPTION_THEME] [default: auto]
    #[arg(long, value_name = "NAME")]
    theme: Option<Theme>,

    /// Draw badges and lines with ASCII characters only [env: RECAPTION_ASCII]
    #[arg(long)]
    ascii: bool,

    /// Leave the mouse to the terminal [env: RECAPTION_MOUSE]
    #[arg(long)]
    no_mouse: bool,

    /// Whose keys to use [env: RECAPTION_KEYS] [default: default]
    #[arg(long, value_name = "PRESET")]
    keys: Option<Keys>,

    /// Tell when a long run is done, besides on the screen [env: RECAPTION_NOTIFY] [default: off]
    #[arg(long, value_name = "HOW")]
    notify: Option<Notify>,
}

impl ScreenOptions {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.picture.apply(settings);
        settings.theme = self.theme;
        settings.ascii = self.ascii.then_some(true);
        settings.mouse = self.no_mouse.then_some(false);
        settings.keys = self.keys;
        settings.notify = self.notify;
    }
}

/// How pictures are drawn.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Screen")]
pub struct PictureOption {
    /// How to draw pictures [env: RECAPTION_IMAGE_PROTOCOL] [default: auto]
    #[arg(long, value_name = "PROTOCOL")]
    image_protocol: Option<ImageProtocol>,
}

impl PictureOption {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.image_protocol = self.image_protocol;
    }
}

/// What is logged, and where.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Log")]
pub struct LogOptions {
    /// The log [env: RECAPTION_LOG] [default: description_generation.log beside the session]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    log: Option<PathBuf>,

    /// Log more; twice: everything [env: RECAPTION_LOG_LEVEL]
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

impl LogOptions {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.log.clone_from(&self.log);
        settings.verbose = self.verbose;
    }
}

/// How to review, whatever is reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ReviewingOptions {
    /// How long captions may be.
    #[command(flatten)]
    limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    describer: DescriberOptions,

    /// How far ahead.
    #[command(flatten)]
    ahead: AheadOption,

    /// What captions may be.
    #[command(flatten)]
    editing: EditingOption,

    /// How it looks.
    #[command(flatten)]
    screen: ScreenOptions,

    /// What is logged.
    #[command(flatten)]
    log: LogOptions,
}

impl ReviewingOptions {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.limit.apply(settings);
        self.describer.apply(settings);
        self.ahead.apply(settings);
        self.editing.apply(settings);
        self.screen.apply(settings);
        self.log.apply(settings);
    }
}
