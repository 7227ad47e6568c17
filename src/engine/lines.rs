//! The thread that reads lines for the screen. It does nothing else, so that the screen never waits for a session that is
//! being opened.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use super::{Emit, EngineEvent};
use crate::dataset::{Dataset, RecordId};
use crate::session::WorkerHandle;

/// The inbox of the thread. Dropping it ends the thread after the current read, without waiting for it.
pub(super) struct LineReader(Sender<Vec<RecordId>>);

impl LineReader {
    /// `session` learns what the screen shows: what is decided about it is stored even if the dataset changes.
    pub(super) fn spawn(dataset: Dataset, session: Option<WorkerHandle>, emit: &Emit) -> Self {
        let (wanted, inbox) = mpsc::channel();
        let report = Arc::clone(emit);
        let thread = thread::Builder::new().name("lines".to_owned()).spawn(move || {
            run(&dataset, &inbox, session.as_ref(), &report);
        });
        if let Err(error) = thread {
            emit(EngineEvent::DatasetFailed(format!("cannot start a thread to read lines: {error}")));
        }
        Self(wanted)
    }

    pub(super) fn read(&self, records: Vec<RecordId>) {
        // Fails only if the thread could not be started, which was reported.
        let _ = self.0.send(records);
    }
}

/// Reads consecutive lines with one call.
fn run(dataset: &Dataset, inbox: &Receiver<Vec<RecordId>>, session: Option<&WorkerHandle>, emit: &Emit) {
    while let Ok(records) = inbox.recv() {
        for run in records.chunk_by(|one, next| one.0.checked_add(1) == Some(next.0)) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            let (mut entries, mut texts) = (Vec::new(), Vec::new());
            let read = dataset.lines(first.0..last.0.saturating_add(1), &mut |line| {
                entries.push(line.entry());
                texts.extend(Some((line.record(), line.texts())).filter(|(_, texts)| !texts.is_empty()));
                ControlFlow::Continue(())
            });
            if let Some(session) = session {
                let shown = entries.iter().map(|entry| (entry.id(), entry.clone().into_identity()));
                // If this fails, so does the next step, which is reported.
                let _ = session.show(shown.collect());
            }
            emit(match read {
                Ok(()) => EngineEvent::Lines { entries, texts },
                Err(error) => EngineEvent::LoadFailed { records: run.to_vec(), error: error.to_string() },
            });
        }
    }
}
