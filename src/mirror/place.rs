//! The folder with the copy of a dataset, and the names of files in it.

use std::path::{Path, PathBuf};

use twox_hash::XxHash3_64;

use crate::aws::S3Url;

/// The longest name of a file that common file systems allow, in bytes.
const MAX_NAME: usize = 255;
/// The beginning of our own file names.
const OWN: &str = ".recaption";

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What belongs to the copy but is no part of it.
    pub base: PathBuf,
    /// The copy. Its name is that of the dataset.
    pub root: PathBuf,
}

impl Place {
    /// Returns the place of the copy of a folder of a bucket. Buckets of the same name at several endpoints have several.
    pub(super) fn of(copies: &Path, endpoint: Option<&str>, folder: &S3Url) -> Self {
        let identity = format!("{} {folder}", endpoint.unwrap_or_default());
        let base = copies.join(format!("{}-{:016x}", folder.bucket, XxHash3_64::oneshot(identity.as_bytes())));
        let name = folder.key.trim_end_matches('/').rsplit('/').next().filter(|name| is_valid(name));
        let name = name.filter(|name| !name.starts_with('.') && name.len() < MAX_NAME).unwrap_or(&folder.bucket);
        Self { root: base.join(name), base }
    }

    pub(super) fn journal(&self) -> PathBuf {
        self.base.join("objects.jsonl")
    }

    pub(super) fn lock(&self) -> PathBuf {
        self.base.join("lock")
    }
}

fn is_valid(part: &str) -> bool {
    let is_reserved = matches!(part, "" | "." | "..");
    let is_plain = |c: char| c != '\0' && !(cfg!(windows) && r#"\:*?"<>|"#.contains(c));
    !is_reserved && part.len() <= MAX_NAME && part.chars().all(is_plain)
}

/// Why an object has no file in the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoFile {
    /// It stands for a folder.
    Folder,
    /// It has the name of one of our own files.
    Own,
    /// No file can have its name.
    Name,
}

/// Checks that a file can have the name of an object, relative to the folder of the dataset.
pub(super) fn check(name: &str) -> Result<(), NoFile> {
    if name.is_empty() || name.ends_with('/') {
        return Err(NoFile::Folder);
    }
    if name.split('/').any(|part| part.starts_with(OWN)) {
        return Err(NoFile::Own);
    }
    if name.split('/').all(is_valid) { Ok(()) } else { Err(NoFile::Name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_of_every_endpoint_has_a_place_of_its_own() {
        let of = |endpoint, url: &str| Place::of(Path::new("/copies"), endpoint, &S3Url::parse(url).unwrap());
        let one = of(None, "s3://sets/2024/fashion/");
        assert_eq!(one.root, one.base.join("fashion"));
        assert_eq!(of(None, "s3://sets/").root.file_name().unwrap(), "sets");
        assert_eq!(of(None, "s3://sets/../").root.file_name().unwrap(), "sets");
        assert_eq!(of(None, "s3://sets/.git/").root.file_name().unwrap(), "sets");
        let others = [of(Some("http://localhost"), "s3://sets/2024/fashion/"), of(None, "s3://sets/fashion/")];
        assert!(others.iter().all(|other| other.base != one.base));
    }

    #[test]
    fn no_object_leaves_the_folder() {
        for (name, expected) in [
            ("images/a b.jpg", Ok(())),
            ("사진/é.png", Ok(())),
            (".git/config", Ok(())),
            ("images/", Err(NoFile::Folder)),
            ("", Err(NoFile::Folder)),
            ("../a.jpg", Err(NoFile::Name)),
            ("a/../b.jpg", Err(NoFile::Name)),
            ("a//b.jpg", Err(NoFile::Name)),
            ("/a.jpg", Err(NoFile::Name)),
            ("./a.jpg", Err(NoFile::Name)),
            ("a\0.jpg", Err(NoFile::Name)),
            (".recaption/metadata.sqlite", Err(NoFile::Own)),
        ] {
            assert_eq!(check(name), expected, "{name:?}");
        }
        assert_eq!(check(&"a".repeat(256)), Err(NoFile::Name));
    }
}
