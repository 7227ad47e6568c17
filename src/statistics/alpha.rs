//! Agreement of any number of raters, some of whom rated only some items: Krippendorff's alpha.

use super::to_f64;

/// Coincidences of nominal ratings.
#[derive(Clone, Debug, PartialEq)]
pub struct Coincidences<const CATEGORIES: usize> {
    /// Ratings of items with at least two, by category.
    ratings: [u64; CATEGORIES],
    /// The pairs of different ratings of an item, each weighted by 1 / (ratings of the item - 1).
    different: f64,
    items: u64,
}

impl<const CATEGORIES: usize> Default for Coincidences<CATEGORIES> {
    fn default() -> Self {
        Self { ratings: [0; CATEGORIES], different: 0.0, items: 0 }
    }
}

impl<const CATEGORIES: usize> Coincidences<CATEGORIES> {
    /// Adds an item: the number of its ratings in each category. An item with one rating cannot be compared, and is ignored.
    pub fn add(&mut self, ratings: [u64; CATEGORIES]) {
        let all: u64 = ratings.iter().sum();
        if all < 2 {
            return;
        }
        self.items += 1;
        let different: u64 = ratings.iter().map(|count| count * (all - count)).sum();
        self.different += to_f64(different) / to_f64(all - 1);
        for (sum, count) in self.ratings.iter_mut().zip(ratings) {
            *sum += count;
        }
    }

    /// Returns the number of items with at least two ratings.
    #[must_use]
    pub const fn items(&self) -> u64 {
        self.items
    }

    /// Returns Krippendorff's alpha for nominal data: 1 is full agreement, 0 that expected by chance (K. Krippendorff,
    /// "Computing Krippendorff's Alpha-Reliability", University of Pennsylvania, 2011). Returns `None` if there are no
    /// items or all ratings are in one category, because no disagreement is expected by chance then.
    #[must_use]
    pub fn alpha(&self) -> Option<f64> {
        let all: u64 = self.ratings.iter().sum();
        let expected: f64 = self.ratings.iter().map(|count| to_f64(*count) * to_f64(all - count)).sum();
        (expected > 0.0).then(|| 1.0 - to_f64(all - 1) * self.different / expected)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::statistics::Agreement;

    #[test]
    fn alpha_equals_krippendorffs_published_example() {
        // Krippendorff 2011, section C: four observers, twelve units, 0 if not rated. Nominal alpha is 0.743.
        let observers = [
            [1, 2, 3, 3, 2, 1, 4, 1, 2, 0, 0, 0],
            [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, 0, 3],
            [0, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, 0],
            [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, 0],
        ];
        let mut coincidences = Coincidences::<5>::default();
        for unit in 0..12 {
            let mut ratings = [0; 5];
            for rating in observers.map(|observer| observer[unit]).into_iter().filter(|rating| *rating > 0) {
                ratings[rating - 1] += 1;
            }
            coincidences.add(ratings);
        }
        assert_eq!(coincidences.items(), 11);
        assert!((coincidences.alpha().unwrap() - 0.743).abs() < 0.0005, "{:?}", coincidences.alpha());
    }

    #[test]
    fn alpha_is_undefined_for_a_single_category() {
        let mut coincidences = Coincidences::<2>::default();
        assert_eq!(coincidences.alpha(), None);
        coincidences.add([3, 0]);
        coincidences.add([0, 1]);
        assert_eq!((coincidences.alpha(), coincidences.items()), (None, 1));
    }

    proptest! {
        #[test]
        fn alpha_of_two_raters_approaches_cohens_kappa(table in prop::array::uniform2(prop::array::uniform2(200_u64..400))) {
            let mut coincidences = Coincidences::<2>::default();
            for (first, row) in table.iter().enumerate() {
                for (second, count) in row.iter().enumerate() {
                    let mut ratings = [0; 2];
                    ratings[first] += 1;
                    ratings[second] += 1;
                    (0..*count).for_each(|_| coincidences.add(ratings));
                }
            }
            // Scott's pi, which alpha is in large samples, differs from kappa if the raters use a category unequally often.
            let kappa = Agreement::new(table).kappa().unwrap().value;
            prop_assert!((coincidences.alpha().unwrap() - kappa).abs() < 0.1);
            prop_assert!(coincidences.alpha().unwrap() <= kappa + 0.01);
        }
    }
}
