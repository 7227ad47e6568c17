use clap::Args;

use super::options::{DatasetOptions, SessionOption, ShardsOption, TargetOptions};

const EXAMPLES: &str = "\
Examples:
  recaption save photos/
      write photos/metadata_updated.jsonl
  recaption save photos/ --in-place
      overwrite photos/metadata.jsonl, keeping the original as metadata.jsonl.bak";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct SaveArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub shards: ShardsOption,

    #[command(flatten)]
    pub session: SessionOption,

    #[command(flatten)]
    pub target: TargetOptions,
}
