//! The session's events, forwarded; and what follows when it is opened: the sample of a spot check and the import of
//! candidates.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use jiff::Timestamp;

use super::{CandidateFile, Emit, EngineEvent, EngineOptions, Stopping, import};
use crate::dataset::Dataset;
use crate::report;
use crate::session::{Location, Opened, Sample, SampleRequest, WorkerEvent, WorkerHandle};

/// Runs on the session's thread and is dropped with it, after the import has ended.
pub(super) struct SessionEvents {
    dataset: Dataset,
    location: Location,
    /// To be imported once the session can be written.
    candidates: Option<CandidateFile>,
    sample: Option<SampleRequest>,
    emit: Emit,
    stopping: Stopping,
    import: Option<JoinHandle<()>>,
}

impl SessionEvents {
    pub(super) fn new(options: &EngineOptions, emit: Emit, stopping: Stopping) -> Self {
        Self {
            dataset: options.dataset.clone(),
            location: options.session.clone(),
            candidates: options.candidates.clone(),
            sample: options.sample.clone(),
            emit,
            stopping,
            import: None,
        }
    }

    pub(super) fn handle(&mut self, session: &WorkerHandle, event: WorkerEvent) {
        match event {
            WorkerEvent::Opened { opened, read_only } => self.opened(session, opened, read_only),
            WorkerEvent::OpenFailed(error) => (self.emit)(EngineEvent::SessionFailed(error)),
            WorkerEvent::Durable { through } => (self.emit)(EngineEvent::Durable(through, Timestamp::now())),
            WorkerEvent::Delayed { error } => (self.emit)(EngineEvent::StoreDelayed(error)),
            WorkerEvent::Failed { error, .. } => (self.emit)(EngineEvent::StoreFailed(error)),
        }
    }

    fn opened(&mut self, session: &WorkerHandle, opened: Box<Opened>, read_only: Option<String>) {
        let is_writable = read_only.is_none();
        let sample = self.sample.as_ref().and_then(|request| self.sample(request, &opened));
        if let Some(Ok((sample, true))) = &sample {
            // Queued before any of its decisions. If this fails, so does the next step, which is reported.
            let _ = session.store_sample(Sample::clone(sample));
        }
        let remarks: Vec<String> = opened.binding.note().into_iter().chain(self.location.note()).collect();
        let remark = (!remarks.is_empty()).then(|| remarks.join(" · "));
        if is_writable && self.candidates.is_some() {
            (self.emit)(EngineEvent::ImportStarted);
        }
        (self.emit)(EngineEvent::SessionOpened { opened, remark, read_only });
        if let Some(sample) = sample {
            (self.emit)(EngineEvent::Sampled(sample.map(|(sample, _)| sample)));
        }
        if is_writable {
            self.import();
        }
    }

    /// Returns the sample that was asked for, and true if it is new: the one drawn before, so that the verdicts on it
    /// count, else one drawn now. Returns `None` if the engine is closing.
    fn sample(&self, request: &SampleRequest, opened: &Opened) -> Option<Result<(Box<Sample>, bool), String>> {
        if let Some(sample) = opened.samples.iter().rev().find(|sample| sample.request == *request) {
            return Some(Ok((Box::new(sample.clone()), false)));
        }
        let check = &mut || self.stopping.check();
        let drawn = report::draw(&self.dataset, request, &opened.ledger, Timestamp::now(), check);
        let drawn = drawn.transpose()?;
        Some(drawn.map(|sample| (Box::new(sample), true)).map_err(|error| error.to_string()))
    }

    /// Starts the import of candidates, once.
    fn import(&mut self) {
        let Some(file) = self.candidates.take() else { return };
        let (dataset, emit, stopping) = (self.dataset.clone(), Arc::clone(&self.emit), self.stopping.clone());
        let work = move || import::run(&dataset, &file, &emit, &stopping);
        match thread::Builder::new().name("import".to_owned()).spawn(work) {
            Ok(thread) => self.import = Some(thread),
            Err(error) => {
                (self.emit)(EngineEvent::ImportFailed(format!("cannot start a thread to import candidates: {error}")));
            }
        }
    }
}

impl Drop for SessionEvents {
    fn drop(&mut self) {
        if let Some(import) = self.import.take() {
            // A panic was reported by the panic hook.
            let _ = import.join();
        }
    }
}
