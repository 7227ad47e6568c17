use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::{AsciiOption, DatasetOptions, SessionOption};

const DETAILS: &str = "\
Examples:
  recaption merge photos/ kim.sqlite --dry-run
      print what would be merged
  recaption merge photos/ kim.sqlite
      merge the decisions of another session

Merged: decisions that a person made there (accepted, kept, edited, excluded), with text, provenance, reviewer and time, \
for records that are undecided or skipped here. Flags are merged, and notes if there is none here.

Not merged: decisions by a run, skipped records, drafts, and changes by :s to records that are undecided there. Records \
are matched by file name, position among records of that name, and caption. Records that do not match, and records with \
a draft here, are listed and left alone. If both sides decided differently, the decision here stays and the record is \
listed. Records of a spot check here are merged only if they were reviewed there in the same spot check (same --sample, \
--seed, --by and --blind) with the same texts.

In the reviewer, u undoes the whole merge in one step. Merging again merges only new decisions.

Exit codes: 0 all merged or identical, 1 disagreements or records left out, 2 wrong usage or input, 4 could not write, \
or the session is in use.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(allow_missing_positional = true, after_help = DETAILS)]
pub struct MergeArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// The other review: a session file, or a dataset that has one
    #[arg(value_name = "OTHER", value_hint = ValueHint::AnyPath)]
    pub other: PathBuf,

    #[command(flatten)]
    pub session: SessionOption,

    /// Print what would be merged, write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print the result and all disagreements as one JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub ascii: AsciiOption,
}
