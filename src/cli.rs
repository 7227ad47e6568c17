//! The command line: its syntax, its help, and the settings it sets.

#![allow(clippy::doc_markdown, reason = "doc comments are help texts, which are plain text")]

mod batch;
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
mod split;
mod stats;
mod verify;

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use serde::Serialize;
use toml::Table;

pub use self::batch::{
    BatchArgs, BatchCollectArgs, BatchCommand, BatchJobArgs, BatchStatusArgs, BatchStopArgs, BatchSubmitArgs,
    BatchVerifyArgs,
};
pub use self::check::CheckArgs;
pub use self::config::ConfigArgs;
pub use self::demo::DemoArgs;
pub use self::doctor::DoctorArgs;
pub use self::export::{ExportArgs, Format, Side};
pub use self::generate::GenerateArgs;
pub use self::init::InitArgs;
pub use self::merge::MergeArgs;
pub use self::options::{
    DatasetOptions, NoDataset, RunOptions, SessionOption, ShardsOption, SpotCheckOptions, TargetOptions,
};
pub use self::review::ReviewArgs;
pub use self::save::SaveArgs;
pub use self::show::ShowArgs;
pub use self::split::{Overlap, OverlapError, PartName, PartNameError, SplitArgs};
pub use self::stats::{Percent, PercentError, StatsArgs};
pub use self::verify::VerifyArgs;
use crate::config::ConfigError;

const EXAMPLES: &str = "\
Examples:
  recaption demo
      try it on sample photographs; needs no account
  recaption photos/
      review photos/metadata.jsonl, or the images in photos/ with the .txt captions beside them
  recaption s3://bucket/photos/
      review the same in a bucket; images are downloaded when they are shown
  recaption captions.jsonl --candidates captions_updated.jsonl
      review the captions of an earlier run
  recaption generate photos/ --dry-run
      count the records to describe and estimate the cost
  recaption generate photos/ --budget 5 --accept --save
      describe them for at most 5 dollars, accept candidates without errors and warnings
  recaption check captions.jsonl --max-words 30 --json
      list all findings in machine-readable form
  recaption captions.jsonl --sample 93 --seed 7
      review a random sample to estimate the quality of all captions
  recaption export captions.jsonl --to txt --only accepted,edited
      write decided captions beside their images

Press ? in the reviewer for its keys. Options override RECAPTION_* environment variables, which override config.toml in \
your configuration folder.";

/// Review machine-written image captions in the terminal
#[derive(Clone, Debug, PartialEq, Parser)]
#[command(version, after_help = EXAMPLES, max_term_width = 100, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    review: ReviewArgs,
}

impl Cli {
    /// Returns the subcommand, or `review` if there is none: `recaption PATH` is `recaption review PATH`.
    #[must_use]
    pub fn into_command(self) -> Command {
        self.command.unwrap_or(Command::Review(self.review))
    }
}

#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum Command {
    /// Review the captions of a dataset (the default command)
    #[command(after_help = EXAMPLES)]
    Review(ReviewArgs),
    /// Build a dataset from a folder of images, a table or a list
    Init(InitArgs),
    /// Review a sample dataset
    Demo(DemoArgs),
    /// Describe every record that needs it, without a screen
    Generate(GenerateArgs),
    /// Let a second model compare captions with their images; exits with 1 on findings
    Verify(VerifyArgs),
    /// Describe or verify many records with Amazon Bedrock batch inference, for about half the price
    Batch(Box<BatchArgs>),
    /// Write the updated dataset, like ^S in the reviewer
    Save(SaveArgs),
    /// Check a dataset and its captions for problems; exits with 1 on warnings or errors
    Check(CheckArgs),
    /// Show review statistics: decisions, acceptance, pace, edits, words, cost
    Stats(StatsArgs),
    /// Write parts of a dataset for several reviewers
    Split(SplitArgs),
    /// Merge the decisions of other reviewers of the same dataset, or of its parts
    Merge(MergeArgs),
    /// Export captions to other formats
    Export(ExportArgs),
    /// Check credentials, models, dataset and terminal
    Doctor(DoctorArgs),
    /// Print images in the terminal
    Show(ShowArgs),
    /// Print the effective settings and their sources
    Config(ConfigArgs),
    /// Print a shell completion script
    #[command(after_help = "\
Examples:
  recaption completions bash > ~/.local/share/bash-completion/completions/recaption
  recaption completions zsh > ~/.zfunc/_recaption
  recaption completions fish > ~/.config/fish/completions/recaption.fish")]
    Completions { shell: Shell },
    /// Print the man page
    #[command(after_help = "\
Examples:
  recaption man > ~/.local/share/man/man1/recaption.1
  man recaption")]
    Man,
}

impl Command {
    /// Returns the settings that options set, and `verbose`, the number of `-v`.
    ///
    /// # Errors
    /// Returns an error if a number is too large for a setting.
    pub fn settings(&self) -> Result<Table, ConfigError> {
        let groups = match self {
            Self::Review(args) => {
                vec![table(&args.dataset)?, table(&args.reviewing)?, table(&args.spot_check.reviewer)?]
            }
            Self::Init(args) => vec![table(&args.caption_field)?],
            Self::Demo(args) => vec![table(&args.reviewing)?],
            Self::Generate(GenerateArgs { run, .. }) => {
                let RunOptions { dataset, max_words, style, describer, log, .. } = run;
                vec![table(dataset)?, table(max_words)?, table(style)?, table(describer)?, table(log)?]
            }
            Self::Verify(VerifyArgs { run, .. }) => {
                let RunOptions { dataset, max_words, style, describer, log, .. } = run;
                vec![table(dataset)?, table(max_words)?, table(style)?, verifier(table(describer)?), table(log)?]
            }
            Self::Batch(args) => batch(&args.command)?,
            Self::Save(args) => vec![table(&args.dataset)?],
            Self::Check(args) => {
                let CheckArgs { dataset, shards: _, max_words, style, language, style_guide, json: _ } = args;
                vec![table(dataset)?, table(max_words)?, table(style)?, table(language)?, table(style_guide)?]
            }
            Self::Stats(args) => vec![table(&args.dataset)?, table(&args.max_words)?, table(&args.ascii)?],
            Self::Split(args) => vec![table(&args.dataset)?],
            Self::Merge(args) => vec![table(&args.dataset)?, table(&args.ascii)?],
            Self::Export(args) => vec![table(&args.dataset)?],
            Self::Doctor(args) => {
                let DoctorArgs { dataset, max_words, describer, image_protocol, .. } = args;
                vec![table(dataset)?, table(max_words)?, table(describer)?, table(image_protocol)?]
            }
            Self::Show(args) => vec![table(&args.image_protocol)?],
            Self::Config(args) => vec![table(&args.reviewing)?],
            Self::Completions { .. } | Self::Man => Vec::new(),
        };
        Ok(groups.into_iter().flatten().collect())
    }
}

/// Returns the settings of a batch command.
fn batch(command: &BatchCommand) -> Result<Vec<Table>, ConfigError> {
    let of_run = |run: &RunOptions, storage: &batch::StorageOptions, is_verification: bool| {
        let RunOptions { dataset, max_words, style, describer, log, .. } = run;
        let describer = table(describer)?;
        let describer = if is_verification { verifier(describer) } else { describer };
        let storage = table(storage)?;
        let storage =
            if storage.is_empty() { storage } else { Table::from_iter([("batch".to_owned(), storage.into())]) };
        Ok(vec![table(dataset)?, table(max_words)?, table(style)?, describer, table(log)?, storage])
    };
    let of_jobs = |jobs: &BatchJobArgs| Ok(vec![table(&jobs.dataset)?, table(&jobs.account)?]);
    match command {
        BatchCommand::Submit(args) => of_run(&args.run, &args.storage, false),
        BatchCommand::Verify(args) => of_run(&args.run, &args.storage, true),
        BatchCommand::Status(args) => of_jobs(&args.jobs),
        BatchCommand::Stop(args) => of_jobs(&args.jobs),
        BatchCommand::Collect(args) => {
            Ok([of_jobs(&args.jobs)?, vec![table(&args.max_words)?, table(&args.style)?]].concat())
        }
    }
}

/// Makes the describer, the model and the prompt those of the verifier.
fn verifier(mut options: Table) -> Table {
    let own = ["describer", "model", "prompt"];
    let own: Table = own.iter().filter_map(|key| Some(((*key).to_owned(), options.remove(*key)?))).collect();
    if !own.is_empty() {
        options.insert("verify".to_owned(), own.into());
    }
    options
}

fn table(options: &impl Serialize) -> Result<Table, ConfigError> {
    Ok(Table::try_from(options)?)
}

#[cfg(test)]
mod tests;
