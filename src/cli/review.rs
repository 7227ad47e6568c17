use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{DatasetOptions, ReviewingOptions, SessionOption, ShardsOption, SpotCheckOptions, TargetOptions};

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ReviewArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub shards: ShardsOption,

    #[command(flatten)]
    pub session: SessionOption,

    /// Import captions from an earlier run as candidates
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "read_only")]
    pub candidates: Option<PathBuf>,

    /// Open read-only
    #[arg(long)]
    pub read_only: bool,

    #[command(flatten)]
    pub spot_check: SpotCheckOptions,

    #[command(flatten)]
    pub target: TargetOptions,

    #[command(flatten)]
    pub reviewing: ReviewingOptions,
}
