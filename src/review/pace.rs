//! The operator's pace: decisions an hour while they are working, and the time left at that pace.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};

use crate::report::MAX_PAUSE;

/// Older decisions do not count: they predict little.
const WINDOW: SignedDuration = SignedDuration::from_mins(20);
/// The number of decisions needed for an estimate.
const MIN_DECISIONS: u64 = 5;
/// The duration of work needed for an estimate.
const MIN_DURATION: SignedDuration = SignedDuration::from_secs(30);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pace {
    /// Times, each with the number of reviewed records at that time.
    samples: VecDeque<(Timestamp, u64)>,
}

impl Pace {
    pub(super) fn observe(&mut self, at: Timestamp, reviewed: u64) {
        match self.samples.back() {
            Some((_, before)) if *before == reviewed => return,
            // An undo, or the end of a break: start over.
            Some((last, before)) if *before > reviewed || at.duration_since(*last) > MAX_PAUSE => self.samples.clear(),
            _ => {}
        }
        self.samples.push_back((at, reviewed));
        while self.samples.front().is_some_and(|(first, _)| at.duration_since(*first) > WINDOW) {
            self.samples.pop_front();
        }
    }

    /// Returns the records per hour; `None` if there are too few decisions for an estimate.
    #[must_use]
    pub fn per_hour(&self) -> Option<u64> {
        let (first, reviewed_before) = self.samples.front()?;
        let (last, reviewed) = self.samples.back()?;
        let worked = last.duration_since(*first);
        let done = reviewed - reviewed_before;
        if worked < MIN_DURATION || done < MIN_DECISIONS {
            return None;
        }
        Some(done * 3_600_000 / u64::try_from(worked.as_millis()).ok()?)
    }

    /// Returns the time these records take at this pace.
    #[must_use]
    pub fn time_for(&self, records: u64) -> Option<SignedDuration> {
        let seconds = (records * 3600).checked_div(self.per_hour()?)?;
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
    fn the_pace_is_the_number_of_decisions_per_hour() {
        let steady: Vec<(i64, u64)> = (0..=20_u8).map(|number| (i64::from(number) * 6, u64::from(number))).collect();
        let pace = pace(&steady);
        assert_eq!(pace.per_hour(), Some(600));
        assert_eq!(pace.time_for(100), Some(SignedDuration::from_mins(10)));
    }

    #[test]
    fn a_few_decisions_are_too_few_for_a_pace() {
        assert_eq!(pace(&[]).per_hour(), None);
        assert_eq!(pace(&[(0, 0), (100, 4)]).per_hour(), None);
        assert_eq!(pace(&[(0, 0), (10, 9)]).per_hour(), None);
    }

    #[test]
    fn a_break_or_an_undo_starts_over() {
        let work =
            |start: i64| (0..=10_u8).map(move |number| (start + i64::from(number) * 10, 100 + u64::from(number)));
        let with_break: Vec<_> = [(0, 90)].into_iter().chain(work(10_000)).collect();
        assert_eq!(pace(&with_break).per_hour(), Some(360));
        assert_eq!(pace(&[(0, 50), (60, 60), (61, 59)]).per_hour(), None);
    }
}
