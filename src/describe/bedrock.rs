//! The Amazon Bedrock describer.

mod batch_access;

use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use jiff::Zoned;

use super::catalogue::{AUTO, Catalogue, ResolveError, Target};
use super::remote::{
    ApiClient, ApiError, ApiRequest, ApiStream, Backend, Connection, ConnectionError, NoPrice, RemoteDescriber,
    RemoteOptions,
};
use super::upload::UploadFormat;
use super::{Account, CompleteResponse, Tokens};
use crate::aws::{self, AwsError, Client, ConverseRequest, ConverseStream, Image, ImageFormat, Structure};
use crate::model_api::ResponseEvent;
use crate::reaction::Parameter;
use crate::text::without_password;

pub use batch_access::{AccessError, BatchAccess, JobStatus, ResultFile, ResultUrl};

/// The name of the describer.
pub const NAME: &str = "bedrock";
/// The region assumed for estimates until a connection has determined the actual one.
const DEFAULT_REGION: &str = "us-east-1";
/// The tokens of the quota that Bedrock deducts for each output token.
const QUOTA_PER_OUTPUT_TOKEN: u64 = 5;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BedrockError {
    #[error(transparent)]
    Model(#[from] ResolveError),
    #[error(transparent)]
    NoPrice(#[from] NoPrice),
}

#[derive(Clone, Debug)]
pub struct BedrockOptions {
    pub aws: aws::Options,
    /// A name the catalogue resolves, or [`AUTO`].
    pub model: String,
    pub catalogue: Catalogue,
    pub remote: RemoteOptions,
}

impl BedrockOptions {
    /// Returns the models to try from a region, in order.
    ///
    /// # Errors
    ///
    /// Returns an error if the model is unknown or cannot be called from the region.
    pub fn targets(&self, region: &str) -> Result<Vec<Target>, ResolveError> {
        if self.model == AUTO {
            return Ok(self.catalogue.automatic(region, Zoned::now().date()));
        }
        self.catalogue.resolve(&self.model, region).map(|target| vec![target])
    }

    /// Returns the models to try from the region of the client, in order, and determines the model of an application
    /// inference profile. If that fails, also returns the reason why its price is unknown.
    ///
    /// # Errors
    ///
    /// Returns an error if the model is unknown or cannot be called from the region.
    pub async fn connected_targets(&self, client: &Client) -> Result<(Vec<Target>, Option<String>), ResolveError> {
        let mut targets = self.targets(client.region())?;
        let mut reason = None;
        for target in targets.iter_mut().filter(|target| target.is_application_profile()) {
            match client.models_of_profile(&target.id).await {
                Ok(models) => match self.catalogue.of_profile(&target.id, &models) {
                    Some(resolved) => *target = resolved,
                    None => reason = Some(format!("no entry in models.toml for {}", models.join(", "))),
                },
                Err(error) => reason = Some(error.to_string()),
            }
        }
        if let Some(reason) = &reason {
            tracing::warn!(reason, "price unknown");
        }
        Ok((targets, reason))
    }

    fn expected_region(&self) -> &str {
        self.aws.region.as_deref().unwrap_or(DEFAULT_REGION)
    }
}

/// Creates the describer, which connects on the first description.
///
/// # Errors
///
/// Returns an error if the model is unknown, or if a budget is set but the price of a model is unknown.
pub fn describer(options: BedrockOptions) -> Result<RemoteDescriber, BedrockError> {
    options.targets(options.expected_region())?;
    let remote = options.remote.clone();
    Ok(RemoteDescriber::new(Bedrock { options, connected: Mutex::default() }, remote)?)
}

struct Bedrock {
    options: BedrockOptions,
    /// The models of the last connection, and why the price of one is unknown.
    connected: Mutex<Option<(Vec<Target>, Option<String>)>>,
}

impl Backend for Bedrock {
    fn name(&self) -> &'static str {
        NAME
    }

    fn model(&self) -> &str {
        &self.options.model
    }

    fn expected_targets(&self) -> Vec<Target> {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The actual region may offer a model that the assumed one lacks.
        let expected = || self.options.targets(self.options.expected_region()).unwrap_or_default();
        connected.map_or_else(expected, |(targets, _)| targets)
    }

    fn price_problem(&self) -> Option<String> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner).as_ref()?.1.clone()
    }

    fn service(&self) -> Option<String> {
        let aws::Options { endpoint_url, .. } = &self.options.aws;
        let endpoint = endpoint_url.as_deref().map(without_password).unwrap_or_default();
        let account = aws::account_key(&self.options.aws);
        Some(format!("bedrock {} {account} {endpoint}", self.options.expected_region()).trim_end().to_owned())
    }

    fn quota_remedy(&self) -> &'static str {
        "request a higher one in Service Quotas in the AWS console, or choose another --model"
    }

    fn price_remedy(&self) -> &'static str {
        "add its id, input and output price to models.toml"
    }

    fn quota_tokens(&self, usage: Tokens) -> u64 {
        usage.input.saturating_add(usage.output.saturating_mul(QUOTA_PER_OUTPUT_TOKEN))
    }

    fn connect(&self) -> BoxFuture<'_, Result<Connection, ConnectionError>> {
        async {
            let options = &self.options;
            let client =
                Client::connect(&options.aws).await.map_err(|error| ConnectionError::Pause(error.to_string()))?;
            let region = client.region().to_owned();
            let unresolved = |error: ResolveError| ConnectionError::Fail(error.to_string());
            let (targets, reason) = options.connected_targets(&client).await.map_err(unresolved)?;
            if targets.is_empty() {
                // No model of the list can be called from this region. Resolving one returns the error that explains it.
                options.catalogue.resolve(&options.model, &region).map_err(unresolved)?;
            }
            *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = Some((targets.clone(), reason));
            Ok(Connection::new(client, region, targets))
        }
        .boxed()
    }
}

impl ApiClient for Client {
    fn send(&self, request: ApiRequest) -> BoxFuture<'_, Result<Box<dyn ApiStream>, ApiError>> {
        async {
            let stream = self.converse(request.into()).await?;
            Ok(Box::new(stream) as Box<dyn ApiStream>)
        }
        .boxed()
    }

    fn account(&self) -> BoxFuture<'_, Option<Account>> {
        let profile = self.profile().map(str::to_owned);
        self.account().map(|id| Some(Account { id, profile })).boxed()
    }
}

impl ApiStream for ConverseStream {
    fn request_id(&self) -> Option<&str> {
        self.request_id()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<ResponseEvent, ApiError>> {
        async { Ok(self.next().await?) }.boxed()
    }
}

impl From<ApiRequest> for ConverseRequest {
    fn from(request: ApiRequest) -> Self {
        let format = match request.image.format {
            UploadFormat::Png => ImageFormat::Png,
            UploadFormat::Jpeg => ImageFormat::Jpeg,
            UploadFormat::Gif => ImageFormat::Gif,
            UploadFormat::WebP => ImageFormat::Webp,
        };
        let accepts = |parameter| !request.rejected.contains(&parameter);
        let structure = |schema| match () {
            () if accepts(Parameter::Schema) => Some(Structure::Text { schema }),
            () if accepts(Parameter::ToolChoice) => Some(Structure::Tool { schema }),
            () => None,
        };
        Self {
            structure: request.schema.and_then(structure),
            model: request.model,
            system: request.system,
            text: request.text,
            image: Some(Image { format, bytes: request.image.bytes }),
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            thinking: request.thinking,
        }
    }
}

/// Returns the JSON of a request as a line of a batch has it.
#[must_use]
pub fn batch_request(request: ApiRequest) -> String {
    ConverseRequest::from(request).batch_body().to_string()
}

/// Reads the response in a line of the results of a batch.
///
/// # Errors
///
/// Returns the reason if it is no response.
pub fn batch_response(json: &str) -> Result<CompleteResponse, String> {
    aws::batch_response(json).map_err(|error| error.to_string())
}

impl From<AwsError> for ApiError {
    fn from(error: AwsError) -> Self {
        Self {
            message: error.to_string(),
            reaction: error.reaction(),
            // A rejected request is free; a request lost in transit may be charged.
            may_be_charged: matches!(error, AwsError::StreamInterrupted { .. }),
        }
    }
}

#[cfg(test)]
mod tests;
