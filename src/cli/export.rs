//! The arguments of `recaption export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::options::{DatasetOptions, SessionOption};
use crate::config::Settings;

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

impl ExportArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
    }
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
    /// Apache Parquet, to a file
    Parquet,
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

/// The sides of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Side {
    /// What is not for testing
    Train,
    /// What is
    Test,
}
