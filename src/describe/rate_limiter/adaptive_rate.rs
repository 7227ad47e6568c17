//! The request rate, adapted by AIMD (additive increase, multiplicative decrease) to the responses of the service.
//!
//! Until the first throttled request, the rate rises quickly. On throttling it falls to the rate at which the service
//! recently accepted requests, returns quickly to just below the rate before (unless that was configured), then rises
//! slowly; the additive step doubles with every minute without throttling. A configured rate is both the initial rate and
//! the ceiling. If requests are refused at random, whatever the rate, the
//! rate is kept (`refusals`).
//!
//! Times are counted from the start of the rate limiter.

use std::collections::VecDeque;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::gcra::{self, MINUTE};
use super::refusals::{Consequence, Refusals};

// All rates are in thousandths of a request per minute.

/// The initial rate if none is configured.
const INITIAL: u64 = 300_000;
const _: () = assert!(INITIAL == super::INITIAL_RATE as u64 * 1_000);

/// The ceiling if no rate is configured.
const CEILING: u64 = 100_000_000;

const FLOOR: u64 = 1_000;

/// The increase per accepted request before the first throttling: the rate doubles in less than two seconds. Twice as much
/// saves no time, because more requests are refused once the quota is exceeded.
const STARTUP_STEP: u64 = 34_000;

/// The increase per accepted request in the first minute after throttling: 3% per minute. Doubles with every minute
/// without throttling.
const PROBE_STEP: u64 = 30;

/// The increase per accepted request below the rate before the last decrease, in this many thousandths of the proportion
/// that is missing: half of it within two seconds.
const RECOVERY_RATE: u64 = 20_000;

/// The time after the first decrease of a learned rate before refusals may be found to be random.
const SETTLING: Duration = Duration::from_secs(15);

/// The backoff after a throttled request. Doubles while every request is throttled.
const BACKOFF: Duration = Duration::from_secs(1);

/// The same for the first decrease of a learned rate: a rate that rises quickly has exceeded the quota by little.
const FIRST_BACKOFF: Duration = Duration::from_millis(500);

/// The same for its later decreases at high rates, in requests: even a small bucket fills in that time.
const BACKOFF_REQUESTS: u32 = 4;

const MAX_BACKOFF: Duration = Duration::from_secs(32);

/// The maximum `Retry-After` that is honoured.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(5);

/// While some requests are accepted at the lowered rate, the backoff begins after this many refusals in a row.
const MIXED_RUN: u32 = 20;

/// The minimum period over which the accepted rate is measured.
const MIN_SAMPLE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub at: Duration,
    /// The rate at that time.
    pub rate: u64,
    /// Whether the rate delayed it. Otherwise its success is not evidence that the service would accept more.
    pub under_load: bool,
}

#[derive(Debug)]
pub(super) struct AdaptiveRate {
    rate: u64,
    ceiling: u64,
    is_configured: bool,
    /// The times at which accepted requests were sent, within the minute before the latest of them.
    accepted: VecDeque<Duration>,
    first_decrease: Option<Duration>,
    last_decrease: Option<Duration>,
    /// The rate to return to quickly after a decrease, because the estimate of the quota is low while the rate rises.
    recovery: u64,
    /// The number of decreases since the service last accepted a request.
    consecutive_decreases: u32,
    /// No request is sent before this time.
    resume_at: Duration,
    refusals: Refusals,
}

impl AdaptiveRate {
    /// Starts at the given rate, or at [`INITIAL`]. A minimum `delay` between requests limits the rate as well.
    pub fn new(requests_per_minute: Option<NonZeroU32>, delay: Duration) -> Self {
        let configured = requests_per_minute.map(|rate| u64::from(rate.get()) * 1_000);
        let per_minute = (MINUTE * 1_000).as_nanos();
        let by_delay = per_minute.checked_div(delay.as_nanos()).and_then(|rate| u64::try_from(rate).ok());
        let ceiling = configured.unwrap_or(CEILING).min(by_delay.unwrap_or(u64::MAX)).max(1);
        Self {
            rate: configured.unwrap_or(INITIAL).min(ceiling),
            ceiling,
            is_configured: configured.is_some(),
            accepted: VecDeque::new(),
            first_decrease: None,
            last_decrease: None,
            recovery: 0,
            consecutive_decreases: 0,
            resume_at: Duration::ZERO,
            refusals: Refusals::default(),
        }
    }

    /// Sets the initial rate, unless one is configured or the service has throttled a request.
    pub fn begin_at(&mut self, requests_per_minute: NonZeroU32) {
        if !self.is_configured && self.last_decrease.is_none() {
            self.rate = (u64::from(requests_per_minute.get()) * 1_000).min(self.ceiling);
        }
    }

    /// Returns the rate of the requests accepted in the minute before the latest of them, or `None` for a short time.
    pub fn accepted_per_minute(&self) -> Option<NonZeroU32> {
        let (earliest, latest) = (self.accepted.front()?, self.accepted.back()?);
        let nanos = latest.saturating_sub(*earliest).max(MIN_SAMPLE).as_nanos();
        let rate = u128::try_from(self.accepted.len()).ok()? * MINUTE.as_nanos() / nanos;
        NonZeroU32::new(u32::try_from(rate).ok()?)
    }

    /// Returns the record of a request sent now.
    pub fn sent(&self, at: Duration, under_load: bool) -> Sent {
        Sent { at, rate: self.rate, under_load }
    }

    /// Returns the interval between requests.
    pub fn period(&self) -> Duration {
        gcra::period(NonZeroU64::new(self.rate).unwrap_or(NonZeroU64::MIN))
    }

    /// Returns the rate rounded down, at least one.
    pub fn requests_per_minute(&self) -> NonZeroU32 {
        let whole = u32::try_from(self.rate / 1_000).unwrap_or(u32::MAX);
        NonZeroU32::new(whole).unwrap_or(NonZeroU32::MIN)
    }

    /// Returns true if the service has throttled a request, so that the rate reflects its quota.
    pub fn is_learned(&self) -> bool {
        self.last_decrease.is_some()
    }

    /// Returns the end of the current backoff.
    pub fn resume_at(&self) -> Duration {
        self.resume_at
    }

    pub fn on_accepted(&mut self, sent: Sent, now: Duration) {
        let latest = self.accepted.back().map_or(sent.at, |latest| sent.at.max(*latest));
        self.accepted.push_back(latest);
        while self.accepted.front().is_some_and(|earliest| *earliest + MINUTE <= latest) {
            self.accepted.pop_front();
        }
        if let Some(higher) = self.refusals.on_accepted(sent, now) {
            self.rate = self.rate.max(higher.min(self.ceiling));
        }
        if self.refusals.are_mixed() {
            self.consecutive_decreases = 0;
        }
        if self.is_current(sent) {
            self.consecutive_decreases = 0;
            if sent.under_load {
                self.rate = (self.rate + self.step(now)).min(self.ceiling);
            }
        }
    }

    pub fn on_throttled(&mut self, sent: Sent, retry_after: Option<Duration>, now: Duration) {
        let requested = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.resume_at = self.resume_at.max(now + requested);
        match self.refusals.on_refused(sent, now) {
            Consequence::Keep => return,
            Consequence::Decrease if !self.is_current(sent) => return,
            Consequence::Decrease => {}
            Consequence::Quota(accepted) => {
                let decreased = accepted.clamp(self.rate / 2, self.rate / 20 * 19);
                self.recovery = 0;
                self.rate = self.rate.min(decreased.max(FLOOR));
                self.resume_at = self.resume_at.max(now + BACKOFF);
                self.consecutive_decreases = 0;
                self.last_decrease = Some(now);
                return;
            }
        }
        // A rate that is not configured exceeds the quota at first, and no trial is needed to tell.
        let first = *self.first_decrease.get_or_insert(now);
        if self.is_configured || now >= first + SETTLING {
            self.refusals.begin(self.rate, now);
        }
        let decreased = if self.consecutive_decreases > 0 {
            // The service rejects everything for now, which the backoff handles; the earlier rate will work again.
            self.accepted_since(Duration::ZERO).saturating_mul(1_000).max(self.rate / 2)
        } else if let Some(rate) = self.accepted_rate() {
            rate.clamp(self.rate / 2, self.rate / 20 * 19)
        } else if self.is_learned() {
            self.rate / 4 * 3
        } else {
            self.rate / 2
        };
        let floor = self.refusals.floor(self.consecutive_decreases > 0, now).max(FLOOR);
        self.recovery = if self.is_configured { 0 } else { self.rate / 20 * 19 };
        self.rate = self.rate.min(decreased.max(floor));
        if !self.refusals.are_mixed() || self.consecutive_decreases >= MIXED_RUN {
            let backoff = match self.consecutive_decreases {
                0 if self.is_configured => BACKOFF,
                0 if !self.is_learned() => FIRST_BACKOFF,
                0 => self.period().saturating_mul(BACKOFF_REQUESTS).min(BACKOFF),
                in_a_row => BACKOFF.saturating_mul(2_u32.saturating_pow(in_a_row)).min(MAX_BACKOFF),
            };
            self.resume_at = self.resume_at.max(now + if retry_after.is_some() { requested } else { backoff });
        }
        self.consecutive_decreases = self.consecutive_decreases.saturating_add(1);
        self.last_decrease = Some(now);
    }

    /// Returns true if the request was sent after the last decrease. Earlier requests are accounted for by that decrease.
    fn is_current(&self, sent: Sent) -> bool {
        self.last_decrease.is_none_or(|decrease| sent.at > decrease)
    }

    /// Returns the number of accepted requests sent after `since`, within the minute before the latest of them.
    fn accepted_since(&self, since: Duration) -> u64 {
        let since = self.accepted.iter().rev().take_while(|sent| **sent > since);
        u64::try_from(since.count()).unwrap_or(u64::MAX)
    }

    /// Returns the rate of accepted requests since the last decrease, or over the last [`MIN_SAMPLE`] if there was none.
    /// Returns `None` if the sample is too short.
    fn accepted_rate(&self) -> Option<u64> {
        let latest = *self.accepted.back()?;
        let since = match self.last_decrease {
            Some(decrease) => decrease.max(latest.saturating_sub(MINUTE)),
            None => latest.checked_sub(MIN_SAMPLE)?,
        };
        let sample = latest.checked_sub(since).filter(|sample| *sample >= MIN_SAMPLE)?;
        let thousandths = u128::from(self.accepted_since(since)) * (MINUTE * 1_000).as_nanos() / sample.as_nanos();
        u64::try_from(thousandths).ok()
    }

    /// Returns the additive increase.
    fn step(&self, now: Duration) -> u64 {
        let Some(decrease) = self.last_decrease else { return STARTUP_STEP };
        let minutes = now.saturating_sub(decrease).as_secs() / MINUTE.as_secs();
        let doubled = 2_u64.saturating_pow(u32::try_from(minutes).unwrap_or(u32::MAX));
        let step = PROBE_STEP.saturating_mul(doubled).min(STARTUP_STEP);
        if !self.refusals.are_random() {
            // As in CUBIC, the rate returns quickly to just below that before the decrease, and slowly exceeds it.
            let gap = self.recovery.saturating_sub(self.rate);
            if self.refusals.are_in_trial() { step } else { step.max(gap * RECOVERY_RATE / self.rate.max(1)) }
        } else if self.rate < self.refusals.peak() {
            step.max(self.rate / 4)
        } else {
            step.max(self.rate / 25)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn under_load(at: Duration) -> Sent {
        Sent { at, rate: INITIAL, under_load: true }
    }

    /// Sends one request per second; all are accepted.
    fn one_per_second(rate: &mut AdaptiveRate, from: u32, until: u32) {
        for second in from..until {
            rate.on_accepted(rate.sent(SECOND * second, false), SECOND * second);
        }
    }

    #[test]
    fn throttling_lowers_the_rate_to_the_recently_accepted_rate() {
        let mut rate = AdaptiveRate::new(NonZeroU32::new(80), Duration::ZERO);
        one_per_second(&mut rate, 0, 90);
        rate.on_throttled(under_load(SECOND * 90), None, SECOND * 90);
        assert_eq!(rate.requests_per_minute().get(), 60);
        assert!(rate.is_learned());
        // After a decrease, only requests sent since then count.
        for step in 0..30 {
            let at = SECOND * 91 + SECOND * 4 / 3 * step;
            rate.on_accepted(rate.sent(at, false), at);
        }
        rate.on_throttled(under_load(SECOND * 130), None, SECOND * 130);
        assert!((45..=47).contains(&rate.requests_per_minute().get()));
    }

    #[test]
    fn the_rate_halves_if_the_sample_is_too_short() {
        let mut rate = AdaptiveRate::new(NonZeroU32::new(80), Duration::ZERO);
        one_per_second(&mut rate, 0, 10);
        rate.on_throttled(under_load(SECOND * 10), None, SECOND * 10);
        assert_eq!(rate.requests_per_minute().get(), 40);
    }

    #[test]
    fn throttled_requests_in_flight_decrease_the_rate_once() {
        let mut rate = AdaptiveRate::new(NonZeroU32::new(100), Duration::ZERO);
        for _ in 0..20 {
            rate.on_throttled(under_load(SECOND), None, SECOND * 3);
        }
        assert_eq!(rate.requests_per_minute().get(), 50);
        rate.on_throttled(under_load(SECOND * 5), None, SECOND * 5);
        assert!(rate.requests_per_minute().get() < 50);
    }

    #[test]
    fn repeated_throttling_doubles_the_backoff_but_keeps_the_rate() {
        let mut rate = AdaptiveRate::new(NonZeroU32::new(60), Duration::ZERO);
        one_per_second(&mut rate, 0, 60);
        let mut now = SECOND * 60;
        let mut waits = Vec::new();
        for _ in 0..8 {
            rate.on_throttled(under_load(now), None, now);
            waits.push(rate.resume_at().saturating_sub(now).as_secs());
            now = rate.resume_at();
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(rate.requests_per_minute().get(), 57);
    }

    #[test]
    fn retry_after_is_honoured_up_to_five_minutes() {
        let mut rate = AdaptiveRate::new(None, Duration::ZERO);
        rate.on_throttled(under_load(SECOND), Some(SECOND * 20), SECOND * 2);
        assert_eq!(rate.resume_at(), SECOND * 22);
        // Also if the request was in flight at the time of the decrease.
        rate.on_throttled(under_load(SECOND), Some(SECOND * 30), SECOND * 3);
        assert_eq!(rate.resume_at(), SECOND * 33);
        rate.on_throttled(under_load(SECOND), Some(Duration::MAX), SECOND * 4);
        assert_eq!(rate.resume_at(), SECOND * 304);
    }

    #[test]
    fn requests_below_half_the_rate_do_not_raise_it() {
        let mut rate = AdaptiveRate::new(None, Duration::ZERO);
        let before = rate.period();
        one_per_second(&mut rate, 0, 1_000);
        assert_eq!(rate.period(), before);
    }

    #[test]
    fn a_delay_caps_the_rate() {
        let rate = AdaptiveRate::new(NonZeroU32::new(600), SECOND * 2);
        assert_eq!(rate.requests_per_minute().get(), 30);
        let rate = AdaptiveRate::new(None, SECOND * 18);
        assert_eq!(rate.requests_per_minute().get(), 3);
        assert!(AdaptiveRate::new(None, Duration::MAX).period() >= MINUTE);
    }

    proptest! {
        #[test]
        fn the_rate_stays_within_bounds_and_moves_with_each_response(
            configured in proptest::option::of(1_u32..2_000),
            responses in vec((0_u64..5_000, 0_u64..8_000, any::<bool>(), 0_u32..4), 1..500),
        ) {
            let mut rate = AdaptiveRate::new(configured.and_then(NonZeroU32::new), Duration::ZERO);
            let mut now = Duration::ZERO;
            for (wait, flight, under_load, fate) in responses {
                now += Duration::from_millis(wait);
                let sent = rate.sent(now.saturating_sub(Duration::from_millis(flight)), under_load);
                let before = rate.rate;
                if fate == 0 {
                    rate.on_throttled(sent, None, now);
                    prop_assert!(rate.rate <= before);
                    prop_assert!(rate.rate >= before / 2);
                } else {
                    rate.on_accepted(sent, now);
                    prop_assert!(rate.rate >= before);
                }
                let ceiling = configured.map_or(CEILING, |rate| u64::from(rate) * 1_000);
                prop_assert!((FLOOR..=ceiling).contains(&rate.rate));
                prop_assert!(rate.resume_at <= now + MAX_BACKOFF);
            }
        }
    }
}
