//! The session's thread: opens the session, writes its steps, and reports what became of them.
//!
//! Whatever is queued while it waits for the disk goes into its next transaction, so that a decision waits for one fsync
//! however many came before it.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::batch::BatchEntry;
use super::error::SessionError;
use super::event::Seq;
use super::location::Location;
use super::open::{open, open_read_only};
use super::opened::Opened;
use super::sample::Sample;
use super::step::Step;
use super::store::{Batch, Identity, Receipt, Store, Transaction};
use crate::dataset::{Dataset, Namesakes, RecordId};
use crate::describe::Charge;

/// The most commands and changes in one transaction, unless a single step has more: the first of many steps sent at
/// once should not wait longer than a few milliseconds for its acknowledgement.
const LARGEST_BATCH: u64 = 4096;

/// The most records remembered of those that the operator has seen. The screen keeps fewer.
const MAX_SHOWN: usize = 4096;

/// The time between two attempts to store a batch that could not be stored.
const RETRY: Duration = Duration::from_millis(500);

/// How long a commit waits for another program that has the session locked. The attempt is repeated.
const LOCKED: Duration = Duration::from_millis(500);

/// How long no command arrives until the session's file is made complete without its log.
const IDLE: Duration = Duration::from_secs(1);

/// How long closing waits for another program that has the session locked.
const LAST_ATTEMPTS: Duration = Duration::from_secs(5);

/// What a [`Worker`] reports.
#[derive(Debug)]
pub enum WorkerEvent {
    /// The session was opened; if it can only be read, with the reason.
    Opened { opened: Box<Opened>, read_only: Option<String> },
    /// The session could not be opened. Every step fails until it is.
    OpenFailed(SessionError),
    /// Every event up to this one is on disk.
    Durable { through: Seq },
    /// The steps sent so far cannot be stored now, for example because the disk is full. They are kept and stored as soon as
    /// possible. Reported for every failed attempt that follows a command.
    Delayed { error: String },
    /// The step that ends with this event was not stored, and nothing after it will be until the session is opened
    /// again.
    Failed { seq: Seq, error: String },
}

/// Which session to open, and how.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    pub location: Location,
    pub dataset: Dataset,
    /// Open for reading only. A session that another process writes is, too.
    pub read_only: bool,
}

/// The thread of a session. Dropping it waits until the queue is written.
#[derive(Debug)]
pub struct Worker {
    handle: WorkerHandle,
    thread: Option<JoinHandle<Result<(), SessionError>>>,
}

/// Sends commands to a [`Worker`], which carries them out in order. Each returns at once; [`SessionError::Stopped`] if
/// the thread has ended.
#[derive(Clone, Debug)]
pub struct WorkerHandle(Sender<Command>);

#[derive(Debug)]
enum Command {
    Store(Box<Step>, Timestamp),
    Cursor(RecordId, String),
    Namesakes(Box<Namesakes>),
    Shown(Vec<(RecordId, Identity)>),
    Charge(Timestamp, Box<Charge>),
    Reviewer(Timestamp, String),
    Sample(Box<Sample>),
    Collected(Box<Transaction>, Timestamp, Receipt),
    BatchEntries(String, Sender<Result<Vec<BatchEntry>, SessionError>>),
    Reopen,
    Close,
}

impl WorkerHandle {
    /// Stores a step. It is acknowledged by [`WorkerEvent::Durable`] or [`WorkerEvent::Failed`].
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn store(&self, step: Step, at: Timestamp) -> Result<(), SessionError> {
        self.send(Command::Store(Box::new(step), at))
    }

    /// Sets the record under the cursor, with its file name. It is written along with the next step or on closing:
    /// moving around does not wake the disk.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn set_cursor(&self, record: RecordId, file_name: String) -> Result<(), SessionError> {
        self.send(Command::Cursor(record, file_name))
    }

    /// Sets the file names and captions of records as the operator sees them. Their first events need not read the dataset.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn show(&self, records: Vec<(RecordId, Identity)>) -> Result<(), SessionError> {
        self.send(Command::Shown(records))
    }

    /// Sets which records share their identity, also for those that were touched before that was known.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn set_namesakes(&self, namesakes: Namesakes) -> Result<(), SessionError> {
        self.send(Command::Namesakes(Box::new(namesakes)))
    }

    /// Sets who reviews from now on. It is written along with the next step, so that reading leaves no trace.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn set_reviewer(&self, at: Timestamp, reviewer: String) -> Result<(), SessionError> {
        self.send(Command::Reviewer(at, reviewer))
    }

    /// Stores what a request cost, at once, like a step, but without an acknowledgement.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn store_charge(&self, at: Timestamp, charge: Charge) -> Result<(), SessionError> {
        self.send(Command::Charge(at, Box::new(charge)))
    }

    /// Stores a sample that was drawn, at once, like a step, but without an acknowledgement.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn store_sample(&self, sample: Sample) -> Result<(), SessionError> {
        self.send(Command::Sample(Box::new(sample)))
    }

    /// Stores results of batch jobs: all of the transaction, or nothing of what the results cost and of the notes that they
    /// were taken. Its steps are acknowledged like others; `receipt` is called once the whole of it is on disk, and dropped
    /// if it cannot be stored.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn store_results(&self, transaction: Transaction, at: Timestamp, receipt: Receipt) -> Result<(), SessionError> {
        self.send(Command::Collected(Box::new(transaction), at, receipt))
    }

    /// Reads the records of a part of a batch in the order of its input file. Waits for the thread.
    ///
    /// # Errors
    ///
    /// Returns an error if the session cannot be read or is not open for writing.
    pub fn batch_entries(&self, token: &str) -> Result<Vec<BatchEntry>, SessionError> {
        let (reply, entries) = channel();
        self.send(Command::BatchEntries(token.to_owned(), reply))?;
        entries.recv().unwrap_or(Err(SessionError::Stopped))
    }

    /// Closes the session and opens it again. It is reported by another [`WorkerEvent::Opened`].
    ///
    /// # Errors
    ///
    /// Returns an error if the thread has ended.
    pub fn reopen(&self) -> Result<(), SessionError> {
        self.send(Command::Reopen)
    }

    fn send(&self, command: Command) -> Result<(), SessionError> {
        self.0.send(command).map_err(|_| SessionError::Stopped)
    }
}

impl Worker {
    /// Starts the thread, which opens the session first and calls `on_event` with whatever happens from then on.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread cannot be started.
    pub fn spawn(
        options: WorkerOptions,
        on_event: impl FnMut(&WorkerHandle, WorkerEvent) + Send + 'static,
    ) -> Result<Self, SessionError> {
        Self::start(options.location.file().to_owned(), Some(options), None, on_event)
    }

    /// Starts the thread for a session that is already open.
    ///
    /// # Errors
    ///
    /// Returns an error if the thread cannot be started.
    pub fn adopt(
        store: Store,
        on_event: impl FnMut(&WorkerHandle, WorkerEvent) + Send + 'static,
    ) -> Result<Self, SessionError> {
        Self::start(store.file().to_owned(), None, Some(store), on_event)
    }

    fn start(
        path: PathBuf,
        options: Option<WorkerOptions>,
        store: Option<Store>,
        on_event: impl FnMut(&WorkerHandle, WorkerEvent) + Send + 'static,
    ) -> Result<Self, SessionError> {
        let (commands, queue) = channel();
        let handle = WorkerHandle(commands);
        let state = State {
            options,
            store,
            handle: handle.clone(),
            on_event,
            namesakes: None,
            shown: VecDeque::new(),
            reviewer: None,
            batch: Batch::default(),
            delayed: false,
            failure: None,
        };
        let thread = thread::Builder::new()
            .name("session".to_owned())
            .spawn(move || state.run(&queue))
            .map_err(|source| SessionError::File { path, doing: "start its thread", source })?;
        Ok(Self { handle, thread: Some(thread) })
    }

    #[must_use]
    pub const fn handle(&self) -> &WorkerHandle {
        &self.handle
    }

    /// Writes the queued steps, folds the write-ahead log into the session's file and releases the session.
    ///
    /// # Errors
    ///
    /// Returns the first error since the session was opened.
    pub fn close(mut self) -> Result<(), SessionError> {
        self.join()
    }

    fn join(&mut self) -> Result<(), SessionError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // Fails only if the thread has ended, which joining it shows.
        _ = self.handle.send(Command::Close);
        thread.join().unwrap_or(Err(SessionError::Stopped))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Every failure was reported as an event; `close` returns the first.
        _ = self.join();
    }
}

/// The state of the thread.
struct State<F> {
    /// How to open the session again; `None` if it was given open.
    options: Option<WorkerOptions>,
    store: Option<Store>,
    handle: WorkerHandle,
    on_event: F,
    /// Kept for when the session is opened again.
    namesakes: Option<Namesakes>,
    shown: VecDeque<(RecordId, Identity)>,
    reviewer: Option<String>,
    batch: Batch,
    /// True if the batch could not be stored and is tried again.
    delayed: bool,
    /// The first error since the session was opened after which nothing more is stored.
    failure: Option<SessionError>,
}

impl<F: FnMut(&WorkerHandle, WorkerEvent)> State<F> {
    fn run(mut self, queue: &Receiver<Command>) -> Result<(), SessionError> {
        self.open();
        loop {
            let received = match self.timeout() {
                Some(timeout) => queue.recv_timeout(timeout),
                None => queue.recv().map_err(Into::into),
            };
            let first = match received {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) if self.delayed => {
                    // Without a command, a failed attempt is no news.
                    _ = self.commit();
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.store.iter_mut().for_each(Store::settle);
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let (mut next, mut last) = (Some(first), None);
            let mut size = 0;
            let mut refused = Vec::new();
            while let Some(command) = next.take() {
                size += 1;
                match command {
                    Command::Store(step, at) => {
                        size += step.changes.len();
                        refused.extend(self.push(*step, at).err());
                    }
                    Command::Cursor(record, file_name) => self.batch.cursor = Some((record, file_name)),
                    Command::Namesakes(namesakes) => self.set_namesakes(*namesakes),
                    Command::Shown(records) => self.show(records),
                    Command::Reviewer(at, reviewer) => self.set_reviewer(at, reviewer),
                    Command::Charge(at, charge) if self.can_store() => self.batch.charges.push((at, *charge)),
                    Command::Sample(sample) if self.can_store() => self.batch.samples.push(*sample),
                    Command::Charge(..) | Command::Sample(_) => {}
                    Command::Collected(transaction, at, receipt) => {
                        size += transaction.steps.iter().map(|step| step.changes.len()).sum::<u64>();
                        refused.extend(self.collect(*transaction, at, receipt).err());
                    }
                    Command::BatchEntries(token, reply) => {
                        let store = self.store.as_ref().ok_or(SessionError::NotOpen);
                        // Fails if the collection was stopped.
                        _ = reply.send(store.and_then(|store| store.batch_entries(&token)));
                    }
                    Command::Reopen | Command::Close => last = Some(command),
                }
                if last.is_none() && size < LARGEST_BATCH {
                    next = queue.try_recv().ok();
                }
            }
            if let Err(error) = self.commit()
                && last.is_none()
            {
                self.report(WorkerEvent::Delayed { error });
            }
            for event in refused {
                self.report(event);
            }
            self.store.iter_mut().for_each(Store::mark);
            match last {
                Some(Command::Reopen) => {
                    if let Err(error) = self.close() {
                        tracing::error!(%error, "closing the session to open it again");
                    }
                    self.open();
                }
                Some(_) => break,
                None => {}
            }
        }
        self.close()
    }

    /// Returns how long to wait for the next command, if there is something to do without one.
    fn timeout(&self) -> Option<Duration> {
        if self.delayed {
            return Some(RETRY);
        }
        self.store.as_ref().filter(|store| store.is_unsettled()).map(|_| IDLE)
    }

    fn open(&mut self) {
        let opened = match &self.options {
            None => return,
            Some(options) if options.read_only => read(options, "--read-only was given".to_owned()),
            Some(options) => match open(&options.location, &options.dataset, Timestamp::now()) {
                Err(locked @ SessionError::Locked { .. }) => read(options, locked.to_string()),
                Err(error) => Err(error),
                Ok((store, opened)) => {
                    self.store = Some(store);
                    Ok(WorkerEvent::Opened { opened: Box::new(opened), read_only: None })
                }
            },
        };
        if self.store.is_some() {
            if let Some(namesakes) = self.namesakes.take() {
                self.set_namesakes(namesakes);
            }
            if let Some(reviewer) = self.reviewer.take() {
                self.set_reviewer(Timestamp::now(), reviewer);
            }
        }
        self.report(opened.unwrap_or_else(WorkerEvent::OpenFailed));
    }

    const fn can_store(&self) -> bool {
        self.store.is_some() && self.failure.is_none()
    }

    fn push(&mut self, step: Step, at: Timestamp) -> Result<(), WorkerEvent> {
        let seq = step.last();
        self.add(seq, |batch, store| batch.push(store, step, at))
    }

    fn collect(&mut self, transaction: Transaction, at: Timestamp, receipt: Receipt) -> Result<(), WorkerEvent> {
        let seq = transaction.steps.last().map_or_else(Seq::default, Step::last);
        self.add(seq, |batch, store| batch.collect(store, transaction, at, receipt))
    }

    /// Adds to the batch. `seq` is the number of the last event.
    fn add(
        &mut self,
        seq: Seq,
        add: impl FnOnce(&mut Batch, &Store) -> Result<(), SessionError>,
    ) -> Result<(), WorkerEvent> {
        let pushed = match &self.store {
            None => Err(SessionError::NotOpen),
            Some(_) if self.failure.is_some() => Err(SessionError::Failed),
            Some(store) => add(&mut self.batch, store),
        };
        pushed.map_err(|error| {
            let failed = WorkerEvent::Failed { seq, error: error.to_string() };
            if self.store.is_some() {
                self.failure.get_or_insert(error);
            }
            failed
        })
    }

    fn set_namesakes(&mut self, namesakes: Namesakes) {
        if let Some(store) = &mut self.store {
            store.set_namesakes(namesakes.clone());
            self.batch.namesakes |= store.lacks_namesakes();
        }
        self.namesakes = Some(namesakes);
    }

    fn show(&mut self, records: Vec<(RecordId, Identity)>) {
        self.shown.extend(records);
        self.shown.drain(..self.shown.len().saturating_sub(MAX_SHOWN));
    }

    fn set_reviewer(&mut self, at: Timestamp, reviewer: String) {
        if let Some(store) = &self.store {
            self.batch.set_reviewer(store, at, reviewer.clone());
        }
        self.reviewer = Some(reviewer);
    }

    /// Writes the batch if there is something in it that does not wait for a step.
    ///
    /// # Errors
    ///
    /// Returns the message if the batch is kept for another attempt.
    fn commit(&mut self) -> Result<(), String> {
        let Some(store) = self.store.as_mut().filter(|_| self.batch.is_urgent()) else { return Ok(()) };
        let mut batch = std::mem::take(&mut self.batch);
        let before = store.last();
        store.wait_for_lock(LOCKED);
        let result = store.commit(&batch, &self.shown);
        let through = store.last();
        self.delayed = result.as_ref().is_err_and(SessionError::is_passing);
        if let Some(error) = result.as_ref().err().filter(|_| self.delayed) {
            self.batch = batch;
            return Err(error.to_string());
        }
        if through > before {
            self.report(WorkerEvent::Durable { through });
        }
        let receipts = batch.take_receipts();
        if result.is_ok() {
            receipts.into_iter().for_each(Receipt::give);
        }
        if let Err(error) = result {
            for seq in batch.steps().map(Step::last).filter(|seq| *seq > through) {
                self.report(WorkerEvent::Failed { seq, error: error.to_string() });
            }
            self.failure = Some(error);
        }
        Ok(())
    }

    /// Writes what waited for another step and closes the session. Returns the first error since it was opened.
    fn close(&mut self) -> Result<(), SessionError> {
        let mut batch = std::mem::take(&mut self.batch);
        let Some(mut store) = self.store.take() else { return Ok(()) };
        if batch.steps().next().is_none() {
            batch.forget_reviewers();
        }
        let start = Instant::now();
        let before = store.last();
        let failure = loop {
            match self.failure.take() {
                None if batch.is_pending() => match store.commit(&batch, &self.shown) {
                    // Each attempt waits for the lock.
                    Err(error) if error.is_locked() && start.elapsed() < LAST_ATTEMPTS => {}
                    result => break result.err().map(|error| error.losing(batch.changed_records())),
                },
                failure => break failure,
            }
        };
        self.delayed = false;
        let through = store.last();
        if through > before {
            self.report(WorkerEvent::Durable { through });
        }
        let closed = store.close();
        failure.map_or(closed, Err)
    }

    fn report(&mut self, event: WorkerEvent) {
        (self.on_event)(&self.handle, event);
    }
}

fn read(options: &WorkerOptions, why: String) -> Result<WorkerEvent, SessionError> {
    let opened = Box::new(open_read_only(&options.location, &options.dataset)?);
    Ok(WorkerEvent::Opened { opened, read_only: Some(why) })
}

#[cfg(test)]
mod tests;
