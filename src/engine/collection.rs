//! The collection of batch results beside a review: it reads results, the review decides what they leave in the session, and
//! the session stores that. A chunk follows when the one before is on disk.

use std::convert::Infallible;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use super::batch::{self, BatchAccess, Chunk, Jobs, Sink};
use super::{Emit, Engine, EngineEvent};
use crate::dataset::Dataset;
use crate::session::{BatchEntry, BatchPart, Receipt, SessionError, Transaction, WorkerHandle};

/// Identity of a collection. What any other than the current one reports is late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CollectionId(pub u64);

/// Returns the access to the jobs, or why the settings for it are invalid. Called on the thread of a collection.
pub type BatchService = Arc<dyn Fn() -> Result<BatchAccess, String> + Send + Sync>;

/// A collection in progress. Dropping it stops it.
pub(super) struct Collection {
    id: CollectionId,
    receipts: UnboundedSender<()>,
    _stop: oneshot::Sender<Infallible>,
}

impl Engine {
    /// Collects the results of these parts instead of a collection in progress. Reported by [`EngineEvent::Collected`] and
    /// [`EngineEvent::CollectionEnded`].
    ///
    /// # Panics
    ///
    /// Panics outside a tokio runtime.
    pub fn collect_batches(&mut self, id: CollectionId, parts: Vec<BatchPart>, service: BatchService) {
        let (receipts, received) = unbounded_channel();
        let (stop, stopped) = oneshot::channel();
        self.collection = Some(Collection { id, receipts, _stop: stop });
        let (dataset, emit) = (self.dataset.clone(), Arc::clone(&self.emit));
        let session = self.session.as_ref().map(|session| session.handle().clone());
        let runtime = Handle::current();
        self.spawn_writer("collect", move || {
            let Some(session) = session else { return };
            let sink = Sending { id, session, emit: Arc::clone(&emit), receipts: received };
            let collecting = async {
                tokio::select! {
                    ended = collect(&dataset, &parts, &service, sink) => Some(ended),
                    _ = stopped => None,
                }
            };
            if let Some((jobs, error)) = runtime.block_on(collecting) {
                emit(EngineEvent::CollectionEnded { id, jobs: Box::new(jobs), error });
            }
        });
    }

    /// Stores what the chunk of a collection leaves in the session, and lets the collection continue.
    pub fn store_results(&self, id: CollectionId, transaction: Transaction) {
        let receipts = self.collection.as_ref().filter(|collection| collection.id == id);
        let receipts = receipts.map(|collection| collection.receipts.clone());
        let receipt = Receipt::new(move || {
            // Fails if the collection was stopped meanwhile.
            _ = receipts.map(|receipts| receipts.send(()));
        });
        let sent = self.send_to_session(|session| session.store_results(transaction, Timestamp::now(), receipt));
        if let Err(error) = sent {
            (self.emit)(EngineEvent::StoreFailed(error.to_string()));
        }
    }

    /// Stops the collection. What it has handed out is stored.
    pub fn stop_collecting(&mut self) {
        self.collection = None;
    }
}

async fn collect(
    dataset: &Dataset,
    parts: &[BatchPart],
    service: &BatchService,
    mut sink: Sending,
) -> (Jobs, Option<String>) {
    let mut jobs = Jobs::default();
    let mut access = match service() {
        Ok(access) => access,
        Err(error) => return (jobs, Some(error)),
    };
    let collected = batch::collect(&mut access, dataset, parts, &mut sink, &mut jobs).await;
    (jobs, collected.err().map(|error| error.to_string()))
}

/// Sends chunks to the front end, which returns what is to be stored.
struct Sending {
    id: CollectionId,
    session: WorkerHandle,
    emit: Emit,
    receipts: UnboundedReceiver<()>,
}

impl Sink for Sending {
    /// Taken in between two keys: a few milliseconds.
    const CHUNK: usize = 100;

    fn entries(&mut self, token: &str) -> Result<Vec<BatchEntry>, SessionError> {
        self.session.batch_entries(token)
    }

    async fn take(&mut self, chunk: Chunk) -> Result<(), SessionError> {
        (self.emit)(EngineEvent::Collected { id: self.id, chunk: Box::new(chunk), at: Timestamp::now() });
        self.receipts.recv().await.ok_or(SessionError::Stopped)
    }
}
