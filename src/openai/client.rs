//! The client: address, API key and timeouts.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use tokio::time::{Instant, timeout};

use super::base_url::BaseUrl;
use super::chat::{ChatRequest, ChatStream, Timeouts};
use super::classify::{self, RequestInfo};
use super::error::OpenaiError;
use super::transport::{BodyLimits, Response, Transport, TransportError};
use crate::model_api::{Excess, MAX_RESPONSE_BYTES};
use crate::text::{excerpt, without_password};

const MAX_ERROR_BYTES: usize = 256 << 10;
/// The list of a gateway with hundreds of models has about 1 MB.
const MAX_LIST_BYTES: usize = 16 << 20;
const LIST_TIMEOUT: Duration = Duration::from_secs(20);

/// A key, which is not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Removes the whitespace around the key. Returns `None` if nothing is left.
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        Some(key.trim()).filter(|key| !key.is_empty()).map(|key| Self(key.to_owned()))
    }

    /// Returns the text with the key replaced.
    fn hidden_in(&self, text: &str) -> String {
        // A short one is a placeholder, which may be a word of the text.
        if self.0.len() < 8 { text.to_owned() } else { text.replace(&self.0, "***") }
    }

    fn is_valid(&self) -> bool {
        self.0.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ')
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKey(…)")
    }
}

/// A header of every request. Its value is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    name: String,
    value: ApiKey,
    is_secret: bool,
}

impl Header {
    /// # Errors
    ///
    /// Returns an error if the name is not that of a header, or is one of those that recaption sets, or if the value is empty
    /// or cannot be sent.
    pub fn new(name: &str, value: &str, is_secret: bool) -> Result<Self, OpenaiError> {
        const OWN: [&str; 6] = ["accept", "connection", "content-length", "content-type", "host", "transfer-encoding"];
        let lower = name.trim().to_ascii_lowercase();
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        let invalid = |reason| Err(OpenaiError::InvalidHeader { name: name.to_owned(), reason });
        if lower.is_empty() || !lower.bytes().all(is_token) {
            return invalid("not the name of a header");
        }
        if OWN.contains(&&*lower) {
            return invalid("recaption sets it itself");
        }
        match ApiKey::new(value).filter(ApiKey::is_valid) {
            Some(value) => Ok(Self { name: lower, value, is_secret }),
            None => invalid("its value is empty, or has characters that a header cannot contain"),
        }
    }

    /// Returns true if headers of this name carry credentials.
    #[must_use]
    pub fn is_credential(name: &str) -> bool {
        let name = name.to_ascii_lowercase();
        ["authorization", "key", "token", "secret", "password", "cookie"].iter().any(|part| name.contains(part))
    }
}

#[derive(Clone, Debug)]
pub struct Options {
    pub base_url: BaseUrl,
    pub api_key: Option<ApiKey>,
    /// More headers. One that is named `authorization` replaces that of the key.
    pub headers: Vec<Header>,
    /// The environment variable of the key, for messages.
    pub key_variable: Option<String>,
}

#[derive(Debug)]
pub struct Client {
    options: Options,
    transport: Transport,
}

impl Client {
    /// Sends no request.
    ///
    /// # Errors
    ///
    /// Returns an error if the key cannot be sent.
    pub fn new(options: Options) -> Result<Self, OpenaiError> {
        if options.api_key.as_ref().is_some_and(|key| !key.is_valid()) {
            let variable = options.key_variable.unwrap_or_else(|| "the API key".to_owned());
            return Err(OpenaiError::InvalidKey { variable });
        }
        let transport = Transport::new(options.base_url.is_loopback());
        Ok(Self { options, transport })
    }

    #[must_use]
    pub const fn base_url(&self) -> &BaseUrl {
        &self.options.base_url
    }

    /// Returns the ids of the models that the server lists.
    ///
    /// # Errors
    ///
    /// Returns an error if the server cannot be reached or has no list.
    pub async fn models(&self) -> Result<Vec<String>, OpenaiError> {
        let url = self.options.base_url.join("/models");
        let info = self.request_info("the list of models", &url);
        let limits = BodyLimits { response: MAX_LIST_BYTES, error: MAX_ERROR_BYTES };
        let fetch = async {
            let mut response = self.send(&url, None, limits, &info).await?;
            response.text().await.map_err(|error| transport_error(error, &info))
        };
        let Ok(text) = timeout(LIST_TIMEOUT, fetch).await else {
            let host = self.options.base_url.host();
            return Err(OpenaiError::Unreachable { host, reason: format!("no list of models after {LIST_TIMEOUT:?}") });
        };
        let text = text?;
        let not_a_list = || classify::body(200, &text, None, &info);
        let json: Value = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|_| not_a_list())?;
        // Some servers return the array itself, or call it "models".
        let list = [&json["data"], &json["models"], &json].into_iter().find_map(Value::as_array);
        let list = list.ok_or_else(not_a_list)?;
        let id = |model: &Value| {
            let names = [model.as_str(), model["id"].as_str(), model["name"].as_str()];
            names.into_iter().flatten().next().map(str::to_owned)
        };
        Ok(list.iter().filter_map(id).collect())
    }

    /// Sends a request and returns the response stream once it begins. Does not retry.
    ///
    /// # Errors
    ///
    /// Returns any [`OpenaiError`].
    pub async fn chat(&self, request: &ChatRequest) -> Result<ChatStream, OpenaiError> {
        let url = self.options.base_url.join("/chat/completions");
        let mut info = self.request_info(&request.model, &url);
        info.uncommon_format =
            request.image.as_ref().is_some_and(|image| !matches!(image.media_type, "image/jpeg" | "image/png"));
        info.old_limit = request.old_limit;
        info.has_schema = request.schema.is_some();
        let body = request.to_json();
        let timeouts = Timeouts::start(self.options.base_url.is_loopback(), body.len());
        let limits = BodyLimits { response: MAX_RESPONSE_BYTES, error: MAX_ERROR_BYTES };
        let limit = timeouts.until_response();
        let sent = timeout(limit, self.send(&url, Some(body), limits, &info)).await;
        let response = sent.unwrap_or_else(|_| {
            Err(OpenaiError::Interrupted { cause: format!("no response after {} s", limit.as_secs()) })
        })?;
        Ok(ChatStream::new(response, info, timeouts))
    }

    async fn send(
        &self,
        url: &str,
        body: Option<Vec<u8>>,
        limits: BodyLimits,
        info: &RequestInfo,
    ) -> Result<Response, OpenaiError> {
        let authorization = self.options.api_key.as_ref().map(|key| format!("Bearer {}", key.0));
        let authorization = authorization.iter().map(|value| ("authorization", value.as_str()));
        let more = self.options.headers.iter().map(|header| (header.name.as_str(), header.value.0.as_str()));
        let headers: Vec<(&str, &str)> = authorization.chain(more).collect();
        let sent = self.transport.send(url, &headers, body, limits).await;
        let mut response = sent.map_err(|error| transport_error(error, info))?;
        if response.is_success() {
            return Ok(response);
        }
        if let Some(location) = &response.location {
            let found = format!("a redirect to {}", excerpt(&without_password(location)));
            return Err(OpenaiError::NotAnApi { url: info.url.clone(), found });
        }
        let (status, retry_after) = (response.status, response.retry_after);
        // The status tells enough if the body is too long or does not arrive.
        let started = Instant::now();
        let text = timeout(LIST_TIMEOUT, response.text()).await.ok().and_then(Result::ok).unwrap_or_default();
        tracing::debug!(status, waited = ?started.elapsed(), "error response");
        Err(classify::body(status, &text, retry_after, info))
    }

    /// Returns what no message may repeat.
    fn secrets(&self) -> impl Iterator<Item = &ApiKey> {
        let headers = self.options.headers.iter().filter(|header| header.is_secret);
        self.options.api_key.iter().chain(headers.map(|header| &header.value))
    }

    fn request_info(&self, model: &str, url: &str) -> RequestInfo {
        RequestInfo {
            model: model.to_owned(),
            host: self.options.base_url.host(),
            url: url.split('?').next().unwrap_or(url).to_owned(),
            key_variable: self.options.key_variable.clone(),
            has_key: self.options.api_key.is_some() || self.options.headers.iter().any(|header| header.is_secret),
            secrets: Secrets(self.secrets().cloned().collect()),
            uncommon_format: false,
            old_limit: false,
            has_schema: false,
        }
    }
}

/// Values that messages must not repeat.
#[derive(Clone, Debug, Default)]
pub(super) struct Secrets(pub(super) Vec<ApiKey>);

impl Secrets {
    /// Returns the text with the secrets replaced.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| secret.hidden_in(&text))
    }
}

pub(super) fn transport_error(error: TransportError, info: &RequestInfo) -> OpenaiError {
    match error {
        TransportError::Unreachable(reason) => OpenaiError::Unreachable { host: info.host.clone(), reason },
        TransportError::Lost(reason) => OpenaiError::Interrupted { cause: format!("connection lost: {reason}") },
        TransportError::TooLong(limit) => {
            OpenaiError::Discarded { model: info.model.clone(), excess: Excess::Bytes(limit) }
        }
    }
}
