//! What a URL names: an object, several of one folder, or a folder.

use std::path::{Path, PathBuf};

use super::error::MirrorError;
use crate::aws::{Bucket, S3Url};

/// The files that make a folder a dataset, of which only one is read.
const METADATA: [&str; 2] = ["metadata.jsonl", "metadata.csv"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// Files in the folder, of which the first is opened.
    Files(Vec<String>),
    /// The files in the folder that match a pattern.
    Pattern(String),
    /// The folder: images with text files, Parquet files or archives.
    Folder,
}

impl Target {
    /// Finds what URLs of one bucket name, and the folder that it is in.
    pub(super) async fn find(
        bucket: &Bucket,
        urls: &[S3Url],
        has_text_files: bool,
    ) -> Result<(S3Url, Self), MirrorError> {
        let Some(first) = urls.first() else { return Err(MirrorError::NoFolder) };
        if urls.len() > 1 {
            let folder = first.folder();
            if urls.iter().any(|url| url.is_folder() || url.folder() != folder) {
                let urls: Vec<String> = urls.iter().map(ToString::to_string).collect();
                return Err(MirrorError::SeveralFolders { urls: urls.join(", ") });
            }
            return Ok((folder, Self::Files(urls.iter().map(|url| url.name().to_owned()).collect())));
        }
        if !first.is_folder() {
            if first.name().contains('*') {
                return Ok((first.folder(), Self::Pattern(first.name().to_owned())));
            }
            if exists(bucket, first).await? {
                return Ok((first.folder(), Self::Files(vec![first.name().to_owned()])));
            }
        }
        // `s3://bucket/folder`, as in a shell.
        let slash = if first.is_folder() { "" } else { "/" };
        let folder = S3Url { bucket: first.bucket.clone(), key: format!("{}{slash}", first.key) };
        if !has_text_files {
            for name in METADATA {
                if exists(bucket, &folder.join(name)).await? {
                    return Ok((folder, Self::Files(vec![name.to_owned()])));
                }
            }
        }
        Ok((folder, Self::Folder))
    }

    /// Returns the path of each URL in a copy.
    pub(super) fn paths(&self, root: &Path) -> Vec<PathBuf> {
        match self {
            Self::Files(names) => names.iter().map(|name| root.join(name)).collect(),
            Self::Pattern(pattern) => vec![root.join(pattern)],
            Self::Folder => vec![root.to_owned()],
        }
    }

    /// Returns true if a name in the folder matches the pattern, in which `*` stands for any text.
    pub(super) fn matches(pattern: &str, name: &str) -> bool {
        let mut parts = pattern.split('*');
        let (Some(first), Some(mut rest)) = (parts.next(), name.strip_prefix(pattern.split('*').next().unwrap_or("")))
        else {
            return false;
        };
        let parts: Vec<&str> = parts.collect();
        let Some((last, middle)) = parts.split_last() else { return name == first };
        for part in middle {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }
}

/// Returns true if there is an object. Those who may not list objects are told of a missing one that access is denied.
async fn exists(bucket: &Bucket, url: &S3Url) -> Result<bool, MirrorError> {
    let found = bucket.head(&url.key).await.map_err(|error| MirrorError::of(&url.to_string(), error))?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("train-*.parquet", "train-00000-of-00002.parquet", true)]
    #[case("train-*.parquet", "test-0.parquet", false)]
    #[case("train-*.parquet", "train-.parquet", true)]
    #[case("*-*-of-*.tar", "a-1-of-2.tar", true)]
    #[case("*-*-of-*.tar", "a-1.tar", false)]
    #[case("a*a", "a", false)]
    #[case("*", "anything", true)]
    fn patterns_match(#[case] pattern: &str, #[case] name: &str, #[case] expected: bool) {
        assert_eq!(Target::matches(pattern, name), expected);
    }
}
