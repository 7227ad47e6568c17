//! The arguments of `recaption config`.

use clap::Args;

use super::options::ReviewingOptions;
use crate::config::Settings;

/// `recaption config`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ConfigArgs {
    /// Print them as JSON: name, value, source, and of the file its path and line
    #[arg(long)]
    pub json: bool,

    /// How to review.
    #[command(flatten)]
    pub reviewing: ReviewingOptions,
}

impl ConfigArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.reviewing.apply(settings);
    }
}
