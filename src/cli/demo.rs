//! The arguments of `recaption demo`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::ReviewingOptions;
use crate::config::Settings;

/// `recaption demo`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DemoArgs {
    /// Where to keep the sample dataset [default: a folder in your data directory]
    #[arg(value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,

    /// Start anew: forget what was decided on the samples
    #[arg(long)]
    pub reset: bool,

    /// How to review.
    #[command(flatten)]
    pub reviewing: ReviewingOptions,
}

impl DemoArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.reviewing.apply(settings);
    }
}
