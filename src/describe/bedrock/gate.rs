//! The gate before the service: shut when nothing would come of a request, tried by one request at a time until one
//! gets through.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::describe::{Pause, PauseKind};

/// Somebody may have signed in or been given access meanwhile.
const TRY_ACCESS_AGAIN: Duration = Duration::from_secs(10);
/// A day's quota comes back on its own, at an hour the service does not tell.
const TRY_QUOTA_AGAIN: Duration = Duration::from_mins(10);

/// Open until it is [shut](Gate::shut).
#[derive(Debug, Default)]
pub(super) struct Gate {
    state: Mutex<Option<Shut>>,
    changed: Notify,
}

#[derive(Debug)]
struct Shut {
    pause: Pause,
    /// When the next request may try; none: only when somebody says so.
    next: Option<Instant>,
    /// One is trying.
    trying: bool,
}

/// Leave to send a request. Dropped without a word, it says nothing about the service.
#[derive(Debug)]
pub(super) struct Leave<'gate> {
    gate: &'gate Gate,
    trying: bool,
}

impl Gate {
    /// Why it is shut.
    pub(super) fn pause(&self) -> Option<Pause> {
        self.state().as_ref().map(|shut| shut.pause.clone())
    }

    /// Waits for leave. While the gate is shut, one at a time gets it, now and then, to find out whether it still has
    /// to be.
    pub(super) async fn pass(&self) -> Leave<'_> {
        loop {
            let changed = self.changed.notified();
            let next = {
                let mut state = self.state();
                match state.as_mut() {
                    None => return Leave { gate: self, trying: false },
                    Some(shut) if !shut.trying && shut.next.is_some_and(|next| next <= Instant::now()) => {
                        shut.trying = true;
                        return Leave { gate: self, trying: true };
                    }
                    Some(shut) => shut.next.filter(|_| !shut.trying),
                }
            };
            match next {
                Some(next) => tokio::select! { () = changed => {}, () = sleep_until(next) => {} },
                None => changed.await,
            }
        }
    }

    /// Shuts it.
    pub(super) fn shut(&self, pause: Pause) {
        let next = match pause.kind {
            PauseKind::Access => Some(Instant::now() + TRY_ACCESS_AGAIN),
            PauseKind::Quota => Some(Instant::now() + TRY_QUOTA_AGAIN),
            PauseKind::Budget => None,
        };
        *self.state() = Some(Shut { pause, next, trying: false });
        self.changed.notify_waiters();
    }

    /// Has the next request try at once. A budget that is spent stays spent.
    pub(super) fn resume(&self) {
        if let Some(shut) = self.state().as_mut().filter(|shut| shut.pause.kind != PauseKind::Budget) {
            shut.next = Some(Instant::now());
        }
        self.changed.notify_waiters();
    }

    /// No code that can panic runs under the lock, so a poisoned state is as good as any.
    fn state(&self) -> MutexGuard<'_, Option<Shut>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// The service has taken the request. One that tried opens the gate; one that was sent before the gate was shut says
    /// nothing about what shut it. Says whether that changed anything.
    pub(super) fn got_through(&self) -> bool {
        let opened = self.trying && self.gate.state().take().is_some();
        if opened {
            self.gate.changed.notify_waiters();
        }
        opened
    }

    /// Whether nothing has spoken against a request since leave was given.
    pub(super) fn still_stands(&self) -> bool {
        self.trying || self.gate.state().is_none()
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.trying {
            if let Some(shut) = self.gate.state().as_mut() {
                shut.trying = false;
            }
            self.gate.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::time::advance;

    use super::*;

    fn pause(kind: PauseKind) -> Pause {
        Pause { message: "no".to_owned(), kind }
    }

    /// Requests that wait at a gate, each of which the service refuses or takes.
    fn requests(gate: &Arc<Gate>, count: usize, refuse: bool) -> Arc<AtomicUsize> {
        let sent = Arc::new(AtomicUsize::new(0));
        for _ in 0..count {
            let (gate, sent) = (Arc::clone(gate), Arc::clone(&sent));
            tokio::spawn(async move {
                loop {
                    let leave = gate.pass().await;
                    sent.fetch_add(1, Ordering::Relaxed);
                    if !refuse {
                        leave.got_through();
                        return;
                    }
                    gate.shut(pause(PauseKind::Access));
                }
            });
        }
        sent
    }

    async fn settle() {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn while_the_service_refuses_one_request_tries_now_and_then() {
        let gate = Arc::new(Gate::default());
        gate.shut(pause(PauseKind::Access));
        let sent = requests(&gate, 20, true);
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 0);
        for tries in 1..=3 {
            advance(TRY_ACCESS_AGAIN).await;
            settle().await;
            assert_eq!(sent.load(Ordering::Relaxed), tries);
        }
        gate.resume();
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 4, "at once, and still one only");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gets_through_opens_it_for_all() {
        let gate = Arc::new(Gate::default());
        gate.shut(pause(PauseKind::Quota));
        let sent = requests(&gate, 20, false);
        advance(TRY_QUOTA_AGAIN).await;
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 20);
        assert_eq!(gate.pause(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_gives_up_trying_leaves_it_to_the_next() {
        let gate = Arc::new(Gate::default());
        gate.shut(pause(PauseKind::Access));
        advance(TRY_ACCESS_AGAIN).await;
        let first = gate.pass().await;
        let sent = requests(&gate, 1, false);
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 0, "one is trying");
        drop(first);
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_sent_before_opens_nothing() {
        let gate = Gate::default();
        let before = gate.pass().await;
        gate.shut(pause(PauseKind::Budget));
        assert!(!before.got_through());
        assert_eq!(gate.pause(), Some(pause(PauseKind::Budget)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_spent_budget_stays_spent() {
        let gate = Arc::new(Gate::default());
        gate.shut(pause(PauseKind::Budget));
        let sent = requests(&gate, 1, false);
        gate.resume();
        advance(Duration::from_hours(24)).await;
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 0);
    }
}
