//! The arguments of `recaption review`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{DatasetOptions, ReviewingOptions, SessionOption, SpotCheckOptions, TargetOptions};
use crate::config::Settings;

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

    /// How to review.
    #[command(flatten)]
    pub reviewing: ReviewingOptions,
}

impl ReviewArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
        self.reviewing.apply(settings);
        self.spot_check.apply(settings);
    }
}
