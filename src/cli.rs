//! The command line: what can be asked for, and how it is written. Nothing here acts.

#![allow(clippy::doc_markdown, reason = "the comments are the help text, which knows no backticks")]

mod check;
mod config;
mod demo;
mod doctor;
mod export;
mod generate;
mod init;
mod merge;
mod options;
mod review;
mod save;
mod show;
mod stats;

use clap::{Parser, Subcommand};
use clap_complete::Shell;

pub use self::check::CheckArgs;
pub use self::config::ConfigArgs;
pub use self::demo::DemoArgs;
pub use self::doctor::DoctorArgs;
pub use self::export::{DecisionKind, ExportArgs, ExportFormat, Side};
pub use self::generate::{GenerateArgs, Pending};
pub use self::init::InitArgs;
pub use self::merge::MergeArgs;
pub use self::options::{
    AheadOption, DatasetOptions, DescriberOptions, EditingOption, LimitOption, LogOptions, NoDataset, PictureOption,
    ReviewingOptions, ScreenOptions, SessionOption, SpotCheckOptions, TargetOptions,
};
pub use self::review::ReviewArgs;
pub use self::save::SaveArgs;
pub use self::show::ShowArgs;
pub use self::stats::{Percent, PercentError, StatsArgs};
use crate::config::Settings;

const EXAMPLES: &str = "\
Examples:
  recaption demo
      try it on sample photographs; needs no account
  recaption photos/
      review the folder's metadata.jsonl
  recaption init pictures/ && recaption pictures/
      make a dataset of a folder of pictures and the .txt captions beside them
  recaption captions.jsonl --candidates captions_updated.jsonl
      review what an older run made of it
  recaption generate photos/ --dry-run
      say how many pictures it would describe, and for how much
  recaption generate photos/ --budget 5 --accept --save
      describe them for at most 5 dollars, take what has no finding
  recaption check captions.jsonl --max-words 30 --json
      list what is wrong, for a script
  recaption captions.jsonl --sample 93 --seed 7
      judge a random part, to know how good they all are
  recaption export captions.jsonl --to txt --only accepted,edited
      put the captions decided on beside their pictures

Press ? in the reviewer for its keys. An option is stronger than its RECAPTION_ variable, and that is stronger than \
config.toml in the user's configuration folder.";

/// Review machine-written image captions in the terminal
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do; without one, review.
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    review: ReviewArgs,
}

impl Cli {
    /// What to do: `recaption PATH` is `recaption review PATH`.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Review(self.review))
    }
}

/// What recaption can do.
#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Review a dataset's captions (also without the word "review")
    Review(ReviewArgs),
    /// Make a dataset of a folder of pictures, a table or a list
    Init(InitArgs),
    /// Review a sample dataset, kept from one time to the next
    Demo(DemoArgs),
    /// Describe every record that needs it, without a screen
    Generate(GenerateArgs),
    /// Write the updated dataset, as ^S in the reviewer does
    Save(SaveArgs),
    /// Look for mistakes in a dataset and its captions; exits with 1 if any wants a look
    Check(CheckArgs),
    /// Show what reviewing has come to: decisions, acceptance, pace, edits, words, cost
    Stats(StatsArgs),
    /// Take another person's decisions on the same dataset in
    Merge(MergeArgs),
    /// Write captions in another form
    Export(ExportArgs),
    /// Look at everything a run needs: credentials, models, dataset, terminal
    Doctor(DoctorArgs),
    /// Print pictures in the terminal
    Show(ShowArgs),
    /// Print the settings in effect, and where each is from
    Config(ConfigArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page
    Man,
}

impl Command {
    /// What the command line says about the settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        match self {
            Self::Review(args) => args.apply(&mut settings),
            Self::Init(args) => args.apply(&mut settings),
            Self::Demo(args) => args.apply(&mut settings),
            Self::Generate(args) => args.apply(&mut settings),
            Self::Save(args) => args.apply(&mut settings),
            Self::Check(args) => args.apply(&mut settings),
            Self::Stats(args) => args.apply(&mut settings),
            Self::Merge(args) => args.apply(&mut settings),
            Self::Export(args) => args.apply(&mut settings),
            Self::Doctor(args) => args.apply(&mut settings),
            Self::Show(args) => args.apply(&mut settings),
            Self::Config(args) => args.apply(&mut settings),
            Self::Completions { .. } | Self::Man => {}
        }
        settings
    }
}

#[cfg(test)]
mod tests;
