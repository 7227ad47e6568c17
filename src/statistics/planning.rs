//! How large a sample has to be: settled before the first record is looked at. Who stops when it looks good, or goes on
//! until it does, has no interval any more.

use super::proportion::wilson;
use super::{Proportion, real};

/// No sample is planned larger than there can be records.
const LARGEST: u64 = 1 << 32;

/// The lowest target that can be shown as surely as it is said: below, samples are so small that the interval errs.
pub const LOWEST_TARGET: f64 = 0.65;

/// The smallest sample in which so many failures still show that the rate is at least `target` (between 0 and 1): the
/// lower end of the interval is not below it. None where no sample would do.
///
/// The interval leaves 2.5 % at its lower end. That is more careful than a 95 % bound needs to be, and has to be: near
/// 1, Wilson's own bound of 95 % is too low a bar. For targets from [`LOWEST_TARGET`] on, a set that just misses the
/// target passes in less than one case of twenty.
#[must_use]
pub fn size_to_show(target: f64, failures: u64) -> Option<u64> {
    if !(0.0..1.0).contains(&target) {
        return None;
    }
    smallest(failures.max(1), |size| shows(target, size, failures))
}

/// The most failures with which a sample of this size shows that the rate is at least `target`; none where even one
/// without any does not.
#[must_use]
pub fn most_failures(target: f64, size: u64) -> Option<u64> {
    let beyond = smallest(0, |failures| failures > size || !shows(target, size, failures))?;
    beyond.checked_sub(1)
}

/// The smallest sample whose interval reaches no further than `half_width` to each side, where the rate seen is `rate`.
/// Half of all is where the interval is widest.
#[must_use]
pub fn size_for_half_width(half_width: f64, rate: f64) -> Option<u64> {
    let half = |size: u64| {
        let (low, high) = wilson(rate.clamp(0.0, 1.0), real(size));
        (high - low) / 2.0
    };
    (half_width > 0.0).then(|| smallest(1, |size| half(size) <= half_width)).flatten()
}

/// The chance that a sample of this size shows a rate of at least `target`, where the rate really is `rate`.
#[must_use]
pub fn chance_to_show(target: f64, size: u64, rate: f64) -> f64 {
    let Some(most) = most_failures(target, size) else { return 0.0 };
    let (success, failure) = (rate.clamp(0.0, 1.0), 1.0 - rate.clamp(0.0, 1.0));
    if failure <= 0.0 || success <= 0.0 {
        return if failure <= 0.0 || most == size { 1.0 } else { 0.0 };
    }
    // In logarithms: the chance of no failure at all is too small a number for a large sample.
    let mut one = real(size) * success.ln();
    let mut sum = one.exp();
    for failures in 1..=most {
        one += (real(size - failures + 1) / real(failures)).ln() + failure.ln() - success.ln();
        sum += one.exp();
    }
    sum.min(1.0)
}

fn shows(target: f64, size: u64, failures: u64) -> bool {
    let accepted = Proportion::new(size.saturating_sub(failures), size);
    accepted.interval().is_some_and(|interval| interval.low >= target)
}

/// The smallest number from `from` for which something holds that then holds for all larger ones.
fn smallest(from: u64, holds: impl Fn(u64) -> bool) -> Option<u64> {
    let (mut low, mut high) = (from, LARGEST);
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

    /// The exact chance of so many failures or fewer, summed from binomial coefficients.
    fn at_most(failures: u64, size: u64, rate: f64) -> f64 {
        let mut coefficient = 1.0;
        let mut sum = 0.0;
        for count in 0..=failures {
            let (lost, kept) = (i32::try_from(count).unwrap(), i32::try_from(size - count).unwrap());
            sum += coefficient * (1.0 - rate).powi(lost) * rate.powi(kept);
            coefficient *= real(size - count) / real(count + 1);
        }
        sum
    }

    /// The closed forms: with no failure z²·T/(1-T); for an interval around a half z²/4h² - z².
    #[rstest]
    #[case(0.90, 35)]
    #[case(0.95, 73)]
    #[case(0.99, 381)]
    fn without_a_failure_the_size_follows_from_the_formula(#[case] target: f64, #[case] size: u64) {
        assert!((Z * Z * target / (1.0 - target)).ceil() - real(size) == 0.0);
        assert_eq!(size_to_show(target, 0), Some(size));
    }

    #[rstest]
    #[case(0.05, 381)]
    #[case(0.10, 93)]
    #[case(0.03, 1064)]
    fn the_widest_interval_follows_from_the_formula(#[case] half: f64, #[case] size: u64) {
        assert!((Z * Z / (4.0 * half * half) - Z * Z).ceil() - real(size) == 0.0);
        assert_eq!(size_for_half_width(half, 0.5), Some(size));
    }

    #[test]
    fn what_cannot_be_shown_is_not_planned() {
        assert_eq!(size_to_show(1.0, 0), None);
        assert_eq!(size_to_show(f64::NAN, 0), None);
        assert_eq!(size_for_half_width(0.0, 0.5), None);
        assert_eq!(most_failures(0.95, 72), None);
        assert_eq!(most_failures(0.95, 73), Some(0));
        assert!((chance_to_show(0.95, 73, 1.0) - 1.0).abs() < 1e-12);
        assert!(chance_to_show(0.95, 72, 0.999).abs() < 1e-12);
        assert!(chance_to_show(0.95, 73, 0.0).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn a_planned_size_is_the_smallest_that_will_do(target in 0.5..0.99_f64, failures in 0_u64..30) {
            let size = size_to_show(target, failures).unwrap();
            let low = |size: u64| Proportion::new(size - failures, size).interval().unwrap().low;
            prop_assert!(low(size) >= target);
            prop_assert!(size <= failures + 1 || low(size - 1) < target);
            prop_assert!(most_failures(target, size).unwrap() >= failures);
            prop_assert!(size_to_show(target, failures + 1).unwrap() > size);
        }

        #[test]
        fn a_set_that_is_just_too_bad_passes_in_less_than_one_case_of_twenty(
            target in LOWEST_TARGET..0.99, failures in 0_u64..20,
        ) {
            let size = size_to_show(target, failures).unwrap();
            let wrongly = at_most(failures, size, target);
            prop_assert!(wrongly <= 0.05, "{wrongly}");
        }

        #[test]
        fn the_chance_is_that_of_the_binomial_distribution(
            target in 0.7..0.97_f64, failures in 0_u64..8, rate in 0.7..0.999_f64,
        ) {
            let size = size_to_show(target, failures).unwrap();
            let most = most_failures(target, size).unwrap();
            prop_assert!((chance_to_show(target, size, rate) - at_most(most, size, rate)).abs() < 1e-9);
        }
    }
}
