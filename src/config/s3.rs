//! The `[s3]` table: datasets in a bucket.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct S3Settings {
    /// The size limit of the cache of images, in megabytes.
    pub cache_mb: NonZeroU32,
}

impl S3Settings {
    #[must_use]
    pub fn cache_bytes(&self) -> u64 {
        u64::from(self.cache_mb.get()) * 1_000_000
    }
}
