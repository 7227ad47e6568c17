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
pub(super) struct BodyLimit;

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
        let limit = if response.status().is_success() { MAX_RESPONSE_BYTES } else { MAX_ERROR_BYTES };
        let body = response.take_body();
        *response.body_mut() = SdkBody::from_body_1_x(Limited::new(body, limit));
        Ok(())
    }
}
