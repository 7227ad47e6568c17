//! The budget of a run. The maximum cost of a request is reserved before the request is sent, so that the limit holds
//! for any response.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Dollars;

/// Tracks spent and reserved money against an optional limit. Clones share their state.
#[derive(Clone, Debug)]
pub struct Budget {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    limit: Option<Dollars>,
    state: Mutex<State>,
    /// Notified when a reservation ends.
    ended: Notify,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    spent: Dollars,
    reserved: Dollars,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// The request does not fit the remaining budget, even if all reservations are released.
    #[error(
        "the budget of {limit} is used up: {spent} spent, and the next request may cost up to {max_cost}; raise --budget to continue"
    )]
    Spent { limit: Dollars, spent: Dollars, max_cost: Dollars },
    /// The request may fit once requests in flight have cost less than reserved.
    #[error(
        "the budget of {limit} is fully reserved: {spent} spent, {reserved} reserved by requests in flight, {max_cost} needed"
    )]
    Reserved { limit: Dollars, spent: Dollars, reserved: Dollars, max_cost: Dollars },
}

/// Money reserved for one request, until settled or dropped. Dropping it before the request is sent releases the money;
/// dropping it afterwards counts all of it as spent, because the cost is unknown.
#[must_use = "dropping it releases the money"]
pub struct Reservation {
    shared: Arc<Shared>,
    max_cost: Dollars,
    /// The amount spent if dropped.
    cost_if_dropped: Dollars,
}

impl Budget {
    /// Creates a budget, unlimited if `limit` is `None`.
    #[must_use]
    pub fn new(limit: Option<Dollars>) -> Self {
        let shared = Shared { limit, state: Mutex::default(), ended: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Reserves the maximum cost of a request.
    ///
    /// # Errors
    ///
    /// Returns an error if the cost does not fit the budget, now or ever.
    pub fn reserve(&self, max_cost: Dollars) -> Result<Reservation, BudgetError> {
        let mut state = self.shared.state();
        let State { spent, reserved } = *state;
        if let Some(limit) = self.shared.limit {
            if spent + max_cost > limit {
                return Err(BudgetError::Spent { limit, spent, max_cost });
            }
            if spent + reserved + max_cost > limit {
                return Err(BudgetError::Reserved { limit, spent, reserved, max_cost });
            }
        }
        state.reserved += max_cost;
        Ok(Reservation { shared: Arc::clone(&self.shared), max_cost, cost_if_dropped: Dollars::default() })
    }

    /// Like [`Budget::reserve`], but waits while requests in flight may still release enough. Waiters are served in no
    /// particular order. Cancel-safe.
    ///
    /// # Errors
    ///
    /// Returns [`BudgetError::Spent`] as soon as the cost can never fit.
    pub async fn reserve_when_available(&self, max_cost: Dollars) -> Result<Reservation, BudgetError> {
        loop {
            // Registers before the check, so that no notification is missed.
            let ended = self.shared.ended.notified();
            match self.reserve(max_cost) {
                Err(BudgetError::Reserved { .. }) => ended.await,
                outcome => return outcome,
            }
        }
    }

    #[must_use]
    pub fn limit(&self) -> Option<Dollars> {
        self.shared.limit
    }

    #[must_use]
    pub fn spent(&self) -> Dollars {
        self.shared.state().spent
    }

    #[must_use]
    pub fn reserved(&self) -> Dollars {
        self.shared.state().reserved
    }
}

impl Reservation {
    /// Marks the request as sent: from now on the service may charge for it, whatever becomes of the response.
    pub fn sent(&mut self) {
        self.cost_if_dropped = self.max_cost;
    }

    /// Ends the reservation with the actual cost, which counts in full even if it exceeds the reservation.
    pub fn settle(mut self, actual: Dollars) {
        self.cost_if_dropped = actual;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.reserved = state.reserved.saturating_sub(self.max_cost);
        state.spent += self.cost_if_dropped;
        drop(state);
        self.shared.ended.notify_waiters();
    }
}

impl Shared {
    /// Ignores poisoning: no code under the lock can panic with the state half updated.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::collection::vec;
    use proptest::prelude::*;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;

    fn dollars(billionths: u64) -> Dollars {
        Dollars::from_billionths(billionths)
    }

    #[test]
    fn it_distinguishes_spent_from_reserved() {
        let budget = Budget::new(Some(dollars(10)));
        let first = budget.reserve(dollars(7)).expect("within the budget");
        assert_eq!(
            budget.reserve(dollars(4)).err(),
            Some(BudgetError::Reserved {
                limit: dollars(10),
                spent: dollars(0),
                reserved: dollars(7),
                max_cost: dollars(4)
            })
        );
        first.settle(dollars(6));
        drop(budget.reserve(dollars(4)).expect("fits exactly"));
        let spent = BudgetError::Spent { limit: dollars(10), spent: dollars(6), max_cost: dollars(5) };
        assert_eq!(budget.reserve(dollars(5)).err(), Some(spent));
        let message = BudgetError::Spent {
            limit: "2".parse().expect("dollars"),
            spent: "1.98".parse().expect("dollars"),
            max_cost: "0.023".parse().expect("dollars"),
        };
        assert_eq!(
            message.to_string(),
            "the budget of $2.00 is used up: $1.98 spent, and the next request may cost up to $0.023; raise --budget to continue"
        );
    }

    #[test]
    fn without_a_limit_every_reservation_succeeds() {
        let budget = Budget::new(None);
        let mut sent = budget.reserve(dollars(u64::MAX)).expect("no limit");
        sent.sent();
        drop(sent);
        drop(budget.reserve(dollars(u64::MAX)).expect("no limit"));
        assert_eq!((budget.spent(), budget.reserved()), (dollars(u64::MAX), dollars(0)));
    }

    #[derive(Clone, Debug)]
    enum Step {
        Reserve(u64),
        /// Which reservation, and its cost as a percentage of the maximum.
        Settle(usize, u64),
        Send(usize),
        Drop(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0_u64..2_000).prop_map(Step::Reserve),
            1 => (any::<usize>(), 0_u64..=100).prop_map(|(which, share)| Step::Settle(which, share)),
            1 => any::<usize>().prop_map(Step::Send),
            1 => any::<usize>().prop_map(Step::Drop),
        ]
    }

    proptest! {
        #[test]
        fn the_limit_holds_and_every_reservation_ends_once(
            limit in 0_u64..10_000,
            steps in vec(step(), 0..200),
        ) {
            let budget = Budget::new(Some(dollars(limit)));
            let mut reservations: Vec<(Reservation, u64, bool)> = Vec::new();
            let mut spent = 0;
            for step in steps {
                match step {
                    Step::Reserve(max_cost) => match budget.reserve(dollars(max_cost)) {
                        Ok(reservation) => reservations.push((reservation, max_cost, false)),
                        Err(BudgetError::Spent { .. }) => prop_assert!(spent + max_cost > limit),
                        Err(BudgetError::Reserved { reserved, .. }) => {
                            prop_assert!(spent + max_cost <= limit);
                            prop_assert!(spent + reserved.billionths() + max_cost > limit);
                        }
                    },
                    Step::Settle(which, share) if !reservations.is_empty() => {
                        let (reservation, max_cost, _) = reservations.swap_remove(which % reservations.len());
                        reservation.settle(dollars(max_cost * share / 100));
                        spent += max_cost * share / 100;
                    }
                    Step::Send(which) if !reservations.is_empty() => {
                        let which = which % reservations.len();
                        reservations[which].0.sent();
                        reservations[which].2 = true;
                    }
                    Step::Drop(which) if !reservations.is_empty() => {
                        let (_, max_cost, sent) = reservations.swap_remove(which % reservations.len());
                        spent += if sent { max_cost } else { 0 };
                    }
                    _ => {}
                }
                prop_assert_eq!(budget.spent(), dollars(spent));
                prop_assert_eq!(budget.reserved(), dollars(reservations.iter().map(|(_, max_cost, _)| max_cost).sum()));
                prop_assert!(budget.spent() + budget.reserved() <= dollars(limit));
            }
        }

        #[test]
        fn waiters_get_a_reservation_or_an_error(
            limit in 0_u64..5_000,
            requests in vec((1_u64..1_000, 0_u64..=100, 0_u64..100, proptest::option::of(0_u64..100)), 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .expect("a runtime");
            let (budget, outcomes) = runtime.block_on(async {
                let budget = Budget::new(Some(dollars(limit)));
                let mut tasks = JoinSet::new();
                for (max_cost, share, work, patience) in requests {
                    let budget = budget.clone();
                    tasks.spawn(async move {
                        let patience = patience.map_or(Duration::from_hours(1), Duration::from_millis);
                        let reservation = budget.reserve_when_available(dollars(max_cost));
                        let Ok(outcome) = tokio::time::timeout(patience, reservation).await else { return 0 };
                        let Ok(mut reservation) = outcome else {
                            assert!(budget.spent() + dollars(max_cost) > dollars(limit), "the cost could still fit");
                            return 0;
                        };
                        reservation.sent();
                        sleep(Duration::from_millis(work)).await;
                        assert!(budget.spent() + budget.reserved() <= dollars(limit));
                        reservation.settle(dollars(max_cost * share / 100));
                        max_cost * share / 100
                    });
                }
                let limit = Duration::from_mins(50);
                (budget, tokio::time::timeout(limit, tasks.join_all()).await.expect("no waiter waits forever"))
            });
            prop_assert_eq!(budget.spent(), outcomes.into_iter().map(dollars).sum());
            prop_assert_eq!(budget.reserved(), dollars(0));
        }
    }
}
