//! The arguments of `recaption doctor`.

use clap::Args;

use super::options::{DatasetOptions, DescriberOptions, LimitOption, PictureOption, SessionOption};
use crate::config::Settings;

/// `recaption doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct DoctorArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Ask each model for one token: only an answer shows that it can be asked
    #[arg(long)]
    pub probe: bool,

    /// Print the findings as JSON Lines: about, level, says
    #[arg(long)]
    pub json: bool,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// How pictures are drawn.
    #[command(flatten)]
    pub picture: PictureOption,
}

impl DoctorArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
        self.limit.apply(settings);
        self.describer.apply(settings);
        self.picture.apply(settings);
    }
}
