//! The only way to a paid service: who may send the next request, and when.
//!
//! One [`Pacer`] is shared by everything that asks one service. Those who want to send wait in line, the most urgent
//! first and of the same urgency the first come, until there is a place among those under way and the pace and the
//! quotas allow it. The pace is given, or learned from what the service takes and refuses.

mod meter;
mod speed;

use std::collections::BTreeMap;
use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use self::meter::Meter;
use self::speed::{Sent, Speed};
use super::Priority;

/// What a pacer keeps to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most requests under way at once. One of the operator's own has a place beyond them.
    pub concurrency: NonZeroUsize,
    /// Most requests in any minute (60 s, half open). Learned from the service where it is not given, up to 1,000.
    pub requests_per_minute: Option<NonZeroU32>,
    /// Most tokens in any minute (60 s, half open), counted as each request announces them. Without limit where it is
    /// not given.
    ///
    /// At most a 32nd of it goes at once. A request larger than that goes when those before are paid for, so that a
    /// minute that ends with it may exceed the quota by what the request exceeds the 32nd. One larger than the whole
    /// quota counts as the quota, so that it is sent in the end.
    pub tokens_per_minute: Option<NonZeroU32>,
    /// Least time between two requests.
    pub delay: Duration,
}

/// Lets requests through at the pace of a service. Clones share it.
#[derive(Clone)]
pub struct Pacer {
    shared: Arc<Shared>,
}

/// How a pacer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The requests a minute it keeps to now.
    pub requests_per_minute: NonZeroU32,
    /// The service has refused requests, and the pace is what it was seen to take since.
    pub learned: bool,
    /// Requests that wait for their turn.
    pub waiting: usize,
    /// Requests under way.
    pub running: usize,
}

/// Leave to send one request. Dropping it, when the answer is complete or given up, frees its place.
#[must_use = "dropping it frees the place"]
pub struct Permit {
    shared: Arc<Shared>,
    sent: Sent,
    accepted: bool,
}

struct Shared {
    /// What all times are counted from.
    began: Instant,
    limits: Limits,
    state: Mutex<State>,
}

struct State {
    line: BTreeMap<Place, Arc<Notify>>,
    /// How many came, to put them in order.
    came: u64,
    running: usize,
    last_sent: Option<Duration>,
    speed: Speed,
    requests: Meter,
    tokens: Option<Meter>,
}

/// A place in line; the smallest is first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    priority: Priority,
    came: u64,
}

/// Somebody in line. Dropping it leaves the line.
struct Waiter {
    shared: Arc<Shared>,
    place: Place,
    /// Something changed, and this one is first now.
    called: Arc<Notify>,
}

/// What the first in line waits for.
enum Blocked {
    /// One under way to end.
    Full,
    /// Time to pass.
    Until(Duration),
}

impl Pacer {
    /// A pacer nobody has asked yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let speed = Speed::new(limits.requests_per_minute, limits.delay);
        let state = State {
            line: BTreeMap::new(),
            came: 0,
            running: 0,
            last_sent: None,
            requests: Meter::of_requests(speed.period()),
            tokens: limits.tokens_per_minute.map(Meter::of_tokens),
            speed,
        };
        Self { shared: Arc::new(Shared { began: Instant::now(), limits, state: Mutex::new(state) }) }
    }

    /// Waits for the turn of a request that may use so many tokens, those of its answer included. The place in line is
    /// taken when the future is first polled, and left when it is dropped; nobody loses a turn by that.
    ///
    /// To be awaited in a tokio runtime with a clock.
    pub async fn admit(&self, priority: Priority, tokens: u32) -> Permit {
        let waiter = Waiter::join(&self.shared, priority);
        loop {
            match waiter.turn(tokens) {
                Ok(permit) => return permit,
                Err(None) => waiter.called.notified().await,
                // Called or not, it looks again.
                Err(Some(wait)) => drop(timeout(wait, waiter.called.notified()).await),
            }
        }
    }

    /// How it does now.
    #[must_use]
    pub fn pace(&self) -> Pace {
        let state = self.shared.state();
        Pace {
            requests_per_minute: state.speed.requests_per_minute(),
            learned: state.speed.is_learned(),
            waiting: state.line.len(),
            running: state.running,
        }
    }
}

impl Permit {
    /// The service took the request: the answer has begun.
    pub fn accepted(&mut self) {
        if !self.accepted {
            self.accepted = true;
            self.shared.change(|state, now| state.speed.accepted(self.sent, now));
        }
    }

    /// The service refused the request for its quota, and may have said when it will take more. Everybody sends less
    /// from now on, and nothing for a moment.
    pub fn throttled(self, retry_after: Option<Duration>) {
        self.shared.change(|state, now| state.speed.throttled(self.sent, retry_after, now));
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.shared.change(|state, _| state.running -= 1);
    }
}

impl Shared {
    /// No code that can panic half-way runs under the lock, so a poisoned state is as good as any.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes something that the first in line may wait for, and has them look again.
    fn change(&self, change: impl FnOnce(&mut State, Duration)) {
        let mut state = self.state();
        change(&mut state, self.began.elapsed());
        let period = state.speed.period();
        state.requests.set_period(period);
        if let Some(first) = state.line.values().next() {
            first.notify_one();
        }
    }
}

impl Waiter {
    fn join(shared: &Arc<Shared>, priority: Priority) -> Self {
        let called = Arc::new(Notify::new());
        let mut state = shared.state();
        let place = Place { priority, came: state.came };
        state.came += 1;
        state.line.insert(place, Arc::clone(&called));
        Self { shared: Arc::clone(shared), place, called }
    }

    /// Goes, if this one is first and may; else for how long to wait at most, if not only for being called.
    fn turn(&self, tokens: u32) -> Result<Permit, Option<Duration>> {
        let mut state = self.shared.state();
        if state.line.keys().next() != Some(&self.place) {
            return Err(None);
        }
        let now = self.shared.began.elapsed();
        match state.send(&self.shared.limits, self.place.priority, tokens, now) {
            Ok(sent) => Ok(Permit { shared: Arc::clone(&self.shared), sent, accepted: false }),
            Err(Blocked::Full) => Err(None),
            Err(Blocked::Until(at)) => Err(Some(at.saturating_sub(now))),
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        self.shared.change(|state, _| drop(state.line.remove(&self.place)));
    }
}

impl State {
    /// Counts a request as sent, if it may be.
    fn send(&mut self, limits: &Limits, priority: Priority, tokens: u32, now: Duration) -> Result<Sent, Blocked> {
        // What the operator waits for need not wait for the end of a bulk request.
        let places = limits.concurrency.get().saturating_add(usize::from(priority == Priority::Asked));
        if self.running >= places {
            return Err(Blocked::Full);
        }
        let spaced = self.last_sent.map_or(Duration::ZERO, |last| last.saturating_add(limits.delay));
        let earliest = spaced.max(self.speed.resume());
        if now < earliest {
            return Err(Blocked::Until(earliest));
        }
        let request = self.requests.take(1, now).map_err(Blocked::Until)?;
        if let Some(Err(at)) = self.tokens.as_mut().map(|quota| quota.take(tokens, now)) {
            self.requests.give_back(&request);
            return Err(Blocked::Until(at));
        }
        let pressed = self.last_sent.is_some_and(|last| now <= last + self.speed.period() * 2);
        self.last_sent = Some(now);
        self.running += 1;
        Ok(Sent { at: now, pressed })
    }
}

#[cfg(test)]
mod tests;
