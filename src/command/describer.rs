//! Chooses and sets up the describer of a run.

use std::path::PathBuf;
use std::sync::Arc;

use etcetera::BaseStrategy as _;

use crate::aws::{self, AwsError};
use crate::config::{Config, DescriberChoice};
use crate::describe::Describer;
use crate::describe::bedrock::{self, BedrockError, BedrockOptions};
use crate::describe::catalogue::{Catalogue, CatalogueError};
use crate::describe::prompt::{Prompt, PromptError};
use crate::describe::rate_limiter::RateLimits;
use crate::describe::remote::RemoteOptions;

#[derive(Debug, thiserror::Error)]
pub enum DescriberError {
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Bedrock(#[from] BedrockError),
    #[error("this build does not include the embedded describer: use --describer bedrock or --describer none")]
    NotBuiltIn,
}

pub enum DescriberSetup {
    Bedrock(Box<BedrockOptions>),
    /// The embedded describer.
    Local,
    None,
    Invalid(DescriberError),
}

impl DescriberSetup {
    /// Returns the configured describer. By default, Bedrock if AWS credentials are configured and `samples` is false,
    /// otherwise the embedded describer; samples never use a paid describer by default.
    #[must_use]
    pub fn from_config(config: &Config, samples: bool) -> Self {
        let choice = config.describer.unwrap_or_else(|| {
            if !samples && aws::credentials_are_configured() {
                DescriberChoice::Bedrock
            } else if cfg!(feature = "local") {
                DescriberChoice::Local
            } else {
                DescriberChoice::None
            }
        });
        match choice {
            DescriberChoice::Bedrock => match bedrock_options(config) {
                Ok(options) => Self::Bedrock(Box::new(options)),
                Err(error) => Self::Invalid(error),
            },
            DescriberChoice::Local if cfg!(feature = "local") => Self::Local,
            DescriberChoice::Local => Self::Invalid(DescriberError::NotBuiltIn),
            DescriberChoice::None => Self::None,
        }
    }

    /// Creates the describer. Returns `None` if there is to be none.
    ///
    /// # Errors
    ///
    /// Returns an error if the setup is invalid.
    pub fn build(self) -> Result<Option<Arc<dyn Describer>>, DescriberError> {
        match self {
            Self::Bedrock(options) => Ok(Some(Arc::new(bedrock::describer(*options)?))),
            #[cfg(feature = "local")]
            Self::Local => Ok(Some(Arc::new(crate::describe::local::LocalDescriber::default()))),
            #[cfg(not(feature = "local"))]
            Self::Local => Err(DescriberError::NotBuiltIn),
            Self::None => Ok(None),
            Self::Invalid(error) => Err(error),
        }
    }
}

fn bedrock_options(config: &Config) -> Result<BedrockOptions, DescriberError> {
    let folder = config_folder();
    let catalogue = match &folder {
        Some(folder) => Catalogue::load(&folder.join("models.toml"))?,
        None => Catalogue::built_in(),
    };
    let mut aws = aws::Options {
        region: config.region.clone(),
        profile: config.profile.clone(),
        endpoint_url: config.endpoint_url.clone(),
        ..aws::Options::default()
    };
    // Models, prices and estimates depend on the region.
    match aws::region(&aws) {
        Ok(region) => aws.region = region,
        Err(error @ AwsError::InvalidRegion { .. }) => return Err(error.into()),
        // Reported by the first connection: a file that only Bedrock needs must not prevent a review.
        Err(error) => tracing::warn!(%error, "AWS settings are invalid"),
    }
    Ok(BedrockOptions { aws, model: config.model.clone(), catalogue, remote: remote_options(config, folder)? })
}

fn remote_options(config: &Config, folder: Option<PathBuf>) -> Result<RemoteOptions, DescriberError> {
    Ok(RemoteOptions {
        prompt: Prompt::load(&config.prompt, folder.map(|folder| folder.join("prompts")).as_deref())?,
        people: config.people.clone(),
        language: config.language.clone(),
        max_words: config.max_words.get(),
        limits: RateLimits {
            concurrency: config.concurrency,
            requests_per_minute: config.rpm,
            tokens_per_minute: config.tpm,
            delay: config.delay.0,
        },
        budget: config.budget,
    })
}

fn config_folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|user| user.config_dir().join("recaption"))
}
