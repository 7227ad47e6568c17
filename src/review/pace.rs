//! The operator's pace: decisions an hour while they are working, and the time left at that pace.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

/// A longer pause does not count as work.
const BREAK: SignedDuration = SignedDuration::from_mins(5);
/// Older work does not count: it predicts little.
const MEMORY: SignedDuration = SignedDuration::from_mins(20);
/// The least work needed for an estimate.
const FEWEST: u64 = 5;
const SHORTEST: SignedDuration = SignedDuration::from_secs(30);

/// Samples of the time and the number of reviewed records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    seen: VecDeque<(Timestamp, u64)>,
}

impl Pace {
    pub(super) fn observe(&mut self, at: Timestamp, reviewed: u64) {
        match self.seen.back() {
            Some((_, before)) if *before == reviewed => return,
            // An undo, or the end of a break: start over.
            Some((last, before)) if *before > reviewed || at.duration_since(*last) > BREAK => self.seen.clear(),
            _ => {}
        }
        self.seen.push_back((at, reviewed));
        while self.seen.front().is_some_and(|(first, _)| at.duration_since(*first) > MEMORY) {
            self.seen.pop_front();
        }
    }

    /// Returns the records an hour; `None` while there is too little to estimate.
    #[must_use]
    pub fn an_hour(&self) -> Option<u64> {
        let ((first, from), (last, to)) = (self.seen.front()?, self.seen.back()?);
        let (worked, done) = (last.duration_since(*first), to - from);
        let milliseconds = u64::try_from(worked.as_millis()).ok().filter(|_| worked >= SHORTEST && done >= FEWEST)?;
        Some(done * 3_600_000 / milliseconds)
    }

    /// Returns the time these records take at this pace.
    #[must_use]
    pub fn time_for(&self, records: u64) -> Option<SignedDuration> {
        let seconds = (records * 3600).checked_div(self.an_hour()?)?;
        i64::try_from(seconds).ok().map(SignedDuration::from_secs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(times: &[(i64, u64)]) -> Pace {
        let mut pace = Pace::default();
        for (second, reviewed) in times {
            pace.observe(Timestamp::from_second(*second).expect("a time"), *reviewed);
        }
        pace
    }

    #[test]
    fn the_pace_is_what_was_done_in_the_time_it_took() {
        let steady: Vec<(i64, u64)> = (0..=20_u8).map(|number| (i64::from(number) * 6, u64::from(number))).collect();
        let pace = pace(&steady);
        assert_eq!(pace.an_hour(), Some(600));
        assert_eq!(pace.time_for(100), Some(SignedDuration::from_mins(10)));
    }

    #[test]
    fn a_few_decisions_say_nothing_yet() {
        assert_eq!(pace(&[]).an_hour(), None);
        assert_eq!(pace(&[(0, 0), (100, 4)]).an_hour(), None);
        assert_eq!(pace(&[(0, 0), (10, 9)]).an_hour(), None);
    }

    #[test]
    fn a_break_is_no_work_and_an_undo_no_decision() {
        let work =
            |start: i64| (0..=10_u8).map(move |number| (start + i64::from(number) * 10, 100 + u64::from(number)));
        let with_break: Vec<_> = [(0, 90)].into_iter().chain(work(10_000)).collect();
        assert_eq!(pace(&with_break).an_hour(), Some(360));
        assert_eq!(pace(&[(0, 50), (60, 60), (61, 59)]).an_hour(), None);
    }
}
