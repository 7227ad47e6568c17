//! Sample size planning. The size must be fixed before the first record is judged: stopping when the result looks good
//! (optional stopping) invalidates the interval.

use super::proportion::wilson;
use super::{Proportion, to_f64};

/// The maximum number of records in a dataset, and so the largest sample.
const MAX_SIZE: u64 = 1 << 32;

/// The lowest supported target. Below it, samples are so small that the interval does not keep its confidence level.
pub const MIN_TARGET: f64 = 0.65;

/// Returns the smallest sample in which `failures` still verify a rate of at least `target` (0 to 1), that is, in which the
/// lower bound of the Wilson interval is at least `target`. Returns `None` if no sample does.
///
/// The lower bound of the two-sided 95 % interval is a one-sided 97.5 % bound. This compensates for the one-sided 95 %
/// Wilson bound, which is too lenient near 1: for targets from [`MIN_TARGET`] on, a dataset that just misses the target
/// passes with a probability below 5 %.
#[must_use]
pub fn sample_size_for_target(target: f64, failures: u64) -> Option<u64> {
    if !(0.0..1.0).contains(&target) {
        return None;
    }
    smallest(failures.max(1), |size| verifies(target, size, failures))
}

/// Returns the maximum number of failures with which a sample of this size still verifies `target` (the acceptance number),
/// or `None` if the sample is too small even without failures.
#[must_use]
pub fn max_failures(target: f64, size: u64) -> Option<u64> {
    let rejected = smallest(0, |failures| failures > size || !verifies(target, size, failures))?;
    rejected.checked_sub(1)
}

/// Returns the smallest sample whose interval has at most this half-width if the observed rate is `rate`. A rate of 0.5 is
/// the worst case.
#[must_use]
pub fn sample_size_for_half_width(half_width: f64, rate: f64) -> Option<u64> {
    let half = |size: u64| {
        let (low, high) = wilson(rate.clamp(0.0, 1.0), to_f64(size));
        (high - low) / 2.0
    };
    (half_width > 0.0).then(|| smallest(1, |size| half(size) <= half_width)).flatten()
}

/// Returns the probability that a sample of this size verifies `target` if the true rate is `rate`: the power of the test,
/// a sum of binomial probabilities.
#[must_use]
pub fn power(target: f64, size: u64, rate: f64) -> f64 {
    let Some(max_failures) = max_failures(target, size) else { return 0.0 };
    let (success, failure) = (rate.clamp(0.0, 1.0), 1.0 - rate.clamp(0.0, 1.0));
    if failure <= 0.0 || success <= 0.0 {
        return if failure <= 0.0 || max_failures == size { 1.0 } else { 0.0 };
    }
    // In logarithms, because the probability of zero failures underflows for large samples.
    let mut log_probability = to_f64(size) * success.ln();
    let mut sum = log_probability.exp();
    for failures in 1..=max_failures {
        log_probability += (to_f64(size - failures + 1) / to_f64(failures)).ln() + failure.ln() - success.ln();
        sum += log_probability.exp();
    }
    sum.min(1.0)
}

fn verifies(target: f64, size: u64, failures: u64) -> bool {
    let accepted = Proportion::new(size.saturating_sub(failures), size);
    accepted.interval().is_some_and(|interval| interval.low >= target)
}

/// Returns the smallest number from `from` on for which a monotonic predicate holds, by binary search.
fn smallest(from: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut low, mut high) = (from, MAX_SIZE);
    if !holds(high) {
        return None;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::super::Z;
    use super::*;

    /// The binomial cumulative distribution function, summed from binomial coefficients.
    fn at_most(failures: u64, size: u64, rate: f64) -> f64 {
        let mut coefficient = 1.0;
        let mut sum = 0.0;
        for count in 0..=failures {
            let (failed, passed) = (i32::try_from(count).unwrap(), i32::try_from(size - count).unwrap());
            sum += coefficient * (1.0 - rate).powi(failed) * rate.powi(passed);
            coefficient *= to_f64(size - count) / to_f64(count + 1);
        }
        sum
    }

    /// The closed form without failures is z²·T/(1-T).
    #[rstest]
    #[case(0.90, 35)]
    #[case(0.95, 73)]
    #[case(0.99, 381)]
    fn sizes_without_failures_equal_the_closed_form(#[case] target: f64, #[case] size: u64) {
        assert!((Z * Z * target / (1.0 - target)).ceil() - to_f64(size) == 0.0);
        assert_eq!(sample_size_for_target(target, 0), Some(size));
    }

    /// The closed form for a rate of one half is z²/4h² - z².
    #[rstest]
    #[case(0.05, 381)]
    #[case(0.10, 93)]
    #[case(0.03, 1064)]
    fn sizes_for_a_half_width_equal_the_closed_form(#[case] half: f64, #[case] size: u64) {
        assert!((Z * Z / (4.0 * half * half) - Z * Z).ceil() - to_f64(size) == 0.0);
        assert_eq!(sample_size_for_half_width(half, 0.5), Some(size));
    }

    #[test]
    fn impossible_targets_have_no_size() {
        assert_eq!(sample_size_for_target(1.0, 0), None);
        assert_eq!(sample_size_for_target(f64::NAN, 0), None);
        assert_eq!(sample_size_for_half_width(0.0, 0.5), None);
        assert_eq!(max_failures(0.95, 72), None);
        assert_eq!(max_failures(0.95, 73), Some(0));
        assert!((power(0.95, 73, 1.0) - 1.0).abs() < 1e-12);
        assert!(power(0.95, 72, 0.999).abs() < 1e-12);
        assert!(power(0.95, 73, 0.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_planned_size_is_the_smallest_that_suffices(target in 0.5..0.99_f64, failures in 0_u64..30) {
            let size = sample_size_for_target(target, failures).unwrap();
            let low = |size: u64| Proportion::new(size - failures, size).interval().unwrap().low;
            prop_assert!(low(size) >= target);
            prop_assert!(size <= failures + 1 || low(size - 1) < target);
            prop_assert!(max_failures(target, size).unwrap() >= failures);
            prop_assert!(sample_size_for_target(target, failures + 1).unwrap() > size);
        }

        #[test]
        fn a_dataset_that_just_misses_the_target_passes_with_less_than_five_percent(
            target in MIN_TARGET..0.99, failures in 0_u64..20,
        ) {
            let size = sample_size_for_target(target, failures).unwrap();
            let false_pass = at_most(failures, size, target);
            prop_assert!(false_pass <= 0.05, "{false_pass}");
        }

        #[test]
        fn the_power_equals_the_binomial_distribution(
            target in 0.7..0.97_f64, failures in 0_u64..8, rate in 0.7..0.999_f64,
        ) {
            let size = sample_size_for_target(target, failures).unwrap();
            let allowed = max_failures(target, size).unwrap();
            prop_assert!((power(target, size, rate) - at_most(allowed, size, rate)).abs() < 1e-9);
        }
    }
}
