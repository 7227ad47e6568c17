//! The arguments of `recaption check`.

use clap::Args;

use super::options::{DatasetOptions, LimitOption};
use crate::config::Settings;

/// `recaption check`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct CheckArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// The language captions are to be in [env: RECAPTION_LANGUAGE] [default: en]
    #[arg(long, value_name = "LANGUAGE")]
    pub language: Option<String>,

    /// Print the findings as JSON Lines: file, line, record, file_name, lint, severity, message, span
    #[arg(long)]
    pub json: bool,
}

impl CheckArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
        self.limit.apply(settings);
        settings.language.clone_from(&self.language);
    }
}
