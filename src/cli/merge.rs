//! The arguments of `recaption merge`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{DatasetOptions, SessionOption};
use crate::config::Settings;

const DETAILS: &str = "\
What is taken: for each record that nobody decided here (or that was skipped), what a person decided there: accepted, \
kept, edited or excluded, with the text and where it came from, who decided and when. Flags are taken, and notes where \
there is none here.

What is not: what a run accepted there, skipped records, unfinished edits, and changes by a command (:s) to records that \
are undecided there. Records are found by their file name, which of several of that name they are, and their caption; \
those that do not fit, and those with unfinished work here, are named and left. Where both decided and differ, the \
decision here stays and the record is listed. Records of a spot check here are taken only if they were judged there in \
the same one (--sample, --seed, --by, --blind alike), on the same texts.

In the reviewer, u takes the whole merge back, as one step. Merging again takes only what is new.

Exit codes: 0 all was taken or alike, 1 something differs or was left, 2 wrong usage or input, 4 could not write, or \
another process is reviewing.";

/// `recaption merge`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(allow_missing_positional = true, after_help = DETAILS)]
pub struct MergeArgs {
    /// Into which dataset's session.
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// The other review: a session, or a dataset with its session
    #[arg(value_name = "OTHER", value_hint = ValueHint::AnyPath)]
    pub other: PathBuf,

    /// Which session.
    #[command(flatten)]
    pub session: SessionOption,

    /// Say what would be taken, and write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print what was taken and what was not as one JSON object, with all disagreements
    #[arg(long)]
    pub json: bool,

    /// Print ASCII characters only, as is done where the output is no terminal
    #[arg(long)]
    pub ascii: bool,
}

impl MergeArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.dataset.apply(settings);
        settings.ascii = self.ascii.then_some(true);
    }
}
