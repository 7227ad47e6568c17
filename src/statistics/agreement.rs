//! Inter-rater agreement: Cohen's kappa.

use super::{Interval, Proportion, Z, to_f64};

/// The contingency table of two raters: `counts[first][second]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement<const CATEGORIES: usize> {
    counts: [[u64; CATEGORIES]; CATEGORIES],
}

/// Agreement beyond chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kappa {
    /// From -1 to 1; 0 is the agreement expected by chance.
    pub value: f64,
    /// The proportion of agreement expected by chance.
    pub by_chance: f64,
    /// The 95 % confidence interval for large samples.
    pub interval: Interval,
}

impl<const CATEGORIES: usize> Default for Agreement<CATEGORIES> {
    fn default() -> Self {
        Self { counts: [[0; CATEGORIES]; CATEGORIES] }
    }
}

impl<const CATEGORIES: usize> Agreement<CATEGORIES> {
    #[must_use]
    pub const fn new(counts: [[u64; CATEGORIES]; CATEGORIES]) -> Self {
        Self { counts }
    }

    /// Counts one item. Out-of-range categories are ignored.
    pub fn add(&mut self, first: usize, second: usize) {
        if let Some(count) = self.counts.get_mut(first).and_then(|row| row.get_mut(second)) {
            *count += 1;
        }
    }

    #[must_use]
    pub const fn counts(&self) -> &[[u64; CATEGORIES]; CATEGORIES] {
        &self.counts
    }

    /// Returns the observed agreement: the proportion of items in the same category.
    #[must_use]
    pub fn observed(&self) -> Proportion {
        let same = (0..CATEGORIES).map(|category| self.counts[category][category]).sum();
        Proportion::new(same, self.counts.iter().flatten().sum())
    }

    /// Returns Cohen's kappa (J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
    /// Measurement 20, 1960, 37–46), with the large-sample standard error of J. L. Fleiss, J. Cohen and B. S. Everitt
    /// (Psychological Bulletin 72, 1969, 323–327). Returns `None` if there are no items or if both raters use a single
    /// category, because kappa is undefined if the agreement expected by chance is 1.
    #[must_use]
    pub fn kappa(&self) -> Option<Kappa> {
        let observed = self.observed();
        let (agreed, total) = (observed.rate()?, to_f64(observed.total()));
        let share = |count: u64| to_f64(count) / total;
        let first: [f64; CATEGORIES] = std::array::from_fn(|category| share(self.counts[category].iter().sum()));
        let second: [f64; CATEGORIES] =
            std::array::from_fn(|category| share(self.counts.iter().map(|row| row[category]).sum()));
        let by_chance: f64 = (0..CATEGORIES).map(|category| first[category] * second[category]).sum();
        let beyond_chance = 1.0 - by_chance;
        if beyond_chance < f64::EPSILON {
            return None;
        }
        let value = (agreed - by_chance) / beyond_chance;
        let lack = 1.0 - value;
        let mut variance = -(value - by_chance * lack).powi(2);
        for one in 0..CATEGORIES {
            for other in 0..CATEGORIES {
                let weight = second[one] + first[other];
                let term = if one == other { 1.0 - (first[one] + second[one]) * lack } else { weight * lack };
                variance += share(self.counts[one][other]) * term * term;
            }
        }
        let error = (variance.max(0.0) / total).sqrt() / beyond_chance;
        let interval = Interval { low: (value - Z * error).max(-1.0), high: (value + Z * error).min(1.0) };
        Some(Kappa { value, by_chance, interval })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kappa_equals_cohens_published_example() {
        // Cohen 1960, table 1: two judges, three diagnoses, 200 patients.
        let agreement = Agreement::new([[88, 14, 18], [10, 40, 10], [2, 6, 12]]);
        let kappa = agreement.kappa().unwrap();
        assert_eq!(agreement.observed(), Proportion::new(140, 200));
        assert!((kappa.by_chance - 0.41).abs() < 1e-9);
        assert!((kappa.value - 0.492).abs() < 0.0005, "{kappa:?}");
    }

    #[test]
    fn the_interval_equals_that_of_sas() {
        // SAS/STAT User's Guide, PROC FREQ, "Cohen's Kappa Coefficient": two dermatologists, 88 patients.
        let agreement = Agreement::new([[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]]);
        let kappa = agreement.kappa().unwrap();
        assert!((kappa.value - 0.3449).abs() < 0.00005, "{kappa:?}");
        assert!((kappa.interval.low - 0.2030).abs() < 0.00005, "{kappa:?}");
        assert!((kappa.interval.high - 0.4868).abs() < 0.00005, "{kappa:?}");
    }

    #[test]
    fn kappa_is_undefined_for_a_single_category() {
        assert_eq!(Agreement::new([[7, 0], [0, 0]]).kappa(), None);
        assert_eq!(Agreement::<2>::default().kappa(), None);
        let mut apart = Agreement::<2>::default();
        apart.add(0, 1);
        apart.add(1, 0);
        apart.add(5, 0);
        assert!((apart.kappa().unwrap().value + 1.0).abs() < 1e-12);
        assert_eq!(apart.observed(), Proportion::new(0, 2));
    }

    proptest! {
        #[test]
        fn full_agreement_has_a_kappa_of_one(counts in prop::array::uniform4(1_u64..200)) {
            let mut table = [[0; 4]; 4];
            for (category, count) in counts.into_iter().enumerate() {
                table[category][category] = count;
            }
            let kappa = Agreement::new(table).kappa().unwrap();
            prop_assert!((kappa.value - 1.0).abs() < 1e-9 && kappa.interval.half_width() < 1e-6);
        }

        #[test]
        fn kappa_is_symmetric(table in prop::array::uniform3(prop::array::uniform3(0_u64..50))) {
            let transposed: [[u64; 3]; 3] = std::array::from_fn(|row| std::array::from_fn(|column| table[column][row]));
            match (Agreement::new(table).kappa(), Agreement::new(transposed).kappa()) {
                (Some(one), Some(other)) => {
                    prop_assert!((one.value - other.value).abs() < 1e-9);
                    prop_assert!((one.interval.low - other.interval.low).abs() < 1e-9);
                    prop_assert!(-1.0 <= one.value && one.value <= 1.0);
                }
                (one, other) => prop_assert!(one.is_none() && other.is_none()),
            }
        }

        #[test]
        fn independent_raters_have_a_kappa_of_zero(
            first in prop::array::uniform3(1_u64..20), second in prop::array::uniform3(1_u64..20),
        ) {
            let table = first.map(|row| second.map(|column| row * column));
            prop_assert!(Agreement::new(table).kappa().unwrap().value.abs() < 1e-9);
        }
    }
}
