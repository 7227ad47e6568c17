//! The one thread that writes a session. Whatever is queued while it waits for the disk goes into its next
//! transaction, so that a decision waits for one sync however many came before it.

use std::iter;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;

use super::error::SessionError;
use super::event::Seq;
use super::sample::Sample;
use super::store::{Batch, Entry, Store};
use crate::dataset::RecordId;
use crate::describe::Charge;

/// The most commands written in one transaction: what a bulk action sends at once should not delay the first
/// acknowledgement by more than a few milliseconds.
const LARGEST_BATCH: usize = 4096;

/// What became of the entries sent to a [`Writer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// Every event up to this one is on the disk.
    Durable {
        /// The newest of them.
        through: Seq,
    },
    /// This event was not stored, and nothing after it will be until the session is opened again.
    Failed {
        /// The event.
        seq: Seq,
        /// Why, for the operator.
        error: String,
    },
}

/// Hands events to the thread that writes them. Dropping it waits until the queue is written.
#[derive(Debug)]
pub struct Writer {
    commands: Option<Sender<Command>>,
    thread: Option<JoinHandle<Result<(), SessionError>>>,
}

#[derive(Debug)]
enum Command {
    Record(Box<Entry>),
    Cursor(RecordId, String),
    Occurrences(Vec<(RecordId, u32)>),
    Charge(Timestamp, Box<Charge>),
    Reviewer(Timestamp, String),
    Sample(Box<Sample>),
}

impl Writer {
    /// Starts the thread. It calls `on_ack` as soon as what it was sent is on the disk, or is known not to be.
    ///
    /// # Errors
    ///
    /// When the system has no thread to give.
    pub fn spawn(store: Store, on_ack: impl FnMut(Ack) + Send + 'static) -> Result<Self, SessionError> {
        let (commands, queue) = channel();
        let path = store.file().to_owned();
        let thread = thread::Builder::new()
            .name("session writer".to_owned())
            .spawn(move || write(store, &queue, on_ack))
            .map_err(|source| SessionError::File { path, doing: "start its writer", source })?;
        Ok(Self { commands: Some(commands), thread: Some(thread) })
    }

    /// Queues an event and returns at once. The answer comes as an [`Ack`].
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub fn record(&self, entry: Entry) -> Result<(), SessionError> {
        self.send(Command::Record(Box::new(entry)))
    }

    /// Notes the record the operator is on, with its file name. It is written along with the next event or at the end:
    /// moving around does not wake the disk.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub fn set_cursor(&self, record: RecordId, file_name: String) -> Result<(), SessionError> {
        self.send(Command::Cursor(record, file_name))
    }

    /// Notes which of several records of its name each record is, where that was learned after it was touched. Records
    /// that were never touched are ignored.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub fn set_occurrences(&self, occurrences: Vec<(RecordId, u32)>) -> Result<(), SessionError> {
        self.send(Command::Occurrences(occurrences))
    }

    /// Notes what was paid for. It is written at once, like an event, but without an answer.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub fn record_spending(&self, at: Timestamp, charge: Charge) -> Result<(), SessionError> {
        self.send(Command::Charge(at, Box::new(charge)))
    }

    /// Notes who reviews from now on. It is written along with the next event: whoever only looks leaves no trace.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub fn set_reviewer(&self, at: Timestamp, reviewer: String) -> Result<(), SessionError> {
        self.send(Command::Reviewer(at, reviewer))
    }

    /// Notes a sample that was drawn. It is written at once, like an event, but without an answer.
    ///
    /// # Errors
    ///
    /// When the thread is gone.
    pub fn record_sample(&self, sample: Sample) -> Result<(), SessionError> {
        self.send(Command::Sample(Box::new(sample)))
    }

    /// Writes what is queued, folds the log into the session's file and gives the session back.
    ///
    /// # Errors
    ///
    /// The first failure since the session was opened.
    pub fn close(mut self) -> Result<(), SessionError> {
        self.join()
    }

    fn send(&self, command: Command) -> Result<(), SessionError> {
        self.commands.as_ref().and_then(|commands| commands.send(command).ok()).ok_or(SessionError::Stopped)
    }

    fn join(&mut self) -> Result<(), SessionError> {
        drop(self.commands.take());
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(SessionError::Stopped),
            None => Ok(()),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever wants to know closes it; every failure was also acknowledged as one.
        _ = self.join();
    }
}

fn write(mut store: Store, queue: &Receiver<Command>, mut on_ack: impl FnMut(Ack)) -> Result<(), SessionError> {
    let mut failure = None;
    let mut batch = Batch::default();
    while let Ok(first) = queue.recv() {
        let mut refused = Vec::new();
        for command in iter::once(first).chain(queue.try_iter()).take(LARGEST_BATCH) {
            match command {
                Command::Cursor(record, file_name) => batch.cursor = Some((record, file_name)),
                Command::Occurrences(occurrences) => batch.occurrences.extend(occurrences),
                Command::Charge(at, charge) if failure.is_none() => batch.charges.push((at, *charge)),
                Command::Reviewer(at, reviewer) => batch.set_reviewer(&store, at, reviewer),
                Command::Sample(sample) if failure.is_none() => batch.samples.push(*sample),
                Command::Charge(..) | Command::Sample(_) => {}
                Command::Record(entry) => {
                    let seq = entry.seq;
                    let pushed = if failure.is_some() { Err(SessionError::Failed) } else { batch.push(&store, *entry) };
                    if let Err(error) = pushed {
                        refused.push(Ack::Failed { seq, error: error.to_string() });
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        if batch.last().is_some() || !batch.charges.is_empty() || !batch.samples.is_empty() {
            let batch = std::mem::take(&mut batch);
            match (store.commit(&batch), batch.last()) {
                (Ok(()), Some(through)) => on_ack(Ack::Durable { through }),
                (Ok(()), None) => {}
                (Err(error), _) => {
                    let reason = error.to_string();
                    batch.numbers().for_each(|seq| on_ack(Ack::Failed { seq, error: reason.clone() }));
                    failure = Some(error);
                }
            }
        }
        refused.into_iter().for_each(&mut on_ack);
    }
    batch.reviewers.clear();
    if failure.is_none() && !batch.is_empty() {
        failure = store.commit(&batch).err();
    }
    let closed = store.close();
    failure.map_or(closed, Err)
}

#[cfg(test)]
mod tests;
