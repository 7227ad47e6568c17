//! Limits the size of response bodies, which the SDK reads into memory.

use aws_sdk_bedrockruntime::config::interceptors::BeforeDeserializationInterceptorContextMut;
use aws_sdk_bedrockruntime::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_bedrockruntime::error::BoxError;
use aws_smithy_types::body::SdkBody;
use http_body_util::Limited;

use crate::model_api::MAX_RESPONSE_BYTES;

/// The maximum size of an error response.
pub(super) const MAX_ERROR_BYTES: usize = 256 << 10;

/// Ends a body beyond its limit with a [`http_body_util::LengthLimitError`].
#[derive(Clone, Copy, Debug)]
pub(super) struct BodyLimit {
    /// The maximum size of a successful response.
    success: usize,
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self { success: MAX_RESPONSE_BYTES }
    }
}

impl BodyLimit {
    /// Limits errors only, of a service whose responses are read in chunks.
    pub(super) const fn of_errors() -> Self {
        Self { success: usize::MAX }
    }
}

impl Intercept for BodyLimit {
    fn name(&self) -> &'static str {
        "BodyLimit"
    }

    fn modify_before_deserialization(
        &self,
        context: &mut BeforeDeserializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response_mut();
        let limit = if response.status().is_success() { self.success } else { MAX_ERROR_BYTES };
        let body = response.take_body();
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, limit));
        Ok(())
    }
}
