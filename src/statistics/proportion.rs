//! A proportion, and the interval it is known to.

use super::real;

/// The point of the standard normal distribution that leaves 2.5 % above it: what makes an interval one of 95 %.
pub const Z: f64 = 1.959_963_984_540_054;

/// Where a proportion lies, with 95 % confidence. From 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Half of its width.
    #[must_use]
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// So many of so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proportion {
    count: u64,
    of: u64,
}

impl Proportion {
    /// `count` of `of`; never more than all of them.
    #[must_use]
    pub const fn new(count: u64, of: u64) -> Self {
        Self { count: if count < of { count } else { of }, of }
    }

    /// How many.
    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }

    /// Of how many.
    #[must_use]
    pub const fn of(self) -> u64 {
        self.of
    }

    /// The share, from 0 to 1; none of nothing.
    #[must_use]
    pub fn rate(self) -> Option<f64> {
        (self.of > 0).then(|| real(self.count) / real(self.of))
    }

    /// The 95 % interval of Wilson, which unlike the usual one also holds near 0 and 1 and for few (E. B. Wilson,
    /// "Probable inference, the law of succession, and statistical inference", JASA 22, 1927, 209–212). None of nothing.
    #[must_use]
    pub fn interval(self) -> Option<Interval> {
        let rate = self.rate()?;
        let (low, high) = wilson(rate, real(self.of));
        // At the ends, rounding must not leave a remainder where there is none.
        let low = if self.count == 0 { 0.0 } else { low };
        let high = if self.count == self.of { 1.0 } else { high };
        Some(Interval { low, high })
    }
}

/// The ends of Wilson's interval for a rate seen in a sample.
pub(super) fn wilson(rate: f64, size: f64) -> (f64, f64) {
    let squared = Z * Z;
    let middle = (rate + squared / (2.0 * size)) / (1.0 + squared / size);
    let half = Z / (1.0 + squared / size) * (rate * (1.0 - rate) / size + squared / (4.0 * size * size)).sqrt();
    ((middle - half).max(0.0), (middle + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    /// R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 17, 1998,
    /// 857–872, table I, method 3.
    #[rstest]
    #[case(81, 263, 0.2553, 0.3662)]
    #[case(15, 148, 0.0624, 0.1605)]
    #[case(0, 20, 0.0000, 0.1611)]
    #[case(1, 29, 0.0061, 0.1718)]
    fn intervals_are_those_newcombe_published(
        #[case] count: u64,
        #[case] of: u64,
        #[case] low: f64,
        #[case] high: f64,
    ) {
        let interval = Proportion::new(count, of).interval().unwrap();
        assert!((interval.low - low).abs() < 0.00005, "{interval:?}");
        assert!((interval.high - high).abs() < 0.00005, "{interval:?}");
    }

    #[test]
    fn of_nothing_nothing_is_known() {
        assert_eq!(Proportion::new(0, 0).rate(), None);
        assert_eq!(Proportion::new(0, 0).interval(), None);
        assert_eq!(Proportion::new(3, 2), Proportion::new(2, 2));
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_rate_and_mirrors(of in 1_u64..100_000, part in 0.0..=1.0_f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let count = (real(of) * part) as u64;
            let rate = Proportion::new(count, of).rate().unwrap();
            let Interval { low, high } = Proportion::new(count, of).interval().unwrap();
            prop_assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0);
            let mirrored = Proportion::new(of - count, of).interval().unwrap();
            prop_assert!((mirrored.low - (1.0 - high)).abs() < 1e-9);
            prop_assert!((mirrored.high - (1.0 - low)).abs() < 1e-9);
        }

        #[test]
        fn the_same_rate_in_a_larger_sample_is_known_better(count in 0_u64..500, more in 0_u64..500) {
            let of = count + more + 1;
            let few = Proportion::new(count, of).interval().unwrap();
            let many = Proportion::new(2 * count, 2 * of).interval().unwrap();
            prop_assert!(many.half_width() < few.half_width());
        }

        #[test]
        fn its_ends_are_where_the_score_test_just_holds(of in 2_u64..5_000, part in 0.01..0.99_f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let count = ((real(of) * part) as u64).clamp(1, of - 1);
            let rate = Proportion::new(count, of).rate().unwrap();
            let Interval { low, high } = Proportion::new(count, of).interval().unwrap();
            for end in [low, high] {
                let score = (rate - end).abs() / (end * (1.0 - end) / real(of)).sqrt();
                prop_assert!((score - Z).abs() < 1e-6, "{score}");
            }
        }
    }
}
