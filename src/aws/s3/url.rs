//! URLs of objects and of folders: `s3://bucket/key`.

use std::fmt;

/// A bucket and a key. The key of a folder is empty or ends with a slash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct S3Url {
    pub bucket: String,
    pub key: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3UrlError {
    #[error("{0}: not an S3 URL; write s3://BUCKET/KEY")]
    NotS3(String),
    #[error("{url}: \"{bucket}\" is no name of a bucket (3 to 63 lower-case letters, digits, dots and hyphens)")]
    Bucket { url: String, bucket: String },
}

impl S3Url {
    const SCHEME: &str = "s3://";

    /// Returns true if a text starts like an S3 URL.
    #[must_use]
    pub fn is_s3(text: &str) -> bool {
        text.get(..Self::SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(Self::SCHEME))
    }

    /// Parses `s3://bucket/key`. The key is taken as it is: `%20` is not decoded.
    ///
    /// # Errors
    /// Returns an error for another scheme, or if the bucket cannot have this name.
    pub fn parse(text: &str) -> Result<Self, S3UrlError> {
        if !Self::is_s3(text) {
            return Err(S3UrlError::NotS3(text.to_owned()));
        }
        let rest = &text[Self::SCHEME.len()..];
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        // Buckets from before 2018 may have capitals and underscores.
        let is_valid = (3..=255).contains(&bucket.len())
            && bucket.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
            && !bucket.starts_with(['.', '-'])
            && !bucket.contains("..");
        if !is_valid {
            return Err(S3UrlError::Bucket { url: text.to_owned(), bucket: bucket.to_owned() });
        }
        Ok(Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// Returns true if the key is that of a folder.
    #[must_use]
    pub fn is_folder(&self) -> bool {
        self.key.is_empty() || self.key.ends_with('/')
    }

    /// Returns the folder that contains the object, or this folder itself.
    #[must_use]
    pub fn folder(&self) -> Self {
        let end = self.key.rfind('/').map_or(0, |slash| slash + 1);
        Self { bucket: self.bucket.clone(), key: self.key[..end].to_owned() }
    }

    /// Returns the URL of an object in this folder.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self { bucket: self.bucket.clone(), key: format!("{}{name}", self.folder().key) }
    }

    /// Returns the last part of the key, or nothing for a folder.
    #[must_use]
    pub fn name(&self) -> &str {
        self.key.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for S3Url {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}/{}", Self::SCHEME, self.bucket, self.key)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("s3://sets/fashion/metadata.jsonl", "fashion/", "metadata.jsonl", false)]
    #[case("S3://sets/fashion/", "fashion/", "", true)]
    #[case("s3://sets", "", "", true)]
    #[case("s3://sets/a b%20c.jsonl", "", "a b%20c.jsonl", false)]
    fn urls_are_parsed(#[case] text: &str, #[case] folder: &str, #[case] name: &str, #[case] is_folder: bool) {
        let url = S3Url::parse(text).expect("valid");
        assert_eq!((url.bucket.as_str(), url.name(), url.is_folder()), ("sets", name, is_folder));
        assert_eq!(url.folder().key, folder);
        assert_eq!(url.join("x").to_string(), format!("s3://sets/{folder}x"));
    }

    #[rstest]
    #[case("data/metadata.jsonl", "s3://BUCKET/KEY")]
    #[case("s3:/sets/a", "s3://BUCKET/KEY")]
    #[case("s3:///a", "no name of a bucket")]
    #[case("s3://a/b", "no name of a bucket")]
    #[case("s3://a..b/c", "no name of a bucket")]
    #[case("s3://user:word@sets/c", "no name of a bucket")]
    #[case("사진", "s3://BUCKET/KEY")]
    fn others_are_refused(#[case] text: &str, #[case] phrase: &str) {
        let error = S3Url::parse(text).expect_err("invalid").to_string();
        assert!(error.contains(phrase), "{error}");
    }
}
