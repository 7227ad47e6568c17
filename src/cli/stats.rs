//! The arguments of `recaption stats`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};

use super::options::{DatasetOptions, LimitOption, SessionOption};
use crate::config::Settings;
use crate::statistics::MIN_TARGET;

/// `recaption stats`.
#[derive(Clone, Debug, PartialEq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each whatever the others are")]
pub struct StatsArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Another review of the same dataset, to compare with: a session, or a dataset with its session
    #[arg(value_name = "OTHER", value_hint = ValueHint::AnyPath, requires = "path", conflicts_with = "plan")]
    pub other: Option<PathBuf>,

    /// Say how many records a spot check needs to show the target, or to know the rate to so much
    #[arg(long)]
    pub plan: bool,

    /// The acceptance rate to plan for, in percent
    #[arg(long, value_name = "PERCENT", default_value = "95", requires = "plan")]
    pub target: Percent,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// Write the report of the newest spot check to this file, in Markdown or, if it ends in .json, as JSON
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["plan", "other", "json"])]
    pub report: Option<PathBuf>,

    /// Write over a report that is there
    #[arg(long, requires = "report")]
    pub force: bool,

    /// Print the figures as one JSON object
    #[arg(long)]
    pub json: bool,

    /// Draw bars with ASCII characters only, as is done where the output is no terminal
    #[arg(long)]
    pub ascii: bool,
}

impl StatsArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
        self.limit.apply(settings);
        settings.ascii = self.ascii.then_some(true);
    }
}

/// A share in percent that a spot check can show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percent(pub f64);

impl FromStr for Percent {
    type Err = PercentError;

    fn from_str(text: &str) -> Result<Self, PercentError> {
        let text = text.trim().trim_end_matches('%').trim_end();
        let percent = text.parse().ok().filter(|percent| (MIN_TARGET * 100.0..100.0).contains(percent));
        percent.map(Self).ok_or(PercentError)
    }
}

/// Why a text is no target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a percentage from 65 to below 100, as in 95 or 97.5")]
pub struct PercentError;
