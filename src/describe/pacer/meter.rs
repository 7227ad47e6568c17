//! A quota a minute, kept by governor's GCRA at the moments the pacer decides.
//!
//! Time is counted from when the pacer began. Governor brings the algorithm; the clock and the place where it keeps its
//! state are ours, so that a turn that another quota refuses can be given back, and so that the pace can change without
//! forgetting what was sent.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota, RateLimiter};

/// The window in which services count.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// How late a turn may be taken without those after it being later for it. Timers are late by a millisecond or two,
/// which at a thousand requests a minute would lose several in a hundred. Periods are longer by a share of this, so
/// that the quota is kept all the same.
const LATENESS: Duration = Duration::from_millis(5);

/// What part of a quota of tokens may go at once.
const BURST_SHARE: u32 = 32;

/// How far apart requests are at a pace, in thousandths of a request a minute.
pub(super) fn period(thousandths: NonZeroU64) -> Duration {
    Duration::from_nanos((nanoseconds(MINUTE + LATENESS) * 1_000).div_ceil(thousandths.get()))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// A quota, and how much of it is used.
pub(super) struct Meter {
    period: Duration,
    burst: NonZeroU32,
    /// What a larger take counts as.
    largest: NonZeroU32,
    arrival: Arrival,
    limiter: RateLimiter<NotKeyed, Arrival, Moment, NoOpMiddleware<Nanos>>,
}

/// What was taken, to be given back.
#[must_use]
pub(super) struct Taken {
    arrival_before: u64,
}

impl Meter {
    /// One unit each period, never two at once. In no minute (60 s, half open) are there more units than periods that
    /// [`period`] fits into one.
    pub fn of_requests(period: Duration) -> Self {
        Self::new(period, NonZeroU32::MIN, NonZeroU32::MIN)
    }

    /// At most `quota` units in any minute (60 s, half open), and at most a 32nd of it at once.
    ///
    /// A take larger than that 32nd waits until what went before is paid for, and then goes as a whole: a minute that
    /// ends with it may exceed the quota by what the take exceeds the 32nd. One larger than the quota counts as the
    /// quota.
    pub fn of_tokens(quota: NonZeroU32) -> Self {
        let burst = NonZeroU32::new(quota.get() / BURST_SHARE).unwrap_or(NonZeroU32::MIN);
        // A whole burst may come on top of what a minute brings.
        let steady = NonZeroU64::from(quota).get() - u64::from(burst.get()) + 1;
        let thousandths = NonZeroU64::new(steady * 1_000).unwrap_or(NonZeroU64::MIN);
        Self::new(period(thousandths), burst, quota)
    }

    fn new(period: Duration, burst: NonZeroU32, largest: NonZeroU32) -> Self {
        let arrival = Arrival::default();
        let limiter = limiter(period, burst, &arrival);
        Self { period, burst, largest, arrival, limiter }
    }

    /// Another period from the next take on. What was taken counts as before.
    pub fn set_period(&mut self, period: Duration) {
        if period != self.period {
            self.period = period;
            self.limiter = limiter(period, self.burst, &self.arrival);
        }
    }

    /// Takes so many units, at least one.
    ///
    /// # Errors
    ///
    /// When they can be had at the earliest, if that is not now.
    pub fn take(&mut self, units: u32, now: Duration) -> Result<Taken, Duration> {
        let arrival_before = self.arrival.get();
        let now = nanoseconds(now);
        let moment = arrival_before.clamp(now.saturating_sub(nanoseconds(LATENESS)), now);
        self.limiter.clock().set(moment);
        let units = units.min(self.largest.get());
        let at_once = NonZeroU32::new(units).unwrap_or(NonZeroU32::MIN).min(self.burst);
        let outcome = self.limiter.check_n(at_once).expect("no more than a burst is asked for");
        outcome.map_err(|not_until| Duration::from(not_until.earliest_possible()))?;
        let owed = u64::from(units.saturating_sub(at_once.get())).saturating_mul(nanoseconds(self.period));
        self.arrival.set(self.arrival.get().saturating_add(owed));
        Ok(Taken { arrival_before })
    }

    /// Undoes the last take.
    pub fn give_back(&mut self, taken: &Taken) {
        self.arrival.set(taken.arrival_before);
    }
}

fn limiter(
    period: Duration,
    burst: NonZeroU32,
    arrival: &Arrival,
) -> RateLimiter<NotKeyed, Arrival, Moment, NoOpMiddleware<Nanos>> {
    let quota = Quota::with_period(period.max(Duration::from_nanos(1))).expect("longer than nothing");
    // Governor counts from what its clock shows now: nothing, so that every limiter counts from the same moment.
    RateLimiter::new(quota.allow_burst(burst), arrival.clone(), Moment::default())
}

/// The moment the pacer decides at, in nanoseconds. The pacer's lock guards it; an atomic only because it is shared with
/// governor.
#[derive(Default)]
struct Moment(AtomicU64);

impl Moment {
    fn set(&self, moment: u64) {
        self.0.store(moment, Ordering::Relaxed);
    }
}

impl Clock for Moment {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        Nanos::new(self.0.load(Ordering::Relaxed))
    }
}

/// GCRA's theoretical arrival time in nanoseconds: when all that was taken is paid for. Guarded like [`Moment`].
#[derive(Clone, Default)]
struct Arrival(Arc<AtomicU64>);

impl Arrival {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, arrival: u64) {
        self.0.store(arrival, Ordering::Relaxed);
    }
}

impl StateStore for Arrival {
    type Key = NotKeyed;

    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, arrival) = decide(Some(Nanos::new(self.get())))?;
        self.set(arrival.as_u64());
        Ok(outcome)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Takes one after the other, each as soon as it can be had, some time after it is wanted and some time late.
    fn take_all(meter: &mut Meter, wanted: &[(u32, u64, u64)]) -> Vec<(Duration, u32)> {
        let mut now = Duration::ZERO;
        let mut taken = Vec::new();
        for &(units, idle, late) in wanted {
            now += Duration::from_micros(idle);
            while let Err(at) = meter.take(units, now) {
                assert!(at > now, "it says when, and that is later");
                now = at + Duration::from_micros(late);
            }
            taken.push((now, units));
        }
        taken
    }

    /// The most units in any half-open minute.
    fn most(taken: &[(Duration, u32)]) -> u64 {
        let in_minute = |from: Duration| {
            taken.iter().filter(|(at, _)| *at >= from && *at < from + MINUTE).map(|(_, units)| u64::from(*units)).sum()
        };
        taken.iter().map(|(at, _)| in_minute(*at)).max().unwrap_or(0)
    }

    fn idle() -> impl Strategy<Value = u64> {
        prop_oneof![3 => Just(0), 2 => 0_u64..5_000, 2 => 0_u64..3_000_000, 1 => 0_u64..90_000_000]
    }

    proptest! {
        #[test]
        fn no_minute_has_more_requests_than_the_pace(
            a_minute in 1_u32..400,
            wanted in vec((Just(1), idle(), 0_u64..8_000), 1..600),
        ) {
            let thousandths = NonZeroU64::new(u64::from(a_minute) * 1_000).expect("at least one");
            let taken = take_all(&mut Meter::of_requests(period(thousandths)), &wanted);
            prop_assert!(most(&taken) <= u64::from(a_minute), "{} of {a_minute}", most(&taken));
        }

        #[test]
        fn no_minute_has_more_tokens_than_the_quota_and_what_one_request_exceeds_the_burst(
            quota in 1_u32..50_000,
            wanted in vec((0_u32..4_000, idle(), 0_u64..8_000), 1..200),
        ) {
            let taken = take_all(&mut Meter::of_tokens(NonZeroU32::new(quota).expect("at least one")), &wanted);
            let counted: Vec<_> = taken.iter().map(|&(at, units)| (at, units.min(quota))).collect();
            let burst = (quota / 32).max(1);
            let largest = counted.iter().map(|(_, units)| *units).max().unwrap_or(0);
            let bound = u64::from(quota) + u64::from(largest.saturating_sub(burst));
            prop_assert!(most(&counted) <= bound, "{} of {bound}", most(&counted));
        }

        #[test]
        fn tokens_flow_at_the_quota_but_for_a_32nd(units in 1_u32..5_000) {
            let taken = take_all(&mut Meter::of_tokens(NonZeroU32::new(20_000).expect("not zero")), &vec![(units, 0, 0); 300]);
            let time = taken.last().expect("300 takes").0;
            let ideal = MINUTE.mul_f64(f64::from(units) * 299.0 / 20_000.0);
            prop_assert!(time <= ideal.mul_f64(1.04) + Duration::from_secs(1), "{time:?} instead of {ideal:?}");
        }

        #[test]
        fn what_is_given_back_was_never_taken(wanted in vec((1_u32..100, idle(), Just(0)), 1..50), extra in 1_u32..100) {
            let quota = NonZeroU32::new(1_000).expect("not zero");
            let straight = take_all(&mut Meter::of_tokens(quota), &wanted);
            let mut meter = Meter::of_tokens(quota);
            let mut taken = Vec::new();
            for (&(units, ..), &(at, _)) in wanted.iter().zip(&straight) {
                if let Ok(second_thoughts) = meter.take(extra, at) {
                    meter.give_back(&second_thoughts);
                }
                prop_assert!(meter.take(units, at).is_ok());
                taken.push((at, units));
            }
            prop_assert_eq!(taken, straight);
        }
    }

    #[test]
    fn late_timers_lose_nothing() {
        let thousandths = NonZeroU64::new(1_000_000).expect("not zero");
        let taken = take_all(&mut Meter::of_requests(period(thousandths)), &vec![(1, 0, 2_000); 1_001]);
        let time = taken.last().expect("1,001 takes").0;
        assert!(time < Duration::from_millis(60_010), "{time:?}");
    }
}
