//! Proportions with Wilson score intervals.

use super::to_f64;

/// The 97.5 % quantile of the standard normal distribution, for two-sided 95 % intervals.
pub const Z: f64 = 1.959_963_984_540_054;

/// A 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    #[must_use]
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The number of items with some property, and the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Proportion {
    count: u64,
    total: u64,
}

impl Proportion {
    /// Creates a proportion, with `count` clamped to `total`.
    #[must_use]
    pub const fn new(count: u64, total: u64) -> Self {
        Self { count: if count < total { count } else { total }, total }
    }

    #[must_use]
    pub const fn count(self) -> u64 {
        self.count
    }

    #[must_use]
    pub const fn total(self) -> u64 {
        self.total
    }

    /// Returns `count / total`, or `None` if there are no observations.
    #[must_use]
    pub fn rate(self) -> Option<f64> {
        (self.total > 0).then(|| to_f64(self.count) / to_f64(self.total))
    }

    /// Returns the 95 % Wilson score interval, or `None` if there are no observations. Unlike the normal approximation
    /// (Wald interval), it keeps its coverage near 0 and 1 and for small samples (E. B. Wilson, "Probable inference, the
    /// law of succession, and statistical inference", JASA 22, 1927, 209–212).
    #[must_use]
    pub fn interval(self) -> Option<Interval> {
        let rate = self.rate()?;
        let (low, high) = wilson(rate, to_f64(self.total));
        // Exact values at the ends, in spite of rounding errors.
        let low = if self.count == 0 { 0.0 } else { low };
        let high = if self.count == self.total { 1.0 } else { high };
        Some(Interval { low, high })
    }
}

/// Returns the Wilson score interval for an observed rate in a sample of `size`.
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
    fn intervals_equal_those_published_by_newcombe(
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
    fn without_observations_there_is_no_rate_or_interval() {
        assert_eq!(Proportion::new(0, 0).rate(), None);
        assert_eq!(Proportion::new(0, 0).interval(), None);
        assert_eq!(Proportion::new(3, 2), Proportion::new(2, 2));
    }

    proptest! {
        #[test]
        fn the_interval_contains_the_rate_and_is_symmetric(of in 1_u64..100_000, part in 0.0..=1.0_f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let count = (to_f64(of) * part) as u64;
            let rate = Proportion::new(count, of).rate().unwrap();
            let Interval { low, high } = Proportion::new(count, of).interval().unwrap();
            prop_assert!(0.0 <= low && low <= rate && rate <= high && high <= 1.0);
            let mirrored = Proportion::new(of - count, of).interval().unwrap();
            prop_assert!((mirrored.low - (1.0 - high)).abs() < 1e-9);
            prop_assert!((mirrored.high - (1.0 - low)).abs() < 1e-9);
        }

        #[test]
        fn larger_samples_have_narrower_intervals(count in 0_u64..500, more in 0_u64..500) {
            let of = count + more + 1;
            let few = Proportion::new(count, of).interval().unwrap();
            let many = Proportion::new(2 * count, 2 * of).interval().unwrap();
            prop_assert!(many.half_width() < few.half_width());
        }

        #[test]
        fn the_ends_solve_the_score_test(of in 2_u64..5_000, part in 0.01..0.99_f64) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let count = ((to_f64(of) * part) as u64).clamp(1, of - 1);
            let rate = Proportion::new(count, of).rate().unwrap();
            let Interval { low, high } = Proportion::new(count, of).interval().unwrap();
            for end in [low, high] {
                let score = (rate - end).abs() / (end * (1.0 - end) / to_f64(of)).sqrt();
                prop_assert!((score - Z).abs() < 1e-6, "{score}");
            }
        }
    }
}
