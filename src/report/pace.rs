//! Decisions per hour of work.

use jiff::SignedDuration;

use crate::session::{Action, ActionKind};

/// A longer pause between two actions is a break and does not count as work: five minutes is longer than looking something
/// up takes, and shorter than lunch.
pub const MAX_PAUSE: SignedDuration = SignedDuration::from_mins(5);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Decisions, without the first action of each work period, whose duration is unknown.
    pub decisions: u64,
    /// Total time between actions, without breaks.
    pub work: SignedDuration,
    /// Number of periods without a break.
    pub periods: u64,
}

impl Pace {
    /// Adds up the actions of a person, in order. Actions of a batch run are ignored.
    pub(super) fn of(actions: &[Action]) -> Self {
        let mut pace = Self::default();
        let mut before = None;
        for action in actions.iter().filter(|action| action.kind.is_by_hand()) {
            // The pause is zero if the clock was set back.
            let pause = before.map(|before| action.at.duration_since(before).max(SignedDuration::ZERO));
            match pause.filter(|pause| *pause <= MAX_PAUSE) {
                Some(pause) => {
                    pace.work = pace.work.saturating_add(pause);
                    pace.decisions += u64::from(matches!(action.kind, ActionKind::Decided { .. }));
                }
                None => pace.periods += 1,
            }
            before = Some(action.at);
        }
        pace
    }

    /// Returns the sum with the pace of another session.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            decisions: self.decisions + other.decisions,
            work: self.work.saturating_add(other.work),
            periods: self.periods + other.periods,
        }
    }

    /// Returns decisions per hour of work, or `None` if no time has passed between two actions.
    #[must_use]
    pub fn per_hour(self) -> Option<f64> {
        let hours = self.work.as_secs_f64() / 3600.0;
        (hours > 0.0).then(|| crate::statistics::to_f64(self.decisions) / hours)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::dataset::RecordId;
    use crate::session::{Actor, Seq};

    const HAND: ActionKind = ActionKind::Decided { by: Actor::Operator, edited_from: None };
    const RUN: ActionKind = ActionKind::Decided { by: Actor::Run, edited_from: None };

    fn actions(made: &[(i64, ActionKind)]) -> Vec<Action> {
        let action = |(number, (second, kind)): (u64, &(i64, ActionKind))| Action {
            seq: Seq(number),
            at: Timestamp::from_second(*second).unwrap(),
            record: Some(RecordId(0)),
            kind: *kind,
        };
        (1..).zip(made).map(action).collect()
    }

    #[test]
    fn breaks_and_batch_runs_do_not_count_as_work() {
        let made = [(0, HAND), (10, HAND), (20, ActionKind::Other), (21, RUN), (30, HAND), (331, HAND), (631, HAND)];
        let pace = Pace::of(&actions(&made));
        // 0 to 30, then a break of 301 seconds, then a pause of 300.
        assert_eq!(pace, Pace { decisions: 3, work: SignedDuration::from_secs(330), periods: 2 });
        assert!((pace.per_hour().unwrap() - 3.0 * 3600.0 / 330.0).abs() < 1e-9);
    }

    #[test]
    fn one_action_has_no_pace() {
        assert_eq!(Pace::of(&actions(&[])).per_hour(), None);
        assert_eq!(Pace::of(&actions(&[(5, HAND)])), Pace { periods: 1, ..Pace::default() });
        assert_eq!(Pace::of(&actions(&[(5, HAND), (2, HAND)])).per_hour(), None, "the clock was set back");
    }
}
