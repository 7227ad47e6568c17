//! A client for one bucket of Amazon S3, or of a compatible server.

mod classify;
mod download;
mod error;
mod list;
mod object;
#[cfg(test)]
mod tests;
mod upload;
mod url;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_types::service_config::ServiceConfigKey;

use super::body_limit::BodyLimit;
use super::client::{CONNECT_TIMEOUT, Connection, Options};
use super::credentials::{API_KEY, non_empty};
use super::error::AwsError;
use super::error_response::RequestInfo;
use crate::text::without_password;

pub use download::Download;
pub use error::S3Error;
pub use object::{Condition, ListedObject, ObjectProperties, ObjectVersion};
pub use upload::Upload;
pub use url::{S3Url, S3UrlError};

/// The maximum time until a response begins. The SDK then retries, and it detects stalled transfers itself.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// One bucket. Cheap to clone; clones share connections and credentials.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: aws_sdk_s3::Client,
    name: Arc<str>,
    region: Arc<str>,
    /// For messages, and to tell apart buckets of the same name.
    endpoint: Option<Arc<str>>,
    profile: Option<Arc<str>>,
    has_api_key: bool,
}

/// What a request does, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Get,
    Put,
    List,
    Abort,
    Delete,
}

impl Action {
    /// Returns the permission that the request requires.
    const fn permission(self) -> &'static str {
        match self {
            Self::Get => "s3:GetObject",
            Self::Put => "s3:PutObject",
            Self::List => "s3:ListBucket",
            Self::Abort => "s3:AbortMultipartUpload",
            Self::Delete => "s3:DeleteObject",
        }
    }
}

impl Bucket {
    /// Loads region, credentials and endpoint as for Bedrock, and finds the region of the bucket with one request.
    ///
    /// # Errors
    /// Returns an error if a setting is invalid, there is no such bucket, or it cannot be reached.
    pub async fn connect(options: &Options, name: &str) -> Result<Self, AwsError> {
        let connection = Connection::load(options).await?;
        let bucket = Self::new(&connection.config, connection.profile.as_deref(), name)?;
        match bucket.probe().await {
            Err(AwsError::S3(S3Error::OtherRegion { region: Some(region), .. })) if bucket.endpoint.is_none() => {
                tracing::info!(bucket = name, region, "bucket in another region");
                let config = connection.config.into_builder().region(aws_config::Region::new(region)).build();
                Self::new(&config, connection.profile.as_deref(), name)
            }
            // Those who may read objects are not always allowed to list them.
            Ok(()) | Err(AwsError::NotAuthorized { .. }) => Ok(bucket),
            Err(error) => Err(error),
        }
    }

    fn new(config: &SdkConfig, profile: Option<&str>, name: &str) -> Result<Self, AwsError> {
        let region = config.region().ok_or(AwsError::NoRegion)?.as_ref().into();
        let mut endpoint = endpoint(config);
        let mut builder = aws_sdk_s3::config::Builder::from(config).interceptor(BodyLimit::of_errors()).timeout_config(
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).read_timeout(READ_TIMEOUT).build(),
        );
        // An emulator such as MiniStack serves all services at one endpoint; a Bedrock endpoint serves only one.
        if endpoint.as_ref().is_some_and(|endpoint| endpoint.contains("bedrock")) {
            builder.set_endpoint_url(None);
            endpoint = None;
        }
        // Names of buckets as host names require DNS, which custom endpoints rarely have.
        builder.set_force_path_style(Some(endpoint.is_some()));
        Ok(Self {
            client: aws_sdk_s3::Client::from_conf(builder.build()),
            name: name.into(),
            region,
            endpoint: endpoint.map(|url| without_password(&url).into()),
            profile: profile.map(Arc::from),
            has_api_key: non_empty(&|name: &str| env::var_os(name), API_KEY).is_some(),
        })
    }

    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Returns the custom endpoint, if any.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Returns the URL of an object.
    #[must_use]
    pub fn url(&self, key: &str) -> S3Url {
        S3Url { bucket: self.name.to_string(), key: key.to_owned() }
    }

    /// Requests a listing, whose errors, unlike those of `HeadBucket`, have a body.
    async fn probe(&self) -> Result<(), AwsError> {
        let request = self.client.list_objects_v2().bucket(&*self.name).max_keys(1);
        request.send().await.map_err(|error| self.error(&error, "", Action::List))?;
        Ok(())
    }

    /// Classifies the error of a request for an object.
    fn error<E>(&self, error: &SdkError<E, HttpResponse>, key: &str, action: Action) -> AwsError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        classify::call(error, &self.request_info(key), &self.url(key), action, self.has_api_key)
    }

    fn request_info(&self, key: &str) -> RequestInfo {
        let endpoint = self.endpoint().map_or_else(
            || {
                let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://s3.{}.{domain}", self.region)
            },
            str::to_owned,
        );
        RequestInfo {
            subject: self.url(key).to_string(),
            region: self.region.to_string(),
            endpoint,
            profile: self.profile.as_deref().map(str::to_owned),
            structure: None,
        }
    }
}

/// Returns the endpoint that the SDK will use instead of the region's.
fn endpoint(config: &SdkConfig) -> Option<String> {
    let key = ServiceConfigKey::builder().service_id("S3").env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_service = || config.service_config()?.load_config(key.ok()?);
    // The SDK prefers an option to the settings for a service, and those to settings for all.
    let of_all = config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() { of_all } else { of_service().or(of_all) }
}
