//! Amazon Bedrock as a describer: one request for each caption, at the pace and within the budget that is allowed.
//!
//! A description goes through these rooms: the `gate`, which is shut while nothing would come of a request; the
//! `connection` to the service, with the model in use; the picture, made ready by `upload`; the `bill`, which takes
//! the most the request can cost out of the budget; the pacer; and then the `answer` is read as it is written. What
//! goes wrong on the way is a `Setback`: it says what becomes of the description, and the loop in
//! `BedrockDescriber::describe` does that.

mod answer;
mod bill;
mod connection;
mod gate;
mod question;
mod telling;

use std::collections::HashSet;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use futures::stream::{self, BoxStream, StreamExt as _};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use self::bill::Bill;
use self::connection::Connection;
use self::gate::Gate;
use self::question::Question;
use super::budget::Budget;
use super::catalogue::{AUTO, Catalogue, ResolveError, Target, UploadLimits};
use super::pacer::{Limits, Pacer, Permit};
use super::prompt::Prompt;
use super::upload::{Upload, UploadCache};
use super::{
    DescribeError, DescribeEvent, Describer, Description, Dollars, Listener, Pause, PauseKind, Priority, Request,
    Status, Tokens, Usage,
};
use crate::aws::{self, AwsError, Cause, Parameter, Reaction};

/// How often a description that meets a passing trouble is tried, the first time included.
const TRIES: usize = 5;
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Bytes of pictures kept for a regenerate.
const UPLOADS_KEPT: usize = 32 << 20;
/// The region whose prices are shown before it is known where the model is asked.
const USUAL_REGION: &str = "us-east-1";

/// How Bedrock is asked.
#[derive(Clone, Debug)]
pub struct BedrockOptions {
    /// How it is reached.
    pub aws: aws::Options,
    /// The model: "auto", or one the catalogue resolves.
    pub model: String,
    /// The models there are.
    pub catalogue: Catalogue,
    /// What is asked.
    pub prompt: Prompt,
    /// How captions name people.
    pub people: String,
    /// The language captions are written in.
    pub language: String,
    /// The most words a caption may have, for the estimate.
    pub max_words: usize,
    /// How much at once and a minute.
    pub limits: Limits,
    /// What this run may cost.
    pub budget: Option<Dollars>,
}

impl BedrockOptions {
    /// The models to try from a region, in order.
    ///
    /// # Errors
    ///
    /// When the model is not known, or none can be called from there.
    pub fn targets(&self, region: &str) -> Result<Vec<Target>, ResolveError> {
        if self.model == AUTO {
            return Ok(self.catalogue.automatic(region));
        }
        self.catalogue.resolve(&self.model, region).map(|target| vec![target])
    }
}

/// Why Bedrock cannot be asked this way. Each names the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BedrockError {
    /// The model is not known.
    #[error(transparent)]
    Model(#[from] ResolveError),
    /// A budget needs a price.
    #[error(
        "no price is known for {model}: --budget cannot be kept (add the price to models.toml, see assets/models.toml)"
    )]
    NoPrice {
        /// The model.
        model: String,
    },
}

/// Describes pictures with a model on Amazon Bedrock. Clones share everything.
#[derive(Clone)]
pub struct BedrockDescriber(Arc<Service>);

struct Service {
    options: BedrockOptions,
    concurrency: NonZeroUsize,
    gate: Gate,
    pacer: Pacer,
    budget: Budget,
    uploads: Arc<UploadCache>,
    connection: tokio::sync::Mutex<Option<Arc<Connection>>>,
    /// The place of the model in use among those of [`AUTO`]: those before it did not answer.
    chosen: AtomicUsize,
    /// What models have refused to take.
    left_out: Mutex<HashSet<(String, Parameter)>>,
    listener: Mutex<Option<Listener>>,
    told: Mutex<Option<Status>>,
}

/// Why there is no description yet, and what follows from it.
enum Setback {
    /// There will be none.
    Failed(String),
    /// It is to be tried again as soon as gate and pacer allow.
    Again,
    /// It is to be tried again after a while, a few times.
    Later(String),
    /// The same; and if that does not help either, no other request will fare better.
    LaterOrPause(String),
}

/// Where a description's events go.
type Say = UnboundedSender<DescribeEvent>;

impl BedrockDescriber {
    /// A describer that asks as `options` say. Nothing is asked, and no connection made, before the first description.
    ///
    /// # Errors
    ///
    /// When the model is not known, or a budget is set and its price is not.
    pub fn new(options: BedrockOptions) -> Result<Self, BedrockError> {
        let region = options.aws.region.as_deref().unwrap_or(USUAL_REGION);
        for target in options.targets(region)? {
            if options.budget.is_some() && target.price(Tokens::default()).is_none() {
                return Err(BedrockError::NoPrice { model: target.name });
            }
        }
        Ok(Self(Arc::new(Service {
            concurrency: options.limits.concurrency,
            gate: Gate::default(),
            pacer: Pacer::new(options.limits),
            budget: Budget::new(options.budget),
            uploads: Arc::new(UploadCache::new(UPLOADS_KEPT)),
            connection: tokio::sync::Mutex::default(),
            chosen: AtomicUsize::default(),
            left_out: Mutex::default(),
            listener: Mutex::default(),
            told: Mutex::default(),
            options,
        })))
    }
}

impl Describer for BedrockDescriber {
    fn name(&self) -> &'static str {
        "bedrock"
    }

    fn describe(&self, request: Request, priority: Priority) -> BoxStream<'static, DescribeEvent> {
        let service = Arc::clone(&self.0);
        let (say, mut said) = unbounded_channel();
        let work = async move {
            let end = match service.describe(&request, priority, &say).await {
                Ok(description) => DescribeEvent::Finished(description),
                Err(message) => DescribeEvent::Failed(DescribeError { message }),
            };
            // Nobody listens to a description that was cancelled.
            let _ = say.send(end);
        };
        let said = stream::poll_fn(move |context| said.poll_recv(context));
        // The work says nothing by itself: it is in the stream to be driven by it, and to be dropped with it.
        let work = stream::once(work).filter_map(|()| std::future::ready(None));
        stream::select(said, work).boxed()
    }

    fn concurrency(&self) -> NonZeroUsize {
        self.0.concurrency
    }

    fn estimate(&self, size: Option<(u32, u32)>) -> Option<Usage> {
        let options = &self.0.options;
        let region = options.aws.region.as_deref().unwrap_or(USUAL_REGION);
        let targets = options.targets(region).ok()?;
        let target = targets.get(self.0.chosen.load(Ordering::Relaxed)).or(targets.first())?;
        let tokens = question::expected(options, target, size);
        Some(Usage { tokens, cost: target.price(tokens).unwrap_or_default() })
    }

    fn listen(&self, listener: Listener) {
        *lock(&self.0.listener) = Some(listener);
        *lock(&self.0.told) = None;
        self.0.tell();
    }

    fn resume(&self) {
        self.0.gate.resume();
    }
}

impl Service {
    async fn describe(&self, request: &Request, priority: Priority, say: &Say) -> Result<Description, String> {
        let mut waits = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(500))
            .with_max_delay(LONGEST_WAIT)
            .with_max_times(TRIES - 1)
            .with_jitter()
            .build();
        let mut tries = 1;
        loop {
            let setback = match self.attempt(request, priority, say).await {
                Ok(description) => return Ok(description),
                Err(setback) => setback,
            };
            match setback {
                Setback::Again => {}
                Setback::Failed(message) => return Err(message),
                Setback::Later(message) | Setback::LaterOrPause(message) if let Some(wait) = waits.next() => {
                    tries += 1;
                    tracing::warn!(file = request.context.file_name, reason = message, tries, "trying again");
                    wait_for(say, format!("{message}: trying again ({tries}/{TRIES})"));
                    tokio::time::sleep(wait).await;
                }
                Setback::Later(message) => return Err(format!("{message} (tried {TRIES} times)")),
                Setback::LaterOrPause(message) => self.pause(message, PauseKind::Access),
            }
        }
    }

    /// One try. What it holds (a place in the line, a part of the budget) it gives back when it ends.
    async fn attempt(&self, request: &Request, priority: Priority, say: &Say) -> Result<Description, Setback> {
        let leave = self.or_wait(say, self.gate.pass(), || self.paused_words()).await;
        let connection = self.connection().await?;
        let target = connection.target(self.chosen.load(Ordering::Relaxed));
        let upload = self.upload(request, target.upload_limits()).await?;
        let question = self.question(request, &target, upload);
        let bill = self.reserve(request, &target, question.most(), say).await?;
        let admitted = self.pacer.admit(priority, question.set_aside());
        let mut permit = self.or_wait(say, admitted, || self.pace_words()).await;
        if !leave.still_stands() {
            return Err(Setback::Again);
        }
        self.tell();
        // Empty: the request is under way, and no text of an earlier try counts any more.
        let _ = say.send(DescribeEvent::Delta(String::new()));
        let parameters = question.parameters();
        let answered = self.ask(&connection, question.request, (&leave, &mut permit), bill, say).await;
        match answered {
            Ok(answer) => {
                let prompt = Some(self.options.prompt.version().to_owned());
                answer.concluded(&target, prompt, parameters)
            }
            Err(error) => Err(self.setback(request, &error, &target, &connection, permit, say)),
        }
    }

    /// What an error means for the description, and for everybody else's.
    fn setback(
        &self,
        request: &Request,
        error: &AwsError,
        target: &Target,
        connection: &Connection,
        permit: Permit,
        say: &Say,
    ) -> Setback {
        tracing::warn!(file = request.context.file_name, model = target.id, %error, "a request failed");
        match error.reaction() {
            Reaction::SlowDown { after } => {
                permit.throttled(after);
                self.tell();
                wait_for(say, self.pace_words());
                Setback::Again
            }
            Reaction::Retry => Setback::Later(error.to_string()),
            Reaction::RetryThenPause => Setback::LaterOrPause(error.to_string()),
            Reaction::OtherModel => {
                match connection.after(&target.id) {
                    Some((place, next)) => {
                        // Whoever comes second finds it done.
                        self.chosen.fetch_max(place, Ordering::Relaxed);
                        tracing::warn!(model = target.name, next = next.name, "another model is used from here on");
                        wait_for(say, format!("{error}; using {}", next.name));
                        self.tell_model(connection);
                    }
                    None => self.pause(error.to_string(), PauseKind::Access),
                }
                Setback::Again
            }
            Reaction::WithoutParameter(parameter) => {
                if lock(&self.left_out).insert((target.id.clone(), parameter)) {
                    Setback::Again
                } else {
                    Setback::Later(error.to_string())
                }
            }
            Reaction::ThisPicture => Setback::Failed(format!("{}: {error}", request.context.file_name)),
            Reaction::Pause(cause) => {
                self.shut(error, cause);
                Setback::Again
            }
        }
    }

    /// The way to the service, made when it is first needed and again after a new sign-in.
    async fn connection(&self) -> Result<Arc<Connection>, Setback> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref() {
            return Ok(Arc::clone(connection));
        }
        match Connection::make(&self.options).await {
            Ok(connection) => {
                let connection = Arc::new(connection);
                *held = Some(Arc::clone(&connection));
                self.tell_model(&connection);
                Ok(connection)
            }
            Err(connection::NoConnection::Aws(error)) => {
                self.pause(error.to_string(), PauseKind::Access);
                Err(Setback::Again)
            }
            Err(connection::NoConnection::Model(error)) => Err(Setback::Failed(error.to_string())),
        }
    }

    /// The picture as it is sent.
    async fn upload(&self, request: &Request, limits: UploadLimits) -> Result<Upload, Setback> {
        let (path, uploads) = (request.picture.clone(), Arc::clone(&self.uploads));
        let prepared = tokio::task::spawn_blocking(move || uploads.prepare(&path, &limits)).await;
        match prepared {
            Ok(Ok(upload)) => Ok(upload),
            Ok(Err(error)) => Err(Setback::Failed(error.to_string())),
            Err(panicked) => Err(Setback::Failed(format!("{}: {panicked}", request.picture.display()))),
        }
    }

    fn question(&self, request: &Request, target: &Target, upload: Upload) -> Question {
        let left_out = lock(&self.left_out);
        Question::new(&self.options, request, target, upload, |parameter| {
            !left_out.contains(&(target.id.clone(), parameter))
        })
    }

    /// Takes what a request can cost at most out of the budget; where that is spent, shuts the gate.
    async fn reserve(&self, request: &Request, target: &Target, most: Tokens, say: &Say) -> Result<Bill<'_>, Setback> {
        let worst = target.price(most).unwrap_or_default();
        let reserved = self.or_wait(say, self.budget.reserve_when_possible(worst), || {
            "waiting for what others leave of the budget".to_owned()
        });
        match reserved.await {
            Ok(reservation) => Ok(Bill::new(self, request.record, target, most, reservation)),
            Err(spent) => {
                self.pause(spent.to_string(), PauseKind::Budget);
                Err(Setback::Again)
            }
        }
    }

    /// Awaits something; where that takes a while, says what for.
    async fn or_wait<T>(&self, say: &Say, awaited: impl Future<Output = T>, words: impl FnOnce() -> String) -> T {
        let mut awaited = pin!(awaited);
        tokio::select! {
            biased;
            done = &mut awaited => return done,
            () = std::future::ready(()) => {}
        }
        self.tell();
        wait_for(say, words());
        awaited.await
    }

    fn paused_words(&self) -> String {
        self.gate.pause().map_or_else(|| "waiting".to_owned(), |pause| format!("paused: {}", pause.message))
    }

    fn pace_words(&self) -> String {
        let pace = self.pacer.pace();
        format!("waiting for its turn: {} a minute, {} waiting", pace.requests_per_minute, pace.waiting)
    }

    /// Stops for everybody because of an error.
    fn shut(&self, error: &AwsError, cause: Cause) {
        let kind = match cause {
            Cause::Access => PauseKind::Access,
            Cause::Quota => PauseKind::Quota,
        };
        if kind == PauseKind::Access
            && let Ok(mut connection) = self.connection.try_lock()
        {
            // The files of the AWS tools are read once a connection: a new sign-in needs a new one.
            *connection = None;
        }
        self.pause(error.to_string(), kind);
    }

    fn pause(&self, message: String, kind: PauseKind) {
        self.gate.shut(Pause { message, kind });
        self.tell();
    }
}

/// Says what a description waits for.
fn wait_for(say: &Say, words: String) {
    // Nobody listens to a description that was cancelled.
    let _ = say.send(DescribeEvent::Waiting(words));
}

/// No code that can panic runs under these locks, so a poisoned state is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
