use std::path::PathBuf;

use clap::{ArgGroup, Args, ValueHint};

use super::options::{AsciiOption, DatasetOptions, SessionOption};

const DETAILS: &str = "\
Examples:
  recaption merge photos/ kim.sqlite --dry-run
      print what would be merged
  recaption merge photos/ kim.sqlite
      merge the decisions of another session
  recaption merge photos/ photos/metadata-kim.jsonl photos/metadata-lee.jsonl
      merge the parts that split wrote, and print how well the reviewers agree

Merged: decisions that a person made there (accepted, kept, edited, excluded), with text, provenance, reviewer and time, \
for records that are undecided or skipped here. Flags are merged, and notes if there is none here.

Not merged: decisions by a run, skipped records, drafts, and changes by :s to records that are undecided there. Records \
are matched by file name, position among records of that name, and caption. Records that do not match, and records with \
a draft here, are listed and left alone. If both sides decided differently, the decision here stays and the record is \
listed. Records of a spot check here are merged only if they were reviewed there in the same spot check (same --sample, \
--seed, --by and --blind) with the same texts.

Conflicts: if several sessions decided a record with different captions, it stays undecided, and the caption of each \
reviewer becomes a candidate. The filter status:conflict lists these records until they are decided; so does it if a \
decision here differs. With several sessions, their agreement is computed from the records that more than one of them \
decided.

In the reviewer, u undoes the whole merge in one step. Merging again merges only new decisions.

Exit codes: 0 all merged or identical, 1 conflicts, disagreements or records left out, 2 wrong usage or input, 4 could not write, \
or the session is in use.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(
    after_help = DETAILS,
    override_usage = "recaption merge [OPTIONS] [PATH] <OTHER>...",
    group(ArgGroup::new("sessions").args(["path", "others"]).required(true).multiple(true)),
)]
pub struct MergeArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// The other reviews: session files, or datasets and parts of datasets that have one
    #[arg(value_name = "OTHER", value_hint = ValueHint::AnyPath)]
    others: Vec<PathBuf>,

    #[command(flatten)]
    pub session: SessionOption,

    /// Print what would be merged, write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print the result, with all disagreements and conflicts, as one JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub ascii: AsciiOption,
}

impl MergeArgs {
    /// Returns the options of the dataset, and the other reviews: a single path is one, of the dataset in the current
    /// folder.
    #[must_use]
    pub fn sides(&self) -> (DatasetOptions, Vec<PathBuf>) {
        let mut dataset = self.dataset.clone();
        let mut others = self.others.clone();
        if others.is_empty() {
            others.extend(dataset.path.take());
        }
        (dataset, others)
    }
}
