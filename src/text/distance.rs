//! Edit distance in words.

use super::words;

/// The most word comparisons per pair of texts, which take a few milliseconds. Captions need far fewer.
const MAX_COMPARISONS: usize = 4_000_000;

/// Returns the Levenshtein distance of two texts in words, divided by the number of words of the longer text: 0 for equal
/// words, 1 for no words in common. For texts that are too long to compare, counts all words between the first and the last
/// difference as replaced.
#[must_use]
pub fn word_distance(one: &str, other: &str) -> f64 {
    let (one, other): (Vec<&str>, Vec<&str>) = (words(one).collect(), words(other).collect());
    let longer = one.len().max(other.len());
    if longer == 0 {
        return 0.0;
    }
    let head = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[head..], &other[head..]);
    let tail = one.iter().rev().zip(other.iter().rev()).take_while(|(one, other)| one == other).count();
    let (one, other) = (&one[..one.len() - tail], &other[..other.len() - tail]);
    let changes = if one.len().saturating_mul(other.len()) > MAX_COMPARISONS {
        one.len().max(other.len())
    } else {
        levenshtein(one, other)
    };
    #[expect(clippy::cast_precision_loss, reason = "a text has far fewer than 2^52 words")]
    let distance = changes as f64 / longer as f64;
    distance
}

/// Returns the Levenshtein distance of two words in characters.
#[must_use]
pub fn char_distance(one: &str, other: &str) -> usize {
    levenshtein(&one.chars().collect::<Vec<_>>(), &other.chars().collect::<Vec<_>>())
}

fn levenshtein<T: PartialEq>(one: &[T], other: &[T]) -> usize {
    // The distances from the parts of `one` so far to each prefix of `other`.
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, word) in one.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, candidate) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(word != candidate);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", "", 0.0)]
    #[case("a b c", " a  b c ", 0.0)]
    #[case("", "a b", 1.0)]
    #[case("a red coat", "a blue coat", 1.0 / 3.0)]
    #[case("a coat", "a red wool coat", 2.0 / 4.0)]
    #[case("k i t t e n", "s i t t i n g", 3.0 / 7.0)]
    #[case("s a t u r d a y", "s u n d a y", 3.0 / 8.0)]
    #[case("젊은 여성이 서 있다", "젊은 남성이 서 있다", 1.0 / 4.0)]
    fn the_distance_is_relative_to_the_longer_text(#[case] one: &str, #[case] other: &str, #[case] distance: f64) {
        assert!((word_distance(one, other) - distance).abs() < 1e-12);
    }

    #[test]
    fn long_texts_are_compared_quickly() {
        let words = |word: &str| vec![word; 100_000].join(" ");
        assert!((word_distance(&words("a"), &words("b")) - 1.0).abs() < 1e-12);
        let one_changed = format!("{} x {}", words("a"), words("a"));
        assert!(word_distance(&format!("{} y {}", words("a"), words("a")), &one_changed) < 0.000_01);
    }

    proptest! {
        #[test]
        fn it_is_a_metric(one in "[ab]( [abc]){0,6}", other in "[ab]( [abc]){0,6}", third in "[ab]( [abc]){0,6}") {
            let changes = |one: &str, other: &str| {
                let words = |text: &str| text.split_whitespace().count();
                #[expect(clippy::cast_precision_loss, reason = "a few words")]
                let longer = words(one).max(words(other)) as f64;
                word_distance(one, other) * longer
            };
            prop_assert!((word_distance(&one, &other) - word_distance(&other, &one)).abs() < 1e-12);
            prop_assert_eq!(word_distance(&one, &other) == 0.0, one == other);
            prop_assert!((0.0..=1.0).contains(&word_distance(&one, &other)));
            prop_assert!(changes(&one, &third) <= changes(&one, &other) + changes(&other, &third) + 1e-9);
        }
    }
}
