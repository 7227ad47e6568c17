//! The reader: one thread that reads the lines the screen needs. Nothing else waits in its way, least of all a session
//! that is being opened.

use std::ops::ControlFlow;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::{Dataset, RecordId};
use crate::review::Msg;

/// The thread, and the way to it. Dropping it ends the thread.
pub(super) struct Reader {
    wanted: Option<Sender<Vec<RecordId>>>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    pub(super) fn spawn(dataset: Dataset, messages: &UnboundedSender<Msg>) -> Self {
        let (wanted, inbox) = mpsc::channel();
        let outbox = messages.clone();
        let thread = thread::Builder::new().name("reader".to_owned()).spawn(move || read(&dataset, &inbox, &outbox));
        let thread = thread.inspect_err(|error| {
            let _ = messages.send(Msg::DatasetFailed(format!("no thread to read with: {error}")));
        });
        Self { wanted: Some(wanted), thread: thread.ok() }
    }

    pub(super) fn read(&self, records: Vec<RecordId>) {
        // A reader that is gone has said so.
        let _ = self.wanted.as_ref().map(|wanted| wanted.send(records));
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        drop(self.wanted.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Reads lines: those that follow one another at once.
fn read(dataset: &Dataset, inbox: &Receiver<Vec<RecordId>>, messages: &UnboundedSender<Msg>) {
    while let Ok(records) = inbox.recv() {
        for run in records.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0)) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let (mut entries, mut texts) = (Vec::new(), Vec::new());
            let read = dataset.lines(first.0..last.0.saturating_add(1), &mut |line| {
                entries.push(line.entry());
                texts.extend(Some((line.record(), line.texts())).filter(|(_, texts)| !texts.is_empty()));
                ControlFlow::Continue(())
            });
            // First, so that they are shown at once with the lines they are of.
            if !texts.is_empty() {
                let _ = messages.send(Msg::Texts(texts));
            }
            let _ = messages.send(match read {
                Ok(()) => Msg::Loaded(entries),
                Err(error) => Msg::LoadFailed { records: run.to_vec(), error: error.to_string() },
            });
        }
    }
}
