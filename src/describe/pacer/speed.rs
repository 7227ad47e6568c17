//! How fast to send: learned from what the service takes and refuses. Time is counted from when the pacer began.
//!
//! Until the service refuses something, the pace rises quickly. Then the pace falls to that at which the service took
//! requests lately, and from there feels its way up, the faster the longer nothing is refused. Where a pace was given,
//! it is the beginning and the ceiling.

use std::collections::VecDeque;
use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use super::meter::{self, MINUTE};

// Paces are in thousandths of a request a minute.

/// Where it begins if nobody said what the service takes.
const BEGINNING: u64 = 60_000;

/// The most it climbs to if nobody said what the service takes.
const CEILING: u64 = 1_000_000;

/// What every request the service takes adds, before it ever refused one: the pace doubles in about ten seconds.
const START: u64 = 4_000;

/// What every request the service takes adds in the first minute after it refused one: three in a hundred a minute.
/// Doubles with every minute in which it refuses none.
const PROBE: u64 = 30;

/// It always tries once a minute.
const FLOOR: u64 = 1_000;

/// How long nothing is sent after the service refused. Doubles while it takes nothing at all.
const BACK_OFF: Duration = Duration::from_secs(1);

/// The shortest time that tells how much the service takes.
const TELLING: Duration = Duration::from_secs(10);

/// The longest that doubling gets.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(32);

/// The longest a service is believed when it says how long to wait.
const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// A request that was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    /// When.
    pub at: Duration,
    /// It followed the one before at half the pace or faster. Only then does its success say something of the pace.
    pub pressed: bool,
}

/// The pace, and what it was learned from.
#[derive(Debug)]
pub(super) struct Speed {
    pace: u64,
    ceiling: u64,
    /// When the requests were sent that the service took: those of the minute before the latest of them.
    taken: VecDeque<Duration>,
    /// When it slowed down the last time.
    slowed: Option<Duration>,
    /// How often it slowed down since the service took a request.
    fruitless: u32,
    /// Nothing is sent before.
    resume: Duration,
}

impl Speed {
    /// At the given pace, or else a modest one; where two sends must be some time apart, no faster than that allows.
    pub fn new(requests_per_minute: Option<NonZeroU32>, delay: Duration) -> Self {
        let given = requests_per_minute.map(|given| u64::from(given.get()) * 1_000);
        let a_minute = (MINUTE * 1_000).as_nanos();
        let spaced = a_minute.checked_div(delay.as_nanos()).and_then(|pace| u64::try_from(pace).ok());
        let ceiling = given.unwrap_or(CEILING).min(spaced.unwrap_or(u64::MAX)).max(1);
        Self {
            pace: given.unwrap_or(BEGINNING).min(ceiling),
            ceiling,
            taken: VecDeque::new(),
            slowed: None,
            fruitless: 0,
            resume: Duration::ZERO,
        }
    }

    /// How far apart requests are sent.
    pub fn period(&self) -> Duration {
        meter::period(NonZeroU64::new(self.pace).unwrap_or(NonZeroU64::MIN))
    }

    /// The whole requests a minute of the pace; one where it is less.
    pub fn requests_per_minute(&self) -> NonZeroU32 {
        let whole = u32::try_from(self.pace / 1_000).unwrap_or(u32::MAX);
        NonZeroU32::new(whole).unwrap_or(NonZeroU32::MIN)
    }

    /// Whether the service has taught it.
    pub fn is_learned(&self) -> bool {
        self.slowed.is_some()
    }

    /// When the next request may be sent at the earliest, whatever the pace.
    pub fn resume(&self) -> Duration {
        self.resume
    }

    /// The service took a request.
    pub fn accepted(&mut self, sent: Sent, now: Duration) {
        let latest = self.taken.back().map_or(sent.at, |latest| sent.at.max(*latest));
        self.taken.push_back(latest);
        while self.taken.front().is_some_and(|earliest| *earliest + MINUTE <= latest) {
            self.taken.pop_front();
        }
        if self.is_news(sent) {
            self.fruitless = 0;
            if sent.pressed {
                self.pace = (self.pace + self.growth(now)).min(self.ceiling);
            }
        }
    }

    /// The service refused a request, and may have said when it will take more.
    pub fn throttled(&mut self, sent: Sent, retry_after: Option<Duration>, now: Duration) {
        let told = retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        self.resume = self.resume.max(now + told);
        if !self.is_news(sent) {
            return;
        }
        let slower = if self.fruitless > 0 {
            // It takes nothing for now. Waiting longer is what helps; what it took before, it will take again.
            self.taken_since(Duration::ZERO).saturating_mul(1_000).max(self.pace / 2)
        } else if let Some(pace) = self.pace_of_success() {
            pace.clamp(self.pace / 2, self.pace / 20 * 19)
        } else if self.is_learned() {
            self.pace / 4 * 3
        } else {
            self.pace / 2
        };
        self.pace = self.pace.min(slower.max(FLOOR));
        let back_off = BACK_OFF.saturating_mul(2_u32.saturating_pow(self.fruitless)).min(LONGEST_BACK_OFF);
        self.resume = self.resume.max(now + if retry_after.is_some() { told } else { back_off });
        self.fruitless = self.fruitless.saturating_add(1);
        self.slowed = Some(now);
    }

    /// Whether it was sent since the pace fell: what became of requests sent before was settled with that.
    fn is_news(&self, sent: Sent) -> bool {
        self.slowed.is_none_or(|slowed| sent.at > slowed)
    }

    /// How many requests the service took of those sent later than that, but in the minute before the latest.
    fn taken_since(&self, since: Duration) -> u64 {
        let since = self.taken.iter().rev().take_while(|sent| **sent > since);
        u64::try_from(since.count()).unwrap_or(u64::MAX)
    }

    /// The pace at which the service took what was sent since the pace last fell, or lately where it has only risen.
    /// None where that is too short a time to tell.
    fn pace_of_success(&self) -> Option<u64> {
        let latest = *self.taken.back()?;
        let since = match self.slowed {
            Some(slowed) => slowed.max(latest.saturating_sub(MINUTE)),
            None => latest.checked_sub(TELLING)?,
        };
        let time = latest.checked_sub(since).filter(|time| *time >= TELLING)?;
        let thousandths = u128::from(self.taken_since(since)) * (MINUTE * 1_000).as_nanos() / time.as_nanos();
        u64::try_from(thousandths).ok()
    }

    fn growth(&self, now: Duration) -> u64 {
        let Some(slowed) = self.slowed else { return START };
        let minutes = now.saturating_sub(slowed).as_secs() / MINUTE.as_secs();
        let doubled = 2_u64.saturating_pow(u32::try_from(minutes).unwrap_or(u32::MAX));
        PROBE.saturating_mul(doubled).min(START)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pressed(at: Duration) -> Sent {
        Sent { at, pressed: true }
    }

    /// Sends one a second until `until`, all of them taken.
    fn one_a_second(speed: &mut Speed, from: u32, until: u32) {
        for second in from..until {
            speed.accepted(Sent { at: SECOND * second, pressed: false }, SECOND * second);
        }
    }

    #[test]
    fn the_pace_falls_to_what_the_service_took_lately() {
        let mut speed = Speed::new(NonZeroU32::new(80), Duration::ZERO);
        one_a_second(&mut speed, 0, 90);
        speed.throttled(pressed(SECOND * 90), None, SECOND * 90);
        assert_eq!(speed.requests_per_minute().get(), 60);
        assert!(speed.is_learned());
        // From then on what counts is what it took since.
        for step in 0..30 {
            let at = SECOND * 91 + SECOND * 4 / 3 * step;
            speed.accepted(Sent { at, pressed: false }, at);
        }
        speed.throttled(pressed(SECOND * 130), None, SECOND * 130);
        assert!((45..=47).contains(&speed.requests_per_minute().get()));
    }

    #[test]
    fn it_halves_after_too_short_a_time_to_tell() {
        let mut speed = Speed::new(NonZeroU32::new(80), Duration::ZERO);
        one_a_second(&mut speed, 0, 10);
        speed.throttled(pressed(SECOND * 10), None, SECOND * 10);
        assert_eq!(speed.requests_per_minute().get(), 40);
    }

    #[test]
    fn refusals_of_what_was_under_way_count_once() {
        let mut speed = Speed::new(NonZeroU32::new(100), Duration::ZERO);
        for _ in 0..20 {
            speed.throttled(pressed(SECOND), None, SECOND * 3);
        }
        assert_eq!(speed.requests_per_minute().get(), 50);
        speed.throttled(pressed(SECOND * 5), None, SECOND * 5);
        assert!(speed.requests_per_minute().get() < 50);
    }

    #[test]
    fn a_service_that_takes_nothing_for_now_is_asked_less_and_less_often_but_not_forgotten() {
        let mut speed = Speed::new(NonZeroU32::new(60), Duration::ZERO);
        one_a_second(&mut speed, 0, 60);
        let mut now = SECOND * 60;
        let mut waits = Vec::new();
        for _ in 0..8 {
            speed.throttled(pressed(now), None, now);
            waits.push(speed.resume().saturating_sub(now).as_secs());
            now = speed.resume();
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
        assert_eq!(speed.requests_per_minute().get(), 57);
    }

    #[test]
    fn what_the_service_says_of_when_is_believed() {
        let mut speed = Speed::new(None, Duration::ZERO);
        speed.throttled(pressed(SECOND), Some(SECOND * 20), SECOND * 2);
        assert_eq!(speed.resume(), SECOND * 22);
        // Also from a request that was under way then.
        speed.throttled(pressed(SECOND), Some(SECOND * 30), SECOND * 3);
        assert_eq!(speed.resume(), SECOND * 33);
        speed.throttled(pressed(SECOND), Some(Duration::MAX), SECOND * 4);
        assert_eq!(speed.resume(), SECOND * 3_604);
    }

    #[test]
    fn requests_now_and_then_say_nothing_of_the_pace() {
        let mut speed = Speed::new(None, Duration::ZERO);
        let before = speed.period();
        one_a_second(&mut speed, 0, 1_000);
        assert_eq!(speed.period(), before);
    }

    #[test]
    fn a_delay_is_a_ceiling() {
        let speed = Speed::new(NonZeroU32::new(600), SECOND * 2);
        assert_eq!(speed.requests_per_minute().get(), 30);
        let speed = Speed::new(None, SECOND * 18);
        assert_eq!(speed.requests_per_minute().get(), 3);
        assert!(Speed::new(None, Duration::MAX).period() >= MINUTE);
    }

    proptest! {
        #[test]
        fn the_pace_stays_between_floor_and_ceiling_and_each_answer_moves_it_its_way(
            given in proptest::option::of(1_u32..2_000),
            answers in vec((0_u64..5_000, 0_u64..8_000, any::<bool>(), 0_u32..4), 1..500),
        ) {
            let mut speed = Speed::new(given.and_then(NonZeroU32::new), Duration::ZERO);
            let mut now = Duration::ZERO;
            for (wait, flight, pressed, fate) in answers {
                now += Duration::from_millis(wait);
                let sent = Sent { at: now.saturating_sub(Duration::from_millis(flight)), pressed };
                let before = speed.pace;
                if fate == 0 {
                    speed.throttled(sent, None, now);
                    prop_assert!(speed.pace <= before);
                    prop_assert!(speed.pace >= before / 2);
                } else {
                    speed.accepted(sent, now);
                    prop_assert!(speed.pace >= before);
                }
                let ceiling = given.map_or(CEILING, |given| u64::from(given) * 1_000);
                prop_assert!((FLOOR..=ceiling).contains(&speed.pace));
                prop_assert!(speed.resume <= now + LONGEST_BACK_OFF);
            }
        }
    }
}
