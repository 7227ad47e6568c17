//! The decisions of several sessions on the same records.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use twox_hash::XxHash3_128;

use super::plan::{is_decided, is_same_text};
use crate::dataset::{Dataset, DatasetError, Entry, RecordId};
use crate::report::{Overlap, Rating};
use crate::session::{Decision, History, Ledger, RecordState};

/// The decisions of each record, in the order of the sessions.
#[derive(Debug, Default)]
pub(super) struct Claims {
    of: BTreeMap<RecordId, Vec<Rating>>,
    sessions: usize,
}

impl Claims {
    /// Collects the decisions that could be merged: by persons, and on the same original caption.
    pub(super) fn gather(dataset: &Dataset, here: &Ledger, others: &[History]) -> Result<Self, DatasetError> {
        let mut claims = Self { sessions: others.len(), ..Self::default() };
        for (session, other) in others.iter().enumerate() {
            for (id, theirs) in other.opened.ledger.touched().filter(|(_, theirs)| is_decided(theirs)) {
                let Entry::Record(record) = dataset.entry(id)? else { continue };
                if is_same_text(&record, here.record(id), theirs) {
                    let caption = caption(id, theirs, record.caption.text());
                    let caption = caption.map(|caption| XxHash3_128::oneshot(caption.as_bytes()));
                    let rating = Rating { session, decision: theirs.decision.kind(), caption };
                    claims.of.entry(id).or_default().push(rating);
                }
            }
        }
        Ok(claims)
    }

    /// Returns true if several sessions are merged.
    pub(super) const fn are_several(&self) -> bool {
        self.sessions > 1
    }

    /// Returns true if the sessions would save a record with different captions, or not all would save it.
    pub(super) fn is_conflict(&self, record: RecordId) -> bool {
        let captions: BTreeSet<Option<u128>> =
            self.of.get(&record).into_iter().flatten().map(|rating| rating.caption).collect();
        captions.len() > 1
    }

    pub(super) fn overlap(&self, names: Vec<String>) -> Overlap {
        let mut overlap = Overlap::new(names);
        for ratings in self.of.values() {
            overlap.add(ratings);
        }
        overlap
    }
}

/// Returns the caption that a decision would save; `None` if the record is excluded.
pub(super) fn caption<'a>(
    record: RecordId,
    state: &'a RecordState,
    in_dataset: Option<&'a str>,
) -> Option<Cow<'a, str>> {
    let is_excluded = state.decision == Decision::Excluded;
    (!is_excluded).then(|| state.current_caption(record, in_dataset).unwrap_or_default())
}
