//! The rate limiter in front of a paid service: decides which request is sent next, and when.
//!
//! All requests to one service share one [`RateLimiter`]. They queue by priority, then in order of arrival, until one of
//! the concurrency slots is free and both token buckets (requests and tokens per minute) allow it. The request rate is
//! configured, or adapted by AIMD to the responses of the service. The number of requests in flight follows from it by
//! Little's law: the rate times the latency.

mod adaptive_rate;
mod gcra;
mod refusals;

use std::collections::{BTreeMap, VecDeque};
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use self::adaptive_rate::{AdaptiveRate, Sent};
use self::gcra::Gcra;
use super::{LimitedBy, Priority};

/// The maximum number of requests in flight by default. Each holds an image of up to a few megabytes and a connection,
/// and some systems allow a process 256 open files.
const MAX_CONCURRENCY: usize = 128;
/// The latency assumed until the first response: that of a slow model.
const UNKNOWN_LATENCY: Duration = Duration::from_secs(8);
/// The initial rate if none is configured, in requests per minute: 5 per second.
pub const INITIAL_RATE: u32 = 300;
/// The number of recent permits from which the limit for display is taken.
const RECENT_PERMITS: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimits {
    /// The maximum number of requests in flight, 128 if `None`. An interactive request has one slot beyond
    /// them.
    pub concurrency: Option<NonZeroUsize>,
    /// The maximum number of requests in any minute (60 s, half-open). If `None`, the rate is learned from the service.
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
    /// The rate of the requests accepted in the last minute, if the service has accepted enough to tell.
    pub accepted_per_minute: Option<NonZeroU32>,
    /// What delayed most of the recent requests.
    pub limited_by: Option<LimitedBy>,
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
    /// The tokens taken from the bucket.
    tokens: u32,
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
    /// The mean time from permit to release of the recent accepted requests.
    latency: Option<Duration>,
    /// What delayed each of the recent permits.
    delays: VecDeque<Option<LimitedBy>>,
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
    /// What has delayed it last while it was first.
    delay: Option<LimitedBy>,
}

/// Why a request cannot be sent now.
struct Blocked {
    by: LimitedBy,
    /// The time at which to try again. `None` if all concurrency slots are taken.
    until: Option<Duration>,
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
            latency: None,
            delays: VecDeque::with_capacity(RECENT_PERMITS),
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
        let mut waiter = Waiter::join(&self.shared, priority);
        loop {
            match waiter.try_acquire(tokens) {
                Ok(permit) => return permit,
                Err(None) => waiter.wake.notified().await,
                // Tries again after the timeout as well as after a notification.
                Err(Some(wait)) => drop(timeout(wait, waiter.wake.notified()).await),
            }
        }
    }

    /// Sets the rate to begin with, unless one is configured or has been learned.
    pub fn begin_at(&self, requests_per_minute: NonZeroU32) {
        self.shared.update(|state, _| state.rate.begin_at(requests_per_minute));
    }

    /// Returns the number of descriptions to run at once: as many requests as are in flight at the current rate and
    /// latency, and some that are being prepared.
    #[must_use]
    pub fn concurrency(&self) -> NonZeroUsize {
        let state = self.shared.state();
        let latency = state.latency.unwrap_or(UNKNOWN_LATENCY);
        // A fourth more, because latency varies.
        let in_flight = latency.mul_f64(1.25).as_nanos() / state.rate.period().as_nanos().max(1);
        let in_flight = usize::try_from(in_flight).unwrap_or(usize::MAX).saturating_add(4);
        let slots = self.shared.limits.slots();
        let in_preparation = (slots / 8).clamp(1, 16);
        NonZeroUsize::MIN.saturating_add(in_flight.min(slots) + in_preparation - 1)
    }

    #[must_use]
    pub fn status(&self) -> RateStatus {
        let state = self.shared.state();
        RateStatus {
            requests_per_minute: state.rate.requests_per_minute(),
            learned: state.rate.is_learned(),
            accepted_per_minute: state.rate.accepted_per_minute(),
            limited_by: state.limited_by(),
            backoff: state.rate.resume_at().saturating_sub(self.shared.start.elapsed()),
            waiting: state.waiters.len(),
            in_flight: state.in_flight,
        }
    }
}

impl Permit {
    /// Returns true if the service has accepted the request.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.accepted
    }

    /// Reports that the service accepted the request: the response has begun.
    pub fn accepted(&mut self) {
        if !self.accepted {
            self.accepted = true;
            self.shared.update(|state, now| state.rate.on_accepted(self.sent, now));
        }
    }

    /// Reports the tokens that the service has counted against the quota, in place of those reserved.
    pub fn settle(&mut self, tokens: u32) {
        let reserved = std::mem::replace(&mut self.tokens, tokens);
        self.shared.update(|state, _| {
            if let Some(bucket) = &mut state.tokens {
                bucket.settle(reserved, tokens);
            }
        });
    }

    /// Reports that the service throttled the request, with its `Retry-After` if it sent one. Lowers the rate and starts
    /// a backoff for all requests.
    pub fn throttled(self, retry_after: Option<Duration>) {
        self.shared.update(|state, now| state.rate.on_throttled(self.sent, retry_after, now));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.update(|state, now| {
            state.in_flight -= 1;
            if self.accepted {
                let latency = now.saturating_sub(self.sent.at);
                state.latency = Some(state.latency.map_or(latency, |mean| mean.mul_f64(15.0 / 16.0) + latency / 16));
            }
        });
    }
}

impl RateLimits {
    fn slots(&self) -> usize {
        self.concurrency.map_or(MAX_CONCURRENCY, NonZeroUsize::get)
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
        Self { shared: Arc::clone(shared), ticket, wake, delay: None }
    }

    /// Returns a permit if this waiter is first and its request can be sent. Otherwise returns the maximum time to wait,
    /// or `None` to wait for a notification.
    fn try_acquire(&mut self, tokens: u32) -> Result<Permit, Option<Duration>> {
        let mut state = self.shared.state();
        if state.waiters.keys().next() != Some(&self.ticket) {
            return Err(None);
        }
        let now = self.shared.start.elapsed();
        match state.send(&self.shared.limits, self, tokens, now) {
            Ok(sent) => {
                state.delayed(self.delay);
                Ok(Permit { shared: Arc::clone(&self.shared), sent, tokens, accepted: false })
            }
            Err(Blocked { by, until }) => {
                self.delay = Some(by);
                Err(until.map(|at| at.saturating_sub(now)))
            }
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
    fn send(&mut self, limits: &RateLimits, waiter: &Waiter, tokens: u32, now: Duration) -> Result<Sent, Blocked> {
        // The extra slot keeps an interactive request from waiting for the end of a bulk request.
        let slots = limits.slots().saturating_add(usize::from(waiter.ticket.priority == Priority::Interactive));
        if self.in_flight >= slots {
            return Err(Blocked { by: LimitedBy::Concurrency, until: None });
        }
        let blocked = |by| move |at| Blocked { by, until: Some(at) };
        let after_delay = self.last_sent.map_or(Duration::ZERO, |last| last.saturating_add(limits.delay));
        let earliest = after_delay.max(self.rate.resume_at());
        if now < earliest {
            return Err(blocked(LimitedBy::Rate)(earliest));
        }
        let request = self.requests.take(1, now).map_err(blocked(LimitedBy::Rate))?;
        if let Some(Err(at)) = self.tokens.as_mut().map(|bucket| bucket.take(tokens, now)) {
            self.requests.give_back(&request);
            return Err(blocked(LimitedBy::Tokens)(at));
        }
        let under_load = waiter.delay == Some(LimitedBy::Rate);
        self.last_sent = Some(now);
        self.in_flight += 1;
        Ok(self.rate.sent(now, under_load))
    }

    /// Counts what delayed a permit.
    fn delayed(&mut self, by: Option<LimitedBy>) {
        if self.delays.len() == RECENT_PERMITS {
            self.delays.pop_front();
        }
        self.delays.push_back(by);
    }

    fn limited_by(&self) -> Option<LimitedBy> {
        let count = |limit: LimitedBy| self.delays.iter().filter(|delay| **delay == Some(limit)).count();
        let limits = [LimitedBy::Concurrency, LimitedBy::Rate, LimitedBy::Tokens].into_iter();
        limits.max_by_key(|limit| count(*limit)).filter(|limit| count(*limit) * 2 > self.delays.len())
    }
}

#[cfg(test)]
mod tests;
