//! The circuit breaker in front of the service. While open, all requests wait; while half-open, one probe request at a
//! time is admitted until one succeeds and closes it.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::describe::{Pause, PauseKind};

/// Short, because signing in or granting access in the meantime should take effect soon.
const ACCESS_PROBE_INTERVAL: Duration = Duration::from_secs(10);
/// A daily quota is reset at an hour that the service does not document.
const QUOTA_PROBE_INTERVAL: Duration = Duration::from_mins(10);

/// This many requests in a row with the same rejection are a reason to open the circuit.
const EQUAL_REJECTIONS: u32 = 5;
/// This long with throttled requests and no other is a reason to open the circuit: the quota may be 0.
pub(super) const ONLY_THROTTLED: Duration = Duration::from_mins(5);
/// Fewer throttled requests tell nothing.
const MIN_THROTTLED: u32 = 5;

/// Closed until [opened](CircuitBreaker::open).
#[derive(Debug, Default)]
pub(super) struct CircuitBreaker {
    /// `None` if closed.
    state: Mutex<Option<Open>>,
    changed: Notify,
    failures: Mutex<Failures>,
}

/// The failures since the last request that was accepted.
#[derive(Debug, Default)]
struct Failures {
    /// The last rejection and the number of requests in a row that it ended.
    rejection: Option<(String, u32)>,
    /// The time of the first throttled request, and their number.
    throttled: Option<(Instant, u32)>,
}

#[derive(Debug)]
struct Open {
    pause: Pause,
    /// The earliest time of the next probe. `None` if only a new budget or a consent can help.
    probe_at: Option<Instant>,
    /// Whether a probe is in flight (half-open).
    probing: bool,
}

/// Permission to send a request. A probe dropped without [`succeeded`](Admission::succeeded) leaves the circuit open for
/// the next probe.
#[derive(Debug)]
pub(super) struct Admission<'breaker> {
    breaker: &'breaker CircuitBreaker,
    is_probe: bool,
}

impl CircuitBreaker {
    /// Returns the reason while open.
    pub(super) fn pause(&self) -> Option<Pause> {
        self.state().as_ref().map(|open| open.pause.clone())
    }

    /// Waits until a request is admitted. While open, admits one probe at a time, at intervals.
    pub(super) async fn admit(&self) -> Admission<'_> {
        loop {
            let changed = self.changed.notified();
            let probe_at = {
                let mut state = self.state();
                match state.as_mut() {
                    None => return Admission { breaker: self, is_probe: false },
                    Some(open) if !open.probing && open.probe_at.is_some_and(|at| at <= Instant::now()) => {
                        open.probing = true;
                        return Admission { breaker: self, is_probe: true };
                    }
                    Some(open) => open.probe_at.filter(|_| !open.probing),
                }
            };
            match probe_at {
                Some(at) => tokio::select! { () = changed => {}, () = sleep_until(at) => {} },
                None => changed.await,
            }
        }
    }

    /// Counts a request that was rejected with this message. Returns the number of those in a row if they are a reason to
    /// open the circuit. Digits are ignored: they differ between images.
    pub(super) fn rejected(&self, message: &str) -> Option<u32> {
        let message: String = message.chars().filter(|character| !character.is_ascii_digit()).collect();
        let mut failures = self.failures();
        let count = match &failures.rejection {
            Some((last, count)) if *last == message => count.saturating_add(1),
            _ => 1,
        };
        failures.rejection = Some((message, count));
        (count >= EQUAL_REJECTIONS).then_some(count)
    }

    /// Counts a throttled request. Returns true if that is a reason to open the circuit.
    pub(super) fn throttled(&self) -> bool {
        let mut failures = self.failures();
        let (since, count) =
            failures.throttled.map_or((Instant::now(), 1), |(since, count)| (since, count.saturating_add(1)));
        failures.throttled = Some((since, count));
        count >= MIN_THROTTLED && since.elapsed() >= ONLY_THROTTLED
    }

    pub(super) fn open(&self, pause: Pause) {
        let probe_at = match pause.kind {
            PauseKind::Access => Some(Instant::now() + ACCESS_PROBE_INTERVAL),
            PauseKind::Quota => Some(Instant::now() + QUOTA_PROBE_INTERVAL),
            PauseKind::Budget | PauseKind::Consent => None,
        };
        *self.state() = Some(Open { pause, probe_at, probing: false });
        self.changed.notify_waiters();
    }

    /// Admits the next probe at once, unless the budget is used up or a consent is missing.
    pub(super) fn resume(&self) {
        let is_final = |open: &Open| matches!(open.pause.kind, PauseKind::Budget | PauseKind::Consent);
        if let Some(open) = self.state().as_mut().filter(|open| !is_final(open)) {
            open.probe_at = Some(Instant::now());
        }
        self.changed.notify_waiters();
    }

    /// Closes the circuit if it was open for want of consent.
    pub(super) fn consented(&self) {
        self.state().take_if(|open| open.pause.kind == PauseKind::Consent);
        self.changed.notify_waiters();
    }

    /// Ignores poisoning, like [`CircuitBreaker::state`].
    fn failures(&self) -> MutexGuard<'_, Failures> {
        self.failures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ignores poisoning: no code under the lock can panic.
    fn state(&self) -> MutexGuard<'_, Option<Open>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Admission<'_> {
    /// Reports that the service accepted the request. Closes the circuit if the request was a probe; a request sent
    /// before the circuit opened proves nothing. Returns true if the circuit was closed.
    pub(super) fn succeeded(&self) -> bool {
        *self.breaker.failures() = Failures::default();
        let closed = self.is_probe && self.breaker.state().take().is_some();
        if closed {
            self.breaker.changed.notify_waiters();
        }
        closed
    }

    /// Returns false if the circuit opened after this request was admitted.
    pub(super) fn is_valid(&self) -> bool {
        self.is_probe || self.breaker.state().is_none()
    }
}

impl Drop for Admission<'_> {
    fn drop(&mut self) {
        if self.is_probe {
            if let Some(open) = self.breaker.state().as_mut() {
                open.probing = false;
            }
            self.breaker.changed.notify_waiters();
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

    /// Spawns requests that the service rejects or accepts, and returns the number sent so far.
    fn spawn_requests(breaker: &Arc<CircuitBreaker>, count: usize, reject: bool) -> Arc<AtomicUsize> {
        let sent = Arc::new(AtomicUsize::new(0));
        for _ in 0..count {
            let (breaker, sent) = (Arc::clone(breaker), Arc::clone(&sent));
            tokio::spawn(async move {
                loop {
                    let admission = breaker.admit().await;
                    sent.fetch_add(1, Ordering::Relaxed);
                    if !reject {
                        admission.succeeded();
                        return;
                    }
                    breaker.open(pause(PauseKind::Access));
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
    async fn while_open_one_probe_is_sent_per_interval() {
        let breaker = Arc::new(CircuitBreaker::default());
        breaker.open(pause(PauseKind::Access));
        let sent = spawn_requests(&breaker, 20, true);
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 0);
        for probes in 1..=3 {
            advance(ACCESS_PROBE_INTERVAL).await;
            settle().await;
            assert_eq!(sent.load(Ordering::Relaxed), probes);
        }
        breaker.resume();
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 4, "resume sends one probe at once");
    }

    #[tokio::test(start_paused = true)]
    async fn equal_rejections_in_a_row_are_counted() {
        let breaker = CircuitBreaker::default();
        let rejected = |message: &str| breaker.rejected(message);
        for image in 1..5 {
            assert_eq!(rejected(&format!("field {image} is not allowed")), None);
        }
        assert_eq!(rejected("the image is too dark"), None, "another error is counted from one");
        for image in 1..5 {
            assert_eq!(rejected(&format!("field {image} is not allowed")), None);
        }
        assert!(!breaker.admit().await.succeeded());
        for image in 1..5 {
            assert_eq!(rejected(&format!("field {image} is not allowed")), None, "accepted in between");
        }
        assert_eq!(rejected("field 17 is not allowed"), Some(5));
        assert_eq!(rejected("field 18 is not allowed"), Some(6), "also a probe");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_but_throttled_requests_for_minutes_is_reported() {
        let breaker = CircuitBreaker::default();
        assert!(!breaker.throttled());
        advance(ONLY_THROTTLED).await;
        for _ in 0..3 {
            assert!(!breaker.throttled(), "too few");
        }
        assert!(breaker.throttled());
        assert!(!breaker.admit().await.succeeded());
        for _ in 0..100 {
            assert!(!breaker.throttled(), "a request was accepted");
        }
        advance(ONLY_THROTTLED).await;
        assert!(breaker.throttled());
    }

    #[tokio::test(start_paused = true)]
    async fn a_successful_probe_closes_the_circuit() {
        let breaker = Arc::new(CircuitBreaker::default());
        breaker.open(pause(PauseKind::Quota));
        let sent = spawn_requests(&breaker, 20, false);
        advance(QUOTA_PROBE_INTERVAL).await;
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 20);
        assert_eq!(breaker.pause(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancelled_probe_is_followed_by_the_next() {
        let breaker = Arc::new(CircuitBreaker::default());
        breaker.open(pause(PauseKind::Access));
        advance(ACCESS_PROBE_INTERVAL).await;
        let probe = breaker.admit().await;
        let sent = spawn_requests(&breaker, 1, false);
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 0, "one probe at a time");
        drop(probe);
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_sent_before_the_circuit_opened_does_not_close_it() {
        let breaker = CircuitBreaker::default();
        let before = breaker.admit().await;
        breaker.open(pause(PauseKind::Budget));
        assert!(!before.succeeded());
        assert_eq!(breaker.pause(), Some(pause(PauseKind::Budget)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_used_up_budget_admits_no_probe() {
        let breaker = Arc::new(CircuitBreaker::default());
        breaker.open(pause(PauseKind::Budget));
        let sent = spawn_requests(&breaker, 1, false);
        breaker.resume();
        advance(Duration::from_hours(24)).await;
        settle().await;
        assert_eq!(sent.load(Ordering::Relaxed), 0);
    }
}
