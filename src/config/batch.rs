//! The `[batch]` table: Amazon Bedrock batch inference.

use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct BatchSettings {
    /// The URL of a folder on S3.
    pub folder: Option<String>,
    /// The ARN of the service role.
    pub role: Option<String>,
    pub min_records: Option<u32>,
    pub max_records: Option<NonZeroU32>,
    pub max_bytes: Option<NonZeroU64>,
}
