//! `recaption batch`: describes many records with Amazon Bedrock batch inference, for about half the price, within hours or
//! days. Requests go to S3 and results come from it. Every step is stored in the session before it is taken.

mod collect;
mod error;
mod figures;
mod jobs;
mod plan;
mod status;
mod stop;
mod submit;

use std::collections::HashMap;

pub use self::collect::{CollectOptions, run as collect};
pub use self::error::BatchError;
pub use self::status::{StatusOptions, run as status};
pub use self::stop::run as stop;
pub use self::submit::{SubmitOptions, run as submit};
use super::input::Input;
use crate::aws::{self, AwsError, Client, S3Url, S3UrlError};
use crate::config::BatchSettings;
use crate::engine::batch::{Limits, RecordKey};

/// Where the files of batch jobs are, and within which limits.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The folder on S3, if set.
    pub folder: Option<S3Url>,
    /// The ARN of the role with which Bedrock reads and writes it, if set.
    pub role: Option<String>,
    pub limits: Limits,
}

impl Storage {
    /// # Errors
    /// Returns an error if the URL is not one of S3.
    pub fn from_settings(settings: &BatchSettings) -> Result<Self, S3UrlError> {
        let folder = settings.folder.as_deref().map(|url| S3Url::parse(&format!("{}/", url.trim_end_matches('/'))));
        let known = Limits::default();
        Ok(Self {
            folder: folder.transpose()?,
            role: settings.role.clone(),
            limits: Limits {
                min_records: settings.min_records.map_or(known.min_records, u64::from),
                max_records: settings
                    .max_records
                    .map_or(known.max_records, |it| it.get().into())
                    .min(RecordKey::MAX_RECORDS),
                max_bytes: settings.max_bytes.map_or(known.max_bytes, std::num::NonZeroU64::get),
            },
        })
    }
}

/// Clients by region: a job exists in one only, whichever is set now.
struct Clients<'a> {
    aws: &'a aws::Options,
    connected: HashMap<String, Client>,
}

impl<'a> Clients<'a> {
    fn new(aws: &'a aws::Options) -> Self {
        Self { aws, connected: HashMap::new() }
    }

    async fn of(&mut self, region: &str) -> Result<&Client, AwsError> {
        if !self.connected.contains_key(region) {
            let options = aws::Options { region: Some(region.to_owned()), ..self.aws.clone() };
            self.connected.insert(region.to_owned(), Client::connect(&options).await?);
        }
        Ok(&self.connected[region])
    }
}

/// What all commands about the jobs of a dataset need.
#[derive(Clone, Debug)]
pub struct JobOptions {
    pub input: Input,
    pub aws: aws::Options,
    pub json: bool,
}
