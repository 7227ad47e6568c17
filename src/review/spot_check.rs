//! A spot check in the list: only the records of the sample are there, in its order, and only what was decided since it
//! was drawn counts.

use twox_hash::XxHash3_64;

use super::{Model, Version};
use crate::dataset::RecordId;
use crate::report::SpotFigures;
use crate::session::{Decision, RecordState};

static UNDECIDED: Decision = Decision::Undecided;

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

    /// The two texts of a record that is judged blind, in an order that tells nothing.
    #[must_use]
    pub fn pair(&self, record: RecordId) -> Option<[Version; 2]> {
        let sample = self.spot.as_ref()?;
        let member = sample.members.get(self.tabs.order()?.place(record)? as usize)?;
        let state = self.state(record);
        let candidate = Version::Candidate(sample.opponent(member, state)?);
        if self.counted_decision(record).is_final() || state.amended.is_some() {
            return None;
        }
        let chance = XxHash3_64::oneshot_with_seed(sample.request.seed, &record.0.to_le_bytes());
        Some(if chance & 1 == 0 { [candidate, Version::Original] } else { [Version::Original, candidate] })
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
