//! A spot check in the list: only the records of the sample are there, in its order, and only what was decided since it
//! was drawn counts.

use roaring::RoaringBitmap;

use super::Model;
use crate::dataset::RecordId;
use crate::report::SpotFigures;
use crate::session::{Decision, RecordState, Sample, Seq};

static UNDECIDED: Decision = Decision::Undecided;

/// The records of a sample, as the list needs them. Going through them takes time for each: samples are small.
#[derive(Clone, Debug, Default)]
pub(super) struct Only {
    /// In the order in which they are shown.
    pub(super) order: Vec<RecordId>,
    pub(super) set: RoaringBitmap,
    /// What was decided before counts as undecided.
    pub(super) after: Seq,
}

impl Only {
    pub(super) fn new(sample: &Sample) -> Self {
        let order: Vec<RecordId> = sample.members.iter().map(|member| member.record).collect();
        let set = order.iter().map(|record| record.0).collect();
        Self { order, set, after: sample.after }
    }
}

impl Model {
    /// Whether the records to be judged are not known yet.
    #[must_use]
    pub const fn is_drawing(&self) -> bool {
        self.settings.sample.is_some() && self.spot.is_none()
    }

    /// What the spot check has come to, where this is one.
    #[must_use]
    pub fn spot_figures(&self) -> Option<SpotFigures> {
        self.spot.as_ref().map(|sample| SpotFigures::of(sample, &self.ledger))
    }

    /// What was decided of a record, as far as it counts.
    #[must_use]
    pub fn counted_decision(&self, record: RecordId) -> &Decision {
        let state = self.state(record);
        if self.counts(state) { &state.decision } else { &UNDECIDED }
    }

    /// Whether what was decided counts: all of it, but for a spot check.
    pub(super) fn counts(&self, state: &RecordState) -> bool {
        self.spot.as_ref().is_none_or(|sample| sample.counts(state))
    }
}
