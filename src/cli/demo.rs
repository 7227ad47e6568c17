use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::ReviewingOptions;

const EXAMPLES: &str = "\
Examples:
  recaption demo
      review the samples; continues the last time's session
  recaption demo --reset
      start over";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct DemoArgs {
    /// Keep the sample dataset in this folder [default: a folder in your data directory]
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Start over: discard all decisions on the samples
    #[arg(long)]
    pub reset: bool,

    #[command(flatten)]
    pub reviewing: ReviewingOptions,
}
