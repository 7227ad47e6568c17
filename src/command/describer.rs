//! Which describer a run has, and how it is set up.

use std::path::PathBuf;
use std::sync::Arc;

use etcetera::BaseStrategy as _;

use crate::aws;
use crate::config::{Config, DescriberChoice};
use crate::describe::Describer;
use crate::describe::bedrock::{BedrockDescriber, BedrockError, BedrockOptions};
use crate::describe::catalogue::{Catalogue, CatalogueError};
use crate::describe::pacer::Limits;
use crate::describe::prompt::{Prompt, PromptError};

/// Why there is no describer.
#[derive(Debug, thiserror::Error)]
pub enum DescriberError {
    /// The prompt cannot be used.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The user's models cannot be read.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// Bedrock cannot be asked this way.
    #[error(transparent)]
    Bedrock(#[from] BedrockError),
    /// This program was built without the embedded describer.
    #[error("this recaption was built without the embedded describer: --describer bedrock, or none")]
    NotBuiltIn,
}

/// Who is to describe.
pub enum Asking {
    /// A model on Bedrock.
    Bedrock(Box<BedrockOptions>),
    /// The embedded describer.
    Local,
    /// Nobody.
    Nobody,
    /// Somebody who cannot be set up.
    Wrong(DescriberError),
}

impl Asking {
    /// Whom the settings ask. Where they name nobody: Bedrock where there are credentials for it, else the embedded
    /// describer; and never a paid one for samples.
    #[must_use]
    pub fn of(config: &Config, samples: bool) -> Self {
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
            DescriberChoice::Bedrock => match bedrock(config) {
                Ok(options) => Self::Bedrock(Box::new(options)),
                Err(error) => Self::Wrong(error),
            },
            DescriberChoice::Local if cfg!(feature = "local") => Self::Local,
            DescriberChoice::Local => Self::Wrong(DescriberError::NotBuiltIn),
            DescriberChoice::None => Self::Nobody,
        }
    }

    /// The describer itself.
    ///
    /// # Errors
    /// When it cannot be set up.
    pub fn describer(self) -> Result<Option<Arc<dyn Describer>>, DescriberError> {
        match self {
            Self::Bedrock(options) => Ok(Some(Arc::new(BedrockDescriber::new(*options)?))),
            #[cfg(feature = "local")]
            Self::Local => Ok(Some(Arc::new(crate::describe::local::LocalDescriber::default()))),
            #[cfg(not(feature = "local"))]
            Self::Local => Err(DescriberError::NotBuiltIn),
            Self::Nobody => Ok(None),
            Self::Wrong(error) => Err(error),
        }
    }
}

/// How Bedrock is to be asked.
fn bedrock(config: &Config) -> Result<BedrockOptions, DescriberError> {
    let own = own_folder();
    let catalogue = match &own {
        Some(folder) => Catalogue::load(&folder.join("models.toml"))?,
        None => Catalogue::built_in(),
    };
    Ok(BedrockOptions {
        aws: reaching_aws(config),
        model: config.model.clone(),
        catalogue,
        prompt: Prompt::load(&config.prompt, own.map(|folder| folder.join("prompts")).as_deref())?,
        people: config.people.clone(),
        language: config.language.clone(),
        max_words: config.max_words.get(),
        limits: Limits {
            concurrency: config.concurrency,
            requests_per_minute: config.rpm,
            tokens_per_minute: config.tpm,
            delay: config.delay.0,
        },
        budget: config.budget,
    })
}

/// How AWS is reached.
fn reaching_aws(config: &Config) -> aws::Options {
    aws::Options {
        region: config.region.clone(),
        profile: config.profile.clone(),
        endpoint_url: config.endpoint_url.clone(),
        ..aws::Options::default()
    }
}

/// The user's own folder of settings.
fn own_folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|user| user.config_dir().join("recaption"))
}
