//! Errors that only S3 has.

use super::url::S3Url;
use crate::reaction::{PauseCause, Reaction};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum S3Error {
    #[error("no bucket \"{bucket}\" at {endpoint}: check the name, --profile and --endpoint-url")]
    NoSuchBucket { bucket: String, endpoint: String },
    #[error("{url}: no such object; see `aws s3 ls {}`", url.folder())]
    NoSuchObject { url: S3Url },
    #[error("bucket \"{bucket}\" is in another region{}", match region {
        Some(region) => format!(" ({region}): use --region {region}"),
        None => ": set it with --region".to_owned(),
    })]
    OtherRegion { bucket: String, region: Option<String> },
    #[error(
        "no AWS credentials found{}: sign in with `aws login`, `aws sso login` or `aws configure`{}",
        profile.as_ref().map(|name| format!(" in profile \"{name}\"")).unwrap_or_default(),
        if *has_api_key { " (the API key in AWS_BEARER_TOKEN_BEDROCK is for Bedrock only)" } else { "" }
    )]
    NoCredentials { profile: Option<String>, has_api_key: bool },
    /// The condition of a write does not hold.
    #[error("{url}: changed in the bucket since it was read; not overwritten")]
    Changed { url: S3Url },
    #[error("{url}: in an archive ({class}); restore it first with `aws s3api restore-object`")]
    Archived { url: S3Url, class: String },
    #[error("{url}: too large for one upload ({limit} GiB at most): split it")]
    TooLarge { url: S3Url, limit: u64 },
    #[error("S3 is busy ({code}): try again later")]
    Busy { code: String },
    #[error("{url}: transfer interrupted ({cause}); try again")]
    Interrupted { url: S3Url, cause: String },
    #[error("S3 rejected the request for {url} ({reason}): {message}")]
    Rejected {
        url: S3Url,
        /// The code and the HTTP status.
        reason: String,
        message: String,
    },
}

impl S3Error {
    pub(in crate::aws) const fn reaction(&self) -> Reaction {
        match self {
            Self::Busy { .. } | Self::Interrupted { .. } => Reaction::Retry,
            Self::NoSuchBucket { .. } | Self::OtherRegion { .. } | Self::NoCredentials { .. } => {
                Reaction::Pause(PauseCause::Access)
            }
            Self::NoSuchObject { .. }
            | Self::Changed { .. }
            | Self::Archived { .. }
            | Self::TooLarge { .. }
            | Self::Rejected { .. } => Reaction::FailRequest,
        }
    }
}
