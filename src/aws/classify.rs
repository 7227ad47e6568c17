//! Converts the errors of the SDK to [`AwsError`].

use std::error::Error;
use std::io;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use http_body_util::LengthLimitError;
use jiff::Timestamp;

use super::body_limit::MAX_ERROR_BYTES;
use super::error::{AwsError, Interruption};
use super::error_response::{ErrorResponse, RequestInfo};
use crate::model_api::{Excess, MAX_RESPONSE_BYTES};
use crate::reaction::{http_date, retry_after};
use crate::text::excerpt as single_line;

/// Classifies the error of a call.
pub(super) fn call<E>(error: &SdkError<E, HttpResponse>, info: &RequestInfo) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    response_or_failure(error, info).map_or_else(|error| error, |response| response.classify(info))
}

/// Returns the error response of a call, or the reason why there was none.
pub(super) fn response_or_failure<E>(
    error: &SdkError<E, HttpResponse>,
    info: &RequestInfo,
) -> Result<ErrorResponse, AwsError>
where
    E: ProvideErrorMetadata + Error + 'static,
{
    Err(match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().map(str::to_owned);
            let message = service.err().message().unwrap_or_default().to_owned();
            return Ok(error_response(service.raw(), code, message));
        }
        SdkError::ResponseError(response) if is_too_long(error) => {
            let code = response.raw().headers().get("x-amzn-errortype").and_then(|code| code.split(':').next());
            let message = format!("error response longer than {} KiB", MAX_ERROR_BYTES >> 10);
            return Ok(error_response(response.raw(), code.map(str::to_owned), message));
        }
        SdkError::ResponseError(response) => AwsError::StreamInterrupted {
            cause: Interruption::Corrupt(format!("{}, HTTP {}", root_cause(error), response.raw().status().as_u16())),
        },
        SdkError::TimeoutError(_) => unreachable_endpoint(error, info),
        SdkError::DispatchFailure(failure) => {
            if let Some(error) = credentials(error, info) {
                error
            } else if failure.is_timeout() || (failure.is_io() && !was_connected(error)) {
                unreachable_endpoint(error, info)
            } else {
                AwsError::StreamInterrupted { cause: Interruption::ConnectionLost(root_cause(error)) }
            }
        }
        // The request could not be built.
        _ => credentials(error, info).unwrap_or_else(|| AwsError::Other {
            model: info.subject.clone(),
            status: None,
            code: None,
            message: root_cause(error),
        }),
    })
}

fn error_response(response: &HttpResponse, code: Option<String>, message: String) -> ErrorResponse {
    let (headers, now) = (response.headers(), Timestamp::now());
    ErrorResponse {
        status: Some(response.status().as_u16()),
        code,
        message,
        retry_after: headers.get("retry-after").and_then(|value| retry_after(value, now)),
        offset: headers.get("date").and_then(http_date).map(|server| now.duration_since(server)),
    }
}

/// Classifies the error of a stream.
pub(super) fn stream<R>(error: &SdkError<ConverseStreamOutputError, R>, info: &RequestInfo) -> AwsError
where
    R: std::fmt::Debug + 'static,
{
    let exception = match error {
        SdkError::ServiceError(service) => service.err(),
        _ if is_too_long(error) => {
            let excess = Excess::Bytes(MAX_RESPONSE_BYTES);
            return AwsError::ResponseDiscarded { model: info.subject.clone(), excess };
        }
        SdkError::DispatchFailure(_) => {
            return AwsError::StreamInterrupted { cause: Interruption::ConnectionLost(root_cause(error)) };
        }
        _ => return AwsError::StreamInterrupted { cause: Interruption::Corrupt(root_cause(error)) },
    };
    // The SDK does not set the code of exceptions in a stream.
    let code = match exception {
        ConverseStreamOutputError::ThrottlingException(_) => Some("ThrottlingException"),
        ConverseStreamOutputError::ValidationException(_) => Some("ValidationException"),
        ConverseStreamOutputError::InternalServerException(_) => Some("InternalServerException"),
        ConverseStreamOutputError::ServiceUnavailableException(_) => Some("ServiceUnavailableException"),
        ConverseStreamOutputError::ModelStreamErrorException(_) => Some("ModelStreamErrorException"),
        other => other.code(),
    };
    let message = exception.message().unwrap_or_default();
    let response =
        ErrorResponse { code: code.map(str::to_owned), message: message.to_owned(), ..ErrorResponse::default() };
    match response.classify(info) {
        // Since the response had begun, these are interruptions of the stream.
        AwsError::Busy { .. } | AwsError::ModelFailed { .. } => {}
        AwsError::Other { .. } if code != Some("ValidationException") => {}
        error => return error,
    }
    let message = single_line(message);
    AwsError::StreamInterrupted {
        cause: Interruption::Exception(match (code, message.is_empty()) {
            (Some(code), true) => code.to_owned(),
            (Some(code), false) => format!("{code}: {message}"),
            (None, true) => "unknown exception".to_owned(),
            (None, false) => message,
        }),
    }
}

/// Returns the error of the credentials provider if that caused the failure.
fn credentials(error: &(dyn Error + 'static), info: &RequestInfo) -> Option<AwsError> {
    let none = || AwsError::NoCredentials { profile: info.profile.clone() };
    let Some(found) = chain(error).find_map(|error| error.downcast_ref::<CredentialsError>()) else {
        // The SDK does not export the type of its timeout error.
        let timeout =
            chain(error).map(ToString::to_string).find(|text| text.contains("identity resolver timed out"))?;
        return Some(AwsError::CredentialsUnavailable { reason: timeout });
    };
    Some(match found {
        CredentialsError::CredentialsNotLoaded(_) => none(),
        // The role of an EC2 instance is the last resort of the provider chain.
        _ if chain(found).any(|error| error.downcast_ref::<ImdsError>().is_some()) => none(),
        _ if chain(found).any(|error| error.to_string().contains("expired")) => AwsError::CredentialsExpired,
        _ => AwsError::CredentialsUnavailable { reason: causes(found) },
    })
}

/// Joins the messages of an error and its causes, without those that carry no information.
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.dedup();
    let informative = |text: &&String| !text.starts_with("an error occurred") && !text.ends_with("failure");
    let informative: Vec<&str> = texts.iter().filter(informative).map(String::as_str).collect();
    if informative.is_empty() { root_cause(error) } else { single_line(&informative.join(": ")) }
}

/// Returns true if the connection was established before it failed.
fn was_connected(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof))
}

/// Returns true if the body exceeded its limit.
fn is_too_long(error: &(dyn Error + 'static)) -> bool {
    chain(error).any(|error| error.downcast_ref::<LengthLimitError>().is_some())
}

fn unreachable_endpoint(error: &(dyn Error + 'static), info: &RequestInfo) -> AwsError {
    AwsError::Unreachable { endpoint: info.endpoint.clone(), reason: root_cause(error) }
}

/// Iterates over an error and its causes.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Returns the message of the root cause; the errors above it only describe the layers of the SDK.
pub(super) fn root_cause(error: &(dyn Error + 'static)) -> String {
    single_line(&chain(error).last().unwrap_or(error).to_string())
}
