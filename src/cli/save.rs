//! The arguments of `recaption save`.

use clap::Args;

use super::options::{DatasetOptions, SessionOption, TargetOptions};
use crate::config::Settings;

/// `recaption save`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct SaveArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Where to save.
    #[command(flatten)]
    pub target: TargetOptions,
}

impl SaveArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
    }
}
