//! The command line: what can be asked for, and how it is written. Nothing here acts.

#![allow(clippy::doc_markdown, reason = "the comments are the help text, which knows no backticks")]

mod options;

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

pub use self::options::{
    AheadOption, DatasetOptions, DescriberOptions, EditingOption, LimitOption, LogOptions, NoDataset, PictureOption,
    ScreenOptions, SessionOption, SpotCheckOptions, TargetOptions,
};
use crate::config::Settings;
use crate::statistics::LOWEST_TARGET;

const EXAMPLES: &str = "\
Examples:
  recaption demo
      try it on sample photographs; needs no account
  recaption photos/
      review the folder's metadata.jsonl
  recaption init pictures/ && recaption pictures/
      make a dataset of a folder of pictures and the .txt captions beside them
  recaption captions.jsonl --candidates captions_updated.jsonl
      review what an older run made of it
  recaption generate photos/ --dry-run
      say how many pictures it would describe, and for how much
  recaption generate photos/ --budget 5 --accept --save
      describe them for at most 5 dollars, take what has no finding
  recaption check captions.jsonl --max-words 30 --json
      list what is wrong, for a script
  recaption captions.jsonl --sample 93 --seed 7
      judge a random part, to know how good they all are
  recaption export captions.jsonl --to txt --only accepted,edited
      put the captions decided on beside their pictures

Press ? in the reviewer for its keys. An option is stronger than its RECAPTION_ variable, and that is stronger than \
config.toml in the user's configuration folder.";

/// Review machine-written image captions in the terminal
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without one, review.
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    review: ReviewArgs,
}

impl Cli {
    /// What to do: `recaption PATH` is `recaption review PATH`.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Review(self.review))
    }
}

/// What recaption can do.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Review a dataset's captions (also without the word "review")
    Review(ReviewArgs),
    /// Make a dataset of a folder of pictures, a table or a list
    Init(InitArgs),
    /// Review a sample dataset, kept from one time to the next
    Demo(DemoArgs),
    /// Describe every record that needs it, without a screen
    Generate(GenerateArgs),
    /// Write the updated dataset, as ^S in the reviewer does
    Save(SaveArgs),
    /// Look for mistakes in a dataset and its captions; exits with 1 if any wants a look
    Check(CheckArgs),
    /// Show what reviewing has come to: decisions, acceptance, pace, edits, words, cost
    Stats(StatsArgs),
    /// Write captions in another form
    Export(ExportArgs),
    /// Look at everything a run needs: credentials, models, dataset, terminal
    Doctor(DoctorArgs),
    /// Print pictures in the terminal
    Show(ShowArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

impl Command {
    /// What the command line says about the settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        match self {
            Self::Review(args) => {
                args.dataset.apply(&mut settings);
                args.limit.apply(&mut settings);
                args.describer.apply(&mut settings);
                args.ahead.apply(&mut settings);
                args.editing.apply(&mut settings);
                args.spot_check.apply(&mut settings);
                args.screen.apply(&mut settings);
                args.log.apply(&mut settings);
            }
            Self::Demo(args) => {
                args.limit.apply(&mut settings);
                args.describer.apply(&mut settings);
                args.ahead.apply(&mut settings);
                args.editing.apply(&mut settings);
                args.screen.apply(&mut settings);
                args.log.apply(&mut settings);
            }
            Self::Generate(args) => {
                args.dataset.apply(&mut settings);
                args.limit.apply(&mut settings);
                args.describer.apply(&mut settings);
                args.log.apply(&mut settings);
            }
            Self::Save(args) => args.dataset.apply(&mut settings),
            Self::Check(args) => {
                args.dataset.apply(&mut settings);
                args.limit.apply(&mut settings);
                settings.language.clone_from(&args.language);
            }
            Self::Stats(args) => {
                args.dataset.apply(&mut settings);
                args.limit.apply(&mut settings);
                settings.ascii = args.ascii.then_some(true);
            }
            Self::Export(args) => args.dataset.apply(&mut settings),
            Self::Init(args) => settings.caption_field.clone_from(&args.caption_field),
            Self::Doctor(args) => {
                args.dataset.apply(&mut settings);
                args.limit.apply(&mut settings);
                args.describer.apply(&mut settings);
                args.picture.apply(&mut settings);
            }
            Self::Show(args) => args.picture.apply(&mut settings),
            Self::Completions { .. } | Self::Man => {}
        }
        settings
    }
}

/// `recaption review`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ReviewArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Take the captions of an older run's output in, to be accepted or not
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "read_only")]
    pub candidates: Option<PathBuf>,

    /// Look, decide nothing
    #[arg(long)]
    pub read_only: bool,

    /// What to judge.
    #[command(flatten)]
    pub spot_check: SpotCheckOptions,

    /// Where to save.
    #[command(flatten)]
    pub target: TargetOptions,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// How far ahead.
    #[command(flatten)]
    pub ahead: AheadOption,

    /// What captions may be.
    #[command(flatten)]
    pub editing: EditingOption,

    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

/// `recaption demo`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// Where to keep the sample dataset [default: a folder in your data directory]
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Start anew: forget what was decided on the samples
    #[arg(long)]
    pub reset: bool,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// How far ahead.
    #[command(flatten)]
    pub ahead: AheadOption,

    /// What captions may be.
    #[command(flatten)]
    pub editing: EditingOption,

    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

/// `recaption init`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct InitArgs {
    /// A folder of pictures, with .txt captions beside them or without, or a .csv table [default: the current folder]
    #[arg(value_hint = ValueHint::AnyPath, conflicts_with = "list")]
    pub path: Option<PathBuf>,

    /// A list of pictures instead, one a line; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub list: Option<PathBuf>,

    /// The dataset to write; never one that is there [default: metadata.jsonl in the folder, for a table beside it]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// The field that is to hold the caption [env: RECAPTION_CAPTION_FIELD] [default: text]
    #[arg(long, value_name = "FIELD")]
    pub caption_field: Option<String>,
}

/// `recaption generate`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each whatever the others are")]
pub struct GenerateArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// The dataset, as the scripts before this program named it
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "path")]
    pub input: Option<PathBuf>,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// At most this many records, the first in the dataset
    #[arg(short, long = "num", value_name = "N")]
    pub number: Option<usize>,

    /// Which records: without a candidate, only the failed, or only those whose caption has findings
    #[arg(long, value_name = "KIND", default_value = "pending")]
    pub only: Pending,

    /// A random part of them, of this size
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,

    /// The same seed gives the same sample
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub seed: u64,

    /// Say how many records it would describe, and for how much; do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Spend what it costs without asking
    #[arg(short, long)]
    pub yes: bool,

    /// Accept texts without a finding; the others wait to be reviewed
    #[arg(long)]
    pub accept: bool,

    /// Write the updated dataset in the end
    #[arg(long)]
    pub save: bool,

    /// Print the table at the end as JSON
    #[arg(long)]
    pub json: bool,

    /// Where to save.
    #[command(flatten)]
    pub target: TargetOptions,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

/// Which undecided records are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Pending {
    /// Those without a candidate
    Pending,
    /// Those whose last description failed
    Failed,
    /// Those without a candidate whose caption has findings
    Lint,
}

/// `recaption save`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct SaveArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Where to save.
    #[command(flatten)]
    pub target: TargetOptions,
}

/// `recaption check`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct CheckArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// The language captions are to be in [env: RECAPTION_LANGUAGE] [default: en]
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,

    /// Print the findings as JSON Lines: file, line, record, file_name, lint, severity, message, span
    #[arg(long)]
    pub json: bool,
}

/// `recaption stats`.
#[derive(Clone, Debug, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each whatever the others are")]
pub struct StatsArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Another review of the same dataset, to compare with: a session, or a dataset with its session
    #[arg(value_name = "OTHER", value_hint = ValueHint::AnyPath, requires = "path", conflicts_with = "plan")]
    pub other: Option<PathBuf>,

    /// Say how many records a spot check needs to show the target, or to know the rate to so much
    #[arg(long)]
    pub plan: bool,

    /// The acceptance rate to plan for, in percent
    #[arg(long, value_name = "PERCENT", default_value = "95", requires = "plan")]
    pub target: Percent,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// Write the report of the newest spot check to this file, in Markdown or, if it ends in .json, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["plan", "other", "json"])]
    pub report: Option<PathBuf>,

    /// Write over a report that is there
    #[arg(long, requires = "report")]
    pub force: bool,

    /// Print the figures as one JSON object
    #[arg(long)]
    pub json: bool,

    /// Draw bars with ASCII characters only, as is done where the output is no terminal
    #[arg(long)]
    pub ascii: bool,
}

/// `recaption export`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ExportArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// The form: a text file for each picture, or one table of all
    #[arg(long, value_name = "FORMAT")]
    pub to: ExportFormat,

    /// Where to: a file, for txt a folder [default: standard output, for txt beside the pictures]
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,

    /// Only records with one of these decisions, separated by commas [default: all but the excluded]
    #[arg(long, value_name = "DECISION", value_delimiter = ',')]
    pub only: Vec<DecisionKind>,

    /// Only one side of a random split by pictures, the same whenever it is made
    #[arg(long, value_name = "SIDE")]
    pub split: Option<Side>,

    /// How many of a hundred pictures are for testing
    #[arg(long, value_name = "PERCENT", default_value_t = 10, requires = "split", value_parser = clap::value_parser!(u8).range(1..100))]
    pub test_percent: u8,

    /// Another seed gives another split
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "split")]
    pub seed: u64,

    /// Write over files that are there
    #[arg(long)]
    pub force: bool,
}

/// The sides of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Side {
    /// What is not for testing
    Train,
    /// What is
    Test,
}

/// `recaption doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Ask each model for one token: only an answer shows that it can be asked
    #[arg(long)]
    pub probe: bool,

    /// Print the findings as JSON Lines: about, level, says
    #[arg(long)]
    pub json: bool,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// How pictures are drawn.
    #[command(flatten)]
    pub picture: PictureOption,
}

/// `recaption show`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ShowArgs {
    /// The pictures [default: names from standard input, one a line]
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,

    /// At most this many columns
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<NonZeroU16>,

    /// At most this many rows
    #[arg(long, value_name = "ROWS")]
    pub height: Option<NonZeroU16>,

    /// How it is drawn.
    #[command(flatten)]
    pub picture: PictureOption,
}

/// The forms `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum ExportFormat {
    /// A text file beside each picture
    Txt,
    /// Comma-separated values with a heading
    Csv,
    /// JSON Lines
    Jsonl,
}

/// The decisions `export --only` chooses by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum DecisionKind {
    /// A candidate was accepted
    Accepted,
    /// The operator's own text
    Edited,
    /// The original stands
    Kept,
    /// To be looked at later
    Skipped,
    /// Not decided yet
    Undecided,
    /// Left out of what is saved
    Excluded,
}

/// A share in percent that a spot check can show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let text = text.trim().trim_end_matches('%').trim_end();
        let percent = text.parse().ok().filter(|percent| (LOWEST_TARGET * 100.0..100.0).contains(percent));
        percent.map(Self).ok_or(PercentError)
    }
}

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a percentage from 65 to below 100, as in 95 or 97.5")]
pub struct PercentError;

#[cfg(test)]
mod tests;
