//! The attempts at a description: each passes the circuit breaker, prepares the image, takes the current model, reserves
//! the maximum cost, waits for the rate limiter, and streams the response. A failed one decides whether there is another.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::attempt::{AttemptError, Events, send_waiting};
use super::backend::{Backend, Connection};
use super::charge::PendingCharge;
use super::circuit_breaker::CircuitBreaker;
use super::consent::ConsentedPrice;
use super::images::ImagePreparation;
use super::memory::Remembered;
use super::model_choice::ModelChoice;
use super::options::RemoteOptions;
use super::request::{self, PreparedRequest};
use super::status::Publisher;
use super::{NoPrice, response};
use crate::describe::budget::{Budget, BudgetError};
use crate::describe::catalogue::{Target, UploadLimits};
use crate::describe::rate_limiter::RateLimiter;
use crate::describe::upload::Upload;
use crate::describe::{Description, DescriptionEvent, PauseKind, Priority, Request, Tokens};
use crate::reaction::Parameter;

/// Attempts per description, retries after transient errors included.
const MAX_ATTEMPTS: usize = 5;
/// The time between two attempts while a model is loading, and the maximum of all of them.
const LOADING_INTERVAL: Duration = Duration::from_secs(2);
const MAX_LOADING: Duration = Duration::from_mins(10);
const MIN_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The maximum size of the images in requests whose response has not begun, in KiB. Each is in memory twice, the
/// second time as text.
const MAX_SENDING: usize = 64 << 10;

/// What all clones of a describer share.
pub(super) struct Service {
    pub(super) backend: Box<dyn Backend>,
    pub(super) options: RemoteOptions,
    pub(super) circuit_breaker: CircuitBreaker,
    pub(super) rate_limiter: RateLimiter,
    pub(super) budget: Budget,
    pub(super) consented: ConsentedPrice,
    pub(super) images: ImagePreparation,
    /// Limits the size of the images that are being sent.
    sending: Semaphore,
    /// The number of requests that wait for money reserved by others.
    pub(super) waiting_for_budget: AtomicUsize,
    /// `None` before the first request, and again after credentials were rejected.
    pub(super) connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// Chooses among the targets of the connection.
    pub(super) models: ModelChoice,
    /// The facts from earlier runs.
    pub(super) remembered: OnceLock<Remembered>,
    /// The time at which model and rate were stored.
    pub(super) stored: Mutex<Option<Instant>>,
    /// Parameters that a model, by id, has rejected.
    pub(super) rejected_parameters: Mutex<HashSet<(String, Parameter)>>,
    pub(super) publisher: Publisher,
    /// Whether the account was asked for.
    pub(super) identified: AtomicBool,
}

impl Service {
    pub(super) fn new(backend: Box<dyn Backend>, options: RemoteOptions) -> Self {
        Self {
            circuit_breaker: CircuitBreaker::default(),
            rate_limiter: RateLimiter::new(options.limits),
            budget: options.budget.clone(),
            consented: ConsentedPrice::default(),
            images: ImagePreparation::default(),
            sending: Semaphore::new(MAX_SENDING),
            waiting_for_budget: AtomicUsize::default(),
            connection: tokio::sync::Mutex::default(),
            models: ModelChoice::default(),
            remembered: OnceLock::new(),
            stored: Mutex::default(),
            rejected_parameters: Mutex::default(),
            publisher: Publisher::default(),
            identified: AtomicBool::default(),
            backend,
            options,
        }
    }

    pub(super) async fn describe(
        &self,
        request: &Request,
        priority: Priority,
        events: &Events,
    ) -> Result<Description, String> {
        let mut backoff = ExponentialBuilder::default()
            .with_min_delay(MIN_BACKOFF)
            .with_max_delay(MAX_BACKOFF)
            .with_max_times(MAX_ATTEMPTS - 1)
            .with_jitter()
            .build();
        let mut attempt = 1;
        let mut retried_once = false;
        let mut loading = Duration::ZERO;
        loop {
            let error = match self.attempt(request, priority, events).await {
                Ok(description) => return Ok(description),
                Err(error) => error,
            };
            match error {
                AttemptError::Retry => {}
                AttemptError::NotReady(message) if loading < MAX_LOADING => {
                    send_waiting(events, message);
                    tokio::time::sleep(LOADING_INTERVAL).await;
                    loading += LOADING_INTERVAL;
                }
                AttemptError::NotReady(message) => {
                    return Err(format!("{message} (waited {} minutes)", MAX_LOADING.as_secs() / 60));
                }
                AttemptError::Failed(message) => return Err(message),
                AttemptError::RetryOnce(message) if retried_once => return Err(format!("{message} (tried twice)")),
                AttemptError::Backoff(ref message)
                | AttemptError::BackoffThenPause(ref message)
                | AttemptError::RetryOnce(ref message)
                    if let Some(delay) = backoff.next() =>
                {
                    retried_once |= matches!(error, AttemptError::RetryOnce(_));
                    attempt += 1;
                    tracing::warn!(file = request.context.file_name, reason = message, attempt, "retrying");
                    send_waiting(events, format!("{message}: retrying ({attempt}/{MAX_ATTEMPTS})"));
                    tokio::time::sleep(delay).await;
                }
                AttemptError::Backoff(message) | AttemptError::RetryOnce(message) => {
                    return Err(format!("{message} (tried {MAX_ATTEMPTS} times)"));
                }
                AttemptError::BackoffThenPause(message) => self.pause(message, PauseKind::Access),
            }
        }
    }

    /// Makes one attempt. The reservation and the permit it holds are released when it ends.
    pub(super) async fn attempt(
        &self,
        request: &Request,
        priority: Priority,
        events: &Events,
    ) -> Result<Description, AttemptError> {
        let admission = self.with_status(events, self.circuit_breaker.admit(), || self.pause_message()).await;
        let connection = self.connection().await?;
        let expected = self.upload_limits(&connection.target(self.models.index()));
        // Reserved before the image is in memory, for the largest one. The operator's own image does not wait for a run.
        let mut sending = match priority {
            Priority::Interactive => None,
            // The semaphore is never closed.
            Priority::Prefetch | Priority::Bulk => self.sending.acquire_many(kibibytes(expected.bytes)).await.ok(),
        };
        let mut upload = self.images.prepare(&request.image_path, priority, expected).await?;
        let choice = self.with_status(events, self.models.choose(), || {
            format!("waiting for the first response of {}", connection.target(self.models.index()).name)
        });
        let choice = choice.await;
        let target = connection.target(choice.index);
        self.check_consent(&target, &connection)?;
        let limits = self.upload_limits(&target);
        if limits != expected {
            upload = self.images.prepare(&request.image_path, priority, limits).await?;
        }
        if let Some(permit) = &mut sending {
            let unused = permit.num_permits().saturating_sub(kibibytes(upload.bytes.len()) as usize);
            drop(permit.split(unused));
        }
        let prepared = self.prepare(request, &target, upload)?;
        let charge = self.reserve(request, &target, prepared.max_tokens(), events).await?;
        let permit = self.rate_limiter.acquire(priority, prepared.quota_tokens());
        let mut permit = self.with_status(events, permit, || self.rate_limit_message()).await;
        if !admission.is_valid() || !choice.is_current() {
            return Err(AttemptError::Retry);
        }
        self.publish_status();
        // An empty delta reports that the request is being sent, and ends the `Waiting` state.
        let _ = events.send(DescriptionEvent::Delta(String::new()));
        let parameters = prepared.parameters();
        let max_tokens = prepared.request.max_tokens;
        let on_accepted = || {
            drop(sending);
            permit.accepted();
            self.remember(&target, choice.answered());
            if admission.succeeded() {
                self.publish_status();
            }
        };
        let on_text = |first_token| self.publish_first_token(first_token);
        match response::read(&*connection.client, prepared.request, charge, events, on_accepted, on_text).await {
            Ok(response) => {
                if let Some(counted) = response.counted() {
                    permit.settle(u32::try_from(self.backend.quota_tokens(counted)).unwrap_or(u32::MAX));
                }
                let prompt = Some(self.options.prompt.version().to_owned());
                response.into_description(&target, max_tokens, prompt, parameters)
            }
            Err(error) => Err(self.handle_error(request, &error, &target, &connection, permit, events)),
        }
    }

    pub(super) fn upload_limits(&self, target: &Target) -> UploadLimits {
        let mut limits = target.upload_limits();
        limits.common_format |= lock(&self.rejected_parameters).contains(&(target.id.clone(), Parameter::ImageFormat));
        limits
    }

    pub(super) fn prepare(
        &self,
        request: &Request,
        target: &Target,
        upload: Upload,
    ) -> Result<PreparedRequest, AttemptError> {
        let rejected = lock(&self.rejected_parameters);
        let rejected = rejected.iter().filter(|(model, _)| *model == target.id).map(|(_, parameter)| *parameter);
        PreparedRequest::new(&self.options, request, target, upload, rejected.collect())
            .map_err(|error| AttemptError::Failed(format!("{}: {error}", request.context.file_name)))
    }

    /// Opens the circuit breaker if the operator has not consented to the price of the model.
    pub(super) fn check_consent(&self, target: &Target, connection: &Connection) -> Result<(), AttemptError> {
        if self.backend.is_free() {
            return Ok(());
        }
        let typical = |target: &Target| request::estimate(&self.options, target, None);
        self.consented.check(target, typical).map_err(|missing| {
            self.publish_model(connection);
            self.pause(missing.to_string(), PauseKind::Consent);
            AttemptError::Retry
        })
    }

    /// Reserves the maximum cost of a request. Opens the circuit breaker if the budget is used up.
    pub(super) async fn reserve(
        &self,
        request: &Request,
        target: &Target,
        max_tokens: Tokens,
        events: &Events,
    ) -> Result<PendingCharge<'_>, AttemptError> {
        let max_cost = target.cost(max_tokens);
        if self.budget.limit().is_some() && max_cost.amount().is_none() {
            let error = NoPrice { model: target.name.clone(), remedy: self.price_remedy() };
            self.pause(error.to_string(), PauseKind::Budget);
            return Err(AttemptError::Retry);
        }
        let max_cost = max_cost.at_least();
        let reservation = async {
            let available = self.budget.reserve(max_cost);
            if !matches!(available, Err(BudgetError::Reserved { .. })) {
                return available;
            }
            let _waiting = Counted::new(&self.waiting_for_budget);
            let message = || "waiting for budget held by running requests".to_owned();
            self.with_status(events, self.budget.reserve_when_available(max_cost), message).await
        };
        match reservation.await {
            Ok(reservation) => {
                let prompt = self.options.prompt.version().to_owned();
                let publish = Box::new(|charge| self.publish_charge(charge));
                Ok(PendingCharge::new(reservation, request.record, target, prompt, max_tokens, publish))
            }
            Err(used_up) => {
                self.pause(used_up.to_string(), PauseKind::Budget);
                Err(AttemptError::Retry)
            }
        }
    }
}

/// Returns a size in the unit of [`MAX_SENDING`], at most that.
fn kibibytes(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1 << 10).clamp(1, MAX_SENDING)).unwrap_or(u32::MAX)
}

/// Counts one more until dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ignores poisoning: no code under these locks can panic.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
