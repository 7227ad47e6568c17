//! The clerk: one thread that keeps the session and asks the queue, in the order it was told, so that the screen's thread
//! never waits for a disk.

use std::iter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedSender;

use super::{Parts, candidates};
use crate::dataset::{Dataset, Occurrences, RecordId};
use crate::describe::{Charge, DescribeError};
use crate::engine::event::JobEvent;
use crate::engine::queue::{Queue, Refused};
use crate::engine::rules::JobSpec;
use crate::report;
use crate::review::Msg;
use crate::session::{
    self, Ack, Entry, Event, Location, Opened, Sample, SampleRequest, Seq, SessionError, Subject, Writer,
};

/// Something for the clerk to do.
#[derive(Debug)]
pub(super) enum Task {
    Record { seq: Seq, event: Event, at: Timestamp },
    RememberCursor(RecordId, String),
    Reopen,
    Occurrences(Occurrences),
    Describe(Vec<JobSpec>),
    DescribeAhead(Vec<JobSpec>),
    StopDescriptions,
    Charge(Charge, Timestamp),
    Close,
}

/// The thread, and the way to it.
pub(super) struct Clerk {
    tasks: Sender<Task>,
    thread: Option<JoinHandle<()>>,
}

impl Clerk {
    pub(super) fn spawn(
        parts: &Parts,
        queue: Option<Arc<Queue>>,
        messages: &UnboundedSender<Msg>,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        let (tasks, inbox) = mpsc::channel();
        let desk = Desk {
            dataset: parts.dataset.clone(),
            session: parts.session.clone(),
            read_only: parts.read_only,
            candidates: parts.candidates.clone(),
            sample: parts.sample.clone(),
            reviewer: parts.reviewer.clone(),
            queue,
            messages: messages.clone(),
            writer: None,
            stopping,
            helper: None,
            occurrences: Occurrences::default(),
        };
        let thread = thread::Builder::new().name("clerk".to_owned()).spawn(move || desk.work(&inbox));
        let thread = thread.inspect_err(|error| {
            let _ = messages.send(Msg::SessionFailed(format!("no thread for the session: {error}")));
        });
        Self { tasks, thread: thread.ok() }
    }

    /// A way to the clerk for a thread of its own.
    pub(super) fn inbox(&self) -> Sender<Task> {
        self.tasks.clone()
    }

    pub(super) fn tell(&self, task: Task) {
        // A clerk that is gone has said so.
        let _ = self.tasks.send(task);
    }

    /// Finishes what was asked for, and the session with it.
    pub(super) fn close(self) {
        let _ = self.tasks.send(Task::Close);
        if let Some(thread) = self.thread {
            let _ = thread.join();
        }
    }
}

struct Desk {
    dataset: Dataset,
    session: Location,
    read_only: bool,
    /// To be taken in once the session is open.
    candidates: Option<PathBuf>,
    /// To be drawn, unless it was.
    sample: Option<SampleRequest>,
    reviewer: String,
    queue: Option<Arc<Queue>>,
    messages: UnboundedSender<Msg>,
    writer: Option<Writer>,
    stopping: Arc<AtomicBool>,
    helper: Option<JoinHandle<()>>,
    occurrences: Occurrences,
}

impl Desk {
    fn work(mut self, inbox: &Receiver<Task>) {
        self.open();
        while let Ok(task) = inbox.recv() {
            match task {
                Task::Record { seq, event, at } => self.record(seq, event, at),
                Task::RememberCursor(record, file_name) => {
                    // Where this fails, the next decision fails too, and that is told.
                    let _ = self.writer.as_ref().map(|writer| writer.set_cursor(record, file_name));
                }
                Task::Reopen => {
                    self.close_session();
                    self.open();
                    let known = std::mem::take(&mut self.occurrences);
                    self.learn(known);
                }
                Task::Occurrences(occurrences) => self.learn(occurrences),
                Task::Describe(specs) => self.describe(specs),
                Task::DescribeAhead(specs) => self.describe_ahead(specs),
                Task::StopDescriptions => {
                    if let Some(queue) = &self.queue {
                        queue.cancel_all();
                    }
                }
                Task::Charge(charge, at) => {
                    // Where this fails, the next decision fails too, and that is told.
                    let _ = self.writer.as_ref().map(|writer| writer.record_spending(at, charge));
                }
                Task::Close => break,
            }
        }
        if let Some(helper) = self.helper.take() {
            let _ = helper.join();
        }
        self.close_session();
    }

    /// Opens the session and reports what it holds.
    fn open(&mut self) {
        let opened = if self.read_only { self.look("--read-only was given".to_owned()) } else { self.take_hold() };
        match opened {
            Ok(messages) => {
                for msg in messages {
                    self.say(msg);
                }
                self.take_candidates_in();
            }
            Err(error) => self.say(Msg::SessionFailed(error.to_string())),
        }
    }

    /// Starts taking the captions of an older run in, the first time the session is open for writing.
    fn take_candidates_in(&mut self) {
        let Some(file) = self.candidates.take_if(|_| self.writer.is_some()) else { return };
        let (dataset, messages, stopping) = (self.dataset.clone(), self.messages.clone(), self.stopping.clone());
        let work = move || candidates::take_in(&dataset, &file, &messages, &|| super::go_on(&stopping));
        match thread::Builder::new().name("candidates".to_owned()).spawn(work) {
            Ok(thread) => self.helper = Some(thread),
            Err(error) => self.say(Msg::Notice(format!("no thread for the candidates: {error}"))),
        }
    }

    /// Opens it for writing; where another process does, for reading.
    fn take_hold(&mut self) -> Result<Vec<Msg>, SessionError> {
        let (store, opened) = match session::open(&self.session, &self.dataset, Timestamp::now()) {
            Err(locked @ SessionError::Locked { .. }) => return self.look(locked.to_string()),
            other => other?,
        };
        let messages = self.messages.clone();
        self.writer = Some(Writer::spawn(store, move |ack| {
            let _ = messages.send(match ack {
                Ack::Durable { through } => Msg::Durable(through, Timestamp::now()),
                Ack::Failed { error, .. } => Msg::StoreFailed(error),
            });
        })?);
        // Where this fails, the next decision fails too, and that is told.
        let _ = self.writer.as_ref().map(|writer| writer.set_reviewer(Timestamp::now(), self.reviewer.clone()));
        Ok(self.report(opened, None))
    }

    fn look(&self, why: String) -> Result<Vec<Msg>, SessionError> {
        Ok(self.report(session::open_read_only(&self.session, &self.dataset)?, Some(why)))
    }

    fn report(&self, opened: Opened, read_only: Option<String>) -> Vec<Msg> {
        let sample = self.sample.as_ref().and_then(|request| self.sampled(request, &opened));
        let remarks: Vec<String> = opened.binding.note().into_iter().chain(self.session.note()).collect();
        let remark = (!remarks.is_empty()).then(|| remarks.join(" · "));
        let spent = opened.spending.iter().map(|spending| spending.usage.cost).sum();
        let (ledger, cursor) = (Box::new(opened.ledger), opened.cursor);
        let opened = Msg::SessionOpened { ledger, cursor, remark, read_only, spent };
        iter::once(opened).chain(sample.map(Msg::Sampled)).collect()
    }

    /// The sample that was asked for: the one drawn before, where there is one, so that what was judged of it counts;
    /// else it is drawn, and stored before anything of it is judged. Nothing where there is no time left.
    fn sampled(&self, request: &SampleRequest, opened: &Opened) -> Option<Result<Box<Sample>, String>> {
        if let Some(sample) = opened.samples.iter().rev().find(|sample| sample.request == *request) {
            return Some(Ok(Box::new(sample.clone())));
        }
        let go_on = &mut || super::go_on(&self.stopping);
        let drawn = report::draw(&self.dataset, request, &opened.ledger, Timestamp::now(), go_on);
        let sample = match drawn {
            Ok(sample) => sample?,
            Err(error) => return Some(Err(error.to_string())),
        };
        if let Some(writer) = &self.writer {
            // Where this fails, the next decision fails too, and that is told.
            let _ = writer.record_sample(sample.clone());
        }
        Some(Ok(Box::new(sample)))
    }

    fn close_session(&mut self) {
        if let Some(Err(error)) = self.writer.take().map(Writer::close) {
            tracing::error!(%error, "the session was not closed in order");
        }
    }

    fn record(&mut self, seq: Seq, event: Event, at: Timestamp) {
        // A line that cannot be read now was read when it was decided about; the writer refuses the event if this is
        // the first one of its record.
        let subject = event.record().and_then(|record| Subject::read(&self.dataset, record, &self.occurrences).ok());
        let sent = self.writer.as_ref().map(|writer| writer.record(Entry { seq, at, event, subject }));
        match sent {
            Some(Ok(())) => {}
            Some(Err(error)) => self.say(Msg::StoreFailed(error.to_string())),
            None => self.say(Msg::StoreFailed("the session is not open for writing".to_owned())),
        }
    }

    /// Which records repeat a name is known now: those touched before are told apart from here on.
    fn learn(&mut self, occurrences: Occurrences) {
        if let Some(writer) = self.writer.as_ref().filter(|_| !occurrences.is_empty()) {
            // Where this fails, the next decision fails too, and that is told.
            let _ = writer.set_occurrences(occurrences.iter().collect());
        }
        self.occurrences = occurrences;
    }

    fn describe(&self, specs: Vec<JobSpec>) {
        let Some(queue) = &self.queue else { return };
        for refused in specs.into_iter().filter_map(|spec| queue.add(spec).err()) {
            self.refuse(&refused);
        }
    }

    fn describe_ahead(&self, specs: Vec<JobSpec>) {
        let Some(queue) = &self.queue else { return };
        for refused in queue.replace_ahead(specs) {
            self.refuse(&refused);
        }
    }

    fn refuse(&self, refused: &Refused) {
        let event = JobEvent::Failed(DescribeError { message: refused.to_string() });
        let JobSpec { job, record, .. } = *refused.spec;
        self.say(Msg::Job { job, record, event, at: Timestamp::now() });
    }

    fn say(&self, msg: Msg) {
        // Nobody listens while the program ends.
        let _ = self.messages.send(msg);
    }
}
