use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum, ValueHint};

use super::options::{DatasetOptions, SessionOption, ShardsOption};
use crate::session::DecisionKind;

const EXAMPLES: &str = "\
Examples:
  recaption export captions.jsonl --to txt --only accepted,edited
      write a .txt file beside each image that has an accepted or edited caption
  recaption export captions.jsonl --to csv | head
      print a table
  recaption export captions.jsonl --to parquet --split train -o train.parquet
      write the training part of a random split (--split test for the rest)

pandas reads the words NA, None, NULL, nan and some others in a CSV file as missing values, and a column of numbers as
numbers: pass keep_default_na=False and dtype=str, or export to parquet or jsonl.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub shards: ShardsOption,

    #[command(flatten)]
    pub session: SessionOption,

    /// Choose the format: one text file per image, or one table
    #[arg(long, value_name = "FORMAT")]
    pub to: Format,

    /// Write to this file, or for txt into this folder [default: stdout, or for txt beside the images]
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,

    /// Export only records with these decisions, separated by commas [default: all but excluded]
    #[arg(long, value_name = "DECISION", value_delimiter = ',')]
    pub only: Vec<DecisionKind>,

    /// Export one side of a reproducible random split by image
    #[arg(long, value_name = "SIDE")]
    pub split: Option<Side>,

    /// Set the share of images on the test side, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 10, requires = "split", value_parser = clap::value_parser!(u8).range(1..100))]
    pub test_percent: u8,

    /// Set the random seed of the split
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "split")]
    pub seed: u64,

    /// Set the extension of text files [default: that of the file beside the image, else txt]
    #[arg(long, value_name = "EXTENSION", visible_alias = "extension")]
    pub ext: Option<String>,

    /// Put ' before cells of a CSV file that spreadsheets would run as formulas (those that begin with = + - @)
    #[arg(long)]
    pub safe_csv: bool,

    /// Overwrite existing files
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// A text file beside each image
    Txt,
    /// Comma-separated values with a header row
    Csv,
    /// JSON Lines
    Jsonl,
    /// Apache Parquet; requires --output
    Parquet,
}

impl ValueEnum for DecisionKind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Accepted, Self::Edited, Self::Kept, Self::Skipped, Self::Undecided, Self::Excluded]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Accepted => "A candidate was accepted",
            Self::Edited => "The caption was edited by hand",
            Self::Kept => "The original was kept",
            Self::Skipped => "Put off for later",
            Self::Undecided => "No decision yet",
            Self::Excluded => "Left out of the saved dataset",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Side {
    /// Images to train on
    Train,
    /// Images held out for testing
    Test,
}
