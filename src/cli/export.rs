use std::path::PathBuf;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum, ValueHint};

use super::options::{DatasetOptions, SessionOption, ShardsOption};
use crate::session::DecisionKind;

const EXAMPLES: &str = "\
Examples:
  recaption export captions.jsonl --to txt --only accepted,edited
      write a .txt file beside each image that has an accepted or edited caption
  recaption export captions.jsonl --to csv | head
      print a table
  recaption export captions.jsonl --to parquet --split train -o train.parquet
      write the training part of a random split (--split test for the rest)
  recaption export data/*.parquet --to txt --copy-images -o train/
      write the images in Parquet files to a folder, each with a .txt file
  recaption export captions.jsonl --to txt --lines
      write all captions of an image into its .txt file, for kohya's enable_wildcard, OneTrainer or SimpleTuner
  recaption export photos/ --to parquet --copy-images -o train.parquet
      write a table with the images, which load_dataset and the hub show

pandas reads the words NA, None, NULL, nan and some others in a CSV file as missing values, and a column of numbers as
numbers: pass keep_default_na=False and dtype=str, or export to parquet or jsonl.";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[expect(clippy::struct_excessive_bools, reason = "one for each flag")]
#[command(after_help = EXAMPLES)]
pub struct ExportArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub shards: ShardsOption,

    #[command(flatten)]
    pub session: SessionOption,

    /// Choose the format: text files, a table, a folder, a JSON file or an archive
    #[arg(long, value_name = "FORMAT")]
    pub to: Format,

    /// Write to this file, or for txt and imagefolder into this folder [default: stdout, or for txt beside the images]
    #[arg(short, long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub output: Option<PathBuf>,

    /// Export only records with these decisions, separated by commas [default: all but excluded]
    #[arg(long, value_name = "DECISION", value_delimiter = ',')]
    pub only: Vec<DecisionKind>,

    /// Export one side of a reproducible random split by image
    #[arg(long, value_name = "SIDE")]
    pub split: Option<Side>,

    /// Set the share of images on the test side, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 10, requires = "split", value_parser = clap::value_parser!(u8).range(1..100))]
    pub test_percent: u8,

    /// Set the random seed of the split
    #[arg(long, value_name = "SEED", default_value_t = 0, requires = "split")]
    pub seed: u64,

    /// Set the extension of text files; of several captions of an image one each (txt,short.txt) [default: that of the
    /// file beside the image, else txt; FIELD.txt for further fields]
    #[arg(long, value_name = "EXT[,EXT]", visible_alias = "extension")]
    pub ext: Option<String>,

    /// Write several captions of an image into one text file, each on a line, of which trainers draw one
    #[arg(long)]
    pub lines: bool,

    /// Put the images into the folder or the Parquet file, too, unchanged [default for imagefolder and webdataset]
    #[arg(long, visible_alias = "embed-images")]
    pub copy_images: bool,

    /// Like --copy-images, with hard links where the file system allows
    #[arg(long, conflicts_with = "copy_images")]
    pub link_images: bool,

    /// Put ' before cells of a CSV file that spreadsheets would run as formulas (those that begin with = + - @)
    #[arg(long)]
    pub safe_csv: bool,

    /// Overwrite existing files
    #[arg(long)]
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Format {
    /// A text file beside each image
    Txt,
    /// Comma-separated values with a header row
    Csv,
    /// Tab-separated values with a header row
    Tsv,
    /// JSON Lines
    Jsonl,
    /// Apache Parquet, with --copy-images including the images; requires --output
    Parquet,
    /// A folder with the images and a metadata.jsonl, for Hugging Face's datasets; requires --output
    Imagefolder,
    /// The meta_cap.json of kohya's fine-tuning scripts
    Kohya,
    /// The captions.json of diffusion-pipe: a list of captions for each image
    CaptionsJson,
    /// A WebDataset tar archive with images, captions and fields; requires --output
    Webdataset,
}

impl Format {
    /// Returns the end of the names of its files; of a folder, nothing.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Txt => ".txt",
            Self::Csv => ".csv",
            Self::Tsv => ".tsv",
            Self::Jsonl => ".jsonl",
            Self::Parquet => ".parquet",
            Self::Imagefolder => "",
            Self::Kohya | Self::CaptionsJson => ".json",
            Self::Webdataset => ".tar",
        }
    }
}

impl ValueEnum for DecisionKind {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Accepted, Self::Edited, Self::Kept, Self::Skipped, Self::Undecided, Self::Excluded]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let help = match self {
            Self::Accepted => "A candidate was accepted",
            Self::Edited => "The caption was edited by hand",
            Self::Kept => "The original was kept",
            Self::Skipped => "Put off for later",
            Self::Undecided => "No decision yet",
            Self::Excluded => "Left out of the saved dataset",
        };
        Some(PossibleValue::new(self.name()).help(help))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Side {
    /// Images to train on
    Train,
    /// Images held out for testing
    Test,
}
