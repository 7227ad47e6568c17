use clap::{Args, Subcommand};
use serde::Serialize;

use super::options::{DatasetOptions, MaxWordsOption, RunOptions, SessionOption, StyleOption};
use crate::engine::selection::Only;

const EXAMPLES: &str = "\
Examples:
  recaption batch submit photos/ --model claude-haiku-4-5 --dry-run
      count records, bytes, jobs and tokens, and compare the cost with that of single requests and cheaper models
  recaption batch submit photos/ --model claude-haiku-4-5 --folder s3://my-bucket/captions --role arn:aws:iam::123456789012:role/batch --yes
      upload the records and create the jobs
  recaption batch status photos/ --watch
      wait until the jobs have ended
  recaption batch collect photos/
      take the results in as candidates

Batch inference costs about half and takes hours to days. Running `batch submit` again continues an interrupted run: it \
never submits a record that waits for a result.";

#[derive(Clone, Debug, PartialEq, Args)]
#[command(after_help = EXAMPLES)]
pub struct BatchArgs {
    #[command(subcommand)]
    pub command: BatchCommand,
}

#[derive(Clone, Debug, PartialEq, Subcommand)]
pub enum BatchCommand {
    /// Upload records and create jobs that describe them
    Submit(BatchSubmitArgs),
    /// Upload captions and create jobs that compare them with their images
    Verify(BatchVerifyArgs),
    /// Show the jobs of a dataset
    Status(BatchStatusArgs),
    /// Take the results of ended jobs into the session
    Collect(BatchCollectArgs),
    /// Stop the jobs of a dataset; results so far can be collected
    Stop(BatchStopArgs),
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BatchSubmitArgs {
    #[command(flatten)]
    pub run: RunOptions,

    /// Select records: pending, failed, lint, tag:NAME; or, to describe again, those with a candidate of model:TEXT, prompt:NAME or describer:NAME
    #[arg(long, value_name = "KIND", default_value_t)]
    pub only: Only,

    /// Also describe undecided records whose newest candidate is of another model or prompt
    #[arg(long)]
    pub again: bool,

    #[command(flatten)]
    pub storage: StorageOptions,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BatchVerifyArgs {
    #[command(flatten)]
    pub run: RunOptions,

    /// Select records: pending (no verdict yet), lint, tag:NAME; or those with a caption of model:TEXT, prompt:NAME or describer:NAME
    #[arg(long, value_name = "KIND", default_value_t, value_parser = super::verify::only)]
    pub only: Only,

    /// Verify captions that have a verdict of this model and prompt, too
    #[arg(long)]
    pub again: bool,

    #[command(flatten)]
    pub storage: StorageOptions,
}

/// The `[batch]` table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Args, Serialize)]
#[command(next_help_heading = "Batch")]
pub struct StorageOptions {
    /// Keep requests and results in this folder on S3, in the region of the jobs [env: RECAPTION_BATCH_FOLDER]
    #[arg(long, value_name = "URL")]
    #[serde(skip_serializing_if = "Option::is_none")]
    folder: Option<String>,

    /// Let Bedrock read and write the folder with this service role [env: RECAPTION_BATCH_ROLE]
    #[arg(long, value_name = "ARN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

// The session of a dataset and the account of its jobs. A doc comment would become the description of the command.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BatchJobArgs {
    #[command(flatten)]
    pub dataset: DatasetOptions,

    #[command(flatten)]
    pub session: SessionOption,

    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    pub account: AccountOptions,
}

#[derive(Clone, Debug, PartialEq, Eq, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccountOptions {
    /// Use this AWS region [env: RECAPTION_REGION] [default: from the AWS configuration]
    #[arg(short, long, value_name = "REGION")]
    region: Option<String>,

    /// Use this AWS profile [env: RECAPTION_PROFILE] [default: from the AWS configuration]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,

    /// Use a custom endpoint URL [env: RECAPTION_ENDPOINT_URL] [default: the region's]
    #[arg(long, value_name = "URL", value_hint = clap::ValueHint::Url)]
    endpoint_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BatchStatusArgs {
    #[command(flatten)]
    pub jobs: BatchJobArgs,

    /// Look again every minute until all jobs have ended
    #[arg(long)]
    pub watch: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BatchCollectArgs {
    #[command(flatten)]
    pub jobs: BatchJobArgs,

    /// Accept candidates without errors and warnings; the others wait for review
    #[arg(long)]
    pub accept: bool,

    #[command(flatten)]
    pub max_words: MaxWordsOption,

    #[command(flatten)]
    pub style: StyleOption,
}

#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub struct BatchStopArgs {
    #[command(flatten)]
    pub jobs: BatchJobArgs,
}
