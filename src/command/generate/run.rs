//! One run: a loop over the engine's events that keeps the queue supplied and stores each result.

use std::collections::HashSet;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::consent::{self, Verdict};
use super::progress::Progress;
use super::tally::{Stopped, Tally};
use super::{GenerateError, GenerateOptions, Task};
use crate::command::{answer, input};
use crate::console::Console;
use crate::dataset::{Dataset, Entry, RecordId};
use crate::describe::{Consent, Cost, DescriberStatus, Description, JobId, Outcome, Pause, PauseKind, Priority};
use crate::engine::rules::{self, Concluded, Judged, Origin, Standing, Wish};
use crate::engine::selection::Selected;
use crate::engine::{Engine, EngineEvent, EngineOptions, JobEvent, SaveTarget};
use crate::session::{Actor, Ledger, Location, Opened, Verification};

/// The number of jobs that wait in the queue, so that it never runs dry.
const READY: usize = 8;
/// The interval between updates of the progress if there are no events.
const TICK: Duration = Duration::from_secs(1);

/// How long a run waits until its results can be stored, before it stops.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long consent waits for the account and the price.
const PREPARATION: Duration = Duration::from_secs(20);

/// A finished run.
pub(super) struct Finished {
    pub(super) ledger: Ledger,
    pub(super) tally: Tally,
    pub(super) selected: Selected,
}

struct Run<'a> {
    options: &'a GenerateOptions,
    /// All records of the run.
    records: &'a [RecordId],
    engine: Engine,
    ledger: Ledger,
    /// The jobs that have not ended.
    live: HashSet<JobId>,
    next_job: u64,
    status: DescriberStatus,
    /// Since when results cannot be stored, and why. No request is sent meanwhile.
    delayed: Option<(Instant, String)>,
    /// Reads the answer to a question about a higher price, which is the reason of the pause.
    question: Option<(JoinHandle<io::Result<bool>>, String)>,
    tally: Tally,
}

/// Describes the selected records.
///
/// # Errors
/// Returns an error if nothing was described: the session cannot be opened, the cost was not consented to, or no signal
/// handler can be installed.
pub(super) async fn run(
    options: &GenerateOptions,
    dataset: &Dataset,
    location: &Location,
) -> Result<Finished, GenerateError> {
    let (sender, mut events) = unbounded_channel();
    let engine_options = EngineOptions {
        dataset: dataset.clone(),
        session: location.clone(),
        read_only: false,
        reviewer: None,
        describer: Some(Arc::clone(&options.describer)).filter(|_| !options.task.is_verification()),
        verifier: Some(Arc::clone(&options.describer)).filter(|_| options.task.is_verification()),
        rules: options.rules.clone(),
        target: SaveTarget::new(dataset, options.output.clone(), options.in_place),
        candidates: None,
        sample: None,
    };
    let emit = Arc::new(move |event| {
        // Fails only after the run.
        let _ = sender.send(event);
    });
    let mut engine = Engine::start(engine_options, emit);
    let opened = opened(&mut events).await?;
    input::report(&opened, location, &mut Console::stderr())?;
    prepare(options).await;
    let selected = options.select(dataset, &opened)?;
    if let Some(consent) = require_consent(options, dataset, &selected)? {
        options.describer.consent(consent);
    }
    engine.index(false);
    let total = selected.records.len() as u64;
    tracing::info!(records = total, describer = options.describer.name(), "run started");
    let run = Run {
        options,
        records: &selected.records,
        engine,
        ledger: opened.ledger,
        live: HashSet::new(),
        next_job: 0,
        status: DescriberStatus::default(),
        delayed: None,
        question: None,
        tally: Tally::default(),
    };
    let (tally, ledger) = run.describe(&mut events, Progress::start(total, options.terminal)).await?;
    Ok(Finished { ledger, tally, selected })
}

/// Returns the consent to the cost, after asking if necessary, or `None` if the run is free.
///
/// # Errors
/// Returns an error if the cost is not consented to.
fn require_consent(
    options: &GenerateOptions,
    dataset: &Dataset,
    selected: &Selected,
) -> Result<Option<Consent>, GenerateError> {
    let count = selected.records.len() as u64;
    let Some(usage) = consent::estimate(options, dataset, &selected.records, count) else { return Ok(None) };
    let question = match consent::verdict(options, usage, count, Cost::default())? {
        Verdict::Given(consent) => return Ok(Some(consent)),
        Verdict::Ask(question) => question,
    };
    let mut errors = Console::stderr();
    if let Some(terms) = &options.describer.terms() {
        errors.message(terms)?;
    }
    write!(errors, "{question}")?;
    errors.flush()?;
    if answer::read()? {
        Ok(Some(Consent::Terms))
    } else {
        Err(GenerateError::Declined { done: options.task.verb().1 })
    }
}

/// Determines the account and the price if consent depends on them.
pub(super) async fn prepare(options: &GenerateOptions) {
    let Some(usage) = options.describer.estimate(None) else { return };
    let asks = options.terminal && !options.yes;
    if asks || options.task.depends_on_model() || usage.cost.amount().is_none() {
        // If it takes longer, they are unknown.
        let _ = tokio::time::timeout(PREPARATION, options.describer.prepare()).await;
    }
}

/// Waits until the session is open for writing.
async fn opened(events: &mut UnboundedReceiver<EngineEvent>) -> Result<Opened, GenerateError> {
    loop {
        match events.recv().await {
            Some(EngineEvent::SessionOpened { opened, read_only: None, .. }) => return Ok(*opened),
            Some(EngineEvent::SessionOpened { read_only: Some(reason), .. }) => {
                return Err(GenerateError::InUse(reason));
            }
            Some(EngineEvent::SessionFailed(error)) => return Err(error.into()),
            Some(_) => {}
            None => return Err(io::Error::other("the session could not be opened").into()),
        }
    }
}

impl Run<'_> {
    async fn describe(
        mut self,
        events: &mut UnboundedReceiver<EngineEvent>,
        mut progress: Progress,
    ) -> io::Result<(Tally, Ledger)> {
        let mut records = self.records.iter().copied();
        let mut interrupts = Interrupts::listen()?;
        let mut interrupted = false;
        let mut tick = tokio::time::interval(TICK);
        loop {
            if let Some((_, error)) = self.delayed.take_if(|(since, _)| since.elapsed() > PATIENCE) {
                self.stop(Stopped::NotWritten(error));
            }
            self.feed(&mut records);
            if self.live.is_empty() && (self.delayed.is_none() || interrupted) {
                break;
            }
            tokio::select! {
                Some(event) = events.recv() => self.on_event(event, &progress),
                () = interrupts.next() => {
                    if std::mem::replace(&mut interrupted, true) {
                        self.engine.cancel_all();
                    } else {
                        self.stop(Stopped::Interrupted);
                        progress.message("finishing requests in flight; press ^C again to cancel them");
                    }
                }
                Some((answer, reason)) = answer(&mut self.question) => {
                    self.question = None;
                    if answer? {
                        self.options.describer.consent(Consent::Terms);
                    } else {
                        self.stop(Stopped::NoConsent(reason));
                    }
                }
                _ = tick.tick() => {}
            }
            // A bar would overwrite the question.
            if self.question.is_none() {
                progress.show(&self.tally, &self.status);
            }
        }
        let Self { engine, mut tally, ledger, .. } = self;
        if let Err(error) = engine.close().await {
            tally.stopped = Some(Stopped::NotWritten(error.to_string()));
        }
        tally.took = progress.end();
        Ok((tally, ledger))
    }

    /// Fills the queue.
    fn feed(&mut self, records: &mut impl Iterator<Item = RecordId>) {
        let capacity = self.options.describer.concurrency().get() + READY;
        while self.tally.stopped.is_none() && self.delayed.is_none() && self.live.len() < capacity {
            let Some(record) = records.next() else { break };
            self.next_job += 1;
            let job = JobId(self.next_job);
            self.live.insert(job);
            let priority = Priority::Bulk;
            let spec = match self.options.task {
                Task::Describe { .. } => {
                    let describer = self.options.describer.name();
                    rules::job_spec(job, record, priority, &self.ledger, describer, Wish::Describe)
                }
                Task::Verify { .. } => {
                    let state = self.ledger.record(record);
                    rules::verification_spec(job, record, priority, state, Judged::first(state), Vec::new())
                }
            };
            self.engine.describe(vec![spec]);
        }
    }

    fn on_event(&mut self, event: EngineEvent, progress: &Progress) {
        match event {
            EngineEvent::Job { job, record, event, at } => self.on_job(job, record, event, at),
            EngineEvent::Describer(status) | EngineEvent::Verifier(status) => self.on_status(status, progress),
            EngineEvent::Charged(usage) => {
                self.tally.usage.tokens += usage.tokens;
                self.tally.usage.cost += usage.cost;
            }
            EngineEvent::StoreFailed(error) => self.stop(Stopped::NotWritten(error)),
            EngineEvent::StoreDelayed(error) => {
                self.delayed.get_or_insert((Instant::now(), error));
            }
            EngineEvent::Durable(through, _) if through >= self.ledger.last() => self.delayed = None,
            EngineEvent::SessionFailed(error) => self.stop(Stopped::NotWritten(error.to_string())),
            EngineEvent::Warning(text) => progress.message(&text),
            _ => {}
        }
    }

    fn on_job(&mut self, job: JobId, record: RecordId, event: JobEvent, at: Timestamp) {
        match event {
            JobEvent::Started | JobEvent::Delta(_) | JobEvent::Waiting(_) => {}
            JobEvent::Ended(outcome) if self.options.task.is_verification() => self.judged(job, record, outcome, at),
            JobEvent::Ended(outcome) => self.ended(job, record, outcome, at),
            // No text is excepted: the selection knows which are verified.
            JobEvent::AlreadyVerified | JobEvent::Cancelled => _ = self.live.remove(&job),
        }
    }

    /// Stores the end of a job and counts it.
    fn ended(&mut self, job: JobId, record: RecordId, outcome: Outcome, at: Timestamp) {
        self.live.remove(&job);
        let entry = self.engine.dataset().entry(record).ok();
        let line = entry.as_ref().and_then(Entry::record);
        let file = line.map_or_else(|| format!("record {}", record.0 + 1), |line| line.file_name.clone());
        let in_dataset = line.map(|line| line.caption.text().unwrap_or_default());
        if let Outcome::Described(Description { text, model, usage, .. }) = &outcome {
            let tokens = usage.unwrap_or_default().tokens;
            let words = crate::text::word_count(text);
            tracing::info!(file, model, words, input = tokens.input, output = tokens.output, "response");
            tracing::debug!(file, text, "caption");
        }
        let model = match &outcome {
            Outcome::Described(description) => Some(description.model.clone()),
            Outcome::Verified(..) | Outcome::NothingRecognised | Outcome::Failed(_) => None,
        };
        let accept = self.options.accept.then_some(Actor::Run);
        let current = self.ledger.record(record).current_caption(record, in_dataset);
        let current = current.as_deref();
        let origin = Origin { describer: self.options.describer.name(), reason: None, at, accept, current };
        let conclusion = rules::conclude(&self.ledger, record, outcome, origin, &self.options.rules);
        match conclusion.result {
            Concluded::Described(described) => {
                self.tally.described += 1;
                self.tally.accepted += u64::from(described.standing == Standing::Accepted);
                self.tally.beside += u64::from(described.standing == Standing::Beside);
                self.tally.cut_off += u64::from(described.cut_off);
                *self.tally.models.entry(model.unwrap_or_default()).or_default() += 1;
            }
            Concluded::NothingRecognised => {
                tracing::info!(file, "nothing recognised");
                self.tally.unrecognised += 1;
            }
            Concluded::Failed(reason) => {
                tracing::error!(file, reason, "not described");
                self.tally.failures.entry(reason).or_default().push(record);
            }
        }
        self.engine.store(self.ledger.perform(conclusion.events.into()));
    }

    /// Stores a verdict and counts it.
    fn judged(&mut self, job: JobId, record: RecordId, outcome: Outcome, at: Timestamp) {
        self.live.remove(&job);
        match rules::conclude_verification(record, outcome, self.options.describer.name(), at) {
            Ok((event, Verification { verdict, provenance })) => {
                self.tally.verified += 1;
                self.tally.dropped += u64::from(verdict.dropped);
                *self.tally.models.entry(provenance.model).or_default() += 1;
                self.engine.store(self.ledger.perform(event.into()));
            }
            Err(reason) => {
                tracing::error!(record = record.0, reason, "not verified");
                self.tally.failures.entry(reason).or_default().push(record);
            }
        }
    }

    fn on_status(&mut self, status: DescriberStatus, progress: &Progress) {
        let is_new = |pause: &&Pause| self.status.paused.as_ref().is_none_or(|last| last.kind != pause.kind);
        if let Some(pause) = status.paused.as_ref().filter(is_new) {
            tracing::warn!(reason = pause.message, "paused");
            match pause.kind {
                PauseKind::Consent => self.require_consent(&pause.message, progress),
                PauseKind::Access if self.options.terminal => {
                    progress.message(&format!("{} (the run resumes by itself; ^C stops it)", pause.message));
                }
                PauseKind::Access => self.stop(Stopped::Access(pause.message.clone())),
                PauseKind::Quota | PauseKind::Budget => self.stop(Stopped::Resumable(pause.message.clone())),
            }
        }
        if let Some(change) = status.model_change.as_ref().filter(|_| self.status.model_change != status.model_change) {
            progress.message(change);
        }
        self.status = status;
    }

    /// Continues at a higher price if the options consent to it, otherwise asks or stops.
    fn require_consent(&mut self, reason: &str, progress: &Progress) {
        let left = self.records.len() as u64 - self.tally.ended();
        let Some(usage) = consent::estimate(self.options, self.engine.dataset(), self.records, left) else { return };
        match consent::verdict(self.options, usage, left, self.tally.usage.cost) {
            Ok(Verdict::Given(consent)) => self.options.describer.consent(consent),
            Ok(Verdict::Ask(question)) => {
                progress.message(reason);
                progress.message(&question);
                self.question = Some((tokio::task::spawn_blocking(answer::read), reason.to_owned()));
            }
            Err(error) => self.stop(Stopped::NoConsent(format!("{reason}; {error}"))),
        }
    }

    /// Starts no more jobs. Requests in flight may finish.
    fn stop(&mut self, reason: Stopped) {
        // A session that cannot be written is worse than any earlier reason.
        if self.tally.stopped.is_none() || matches!(reason, Stopped::NotWritten(_)) {
            self.tally.stopped = Some(reason);
        }
        self.engine.cancel_unsent();
    }
}

/// Waits for the answer to a question. Returns `None` at once if there is none.
async fn answer(question: &mut Option<(JoinHandle<io::Result<bool>>, String)>) -> Option<(io::Result<bool>, String)> {
    let (answer, reason) = question.as_mut()?;
    let answer = answer.await.unwrap_or_else(|error| Err(io::Error::other(error)));
    Some((answer, std::mem::take(reason)))
}

/// Requests to stop: `^C` and, on Unix, the signals that end a program.
struct Interrupts(UnboundedReceiver<()>);

impl Interrupts {
    fn listen() -> io::Result<Self> {
        let (sender, receiver) = unbounded_channel();
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
                let (mut signals, sender) = (signal(kind)?, sender.clone());
                tokio::spawn(async move { while signals.recv().await.is_some() && sender.send(()).is_ok() {} });
            }
        }
        #[cfg(not(unix))]
        tokio::spawn(async move { while tokio::signal::ctrl_c().await.is_ok() && sender.send(()).is_ok() {} });
        Ok(Self(receiver))
    }

    async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}
