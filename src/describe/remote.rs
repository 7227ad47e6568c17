//! Describers that call a remote API: one request per caption, within the configured rate and budget. A [`Backend`] speaks
//! the protocol of one API; everything else is here.
//!
//! Each attempt at a description passes the circuit breaker, prepares the image (`upload`), takes the current model
//! (`ModelChoice`), reserves the maximum cost (`PendingCharge`), waits for the rate limiter, and streams the response. A
//! failed attempt returns an `AttemptError`, which decides whether `Service::describe` retries.

mod attempt;
mod backend;
mod charge;
mod circuit_breaker;
mod consent;
mod memory;
mod model_choice;
mod options;
mod request;
mod response;
mod status;

use std::collections::HashSet;
use std::future::Future;
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::unbounded_channel;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::attempt::{AttemptError, Events};
use self::charge::PendingCharge;
use self::circuit_breaker::CircuitBreaker;
use self::consent::ConsentedPrice;
use self::memory::Remembered;
use self::model_choice::ModelChoice;
use self::request::PreparedRequest;
use self::status::Publisher;
use super::budget::{Budget, BudgetError};
use super::catalogue::{Target, UploadLimits};
use super::rate_limiter::{INITIAL_RATE, Permit, RateLimiter};
use super::upload::{Upload, UploadCache};
use super::{
    Charge, Consent, Cost, DescribeError, Describer, DescriberEvent, DescriberStatus, Description, DescriptionEvent,
    LimitedBy, Listener, Outcome, Pause, PauseKind, Priority, Request, Terms, Tokens, Usage,
};
use crate::reaction::{Parameter, PauseCause, Reaction};

pub use self::backend::{
    ApiClient, ApiError, ApiEvent, ApiRequest, ApiStream, Backend, Connection, ConnectionError, Stop, Thinking,
};
pub use self::memory::file_in as memory_file;
pub use self::options::{RemoteOptions, Task};

/// Attempts per description, retries after transient errors included.
const MAX_ATTEMPTS: usize = 5;
/// The time between two attempts while a model is loading, and the maximum of all of them.
const LOADING_INTERVAL: Duration = Duration::from_secs(2);
const MAX_LOADING: Duration = Duration::from_mins(10);
const MIN_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The size of the cache of prepared images, which serves regeneration.
const UPLOAD_CACHE_BYTES: usize = 32 << 20;
/// The maximum number of images decoded at the same time: one of 24 megapixels takes 120 MB.
const MAX_PREPARING: usize = 2;
/// The maximum size of the images in requests that wait for the response to begin, in KiB. Each is in memory twice, the
/// second time as text.
const MAX_SENDING: usize = 64 << 10;
/// The interval at which the rate is stored for the next run.
const REMEMBER_INTERVAL: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--budget needs the price of {model}, which is unknown: {remedy}")]
pub struct NoPrice {
    model: String,
    remedy: String,
}

/// Describes images with a model behind an API. Clones share their state.
#[derive(Clone)]
pub struct RemoteDescriber(Arc<Service>);

struct Service {
    backend: Box<dyn Backend>,
    options: RemoteOptions,
    circuit_breaker: CircuitBreaker,
    rate_limiter: RateLimiter,
    budget: Budget,
    consented: ConsentedPrice,
    uploads: Arc<UploadCache>,
    /// Limits the images that are decoded at the same time.
    preparing: Semaphore,
    /// Limits the size of the images that are being sent.
    sending: Semaphore,
    /// The number of requests that wait for money reserved by others.
    waiting_for_budget: AtomicUsize,
    /// `None` before the first request, and again after credentials were rejected.
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// Chooses among the targets of the connection.
    models: ModelChoice,
    /// What is known from earlier runs.
    remembered: OnceLock<Remembered>,
    /// The time at which model and rate were stored.
    stored: Mutex<Option<Instant>>,
    /// Parameters that a model, by id, has rejected.
    rejected_parameters: Mutex<HashSet<(String, Parameter)>>,
    publisher: Publisher,
    /// Whether the account was asked for.
    identified: AtomicBool,
}

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
        Ok(Self(Arc::new(Service {
            circuit_breaker: CircuitBreaker::default(),
            rate_limiter: RateLimiter::new(options.limits),
            budget: options.budget.clone(),
            consented: ConsentedPrice::default(),
            uploads: Arc::new(UploadCache::new(UPLOAD_CACHE_BYTES)),
            preparing: Semaphore::new(thread::available_parallelism().map_or(2, NonZeroUsize::get).min(MAX_PREPARING)),
            sending: Semaphore::new(MAX_SENDING),
            waiting_for_budget: AtomicUsize::default(),
            connection: tokio::sync::Mutex::default(),
            models: ModelChoice::default(),
            remembered: OnceLock::new(),
            stored: Mutex::default(),
            rejected_parameters: Mutex::default(),
            publisher: Publisher::default(),
            identified: AtomicBool::default(),
            backend: Box::new(backend),
            options,
        })))
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

impl Service {
    /// Returns the model that the next request will probably use.
    fn expected_target(&self) -> Option<Target> {
        let mut targets = self.ordered(self.backend.expected_targets());
        // The connection may offer a model that is not expected.
        let current = self.models.index();
        let index = if current < targets.len() { current } else { 0 };
        (!targets.is_empty()).then(|| targets.swap_remove(index))
    }

    /// Returns the expected usage, or `None` if requests cost nothing.
    fn price(&self, size: Option<(u32, u32)>) -> Option<Usage> {
        (!self.backend.is_free()).then(|| self.estimate(size))
    }

    fn remembered(&self) -> &Remembered {
        self.remembered.get_or_init(|| {
            let recall = |(file, service): (_, String)| memory::recall(file, &service, Timestamp::now());
            self.options.memory.as_deref().zip(self.memory_key()).map(recall).unwrap_or_default()
        })
    }

    /// Returns the name under which model and rate are remembered. Those of a verifier are its own: its model must not
    /// become that of the describer.
    fn memory_key(&self) -> Option<String> {
        let service = self.backend.service()?;
        Some(match self.options.task {
            Task::Describe => service,
            Task::Verify => format!("{service} verify"),
        })
    }

    /// Returns the targets with the model first that answered in an earlier run.
    fn ordered(&self, mut targets: Vec<Target>) -> Vec<Target> {
        if let Some(model) = &self.remembered().model {
            targets.sort_by_key(|target| target.id != *model);
        }
        targets
    }

    /// Stores model and rate for the next run, at intervals.
    fn remember(&self, target: &Target, is_new: bool) {
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

    fn estimate(&self, size: Option<(u32, u32)>) -> Usage {
        let Some(target) = self.expected_target() else {
            return Usage { tokens: Tokens::default(), cost: Cost::UNKNOWN };
        };
        let tokens = request::estimate(&self.options, &target, size);
        Usage { tokens, cost: target.cost(tokens) }
    }

    /// Returns the instruction for giving the model a price.
    fn price_remedy(&self) -> String {
        let remedy = self.backend.price_remedy();
        self.backend.price_problem().map_or_else(|| remedy.to_owned(), |problem| format!("{problem}, or {remedy}"))
    }

    /// Connects and determines the account, once.
    async fn identify(self: Arc<Self>) {
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

    async fn describe(&self, request: &Request, priority: Priority, events: &Events) -> Result<Description, String> {
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
    async fn attempt(
        &self,
        request: &Request,
        priority: Priority,
        events: &Events,
    ) -> Result<Description, AttemptError> {
        let admission = self.with_status(events, self.circuit_breaker.admit(), || self.pause_message()).await;
        let connection = self.connection().await?;
        let expected = self.upload_limits(&connection.target(self.models.index()));
        let mut upload = self.upload(request, priority, expected).await?;
        let choice = self.with_status(events, self.models.choose(), || {
            format!("waiting for the first response of {}", connection.target(self.models.index()).name)
        });
        let choice = choice.await;
        let target = connection.target(choice.index);
        self.check_consent(&target, &connection)?;
        let limits = self.upload_limits(&target);
        if limits != expected {
            upload = self.upload(request, priority, limits).await?;
        }
        let size = u32::try_from((upload.bytes.len() >> 10).clamp(1, MAX_SENDING)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let sending = self.sending.acquire_many(size).await.ok();
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

    /// Applies the consequences of an error for all requests, and returns those for this one.
    fn handle_error(
        &self,
        request: &Request,
        error: &ApiError,
        target: &Target,
        connection: &Connection,
        permit: Permit,
        events: &Events,
    ) -> AttemptError {
        tracing::warn!(file = request.context.file_name, model = target.id, %error, "request failed");
        match error.reaction {
            Reaction::SlowDown { retry_after } => {
                let has_begun = permit.is_accepted();
                permit.throttled(retry_after);
                if self.circuit_breaker.throttled() {
                    let (model, place, remedy) = (&target.name, &connection.place, self.backend.quota_remedy());
                    let message = format!(
                        "{model} accepted no request in {place} for {} minutes, all were throttled: the quota may be 0; {remedy}",
                        circuit_breaker::ONLY_THROTTLED.as_secs() / 60
                    );
                    self.pause(message, PauseKind::Quota);
                    return AttemptError::Retry;
                }
                self.publish_status();
                if has_begun {
                    // It was charged, so it is not repeated without end.
                    return AttemptError::Backoff(error.to_string());
                }
                send_waiting(events, self.rate_limit_message());
                AttemptError::Retry
            }
            Reaction::Retry => AttemptError::Backoff(error.to_string()),
            Reaction::WaitUntilReady => AttemptError::NotReady(error.to_string()),
            Reaction::RetryThenPause => AttemptError::BackoffThenPause(error.to_string()),
            Reaction::NextModel => {
                match connection.target_after(&target.id) {
                    Some((index, next)) => {
                        tracing::warn!(model = target.name, next = next.name, "switching to the next model");
                        send_waiting(events, format!("{error}; using {}", next.name));
                        if self.models.skip(index - 1, index) {
                            self.publish_model(connection);
                            self.publish_model_change(error, next);
                        }
                    }
                    None => self.pause(error.to_string(), PauseKind::Access),
                }
                AttemptError::Retry
            }
            Reaction::DropParameter(parameter) => {
                if lock(&self.rejected_parameters).insert((target.id.clone(), parameter)) {
                    AttemptError::Retry
                } else {
                    AttemptError::Backoff(error.to_string())
                }
            }
            Reaction::FailRequest => match self.circuit_breaker.rejected(&error.message) {
                Some(count) => {
                    self.pause(format!("{count} requests in a row failed: {error}"), PauseKind::Access);
                    AttemptError::Retry
                }
                None => AttemptError::Failed(format!("{}: {error}", request.context.file_name)),
            },
            Reaction::FailImage => AttemptError::Failed(format!("{}: {error}", request.context.file_name)),
            Reaction::Pause(cause) => {
                self.pause_for(error, cause);
                AttemptError::Retry
            }
        }
    }

    /// Returns the connection, creating it on first use and after credentials were rejected.
    async fn connection(&self) -> Result<Arc<Connection>, AttemptError> {
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

    async fn upload(
        &self,
        request: &Request,
        priority: Priority,
        limits: UploadLimits,
    ) -> Result<Upload, AttemptError> {
        // An image that the operator waits for is prepared at once. The semaphore is never closed.
        let _permit = match priority {
            Priority::Interactive => None,
            Priority::Prefetch | Priority::Bulk => self.preparing.acquire().await.ok(),
        };
        let (path, uploads) = (request.image_path.clone(), Arc::clone(&self.uploads));
        let cancelled = CancellationToken::new();
        // Cancels the preparation if this future is dropped.
        let _guard = cancelled.clone().drop_guard();
        let prepare = move || uploads.prepare(&path, &limits, &|| cancelled.is_cancelled());
        let prepared = tokio::task::spawn_blocking(prepare).await;
        match prepared {
            Ok(Ok(upload)) => Ok(upload),
            Ok(Err(error)) => Err(AttemptError::Failed(error.to_string())),
            Err(panic) => Err(AttemptError::Failed(format!("{}: {panic}", request.image_path.display()))),
        }
    }

    fn upload_limits(&self, target: &Target) -> UploadLimits {
        let mut limits = target.upload_limits();
        limits.common_format |= lock(&self.rejected_parameters).contains(&(target.id.clone(), Parameter::ImageFormat));
        limits
    }

    fn prepare(&self, request: &Request, target: &Target, upload: Upload) -> Result<PreparedRequest, AttemptError> {
        let rejected = lock(&self.rejected_parameters);
        let rejected = rejected.iter().filter(|(model, _)| *model == target.id).map(|(_, parameter)| *parameter);
        PreparedRequest::new(&self.options, request, target, upload, rejected.collect())
            .map_err(|error| AttemptError::Failed(format!("{}: {error}", request.context.file_name)))
    }

    /// Opens the circuit breaker if the operator has not consented to the price of the model.
    fn check_consent(&self, target: &Target, connection: &Connection) -> Result<(), AttemptError> {
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
    async fn reserve(
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

    /// Awaits a future. If it is not ready at once, reports the message in the meantime.
    async fn with_status<T>(
        &self,
        events: &Events,
        future: impl Future<Output = T>,
        message: impl FnOnce() -> String,
    ) -> T {
        let mut future = pin!(future);
        tokio::select! {
            biased;
            output = &mut future => return output,
            () = std::future::ready(()) => {}
        }
        self.publish_status();
        send_waiting(events, message());
        future.await
    }

    fn pause_message(&self) -> String {
        self.circuit_breaker.pause().map_or_else(|| "waiting".to_owned(), |pause| format!("paused: {}", pause.message))
    }

    fn rate_limit_message(&self) -> String {
        let status = self.rate_limiter.status();
        // Shorter ones are over before they can be read.
        let backoff = if status.backoff >= Duration::from_secs(5) {
            format!(", next request in {} s", status.backoff.as_secs_f64().ceil())
        } else {
            String::new()
        };
        let waiting = status.waiting;
        if status.limited_by == Some(LimitedBy::Concurrency) {
            return format!("waiting for one of {} requests in flight, {waiting} waiting", status.in_flight);
        }
        format!("rate limited to {}/min, {waiting} waiting{backoff}", status.requests_per_minute)
    }

    fn pause_for(&self, error: &ApiError, cause: PauseCause) {
        let kind = match cause {
            PauseCause::Access => PauseKind::Access,
            PauseCause::Quota => PauseKind::Quota,
        };
        if kind == PauseKind::Access
            && let Ok(mut connection) = self.connection.try_lock()
        {
            // A connection loads credentials only once, so a new sign-in needs a new connection.
            *connection = None;
        }
        self.pause(error.to_string(), kind);
    }

    fn pause(&self, message: String, kind: PauseKind) {
        self.circuit_breaker.open(Pause { message, kind });
        self.publish_status();
    }

    fn publish_status(&self) {
        let rate = self.rate_limiter.status();
        self.publisher.update(|status| DescriberStatus {
            model: status.map_or_else(|| self.backend.model().to_owned(), |status| status.model.clone()),
            account: status.and_then(|status| status.account.clone()),
            price: status.and_then(|status| status.price),
            rates: status.and_then(|status| status.rates.clone()),
            first_token: status.and_then(|status| status.first_token),
            requests_per_minute: (rate.learned || self.options.limits.requests_per_minute.is_some())
                .then_some(rate.requests_per_minute.get()),
            waiting: rate.waiting,
            limited_by: match self.waiting_for_budget.load(Ordering::Relaxed) {
                0 => rate.limited_by.filter(|_| rate.waiting > 0),
                _ => Some(LimitedBy::Budget),
            },
            spent: self.budget.spent(),
            budget: self.budget.limit(),
            paused: self.circuit_breaker.pause(),
            model_change: status.and_then(|status| status.model_change.clone()),
        });
    }

    fn publish_model(&self, connection: &Connection) {
        let target = connection.target(self.models.index());
        let model = format!("{} · {}", target.name, connection.place);
        let price = self.price(None);
        let rates = target.price();
        self.publisher.update(|status| DescriberStatus { price, rates, model, ..status.cloned().unwrap_or_default() });
    }

    fn publish_model_change(&self, reason: &ApiError, next: &Target) {
        let price = match next.price() {
            _ if self.backend.is_free() => String::new(),
            Some(price) => format!(": {price}"),
            None => ": price unknown".to_owned(),
        };
        let change = format!("{reason}; using {}{price}", next.name);
        self.publisher
            .update(|status| DescriberStatus { model_change: Some(change), ..status.cloned().unwrap_or_default() });
    }

    fn publish_first_token(&self, first_token: Duration) {
        self.publisher
            .update(|status| DescriberStatus { first_token: Some(first_token), ..status.cloned().unwrap_or_default() });
    }

    fn publish_charge(&self, charge: Charge) {
        self.publisher.publish(DescriberEvent::Charged(charge));
        self.publish_status();
    }
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

fn send_waiting(events: &Events, message: String) {
    // Fails if the description was cancelled.
    let _ = events.send(DescriptionEvent::Waiting(message));
}

/// Ignores poisoning: no code under these locks can panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
