//! The describer for any OpenAI-compatible API: servers on this computer, gateways, and services.

mod presets;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt as _;
use futures::future::BoxFuture;

use super::Dollars;
use super::catalogue::{AUTO, Catalogue, Model, Price, Rates, Surcharges, Target, UploadLimits};
use super::remote::{
    ApiClient, ApiError, ApiRequest, ApiStream, Backend, Connection, ConnectionError, NoPrice, RemoteDescriber,
    RemoteOptions,
};
use super::upload::UploadFormat;
use crate::model_api::{ResponseEvent, Thinking};
use crate::openai::{self, ChatImage, ChatRequest, ChatStream, Client, OpenaiError};
use crate::reaction::Parameter;

pub use self::presets::ApiPreset;

#[derive(Clone, Debug)]
pub struct OpenaiOptions {
    pub api: openai::Options,
    /// The id of a model, or [`AUTO`]: the only model of the server.
    pub model: String,
    /// For prices of models that have an entry with their id.
    pub catalogue: Catalogue,
    /// In dollars per million tokens.
    pub price: Option<Rates>,
    pub remote: RemoteOptions,
}

impl OpenaiOptions {
    /// Returns true if requests cost nothing, because the model runs on this computer.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.api.base_url.is_loopback() && self.price.is_none()
    }

    /// Returns the target for a model of the server.
    #[must_use]
    pub fn target(&self, id: &str) -> Target {
        let listed = self.catalogue.models().find(|model| model.id == id);
        let per_thousand = |million: Dollars| Dollars::from_billionths(million.billionths().div_ceil(1_000));
        let rates = match self.price {
            Some(Rates { input, output }) => Some(Rates { input: per_thousand(input), output: per_thousand(output) }),
            None if self.is_free() => Some(Rates { input: Dollars::default(), output: Dollars::default() }),
            None => None,
        };
        let own = rates.map(|rates| Price { rates, long_prompt: None, priced: None });
        let model = Model {
            alias: id.to_owned(),
            id: id.to_owned(),
            geographies: Vec::new(),
            price: own.or_else(|| listed?.price),
            batch: None,
            surcharges: Surcharges::default(),
            extra_tokens: 0,
            temperature: listed.is_none_or(|model| model.temperature),
            // Of the server, not of the model.
            structured_output: true,
            tool_choice: false,
            // Many local models do, and a caption that thinking has used up is worse than a higher limit.
            thinks: true,
            thinking: None,
            effort: listed.and_then(|model| model.effort.clone()),
            upload: listed.map_or_else(UploadLimits::default, |model| model.upload),
            image_rule: listed.map(|model| model.image_rule).unwrap_or_default(),
            end_of_life: None,
        };
        Target::of(&Arc::new(model), None)
    }

    /// Returns the id of the model to use: the configured one, or the only one of the server.
    ///
    /// # Errors
    ///
    /// Returns an error if none is configured and the server has several.
    pub async fn resolve_model(&self, client: &Client) -> Result<String, ModelError> {
        if self.model != AUTO {
            return Ok(self.model.clone());
        }
        let mut models = client.models().await?;
        // LM Studio has one for embeddings beside any other.
        models.retain(|model| !model.contains("embed"));
        let host = client.base_url().host();
        match <[String; 1]>::try_from(models) {
            Ok([only]) => {
                tracing::info!(model = only, host, "using the only model of the server");
                Ok(only)
            }
            Err(models) if models.is_empty() => Err(ModelError::None { host }),
            Err(models) => Err(ModelError::Several { host, models: openai::listed(&models) }),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error(transparent)]
    Api(#[from] OpenaiError),
    #[error("{host} has no models: load one, or name one with --model")]
    None { host: String },
    #[error("{host} has several models: choose one with --model{models}")]
    Several { host: String, models: String },
}

/// Creates the describer, which connects on the first description.
///
/// # Errors
///
/// Returns an error if a budget is set but the price of the model is unknown.
pub fn describer(options: OpenaiOptions) -> Result<RemoteDescriber, NoPrice> {
    let remote = options.remote.clone();
    let title = format!("{} · {}", options.model, options.api.base_url.host());
    RemoteDescriber::new(Openai { options, title, connected: Mutex::default() }, remote)
}

struct Openai {
    options: OpenaiOptions,
    /// Model and host.
    title: String,
    /// The model of the last connection.
    connected: Mutex<Option<Target>>,
}

impl Backend for Openai {
    fn name(&self) -> &'static str {
        "openai"
    }

    fn model(&self) -> &str {
        &self.title
    }

    fn is_free(&self) -> bool {
        self.options.is_free()
    }

    fn expected_targets(&self) -> Vec<Target> {
        let connected = self.connected.lock().unwrap_or_else(PoisonError::into_inner).clone();
        vec![connected.unwrap_or_else(|| self.options.target(&self.options.model))]
    }

    fn service(&self) -> Option<String> {
        Some(format!("openai {}", self.options.api.base_url.host()))
    }

    fn price_remedy(&self) -> &'static str {
        "set --price-in and --price-out, in dollars per million tokens"
    }

    fn connect(&self) -> BoxFuture<'_, Result<Connection, ConnectionError>> {
        async {
            let pause = |error: ModelError| ConnectionError::Pause(error.to_string());
            let client = Client::new(self.options.api.clone()).map_err(|error| pause(error.into()))?;
            let model = self.options.resolve_model(&client).await.map_err(pause)?;
            let host = client.base_url().host();
            let target = self.options.target(&model);
            *self.connected.lock().unwrap_or_else(PoisonError::into_inner) = Some(target.clone());
            Ok(Connection::new(client, host, vec![target]))
        }
        .boxed()
    }
}

impl ApiClient for Client {
    fn send(&self, request: ApiRequest) -> BoxFuture<'_, Result<Box<dyn ApiStream>, ApiError>> {
        async {
            let request = ChatRequest::from(request);
            match self.chat(&request).await {
                Ok(stream) => Ok(Box::new(stream) as Box<dyn ApiStream>),
                Err(OpenaiError::ModelNotFound { model, host, .. }) => {
                    // The list is for the message only.
                    let available = self.models().await.unwrap_or_default();
                    Err(OpenaiError::ModelNotFound { model, host, available }.into())
                }
                Err(error) => Err(error.into()),
            }
        }
        .boxed()
    }
}

impl ApiStream for ChatStream {
    fn next(&mut self) -> BoxFuture<'_, Result<ResponseEvent, ApiError>> {
        async { Ok(self.next().await?) }.boxed()
    }
}

impl From<ApiRequest> for ChatRequest {
    fn from(request: ApiRequest) -> Self {
        let media_type = match request.image.format {
            UploadFormat::Png => "image/png",
            UploadFormat::Jpeg => "image/jpeg",
            UploadFormat::Gif => "image/gif",
            UploadFormat::WebP => "image/webp",
        };
        let rejected = |parameter| request.rejected.contains(&parameter);
        Self {
            old_limit: !rejected(Parameter::MaxTokens),
            usage: !rejected(Parameter::StreamOptions),
            schema: request.schema.filter(|_| !rejected(Parameter::Schema)),
            model: request.model,
            system: request.system,
            text: request.text,
            image: Some(ChatImage { media_type, bytes: request.image.bytes }),
            max_tokens: request.max_tokens,
            temperature: request.temperature,
            effort: match request.thinking {
                Thinking::Effort(effort) => Some(effort),
                Thinking::ModelDefault | Thinking::Off(_) => None,
            },
        }
    }
}

impl From<OpenaiError> for ApiError {
    fn from(error: OpenaiError) -> Self {
        Self {
            message: error.to_string(),
            reaction: error.reaction(),
            // A rejected request is free; a request lost in transit may be charged.
            may_be_charged: matches!(error, OpenaiError::Interrupted { .. }),
        }
    }
}
