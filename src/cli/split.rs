use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};

use super::options::{DatasetOptions, SessionOption, ShardsOption};

const DETAILS: &str = "\
Examples:
  recaption split photos/ --parts 5 --dry-run
      print the number of records in each part
  recaption split photos/ --names kim,lee,ana,joe,mia
      write photos/metadata-kim.jsonl and so on, for reviewers who share the folder
  recaption split photos/ --names kim,lee -o parts/
      write parts/kim/ and parts/lee/, each a dataset with its images
  recaption merge photos/ photos/metadata-*.jsonl
      merge the decisions of all reviewers

Every record is in one part, in the order of the dataset. The overlap, a random sample of the images, is in every part, \
so that merge can compute how well the reviewers agree. All captions of an image are in the same part. Lines are copied \
byte for byte. Records that are decided in the session are left out, unless --all is given.

Exit codes: 0 done, 2 wrong usage or input, 4 could not write, or a part exists.";

#[derive(Clone, Debug, PartialEq, Args)]
#[command(after_help = DETAILS)]
pub struct SplitArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub shards: ShardsOption,

    #[command(flatten)]
    pub session: SessionOption,

    /// Write this many parts, from 2 to 100
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u8).range(2..=100), required_unless_present = "names")]
    pub parts: Option<u8>,

    /// Name the parts after their reviewers, separated by commas [default: 1,2,…]
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub names: Vec<PartName>,

    /// Put this percentage or number of the images into every part
    #[arg(long, value_name = "PERCENT|N", default_value = "5%")]
    pub overlap: Overlap,

    /// Set the random seed; the same seed draws the same overlap
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub seed: u64,

    /// Write each part with its images into a folder of its own in this folder [default: beside the dataset, without images]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub output: Option<PathBuf>,

    /// Include records that are already decided in the session
    #[arg(long)]
    pub all: bool,

    /// Print what would be written, write nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Print the parts and the counts as one JSON object
    #[arg(long)]
    pub json: bool,
}

/// The number of images that are in every part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Overlap {
    Percent(f64),
    Images(u64),
}

impl Default for Overlap {
    fn default() -> Self {
        Self::Percent(5.0)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a percentage from 0% to 100%, such as 5%, or a number of images, such as 200")]
pub struct OverlapError;

impl FromStr for Overlap {
    type Err = OverlapError;

    fn from_str(text: &str) -> Result<Self, OverlapError> {
        let text = text.trim();
        match text.strip_suffix('%') {
            Some(percent) => {
                let percent = percent.trim_end().parse().ok().filter(|percent| (0.0..=100.0).contains(percent));
                percent.map(Self::Percent).ok_or(OverlapError)
            }
            None => text.parse().map(Self::Images).map_err(|_| OverlapError),
        }
    }
}

/// The name of a part: a part of a file name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartName(pub String);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a name of up to 60 letters, digits, '-', '_' or '.', not beginning with '.' or '-'")]
pub struct PartNameError;

impl FromStr for PartName {
    type Err = PartNameError;

    fn from_str(text: &str) -> Result<Self, PartNameError> {
        let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        let is_name =
            text.chars().all(is_plain) && text.len() <= 60 && !text.is_empty() && !text.starts_with(['.', '-']);
        if is_name { Ok(Self(text.to_owned())) } else { Err(PartNameError) }
    }
}
