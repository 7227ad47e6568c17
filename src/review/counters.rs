//! The counters on the screen. Like the badges, they change only after the decision is on disk.

use std::collections::VecDeque;

use super::{Model, Tab};
use crate::session::Seq;

/// The numbers of records, by tab, and of reviewed ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    tabs: [u64; Tab::ALL.len()],
    pub reviewed: u64,
}

impl Counters {
    #[must_use]
    pub fn of(&self, tab: Tab) -> u64 {
        Tab::ALL.iter().zip(self.tabs).find(|(other, _)| **other == tab).map_or(0, |(_, count)| count)
    }
}

/// The counters before each step that is not on disk yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pending {
    /// The state after the newest durable step; `None` if that is the current state.
    durable: Option<Counters>,
    /// Later states, each with the last event it includes.
    later: VecDeque<(Seq, Counters)>,
}

impl Pending {
    /// Remembers the counters before a step is applied.
    pub(super) fn before_step(&mut self, last: Seq, now: Counters) {
        if self.durable.is_none() {
            self.durable = Some(now);
        } else {
            self.later.push_back((last, now));
        }
    }

    /// Forgets the states before `durable`; all of them if nothing is pending.
    pub(super) fn stored(&mut self, durable: Seq, last: Seq) {
        if durable >= last {
            *self = Self::default();
        }
        while let Some((_, counters)) = self.later.pop_front_if(|(seq, _)| *seq <= durable) {
            self.durable = Some(counters);
        }
    }
}

impl Model {
    /// Returns the counters as of the newest step that is on disk.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.pending.durable.unwrap_or_else(|| self.live_counters())
    }

    pub(super) fn live_counters(&self) -> Counters {
        Counters { tabs: Tab::ALL.map(|tab| self.tabs.count(tab)), reviewed: self.tabs.reviewed() }
    }
}
