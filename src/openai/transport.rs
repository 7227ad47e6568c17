//! HTTP over the client of the AWS SDK, so that there is one TLS stack with one set of certificates and proxies.

use std::error::Error;
use std::time::Duration;

use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::http::{HttpConnector as _, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jiff::Timestamp;

use crate::reaction::retry_after;
use crate::text::excerpt;

/// Includes the TLS handshake.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Transport {
    connector: Connector,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TransportError {
    /// No connection was established.
    Unreachable(String),
    /// The connection broke.
    Lost(String),
    /// The body exceeds its limit, in bytes.
    TooLong(usize),
}

impl Transport {
    /// Creates a client. Ignores proxies if `direct` is true.
    pub(super) fn new(direct: bool) -> Self {
        let proxies = if direct { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let connector = Connector::builder()
            .connector_settings(settings)
            .proxy_config(proxies)
            .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
            .build();
        Self { connector }
    }

    /// Sends a request: a POST if it has a body. Returns the response when its header has arrived.
    pub(super) async fn send(
        &self,
        url: &str,
        more: &[(&str, &str)],
        body: Option<Vec<u8>>,
        limits: BodyLimits,
    ) -> Result<Response, TransportError> {
        let invalid = |error: &(dyn Error + 'static)| TransportError::Unreachable(root_cause(error));
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_uri(url).map_err(|error| invalid(&error))?;
        if let Some(body) = body {
            request.set_method("POST").map_err(|error| invalid(&error))?;
            request.headers_mut().insert("content-type", "application/json");
            request.headers_mut().insert("content-length", body.len().to_string());
            *request.body_mut() = SdkBody::from(body);
        }
        let headers = request.headers_mut();
        headers.insert("accept", "text/event-stream, application/json");
        headers.insert("user-agent", concat!("recaption/", env!("CARGO_PKG_VERSION")));
        // The last of the same name counts.
        for (name, value) in more {
            headers.insert((*name).to_owned(), (*value).to_owned());
        }
        match self.connector.call(request).await {
            Ok(response) => Ok(Response::new(response, limits)),
            Err(error) if error.is_timeout() || (error.is_io() && !was_connected(&error)) => Err(invalid(&error)),
            Err(error) => Err(TransportError::Lost(root_cause(&error))),
        }
    }
}

/// The maximum sizes of a body, in bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimits {
    pub(super) response: usize,
    pub(super) error: usize,
}

pub(super) struct Response {
    pub(super) status: u16,
    /// How long the server asks to wait.
    pub(super) retry_after: Option<Duration>,
    /// The target of a redirect.
    pub(super) location: Option<String>,
    limit: usize,
    body: Limited<SdkBody>,
}

impl Response {
    fn new(mut response: HttpResponse, limits: BodyLimits) -> Self {
        let headers = response.headers();
        let milliseconds = headers.get("retry-after-ms").and_then(|value| value.trim().parse().ok());
        let header = headers.get("retry-after").and_then(|value| retry_after(value, Timestamp::now()));
        let retry_after = milliseconds.map(Duration::from_millis).or(header);
        let status = response.status().as_u16();
        let location = headers.get("location").filter(|_| (300..400).contains(&status)).map(str::to_owned);
        let limit = if response.status().is_success() { limits.response } else { limits.error };
        Self { status, retry_after, location, limit, body: Limited::new(response.take_body(), limit) }
    }

    pub(super) const fn is_success(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Returns the next bytes of the body, or `None` at its end. Cancel-safe.
    pub(super) async fn chunk(&mut self) -> Result<Option<bytes::Bytes>, TransportError> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Ok(Some(data)),
                    // Trailers.
                    Err(_) => {}
                },
                Some(Err(error)) if error.is::<LengthLimitError>() => {
                    return Err(TransportError::TooLong(self.limit));
                }
                Some(Err(error)) => return Err(TransportError::Lost(root_cause(&*error))),
            }
        }
    }

    /// Reads the rest of the body.
    pub(super) async fn text(&mut self) -> Result<String, TransportError> {
        let mut bytes = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Returns true if the connection was established before it failed.
fn was_connected(error: &(dyn Error + 'static)) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    chain(error).any(|error| {
        error.downcast_ref::<std::io::Error>().is_some_and(|error| {
            matches!(error.kind(), ConnectionReset | ConnectionAborted | BrokenPipe | UnexpectedEof)
        }) || error.to_string().contains("connection closed")
    })
}

/// Iterates over an error and its causes.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

/// Returns the message of the root cause; the errors above it only describe the layers of the client.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    excerpt(&chain(error).last().unwrap_or(error).to_string())
}
