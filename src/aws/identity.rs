//! The identity of the credentials.

use std::sync::{Arc, OnceLock};

use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::Timestamp;

use super::classify;
use super::client::{Client, CredentialsKind};
use super::error::AwsError;
use crate::reaction::http_date;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A user or a role.
    Principal {
        account: String,
        arn: String,
        /// The time of the service, for comparison with the local clock.
        server_time: Option<Timestamp>,
    },
    /// A Bedrock API key, whose owner cannot be determined.
    ApiKey,
}

impl Client {
    /// Returns the account, or `None` if it cannot be determined.
    pub async fn account(&self) -> Option<String> {
        match self.identity().await {
            Ok(Identity::Principal { account, .. }) => Some(account),
            Ok(Identity::ApiKey) => None,
            Err(error) => {
                tracing::warn!(%error, "account unknown");
                None
            }
        }
    }

    /// Calls `sts:GetCallerIdentity`, which requires no permission.
    ///
    /// # Errors
    ///
    /// Returns an error for invalid credentials, a wrong clock, or a network failure.
    pub async fn identity(&self) -> Result<Identity, AwsError> {
        if self.credentials == CredentialsKind::ApiKey {
            return Ok(Identity::ApiKey);
        }
        let clock = ServerClock::default();
        let output = self
            .sts
            .get_caller_identity()
            .customize()
            .interceptor(clock.clone())
            .send()
            .await
            .map_err(|error| classify::call(&error, &self.request_info("sts", "the identity".to_owned())))?;
        Ok(Identity::Principal {
            account: output.account.unwrap_or_default(),
            arn: output.arn.unwrap_or_default(),
            server_time: clock.0.get().copied(),
        })
    }
}

/// Captures the `Date` header of the response, which the SDK does not expose.
#[derive(Clone, Debug, Default)]
struct ServerClock(Arc<OnceLock<Timestamp>>);

impl Intercept for ServerClock {
    fn name(&self) -> &'static str {
        "ServerClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(time) = context.response().headers().get("date").and_then(http_date) {
            // Already set if the SDK retried; either time will do.
            let _ = self.0.set(time);
        }
        Ok(())
    }
}
