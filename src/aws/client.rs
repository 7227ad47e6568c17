//! The connection to Bedrock: region, credentials, endpoint, and what the SDK must not do by itself.

use std::env;
use std::sync::Arc;
use std::time::Duration;

use aws_config::identity::IdentityCache;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_sdk_bedrockruntime::config::StalledStreamProtectionConfig;
use aws_sdk_bedrockruntime::config::retry::RetryConfig;
use aws_sdk_bedrockruntime::config::timeout::TimeoutConfig;
use tokio::time::timeout;

use super::classify;
use super::converse::{ConverseRequest, ConverseStream};
use super::credentials::{API_KEY, PROFILE, set};
use super::error::{AwsError, Breakage};
use super::refusal::Asked;

/// The longest a connection may take to be made, TLS included.
const CONNECT: Duration = Duration::from_secs(5);

/// The slowest upload that is waited for, in bytes a second. A picture of 3.75 MB takes 38 s at it.
const SLOWEST_UPLOAD: u64 = 100_000;

/// The longest the credentials may take to be had: a sign-in may have to be renewed, a program to be run.
const CREDENTIALS: Duration = Duration::from_secs(20);

/// How to reach Bedrock. What is not given here is taken from the environment and the files of the AWS tools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The region ("us-east-1").
    pub region: Option<String>,
    /// The profile in the files of the AWS tools.
    pub profile: Option<String>,
    /// The address to ask instead of the region's own.
    pub endpoint_url: Option<String>,
    /// The longest silence in an answer, also before its first word. Some models think that long.
    pub idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { region: None, profile: None, endpoint_url: None, idle: Duration::from_mins(1) }
    }
}

/// A way to Bedrock. Cheap to clone; clones share their connections and credentials.
#[derive(Clone, Debug)]
pub struct Client {
    bedrock: aws_sdk_bedrockruntime::Client,
    pub(super) sts: aws_sdk_sts::Client,
    region: Arc<str>,
    endpoint: Option<Arc<str>>,
    profile: Option<Arc<str>>,
    idle: Duration,
    /// Requests carry an API key, which no other service knows.
    pub(super) api_key: bool,
}

impl Client {
    /// Finds region and credentials as the AWS tools do. Bedrock is not asked yet: whether the credentials are good is
    /// seen at the first request. The files of the AWS tools are read once: after a new sign-in, connect again.
    ///
    /// # Errors
    ///
    /// [`AwsError::NoRegion`], or [`AwsError::Unreachable`] where the endpoint is no address.
    pub async fn connect(options: &Options) -> Result<Self, AwsError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .identity_cache(IdentityCache::lazy().load_timeout(CREDENTIALS).build());
        if let Ok(name) = AppName::new("recaption") {
            loader = loader.app_name(name);
        }
        if let Some(region) = &options.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(profile) = &options.profile {
            loader = loader.profile_name(profile);
        }
        if let Some(endpoint) = &options.endpoint_url {
            loader = loader.endpoint_url(endpoint);
        }
        let variable = |name| set(&|name| env::var_os(name), name);
        let profile = || variable(PROFILE).map(|name| name.to_string_lossy().into_owned());
        let options = Options { profile: options.profile.clone().or_else(profile), ..options.clone() };
        Self::new(&loader.load().await, variable(API_KEY).is_some(), &options)
    }

    /// With what has been found: of the options, the idle time and the profile's name.
    pub(super) fn new(config: &SdkConfig, api_key: bool, options: &Options) -> Result<Self, AwsError> {
        let region = config.region().ok_or(AwsError::NoRegion)?.as_ref().into();
        let endpoint = config.endpoint_url().map(Arc::<str>::from);
        if let Some(endpoint) = &endpoint
            && !["http://", "https://"].iter().any(|scheme| endpoint.starts_with(scheme))
        {
            let why = "an address begins with http:// or https://".to_owned();
            return Err(AwsError::Unreachable { endpoint: endpoint.to_string(), why });
        }
        let bedrock = aws_sdk_bedrockruntime::config::Builder::from(config)
            // Whoever paces the requests must see every refusal to learn the quota from it, and has to repeat what
            // breaks in mid-stream in any case, which the SDK does not.
            .retry_config(RetryConfig::disabled())
            // A read time-out below the time to the first token would send the request, and bill it, again and again.
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT)
                    .disable_read_timeout()
                    .disable_operation_timeout()
                    .disable_operation_attempt_timeout()
                    .build(),
            )
            // It does not cover the answers of this operation; `idle` does.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        let mut sts = aws_sdk_sts::config::Builder::from(config)
            .timeout_config(TimeoutConfig::builder().connect_timeout(CONNECT).operation_timeout(CONNECT * 3).build());
        // A server that stands in for AWS answers for both services; an endpoint of Bedrock's own does not.
        if endpoint.as_ref().is_some_and(|endpoint| endpoint.contains("bedrock")) {
            sts.set_endpoint_url(None);
        }
        Ok(Self {
            bedrock: aws_sdk_bedrockruntime::Client::from_conf(bedrock),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            region,
            endpoint,
            profile: options.profile.as_deref().map(Arc::from),
            idle: options.idle,
            api_key,
        })
    }

    /// The region that is asked.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The address that is asked, where it is not the region's own.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.endpoint.as_deref()
    }

    /// Sends one request, once, and hands over its answer as soon as it begins.
    ///
    /// # Errors
    ///
    /// Every [`AwsError`]. Nothing is repeated here: [`AwsError::reaction`] says what is worth doing.
    pub async fn converse(&self, request: ConverseRequest) -> Result<ConverseStream, AwsError> {
        let asked = self.asked("bedrock-runtime", request.model.clone());
        let uploaded = request.picture.as_ref().map_or(0, |picture| picture.bytes.len() as u64);
        let patience = CONNECT + self.idle + Duration::from_secs(uploaded / SLOWEST_UPLOAD);
        let call = request.fill(self.bedrock.converse_stream())?;
        match timeout(patience, call.send()).await {
            Ok(Ok(output)) => Ok(ConverseStream::new(output.stream, asked, self.idle)),
            Ok(Err(error)) => Err(classify::call(&error, &asked)),
            Err(_) => Err(AwsError::StreamBroken { how: Breakage::Silence(patience) }),
        }
    }

    /// What an error has to name.
    pub(super) fn asked(&self, service: &str, subject: String) -> Asked {
        let endpoint = self.endpoint().map_or_else(
            || {
                let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
                format!("https://{service}.{}.{domain}", self.region)
            },
            str::to_owned,
        );
        let profile = self.profile.as_deref().map(str::to_owned);
        Asked { subject, region: self.region.to_string(), endpoint, profile }
    }
}
