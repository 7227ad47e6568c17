//! Batch inference: the records that wait for results, and the collection in progress.

use roaring::RoaringBitmap;

use crate::dataset::RecordId;
use crate::engine::CollectionId;
use crate::engine::batch::{Chunk, Tally};
use crate::session::{BatchPart, PartState};

/// What was sent away in batches.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    parts: Vec<BatchPart>,
    /// Records that wait for a candidate. They are not described a second time.
    candidates: RoaringBitmap,
    /// Records that wait for a verdict.
    verdicts: RoaringBitmap,
    pub collecting: Option<Collecting>,
}

/// A collection in progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collecting {
    pub id: CollectionId,
    /// The records that waited when it began.
    pub total: u64,
    /// Those with a result, or a reason why they have none.
    pub done: u64,
    pub tally: Tally,
}

impl Batch {
    #[must_use]
    pub fn new(parts: Vec<BatchPart>) -> Self {
        let mut batch = Self { parts, ..Self::default() };
        batch.count();
        batch
    }

    /// Returns the records that wait for a candidate.
    #[must_use]
    pub const fn candidates(&self) -> &RoaringBitmap {
        &self.candidates
    }

    /// Returns the records that wait for a verdict.
    #[must_use]
    pub const fn verdicts(&self) -> &RoaringBitmap {
        &self.verdicts
    }

    /// Returns all records that wait.
    #[must_use]
    pub fn records(&self) -> RoaringBitmap {
        &self.candidates | &self.verdicts
    }

    /// Returns true if a record waits for a candidate or a verdict.
    #[must_use]
    pub fn is_waiting(&self, record: RecordId) -> bool {
        self.candidates.contains(record.0) || self.verdicts.contains(record.0)
    }

    /// Returns the number of results that are missing, those of records that are not in the dataset any more included.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.parts().map(BatchPart::left).sum()
    }

    /// Returns the parts that wait for results.
    pub fn parts(&self) -> impl Iterator<Item = &BatchPart> {
        self.parts.iter().filter(|part| part.is_waiting())
    }

    /// Returns true if a part has no job: an interrupted `batch submit` has to continue first.
    #[must_use]
    pub fn lacks_job(&self) -> bool {
        self.parts().any(|part| !matches!(part.state, PartState::Created { .. }))
    }

    /// Follows that a chunk was stored.
    pub fn take(&mut self, chunk: &Chunk) {
        let Some(part) = self.parts.iter_mut().find(|part| part.plan.token == chunk.token) else { return };
        part.take(&chunk.places(), chunk.answers.iter().map(|answer| answer.record));
        if let Some(outcome) = &chunk.ended {
            part.end(outcome.clone());
        }
        self.count();
    }

    fn count(&mut self) {
        let of = |verdicts: bool| {
            let parts = self.parts().filter(|part| part.plan.is_verification == verdicts);
            parts.fold(RoaringBitmap::new(), |all, part| all | &part.waiting)
        };
        (self.candidates, self.verdicts) = (of(false), of(true));
    }
}
