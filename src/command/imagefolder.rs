//! The metadata files of a folder, as Hugging Face's `imagefolder` loader reads them.

use std::ffi::OsStr;
use std::path::Path;

use crate::dataset::{FileKind, METADATA_FILES};

/// Returns true if a file is an image by its name.
pub(super) fn is_picture(path: &Path) -> bool {
    path.file_name().map(FileKind::of) == Some(FileKind::Image)
}

/// Returns the metadata file the loader should read in the folder of `own`, if any, and the other metadata files there.
pub(super) fn metadata_beside(own: &Path) -> Option<(&'static str, Vec<&'static str>)> {
    let name = own.file_name().and_then(OsStr::to_str);
    let exists = |metadata: &&str| Some(*metadata) == name || own.with_file_name(metadata).is_file();
    let present: Vec<&str> = METADATA_FILES.into_iter().filter(exists).collect();
    let first = *present.iter().find(|metadata| Some(**metadata) == name).or(present.first())?;
    Some((first, present.into_iter().filter(|metadata| *metadata != first).collect()))
}

/// Describes the loader's reaction to two metadata files, of which one is `first`.
pub(super) fn refusal(first: &str) -> String {
    format!("with {first} beside it, Hugging Face's imagefolder refuses to load this folder")
}

/// Returns a warning if the loader reads `written` as a second metadata file.
pub(super) fn warning(written: &Path) -> Option<String> {
    let (own, others) = metadata_beside(written)?;
    let other = others.first().filter(|_| written.file_name() == Some(OsStr::new(own)))?;
    Some(format!("{own}: {}; keep one of them there", refusal(other)))
}

/// The words by which the loader finds splits in paths (`datasets/data_files.py`).
const SPLITS: [&str; 10] =
    ["train", "training", "validation", "valid", "dev", "val", "test", "testing", "eval", "evaluation"];

/// Returns true if the loader takes an image for one of a split, by a part of its path.
pub(super) fn names_split(path: &Path) -> bool {
    let is_separator = |c: char| matches!(c, '-' | '.' | '_' | ' ') || c.is_ascii_digit();
    let is_split =
        |part: &OsStr| part.to_str().is_some_and(|part| part.split(is_separator).any(|word| SPLITS.contains(&word)));
    path.iter().any(is_split)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_are_words_of_a_path() {
        for path in ["train/a.jpg", "in/train_01.jpg", "a-test.png", "val2/a.png"] {
            assert!(names_split(Path::new(path)), "{path}");
        }
        for path in ["trains/a.jpg", "contest.png", "Train.png", "a/b.png"] {
            assert!(!names_split(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_second_metadata_file_causes_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        std::fs::write(path("metadata.csv"), "").unwrap();
        assert_eq!(warning(&path("metadata.csv")), None);
        assert_eq!(warning(&path("captions.jsonl")), None);
        let message = warning(&path("metadata.jsonl")).expect("two");
        assert!(message.starts_with("metadata.jsonl: with metadata.csv beside it, Hugging Face's"), "{message}");
    }
}
