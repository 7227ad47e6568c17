//! Finds the [`AwsError`] in what the SDK reports of a call or a stream.

use std::error::Error;
use std::io;
use std::time::Duration;

use aws_config::imds::client::error::ImdsError;
use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_bedrockruntime::config::http::HttpResponse;
use aws_sdk_bedrockruntime::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_bedrockruntime::types::error::ConverseStreamOutputError;
use jiff::{Timestamp, fmt};

use super::error::{AwsError, Breakage};
use super::refusal::{Asked, Refusal, words};

/// A call that got no answer, or a refusal.
pub(super) fn call<E>(error: &SdkError<E, HttpResponse>, asked: &Asked) -> AwsError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let headers = service.raw().headers();
            let now = Timestamp::now();
            Refusal {
                status: Some(service.raw().status().as_u16()),
                code: service.err().code().map(str::to_owned),
                message: service.err().message().unwrap_or_default().to_owned(),
                retry_after: headers.get("retry-after").and_then(|value| retry_after(value, now)),
                offset: headers.get("date").and_then(http_date).map(|server| now.duration_since(server)),
            }
            .classify(asked)
        }
        SdkError::ResponseError(response) => AwsError::StreamBroken {
            how: Breakage::Damaged(format!("{}, HTTP {}", root(error), response.raw().status().as_u16())),
        },
        SdkError::TimeoutError(_) => unreachable_endpoint(error, asked),
        SdkError::DispatchFailure(failure) => {
            if let Some(error) = credentials(error, asked) {
                error
            } else if failure.is_timeout() || (failure.is_io() && !was_connected(error)) {
                unreachable_endpoint(error, asked)
            } else {
                AwsError::StreamBroken { how: Breakage::ConnectionLost(root(error)) }
            }
        }
        // The request could not even be made.
        _ => credentials(error, asked).unwrap_or_else(|| AwsError::Other {
            model: asked.subject.clone(),
            status: None,
            code: None,
            said: root(error),
        }),
    }
}

/// An answer that began well and did not come to its end.
pub(super) fn stream<R>(error: &SdkError<ConverseStreamOutputError, R>, asked: &Asked) -> AwsError
where
    R: std::fmt::Debug + 'static,
{
    let exception = match error {
        SdkError::ServiceError(service) => service.err(),
        SdkError::DispatchFailure(_) => {
            return AwsError::StreamBroken { how: Breakage::ConnectionLost(root(error)) };
        }
        _ => return AwsError::StreamBroken { how: Breakage::Damaged(root(error)) },
    };
    // Exceptions in a stream carry no code.
    let code = match exception {
        ConverseStreamOutputError::ThrottlingException(_) => Some("ThrottlingException"),
        ConverseStreamOutputError::ValidationException(_) => Some("ValidationException"),
        ConverseStreamOutputError::InternalServerException(_) => Some("InternalServerException"),
        ConverseStreamOutputError::ServiceUnavailableException(_) => Some("ServiceUnavailableException"),
        ConverseStreamOutputError::ModelStreamErrorException(_) => Some("ModelStreamErrorException"),
        other => other.code(),
    };
    let message = exception.message().unwrap_or_default();
    let refusal = Refusal { code: code.map(str::to_owned), message: message.to_owned(), ..Refusal::default() };
    match refusal.classify(asked) {
        // The answer had begun: it is the stream that broke, whatever broke it.
        AwsError::Busy { .. } | AwsError::ModelFailed { .. } => {}
        AwsError::Other { .. } if code != Some("ValidationException") => {}
        error => return error,
    }
    let said = words(message);
    AwsError::StreamBroken {
        how: Breakage::Exception(match (code, said.is_empty()) {
            (Some(code), true) => code.to_owned(),
            (Some(code), false) => format!("{code}: {said}"),
            (None, true) => "an exception the service does not name".to_owned(),
            (None, false) => said,
        }),
    }
}

/// Why there are no credentials, where that is why.
fn credentials(error: &(dyn Error + 'static), asked: &Asked) -> Option<AwsError> {
    let none = || AwsError::NoCredentials { profile: asked.profile.clone() };
    let Some(found) = chain(error).find_map(|error| error.downcast_ref::<CredentialsError>()) else {
        // The SDK gives up on a provider with an error it keeps to itself.
        let late = chain(error).map(ToString::to_string).find(|text| text.contains("identity resolver timed out"))?;
        return Some(AwsError::CredentialsUnavailable { why: late });
    };
    Some(match found {
        CredentialsError::CredentialsNotLoaded(_) => none(),
        // The role of an EC2 instance is what is asked for last, when there is nothing else.
        _ if chain(found).any(|error| error.downcast_ref::<ImdsError>().is_some()) => none(),
        _ if chain(found).any(|error| error.to_string().contains("expired")) => AwsError::CredentialsExpired,
        _ => AwsError::CredentialsUnavailable { why: told(found) },
    })
}

/// What an error and its causes tell, but for those that only say that there was one.
fn told(error: &(dyn Error + 'static)) -> String {
    let mut texts: Vec<String> = chain(error).map(ToString::to_string).collect();
    texts.dedup();
    let telling = |text: &&String| !text.starts_with("an error occurred") && !text.ends_with("failure");
    let telling: Vec<&str> = texts.iter().filter(telling).map(String::as_str).collect();
    if telling.is_empty() { root(error) } else { words(&telling.join(": ")) }
}

/// Whether the connection had been made before it failed.
fn was_connected(error: &(dyn Error + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    chain(error)
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof))
}

fn unreachable_endpoint(error: &(dyn Error + 'static), asked: &Asked) -> AwsError {
    AwsError::Unreachable { endpoint: asked.endpoint.clone(), why: root(error) }
}

/// An error and all that caused it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// What the error began with: the rest only says where it passed.
fn root(error: &(dyn Error + 'static)) -> String {
    words(&chain(error).last().unwrap_or(error).to_string())
}

/// A `Retry-After` header: seconds, or a date.
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    match value.trim().parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => Duration::try_from(http_date(value)?.duration_since(now)).ok(),
    }
}

/// The date of an HTTP header.
pub(super) fn http_date(value: &str) -> Option<Timestamp> {
    fmt::rfc2822::parse(value).ok().map(|date| date.timestamp())
}
