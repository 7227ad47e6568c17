//! What a run may cost. The most a request can cost is set aside before it is sent, so that the limit holds whatever
//! the answers turn out to cost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Dollars;

/// What was spent, what is set aside for requests under way, and the limit of both. Clones share it.
#[derive(Clone)]
pub struct Budget {
    shared: Arc<Shared>,
}

struct Shared {
    limit: Option<Dollars>,
    state: Mutex<State>,
    /// Wakes those who wait for a reservation to end.
    ended: Notify,
}

#[derive(Clone, Copy, Default)]
struct State {
    spent: Dollars,
    reserved: Dollars,
}

/// Why a request is not paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BudgetError {
    /// It does not fit in what is left, and never will.
    #[error(
        "the budget of {limit} is used up: {spent} is spent, and one more request may cost {worst}; raise --budget to go on"
    )]
    Spent {
        /// What the run may cost.
        limit: Dollars,
        /// What it has cost.
        spent: Dollars,
        /// What one more request may cost.
        worst: Dollars,
    },
    /// It does not fit now, but may when requests under way have cost less than they might.
    #[error(
        "the budget of {limit} has no room for now: {spent} is spent, requests under way may cost {reserved}, and one more {worst}"
    )]
    Reserved {
        /// What the run may cost.
        limit: Dollars,
        /// What it has cost.
        spent: Dollars,
        /// What is set aside for requests under way.
        reserved: Dollars,
        /// What one more request may cost.
        worst: Dollars,
    },
}

/// Money set aside for one request. It ends when it is settled or dropped: dropped before the request was sent, the
/// money is free again; after, nobody knows what the request cost, and all of it counts as spent.
#[must_use = "dropping it frees the money"]
pub struct Reservation {
    shared: Arc<Shared>,
    worst: Dollars,
    /// What it costs to drop it.
    due: Dollars,
}

impl Budget {
    /// A budget of which nothing is spent; none for a run that may cost anything.
    #[must_use]
    pub fn new(limit: Option<Dollars>) -> Self {
        let shared = Shared { limit, state: Mutex::default(), ended: Notify::new() };
        Self { shared: Arc::new(shared) }
    }

    /// Sets aside the most a request can cost.
    ///
    /// # Errors
    ///
    /// Where that does not fit: for now, or for good.
    pub fn reserve(&self, worst: Dollars) -> Result<Reservation, BudgetError> {
        let mut state = self.shared.state();
        let State { spent, reserved } = *state;
        if let Some(limit) = self.shared.limit {
            if spent + worst > limit {
                return Err(BudgetError::Spent { limit, spent, worst });
            }
            if spent + reserved + worst > limit {
                return Err(BudgetError::Reserved { limit, spent, reserved, worst });
            }
        }
        state.reserved += worst;
        Ok(Reservation { shared: Arc::clone(&self.shared), worst, due: Dollars::default() })
    }

    /// Like [`Budget::reserve`], but waits while requests under way may still leave room. Those who wait are served in
    /// no particular order. Dropping the future takes nothing from anybody.
    ///
    /// # Errors
    ///
    /// [`BudgetError::Spent`] as soon as there will never be room.
    pub async fn reserve_when_possible(&self, worst: Dollars) -> Result<Reservation, BudgetError> {
        loop {
            // Listens before it looks, so that no end falls in between.
            let ended = self.shared.ended.notified();
            match self.reserve(worst) {
                Err(BudgetError::Reserved { .. }) => ended.await,
                outcome => return outcome,
            }
        }
    }

    /// What the run may cost; none where it may cost anything.
    #[must_use]
    pub fn limit(&self) -> Option<Dollars> {
        self.shared.limit
    }

    /// What it has cost.
    #[must_use]
    pub fn spent(&self) -> Dollars {
        self.shared.state().spent
    }

    /// What is set aside for requests under way.
    #[must_use]
    pub fn reserved(&self) -> Dollars {
        self.shared.state().reserved
    }
}

impl Reservation {
    /// What is set aside.
    #[must_use]
    pub fn worst(&self) -> Dollars {
        self.worst
    }

    /// The request goes to the service now, which may charge for it whatever becomes of the answer.
    pub fn sent(&mut self) {
        self.due = self.worst;
    }

    /// The service said what the request cost, or that it charges nothing. Should that be more than was set aside, it
    /// counts all the same.
    pub fn settle(mut self, actual: Dollars) {
        self.due = actual;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.reserved = state.reserved.saturating_sub(self.worst);
        state.spent += self.due;
        drop(state);
        self.shared.ended.notify_waiters();
    }
}

impl Shared {
    /// No code that can panic runs under the lock, so a poisoned state is as good as any.
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
    fn it_tells_spent_from_set_aside() {
        let budget = Budget::new(Some(dollars(10)));
        let first = budget.reserve(dollars(7)).expect("there is room");
        assert_eq!(
            budget.reserve(dollars(4)).err(),
            Some(BudgetError::Reserved {
                limit: dollars(10),
                spent: dollars(0),
                reserved: dollars(7),
                worst: dollars(4)
            })
        );
        first.settle(dollars(6));
        drop(budget.reserve(dollars(4)).expect("the first left room for exactly this"));
        let spent = BudgetError::Spent { limit: dollars(10), spent: dollars(6), worst: dollars(5) };
        assert_eq!(budget.reserve(dollars(5)).err(), Some(spent));
        let message = BudgetError::Spent {
            limit: "2".parse().expect("dollars"),
            spent: "1.98".parse().expect("dollars"),
            worst: "0.023".parse().expect("dollars"),
        };
        assert_eq!(
            message.to_string(),
            "the budget of $2.00 is used up: $1.98 is spent, and one more request may cost $0.023; raise --budget to go on"
        );
    }

    #[test]
    fn without_a_limit_it_only_counts() {
        let budget = Budget::new(None);
        let mut sent = budget.reserve(dollars(u64::MAX)).expect("there is no limit");
        sent.sent();
        drop(sent);
        drop(budget.reserve(dollars(u64::MAX)).expect("there is no limit"));
        assert_eq!((budget.spent(), budget.reserved()), (dollars(u64::MAX), dollars(0)));
    }

    /// What happens next in a run.
    #[derive(Clone, Debug)]
    enum Step {
        Reserve(u64),
        /// Of those under way, which; and what it cost, in hundredths of the worst.
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
        fn whatever_happens_the_limit_holds_and_every_reservation_ends_once(
            limit in 0_u64..10_000,
            steps in vec(step(), 0..200),
        ) {
            let budget = Budget::new(Some(dollars(limit)));
            let mut under_way: Vec<(Reservation, u64, bool)> = Vec::new();
            let mut spent = 0;
            for step in steps {
                match step {
                    Step::Reserve(worst) => match budget.reserve(dollars(worst)) {
                        Ok(reservation) => under_way.push((reservation, worst, false)),
                        Err(BudgetError::Spent { .. }) => prop_assert!(spent + worst > limit),
                        Err(BudgetError::Reserved { reserved, .. }) => {
                            prop_assert!(spent + worst <= limit);
                            prop_assert!(spent + reserved.billionths() + worst > limit);
                        }
                    },
                    Step::Settle(which, share) if !under_way.is_empty() => {
                        let (reservation, worst, _) = under_way.swap_remove(which % under_way.len());
                        reservation.settle(dollars(worst * share / 100));
                        spent += worst * share / 100;
                    }
                    Step::Send(which) if !under_way.is_empty() => {
                        let which = which % under_way.len();
                        under_way[which].0.sent();
                        under_way[which].2 = true;
                    }
                    Step::Drop(which) if !under_way.is_empty() => {
                        let (_, worst, sent) = under_way.swap_remove(which % under_way.len());
                        spent += if sent { worst } else { 0 };
                    }
                    _ => {}
                }
                prop_assert_eq!(budget.spent(), dollars(spent));
                prop_assert_eq!(budget.reserved(), dollars(under_way.iter().map(|(_, worst, _)| worst).sum()));
                prop_assert!(budget.spent() + budget.reserved() <= dollars(limit));
            }
        }

        #[test]
        fn those_who_wait_get_their_money_or_are_told_that_there_is_none(
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
                for (worst, share, work, patience) in requests {
                    let budget = budget.clone();
                    tasks.spawn(async move {
                        let patience = patience.map_or(Duration::from_hours(1), Duration::from_millis);
                        let waiting = budget.reserve_when_possible(dollars(worst));
                        let Ok(outcome) = tokio::time::timeout(patience, waiting).await else { return 0 };
                        let Ok(mut reservation) = outcome else {
                            assert!(budget.spent() + dollars(worst) > dollars(limit), "there will be room");
                            return 0;
                        };
                        reservation.sent();
                        sleep(Duration::from_millis(work)).await;
                        assert!(budget.spent() + budget.reserved() <= dollars(limit));
                        reservation.settle(dollars(worst * share / 100));
                        worst * share / 100
                    });
                }
                let limit = Duration::from_mins(50);
                (budget, tokio::time::timeout(limit, tasks.join_all()).await.expect("nobody waits for ever"))
            });
            prop_assert_eq!(budget.spent(), outcomes.into_iter().map(dollars).sum());
            prop_assert_eq!(budget.reserved(), dollars(0));
        }
    }
}
