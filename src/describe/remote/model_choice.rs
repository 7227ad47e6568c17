//! The choice among the models of a connection: the first that answers. Until one has, a single request is sent at a
//! time, so that a model that is not available costs one request.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(super) struct ModelChoice {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// The index of the current model; those before it are not available.
    index: usize,
    /// Whether it has accepted a request.
    answers: bool,
    /// Whether the request that finds out is in flight.
    probing: bool,
}

/// The model for one request. A probe dropped without [`answered`](Choice::answered) is followed by another.
#[derive(Debug)]
pub(super) struct Choice<'choice> {
    of: &'choice ModelChoice,
    pub(super) index: usize,
    is_probe: bool,
}

impl ModelChoice {
    /// Returns the index of the model that the next request will use.
    pub(super) fn index(&self) -> usize {
        self.state().index
    }

    /// Waits until the current model has answered, or until this request can find out.
    pub(super) async fn choose(&self) -> Choice<'_> {
        loop {
            let changed = self.changed.notified();
            {
                let mut state = self.state();
                if state.answers || !state.probing {
                    let is_probe = !state.answers;
                    state.probing |= is_probe;
                    return Choice { of: self, index: state.index, is_probe };
                }
            }
            changed.await;
        }
    }

    /// Moves on to the model at `next`, if `index` is still the current one: concurrent requests find the same model
    /// unavailable. Returns true if it was.
    pub(super) fn skip(&self, index: usize, next: usize) -> bool {
        let mut state = self.state();
        let is_current = state.index == index;
        if is_current {
            (state.index, state.answers) = (next, false);
        }
        is_current
    }

    /// Ignores poisoning: no code under the lock can panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Choice<'_> {
    /// Reports that the model has accepted the request. Returns true for the first request of the model.
    pub(super) fn answered(&self) -> bool {
        let mut state = self.of.state();
        let is_first = state.index == self.index && !state.answers;
        state.answers |= is_first;
        drop(state);
        if is_first {
            self.of.changed.notify_waiters();
        }
        is_first
    }

    /// Returns false if another model is to be used now, or a probe has to find out about this one.
    pub(super) fn is_current(&self) -> bool {
        let state = self.of.state();
        state.index == self.index && (self.is_probe || state.answers)
    }
}

impl Drop for Choice<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            self.of.state().probing = false;
            self.of.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use proptest::prelude::*;
    use tokio::task::JoinSet;
    use tokio::time::sleep;

    use super::*;

    proptest! {
        /// Whatever the models and the latencies, each unavailable one gets one request, and all requests are served.
        #[test]
        fn an_unavailable_model_gets_one_request(
            unavailable in 0_usize..5,
            latencies in proptest::collection::vec(0_u64..50, 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
            let sent = runtime.expect("a runtime").block_on(async {
                let choice = Arc::new(ModelChoice::default());
                let sent = Arc::new(Mutex::new(vec![0; unavailable + 1]));
                let mut tasks = JoinSet::new();
                for latency in latencies.clone() {
                    let (choice, sent) = (Arc::clone(&choice), Arc::clone(&sent));
                    tasks.spawn(async move {
                        loop {
                            let chosen = choice.choose().await;
                            // The rate limiter.
                            sleep(Duration::from_millis(latency / 2)).await;
                            if !chosen.is_current() {
                                continue;
                            }
                            sent.lock().expect("no panic")[chosen.index] += 1;
                            sleep(Duration::from_millis(latency)).await;
                            if chosen.index == unavailable {
                                chosen.answered();
                                break;
                            }
                            choice.skip(chosen.index, chosen.index + 1);
                        }
                    });
                }
                tasks.join_all().await;
                Arc::into_inner(sent).expect("all requests ended").into_inner().expect("no panic")
            });
            let mut expected = vec![1; unavailable];
            expected.push(latencies.len());
            prop_assert_eq!(sent, expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_fails_is_followed_by_another() {
        let choice = ModelChoice::default();
        let first = choice.choose().await;
        assert!(tokio::time::timeout(Duration::from_mins(1), choice.choose()).await.is_err(), "one at a time");
        drop(first);
        let second = choice.choose().await;
        assert!(second.is_current() && second.answered());
        let (third, fourth) = (choice.choose().await, choice.choose().await);
        assert!(third.is_current() && fourth.is_current() && !third.answered());
        choice.skip(0, 1);
        assert!(!third.is_current(), "another model is to be used");
    }
}
