//! The arguments of `recaption config`.

use clap::Args;

use super::options::{AheadOption, DescriberOptions, EditingOption, LimitOption, LogOptions, ScreenOptions};
use crate::config::Settings;

/// `recaption config`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ConfigArgs {
    /// Print them as JSON: name, value, source, and of the file its path and line
    #[arg(long)]
    pub json: bool,

    /// How long captions may be.
    #[command(flatten)]
    limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    describer: DescriberOptions,

    /// How far ahead.
    #[command(flatten)]
    ahead: AheadOption,

    /// What captions may be.
    #[command(flatten)]
    editing: EditingOption,

    /// How it looks.
    #[command(flatten)]
    screen: ScreenOptions,

    /// What is logged.
    #[command(flatten)]
    log: LogOptions,
}

impl ConfigArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.limit.apply(settings);
        self.describer.apply(settings);
        self.ahead.apply(settings);
        self.editing.apply(settings);
        self.screen.apply(settings);
        self.log.apply(settings);
    }
}
