//! The job queue: runs descriptions in the background, by priority.
//!
//! Every accepted job ends with exactly one of `Finished`, `Failed` and `Cancelled`. A record has at most one live job: a
//! new job for it cancels the old one. An event that was already being delivered when its job was cancelled may still
//! arrive, so the receiver compares job and record and drops results that are no longer current.

mod backlog;

use std::any::Any;
use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::{CancellationToken, DropGuard};

use self::backlog::Backlog;
use super::event::JobEvent;
use super::request::NotSent;
use super::rules::JobSpec;
use crate::dataset::RecordId;
use crate::describe::{DescribeError, Describer, DescriptionEvent, JobId, Outcome, Priority, Request};

/// The maximum number of waiting jobs per priority. A run over a large dataset adds jobs as others end.
pub const LIMIT: usize = 1_000;

/// A job that the queue has no room for. It has no events.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("queue full: {limit} descriptions of this priority are waiting; try again once some have finished")]
pub struct Refused {
    pub spec: Box<JobSpec>,
    /// The limit of its priority.
    pub limit: usize,
}

/// Builds the request for a job. Called on a blocking thread, because it reads the record's line.
pub type Prepare = Arc<dyn Fn(JobSpec) -> Result<Request, NotSent> + Send + Sync>;

/// Runs jobs in the background. Dropping it cancels them; [`Queue::close`] also waits until they have stopped.
pub struct Queue {
    shared: Arc<Shared>,
    dispatcher: JoinHandle<()>,
    closing: DropGuard,
}

/// State shared by the queue's handle and its tasks.
struct Shared {
    describer: Arc<dyn Describer>,
    prepare: Prepare,
    on_event: Box<dyn Fn(JobId, RecordId, JobEvent) + Send + Sync>,
    state: Mutex<State>,
    /// Wakes the dispatcher after a job was added.
    added: Notify,
}

struct State {
    waiting: Backlog,
    running: HashMap<JobId, Running>,
}

struct Running {
    record: RecordId,
    priority: Priority,
    cancel: Cancel,
}

/// How a job is cancelled.
#[derive(Clone, Debug, Default)]
struct Cancel {
    now: CancellationToken,
    /// Unless its request is in flight, which is charged for.
    unsent: CancellationToken,
}

impl Queue {
    /// Starts a queue that runs as many jobs at once as the describer asks for at the time, and one more if the operator
    /// waits for it. `on_event` is called from several threads, but in order for each job; it must return quickly.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    #[must_use]
    pub fn spawn(
        describer: Arc<dyn Describer>,
        prepare: Prepare,
        on_event: impl Fn(JobId, RecordId, JobEvent) + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(Shared {
            describer,
            prepare,
            on_event: Box::new(on_event),
            state: Mutex::new(State { waiting: Backlog::new(LIMIT), running: HashMap::new() }),
            added: Notify::new(),
        });
        let closing = CancellationToken::new();
        let dispatcher = tokio::spawn(dispatch(Arc::clone(&shared), closing.clone()));
        Self { shared, dispatcher, closing: closing.drop_guard() }
    }

    /// Adds a job. If the record has a waiting job, the new one replaces it at the more urgent of both priorities; if it
    /// has a running one, that is cancelled, unless it is the same job.
    ///
    /// # Errors
    /// Returns [`Refused`], and changes nothing, if [`LIMIT`] other jobs wait at this priority.
    pub fn add(&self, spec: JobSpec) -> Result<(), Refused> {
        let mut state = self.shared.state();
        if state.running.contains_key(&spec.job) {
            return Ok(());
        }
        let record = spec.record;
        let displaced = state.waiting.add(spec)?;
        state.cancel_running(record);
        drop(state);
        self.shared.cancelled(displaced);
        self.shared.added.notify_one();
        Ok(())
    }

    /// Replaces all waiting prefetch jobs by these, nearest first. Running jobs continue. Returns the jobs over the limit.
    #[must_use = "refused jobs have no events"]
    pub fn replace_ahead(&self, mut specs: Vec<JobSpec>) -> Vec<Refused> {
        let mut state = self.shared.state();
        specs.retain(|spec| !state.running.contains_key(&spec.job));
        let records: Vec<RecordId> = specs.iter().map(|spec| spec.record).collect();
        let replaced = state.waiting.replace_ahead(specs);
        for record in records {
            if !replaced.refused.iter().any(|refused| refused.spec.record == record) {
                state.cancel_running(record);
            }
        }
        drop(state);
        self.shared.cancelled(replaced.displaced);
        self.shared.added.notify_one();
        replaced.refused
    }

    /// Cancels a job, whether it waits or runs. A job that has ended is left alone.
    pub fn cancel(&self, job: JobId) {
        let mut state = self.shared.state();
        let waited = state.waiting.cancel(job);
        if let Some(running) = state.running.get(&job) {
            running.cancel.now.cancel();
        }
        drop(state);
        self.shared.cancelled(waited);
    }

    pub fn cancel_all(&self) {
        self.shared.cancel_all();
    }

    /// Cancels the jobs whose request is not in flight, also those that wait to repeat it.
    pub fn cancel_unsent(&self) {
        let mut state = self.shared.state();
        let waited = state.waiting.clear();
        for running in state.running.values() {
            running.cancel.unsent.cancel();
        }
        drop(state);
        self.shared.cancelled(waited);
    }

    /// Cancels all jobs and waits until they have stopped. No event follows.
    pub async fn close(self) {
        let Self { dispatcher, closing, .. } = self;
        drop(closing);
        if let Err(error) = dispatcher.await {
            tracing::error!(%error, "the job queue did not shut down cleanly");
        }
    }
}

impl Shared {
    /// No code that can panic runs under the lock, so a poisoned state is still consistent.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reports jobs that were cancelled before they started. Not under the lock: the callback may add jobs.
    fn cancelled(&self, specs: impl IntoIterator<Item = JobSpec>) {
        for spec in specs {
            (self.on_event)(spec.job, spec.record, JobEvent::Cancelled);
        }
    }

    fn cancel_all(&self) {
        let mut state = self.state();
        let waited = state.waiting.clear();
        for running in state.running.values() {
            running.cancel.now.cancel();
        }
        drop(state);
        self.cancelled(waited);
    }

    /// Moves the most urgent job from the backlog to the running ones, if one more may run. A job the operator waits for
    /// has a slot of its own beyond those of the describer, so that it need not wait for the end of a bulk job.
    fn start_next(&self, running: usize) -> Option<(JobSpec, Cancel)> {
        let slots = self.describer.concurrency().get();
        let mut state = self.state();
        if running >= slots {
            // More jobs than slots run if the describer has lowered its concurrency.
            let has_own_slot =
                running == slots || state.running.values().all(|it| it.priority != Priority::Interactive);
            if !has_own_slot || state.waiting.first() != Some(Priority::Interactive) {
                return None;
            }
        }
        let spec = state.waiting.next()?;
        let cancel = Cancel::default();
        let running = Running { record: spec.record, priority: spec.priority, cancel: cancel.clone() };
        state.running.insert(spec.job, running);
        Some((spec, cancel))
    }
}

impl State {
    fn cancel_running(&self, record: RecordId) {
        for running in self.running.values().filter(|running| running.record == record) {
            running.cancel.now.cancel();
        }
    }
}

/// Keeps jobs running until the queue closes, then cancels them all.
async fn dispatch(shared: Arc<Shared>, closing: CancellationToken) {
    let mut jobs = JoinSet::new();
    while !closing.is_cancelled() {
        while let Some((spec, cancel)) = shared.start_next(jobs.len()) {
            jobs.spawn(run(Arc::clone(&shared), spec, cancel));
        }
        tokio::select! {
            () = closing.cancelled() => {}
            () = shared.added.notified() => {}
            Some(_) = jobs.join_next() => {}
        }
    }
    shared.cancel_all();
    while jobs.join_next().await.is_some() {}
}

/// Runs one job to its end.
async fn run(shared: Arc<Shared>, spec: JobSpec, cancel: Cancel) {
    let (job, record) = (spec.job, spec.record);
    // Only the describer's stream could be left inconsistent by a panic, and that is dropped with it.
    let end = AssertUnwindSafe(describe(&shared, spec, &cancel)).catch_unwind().await.unwrap_or_else(|panic| {
        let reason = panic_message(panic.as_ref());
        tracing::error!(job = job.0, record = record.0, reason, "the describer panicked");
        failed(format!("the describer crashed: {reason}"))
    });
    shared.state().running.remove(&job);
    (shared.on_event)(job, record, end);
}

/// Follows the describer's stream and returns how the job ended.
async fn describe(shared: &Arc<Shared>, spec: JobSpec, cancel: &Cancel) -> JobEvent {
    let (job, record, priority) = (spec.job, spec.record, spec.priority);
    let prepare = Arc::clone(&shared.prepare);
    let prepared = tokio::select! {
        biased;
        () = cancel.now.cancelled() => return JobEvent::Cancelled,
        () = cancel.unsent.cancelled() => return JobEvent::Cancelled,
        prepared = tokio::task::spawn_blocking(move || prepare(spec)) => prepared,
    };
    let request = match prepared {
        Ok(Ok(request)) => request,
        Ok(Err(NotSent::Failed(message))) => return failed(message),
        Ok(Err(NotSent::AlreadyVerified)) => return JobEvent::AlreadyVerified,
        Err(error) => return failed(format!("the request could not be prepared: {error}")),
    };
    (shared.on_event)(job, record, JobEvent::Started);
    let mut events = shared.describer.describe(request, priority);
    let mut is_waiting = false;
    loop {
        let event = tokio::select! {
            biased;
            () = cancel.now.cancelled() => return JobEvent::Cancelled,
            // The next event may tell that the request was sent.
            event = events.next() => event,
            () = cancel.unsent.cancelled(), if is_waiting => return JobEvent::Cancelled,
        };
        is_waiting = matches!(event, Some(DescriptionEvent::Waiting(_)));
        match event {
            Some(DescriptionEvent::Waiting(reason)) => (shared.on_event)(job, record, JobEvent::Waiting(reason)),
            Some(DescriptionEvent::Delta(text)) => (shared.on_event)(job, record, JobEvent::Delta(text)),
            Some(DescriptionEvent::Ended(Outcome::Described(description))) if description.text.trim().is_empty() => {
                return failed("the describer returned no text");
            }
            Some(DescriptionEvent::Ended(outcome)) => return JobEvent::Ended(outcome),
            None => return failed("description interrupted: partial text discarded"),
        }
    }
}

fn failed(message: impl Into<String>) -> JobEvent {
    JobEvent::Ended(Outcome::Failed(DescribeError { message: message.into() }))
}

fn panic_message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no panic message")
}

#[cfg(test)]
mod tests;
