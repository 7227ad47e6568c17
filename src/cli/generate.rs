use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{RunOptions, TargetOptions};
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
pub struct GenerateArgs {
    #[command(flatten)]
    pub run: RunOptions,

    /// Alias of PATH, for older scripts
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["path", "shards"])]
    pub input: Option<PathBuf>,

    /// Select records: pending, failed, lint, tag:NAME; or, to describe again, those with a candidate of model:TEXT, prompt:NAME or describer:NAME
    #[arg(long, value_name = "KIND", default_value_t)]
    pub only: Only,

    /// Also describe undecided records whose newest candidate is of another model or prompt
    #[arg(long)]
    pub again: bool,

    /// Accept candidates without errors and warnings; the others wait for review
    #[arg(long)]
    pub accept: bool,

    /// Write the updated dataset at the end
    #[arg(long)]
    pub save: bool,

    #[command(flatten)]
    pub target: TargetOptions,
}
