//! Decides which images are in which part. Pure.

use crate::cli::Overlap;
use crate::statistics::{draw, sample_key};

/// An image with all of its records, which are in one part: a part of them could not be matched with the whole dataset
/// without doubt. A line that cannot be parsed is one by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) file_name: String,
    /// All of its records are decided, and are not reviewed again.
    pub(super) is_done: bool,
}

/// The part that an image is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Share {
    /// In no part.
    Done,
    All,
    One(usize),
}

/// Returns the share of each image, in the same order; `None` if there are fewer images to review than parts.
///
/// Apart from the overlap, parts are contiguous: neighbours in a dataset are often similar (a shoot, an album), and one
/// person describes them faster and more consistently. The overlap is drawn at random from the whole dataset, so that it
/// represents it, and keeps its place in the order, so that nothing tells the reviewers which images are compared.
pub(super) fn shares(groups: &[Group], parts: usize, overlap: Overlap, seed: u64) -> Option<Vec<Share>> {
    let mut shares: Vec<Share> =
        groups.iter().map(|group| if group.is_done { Share::Done } else { Share::One(0) }).collect();
    let open: Vec<usize> = (0..groups.len()).filter(|group| shares[*group] != Share::Done).collect();
    if open.len() < parts {
        return None;
    }
    let size = size(overlap, open.len());
    let items = open.iter().map(|&group| {
        let position = u32::try_from(group).unwrap_or(u32::MAX);
        (sample_key(seed, position, &groups[group].file_name), 0, group)
    });
    for drawn in draw(items, &[open.len() as u64], size).0 {
        shares[drawn.item] = Share::All;
    }
    let rest: Vec<usize> = open.into_iter().filter(|group| shares[*group] != Share::All).collect();
    for (index, &group) in rest.iter().enumerate() {
        shares[group] = Share::One(index * parts / rest.len());
    }
    Some(shares)
}

/// Returns the number of images in the overlap. A percentage above zero is at least one image.
fn size(overlap: Overlap, images: usize) -> u64 {
    match overlap {
        Overlap::Images(number) => number,
        Overlap::Percent(percent) => {
            let exact = percent / 100.0 * crate::statistics::to_f64(images as u64);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of a count")]
            let rounded = exact.round() as u64;
            rounded.max(u64::from(percent > 0.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn groups(done: &[bool]) -> Vec<Group> {
        let group = |(index, &is_done)| Group { file_name: format!("{index}.jpg"), is_done };
        done.iter().enumerate().map(group).collect()
    }

    #[test]
    fn parts_are_contiguous_apart_from_the_overlap() {
        let shares = shares(&groups(&[false; 10]), 3, Overlap::Images(0), 0).unwrap();
        let parts: Vec<usize> =
            shares.iter().map(|share| if let Share::One(part) = share { *part } else { 9 }).collect();
        assert_eq!(parts, [0, 0, 0, 0, 1, 1, 1, 2, 2, 2]);
    }

    #[test]
    fn a_percentage_is_at_least_one_image_and_at_most_all() {
        assert_eq!(size(Overlap::Percent(5.0), 1_000), 50);
        assert_eq!(size(Overlap::Percent(5.0), 3), 1);
        assert_eq!(size(Overlap::Percent(0.0), 1_000), 0);
        assert_eq!(size(Overlap::Percent(100.0), 7), 7);
        let all = shares(&groups(&[false; 4]), 2, Overlap::Images(9), 0).unwrap();
        assert_eq!(all, [Share::All; 4]);
    }

    #[test]
    fn there_are_no_empty_parts() {
        assert_eq!(shares(&groups(&[false, true, true]), 2, Overlap::Images(0), 0), None);
    }

    proptest! {
        #[test]
        fn every_open_image_is_in_one_part_or_in_all_and_parts_are_balanced(
            done in prop::collection::vec(prop::bool::weighted(0.2), 1..80),
            parts in 2_usize..6, overlap in 0_u64..30, seed in any::<u64>(),
        ) {
            let groups = groups(&done);
            let open = done.iter().filter(|done| !**done).count();
            let Some(shares) = shares(&groups, parts, Overlap::Images(overlap), seed) else {
                prop_assert!(open < parts);
                return Ok(());
            };
            prop_assert!(shares.iter().zip(&done).all(|(share, done)| (*share == Share::Done) == *done));
            let in_all = shares.iter().filter(|share| **share == Share::All).count();
            prop_assert_eq!(in_all, open.min(usize::try_from(overlap).unwrap()));
            let sizes: Vec<usize> =
                (0..parts).map(|part| shares.iter().filter(|share| **share == Share::One(part)).count()).collect();
            prop_assert_eq!(sizes.iter().sum::<usize>() + in_all, open);
            prop_assert!(sizes.iter().max().unwrap() - sizes.iter().min().unwrap() <= 1);
            let order: Vec<usize> =
                shares.iter().filter_map(|share| if let Share::One(part) = share { Some(*part) } else { None }).collect();
            prop_assert!(order.is_sorted());
        }
    }
}
