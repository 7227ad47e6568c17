use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::ImageProtocolOption;

const EXAMPLES: &str = "\
Examples:
  recaption show photos/*.jpg --height 20
  jq -r .file_name captions.jsonl | recaption show --image-protocol blocks";

#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// Image files [default: paths from stdin, one per line]
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,

    /// Limit the width in columns [default: the terminal's]
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<NonZeroU16>,

    /// Limit the height in rows [default: the terminal's]
    #[arg(long, value_name = "ROWS")]
    pub height: Option<NonZeroU16>,

    #[command(flatten)]
    pub image_protocol: ImageProtocolOption,
}
