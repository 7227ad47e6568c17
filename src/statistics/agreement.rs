//! How far two people who judged the same things agree.

use super::{Interval, Proportion, Z, real};

/// What two people said of the same things: how often the first said the one and the second the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agreement<const KINDS: usize> {
    counts: [[u64; KINDS]; KINDS],
}

/// How far they agree beyond chance.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Kappa {
    /// From -1 to 1: 0 is what two people get who say the same things as often, but of things picked blindly.
    pub value: f64,
    /// The share they would agree on by chance.
    pub by_chance: f64,
    /// Where it lies, with 95 % confidence, in a large sample.
    pub interval: Interval,
}

impl<const KINDS: usize> Default for Agreement<KINDS> {
    fn default() -> Self {
        Self { counts: [[0; KINDS]; KINDS] }
    }
}

impl<const KINDS: usize> Agreement<KINDS> {
    /// With these counts: a row for each kind the first said, in it a number for each the second did.
    #[must_use]
    pub const fn new(counts: [[u64; KINDS]; KINDS]) -> Self {
        Self { counts }
    }

    /// Adds a thing of which the first said one kind and the second another. Kinds that are none are left out.
    pub fn add(&mut self, first: usize, second: usize) {
        if let Some(count) = self.counts.get_mut(first).and_then(|row| row.get_mut(second)) {
            *count += 1;
        }
    }

    /// How often the first said one kind and the second another.
    #[must_use]
    pub const fn counts(&self) -> &[[u64; KINDS]; KINDS] {
        &self.counts
    }

    /// On how many of how many they said the same.
    #[must_use]
    pub fn observed(&self) -> Proportion {
        let same = (0..KINDS).map(|kind| self.counts[kind][kind]).sum();
        Proportion::new(same, self.counts.iter().flatten().sum())
    }

    /// Cohen's kappa (J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological
    /// Measurement 20, 1960, 37–46), with the standard error for large samples of J. L. Fleiss, J. Cohen and
    /// B. S. Everitt (Psychological Bulletin 72, 1969, 323–327). None where chance alone would have them agree on
    /// everything: then nothing can be told.
    #[must_use]
    pub fn kappa(&self) -> Option<Kappa> {
        let observed = self.observed();
        let (agreed, all) = (observed.rate()?, real(observed.of()));
        let share = |count: u64| real(count) / all;
        let first: [f64; KINDS] = std::array::from_fn(|kind| share(self.counts[kind].iter().sum()));
        let second: [f64; KINDS] = std::array::from_fn(|kind| share(self.counts.iter().map(|row| row[kind]).sum()));
        let by_chance: f64 = (0..KINDS).map(|kind| first[kind] * second[kind]).sum();
        let room = 1.0 - by_chance;
        if room < f64::EPSILON {
            return None;
        }
        let value = (agreed - by_chance) / room;
        let lack = 1.0 - value;
        let mut variance = -(value - by_chance * lack).powi(2);
        for one in 0..KINDS {
            for other in 0..KINDS {
                let weight = second[one] + first[other];
                let term = if one == other { 1.0 - (first[one] + second[one]) * lack } else { weight * lack };
                variance += share(self.counts[one][other]) * term * term;
            }
        }
        let error = (variance.max(0.0) / all).sqrt() / room;
        let interval = Interval { low: (value - Z * error).max(-1.0), high: (value + Z * error).min(1.0) };
        Some(Kappa { value, by_chance, interval })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kappa_is_that_of_cohens_own_example() {
        // Cohen 1960, table 1: two judges, three diagnoses, 200 patients.
        let agreement = Agreement::new([[88, 14, 18], [10, 40, 10], [2, 6, 12]]);
        let kappa = agreement.kappa().unwrap();
        assert_eq!(agreement.observed(), Proportion::new(140, 200));
        assert!((kappa.by_chance - 0.41).abs() < 1e-9);
        assert!((kappa.value - 0.492).abs() < 0.0005, "{kappa:?}");
    }

    #[test]
    fn its_interval_is_that_of_sas() {
        // SAS/STAT User's Guide, PROC FREQ, "Cohen's Kappa Coefficient": two dermatologists, 88 patients.
        let agreement = Agreement::new([[10, 4, 1, 0], [5, 10, 12, 2], [2, 4, 12, 5], [0, 2, 6, 13]]);
        let kappa = agreement.kappa().unwrap();
        assert!((kappa.value - 0.3449).abs() < 0.00005, "{kappa:?}");
        assert!((kappa.interval.low - 0.2030).abs() < 0.00005, "{kappa:?}");
        assert!((kappa.interval.high - 0.4868).abs() < 0.00005, "{kappa:?}");
    }

    #[test]
    fn where_chance_explains_everything_there_is_no_kappa() {
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
        fn who_agrees_on_everything_has_a_kappa_of_one(counts in prop::array::uniform4(1_u64..200)) {
            let mut table = [[0; 4]; 4];
            for (kind, count) in counts.into_iter().enumerate() {
                table[kind][kind] = count;
            }
            let kappa = Agreement::new(table).kappa().unwrap();
            prop_assert!((kappa.value - 1.0).abs() < 1e-9 && kappa.interval.half_width() < 1e-6);
        }

        #[test]
        fn who_is_first_makes_no_difference(table in prop::array::uniform3(prop::array::uniform3(0_u64..50))) {
            let turned: [[u64; 3]; 3] = std::array::from_fn(|row| std::array::from_fn(|column| table[column][row]));
            match (Agreement::new(table).kappa(), Agreement::new(turned).kappa()) {
                (Some(one), Some(other)) => {
                    prop_assert!((one.value - other.value).abs() < 1e-9);
                    prop_assert!((one.interval.low - other.interval.low).abs() < 1e-9);
                    prop_assert!(-1.0 <= one.value && one.value <= 1.0);
                }
                (one, other) => prop_assert!(one.is_none() && other.is_none()),
            }
        }

        #[test]
        fn answers_that_have_nothing_to_do_with_each_other_have_none(
            first in prop::array::uniform3(1_u64..20), second in prop::array::uniform3(1_u64..20),
        ) {
            let table = first.map(|row| second.map(|column| row * column));
            prop_assert!(Agreement::new(table).kappa().unwrap().value.abs() < 1e-9);
        }
    }
}
