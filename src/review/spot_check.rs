//! Spot checks: the list shows only the sample, in its order, and only decisions made after it was drawn count.

use twox_hash::XxHash3_64;

use super::{Model, Version};
use crate::dataset::RecordId;
use crate::report::SpotFigures;
use crate::session::{Decision, RecordState};

static UNDECIDED: Decision = Decision::Undecided;

impl Model {
    /// Returns true while the sample is being drawn.
    #[must_use]
    pub const fn is_drawing(&self) -> bool {
        self.settings.sample.is_some() && self.spot.is_none()
    }

    /// Returns true in a blind spot check, which shows no models and no costs.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        self.settings.sample.as_ref().is_some_and(|sample| sample.blind)
    }

    /// Returns the results so far, in a spot check.
    #[must_use]
    pub fn spot_figures(&self) -> Option<SpotFigures> {
        self.spot.as_ref().map(|sample| SpotFigures::of(sample, &self.ledger))
    }

    /// Returns the two captions of a blind comparison, in random order.
    #[must_use]
    pub fn pair(&self, record: RecordId) -> Option<[Version; 2]> {
        let sample = self.spot.as_ref()?;
        let member = sample.members.get(self.tabs.order()?.place(record)? as usize)?;
        let state = self.state(record);
        let candidate = Version::Candidate(sample.blind_candidate(member, state)?);
        if self.counted_decision(record).is_final() || self.is_rejected(record) || state.amended.is_some() {
            return None;
        }
        let chance = XxHash3_64::oneshot_with_seed(sample.request.seed, &record.0.to_le_bytes());
        Some(if chance & 1 == 0 { [candidate, Version::Original] } else { [Version::Original, candidate] })
    }

    /// Returns a record's decision, or undecided if it does not count.
    #[must_use]
    pub fn counted_decision(&self, record: RecordId) -> &Decision {
        let state = self.state(record);
        if self.counts(state) { &state.decision } else { &UNDECIDED }
    }

    /// Returns true if the spot check found that a record's caption is not acceptable.
    #[must_use]
    pub fn is_rejected(&self, record: RecordId) -> bool {
        self.spot.as_ref().is_some_and(|sample| self.state(record).rejected_since(sample.after).is_some())
    }

    /// Returns true if a record's decision counts: always, except for earlier ones in a spot check.
    pub(super) fn counts(&self, state: &RecordState) -> bool {
        self.spot.as_ref().is_none_or(|sample| sample.counts(state))
    }
}
