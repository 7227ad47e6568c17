//! The arguments of `recaption review`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{
    AheadOption, DatasetOptions, DescriberOptions, EditingOption, LimitOption, LogOptions, ScreenOptions,
    SessionOption, SpotCheckOptions, TargetOptions,
};
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

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// How far ahead.
    #[command(flatten)]
    pub ahead: AheadOption,

    /// What captions may be.
    #[command(flatten)]
    pub editing: EditingOption,

    /// How it looks.
    #[command(flatten)]
    pub screen: ScreenOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

impl ReviewArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
        self.limit.apply(settings);
        self.describer.apply(settings);
        self.ahead.apply(settings);
        self.editing.apply(settings);
        self.spot_check.apply(settings);
        self.screen.apply(settings);
        self.log.apply(settings);
    }
}
