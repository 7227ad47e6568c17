//! Whose credentials these are.

use std::sync::{Arc, OnceLock};

use aws_sdk_sts::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_sts::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_sts::error::BoxError;
use jiff::Timestamp;

use super::classify;
use super::client::Client;
use super::error::AwsError;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// A user or a role.
    Principal {
        /// The number of the account.
        account: String,
        /// The ARN of the user or role.
        arn: String,
        /// The service's clock when it answered, to hold this machine's against.
        server_time: Option<Timestamp>,
    },
    /// Whoever holds Bedrock's API key; no service tells who that is.
    ApiKey,
}

impl Client {
    /// Asks AWS STS whose credentials these are. Needs no permission.
    ///
    /// # Errors
    ///
    /// Every [`AwsError`] about credentials, clock and network.
    pub async fn identity(&self) -> Result<Identity, AwsError> {
        if self.api_key {
            return Ok(Identity::ApiKey);
        }
        let clock = ServerClock::default();
        let answer = self
            .sts
            .get_caller_identity()
            .customize()
            .interceptor(clock.clone())
            .send()
            .await
            .map_err(|error| classify::call(&error, &self.asked("sts", "the identity".to_owned())))?;
        Ok(Identity::Principal {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
            server_time: clock.0.get().copied(),
        })
    }
}

/// Reads the time off the answer's `Date` header, which the SDK does not hand out.
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
        if let Some(time) = context.response().headers().get("date").and_then(classify::http_date) {
            // An attempt that was repeated has been read already; either time will do.
            let _ = self.0.set(time);
        }
        Ok(())
    }
}
