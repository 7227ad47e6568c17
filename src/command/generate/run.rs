//! One run: a loop over the engine's events that keeps the queue supplied and stores each result.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::progress::Progress;
use super::tally::{Stopped, Tally};
use super::{GenerateError, GenerateOptions, require_consent};
use crate::command::input;
use crate::console::Console;
use crate::dataset::{Dataset, Entry, RecordId};
use crate::describe::{DescriberStatus, Description, JobId, Outcome, PauseKind, Priority};
use crate::engine::rules::{self, Concluded, Origin, Standing, Wish};
use crate::engine::selection::Selected;
use crate::engine::{Engine, EngineEvent, EngineOptions, JobEvent, SaveTarget};
use crate::session::{Actor, Ledger, Location, Opened};

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
    pub(super) tally: Tally,
    pub(super) selected: Selected,
}

struct Run<'a> {
    options: &'a GenerateOptions,
    engine: Engine,
    ledger: Ledger,
    /// The jobs in the queue, and whether the request of each was sent: it may be charged for even if it is cancelled.
    live: HashMap<JobId, bool>,
    next_job: u64,
    status: DescriberStatus,
    /// Since when results cannot be stored, and why. No request is sent meanwhile.
    delayed: Option<(Instant, String)>,
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
        describer: Some(Arc::clone(&options.describer)),
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
    let selected = options.selection.select(dataset, &opened.ledger, options.describer.name(), &options.rules)?;
    prepare(options).await;
    require_consent(options, dataset, &selected)?;
    engine.index(false);
    let total = selected.records.len() as u64;
    tracing::info!(records = total, describer = options.describer.name(), "run started");
    let run = Run {
        options,
        engine,
        ledger: opened.ledger,
        live: HashMap::new(),
        next_job: 0,
        status: DescriberStatus::default(),
        delayed: None,
        tally: Tally::default(),
    };
    let tally = run.describe(&selected.records, &mut events, Progress::start(total, options.terminal)).await?;
    Ok(Finished { tally, selected })
}

/// Determines the account and the price if consent depends on them.
pub(super) async fn prepare(options: &GenerateOptions) {
    let Some(usage) = options.describer.estimate(None) else { return };
    let asks = options.terminal && !options.yes;
    if asks || usage.cost.amount().is_none() {
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
        records: &[RecordId],
        events: &mut UnboundedReceiver<EngineEvent>,
        mut progress: Progress,
    ) -> io::Result<Tally> {
        let mut records = records.iter().copied();
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
                _ = tick.tick() => {}
            }
            progress.show(&self.tally, &self.status);
        }
        let Self { engine, mut tally, .. } = self;
        if let Err(error) = engine.close().await {
            tally.stopped = Some(Stopped::NotWritten(error.to_string()));
        }
        tally.took = progress.end();
        Ok(tally)
    }

    /// Fills the queue.
    fn feed(&mut self, records: &mut impl Iterator<Item = RecordId>) {
        let capacity = self.options.describer.concurrency().get() + READY;
        while self.tally.stopped.is_none() && self.delayed.is_none() && self.live.len() < capacity {
            let Some(record) = records.next() else { break };
            self.next_job += 1;
            let job = JobId(self.next_job);
            self.live.insert(job, false);
            let spec = rules::job_spec(
                job,
                record,
                Priority::Bulk,
                &self.ledger,
                self.options.describer.name(),
                Wish::Describe,
            );
            self.engine.describe(vec![spec]);
        }
    }

    fn on_event(&mut self, event: EngineEvent, progress: &Progress) {
        match event {
            EngineEvent::Job { job, record, event, at } => self.on_job(job, record, event, at),
            EngineEvent::Describer(status) => self.on_status(status, progress),
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
            JobEvent::Started | JobEvent::Delta(_) => {
                self.live.entry(job).and_modify(|sent| *sent = true);
            }
            JobEvent::Waiting(_) => {
                self.live.entry(job).and_modify(|sent| *sent = false);
                if self.tally.stopped.is_some() {
                    self.engine.cancel(job);
                }
            }
            JobEvent::Ended(outcome) => self.ended(job, record, outcome, at),
            JobEvent::Cancelled => drop(self.live.remove(&job)),
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
            Outcome::NothingRecognised | Outcome::Failed(_) => None,
        };
        let accept = self.options.accept.then_some(Actor::Run);
        let current = self.ledger.record(record).current_caption(in_dataset);
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

    fn on_status(&mut self, status: DescriberStatus, progress: &Progress) {
        if let Some(pause) = status.paused.as_ref().filter(|_| self.status.paused.is_none()) {
            tracing::warn!(reason = pause.message, "paused");
            match pause.kind {
                PauseKind::Access if self.options.terminal => {
                    progress.message(&format!("{} (the run resumes by itself; ^C stops it)", pause.message));
                }
                PauseKind::Access => self.stop(Stopped::Access(pause.message.clone())),
                PauseKind::Quota | PauseKind::Budget => self.stop(Stopped::Resumable(pause.message.clone())),
            }
        }
        self.status = status;
    }

    /// Starts no more jobs. Requests in flight may finish.
    fn stop(&mut self, reason: Stopped) {
        // A session that cannot be written is worse than any earlier reason.
        if self.tally.stopped.is_none() || matches!(reason, Stopped::NotWritten(_)) {
            self.tally.stopped = Some(reason);
        }
        for (job, _) in self.live.iter().filter(|(_, sent)| !**sent) {
            self.engine.cancel(*job);
        }
    }
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
