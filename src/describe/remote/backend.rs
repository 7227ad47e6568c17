//! The interface between the service and the API of one describer.

use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::describe::catalogue::Target;
use crate::describe::upload::Upload;
use crate::describe::{Account, Tokens};
use crate::model_api::{ResponseEvent, Thinking};
use crate::reaction::{Parameter, Reaction};

/// An API that describes images.
pub trait Backend: Send + Sync {
    /// Returns the name of the describer.
    fn name(&self) -> &'static str;

    /// Returns the configured model, for display before the first request.
    fn model(&self) -> &str;

    /// Returns the models that will probably be used, in order, without connecting.
    fn expected_targets(&self) -> Vec<Target>;

    /// Returns true if requests cost nothing.
    fn is_free(&self) -> bool {
        false
    }

    /// Returns the name under which models and rates are remembered, without secrets: an account in a region, or an
    /// endpoint. If `None`, nothing is remembered.
    fn service(&self) -> Option<String> {
        None
    }

    /// Returns the instruction for getting a quota.
    fn quota_remedy(&self) -> &'static str {
        "choose another --model"
    }

    /// Returns the instruction for giving a model a price.
    fn price_remedy(&self) -> &'static str;

    /// Returns the reason why the last connection could not determine a price.
    fn price_problem(&self) -> Option<String> {
        None
    }

    /// Returns the tokens that a response counts against the quota per minute.
    fn quota_tokens(&self, usage: Tokens) -> u64 {
        usage.input.saturating_add(usage.output)
    }

    /// Prepares for requests: loads credentials and determines the models.
    fn connect(&self) -> BoxFuture<'_, Result<Connection, ConnectionError>>;
}

/// Sends requests.
pub trait ApiClient: Send + Sync {
    /// Sends a request. Returns the response stream once it begins. Does not retry.
    fn send(&self, request: ApiRequest) -> BoxFuture<'_, Result<Box<dyn ApiStream>, ApiError>>;

    /// Returns the account that requests are charged to, for display. Returns `None` if the API has no accounts.
    fn account(&self) -> BoxFuture<'_, Option<Account>> {
        std::future::ready(None).boxed()
    }
}

/// A response. Dropping it cancels the request.
pub trait ApiStream: Send {
    /// Returns the next event. The last one is the end of the response or an error.
    fn next(&mut self) -> BoxFuture<'_, Result<ResponseEvent, ApiError>>;

    /// Returns the id of the request at the service, for support cases.
    fn request_id(&self) -> Option<&str> {
        None
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct ApiRequest {
    /// The model's id.
    pub model: String,
    /// Instructions that apply to the whole conversation.
    pub system: Option<String>,
    pub text: String,
    pub image: Upload,
    /// The maximum number of output tokens.
    pub max_tokens: u32,
    /// From 0 to 1. `None` if the model accepts only its default.
    pub temperature: Option<f32>,
    pub thinking: Thinking,
    /// The JSON schema of the response, requested in the way that the model accepts. `None` for plain text.
    pub schema: Option<&'static str>,
    /// Parameters that the model has rejected, or does not have.
    pub rejected: Vec<Parameter>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// One line: the error and how to fix it.
    pub message: String,
    pub reaction: Reaction,
    /// Whether the request may be charged although no response began.
    pub may_be_charged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectionError {
    /// Pauses all requests.
    #[error("{0}")]
    Pause(String),
    /// Fails the description.
    #[error("{0}")]
    Fail(String),
}

/// A client, and the models that can be called with it.
pub struct Connection {
    pub(super) client: Box<dyn ApiClient>,
    /// For display ("us-east-1").
    pub(super) place: String,
    targets: Vec<Target>,
}

impl Connection {
    /// # Panics
    ///
    /// Panics if there are no targets.
    #[must_use]
    pub fn new(client: impl ApiClient + 'static, place: String, targets: Vec<Target>) -> Self {
        assert!(!targets.is_empty(), "a connection has at least one target");
        Self { client: Box::new(client), place, targets }
    }

    /// Changes the order of the targets.
    pub(super) fn map_targets(self, order: impl FnOnce(Vec<Target>) -> Vec<Target>) -> Self {
        Self { targets: order(self.targets), ..self }
    }

    /// Returns the target at `index`, or the last one if there are fewer.
    pub(super) fn target(&self, index: usize) -> Target {
        self.targets[index.min(self.targets.len() - 1)].clone()
    }

    /// Returns the target after the one with this id, and its index.
    pub(super) fn target_after(&self, id: &str) -> Option<(usize, &Target)> {
        let index = self.targets.iter().position(|target| target.id == id)? + 1;
        self.targets.get(index).map(|next| (index, next))
    }
}
