//! Stratified random sampling, reproducible from a seed on any machine and in any language.

use twox_hash::XxHash3_64;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stratum {
    /// The field value that its records share; empty if the sample is not stratified.
    pub name: String,
    pub population: u64,
    pub drawn: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drawn<T> {
    pub item: T,
    /// The index of the stratum.
    pub stratum: usize,
}

/// Returns the sort key of a record in the random order of a seed: seeded 64-bit XXH3 of the zero-based position in decimal,
/// a line feed and the file name.
#[must_use]
pub fn sample_key(seed: u64, position: u32, name: &str) -> u64 {
    XxHash3_64::oneshot_with_seed(seed, format!("{position}\n{name}").as_bytes())
}

/// Allocates `size` to strata in proportion to their populations, by the largest remainder method (Hamilton); ties go to
/// the first. A `size` above the total population is reduced to it.
#[must_use]
pub fn allocate(populations: &[u64], size: u64) -> Vec<u64> {
    let total: u128 = populations.iter().copied().map(u128::from).sum();
    let size = u128::from(size).min(total);
    let share = |population: u64| u128::from(population) * size;
    let quota = |population: u64| u64::try_from(share(population).checked_div(total).unwrap_or(0)).unwrap_or(u64::MAX);
    let mut shares: Vec<u64> = populations.iter().map(|population| quota(*population)).collect();
    let allocated: u128 = shares.iter().copied().map(u128::from).sum();
    let mut order: Vec<usize> = (0..populations.len()).collect();
    order.sort_by_key(|stratum| std::cmp::Reverse(share(populations[*stratum]).checked_rem(total)));
    for stratum in order.into_iter().take(usize::try_from(size - allocated).unwrap_or(0)) {
        shares[stratum] += 1;
    }
    shares
}

/// Draws `size` of the items, proportionally stratified, and returns them in random order with the sample size of each
/// stratum. Each item is a tuple of its [key](sample_key), the index of its stratum and the item itself.
pub fn draw<T: Copy + Ord>(
    items: impl IntoIterator<Item = (u64, usize, T)>,
    populations: &[u64],
    size: u64,
) -> (Vec<Drawn<T>>, Vec<u64>) {
    let shares = allocate(populations, size);
    let mut remaining = shares.clone();
    let mut items: Vec<(u64, usize, T)> = items.into_iter().collect();
    items.sort_unstable_by_key(|(key, _, item)| (*key, *item));
    let mut drawn: Vec<(u64, Drawn<T>)> = Vec::new();
    for (key, stratum, item) in items {
        if let Some(remaining) = remaining.get_mut(stratum).filter(|remaining| **remaining > 0) {
            *remaining -= 1;
            drawn.push((key, Drawn { item, stratum }));
        }
    }
    // Rehash the keys for the order: drawn items have low keys, the lower the smaller the sampled fraction of their
    // stratum, so sorting by the keys themselves would put sparsely sampled strata first.
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
        strata.zip(0..).map(|(stratum, item)| (sample_key(seed, item, "name"), stratum, item)).collect()
    }

    #[test]
    fn allocation_follows_the_largest_remainder_method() {
        // The textbook example of Hamilton's method: 25 seats for 41, 29 and 30 %, with quotas of 10.25, 7.25 and 7.5.
        assert_eq!(allocate(&[41, 29, 30], 25), [10, 7, 8]);
        assert_eq!(allocate(&[1, 1, 1], 2), [1, 1, 0], "ties go to the first");
        assert_eq!(allocate(&[3, 0, 4], 100), [3, 0, 4], "at most the population");
        assert_eq!(allocate(&[], 5), [] as [u64; 0]);
        assert_eq!(allocate(&[0, 0], 5), [0, 0]);
        assert_eq!(allocate(&[u64::MAX, u64::MAX], 3), [2, 1]);
    }

    #[test]
    fn keys_equal_those_of_other_implementations() {
        // `xxhash.xxh3_64_intdigest(b"0\na.jpg", seed=7)` in Python.
        assert_eq!(sample_key(7, 0, "a.jpg"), 7_746_618_635_070_753_572);
        assert_eq!(sample_key(0, 41, "images/가.jpg"), 17_335_582_529_473_180_820);
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
        fn samples_have_the_requested_size_and_are_independent_of_item_order(
            populations in prop::collection::vec(0_u64..40, 1..6), size in 0_u64..120, seed in any::<u64>(),
        ) {
            let (drawn, shares) = draw(items(&populations, seed), &populations, size);
            let mut reversed = items(&populations, seed);
            reversed.reverse();
            prop_assert_eq!(&draw(reversed, &populations, size), &(drawn.clone(), shares.clone()));
            let distinct: BTreeSet<u32> = drawn.iter().map(|drawn| drawn.item).collect();
            prop_assert_eq!(distinct.len(), drawn.len());
            for (stratum, share) in shares.iter().enumerate() {
                let count = drawn.iter().filter(|drawn| drawn.stratum == stratum).count();
                prop_assert_eq!(u64::try_from(count).unwrap(), *share);
            }
        }

        #[test]
        fn a_larger_sample_of_the_same_seed_contains_the_smaller_one(size in 0_u64..50, seed in any::<u64>()) {
            let sample = |size| -> BTreeSet<u32> {
                draw(items(&[80], seed), &[80], size).0.into_iter().map(|drawn| drawn.item).collect()
            };
            prop_assert!(sample(size).is_subset(&sample(size + 5)));
        }
    }

    #[test]
    fn every_record_is_equally_likely_to_be_drawn() {
        let mut counts = [0_u32; 20];
        for seed in 0..4_000 {
            for drawn in draw(items(&[20], seed), &[20], 5).0 {
                counts[drawn.item as usize] += 1;
            }
        }
        // 4,000 draws of 5 in 20: 1,000 each, with a standard deviation of √(4000·¼·¾) = 27.4. Allow five of them.
        assert!(counts.iter().all(|count| count.abs_diff(1_000) < 137), "{counts:?}");
    }
}
