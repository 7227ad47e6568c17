//! Distribution of caption lengths, in words.

use std::collections::BTreeMap;

const MAX_BINS: u64 = 14;

/// Number of captions by number of words. Missing and empty captions are counted separately.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lengths {
    counts: BTreeMap<u64, u64>,
    /// Number of records without a caption.
    pub without: u64,
}

/// A bin of the histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bin {
    pub from: u64,
    /// Inclusive; `None` if there is no upper limit.
    pub to: Option<u64>,
    pub count: u64,
}

impl Lengths {
    /// Adds a caption by its number of words.
    pub fn add(&mut self, words: u64) {
        if words == 0 {
            self.without += 1;
        } else {
            *self.counts.entry(words).or_default() += 1;
        }
    }

    /// Returns the number of captions with at least one word.
    #[must_use]
    pub fn captions(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Returns pairs of a number of words and the number of captions with that length.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().map(|(words, count)| (*words, *count))
    }

    /// Returns the number of captions with more words than `limit`.
    #[must_use]
    pub fn over(&self, limit: u64) -> u64 {
        self.counts.range(limit.saturating_add(1)..).map(|(_, count)| count).sum()
    }

    /// Returns the number of words in the shortest and the longest caption.
    #[must_use]
    pub fn range(&self) -> Option<(u64, u64)> {
        Some((*self.counts.keys().next()?, *self.counts.keys().next_back()?))
    }

    /// Returns the percentile by the nearest-rank method.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.captions() * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let mut counts = self.counts.iter();
        counts.find_map(|(words, count)| {
            seen += count;
            (seen >= rank).then_some(*words)
        })
    }

    /// Returns a histogram with bins of equal width, starting at the shortest caption. If a few captions are much longer
    /// than all others, they share the last bin, which then has no upper limit.
    #[must_use]
    pub fn bins(&self) -> Vec<Bin> {
        let (Some((shortest, longest)), Some(common)) = (self.range(), self.percentile(99)) else { return Vec::new() };
        let first = |width: u64| shortest / width * width;
        let needed = |width: u64, to: u64| to / width - shortest / width + 1;
        let steps =
            (0..).flat_map(|power| [1, 2, 5].map(|step: u64| step.saturating_mul(10_u64.saturating_pow(power))));
        // One bin is reserved for the few that are longer.
        let fits = |width: &u64| needed(*width, longest) <= MAX_BINS || needed(*width, common) < MAX_BINS;
        let Some(width) = steps.take(60).find(fits) else { return Vec::new() };
        let rows = needed(width, longest).min(needed(width, common).saturating_add(1));
        let first = first(width);
        (0..rows)
            .map(|row| {
                let from = first + row * width;
                let open = row + 1 == rows && first.saturating_add(rows * width) <= longest;
                let to = (!open).then(|| from + width - 1);
                let count = self.counts.range(from..=to.unwrap_or(u64::MAX)).map(|(_, count)| count).sum();
                Bin { from, to, count }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lengths(words: &[u64]) -> Lengths {
        let mut lengths = Lengths::default();
        for words in words {
            lengths.add(*words);
        }
        lengths
    }

    #[test]
    fn percentiles_and_range() {
        let lengths = lengths(&[12, 0, 40, 36, 36, 61]);
        assert_eq!((lengths.captions(), lengths.without), (5, 1));
        assert_eq!(lengths.range(), Some((12, 61)));
        assert_eq!([0, 20, 50, 100].map(|percent| lengths.percentile(percent)), [12, 12, 36, 61].map(Some));
        assert_eq!([0, 36, 60, 61].map(|limit| lengths.over(limit)), [5, 2, 1, 0]);
        assert_eq!(Lengths::default().bins(), []);
    }

    #[test]
    fn an_outlier_does_not_widen_the_bins() {
        let mut words: Vec<u64> = (0..300).map(|number| 20 + number % 20).collect();
        words.push(10_000);
        let bins = lengths(&words).bins();
        assert_eq!(bins[0], Bin { from: 20, to: Some(21), count: 30 });
        assert_eq!(bins.last(), Some(&Bin { from: 40, to: None, count: 1 }));
    }

    proptest! {
        #[test]
        fn every_caption_is_in_exactly_one_bin(words in prop::collection::vec(prop_oneof![1_u64..80, 1_u64..100_000], 1..200)) {
            let bins = lengths(&words).bins();
            prop_assert!(bins.len() as u64 <= MAX_BINS, "{bins:?}");
            prop_assert_eq!(bins.iter().map(|bin| bin.count).sum::<u64>(), words.len() as u64);
            for pair in bins.windows(2) {
                prop_assert_eq!(pair[0].to.map(|to| to + 1), Some(pair[1].from));
            }
            for bin in &bins {
                let inside = |words: &&u64| **words >= bin.from && bin.to.is_none_or(|to| **words <= to);
                prop_assert_eq!(words.iter().filter(inside).count() as u64, bin.count);
            }
        }
    }
}
