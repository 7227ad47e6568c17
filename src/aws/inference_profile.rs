//! The inference profiles of a region, and the models behind those of an account, whose ARNs do not name them.

use aws_sdk_bedrock::types::InferenceProfileType;

use super::classify;
use super::client::Client;
use super::error::AwsError;

impl Client {
    /// Calls `bedrock:ListInferenceProfiles` and returns the ids of the profiles of the service in this region.
    ///
    /// # Errors
    ///
    /// Returns any [`AwsError`].
    pub async fn inference_profiles(&self) -> Result<Vec<String>, AwsError> {
        let call = self.control.list_inference_profiles().type_equals(InferenceProfileType::SystemDefined);
        let profiles = call.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        let failed = |error| classify::call(&error, &self.request_info("bedrock", "the inference profiles".to_owned()));
        Ok(profiles.map_err(failed)?.into_iter().map(|profile| profile.inference_profile_id).collect())
    }

    /// Calls `bedrock:GetInferenceProfile` and returns the ARNs of the models: one for each region that requests may be
    /// routed to. The ARN of a model without a region stands for all regions.
    ///
    /// # Errors
    ///
    /// Returns any [`AwsError`].
    pub async fn models_of_profile(&self, arn: &str) -> Result<Vec<String>, AwsError> {
        let output = self.control.get_inference_profile().inference_profile_identifier(arn).send().await;
        let output = output.map_err(|error| classify::call(&error, &self.request_info("bedrock", arn.to_owned())))?;
        Ok(output.models.into_iter().filter_map(|model| model.model_arn).collect())
    }
}
