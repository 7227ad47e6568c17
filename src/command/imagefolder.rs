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

#[cfg(test)]
mod tests {
    use super::*;

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
