//! A two-thread worker pool for preview jobs.
//!
//! The newest request runs first, then the batch in its order, then prefetches. A job that is no longer requested is
//! dropped or cancelled. Results are cached.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::PreviewError;
use super::zoom::PictureView;
use crate::dataset::RecordId;
use crate::picture::{ByteCache, PictureError, Stamp};

/// Two: while one is busy with a picture that the operator has left, the other starts on the current one.
const THREADS: usize = 2;
/// The most prefetches queued: two records in each direction, and a few to spare.
const MAX_PREFETCHES: usize = 8;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Job {
    pub path: PathBuf,
    pub view: PictureView,
    /// A thumbnail is good enough.
    pub small: bool,
}

/// Executes jobs.
pub(super) trait Runner: Send + Sync + 'static {
    type Output: Clone + Send + 'static;

    /// Returns the current stamp of the source, or an error if it cannot be read. Returns [`PictureError::Cancelled`] if it
    /// stopped early.
    fn stamp(&self, path: &Path, is_cancelled: &(dyn Fn() -> bool + Sync)) -> Result<Stamp, PreviewError>;

    /// Runs a job. Checks `is_cancelled` between stages, and returns `None` if it stopped early.
    fn run(
        &self,
        job: &Job,
        stamp: Stamp,
        is_cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Option<Result<Self::Output, PreviewError>>;

    /// Returns the size of a result in bytes.
    fn bytes(&self, output: &Self::Output) -> usize;
}

/// The response to a request.
pub(super) struct Response<O> {
    pub record: RecordId,
    pub job: Job,
    pub result: Result<O, PreviewError>,
}

/// A cached result.
#[derive(Clone)]
struct Cached<O> {
    /// The version of the source that it was made from.
    stamp: Result<Stamp, PreviewError>,
    result: Result<O, PreviewError>,
}

/// A pending request.
struct Request {
    record: RecordId,
    job: Job,
    /// The stamp of the cached result that the caller already has.
    returned: Option<Result<Stamp, PreviewError>>,
}

struct State<O> {
    newest: Option<Request>,
    batch: Vec<Request>,
    prefetches: Vec<Job>,
    in_flight: Vec<Job>,
    cache: ByteCache<Job, Cached<O>>,
    closing: bool,
}

impl<O: Clone> State<O> {
    /// Returns the next job and marks it as in flight. Runs at most one prefetch at a time, so that a thread is free for a
    /// request.
    fn next(&mut self) -> Option<Job> {
        let job = match self.requested().find(|job| !self.in_flight.contains(job)) {
            Some(job) => job.clone(),
            None if self.in_flight.iter().any(|job| !self.is_requested(job)) => return None,
            None => self.prefetches.iter().find(|job| !self.in_flight.contains(job))?.clone(),
        };
        self.in_flight.push(job.clone());
        Some(job)
    }

    fn requested(&self) -> impl Iterator<Item = &Job> {
        self.newest.iter().chain(&self.batch).map(|request| &request.job)
    }

    fn is_requested(&self, job: &Job) -> bool {
        self.requested().any(|requested| requested == job)
    }

    fn is_cancelled(&self, job: &Job) -> bool {
        self.closing || !self.is_requested(job) && !self.prefetches.contains(job)
    }

    /// Creates a request and returns it with the cached result, if any.
    fn request(&mut self, record: RecordId, job: Job) -> (Request, Option<Result<O, PreviewError>>) {
        let cached = self.cache.get(&job).cloned();
        let (returned, result) = cached.map(|cached| (cached.stamp, cached.result)).unzip();
        (Request { record, job, returned }, result)
    }
}

struct Shared<R: Runner> {
    runner: R,
    state: Mutex<State<R::Output>>,
    work: Condvar,
    on_response: Box<dyn Fn(Response<R::Output>) + Send + Sync>,
}

impl<R: Runner> Shared<R> {
    fn state(&self) -> MutexGuard<'_, State<R::Output>> {
        // No code that holds the lock panics; even if it did, the state would be valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.wait_for_job() {
            let is_cancelled = || self.state().is_cancelled(&job);
            let stamp = self.runner.stamp(&job.path, &is_cancelled);
            let cached = self.state().cache.get(&job).filter(|cached| cached.stamp == stamp).cloned();
            let completed = cached.or_else(|| {
                let result = match stamp.clone() {
                    Ok(stamp) => self.runner.run(&job, stamp, &is_cancelled)?,
                    Err(PreviewError::Picture(PictureError::Cancelled)) => return None,
                    Err(error) => Err(error),
                };
                Some(Cached { stamp, result })
            });
            for response in self.finish(&job, completed) {
                (self.on_response)(response);
            }
        }
    }

    fn wait_for_job(&self) -> Option<Job> {
        let mut state = self.state();
        loop {
            if state.closing {
                return None;
            }
            if let Some(job) = state.next() {
                return Some(job);
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Caches a result and returns the responses to the requests for it: several records may have the same picture. A job
    /// without a result was cancelled and may run again.
    fn finish(&self, job: &Job, completed: Option<Cached<R::Output>>) -> Vec<Response<R::Output>> {
        let mut state = self.state();
        state.in_flight.retain(|other| other != job);
        // A thread may be waiting for this job to leave `in_flight`.
        self.work.notify_all();
        let Some(completed) = completed else { return Vec::new() };
        state.prefetches.retain(|other| other != job);
        let bytes = completed.result.as_ref().map_or(size_of::<PreviewError>(), |output| self.runner.bytes(output));
        state.cache.insert(job.clone(), completed.clone(), bytes);
        let newest = state.newest.take_if(|request| request.job == *job);
        let requests = state.batch.extract_if(.., |request| request.job == *job).chain(newest);
        requests
            .filter(|request| request.returned.as_ref() != Some(&completed.stamp))
            .map(|request| Response { record: request.record, job: request.job, result: completed.result.clone() })
            .collect()
    }
}

/// The pool. Dropping it cancels all jobs. It does not wait for the threads, because a read from a stalled network mount
/// may take minutes.
pub(super) struct WorkerPool<R: Runner> {
    shared: Arc<Shared<R>>,
}

impl<R: Runner> WorkerPool<R> {
    /// Starts the threads. `max_bytes` bounds the cache; `on_response` is called on a worker thread.
    pub fn start(
        runner: R,
        max_bytes: usize,
        on_response: impl Fn(Response<R::Output>) + Send + Sync + 'static,
    ) -> Self {
        let state = State {
            newest: None,
            batch: Vec::new(),
            prefetches: Vec::new(),
            in_flight: Vec::new(),
            cache: ByteCache::new(max_bytes),
            closing: false,
        };
        let on_response = Box::new(on_response);
        let shared = Arc::new(Shared { runner, state: Mutex::new(state), work: Condvar::new(), on_response });
        for number in 1..=THREADS {
            let worker = Arc::clone(&shared);
            let builder = std::thread::Builder::new().name(format!("picture-{number}"));
            if let Err(error) = builder.spawn(move || worker.work()) {
                tracing::warn!(%error, "cannot start a thread for images");
            }
        }
        Self { shared }
    }

    pub fn runner(&self) -> &R {
        &self.shared.runner
    }

    /// Replaces the newest request. Returns the cached result, if any; a response follows if there is none, or if its
    /// source has changed.
    pub fn request(&self, record: RecordId, job: Job) -> Option<Result<R::Output, PreviewError>> {
        let mut state = self.shared.state();
        let (request, result) = state.request(record, job);
        state.newest = Some(request);
        self.shared.work.notify_one();
        result
    }

    /// Replaces the batch. Returns the cached results; responses follow as for [`Self::request`].
    pub fn request_batch(&self, jobs: impl IntoIterator<Item = (RecordId, Job)>) -> Vec<Response<R::Output>> {
        let mut state = self.shared.state();
        state.batch.clear();
        let mut cached = Vec::new();
        for (record, job) in jobs {
            let (request, result) = state.request(record, job);
            cached.extend(result.map(|result| Response { record, job: request.job.clone(), result }));
            state.batch.push(request);
        }
        self.shared.work.notify_all();
        cached
    }

    /// Cancels the newest request.
    pub fn cancel_request(&self) {
        self.shared.state().newest = None;
    }

    /// Replaces the prefetches; the likeliest come first.
    pub fn prefetch(&self, jobs: impl IntoIterator<Item = Job>) {
        let mut state = self.shared.state();
        state.prefetches.clear();
        for job in jobs.into_iter().take(MAX_PREFETCHES) {
            if !state.cache.contains(&job) && !state.prefetches.contains(&job) {
                state.prefetches.push(job);
            }
        }
        self.shared.work.notify_one();
    }

    pub fn clear_cache(&self) {
        self.shared.state().cache.clear();
    }
}

impl<R: Runner> Drop for WorkerPool<R> {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.work.notify_all();
    }
}

#[cfg(test)]
mod tests;
