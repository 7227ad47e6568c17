//! Describers that call a remote API: one request per caption, within the configured rate and budget. A [`Backend`] speaks
//! the protocol of one API; everything else is here.
//!
//! `Service` has the state that all clones share, and makes the attempts at a description (`service`): with the image
//! (`images`), the current model (`ModelChoice`) and the maximum cost (`PendingCharge`). `connecting`, `reactions` and
//! `status` have the rest of its methods.

mod attempt;
mod backend;
mod batch;
mod charge;
mod circuit_breaker;
mod connecting;
mod consent;
mod images;
mod memory;
mod model_choice;
mod options;
mod reactions;
mod request;
mod response;
mod service;
mod status;

use std::num::NonZeroUsize;
use std::sync::Arc;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc::unbounded_channel;

use self::service::Service;
use super::catalogue::Target;
use super::{
    Consent, DescribeError, Describer, DescriptionEvent, Listener, Outcome, Priority, Request, Terms, Tokens, Usage,
};

pub use self::backend::{ApiClient, ApiError, ApiRequest, ApiStream, Backend, Connection, ConnectionError};
pub use self::batch::{BatchModel, BatchRequest, describe_batch_response};
pub use self::memory::file_in as memory_file;
pub use self::options::{RemoteOptions, Task};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--budget needs the price of {model}, which is unknown: {remedy}")]
pub struct NoPrice {
    model: String,
    remedy: String,
}

/// Describes images with a model behind an API. Clones share their state.
#[derive(Clone)]
pub struct RemoteDescriber(Arc<Service>);

impl RemoteDescriber {
    /// Creates a describer. Connects on the first description.
    ///
    /// # Errors
    ///
    /// Returns an error if a budget is set but the price of a model is unknown.
    pub fn new(backend: impl Backend + 'static, options: RemoteOptions) -> Result<Self, NoPrice> {
        if options.budget.limit().is_some() {
            // A connection determines the price of an application inference profile.
            let unpriced =
                |target: &Target| target.cost(Tokens::default()).amount().is_none() && !target.is_application_profile();
            if let Some(target) = backend.expected_targets().into_iter().find(unpriced) {
                return Err(NoPrice { model: target.name, remedy: backend.price_remedy().to_owned() });
            }
        }
        Ok(Self(Arc::new(Service::new(Box::new(backend), options))))
    }
}

impl Describer for RemoteDescriber {
    fn name(&self) -> &str {
        self.0.backend.name()
    }

    fn describe(&self, request: Request, priority: Priority) -> BoxStream<'static, DescriptionEvent> {
        let service = Arc::clone(&self.0);
        let (events, mut receiver) = unbounded_channel();
        let work = async move {
            service.consented.give_by_default(|| service.expected_target());
            tokio::spawn(Arc::clone(&service).identify());
            let end = match service.describe(&request, priority, &events).await {
                Ok(description) => DescriptionEvent::Ended(Outcome::Described(description)),
                Err(message) => DescriptionEvent::Ended(Outcome::Failed(DescribeError { message })),
            };
            // Fails if the description was cancelled.
            let _ = events.send(end);
        };
        let events = stream::poll_fn(move |context| receiver.poll_recv(context));
        // The work yields no items. It is part of the stream to be polled and dropped with it.
        let work = stream::once(work).filter_map(|()| std::future::ready(None));
        stream::select(events, work).boxed()
    }

    fn fields(&self) -> Vec<String> {
        self.0.options.prompt.fields()
    }

    fn concurrency(&self) -> NonZeroUsize {
        self.0.rate_limiter.concurrency()
    }

    fn estimate(&self, size: Option<(u32, u32)>) -> Option<Usage> {
        self.0.price(size)
    }

    fn prepare(&self) -> BoxFuture<'static, ()> {
        Arc::clone(&self.0).identify().boxed()
    }

    fn version(&self) -> Option<(String, String)> {
        let model = self.0.expected_target()?.id;
        Some((model, self.0.options.prompt.version().to_owned()))
    }

    fn writes_objects(&self) -> bool {
        self.0.options.task == Task::DescribeObject
    }

    fn terms(&self) -> Option<Terms> {
        if self.0.backend.is_free() {
            return None;
        }
        let status = self.0.publisher.last().unwrap_or_default();
        let target = self.0.expected_target();
        let name = || target.as_ref().map_or_else(|| self.0.backend.model().to_owned(), |target| target.name.clone());
        let model = if status.price.is_some() { status.model } else { name() };
        let price = target.and_then(|target| target.price()).ok_or_else(|| self.0.price_remedy());
        Some(Terms { model, account: status.account, price })
    }

    fn consent(&self, consent: Consent) {
        self.0.consented.give(consent, self.0.expected_target());
        self.0.circuit_breaker.consented();
        self.0.publish_status();
    }

    fn set_listener(&self, listener: Listener) {
        self.0.publisher.set_listener(listener);
        self.0.publish_status();
    }

    fn resume(&self) {
        self.0.circuit_breaker.resume();
    }
}

#[cfg(test)]
mod tests;
