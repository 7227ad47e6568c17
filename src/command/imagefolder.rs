//! What Hugging Face's `imagefolder` loader makes of a folder: which files it takes for metadata, which for pictures.

use std::ffi::OsStr;
use std::path::Path;

/// The files it reads captions from.
const METADATA: [&str; 3] = ["metadata.jsonl", "metadata.csv", "metadata.parquet"];
/// The names that pictures end in, in lower case.
const EXTENSIONS: [&str; 9] = ["jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff", "avif"];

/// Whether a file is a picture by its name: hidden files are not, such as those macOS leaves beside pictures (`._a.jpg`).
pub(super) fn is_picture(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = path.extension().and_then(OsStr::to_str).map(str::to_ascii_lowercase);
    !is_hidden && extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
}

/// The file the loader is meant to read in the folder of `own`, if there is any, and those of another kind beside it.
pub(super) fn metadata_beside(own: &Path) -> Option<(&'static str, Vec<&'static str>)> {
    let name = own.file_name().and_then(OsStr::to_str);
    let there = |metadata: &&str| Some(*metadata) == name || own.with_file_name(metadata).is_file();
    let present: Vec<&str> = METADATA.into_iter().filter(there).collect();
    let first = *present.iter().find(|metadata| Some(**metadata) == name).or(present.first())?;
    Some((first, present.into_iter().filter(|metadata| *metadata != first).collect()))
}

/// What it does with a folder that has metadata of two kinds, `first` among them.
pub(super) fn refusal(first: &str) -> String {
    format!("with {first} beside it, Hugging Face's imagefolder refuses to load this folder")
}

/// What is to be said when `written` was written: nothing, unless the loader takes it for a second one.
pub(super) fn warning(written: &Path) -> Option<String> {
    let (own, others) = metadata_beside(written)?;
    let other = others.first().filter(|_| written.file_name() == Some(OsStr::new(own)))?;
    Some(format!("{own}: {}; keep one of them there", refusal(other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_metadata_file_is_told_by_what_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name| folder.path().join(name);
        std::fs::write(path("metadata.csv"), "").unwrap();
        assert_eq!(warning(&path("metadata.csv")), None);
        assert_eq!(warning(&path("captions.jsonl")), None);
        let said = warning(&path("metadata.jsonl")).expect("two");
        assert!(said.starts_with("metadata.jsonl: with metadata.csv beside it, Hugging Face's"), "{said}");
    }
}
