//! The models behind an application inference profile, whose ARN does not name them.

use super::classify;
use super::client::Client;
use super::error::AwsError;

impl Client {
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
