//! Errors of AWS: the message for the operator, and the reaction for the caller.

use std::time::Duration;

use jiff::SignedDuration;

use super::s3::S3Error;
use crate::model_api::Excess;
use crate::reaction::{Parameter, PauseCause, Reaction};

/// Why a request failed. The message names the cause and the fix, and contains no secrets or image data.
///
/// In all variants, `code` is the name of an exception or an HTTP status, and `message` is the text of the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AwsError {
    #[error("quota of {limit} per minute for {model} exceeded: slowing down")]
    Throttled { model: String, limit: Limit, retry_after: Option<Duration> },
    #[error(
        "daily token quota for {model} exceeded: continue tomorrow, choose another --model, or raise the quota in \
         Service Quotas"
    )]
    DailyQuota { model: String },
    #[error("Bedrock is busy ({code}): try again later")]
    Busy { code: String },
    #[error("{model} failed on this image ({code}): try again")]
    ModelFailed { model: String, code: String },
    /// The response is incomplete.
    #[error("response interrupted ({cause}): partial text discarded")]
    StreamInterrupted { cause: Interruption },
    /// The response exceeded a limit and was not read further.
    #[error("response of {model} discarded ({excess}): try again, or choose another --model")]
    ResponseDiscarded { model: String, excess: Excess },
    /// The model has reached its end of life, or is closed to accounts that have not used it recently.
    #[error("{model} is retired: choose another --model")]
    Retired { model: String },
    #[error("{model} requires an inference profile: use --model {}", profiles.join(" or --model "))]
    NeedsInferenceProfile {
        model: String,
        /// The profiles it may have in this region.
        profiles: Vec<String>,
    },
    #[error(
        "model {model} not found in {region}: see `aws bedrock list-inference-profiles --region {region}`, or choose \
         another --region"
    )]
    ModelNotFound { model: String, region: String },
    #[error("{model} does not accept images: choose another --model")]
    ImagesUnsupported { model: String },
    /// The model does not support a parameter or its value.
    #[error("{model} does not accept {parameter}: retrying without it")]
    ParameterRejected { model: String, parameter: Parameter },
    #[error("{model} rejected the image: {problem}")]
    ImageRejected { model: String, problem: ImageProblem },
    #[error("{}", if *explicit_deny {
        format!("a policy explicitly denies {action} on {resource}: ask the administrator of the AWS account")
    } else {
        format!("missing IAM permission {action} on {resource}: add it to the policy of this user or role")
    })]
    NotAuthorized {
        /// The permission ("bedrock:InvokeModelWithResponseStream").
        action: String,
        /// An ARN, or the model if the service names no resource.
        resource: String,
        /// Whether a policy denies the action, so that adding the permission is not enough.
        explicit_deny: bool,
    },
    #[error("no access to {model} in {region}: request it in the Bedrock console (AWS: {message})")]
    NoModelAccess { model: String, region: String, message: String },
    #[error(
        "no AWS credentials found{}: sign in with `aws login`, `aws sso login` or `aws configure`, or set \
         AWS_BEARER_TOKEN_BEDROCK",
        profile.as_ref().map(|name| format!(" in profile \"{name}\"")).unwrap_or_default()
    )]
    NoCredentials {
        /// The configured profile.
        profile: Option<String>,
    },
    #[error("the AWS credentials have expired: run `aws sso login` or `aws login`, or renew the key")]
    CredentialsExpired,
    #[error(
        "AWS rejected the credentials ({code}): sign in with `aws sso login` or `aws configure`, or check \
         AWS_ACCESS_KEY_ID or AWS_BEARER_TOKEN_BEDROCK"
    )]
    CredentialsInvalid { code: String },
    #[error("cannot load the AWS credentials: {reason}; check --profile and ~/.aws/config, or run `aws sso login`")]
    CredentialsUnavailable { reason: String },
    /// The request was signed with a wrong time.
    #[error("AWS rejected the request time: check the system clock{}", clock_offset(*offset))]
    ClockSkew {
        /// How far the local clock is ahead of the service's, if known.
        offset: Option<SignedDuration>,
    },
    #[error("no AWS region set: use --region, AWS_REGION or `aws configure`")]
    NoRegion,
    #[error(
        "no such AWS region: \"{region}\" ({origin}){}",
        closest.map(|closest| format!("; the closest name is {closest}")).unwrap_or_default()
    )]
    InvalidRegion {
        region: String,
        /// The setting with the name ("--region").
        origin: &'static str,
        closest: Option<&'static str>,
    },
    #[error("no AWS profile \"{name}\": {}", if known.is_empty() {
        "the AWS configuration files have none; run `aws configure --profile NAME`".to_owned()
    } else {
        format!("use one of {}", known.join(", "))
    })]
    UnknownProfile {
        name: String,
        /// The profiles of the configuration files.
        known: Vec<String>,
    },
    #[error("{reason}: correct the file, or set AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE to another")]
    InvalidConfig {
        /// With the file and the line.
        reason: String,
    },
    #[error("{path}: {reason}; set AWS_CA_BUNDLE to a PEM file of certificates, or unset it")]
    InvalidCaBundle { path: String, reason: String },
    #[error("cannot reach {endpoint} ({reason}): check the network, --region and --endpoint-url")]
    Unreachable { endpoint: String, reason: String },
    /// A limit of the account that is not a rate.
    #[error("AWS account limit reached: see Service Quotas in the AWS console (AWS: {message})")]
    AccountLimit { message: String },
    #[error(transparent)]
    S3(#[from] S3Error),
    #[error("Bedrock rejected the request for {model} ({}): {message}", status_and_code(*status, code.as_deref()))]
    Other {
        model: String,
        /// The HTTP status. `None` if the request was not sent or the response had begun.
        status: Option<u16>,
        code: Option<String>,
        message: String,
    },
}

/// The unit of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Limit {
    Requests,
    Tokens,
}

impl std::fmt::Display for Limit {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
        })
    }
}

/// Why a stream did not reach its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interruption {
    #[error("no data for {} s", .0.as_secs())]
    Timeout(Duration),
    /// The stream was closed without an error, but before the stop event.
    #[error("ended before the text was complete")]
    Truncated,
    /// The data does not match its checksums or the protocol.
    #[error("corrupt data: {0}")]
    Corrupt(String),
    #[error("connection lost: {0}")]
    ConnectionLost(String),
    /// An exception of the service in the stream.
    #[error("{0}")]
    Exception(String),
}

/// Why an image was rejected, with the text of the service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageProblem {
    /// An unsupported format, or not the declared one.
    #[error("invalid format ({0})")]
    Format(String),
    #[error("file too large ({0})")]
    Size(String),
    #[error("invalid dimensions ({0})")]
    Dimensions(String),
    #[error("content filter ({0})")]
    Content(String),
}

impl AwsError {
    /// Returns true if the credentials are missing or do not work.
    #[must_use]
    pub const fn is_of_credentials(&self) -> bool {
        matches!(
            self,
            Self::NoCredentials { .. }
                | Self::CredentialsExpired
                | Self::CredentialsInvalid { .. }
                | Self::CredentialsUnavailable { .. }
                | Self::S3(S3Error::NoCredentials { .. })
        )
    }

    #[must_use]
    pub const fn reaction(&self) -> Reaction {
        match self {
            Self::Throttled { retry_after, .. } => Reaction::SlowDown { retry_after: *retry_after },
            Self::Busy { .. } | Self::ModelFailed { .. } | Self::StreamInterrupted { .. } => Reaction::Retry,
            // The SDK learns the service's clock from the rejection and signs the next request accordingly.
            Self::ClockSkew { .. } | Self::Unreachable { .. } => Reaction::RetryThenPause,
            Self::Retired { .. }
            | Self::NeedsInferenceProfile { .. }
            | Self::ModelNotFound { .. }
            | Self::ImagesUnsupported { .. }
            | Self::NotAuthorized { .. }
            | Self::NoModelAccess { .. } => Reaction::NextModel,
            Self::ParameterRejected { parameter, .. } => Reaction::DropParameter(*parameter),
            Self::DailyQuota { .. } | Self::AccountLimit { .. } => Reaction::Pause(PauseCause::Quota),
            Self::NoCredentials { .. }
            | Self::CredentialsExpired
            | Self::CredentialsInvalid { .. }
            | Self::CredentialsUnavailable { .. }
            | Self::NoRegion
            | Self::InvalidRegion { .. }
            | Self::UnknownProfile { .. }
            | Self::InvalidConfig { .. }
            | Self::InvalidCaBundle { .. } => Reaction::Pause(PauseCause::Access),
            // The request was charged, and the next response would probably be no better.
            Self::ImageRejected { .. } | Self::ResponseDiscarded { .. } => Reaction::FailImage,
            Self::S3(error) => error.reaction(),
            Self::Other { status, code, .. } => match status {
                Some(400 | 413 | 422) => Reaction::FailRequest,
                // Within a stream.
                None if code.is_some() => Reaction::FailImage,
                // A proxy, another service at this endpoint, or a request that cannot be built. The next request would
                // fail as well.
                _ => Reaction::Pause(PauseCause::Access),
            },
        }
    }
}

/// " (12 minutes ahead)"
fn clock_offset(offset: Option<SignedDuration>) -> String {
    let Some(offset) = offset.filter(|offset| offset.as_mins() != 0) else { return String::new() };
    let direction = if offset.is_positive() { "ahead" } else { "behind" };
    format!(" ({} minutes {direction})", offset.as_mins().unsigned_abs())
}

/// "`ValidationException`, HTTP 400"
fn status_and_code(status: Option<u16>, code: Option<&str>) -> String {
    match (code, status) {
        (Some(code), Some(status)) => format!("{code}, HTTP {status}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(status)) => format!("HTTP {status}"),
        (None, None) => "not sent".to_owned(),
    }
}
