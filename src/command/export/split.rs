//! A reproducible random train/test split by image.

use std::borrow::Cow;

use twox_hash::XxHash3_64;

use crate::cli::Side;

/// One side of a random train/test split. It depends on file names only, so all captions of an image are on one side, and an
/// image stays on its side when the dataset changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Split {
    pub side: Side,
    /// Percentage of images on the test side.
    pub test_percent: u8,
    pub seed: u64,
}

impl Split {
    pub(super) fn takes(self, file_name: &str) -> bool {
        let name = one_spelling(file_name);
        let for_testing = XxHash3_64::oneshot_with_seed(self.seed, name.as_bytes()) % 100 < self.test_percent.into();
        for_testing == (self.side == Side::Test)
    }
}

/// Returns the shortest spelling of a path: `./a`, `x/../a`, `.\a` and `a` name one image. A path that has no shorter
/// spelling is returned unchanged, so that it stays on its side.
fn one_spelling(file_name: &str) -> Cow<'_, str> {
    let is_short = |part: &str| !matches!(part, "" | "." | "..");
    if !file_name.contains('\\') && file_name.strip_prefix('/').unwrap_or(file_name).split('/').all(is_short) {
        return Cow::Borrowed(file_name);
    }
    let name = file_name.replace('\\', "/");
    let mut parts: Vec<&str> = Vec::new();
    for part in name.split('/').filter(|part| !matches!(*part, "" | ".")) {
        if part == ".." && parts.last().is_some_and(|last| *last != "..") {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    let root = if name.starts_with('/') { "/" } else { "" };
    Cow::Owned(format!("{root}{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_image_has_one_spelling() {
        for name in ["a/b.jpg", "./a/b.jpg", "a//b.jpg", "a/./b.jpg", "a\\b.jpg", ".\\a\\b.jpg", "x/../a/b.jpg"] {
            assert_eq!(one_spelling(name), "a/b.jpg", "{name}");
        }
        for name in ["/a.jpg", "a..b.jpg", ".a", "…/é.jpg", "../a.jpg"] {
            assert_eq!(one_spelling(name), name);
        }
        assert_eq!(one_spelling("//srv/./a.jpg"), "/srv/a.jpg");
    }

    #[test]
    fn sides_are_those_of_version_0_1() {
        // Computed by version 0.1.0: `export --split test --test-percent 50 --seed 7`.
        let split = Split { side: Side::Test, test_percent: 50, seed: 7 };
        let on_test_side: Vec<u32> = (0..20).filter(|at| split.takes(&format!("images/{at}.jpg"))).collect();
        assert_eq!(on_test_side, [2, 3, 5, 6, 12, 13, 15, 17, 19]);
    }

    proptest! {
        #[test]
        fn detours_do_not_change_the_side(parts in prop::collection::vec("[a-z.]{0,2}[a-z]", 1..4), at in 0..4_usize) {
            let name = parts.join("/");
            let split = Split { side: Side::Test, test_percent: 50, seed: 0 };
            let detour = |detour: &str| {
                let mut parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                parts.insert(at.min(parts.len() - 1), detour);
                parts.join("/")
            };
            for other in [detour("."), detour("x/.."), detour("x/y/../.."), name.replace('/', "//"), name.replace('/', "\\")] {
                prop_assert_eq!(split.takes(&other), split.takes(&name), "{}", other);
            }
        }
    }
}
