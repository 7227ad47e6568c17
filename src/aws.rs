//! Clients for Amazon Bedrock and Amazon S3 with plain types. This is the only module that uses the AWS SDK.
//!
//! Each call of Bedrock sends one request and returns a stream of text. Every failure is an [`AwsError`] with a message for the
//! operator and a [`Reaction`](crate::reaction::Reaction) for the caller. Prompts, rate limiting, retries and the choice of
//! a model are left to the caller.

mod batch;
mod body_limit;
mod classify;
mod client;
mod converse;
mod credentials;
mod error;
mod error_response;
#[cfg(test)]
pub(crate) mod fixture;
mod geography;
mod identity;
mod inference_profile;
mod instance_role;
mod request;
mod s3;
mod settings;
#[cfg(test)]
mod tests;
mod tls;

pub use batch::{BatchCounts, BatchState, NewBatchJob, batch_response};
pub use client::{Client, Options};
pub use converse::ConverseStream;
pub use credentials::{account_key, credentials_are_configured};
pub use error::AwsError;
pub use geography::{GLOBAL, GOV, geographies};
pub use identity::Identity;
pub use request::{ConverseRequest, Image, ImageFormat, Structure};
pub use s3::{
    Bucket, Condition, Download, ListedObject, ObjectProperties, ObjectVersion, S3Error, S3Url, S3UrlError, Upload,
};
pub use settings::region;
