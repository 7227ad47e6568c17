//! The engine under both front ends. It owns the dataset, the session, the job queue and saving, and reports what
//! happens as [`EngineEvent`]s from its own threads. The reviewer turns effects into its calls and its events into
//! messages; the headless commands are loops over the same calls and events.
//!
//! No method blocks, except [`Engine::close`].

pub mod batch;
mod collection;
mod event;
mod import;
mod index;
mod lines;
pub mod queue;
pub mod request;
pub mod rules;
mod save;
pub mod selection;
mod session_events;
pub mod structured;
pub mod style;
pub mod verifier;

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;

use self::collection::Collection;
pub use self::collection::{BatchService, CollectionId};
pub use self::event::{Checked, EngineEvent, JobEvent, SaveFailure, SaveSummary};
use self::lines::LineReader;
use self::queue::{Queue, Refused};
use self::rules::JobSpec;
pub use self::save::{SaveRequest, SaveTarget};
use self::session_events::SessionEvents;
use crate::dataset::{Dataset, RecordId};
pub use crate::describe::Consent;
use crate::describe::{DescribeError, Describer, DescriberEvent, DescriberStatus, JobId, Outcome};
use crate::lint::Rules;
use crate::report::Figures;
use crate::session::{self, Location, SampleRequest, SessionError, Step, Worker, WorkerHandle, WorkerOptions};

/// Called with every event, from any thread. It must return quickly.
pub type Emit = Arc<dyn Fn(EngineEvent) + Send + Sync>;

/// What an engine works on.
pub struct EngineOptions {
    pub dataset: Dataset,
    pub session: Location,
    /// Open the session for reading only.
    pub read_only: bool,
    /// The reviewer's name, for the history. `None` for headless runs.
    pub reviewer: Option<String>,
    pub describer: Option<Arc<dyn Describer>>,
    /// A [`Verifier`](verifier::Verifier).
    pub verifier: Option<Arc<dyn Describer>>,
    pub rules: Rules,
    pub target: SaveTarget,
    /// The output of an earlier run, whose captions are imported as candidates.
    pub candidates: Option<CandidateFile>,
    /// The sample of a spot check, drawn unless the session has it.
    pub sample: Option<SampleRequest>,
}

/// A file whose captions are imported as candidates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CandidateFile {
    pub path: PathBuf,
    /// [`FILE`](crate::session::FILE) or [`SAMPLE`](crate::session::SAMPLE).
    pub describer: &'static str,
}

/// The work in the background. Dropping it flushes the session.
pub struct Engine {
    dataset: Dataset,
    location: Location,
    target: SaveTarget,
    rules: Rules,
    describer: Option<Arc<dyn Describer>>,
    verifier: Option<Arc<dyn Describer>>,
    emit: Emit,
    session: Option<Worker>,
    lines: LineReader,
    queue: Option<Queue>,
    /// The jobs of the verifier.
    verifications: Option<Queue>,
    /// The collection of batch results.
    collection: Option<Collection>,
    /// The queues of former describers, until their jobs have stopped.
    retired: Vec<tokio::task::JoinHandle<()>>,
    threads: Vec<JoinHandle<()>>,
    stopping: Stopping,
}

/// Tells the engine's threads to stop.
#[derive(Clone, Debug, Default)]
pub struct Stopping(Arc<AtomicBool>);

impl Stopping {
    fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns `Break` once the engine is closing, for long scans.
    pub fn check(&self) -> ControlFlow<()> {
        if self.0.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Engine {
    /// Opens the session in the background and starts the queue.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    #[must_use]
    pub fn start(options: EngineOptions, emit: Emit) -> Self {
        let stopping = Stopping::default();
        let session_events = SessionEvents::new(&options, Arc::clone(&emit), stopping.clone());
        let EngineOptions {
            dataset, session: location, read_only, reviewer, describer, verifier, rules, target, ..
        } = options;
        let session = open_session(&location, &dataset, read_only, reviewer, session_events, &emit);
        let lines = LineReader::spawn(dataset.clone(), session.as_ref().map(|session| session.handle().clone()), &emit);
        let (retired, threads) = (Vec::new(), Vec::new());
        let mut engine = Self {
            dataset,
            location,
            target,
            rules,
            describer: None,
            verifier: None,
            emit,
            session,
            lines,
            queue: None,
            verifications: None,
            collection: None,
            retired,
            threads,
            stopping,
        };
        engine.use_describer(describer);
        engine.verifications = verifier.as_ref().map(|verifier| engine.start_queue(verifier, EngineEvent::Verifier));
        engine.verifier = verifier;
        engine
    }

    /// Describes with this describer from now on. The jobs of the former one are cancelled; their costs are still stored.
    ///
    /// # Panics
    /// Panics outside a tokio runtime.
    pub fn use_describer(&mut self, describer: Option<Arc<dyn Describer>>) {
        if let Some(former) = &self.describer {
            self.listen(former.as_ref(), None);
        }
        let queue = describer.as_ref().map(|describer| self.start_queue(describer, EngineEvent::Describer));
        if let Some(former) = std::mem::replace(&mut self.queue, queue) {
            self.retired.retain(|queue| !queue.is_finished());
            self.retired.push(tokio::spawn(former.close()));
        }
        self.describer = describer;
    }

    /// Starts a queue for a describer, whose status becomes events.
    fn start_queue(&self, describer: &Arc<dyn Describer>, status: fn(DescriberStatus) -> EngineEvent) -> Queue {
        self.listen(describer.as_ref(), Some(status));
        start_queue(describer, &self.dataset, self.rules.clone(), &self.emit)
    }

    /// Forwards the describer's charges after they were sent to the session, and its status if it is asked for.
    fn listen(&self, describer: &dyn Describer, to_event: Option<fn(DescriberStatus) -> EngineEvent>) {
        let emit = Arc::clone(&self.emit);
        let session = self.session.as_ref().map(|session| session.handle().clone());
        describer.set_listener(Arc::new(move |event| match event {
            DescriberEvent::Status(status) => _ = to_event.map(|to_event| emit(to_event(status))),
            DescriberEvent::Charged(charge) => {
                let usage = charge.usage;
                // If this fails, so does the next step, which is reported.
                let _ = session.as_ref().map(|session| session.store_charge(Timestamp::now(), charge));
                emit(EngineEvent::Charged(usage));
            }
        }));
    }

    #[must_use]
    pub const fn dataset(&self) -> &Dataset {
        &self.dataset
    }

    #[must_use]
    pub fn stopping(&self) -> Stopping {
        self.stopping.clone()
    }

    /// Recognises the style of the captions unless it is set, indexes the dataset, then checks every line and image if `check_images` is true, then tells the session which
    /// records share a file name.
    pub fn index(&mut self, check_images: bool) {
        let (dataset, emit, stopping) = (self.dataset.clone(), Arc::clone(&self.emit), self.stopping.clone());
        let session = self.session.as_ref().map(|session| session.handle().clone());
        let is_style_set = self.rules.style.is_some();
        self.spawn_reader("index", move || {
            // If this fails, so does the index, which is reported.
            if !is_style_set && let Ok(style) = style::recognise(&dataset) {
                emit(EngineEvent::StyleRecognised(style));
            }
            index::run(&dataset, check_images, session.as_ref(), &emit, &stopping);
        });
    }

    /// Reads lines for the screen.
    pub fn load(&self, records: Vec<RecordId>) {
        self.lines.read(records);
    }

    /// Stores a step. Reported by [`EngineEvent::Durable`] or [`EngineEvent::StoreFailed`].
    pub fn store(&self, step: Step) {
        let sent = self.send_to_session(|session| session.store(step, Timestamp::now()));
        if let Err(error) = sent {
            (self.emit)(EngineEvent::StoreFailed(error.to_string()));
        }
    }

    /// Remembers the record under the cursor for the next start.
    pub fn remember_cursor(&self, record: RecordId, file_name: String) {
        // If this fails, so does the next step, which is reported.
        let _ = self.send_to_session(|session| session.set_cursor(record, file_name));
    }

    /// Closes the session and opens it again, to show the stored state.
    pub fn reopen_session(&self) {
        if let Err(error) = self.send_to_session(WorkerHandle::reopen) {
            (self.emit)(EngineEvent::SessionFailed(error));
        }
    }

    /// Adds jobs to the queue of the describer or the verifier. One that does not fit fails.
    pub fn describe(&self, specs: Vec<JobSpec>) {
        for spec in specs {
            let queue = if spec.mode.is_verification() { &self.verifications } else { &self.queue };
            if let Some(Err(refused)) = queue.as_ref().map(|queue| queue.add(spec)) {
                self.refuse(&refused);
            }
        }
    }

    fn queues(&self) -> impl Iterator<Item = &Queue> {
        self.queue.iter().chain(&self.verifications)
    }

    fn describers(&self) -> impl Iterator<Item = &Arc<dyn Describer>> {
        self.describer.iter().chain(&self.verifier)
    }

    /// Replaces the waiting review-ahead jobs.
    pub fn describe_ahead(&self, specs: Vec<JobSpec>) {
        let Some(queue) = &self.queue else { return };
        for refused in queue.replace_ahead(specs) {
            self.refuse(&refused);
        }
    }

    pub fn cancel(&self, job: JobId) {
        self.queues().for_each(|queue| queue.cancel(job));
    }

    pub fn cancel_all(&self) {
        self.queues().for_each(Queue::cancel_all);
    }

    /// Cancels the jobs whose request is not in flight.
    pub fn cancel_unsent(&self) {
        self.queues().for_each(Queue::cancel_unsent);
    }

    /// Determines the account and the price of requests, which the status then has.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn prepare_describer(&self) {
        if let Some(describer) = &self.describer {
            tokio::spawn(describer.prepare());
        }
    }

    /// Passes the consent of the operator to the describer.
    pub fn consent(&self, consent: Consent) {
        if let Some(describer) = &self.describer {
            describer.consent(consent);
        }
    }

    /// Passes the consent of the operator to the verifier.
    pub fn consent_to_verify(&self, consent: Consent) {
        if let Some(verifier) = &self.verifier {
            verifier.consent(consent);
        }
    }

    /// Like [`prepare_describer`](Self::prepare_describer), for the verifier.
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn prepare_verifier(&self) {
        if let Some(verifier) = &self.verifier {
            tokio::spawn(verifier.prepare());
        }
    }

    /// Lets a paused describer or verifier try again.
    pub fn resume_describer(&self) {
        self.describers().for_each(|describer| describer.resume());
    }

    /// Writes the updated dataset.
    pub fn save(&mut self, request: SaveRequest) {
        let (dataset, target, emit) = (self.dataset.clone(), self.target.clone(), Arc::clone(&self.emit));
        self.spawn_writer("save", move || {
            emit(match target.save(&dataset, request) {
                Ok(summary) => EngineEvent::Saved(summary),
                Err(failure) => EngineEvent::SaveFailed(failure),
            });
        });
    }

    /// Gathers the statistics of the events stored so far.
    pub fn gather_statistics(&mut self) {
        let (dataset, location, rules) = (self.dataset.clone(), self.location.clone(), self.rules.clone());
        let (emit, stopping) = (Arc::clone(&self.emit), self.stopping.clone());
        self.spawn_reader("statistics", move || {
            let history = session::read_history(&location, &dataset).map_err(|error| error.to_string());
            let figures = history.and_then(|history| {
                let rules = style::settled(&dataset, &rules).map_err(|error| error.to_string())?;
                Figures::gather(&dataset, &history, &rules, &mut || stopping.check()).map_err(|error| error.to_string())
            });
            if let Some(figures) = figures.transpose() {
                emit(EngineEvent::Statistics(figures.map(Box::new)));
            }
        });
    }

    /// Stops all work and closes the session.
    ///
    /// # Errors
    /// Returns the first error of the session since it was opened.
    pub async fn close(mut self) -> Result<(), SessionError> {
        self.stopping.stop();
        self.stop_collecting();
        for queue in [self.queue.take(), self.verifications.take()].into_iter().flatten() {
            queue.close().await;
        }
        for queue in self.retired.drain(..) {
            // A panic was reported by the panic hook.
            let _ = queue.await;
        }
        let session = self.session.take();
        let closed = tokio::task::spawn_blocking(move || session.map_or(Ok(()), Worker::close)).await;
        let threads = std::mem::take(&mut self.threads);
        let _ = tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| drop(thread.join()))).await;
        closed.unwrap_or(Err(SessionError::Stopped))
    }

    /// Runs work that writes a file on a thread of its own, which [`close`](Self::close) waits for.
    pub fn spawn_writer(&mut self, name: &str, work: impl FnOnce() + Send + 'static) {
        self.threads.retain(|thread| !thread.is_finished());
        self.threads.extend(self.start_thread(name, work));
    }

    /// Runs work that only reads on a thread of its own. Nothing waits for it, because a read from a stalled network
    /// mount may take minutes.
    pub fn spawn_reader(&self, name: &str, work: impl FnOnce() + Send + 'static) {
        self.start_thread(name, work);
    }

    fn start_thread(&self, name: &str, work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
        let started = thread::Builder::new().name(name.to_owned()).spawn(work);
        started
            .inspect_err(|error| {
                (self.emit)(EngineEvent::Warning(format!("cannot start the {name} thread: {error}")));
            })
            .ok()
    }

    fn send_to_session(
        &self,
        send: impl FnOnce(&WorkerHandle) -> Result<(), SessionError>,
    ) -> Result<(), SessionError> {
        self.session.as_ref().map_or(Err(SessionError::Stopped), |session| send(session.handle()))
    }

    fn refuse(&self, refused: &Refused) {
        let event = JobEvent::Ended(Outcome::Failed(DescribeError { message: refused.to_string() }));
        let JobSpec { job, record, .. } = *refused.spec;
        (self.emit)(EngineEvent::Job { job, record, event, at: Timestamp::now() });
    }
}

impl Drop for Engine {
    /// Flushes the session even if the front end panics.
    fn drop(&mut self) {
        self.stopping.stop();
        if let Some(Err(error)) = self.session.take().map(Worker::close) {
            tracing::error!(%error, "closing the session");
        }
    }
}

fn open_session(
    location: &Location,
    dataset: &Dataset,
    read_only: bool,
    reviewer: Option<String>,
    mut events: SessionEvents,
    emit: &Emit,
) -> Option<Worker> {
    let options = WorkerOptions { location: location.clone(), dataset: dataset.clone(), read_only };
    match Worker::spawn(options, move |session, event| events.handle(session, event)) {
        Ok(session) => {
            // Fails only if the thread has ended; then so does the next step, which is reported.
            let _ = reviewer.map(|reviewer| session.handle().set_reviewer(Timestamp::now(), reviewer));
            Some(session)
        }
        Err(error) => {
            emit(EngineEvent::SessionFailed(error));
            None
        }
    }
}

fn start_queue(describer: &Arc<dyn Describer>, dataset: &Dataset, rules: Rules, emit: &Emit) -> Queue {
    let (dataset, emit) = (dataset.clone(), Arc::clone(emit));
    let settled = OnceLock::new();
    let prepare = Arc::new(move |spec| {
        let rules = if let Some(rules) = settled.get() {
            rules
        } else {
            let rules = style::settled(&dataset, &rules).map_err(|error| error.to_string())?;
            settled.get_or_init(|| rules.into_owned())
        };
        request::build(&dataset, spec, rules)
    });
    Queue::spawn(Arc::clone(describer), prepare, move |job, record, event| {
        emit(EngineEvent::Job { job, record, event, at: Timestamp::now() });
    })
}

#[cfg(test)]
mod tests;
