//! The arguments of `recaption show`.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::options::PictureOption;
use crate::config::Settings;

/// `recaption show`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct ShowArgs {
    /// The pictures [default: names from standard input, one a line]
    #[arg(value_name = "IMAGE", value_hint = ValueHint::FilePath)]
    pub images: Vec<PathBuf>,

    /// At most this many columns
    #[arg(long, value_name = "COLUMNS")]
    pub width: Option<NonZeroU16>,

    /// At most this many rows
    #[arg(long, value_name = "ROWS")]
    pub height: Option<NonZeroU16>,

    /// How it is drawn.
    #[command(flatten)]
    pub picture: PictureOption,
}

impl ShowArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        self.picture.apply(settings);
    }
}
