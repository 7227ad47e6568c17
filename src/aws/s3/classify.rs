//! Classifies the errors of S3 by their codes, and by the status if there is no body.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use super::Action;
use super::error::S3Error;
use super::url::S3Url;
use crate::aws::classify::response_or_failure;
use crate::aws::error::AwsError;
use crate::aws::error_response::{ErrorResponse, RequestInfo};
use crate::text::excerpt as single_line;

pub(super) fn call<E>(
    error: &SdkError<E, HttpResponse>,
    info: &RequestInfo,
    url: &S3Url,
    action: Action,
    has_api_key: bool,
) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let region = error.raw_response().and_then(|response| response.headers().get("x-amz-bucket-region"));
    let region = region.filter(|region| **region != info.region).map(str::to_owned);
    match response_or_failure(error, info) {
        Ok(response) => classify(&response, region, info, url, action),
        Err(AwsError::StreamInterrupted { cause }) => interrupted(url, cause.to_string()),
        Err(AwsError::NoCredentials { profile }) => AwsError::S3(S3Error::NoCredentials { profile, has_api_key }),
        Err(AwsError::Other { message, .. }) => rejected(url, "not sent".to_owned(), &message),
        Err(error) => error,
    }
}

pub(super) fn interrupted(url: &S3Url, cause: String) -> AwsError {
    AwsError::S3(S3Error::Interrupted { url: url.clone(), cause })
}

fn rejected(url: &S3Url, reason: String, message: &str) -> AwsError {
    let message = if message.is_empty() { "no message".to_owned() } else { single_line(message) };
    AwsError::S3(S3Error::Rejected { url: url.clone(), reason, message })
}

fn classify(
    response: &ErrorResponse,
    region: Option<String>,
    info: &RequestInfo,
    url: &S3Url,
    action: Action,
) -> AwsError {
    let code = response.code.as_deref().unwrap_or_default();
    let owned = || url.clone();
    let error = match (code, response.status) {
        ("PermanentRedirect" | "TemporaryRedirect" | "IllegalLocationConstraintException", _)
        | (_, Some(301 | 307)) => S3Error::OtherRegion { bucket: url.bucket.clone(), region },
        // "… the region 'us-east-1' is wrong; expecting 'eu-west-1'"
        ("AuthorizationHeaderMalformed", _) if response.message.contains("expecting") => {
            let expected = || response.message.split("expecting '").nth(1)?.split('\'').next().map(str::to_owned);
            S3Error::OtherRegion { bucket: url.bucket.clone(), region: region.or_else(expected) }
        }
        // Without a body, of a request in the wrong region.
        ("", Some(400)) if region.is_some() => S3Error::OtherRegion { bucket: url.bucket.clone(), region },
        ("", Some(400)) => {
            let message = "the credentials may have expired: run `aws sso login` or `aws login`";
            return rejected(url, "HTTP 400".to_owned(), message);
        }
        ("NoSuchBucket", _) => S3Error::NoSuchBucket { bucket: url.bucket.clone(), endpoint: info.endpoint.clone() },
        ("NoSuchKey" | "NotFound", _) | (_, Some(404)) => S3Error::NoSuchObject { url: owned() },
        ("PreconditionFailed" | "ConditionalRequestConflict", _) | (_, Some(412)) => S3Error::Changed { url: owned() },
        ("InvalidObjectState", _) => {
            let class = response.message.split_whitespace().last().unwrap_or("GLACIER").trim_end_matches('.');
            S3Error::Archived { url: owned(), class: single_line(class) }
        }
        ("SlowDown" | "Throttling" | "RequestLimitExceeded" | "ServiceUnavailable" | "InternalError", _)
        | (_, Some(429 | 500..)) => S3Error::Busy { code: response.status_or_code() },
        ("InvalidToken" | "TokenRefreshRequired", _) => return AwsError::CredentialsExpired,
        _ => return general(response, info, url, action),
    };
    AwsError::S3(error)
}

/// Classifies what S3 has in common with other services: credentials, permissions, the clock.
fn general(response: &ErrorResponse, info: &RequestInfo, url: &S3Url, action: Action) -> AwsError {
    match response.classify(info) {
        error @ (AwsError::ClockSkew { .. }
        | AwsError::CredentialsExpired
        | AwsError::CredentialsInvalid { .. }
        | AwsError::NotAuthorized { .. }) => error,
        // S3 does not always name the permission.
        _ if response.status == Some(403) => AwsError::NotAuthorized {
            action: action.permission().to_owned(),
            resource: url.to_string(),
            explicit_deny: false,
        },
        _ => rejected(url, response.status_or_code(), &response.message),
    }
}
