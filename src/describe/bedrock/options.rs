//! The settings of the describer.

use crate::aws;
use crate::describe::Dollars;
use crate::describe::catalogue::{AUTO, Catalogue, ResolveError, Target};
use crate::describe::prompt::Prompt;
use crate::describe::rate_limiter::RateLimits;

#[derive(Clone, Debug)]
pub struct BedrockOptions {
    pub aws: aws::Options,
    /// A name the catalogue resolves, or [`AUTO`].
    pub model: String,
    pub catalogue: Catalogue,
    pub prompt: Prompt,
    /// How captions refer to people; a variable of the prompt.
    pub people: String,
    pub language: String,
    /// The maximum number of words per caption, for estimates.
    pub max_words: usize,
    pub limits: RateLimits,
    /// The maximum cost of this run.
    pub budget: Option<Dollars>,
}

impl BedrockOptions {
    /// Returns the models to try from a region, in order.
    ///
    /// # Errors
    ///
    /// Returns an error if the model is unknown or cannot be called from the region.
    pub fn targets(&self, region: &str) -> Result<Vec<Target>, ResolveError> {
        if self.model == AUTO {
            return Ok(self.catalogue.automatic(region));
        }
        self.catalogue.resolve(&self.model, region).map(|target| vec![target])
    }
}
