//! Descriptions made in the background: what the operator asked for first, then what they will soon come to, then the
//! rest.
//!
//! Every job that [`Queue::ask`] takes in ends with exactly one of `Finished`, `Failed` and `Cancelled`. A record has at
//! most one live job: asking again starts anew, with a new [`JobId`], and cancels the old one; that is also how a failed
//! description is tried again. Events that were under way when a job was cancelled may still arrive, so whoever listens
//! compares job and record and drops what is no longer current.

mod backlog;

use std::any::Any;
use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::backlog::Backlog;
pub use self::backlog::Priority;
use super::{DescribeError, DescribeEvent, Describer, Description, JobId, Request};
use crate::dataset::RecordId;

/// Most requests that wait at each priority. What feeds a large dataset in asks for more when some are done.
pub const LIMIT: usize = 1_000;

/// What happens to a job, in the order it happens: `Started`, any number of `Waiting` and `Delta`, one end. A job cancelled while it
/// waits has only its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// The describer has begun.
    Started,
    /// The describer waits, or begins again: the text so far is discarded. What for, in a few words.
    Waiting(String),
    /// More text of the description.
    Delta(String),
    /// The description is complete.
    Finished(Description),
    /// There is none; asking again tries again.
    Failed(DescribeError),
    /// It was taken back, or a newer job for its record took its place.
    Cancelled,
}

/// A request that the queue has no room for. Nothing happens to it, and there are no events for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{limit} descriptions of this kind are waiting already: ask again when some are done")]
pub struct Refused {
    /// The request.
    pub request: Box<Request>,
    /// The priority it was asked with.
    pub priority: Priority,
    /// How many may wait at that priority.
    pub limit: usize,
}

/// Runs descriptions in the background. Dropping it cancels them; [`Queue::close`] also waits until they have stopped.
pub struct Queue {
    shared: Arc<Shared>,
    dispatcher: JoinHandle<()>,
    closing: DropGuard,
}

/// What the queue's handle and its tasks share.
struct Shared {
    describer: Arc<dyn Describer>,
    on_event: Box<dyn Fn(JobId, RecordId, JobEvent) + Send + Sync>,
    state: Mutex<State>,
    /// Wakes the dispatcher when something was asked.
    asked: Notify,
}

struct State {
    waiting: Backlog,
    running: HashMap<JobId, Running>,
}

struct Running {
    record: RecordId,
    cancel: CancellationToken,
}

impl Queue {
    /// Starts a queue that runs up to `concurrency` descriptions at once, and one more for the operator, and tells `on_event` of each. `on_event` is
    /// called from several threads, but for each job in order; it should hand the event on and return.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime.
    #[must_use]
    pub fn spawn(
        describer: Arc<dyn Describer>,
        concurrency: NonZeroUsize,
        on_event: impl Fn(JobId, RecordId, JobEvent) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            describer,
            on_event: Box::new(on_event),
            state: Mutex::new(State { waiting: Backlog::new(LIMIT), running: HashMap::new() }),
            asked: Notify::new(),
        });
        let closing = CancellationToken::new();
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&shared), concurrency.get(), closing.clone()));
        Self { shared, dispatcher, closing: closing.drop_guard() }
    }

    /// Asks for a description. If the record waits already, it moves up to `priority`; a job it already has gives way to
    /// this one, unless it is the same.
    ///
    /// # Errors
    ///
    /// [`Refused`] if [`LIMIT`] others wait at this priority. Then everything is as before.
    pub fn ask(&self, priority: Priority, request: Request) -> Result<(), Refused> {
        let mut state = self.shared.state();
        if state.running.contains_key(&request.job) {
            return Ok(());
        }
        let record = request.record;
        let displaced = state.waiting.ask(priority, request)?;
        state.cancel_running(record);
        drop(state);
        self.shared.cancelled(displaced);
        self.shared.asked.notify_one();
        Ok(())
    }

    /// Makes `requests`, nearest first, the whole of review-ahead. Jobs that wait there and are not among them are
    /// cancelled; those that run go on. Returns what there is no room for.
    #[must_use = "what was refused has no events"]
    pub fn replace_ahead(&self, mut requests: Vec<Request>) -> Vec<Refused> {
        let mut state = self.shared.state();
        requests.retain(|request| !state.running.contains_key(&request.job));
        let records: Vec<RecordId> = requests.iter().map(|request| request.record).collect();
        let replaced = state.waiting.replace_ahead(requests);
        for record in records {
            if !replaced.refused.iter().any(|refused| refused.request.record == record) {
                state.cancel_running(record);
            }
        }
        drop(state);
        self.shared.cancelled(replaced.displaced);
        self.shared.asked.notify_one();
        replaced.refused
    }

    /// Takes a job back, whether it waits or runs. A job that has ended stays as it is.
    pub fn cancel(&self, job: JobId) {
        let mut state = self.shared.state();
        let waited = state.waiting.cancel(job);
        if let Some(running) = state.running.get(&job) {
            running.cancel.cancel();
        }
        drop(state);
        self.shared.cancelled(waited);
    }

    /// Takes all jobs back.
    pub fn cancel_all(&self) {
        self.shared.cancel_all();
    }

    /// Takes all jobs back and waits until they have stopped. No event comes after it.
    pub async fn close(self) {
        let Self { dispatcher, closing, .. } = self;
        drop(closing);
        if let Err(error) = dispatcher.await {
            tracing::error!(%error, "the queue of descriptions did not close in order");
        }
    }
}

impl Shared {
    /// No code that can panic runs under the lock, so a poisoned state is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of jobs that ended without having begun. Not under the lock: who listens may ask for more.
    fn cancelled(&self, requests: impl IntoIterator<Item = Request>) {
        for request in requests {
            (self.on_event)(request.job, request.record, JobEvent::Cancelled);
        }
    }

    fn cancel_all(&self) {
        let mut state = self.state();
        let waited = state.waiting.clear();
        for running in state.running.values() {
            running.cancel.cancel();
        }
        drop(state);
        self.cancelled(waited);
    }

    /// Takes the most urgent request out of the backlog and into the running, if one more may run. What the operator
    /// waits for has a place of its own beyond `concurrency`: it need not wait for the end of a bulk job.
    fn start_next(&self, running: usize, concurrency: usize) -> Option<(Request, Priority, CancellationToken)> {
        let mut state = self.state();
        if running >= concurrency && (running > concurrency || state.waiting.first() != Some(Priority::Asked)) {
            return None;
        }
        let (request, priority) = state.waiting.next()?;
        let cancel = CancellationToken::new();
        state.running.insert(request.job, Running { record: request.record, cancel: cancel.clone() });
        Some((request, priority, cancel))
    }
}

impl State {
    fn cancel_running(&self, record: RecordId) {
        for running in self.running.values().filter(|running| running.record == record) {
            running.cancel.cancel();
        }
    }
}

/// Keeps up to `concurrency` jobs running until the queue closes, then stops them all.
async fn dispatch(shared: Arc<Shared>, concurrency: usize, closing: CancellationToken) {
    let mut jobs = JoinSet::new();
    while !closing.is_cancelled() {
        while let Some((request, priority, cancel)) = shared.start_next(jobs.len(), concurrency) {
            jobs.spawn(run(Arc::clone(&shared), request, priority, cancel));
        }
        tokio::select! {
            () = closing.cancelled() => {}
            () = shared.asked.notified() => {}
            Some(_) = jobs.join_next() => {}
        }
    }
    shared.cancel_all();
    while jobs.join_next().await.is_some() {}
}

/// Runs one job to its end.
async fn run(shared: Arc<Shared>, request: Request, priority: Priority, cancel: CancellationToken) {
    let (job, record) = (request.job, request.record);
    // What a panic could leave half done is the describer's stream, and that is dropped with it.
    let end =
        AssertUnwindSafe(describe(&shared, request, priority, &cancel)).catch_unwind().await.unwrap_or_else(|panic| {
            let reason = panic_message(panic.as_ref());
            tracing::error!(job = job.0, record = record.0, reason, "the describer panicked");
            failed(format!("the describer crashed: {reason}"))
        });
    shared.state().running.remove(&job);
    (shared.on_event)(job, record, end);
}

/// Follows the describer's stream and returns how the job ended.
async fn describe(shared: &Shared, request: Request, priority: Priority, cancel: &CancellationToken) -> JobEvent {
    if cancel.is_cancelled() {
        return JobEvent::Cancelled;
    }
    let (job, record) = (request.job, request.record);
    (shared.on_event)(job, record, JobEvent::Started);
    let mut events = shared.describer.describe(request, priority);
    loop {
        let event = tokio::select! {
            biased;
            () = cancel.cancelled() => return JobEvent::Cancelled,
            event = events.next() => event,
        };
        match event {
            Some(DescribeEvent::Waiting(why)) => (shared.on_event)(job, record, JobEvent::Waiting(why)),
            Some(DescribeEvent::Delta(text)) => (shared.on_event)(job, record, JobEvent::Delta(text)),
            Some(DescribeEvent::Finished(description)) if description.text.trim().is_empty() => {
                return failed("the describer returned no text");
            }
            Some(DescribeEvent::Finished(description)) => return JobEvent::Finished(description),
            Some(DescribeEvent::Failed(error)) => return JobEvent::Failed(error),
            None => return failed("the stream broke, the fragment was discarded"),
        }
    }
}

fn failed(message: impl Into<String>) -> JobEvent {
    JobEvent::Failed(DescribeError { message: message.into() })
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("it did not say why")
}

#[cfg(test)]
mod tests;
