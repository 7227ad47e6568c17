use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};

use super::options::{AsciiOption, DatasetOptions, MaxWordsOption, SessionOption};
use crate::statistics::MIN_TARGET;

const EXAMPLES: &str = "\
Examples:
  recaption stats photos/
      print decisions, acceptance rate, pace, edits, words and cost
  recaption stats photos/ kim.sqlite
      compare two reviews: agreement and disagreements
  recaption stats photos/ --plan --target 97.5
      compute the sample size that a spot check needs
  recaption stats photos/ --by-reviewer
      print the figures of each reviewer of a merged session
  recaption stats photos/ --report report.md
      write the report of the latest spot check
  recaption stats photos/ --tags --json | jq -r '.tags[] | select(.captions == 1).tag'
      list the tags that only one caption has";

#[derive(Clone, Debug, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub struct StatsArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    /// Compare with another review: a session file, or a dataset that has one
    #[arg(value_name = "OTHER", value_hint = ValueHint::AnyPath, requires = "path", conflicts_with = "plan")]
    pub other: Option<PathBuf>,

    /// Compute the sample size needed to verify the target or to reach a given precision
    #[arg(long)]
    pub plan: bool,

    /// Plan for this acceptance rate, in percent
    #[arg(long, value_name = "PERCENT", default_value = "95", requires = "plan")]
    pub target: Percent,

    /// List the tags of the captions with the number of captions that have them
    #[arg(long, conflicts_with_all = ["plan", "other", "report"])]
    pub tags: bool,

    /// Show what each reviewer did: decisions, edits, pace, and conflicts after a merge
    #[arg(long, conflicts_with_all = ["plan", "other", "report", "tags"])]
    pub by_reviewer: bool,

    #[command(flatten)]
    pub session: SessionOption,

    #[command(flatten)]
    pub max_words: MaxWordsOption,

    /// Write the report of the latest spot check to this file, as JSON if it ends in .json, else as Markdown
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["plan", "other", "json"])]
    pub report: Option<PathBuf>,

    /// Overwrite an existing report
    #[arg(long, requires = "report")]
    pub force: bool,

    /// Print the figures as one JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub ascii: AsciiOption,
}

/// An acceptance rate that a spot check can verify.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a percentage of at least 65 and below 100, such as 95 or 97.5")]
pub struct PercentError;
