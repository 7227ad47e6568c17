//! One run: records go into the queue, what comes back goes into the session.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::progress::Progress;
use super::tally::{Stopped, Tally};
use crate::dataset::{Dataset, Entry, Occurrences, RecordId};
use crate::describe::{
    Charge, DescribeError, Describer, DescriberEvent, DescriberStatus, Description, JobId, PauseKind, Priority,
};
use crate::engine::event::JobEvent;
use crate::engine::queue::Queue;
use crate::engine::request;
use crate::engine::rules::{self, Origin};
use crate::lint::Rules;
use crate::session::{self, Ack, Actor, Event, Ledger, Store, Subject, Writer};

/// Records that wait in the queue beyond those under way, so that it never runs dry.
const READY: usize = 8;
/// How often the bar moves while nothing happens.
const TICK: Duration = Duration::from_secs(1);

/// What a run works with.
pub(super) struct Parts {
    pub(super) dataset: Dataset,
    pub(super) occurrences: Occurrences,
    pub(super) ledger: Ledger,
    pub(super) store: Store,
    pub(super) describer: Arc<dyn Describer>,
    pub(super) rules: Rules,
    /// Accept what has no finding.
    pub(super) accept: bool,
    /// Somebody is there who can sign in while the run waits.
    pub(super) attended: bool,
}

/// What a run waits for.
enum Heard {
    Job(JobId, RecordId, JobEvent),
    Describer(DescriberEvent),
    Ack(Ack),
}

struct Run {
    dataset: Dataset,
    occurrences: Occurrences,
    ledger: Ledger,
    writer: Writer,
    describer: Arc<dyn Describer>,
    rules: Rules,
    accept: bool,
    attended: bool,
    queue: Queue,
    /// The jobs in the queue, and of each whether a request is under way, which may have to be paid for whether or not
    /// it is waited for.
    live: HashMap<JobId, bool>,
    next_job: u64,
    status: DescriberStatus,
    tally: Tally,
}

/// Describes the records and gives what came of it.
///
/// # Errors
/// When there is no thread for the session, or no signal can be listened to.
pub(super) async fn run(parts: Parts, records: Vec<RecordId>, mut progress: Progress) -> io::Result<Tally> {
    let (sender, mut heard) = unbounded_channel();
    let mut run = Run::begin(parts, &sender)?;
    let mut records = records.into_iter();
    let mut interrupts = Interrupts::listen()?;
    let mut interrupted = false;
    let mut tick = tokio::time::interval(TICK);
    loop {
        run.feed(&mut records);
        if run.live.is_empty() {
            break;
        }
        tokio::select! {
            Some(heard) = heard.recv() => run.hear(heard, &progress),
            () = interrupts.next() => {
                // Whatever it may have been stopped by before.
                if std::mem::replace(&mut interrupted, true) {
                    run.queue.cancel_all();
                } else {
                    run.stop(Stopped::Interrupted);
                    progress.say("finishing what is under way; ^C once more drops it");
                }
            }
            _ = tick.tick() => {}
        }
        progress.show(&run.tally, &run.status);
    }
    let Run { queue, writer, mut tally, .. } = run;
    queue.close().await;
    let closed = tokio::task::spawn_blocking(move || writer.close()).await.map_err(io::Error::other)?;
    if let Err(error) = closed {
        tally.stopped = Some(Stopped::NotWritten(error.to_string()));
    }
    drop(sender);
    tally.took = progress.end();
    Ok(tally)
}

impl Run {
    fn begin(parts: Parts, sender: &UnboundedSender<Heard>) -> io::Result<Self> {
        let Parts { dataset, occurrences, ledger, store, describer, rules, accept, attended } = parts;
        let acks = sender.clone();
        let writer = Writer::spawn(store, move |ack| {
            // Nobody listens once the run is over.
            let _ = acks.send(Heard::Ack(ack));
        })
        .map_err(io::Error::other)?;
        let news = sender.clone();
        describer.set_listener(Arc::new(move |heard| {
            let _ = news.send(Heard::Describer(heard));
        }));
        let jobs = sender.clone();
        let (source, max_words) = (dataset.clone(), rules.max_words);
        let prepare = Arc::new(move |spec| request::build(&source, spec, max_words));
        let queue =
            Queue::spawn(Arc::clone(&describer), describer.concurrency(), prepare, move |job, record, event| {
                let _ = jobs.send(Heard::Job(job, record, event));
            });
        Ok(Self {
            dataset,
            occurrences,
            ledger,
            writer,
            describer,
            rules,
            accept,
            attended,
            queue,
            live: HashMap::new(),
            next_job: 0,
            status: DescriberStatus::default(),
            tally: Tally::default(),
        })
    }

    /// Keeps the queue supplied.
    fn feed(&mut self, records: &mut impl Iterator<Item = RecordId>) {
        let room = self.describer.concurrency().get() + READY;
        while self.tally.stopped.is_none() && self.live.len() < room {
            let Some(record) = records.next() else { break };
            self.next_job += 1;
            let job = JobId(self.next_job);
            let spec = rules::job_spec(job, record, Priority::Bulk, self.ledger.record(record), None);
            match self.queue.add(spec) {
                Ok(()) => drop(self.live.insert(job, false)),
                Err(refused) => self.ended(record, Err(DescribeError { message: refused.to_string() })),
            }
        }
    }

    fn hear(&mut self, heard: Heard, progress: &Progress) {
        match heard {
            Heard::Job(job, record, event) => self.job(job, record, event),
            Heard::Describer(DescriberEvent::Status(status)) => self.status(status, progress),
            Heard::Describer(DescriberEvent::Charged(charge)) => self.charged(charge),
            Heard::Ack(Ack::Durable { .. }) => {}
            Heard::Ack(Ack::Failed { error, .. }) => self.stop(Stopped::NotWritten(error)),
        }
    }

    fn job(&mut self, job: JobId, record: RecordId, event: JobEvent) {
        match event {
            JobEvent::Started | JobEvent::Delta(_) => {
                self.live.entry(job).and_modify(|sent| *sent = true);
            }
            JobEvent::Waiting(_) => {
                self.live.entry(job).and_modify(|sent| *sent = false);
                if self.tally.stopped.is_some() {
                    self.queue.cancel(job);
                }
            }
            JobEvent::Finished(description) => {
                self.live.remove(&job);
                self.ended(record, Ok(description));
            }
            JobEvent::Failed(error) => {
                self.live.remove(&job);
                self.ended(record, Err(error));
            }
            JobEvent::Cancelled => drop(self.live.remove(&job)),
        }
    }

    /// Stores the end of a job and counts it.
    fn ended(&mut self, record: RecordId, result: Result<Description, DescribeError>) {
        let description = result.as_ref().ok().cloned();
        let origin = Origin {
            describer: self.describer.name(),
            reason: None,
            at: Timestamp::now(),
            accept: self.accept.then_some(Actor::Run),
        };
        let conclusion = rules::conclude(&self.ledger, record, result, origin, &self.rules);
        let file = self.name(record);
        match (conclusion.result, description) {
            (Ok(described), Some(Description { text, model, usage, .. })) => {
                let tokens = usage.unwrap_or_default().tokens;
                let words = crate::text::word_count(&text);
                tracing::info!(file, model, words, input = tokens.input, output = tokens.output, "described");
                tracing::debug!(file, text, "its text");
                self.tally.described += 1;
                self.tally.accepted += u64::from(described.accepted);
                self.tally.cut_off += u64::from(described.cut_off);
                *self.tally.models.entry(model).or_default() += 1;
            }
            (Ok(_), None) => {}
            (Err(reason), _) => {
                tracing::error!(file, reason, "not described");
                self.tally.failures.entry(reason).or_default().push(record);
            }
        }
        for event in conclusion.events {
            self.store(event);
        }
    }

    /// A record by the name of its picture, for the log.
    fn name(&self, record: RecordId) -> String {
        let entry = self.dataset.entry(record).ok();
        let name = entry.as_ref().and_then(Entry::record).map(|line| line.file_name.clone());
        name.unwrap_or_else(|| format!("record {}", record.0 + 1))
    }

    fn status(&mut self, status: DescriberStatus, progress: &Progress) {
        if let Some(pause) = status.paused.as_ref().filter(|_| self.status.paused.is_none()) {
            tracing::warn!(reason = pause.message, "paused");
            match pause.kind {
                PauseKind::Access if self.attended => {
                    progress.say(&format!("{} (goes on by itself then; ^C stops)", pause.message));
                }
                PauseKind::Access => self.stop(Stopped::Access(pause.message.clone())),
                PauseKind::Quota | PauseKind::Budget => self.stop(Stopped::Resumable(pause.message.clone())),
            }
        }
        self.status = status;
    }

    fn charged(&mut self, charge: Charge) {
        self.tally.usage.tokens += charge.usage.tokens;
        self.tally.usage.cost += charge.usage.cost;
        if let Err(error) = self.writer.record_spending(Timestamp::now(), charge) {
            self.stop(Stopped::NotWritten(error.to_string()));
        }
    }

    /// Begins nothing more. What is under way may end.
    fn stop(&mut self, why: Stopped) {
        // What cannot be written is worse than whatever came before.
        if self.tally.stopped.is_none() || matches!(why, Stopped::NotWritten(_)) {
            self.tally.stopped = Some(why);
        }
        for (job, sent) in &self.live {
            if !sent {
                self.queue.cancel(*job);
            }
        }
    }

    fn store(&mut self, event: Event) {
        let subject = event.record().and_then(|record| Subject::read(&self.dataset, record, &self.occurrences).ok());
        let (seq, _) = self.ledger.apply(event.clone());
        if let Err(error) = self.writer.record(session::Entry { seq, at: Timestamp::now(), event, subject }) {
            self.stop(Stopped::NotWritten(error.to_string()));
        }
    }
}

/// What asks a run to stop: ^C, and on Unix the request to end.
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
