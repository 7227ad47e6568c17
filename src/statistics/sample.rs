//! Drawing a random part of a dataset so that anybody can draw the same one again, anywhere.

use twox_hash::XxHash3_64;

/// A part of the dataset that a sample is to mirror: its records, and how many of them were drawn.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stratum {
    /// What its records have in common; empty where all are one.
    pub name: String,
    /// How many records it has.
    pub population: u64,
    /// How many of them are in the sample.
    pub drawn: u64,
}

/// A record that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn<T> {
    /// Which.
    pub item: T,
    /// The number of its stratum.
    pub stratum: usize,
}

/// A record's place in the random order of a seed. It depends on nothing but the seed, the record's position from zero
/// and its name: XXH3 (64 bits, with the seed) of the position in decimal, a line feed and the name.
#[must_use]
pub fn key(seed: u64, position: u32, name: &str) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, format!("{position}\n{name}").as_bytes())
}

/// Shares `size` out in proportion to the sizes of strata. What is left after rounding down goes to the largest
/// remainders, of equal ones to the first. More than there are is never asked for.
#[must_use]
pub fn allocate(populations: &[u64], size: u64) -> Vec<u64> {
    let total: u128 = populations.iter().copied().map(u128::from).sum();
    let size = u128::from(size).min(total);
    let share = |population: u64| u128::from(population) * size;
    let whole = |population: u64| u64::try_from(share(population).checked_div(total).unwrap_or(0)).unwrap_or(u64::MAX);
    let mut shares: Vec<u64> = populations.iter().map(|population| whole(*population)).collect();
    let given: u128 = shares.iter().copied().map(u128::from).sum();
    let mut order: Vec<usize> = (0..populations.len()).collect();
    order.sort_by_key(|stratum| std::cmp::Reverse(share(populations[*stratum]).checked_rem(total)));
    for stratum in order.into_iter().take(usize::try_from(size - given).unwrap_or(0)) {
        shares[stratum] += 1;
    }
    shares
}

/// Draws `size` of the items, the strata in proportion, in a random order. An item comes with its key, which decides
/// whether it is drawn, and the number of its stratum. Also gives how many were drawn of each stratum.
pub fn draw<T: Copy + Ord>(
    items: impl IntoIterator<Item = (u64, usize, T)>,
    populations: &[u64],
    size: u64,
) -> (Vec<Drawn<T>>, Vec<u64>) {
    let shares = allocate(populations, size);
    let mut left = shares.clone();
    let mut items: Vec<(u64, usize, T)> = items.into_iter().collect();
    items.sort_unstable_by_key(|(key, _, item)| (*key, *item));
    let mut drawn: Vec<(u64, Drawn<T>)> = Vec::new();
    for (key, stratum, item) in items {
        if let Some(left) = left.get_mut(stratum).filter(|left| **left > 0) {
            *left -= 1;
            drawn.push((key, Drawn { item, stratum }));
        }
    }
    // Another order than the one that decided: there, the records of a stratum of which few are drawn come first.
    drawn.sort_by_key(|(key, drawn)| (XxHash3_64::oneshot(&key.to_le_bytes()), drawn.item));
    (drawn.into_iter().map(|(_, drawn)| drawn).collect(), shares)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn items(populations: &[u64], seed: u64) -> Vec<(u64, usize, u32)> {
        let strata = populations.iter().enumerate();
        let strata = strata.flat_map(|(stratum, population)| (0..*population).map(move |_| stratum));
        strata.zip(0..).map(|(stratum, item)| (key(seed, item, "name"), stratum, item)).collect()
    }

    #[test]
    fn shares_follow_the_largest_remainders() {
        // The textbook case of Hamilton's method: 25 seats for 41, 29 and 30 %, by quotas of 10.25, 7.25 and 7.5.
        assert_eq!(allocate(&[41, 29, 30], 25), [10, 7, 8]);
        assert_eq!(allocate(&[1, 1, 1], 2), [1, 1, 0], "of equal remainders the first");
        assert_eq!(allocate(&[3, 0, 4], 100), [3, 0, 4], "no more than there are");
        assert_eq!(allocate(&[], 5), [] as [u64; 0]);
        assert_eq!(allocate(&[0, 0], 5), [0, 0]);
        assert_eq!(allocate(&[u64::MAX, u64::MAX], 3), [2, 1]);
    }

    #[test]
    fn a_key_is_what_other_implementations_compute() {
        // `xxhash.xxh3_64_intdigest(b"0\na.jpg", seed=7)` of the Python package xxhash.
        assert_eq!(key(7, 0, "a.jpg"), 7_746_618_635_070_753_572);
        assert_eq!(key(0, 41, "images/가.jpg"), 17_335_582_529_473_180_820);
    }

    proptest! {
        #[test]
        fn every_share_is_within_one_of_its_quota(
            populations in prop::collection::vec(0_u64..1_000, 1..12), size in 0_u64..4_000,
        ) {
            let shares = allocate(&populations, size);
            let total: u64 = populations.iter().sum();
            let size = size.min(total);
            prop_assert_eq!(shares.iter().sum::<u64>(), size);
            for (share, population) in shares.iter().zip(&populations) {
                prop_assert!(share <= population);
                prop_assert!((share * total).abs_diff(population * size) < total.max(1));
            }
        }

        #[test]
        fn a_drawing_has_its_size_and_is_the_same_every_time(
            populations in prop::collection::vec(0_u64..40, 1..6), size in 0_u64..120, seed in any::<u64>(),
        ) {
            let (drawn, shares) = draw(items(&populations, seed), &populations, size);
            let mut turned = items(&populations, seed);
            turned.reverse();
            prop_assert_eq!(&draw(turned, &populations, size), &(drawn.clone(), shares.clone()));
            let distinct: BTreeSet<u32> = drawn.iter().map(|drawn| drawn.item).collect();
            prop_assert_eq!(distinct.len(), drawn.len());
            for (stratum, share) in shares.iter().enumerate() {
                let count = drawn.iter().filter(|drawn| drawn.stratum == stratum).count();
                prop_assert_eq!(u64::try_from(count).unwrap(), *share);
            }
        }

        #[test]
        fn a_larger_sample_of_the_same_seed_holds_the_smaller_one(size in 0_u64..50, seed in any::<u64>()) {
            let sample = |size| -> BTreeSet<u32> {
                draw(items(&[80], seed), &[80], size).0.into_iter().map(|drawn| drawn.item).collect()
            };
            prop_assert!(sample(size).is_subset(&sample(size + 5)));
        }
    }

    #[test]
    fn every_record_has_the_same_chance() {
        let mut counts = [0_u32; 20];
        for seed in 0..4_000 {
            for drawn in draw(items(&[20], seed), &[20], 5).0 {
                counts[drawn.item as usize] += 1;
            }
        }
        // 4,000 draws of 5 in 20: 1,000 each, with a standard deviation of √(4000·¼·¾) = 27.4. Five of those.
        assert!(counts.iter().all(|count| count.abs_diff(1_000) < 137), "{counts:?}");
    }
}
