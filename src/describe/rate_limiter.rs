//! The rate limiter in front of a paid service: decides which request is sent next, and when.
//!
//! All requests to one service share one [`RateLimiter`]. They queue by priority, then in order of arrival, until one of
//! the concurrency slots is free and both token buckets (requests and tokens per minute) allow it. The request rate is
//! configured, or adapted by AIMD to the responses of the service.

mod adaptive_rate;
mod gcra;
mod refusals;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use self::adaptive_rate::{AdaptiveRate, Sent};
use self::gcra::Gcra;
use super::Priority;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// The maximum number of requests in flight. An interactive request has one slot beyond them.
    pub concurrency: NonZeroUsize,
    /// The maximum number of requests in any minute (60 s, half-open). If `None`, the rate is learned from the service, up
    /// to 1,000.
    pub requests_per_minute: Option<NonZeroU32>,
    /// The maximum number of tokens in any minute (60 s, half-open), as estimated by each request. Unlimited if `None`.
    ///
    /// Bursts are limited to a 32nd of the quota. A larger request waits until everything before it is paid for, so a
    /// minute ending with it may exceed the quota by the difference between the request and the burst. A request larger
    /// than the whole quota is charged as the quota, so that it is sent eventually.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// The minimum time between two requests.
    pub delay: Duration,
}

/// Limits the rate of requests to a service. Clones share their state.
#[derive(Clone)]
pub struct RateLimiter {
    shared: Arc<Shared>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStatus {
    /// The current rate.
    pub requests_per_minute: NonZeroU32,
    /// Whether the service has throttled requests, so that the rate reflects its quota.
    pub learned: bool,
    /// The remaining backoff, which may be a `Retry-After` of the service.
    pub backoff: Duration,
    pub waiting: usize,
    pub in_flight: usize,
}

/// Permission to send one request. Holds a concurrency slot until dropped.
#[must_use = "dropping it releases the slot"]
pub struct Permit {
    shared: Arc<Shared>,
    sent: Sent,
    accepted: bool,
}

struct Shared {
    start: Instant,
    limits: RateLimits,
    state: Mutex<State>,
}

struct State {
    waiters: BTreeMap<Ticket, Arc<Notify>>,
    next_number: u64,
    in_flight: usize,
    last_sent: Option<Duration>,
    rate: AdaptiveRate,
    requests: Gcra,
    tokens: Option<Gcra>,
}

/// A position among the waiters; the smallest is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Ticket {
    priority: Priority,
    number: u64,
}

/// A waiting request. Leaves the queue when dropped.
struct Waiter {
    shared: Arc<Shared>,
    ticket: Ticket,
    /// Notified on every state change while this waiter is first.
    wake: Arc<Notify>,
}

enum Blocked {
    /// All concurrency slots are taken.
    Full,
    Until(Duration),
}

impl RateLimiter {
    #[must_use]
    pub fn new(limits: RateLimits) -> Self {
        let rate = AdaptiveRate::new(limits.requests_per_minute, limits.delay);
        let state = State {
            waiters: BTreeMap::new(),
            next_number: 0,
            in_flight: 0,
            last_sent: None,
            requests: Gcra::for_requests(rate.period()),
            tokens: limits.tokens_per_minute.map(Gcra::for_tokens),
            rate,
        };
        Self { shared: Arc::new(Shared { start: Instant::now(), limits, state: Mutex::new(state) }) }
    }

    /// Waits until a request that may use `tokens`, output included, can be sent. Joins the queue on the first poll and
    /// leaves it when dropped, without affecting other waiters.
    ///
    /// Requires a tokio runtime with the time driver enabled.
    pub async fn acquire(&self, priority: Priority, tokens: u32) -> Permit {
        let waiter = Waiter::join(&self.shared, priority);
        loop {
            match waiter.try_acquire(tokens) {
                Ok(permit) => return permit,
                Err(None) => waiter.wake.notified().await,
                // Tries again after the timeout as well as after a notification.
                Err(Some(wait)) => drop(timeout(wait, waiter.wake.notified()).await),
            }
        }
    }

    #[must_use]
    pub fn status(&self) -> RateStatus {
        let state = self.shared.state();
        RateStatus {
            requests_per_minute: state.rate.requests_per_minute(),
            learned: state.rate.is_learned(),
            backoff: state.rate.resume_at().saturating_sub(self.shared.start.elapsed()),
            waiting: state.waiters.len(),
            in_flight: state.in_flight,
        }
    }
}

impl Permit {
    /// Reports that the service accepted the request: the response has begun.
    pub fn accepted(&mut self) {
        if !self.accepted {
            self.accepted = true;
            self.shared.update(|state, now| state.rate.on_accepted(self.sent, now));
        }
    }

    /// Reports that the service throttled the request, with its `Retry-After` if it sent one. Lowers the rate and starts
    /// a backoff for all requests.
    pub fn throttled(self, retry_after: Option<Duration>) {
        self.shared.update(|state, now| state.rate.on_throttled(self.sent, retry_after, now));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.update(|state, _| state.in_flight -= 1);
    }
}

impl Shared {
    /// Ignores poisoning: no code under the lock can panic with the state half updated.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and wakes the first waiter.
    fn update(&self, change: impl FnOnce(&mut State, Duration)) {
        let mut state = self.state();
        change(&mut state, self.start.elapsed());
        let period = state.rate.period();
        state.requests.set_period(period);
        if let Some(first) = state.waiters.values().next() {
            first.notify_one();
        }
    }
}

impl Waiter {
    fn join(shared: &Arc<Shared>, priority: Priority) -> Self {
        let wake = Arc::new(Notify::new());
        let mut state = shared.state();
        let ticket = Ticket { priority, number: state.next_number };
        state.next_number += 1;
        state.waiters.insert(ticket, Arc::clone(&wake));
        Self { shared: Arc::clone(shared), ticket, wake }
    }

    /// Returns a permit if this waiter is first and its request can be sent. Otherwise returns the maximum time to wait,
    /// or `None` to wait for a notification.
    fn try_acquire(&self, tokens: u32) -> Result<Permit, Option<Duration>> {
        let mut state = self.shared.state();
        if state.waiters.keys().next() != Some(&self.ticket) {
            return Err(None);
        }
        let now = self.shared.start.elapsed();
        match state.send(&self.shared.limits, self.ticket.priority, tokens, now) {
            Ok(sent) => Ok(Permit { shared: Arc::clone(&self.shared), sent, accepted: false }),
            Err(Blocked::Full) => Err(None),
            Err(Blocked::Until(at)) => Err(Some(at.saturating_sub(now))),
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.shared.update(|state, _| drop(state.waiters.remove(&self.ticket)));
    }
}

impl State {
    /// Counts a request as sent if all limits allow it.
    fn send(&mut self, limits: &RateLimits, priority: Priority, tokens: u32, now: Duration) -> Result<Sent, Blocked> {
        // The extra slot keeps an interactive request from waiting for the end of a bulk request.
        let slots = limits.concurrency.get().saturating_add(usize::from(priority == Priority::Interactive));
        if self.in_flight >= slots {
            return Err(Blocked::Full);
        }
        let after_delay = self.last_sent.map_or(Duration::ZERO, |last| last.saturating_add(limits.delay));
        let earliest = after_delay.max(self.rate.resume_at());
        if now < earliest {
            return Err(Blocked::Until(earliest));
        }
        let request = self.requests.take(1, now).map_err(Blocked::Until)?;
        if let Some(Err(at)) = self.tokens.as_mut().map(|bucket| bucket.take(tokens, now)) {
            self.requests.give_back(&request);
            return Err(Blocked::Until(at));
        }
        let under_load = self.last_sent.is_some_and(|last| now <= last + self.rate.period() * 2);
        self.last_sent = Some(now);
        self.in_flight += 1;
        Ok(self.rate.sent(now, under_load))
    }
}

#[cfg(test)]
mod tests;
