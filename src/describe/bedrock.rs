//! The Amazon Bedrock describer.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::catalogue::{AUTO, Catalogue, ResolveError, Target};
use super::remote::{
    ApiClient, ApiError, ApiEvent, ApiRequest, ApiStream, Backend, Connection, ConnectionError, NoPrice,
    RemoteDescriber, RemoteOptions, Stop, Thinking,
};
use super::upload::UploadFormat;
use super::{StopReason, Tokens};
use crate::aws::{self, AwsError, Client, ConverseEvent, ConverseRequest, ConverseStream, Image, ImageFormat};

/// The region assumed for estimates until a connection has determined the actual one.
const DEFAULT_REGION: &str = "us-east-1";

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
            return Ok(self.catalogue.automatic(region));
        }
        self.catalogue.resolve(&self.model, region).map(|target| vec![target])
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
    Ok(RemoteDescriber::new(Bedrock(options), remote)?)
}

struct Bedrock(BedrockOptions);

impl Backend for Bedrock {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    fn model(&self) -> &str {
        &self.0.model
    }

    fn expected_targets(&self) -> Vec<Target> {
        // The actual region may offer a model that the assumed one lacks.
        self.0.targets(self.0.expected_region()).unwrap_or_default()
    }

    fn price_remedy(&self) -> &'static str {
        "add its id, input and output price to models.toml"
    }

    fn connect(&self) -> BoxFuture<'_, Result<Connection, ConnectionError>> {
        async {
            let client =
                Client::connect(&self.0.aws).await.map_err(|error| ConnectionError::Pause(error.to_string()))?;
            let region = client.region().to_owned();
            let unresolved = |error: ResolveError| ConnectionError::Fail(error.to_string());
            let targets = self.0.targets(&region).map_err(unresolved)?;
            if targets.is_empty() {
                // No model of the list can be called from this region. Resolving one returns the error that explains it.
                self.0.catalogue.resolve(&self.0.model, &region).map_err(unresolved)?;
            }
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
}

impl ApiStream for ConverseStream {
    fn next(&mut self) -> BoxFuture<'_, Result<ApiEvent, ApiError>> {
        async {
            Ok(match self.next().await? {
                ConverseEvent::Text(text) => ApiEvent::Text(text),
                ConverseEvent::Finished { stop, usage } => ApiEvent::Finished {
                    stop: stop.into(),
                    usage: usage.map(|counted| Tokens { input: counted.input, output: counted.output }),
                },
            })
        }
        .boxed()
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
        Self {
            model: request.model,
            text: request.text,
            image: Some(Image { format, bytes: request.image.bytes }),
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            thinking: match request.thinking {
                Thinking::ModelDefault => aws::Thinking::ModelDefault,
                Thinking::Effort(effort) => aws::Thinking::Effort(effort),
                Thinking::Off(setting) => aws::Thinking::Off(setting),
            },
        }
    }
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

impl From<aws::Stop> for Stop {
    fn from(stop: aws::Stop) -> Self {
        match stop {
            aws::Stop::EndTurn | aws::Stop::Sequence => Self::Text(StopReason::EndTurn),
            aws::Stop::MaxTokens => Self::Text(StopReason::MaxTokens),
            aws::Stop::Other(reason) => Self::Text(StopReason::Other(reason)),
            aws::Stop::ContentFiltered => Self::NoCaption("response blocked by the content filter".to_owned()),
            aws::Stop::Guardrail => Self::NoCaption("response blocked by a guardrail of the AWS account".to_owned()),
            aws::Stop::Refusal => Self::NoCaption("the model refused to describe this image".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests;
