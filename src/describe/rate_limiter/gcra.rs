//! A token bucket for a quota per minute, in the form of the generic cell rate algorithm (GCRA): its state is one
//! theoretical arrival time (TAT), the time at which everything taken so far has been paid for.
//!
//! Times are counted from the start of the rate limiter.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

/// The window of the service's quotas.
pub(super) const MINUTE: Duration = Duration::from_mins(1);

/// A take this late does not delay the takes after it. Timers are late by a millisecond or two, which would lose several
/// percent at a thousand requests per minute. [`period`] is longer in proportion, so that the quota still holds.
const LATENESS: Duration = Duration::from_millis(5);

/// The burst of a token quota is this fraction of it.
const BURST_FRACTION: u32 = 32;

/// Returns the interval between requests at a rate in thousandths of a request per minute.
pub(super) fn period(thousandths: NonZeroU64) -> Duration {
    let window = u64::try_from((MINUTE + LATENESS).as_nanos()).unwrap_or(u64::MAX);
    Duration::from_nanos((window * 1_000).div_ceil(thousandths.get()))
}

pub(super) struct Gcra {
    /// The time to earn one unit.
    period: Duration,
    burst: u32,
    /// The largest cost of one take; a larger one is charged this much.
    max_cost: u32,
    tat: Duration,
}

/// The state before a take, for [`Gcra::give_back`].
#[must_use]
pub(super) struct Taken {
    tat_before: Duration,
}

impl Gcra {
    /// One request per period, without bursts. No minute (60 s, half-open) has more requests than the rate passed to
    /// [`period`].
    pub fn for_requests(period: Duration) -> Self {
        Self { period, burst: 1, max_cost: 1, tat: Duration::ZERO }
    }

    /// At most `quota` tokens in any minute (60 s, half-open), in bursts of at most a 32nd of it.
    ///
    /// A take larger than the burst waits until everything before it is paid for and is then admitted whole, so a minute
    /// ending with it may exceed the quota by the difference between the take and the burst. A take larger than the
    /// quota is charged as the quota.
    pub fn for_tokens(quota: NonZeroU32) -> Self {
        let burst = (quota.get() / BURST_FRACTION).max(1);
        // A full burst can come on top of the tokens earned within a minute.
        let earned = u64::from(quota.get() - burst + 1);
        let thousandths = NonZeroU64::new(earned * 1_000).unwrap_or(NonZeroU64::MIN);
        Self { period: period(thousandths), burst, max_cost: quota.get(), tat: Duration::ZERO }
    }

    /// Changes the period for later takes; earlier ones keep their cost.
    pub fn set_period(&mut self, period: Duration) {
        self.period = period;
    }

    /// Takes `units`, at least one.
    ///
    /// # Errors
    ///
    /// Returns the earliest time at which the units are available if that is later than `now`.
    pub fn take(&mut self, units: u32, now: Duration) -> Result<Taken, Duration> {
        let tat_before = self.tat;
        let at = tat_before.clamp(now.saturating_sub(LATENESS), now);
        let units = units.clamp(1, self.max_cost);
        let tolerance = self.period.saturating_mul(self.burst - units.min(self.burst));
        let earliest = tat_before.saturating_sub(tolerance);
        if at < earliest {
            return Err(earliest);
        }
        self.tat = tat_before.max(at).saturating_add(self.period.saturating_mul(units));
        Ok(Taken { tat_before })
    }

    /// Replaces the units of an earlier take by those that were needed.
    pub fn settle(&mut self, taken: u32, needed: u32) {
        let cost = |units: u32| self.period.saturating_mul(units.clamp(1, self.max_cost));
        self.tat = self.tat.saturating_add(cost(needed)).saturating_sub(cost(taken));
    }

    /// Undoes the last take.
    pub fn give_back(&mut self, taken: &Taken) {
        self.tat = taken.tat_before;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Makes takes of (units, idle µs before, timer lateness in µs), each as early as the bucket allows.
    fn take_all(bucket: &mut Gcra, wanted: &[(u32, u64, u64)]) -> Vec<(Duration, u32)> {
        let mut now = Duration::ZERO;
        let mut taken = Vec::new();
        for &(units, idle, late) in wanted {
            now += Duration::from_micros(idle);
            while let Err(at) = bucket.take(units, now) {
                assert!(at > now, "the time returned is later than now");
                now = at + Duration::from_micros(late);
            }
            taken.push((now, units));
        }
        taken
    }

    /// Returns the maximum number of units in any half-open minute.
    fn max_per_minute(taken: &[(Duration, u32)]) -> u64 {
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
        fn requests_in_any_minute_stay_within_the_rate(
            rate in 1_u32..400,
            wanted in vec((Just(1), idle(), 0_u64..8_000), 1..600),
        ) {
            let thousandths = NonZeroU64::new(u64::from(rate) * 1_000).expect("at least one");
            let taken = take_all(&mut Gcra::for_requests(period(thousandths)), &wanted);
            prop_assert!(max_per_minute(&taken) <= u64::from(rate), "{} of {rate}", max_per_minute(&taken));
        }

        #[test]
        fn tokens_in_any_minute_exceed_the_quota_by_one_oversized_take_at_most(
            quota in 1_u32..50_000,
            wanted in vec((0_u32..4_000, idle(), 0_u64..8_000), 1..200),
        ) {
            let taken = take_all(&mut Gcra::for_tokens(NonZeroU32::new(quota).expect("at least one")), &wanted);
            let counted: Vec<_> = taken.iter().map(|&(at, units)| (at, units.min(quota))).collect();
            let burst = (quota / 32).max(1);
            let largest = counted.iter().map(|(_, units)| *units).max().unwrap_or(0);
            let bound = u64::from(quota) + u64::from(largest.saturating_sub(burst));
            prop_assert!(max_per_minute(&counted) <= bound, "{} of {bound}", max_per_minute(&counted));
        }

        #[test]
        fn token_throughput_is_within_a_32nd_of_the_quota(units in 1_u32..5_000) {
            let taken = take_all(&mut Gcra::for_tokens(NonZeroU32::new(20_000).expect("not zero")), &vec![(units, 0, 0); 300]);
            let time = taken.last().expect("300 takes").0;
            let ideal = MINUTE.mul_f64(f64::from(units) * 299.0 / 20_000.0);
            prop_assert!(time <= ideal.mul_f64(1.04) + Duration::from_secs(1), "{time:?} instead of {ideal:?}");
        }

        /// Each take reserves more than it needs, and is settled before the next.
        #[test]
        fn settled_throughput_is_that_of_the_units_needed(needed in 1_u32..2_000, reserved in 1_u32..2_000) {
            let quota = NonZeroU32::new(20_000).expect("not zero");
            let mut bucket = Gcra::for_tokens(quota);
            let mut now = Duration::ZERO;
            for _ in 0..300 {
                while let Err(at) = bucket.take(reserved, now) {
                    now = at;
                }
                bucket.settle(reserved, needed);
            }
            let ideal = MINUTE.mul_f64(f64::from(needed) * 299.0 / 20_000.0);
            prop_assert!(now <= ideal.mul_f64(1.04) + MINUTE.mul_f64(f64::from(reserved) / 20_000.0), "{now:?} instead of {ideal:?}");
            let least = ideal.saturating_sub(MINUTE.mul_f64(f64::from(needed + 20_000 / 32) / 20_000.0));
            prop_assert!(now >= least, "{now:?} instead of {ideal:?}");
        }

        #[test]
        fn a_take_given_back_leaves_no_trace(wanted in vec((1_u32..100, idle(), Just(0)), 1..50), extra in 1_u32..100) {
            let quota = NonZeroU32::new(1_000).expect("not zero");
            let straight = take_all(&mut Gcra::for_tokens(quota), &wanted);
            let mut bucket = Gcra::for_tokens(quota);
            let mut taken = Vec::new();
            for (&(units, ..), &(at, _)) in wanted.iter().zip(&straight) {
                if let Ok(undone) = bucket.take(extra, at) {
                    bucket.give_back(&undone);
                }
                prop_assert!(bucket.take(units, at).is_ok());
                taken.push((at, units));
            }
            prop_assert_eq!(taken, straight);
        }
    }

    #[test]
    fn late_timers_do_not_reduce_throughput() {
        let thousandths = NonZeroU64::new(1_000_000).expect("not zero");
        let taken = take_all(&mut Gcra::for_requests(period(thousandths)), &vec![(1, 0, 2_000); 1_001]);
        let time = taken.last().expect("1,001 takes").0;
        assert!(time < Duration::from_millis(60_010), "{time:?}");
    }
}
