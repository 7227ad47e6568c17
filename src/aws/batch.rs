//! Batch inference: jobs of the control plane, which read requests from S3 and write responses to it.

use aws_sdk_bedrock::types::{
    ModelInvocationJobInputDataConfig, ModelInvocationJobOutputDataConfig, ModelInvocationJobS3InputDataConfig,
    ModelInvocationJobS3OutputDataConfig, ModelInvocationJobStatus, ModelInvocationType, S3InputFormat,
};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::classify;
use super::client::Client;
use super::error::AwsError;
use super::request::{ConverseRequest, RESPONSE, Structure};
use crate::model_api::{CompleteResponse, Thinking, Tokens};

/// A job to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatchJob {
    /// Up to 63 letters, digits and hyphens.
    pub name: String,
    /// Several calls with the same token create one job.
    pub token: String,
    /// The id or ARN of a model or an inference profile.
    pub model: String,
    /// The ARN of the role with which the service reads and writes the bucket.
    pub role: String,
    /// The URL of the input file.
    pub input: String,
    /// The URL of the folder of the results.
    pub output: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchJob {
    pub arn: String,
    pub state: BatchState,
    /// What the service says about it, for example why it failed.
    pub message: Option<String>,
    /// `None` while the service has not counted them: during validation.
    pub counts: Option<BatchCounts>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchCounts {
    pub total: u64,
    pub processed: u64,
    pub failed: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchState {
    /// Waiting, or working, as named by the service.
    Running(String),
    Completed,
    /// Some of the records have no result.
    PartiallyCompleted,
    Failed,
    Stopped,
    /// The time of the job ended before all records had a result.
    Expired,
}

impl BatchState {
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Running(_))
    }

    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Running(name) => name,
            Self::Completed => "completed",
            Self::PartiallyCompleted => "partially completed",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
        }
    }

    fn of(status: Option<&ModelInvocationJobStatus>) -> Self {
        match status {
            Some(ModelInvocationJobStatus::Completed) => Self::Completed,
            Some(ModelInvocationJobStatus::PartiallyCompleted) => Self::PartiallyCompleted,
            Some(ModelInvocationJobStatus::Failed) => Self::Failed,
            Some(ModelInvocationJobStatus::Stopped) => Self::Stopped,
            Some(ModelInvocationJobStatus::Expired) => Self::Expired,
            Some(ModelInvocationJobStatus::InProgress) => Self::Running("in progress".to_owned()),
            Some(other) => Self::Running(other.as_str().to_lowercase()),
            None => Self::Running("unknown".to_owned()),
        }
    }
}

impl AwsError {
    /// Returns true if the service may have carried out the request although it returned no answer.
    #[must_use]
    pub const fn is_ambiguous(&self) -> bool {
        matches!(self, Self::StreamInterrupted { .. } | Self::Busy { .. } | Self::Unreachable { .. })
    }
}

impl Client {
    /// Calls `bedrock:CreateModelInvocationJob` and returns the ARN of the job.
    ///
    /// # Errors
    ///
    /// Returns any [`AwsError`]. After one that [is ambiguous](AwsError::is_ambiguous), there may be a job.
    pub async fn create_batch_job(&self, job: &NewBatchJob) -> Result<String, AwsError> {
        let invalid = |error: aws_smithy_types::error::operation::BuildError| AwsError::Other {
            model: job.model.clone(),
            status: None,
            code: None,
            message: error.to_string(),
        };
        let input = ModelInvocationJobS3InputDataConfig::builder()
            .s3_input_format(S3InputFormat::Jsonl)
            .s3_uri(&job.input)
            .build()
            .map_err(invalid)?;
        let output = ModelInvocationJobS3OutputDataConfig::builder().s3_uri(&job.output).build().map_err(invalid)?;
        let created = self
            .control
            .create_model_invocation_job()
            .job_name(&job.name)
            .client_request_token(&job.token)
            .model_id(&job.model)
            .role_arn(&job.role)
            .model_invocation_type(ModelInvocationType::Converse)
            .input_data_config(ModelInvocationJobInputDataConfig::S3InputDataConfig(input))
            .output_data_config(ModelInvocationJobOutputDataConfig::S3OutputDataConfig(output))
            .send()
            .await
            .map_err(|error| classify::call(&error, &self.request_info("bedrock", job.model.clone())))?;
        Ok(created.job_arn)
    }

    /// Calls `bedrock:ListModelInvocationJobs` and returns the ARN of the job with this name, if there is one.
    ///
    /// # Errors
    ///
    /// Returns any [`AwsError`].
    pub async fn find_batch_job(&self, name: &str) -> Result<Option<String>, AwsError> {
        let jobs = self.control.list_model_invocation_jobs().name_contains(name).into_paginator().items().send();
        let jobs = jobs.collect::<Result<Vec<_>, _>>().await;
        let jobs = jobs
            .map_err(|error| classify::call(&error, &self.request_info("bedrock", format!("the batch job {name}"))))?;
        Ok(jobs.into_iter().find(|job| job.job_name == name).map(|job| job.job_arn))
    }

    /// Calls `bedrock:GetModelInvocationJob`.
    ///
    /// # Errors
    ///
    /// Returns any [`AwsError`].
    pub async fn batch_job(&self, arn: &str) -> Result<BatchJob, AwsError> {
        let job = self.control.get_model_invocation_job().job_identifier(arn).send().await;
        let job = job.map_err(|error| classify::call(&error, &self.request_info("bedrock", arn.to_owned())))?;
        let count = |count: Option<i64>| count.and_then(|count| u64::try_from(count).ok()).unwrap_or_default();
        let counts = BatchCounts {
            total: count(job.total_record_count),
            processed: count(job.processed_record_count),
            failed: count(job.error_record_count),
        };
        Ok(BatchJob {
            state: BatchState::of(job.status.as_ref()),
            message: job.message.filter(|message| !message.trim().is_empty()),
            counts: (counts.total > 0).then_some(counts),
            arn: job.job_arn,
        })
    }

    /// Calls `bedrock:StopModelInvocationJob`.
    ///
    /// # Errors
    ///
    /// Returns any [`AwsError`].
    pub async fn stop_batch_job(&self, arn: &str) -> Result<(), AwsError> {
        let stopped = self.control.stop_model_invocation_job().job_identifier(arn).send().await;
        stopped.map_err(|error| classify::call(&error, &self.request_info("bedrock", arn.to_owned())))?;
        Ok(())
    }
}

impl ConverseRequest {
    /// Returns the body of a Converse request as JSON, as a line of a batch has it. Batch inference accepts a schema of the
    /// response, but no tools
    /// (<https://docs.aws.amazon.com/bedrock/latest/userguide/structured-output.html>).
    #[must_use]
    pub fn batch_body(&self) -> Value {
        let mut content = Vec::new();
        if let Some(image) = &self.image {
            let format = aws_sdk_bedrockruntime::types::ImageFormat::from(image.format);
            let bytes = BASE64_STANDARD.encode(&image.bytes);
            content.push(json!({ "image": { "format": format.as_str(), "source": { "bytes": bytes } } }));
        }
        content.push(json!({ "text": self.text }));
        let mut body = Map::new();
        body.insert("messages".to_owned(), json!([{ "role": "user", "content": content }]));
        if let Some(system) = &self.system {
            body.insert("system".to_owned(), json!([{ "text": system }]));
        }
        let mut inference = Map::from_iter([("maxTokens".to_owned(), self.max_tokens.into())]);
        if let Some(temperature) = self.temperature {
            // The shortest decimal that is this number: 0.3, not 0.30000001192092896.
            let temperature: f64 = temperature.to_string().parse().unwrap_or(f64::from(temperature));
            inference.insert("temperature".to_owned(), temperature.into());
        }
        body.insert("inferenceConfig".to_owned(), inference.into());
        let mut output = Map::new();
        if let Some(Structure::Text { schema }) = self.structure {
            let schema = json!({ "jsonSchema": { "name": RESPONSE, "schema": schema } });
            output.insert("textFormat".to_owned(), json!({ "type": "json_schema", "structure": schema }));
        }
        match &self.thinking {
            Thinking::ModelDefault => {}
            Thinking::Effort(effort) => {
                output.insert("effort".to_owned(), effort.as_str().into());
            }
            Thinking::Off(setting) => {
                body.insert("additionalModelRequestFields".to_owned(), json!({ "thinking": { "type": setting } }));
            }
        }
        if !output.is_empty() {
            body.insert("outputConfig".to_owned(), output.into());
        }
        body.into()
    }
}

/// Reads a Converse response in the results of a batch. Of its content, only the text counts: thinking has a type of its own.
///
/// # Errors
///
/// Returns an error if the text is not JSON of a response.
pub fn batch_response(json: &str) -> Result<CompleteResponse, serde_json::Error> {
    let ConverseOutput { output, stop_reason, usage } = serde_json::from_str(json)?;
    Ok(CompleteResponse {
        text: output.message.content.into_iter().filter_map(|block| block.text).collect(),
        stop: aws_sdk_bedrockruntime::types::StopReason::from(stop_reason.as_str()).into(),
        tokens: usage.map(|usage| Tokens { input: usage.input_tokens, output: usage.output_tokens }),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConverseOutput {
    output: OutputMessage,
    stop_reason: String,
    usage: Option<TokenUsage>,
}

#[derive(Deserialize)]
struct OutputMessage {
    message: MessageContent,
}

#[derive(Deserialize)]
struct MessageContent {
    content: Vec<Block>,
}

#[derive(Deserialize)]
struct Block {
    text: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenUsage {
    input_tokens: u64,
    output_tokens: u64,
}
