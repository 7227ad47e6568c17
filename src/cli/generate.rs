//! The arguments of `recaption generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::options::{DatasetOptions, DescriberOptions, LimitOption, LogOptions, SessionOption, TargetOptions};
use crate::config::Settings;

/// `recaption generate`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line, each whatever the others are")]
pub struct GenerateArgs {
    /// Which dataset.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// The dataset, as the scripts before this program named it
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "path")]
    pub input: Option<PathBuf>,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// At most this many records, the first in the dataset
    #[arg(short, long = "num", value_name = "N")]
    pub number: Option<usize>,

    /// Which records: without a candidate, only the failed, or only those whose caption has findings
    #[arg(long, value_name = "KIND", default_value = "pending")]
    pub only: Pending,

    /// A random part of them, of this size
    #[arg(long, value_name = "N")]
    pub sample: Option<usize>,

    /// The same seed gives the same sample
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "sample")]
    pub seed: u64,

    /// Say how many records it would describe, and for how much; do nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Spend what it costs without asking
    #[arg(short, long)]
    pub yes: bool,

    /// Accept texts without a finding; the others wait to be reviewed
    #[arg(long)]
    pub accept: bool,

    /// Write the updated dataset in the end
    #[arg(long)]
    pub save: bool,

    /// Print the table at the end as JSON
    #[arg(long)]
    pub json: bool,

    /// Where to save.
    #[command(flatten)]
    pub target: TargetOptions,

    /// How long captions may be.
    #[command(flatten)]
    pub limit: LimitOption,

    /// What writes captions.
    #[command(flatten)]
    pub describer: DescriberOptions,

    /// What is logged.
    #[command(flatten)]
    pub log: LogOptions,
}

impl GenerateArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
        self.limit.apply(settings);
        self.describer.apply(settings);
        self.log.apply(settings);
    }
}

/// Which undecided records are described.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Pending {
    /// Those without a candidate
    Pending,
    /// Those whose last description failed
    Failed,
    /// Those without a candidate whose caption has findings
    Lint,
}
