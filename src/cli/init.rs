use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::CaptionFieldOption;

const EXAMPLES: &str = "\
Examples:
  recaption init pictures/
      write pictures/metadata.jsonl from the images and the .txt captions beside them
  find . -name '*.jpg' | recaption init --list - -o all.jsonl
      build a dataset from a list of images
  recaption init captions.csv
      convert a table with a file name and a caption column
  recaption init export.csv --file-column path --caption-column prompt
      convert a table whose columns have other names";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct InitArgs {
    /// Source: a folder of images, with or without .txt captions beside them, or a .csv, .tsv or .parquet table [default: the current folder]
    #[arg(value_hint = ValueHint::AnyPath, conflicts_with = "list")]
    pub path: Option<PathBuf>,

    /// Read the paths of images from this file, one per line (- for stdin)
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub list: Option<PathBuf>,

    /// Write the dataset to this file, which must not exist [default: metadata.jsonl in the folder, or beside the table]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    #[command(flatten)]
    pub caption_field: CaptionFieldOption,

    /// Name the column of a table that contains the image paths [default: file_name]
    #[arg(long, value_name = "COLUMN", conflicts_with = "list")]
    pub file_column: Option<String>,

    /// Name the column of a table that contains the captions, which becomes the caption field [default: that field]
    #[arg(long, value_name = "COLUMN", conflicts_with = "list")]
    pub caption_column: Option<String>,

    /// Print the counts, and the reasons why anything was left out, as one JSON object
    #[arg(long)]
    pub json: bool,
}
