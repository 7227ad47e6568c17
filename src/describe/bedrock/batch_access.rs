//! Access to batch jobs and their results, as far as collecting them needs it.

use std::collections::HashMap;

use bytes::Bytes;

use crate::aws::{self, AwsError, BatchState, Bucket, Client, Download, S3Url};
use crate::describe::catalogue::{Catalogue, ResolveError, Target};
use crate::reaction::Reaction;

/// The account with the jobs and the buckets with their results. Connections are made when they are needed, and kept.
#[derive(Debug)]
pub struct BatchAccess {
    aws: aws::Options,
    catalogue: Catalogue,
    /// By region.
    clients: HashMap<String, Client>,
    /// By name.
    buckets: HashMap<String, Bucket>,
}

/// A job as the service describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// Its name for the state.
    pub state: String,
    /// No work is left for the service.
    pub is_final: bool,
    /// There must be files of results.
    pub has_results: bool,
    /// Why a record has no result if the results do not say.
    pub missing: String,
}

/// A file of results that is being read.
#[derive(Debug)]
pub struct ResultFile(Download);

/// Where a file of results is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultUrl(S3Url);

/// The error of the service, or of the settings to access it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct AccessError(#[from] pub AwsError);

impl AccessError {
    #[must_use]
    pub const fn reaction(&self) -> Reaction {
        self.0.reaction()
    }
}

impl BatchAccess {
    #[must_use]
    pub fn new(aws: aws::Options, catalogue: Catalogue) -> Self {
        Self { aws, catalogue, clients: HashMap::new(), buckets: HashMap::new() }
    }

    /// Returns the model of a part, for the price of its responses.
    ///
    /// # Errors
    ///
    /// Returns an error if it cannot be called from the region.
    pub fn target(&self, model: &str, region: &str) -> Result<Target, ResolveError> {
        self.catalogue.resolve(model, region)
    }

    /// Returns the state of a job. It exists in its region only, whichever is set now.
    ///
    /// # Errors
    ///
    /// Returns an error if the settings are invalid or the service fails.
    pub async fn job(&mut self, region: &str, arn: &str) -> Result<JobStatus, AccessError> {
        if !self.clients.contains_key(region) {
            let options = aws::Options { region: Some(region.to_owned()), ..self.aws.clone() };
            self.clients.insert(region.to_owned(), Client::connect(&options).await?);
        }
        let job = self.clients[region].batch_job(arn).await?;
        let message = job.message.map(|message| format!(" ({message})")).unwrap_or_default();
        let missing = match &job.state {
            BatchState::Failed => "the batch job failed",
            BatchState::Stopped => "the batch job was stopped before this record",
            BatchState::Expired => "the batch job expired before this record",
            BatchState::Completed | BatchState::PartiallyCompleted | BatchState::Running(_) => {
                "the batch job has no result for this record"
            }
        };
        Ok(JobStatus {
            is_final: job.state.is_final(),
            has_results: matches!(job.state, BatchState::Completed | BatchState::PartiallyCompleted),
            missing: format!("{missing}{message}"),
            state: job.state.name().to_owned(),
        })
    }

    /// Lists the files of results below a URL.
    ///
    /// # Errors
    ///
    /// Returns an error if the URL is invalid or the service fails.
    pub async fn result_files(&mut self, folder: &str) -> Result<Vec<ResultUrl>, AccessError> {
        let folder = S3Url::parse(folder).map_err(|error| AwsError::InvalidConfig { reason: error.to_string() })?;
        let bucket = self.bucket(&folder.bucket).await?;
        let mut files = Vec::new();
        let mut listing = bucket.list(&folder.key);
        while let Some(page) = listing.next_page().await? {
            files.extend(page.iter().filter(|key| key.ends_with(".jsonl.out")).map(|key| ResultUrl(bucket.url(key))));
        }
        Ok(files)
    }

    /// Starts to read a file.
    ///
    /// # Errors
    ///
    /// Returns an error if the service fails.
    pub async fn open(&mut self, file: &ResultUrl) -> Result<ResultFile, AccessError> {
        Ok(ResultFile(self.bucket(&file.0.bucket).await?.get(&file.0.key).await?))
    }

    async fn bucket(&mut self, name: &str) -> Result<Bucket, AccessError> {
        if let Some(bucket) = self.buckets.get(name) {
            return Ok(bucket.clone());
        }
        let bucket = Bucket::connect(&self.aws, name).await?;
        self.buckets.insert(name.to_owned(), bucket.clone());
        Ok(bucket)
    }
}

impl ResultFile {
    /// Returns the next bytes; `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns an error if the transfer is interrupted.
    pub async fn next(&mut self) -> Result<Option<Bytes>, AccessError> {
        Ok(self.0.next().await?)
    }
}
