//! The connection to the API: its models in order, the account, and the facts remembered between runs.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::attempt::AttemptError;
use super::backend::{Connection, ConnectionError};
use super::memory::{self, Remembered};
use super::options::Task;
use super::request;
use super::service::{Service, lock};
use crate::describe::catalogue::Target;
use crate::describe::rate_limiter::INITIAL_RATE;
use crate::describe::{Cost, DescriberStatus, PauseKind, Tokens, Usage};

/// The interval at which the rate is stored for the next run.
const REMEMBER_INTERVAL: Duration = Duration::from_secs(10);

impl Service {
    /// Returns the model that the next request will probably use.
    pub(super) fn expected_target(&self) -> Option<Target> {
        let mut targets = self.ordered(self.backend.expected_targets());
        // The connection may offer a model that is not expected.
        let current = self.models.index();
        let index = if current < targets.len() { current } else { 0 };
        (!targets.is_empty()).then(|| targets.swap_remove(index))
    }

    /// Returns the expected usage, or `None` if requests cost nothing.
    pub(super) fn price(&self, size: Option<(u32, u32)>) -> Option<Usage> {
        (!self.backend.is_free()).then(|| self.estimate(size))
    }

    pub(super) fn remembered(&self) -> &Remembered {
        self.remembered.get_or_init(|| {
            let recall = |(file, service): (_, String)| memory::recall(file, &service, Timestamp::now());
            self.options.memory.as_deref().zip(self.memory_key()).map(recall).unwrap_or_default()
        })
    }

    /// Returns the name under which model and rate are remembered. Those of a verifier are its own: its model must not
    /// become that of the describer.
    pub(super) fn memory_key(&self) -> Option<String> {
        let service = self.backend.service()?;
        Some(match self.options.task {
            Task::Describe | Task::DescribeObject => service,
            Task::Verify => format!("{service} verify"),
        })
    }

    /// Returns the targets with the model first that answered in an earlier run.
    pub(super) fn ordered(&self, mut targets: Vec<Target>) -> Vec<Target> {
        if let Some(model) = &self.remembered().model {
            targets.sort_by_key(|target| target.id != *model);
        }
        targets
    }

    /// Stores model and rate for the next run, at intervals.
    pub(super) fn remember(&self, target: &Target, is_new: bool) {
        let Some((file, service)) = self.options.memory.clone().zip(self.memory_key()) else { return };
        let mut stored = lock(&self.stored);
        if !is_new && stored.is_some_and(|at| at.elapsed() < REMEMBER_INTERVAL) {
            return;
        }
        *stored = Some(Instant::now());
        drop(stored);
        let rate = self.rate_limiter.status();
        let learned = if rate.learned {
            Some(rate.requests_per_minute)
        } else {
            // A slower run was limited by something else.
            rate.accepted_per_minute.filter(|rate| rate.get() > INITIAL_RATE)
        };
        let learned = learned.filter(|_| !is_new && self.options.limits.requests_per_minute.is_none());
        let model = target.id.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = memory::remember(&file, &service, &model, learned, Timestamp::now()) {
                tracing::warn!(file = %file.display(), %error, "model and rate not stored for the next run");
            }
        });
    }

    pub(super) fn estimate(&self, size: Option<(u32, u32)>) -> Usage {
        let Some(target) = self.expected_target() else {
            return Usage { tokens: Tokens::default(), cost: Cost::UNKNOWN };
        };
        let tokens = request::estimate(&self.options, &target, size);
        Usage { tokens, cost: target.cost(tokens) }
    }

    /// Returns the instruction for giving the model a price.
    pub(super) fn price_remedy(&self) -> String {
        let remedy = self.backend.price_remedy();
        self.backend.price_problem().map_or_else(|| remedy.to_owned(), |problem| format!("{problem}, or {remedy}"))
    }

    /// Connects and determines the account, once.
    pub(super) async fn identify(self: Arc<Self>) {
        if self.identified.swap(true, Ordering::Relaxed) {
            return;
        }
        let account = match self.connection().await {
            Ok(connection) => connection.client.account().await,
            Err(_) => None,
        };
        match account {
            Some(account) => {
                let model = self.publisher.last().map(|status| status.model);
                tracing::info!(%account, model, "account determined");
                self.publisher
                    .update(|status| DescriberStatus { account: Some(account), ..status.cloned().unwrap_or_default() });
            }
            // Determined again with the next request.
            None => self.identified.store(false, Ordering::Relaxed),
        }
    }

    /// Returns the connection, creating it on first use and after credentials were rejected.
    pub(super) async fn connection(&self) -> Result<Arc<Connection>, AttemptError> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref() {
            return Ok(Arc::clone(connection));
        }
        match self.backend.connect().await {
            Ok(connection) => {
                let connection = Arc::new(connection.map_targets(|targets| self.ordered(targets)));
                let target = connection.target(self.models.index());
                if let Some(rate) = self.remembered().rates.get(&target.id) {
                    // A little less, because the quota may be shared or lower now.
                    let rate = NonZeroU32::new(rate.get() / 10 * 9).unwrap_or(*rate);
                    self.rate_limiter.begin_at(rate);
                }
                *held = Some(Arc::clone(&connection));
                self.publish_model(&connection);
                Ok(connection)
            }
            Err(ConnectionError::Pause(message)) => {
                self.pause(message, PauseKind::Access);
                Err(AttemptError::Retry)
            }
            Err(ConnectionError::Fail(message)) => Err(AttemptError::Failed(message)),
        }
    }
}
