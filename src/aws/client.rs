//! The client: region, credentials, endpoint, and timeouts.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use aws_config::ecs::EcsCredentialsProvider;
use aws_config::identity::IdentityCache;
use aws_config::imds::credentials::ImdsCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_bedrockruntime::config::StalledStreamProtectionConfig;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use aws_sdk_bedrockruntime::operation::RequestId as _;
use aws_smithy_runtime_api::client::auth::AuthSchemeId;
use tokio::time::timeout;

use super::body_limit::BodyLimit;
use super::classify;
use super::converse::{ConverseStream, Timeouts};
use super::credentials::{API_KEY, non_empty};
use super::error::{AwsError, Interruption};
use super::error_response::RequestInfo;
use super::request::{ConverseRequest, Structure};
use super::settings::Settings;
use super::tls::client_trusting;
use crate::reaction::Parameter;
use crate::text::without_password;

/// Includes the TLS handshake.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// In bytes per second. At this rate, an image of 3.75 MB takes 38 s.
const MIN_UPLOAD_RATE: u64 = 100_000;

/// Loading credentials may refresh a sign-in or run a `credential_process`.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(20);

/// Settings that override those of the environment and the AWS configuration files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub region: Option<String>,
    pub profile: Option<String>,
    /// A custom endpoint instead of the region's.
    pub endpoint_url: Option<String>,
    /// The maximum time without data, also before the first token. Some models think that long.
    pub idle_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: None, profile: None, endpoint_url: None, idle_timeout: Duration::from_mins(1) }
    }
}

/// A Bedrock client. Cheap to clone; clones share connections and credentials.
#[derive(Clone, Debug)]
pub struct Client {
    bedrock: aws_sdk_bedrockruntime::Client,
    /// The control plane of Bedrock.
    pub(super) control: aws_sdk_bedrock::Client,
    pub(super) sts: aws_sdk_sts::Client,
    region: Arc<str>,
    endpoint: Option<Arc<str>>,
    profile: Option<Arc<str>>,
    idle_timeout: Duration,
    pub(super) credentials: CredentialsKind,
}

/// The credentials of the requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CredentialsKind {
    /// Those of the default chain of AWS.
    Default,
    /// Those of a chosen profile, whatever is in the environment.
    Profile,
    /// A Bedrock API key, which other services do not accept.
    ApiKey,
}

/// Returns the credentials of a profile, or, like the AWS CLI, of the container or instance if the profile has none.
fn profile_credentials(name: &str, config: &ProviderConfig) -> CredentialsProviderChain {
    let profile = ProfileFileCredentialsProvider::builder().configure(config).profile_name(name).build();
    let container = EcsCredentialsProvider::builder().configure(config).build();
    let instance = ImdsCredentialsProvider::builder().configure(config).build();
    CredentialsProviderChain::first_try("Profile", profile)
        .or_else("EcsContainer", container)
        .or_else("Ec2InstanceMetadata", instance)
}

/// What the clients of all services have in common.
pub(super) struct Connection {
    pub config: SdkConfig,
    pub credentials: CredentialsKind,
    /// The chosen profile or the one of the environment, for messages.
    pub profile: Option<String>,
}

impl Connection {
    /// Loads region and credentials like the AWS CLI. Sends no request.
    pub(super) async fn load(options: &Options) -> Result<Self, AwsError> {
        let settings = Settings::resolve(options)?;
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS_TIMEOUT).build());
        if let Ok(name) = AppName::new("recaption") {
            loader = loader.app_name(name);
        }
        let region = settings.region.map(Region::new);
        if let Some(region) = region.clone() {
            loader = loader.region(region);
        }
        let http_client = settings.ca_bundle.as_deref().map(client_trusting).transpose()?;
        if let Some(client) = http_client.clone() {
            loader = loader.http_client(client);
        }
        if let Some(profile) = &options.profile {
            let mut config = ProviderConfig::without_region().with_region(region);
            if let Some(client) = http_client {
                config = config.with_http_client(client);
            }
            loader = loader.profile_name(profile).credentials_provider(profile_credentials(profile, &config));
        }
        if let Some(endpoint) = &options.endpoint_url {
            loader = loader.endpoint_url(endpoint);
        }
        let api_key = non_empty(&|name: &str| env::var_os(name), API_KEY);
        let credentials = match (&options.profile, api_key) {
            (Some(_), _) => CredentialsKind::Profile,
            (None, Some(_)) => CredentialsKind::ApiKey,
            (None, None) => CredentialsKind::Default,
        };
        Ok(Self { config: loader.load().await, credentials, profile: settings.profile })
    }
}

impl Client {
    /// Loads region and credentials like the AWS CLI. Sends no request, so invalid credentials are detected by the first
    /// one. The AWS configuration files are read once; a new sign-in requires a new client.
    ///
    /// # Errors
    ///
    /// Returns an error if no region is set, if a setting is invalid, or if the endpoint is not a URL.
    pub async fn connect(options: &Options) -> Result<Self, AwsError> {
        let Connection { config, credentials, profile } = Connection::load(options).await?;
        Self::new(&config, credentials, &Options { profile, ..options.clone() })
    }

    /// Uses only the idle timeout and the profile of `options`; the rest is in `config`.
    pub(super) fn new(config: &SdkConfig, credentials: CredentialsKind, options: &Options) -> Result<Self, AwsError> {
        let region = config.region().ok_or(AwsError::NoRegion)?.as_ref().into();
        // For messages only.
        let endpoint = config.endpoint_url().map(|url| Arc::<str>::from(without_password(url)));
        if let Some(endpoint) = &endpoint
            && !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme))
        {
            let reason = "not an http:// or https:// URL".to_owned();
            return Err(AwsError::Unreachable { endpoint: endpoint.to_string(), reason });
        }
        let mut bedrock = aws_sdk_bedrockruntime::config::Builder::from(config)
            // The rate limiter must see every throttled request to learn the quota. Interrupted streams, which the SDK
            // does not retry, need retries by the caller anyway.
            .retry_config(RetryConfig::disabled())
            // A read timeout below the time to the first token would send the request again, which is charged each time.
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .disable_read_timeout()
                    .disable_operation_timeout()
                    .disable_operation_attempt_timeout()
                    .build(),
            )
            // It does not cover streamed responses; `idle_timeout` does.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .interceptor(BodyLimit::default());
        if credentials == CredentialsKind::Profile {
            // Otherwise the SDK would use an API key in the environment.
            bedrock.set_auth_scheme_preference(Some([AuthSchemeId::from("sigv4")].into()));
        }
        let timeouts =
            TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_timeout(CONNECT_TIMEOUT * 3).build();
        let mut sts = aws_sdk_sts::config::Builder::from(config)
            .interceptor(BodyLimit::default())
            .timeout_config(timeouts.clone());
        let mut control =
            aws_sdk_bedrock::config::Builder::from(config).interceptor(BodyLimit::default()).timeout_config(timeouts);
        if credentials == CredentialsKind::Profile {
            control.set_auth_scheme_preference(Some([AuthSchemeId::from("sigv4")].into()));
        }
        // An emulator such as MiniStack serves all services at one endpoint; a Bedrock endpoint serves only one.
        if endpoint.as_ref().is_some_and(|endpoint| endpoint.contains("bedrock")) {
            sts.set_endpoint_url(None);
            control.set_endpoint_url(None);
        }
        Ok(Self {
            bedrock: aws_sdk_bedrockruntime::Client::from_conf(bedrock.build()),
            control: aws_sdk_bedrock::Client::from_conf(control.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            region,
            endpoint,
            profile: options.profile.as_deref().map(Arc::from),
            idle_timeout: options.idle_timeout,
            credentials,
        })
    }

    /// Returns the chosen profile, or the one of the environment, unless an API key takes its place.
    #[must_use]
    pub fn profile(&self) -> Option<&str> {
        self.profile.as_deref().filter(|_| self.credentials != CredentialsKind::ApiKey)
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

    /// Sends a request and returns the response stream once it begins. Does not retry.
    ///
    /// # Errors
    ///
    /// Returns any [`AwsError`].
    pub async fn converse(&self, request: ConverseRequest) -> Result<ConverseStream, AwsError> {
        let mut info = self.request_info("bedrock-runtime", request.model.clone());
        info.structure = request.structure.map(|structure| match structure {
            Structure::Text { .. } => Parameter::Schema,
            Structure::Tool { .. } => Parameter::ToolChoice,
        });
        let uploaded = request.image.as_ref().map_or(0, |image| image.bytes.len() as u64);
        let timeouts = Timeouts::start(self.idle_timeout);
        let limit = CONNECT_TIMEOUT + self.idle_timeout + Duration::from_secs(uploaded / MIN_UPLOAD_RATE);
        let call = request.apply_to(self.bedrock.converse_stream())?;
        match timeout(limit, call.send()).await {
            Ok(Ok(output)) => {
                let request_id = output.request_id().map(str::to_owned);
                Ok(ConverseStream::new(output.stream, info, timeouts, request_id))
            }
            Ok(Err(error)) => {
                tracing::warn!(request_id = error.request_id(), region = info.region, "AWS rejected the request");
                Err(classify::call(&error, &info))
            }
            Err(_) => Err(AwsError::StreamInterrupted { cause: Interruption::Timeout(limit) }),
        }
    }

    pub(super) fn request_info(&self, service: &str, subject: String) -> RequestInfo {
        let endpoint = self.endpoint().map_or_else(
            || {
                let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{service}.{}.{domain}", self.region)
            },
            str::to_owned,
        );
        let profile = self.profile.as_deref().map(str::to_owned);
        RequestInfo { subject, region: self.region.to_string(), endpoint, profile, structure: None }
    }
}
