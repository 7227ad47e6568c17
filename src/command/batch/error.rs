//! Why a batch command did nothing, or stopped.

use std::io;

use crate::aws::AwsError;
use crate::command::input::InputError;
use crate::dataset::DatasetError;
use crate::describe::Dollars;
use crate::describe::catalogue::ResolveError;
use crate::engine::batch::CollectError;
use crate::engine::request::FieldError;
use crate::engine::structured::NoObjects;
use crate::exit::ExitCode;
use crate::reaction::{PauseCause, Reaction};
use crate::session::SessionError;

#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error(transparent)]
    Input(#[from] InputError),
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    #[error(transparent)]
    Prompt(#[from] FieldError),
    #[error(transparent)]
    NoObjects(#[from] NoObjects),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Model(#[from] ResolveError),
    #[error("batch inference needs Amazon Bedrock: use --describer bedrock")]
    NotBedrock,
    #[error("{model} has no batch inference: {remedy}")]
    NoBatch { model: String, remedy: String },
    #[error(
        "no folder on S3 set: use --folder s3://BUCKET/FOLDER, or set folder in [batch] of config.toml; its bucket must be in the region of the jobs"
    )]
    NoFolder,
    #[error(
        "no service role set: use --role ARN, or set role in [batch] of config.toml; Bedrock reads and writes the bucket \
         with it (https://docs.aws.amazon.com/bedrock/latest/userguide/batch-iam-sr.html)"
    )]
    NoRole,
    #[error(
        "bucket {bucket} is in {bucket_region}, the jobs in {region}: choose a bucket in {region}, or --region {bucket_region}"
    )]
    OtherRegion { bucket: String, bucket_region: String, region: String },
    #[error(
        "{records} selected, and a batch job needs {minimum}: use `recaption {command}`, which describes them at once"
    )]
    TooFew { records: String, minimum: u64, command: String },
    #[error("about {cost} for {records}: use --yes, or set a limit with --budget")]
    NoConsent { cost: Dollars, records: String },
    #[error("the price of {records} is unknown: use --yes, or add the price of the model to models.toml")]
    UnknownPrice { records: String },
    #[error("--budget needs the price of the model, which is unknown: add it to models.toml")]
    UnpricedBudget,
    #[error("cancelled: nothing was submitted")]
    Declined,
    #[error(
        "job {name} was asked for, but the service did not answer ({source}): run the same command again; it looks for the \
         job before it asks for another"
    )]
    Unanswered { name: String, source: AwsError },
    #[error("{0}")]
    System(#[from] io::Error),
}

impl From<CollectError> for BatchError {
    fn from(error: CollectError) -> Self {
        match error {
            CollectError::Service(error) => Self::Aws(error.0),
            CollectError::Session(error) => Self::Session(error),
            CollectError::Model(error) => Self::Model(error),
        }
    }
}

impl BatchError {
    #[must_use]
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Input(InputError::Session(_)) | Self::Session(_) | Self::System(_) => ExitCode::Write,
            Self::Aws(error) => match error.reaction() {
                Reaction::SlowDown { .. } | Reaction::Retry | Reaction::Pause(PauseCause::Quota) => ExitCode::Resumable,
                _ => ExitCode::Access,
            },
            Self::Unanswered { .. } => ExitCode::Resumable,
            Self::Input(_)
            | Self::Dataset(_)
            | Self::Prompt(_)
            | Self::NoObjects(_)
            | Self::Model(_)
            | Self::NotBedrock
            | Self::NoBatch { .. }
            | Self::NoFolder
            | Self::NoRole
            | Self::OtherRegion { .. }
            | Self::TooFew { .. }
            | Self::NoConsent { .. }
            | Self::UnknownPrice { .. }
            | Self::UnpricedBudget
            | Self::Declined => ExitCode::Usage,
        }
    }
}
