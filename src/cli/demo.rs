//! The arguments of `recaption demo`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{AheadOption, DescriberOptions, EditingOption, LimitOption, LogOptions, ScreenOptions};
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

impl DemoArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.limit.apply(settings);
        self.describer.apply(settings);
        self.ahead.apply(settings);
        self.editing.apply(settings);
        self.screen.apply(settings);
        self.log.apply(settings);
    }
}
