//! The thread that reads lines for the screen. It does nothing else, so that the screen never waits for a session that is
//! being opened.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use super::{Emit, EngineEvent};
use crate::dataset::{Dataset, RecordId};

/// The thread and its inbox. Dropping it ends the thread.
pub(super) struct LineReader {
    wanted: Option<Sender<Vec<RecordId>>>,
    thread: Option<JoinHandle<()>>,
}

impl LineReader {
    pub(super) fn spawn(dataset: Dataset, emit: &Emit) -> Self {
        let (wanted, inbox) = mpsc::channel();
        let report = Arc::clone(emit);
        let thread = thread::Builder::new().name("lines".to_owned()).spawn(move || run(&dataset, &inbox, &report));
        let thread = thread.inspect_err(|error| {
            emit(EngineEvent::DatasetFailed(format!("cannot start a thread to read lines: {error}")));
        });
        Self { wanted: Some(wanted), thread: thread.ok() }
    }

    pub(super) fn read(&self, records: Vec<RecordId>) {
        // Fails only if the thread could not be started, which was reported.
        let _ = self.wanted.as_ref().map(|wanted| wanted.send(records));
    }
}

impl Drop for LineReader {
    fn drop(&mut self) {
        drop(self.wanted.take());
        if let Some(thread) = self.thread.take() {
            // A panic was reported by the panic hook.
            let _ = thread.join();
        }
    }
}

/// Reads consecutive lines with one call.
fn run(dataset: &Dataset, inbox: &Receiver<Vec<RecordId>>, emit: &Emit) {
    while let Ok(records) = inbox.recv() {
        for run in records.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0)) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let (mut entries, mut texts) = (Vec::new(), Vec::new());
            let read = dataset.lines(first.0..last.0.saturating_add(1), &mut |line| {
                entries.push(line.entry());
                texts.extend(Some((line.record(), line.texts())).filter(|(_, texts)| !texts.is_empty()));
                ControlFlow::Continue(())
            });
            emit(match read {
                Ok(()) => EngineEvent::Lines { entries, texts },
                Err(error) => EngineEvent::LoadFailed { records: run.to_vec(), error: error.to_string() },
            });
        }
    }
}
