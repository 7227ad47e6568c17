use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{
    DatasetOptions, DescriberOptions, LogOptions, MaxWordsOption, SessionOption, StyleOption, TargetOptions,
};
use crate::engine::selection::Only;

const EXAMPLES: &str = "\
Examples:
  recaption generate photos/ --dry-run
      count the records to describe and estimate the cost
  recaption generate photos/ --budget 5 --accept --save
      describe them for at most 5 dollars, accept captions without findings, write the updated dataset
  recaption generate photos/ --preset ollama --model qwen3-vl:8b
      describe them with a model on this computer, free
  recaption generate photos/ --only failed --yes
      retry the records whose last request failed
  recaption generate photos/ --again --prompt short --dry-run
      estimate describing with another prompt what was described before and is undecided
  recaption generate photos/ --only model:haiku --model claude-sonnet-5-5 --dry-run
      estimate describing again, with another model, what Haiku described

Running the same command again continues an interrupted run.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct GenerateArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Alias of PATH, for older scripts
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "path")]
    pub input: Option<PathBuf>,

    #[command(flatten)]
    pub session: SessionOption,

    /// Describe at most this many records, in the order of the dataset
    #[arg(short, long = "num", value_name = "N")]
    pub number: Option<usize>,

    /// Select records: pending, failed, lint; or, to describe again, those with a candidate of model:TEXT, prompt:NAME or describer:NAME
    #[arg(long, value_name = "KIND", default_value_t)]
    pub only: Only,

    /// Also describe undecided records whose newest candidate is of another model or prompt
    #[arg(long)]
    pub again: bool,

    /// Describe a random sample of this size
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,

    /// Set the random seed; the same seed draws the same records
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub seed: u64,

    /// Print how many records would be described and the estimated cost, then exit
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask for confirmation before paid requests
    #[arg(short, long)]
    pub yes: bool,

    /// Accept candidates without errors and warnings; the others wait for review
    #[arg(long)]
    pub accept: bool,

    /// Write the updated dataset at the end
    #[arg(long)]
    pub save: bool,

    /// Print the final table as JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub target: TargetOptions,

    #[command(flatten)]
    pub max_words: MaxWordsOption,

    #[command(flatten)]
    pub style: StyleOption,

    #[command(flatten)]
    pub describer: DescriberOptions,

    #[command(flatten)]
    pub log: LogOptions,
}
