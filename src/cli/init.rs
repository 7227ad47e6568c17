//! The arguments of `recaption init`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::config::Settings;

/// `recaption init`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct InitArgs {
    /// A folder of pictures, with .txt captions beside them or without, or a .csv or .parquet table [default: the current folder]
    #[arg(value_hint = ValueHint::AnyPath, conflicts_with = "list")]
    pub path: Option<PathBuf>,

    /// A list of pictures instead, one a line; - is standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub list: Option<PathBuf>,

    /// The dataset to write; never one that is there [default: metadata.jsonl in the folder, for a table beside it]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,

    /// The field that is to hold the caption [env: RECAPTION_CAPTION_FIELD] [default: text]
    #[arg(long, value_name = "FIELD")]
    pub caption_field: Option<String>,
}

impl InitArgs {
    pub(super) fn apply(&self, settings: &mut Settings) {
        settings.caption_field.clone_from(&self.caption_field);
    }
}
