//! The options that several commands share, in groups: a command has a group only where it acts on it.

#![allow(clippy::doc_markdown, reason = "the comments are the help text, which knows no backticks")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use crate::config::{DescriberChoice, ImageProtocol, Settings, Theme};

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
    /// What writes captions [env: RECAPTION_DESCRIBER] [default: local, where built in]
    #[arg(long, value_name = "NAME")]
    describer: Option<DescriberChoice>,

    /// How many records to describe ahead of the one in view [env: RECAPTION_AHEAD] [default: 3]
    #[arg(long, value_name = "N")]
    ahead: Option<usize>,
}

impl DescriberOptions {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.describer = self.describer;
        settings.ahead = self.ahead;
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
}

impl ScreenOptions {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.picture.apply(settings);
        settings.theme = self.theme;
        settings.ascii = self.ascii.then_some(true);
        settings.mouse = self.no_mouse.then_some(false);
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
