//! Chooses and sets up the describer of a run.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use etcetera::BaseStrategy as _;

use crate::aws::{self, AwsError};
use crate::config::{Config, DescriberChoice, HeaderValue, OpenaiSettings};
use crate::describe::Describer;
use crate::describe::bedrock::{self, BedrockError, BedrockOptions};
use crate::describe::budget::Budget;
use crate::describe::catalogue::{AUTO, Catalogue, CatalogueError, Rates};
use crate::describe::openai::{self, OpenaiOptions};
use crate::describe::prompt::{self, Prompt, PromptError};
use crate::describe::rate_limiter::RateLimits;
use crate::describe::remote::{NoPrice, RemoteOptions, Task, memory_file};
use crate::engine::verifier::Verifier;
use crate::lint::{Schema, SchemaError, StyleGuide, StyleGuideError};
use crate::openai::{self as openai_api, ApiKey, BaseUrl, Header, OpenaiError};
use crate::session::state_folder;

/// The variables of OpenAI's own clients.
const BASE_URL: &str = "OPENAI_BASE_URL";
const API_KEY: &str = "OPENAI_API_KEY";
/// The model of the verifier on Bedrock: cheap, and good enough to compare a caption with its image.
const VERIFIER: &str = "claude-haiku-5-5";
/// The same in a batch, which that model does not have.
const BATCH_VERIFIER: &str = "claude-haiku-4-5";
/// Of an OpenAI-compatible server, because many never throttle a request.
const DEFAULT_CONCURRENCY: NonZeroUsize = NonZeroUsize::new(8).expect("not zero");

#[derive(Debug, thiserror::Error)]
pub enum DescriberError {
    #[error("no OpenAI-compatible server set: use --preset or --base-url, or set OPENAI_BASE_URL")]
    NoServer,
    #[error(
        "environment variable {variable} is not set: set it to the API key, or change --api-key-env or the headers"
    )]
    NoKey { variable: String },
    #[error(
        "header \"{name}\" of [openai]: settings contain no keys; put it into an environment variable and write {{ env = \"NAME\" }}"
    )]
    SecretInSettings { name: String },
    #[error("only one of --price-in and --price-out is set: set both")]
    HalfPrice,
    #[error(transparent)]
    Server(#[from] OpenaiError),
    #[error(transparent)]
    NoPrice(#[from] NoPrice),
    #[error(transparent)]
    Prompt(#[from] PromptError),
    #[error(transparent)]
    StyleGuide(#[from] StyleGuideError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    #[error(transparent)]
    Bedrock(#[from] BedrockError),
    #[error("this build does not include the embedded describer: use --describer bedrock, openai or none")]
    NotBuiltIn,
    #[error("the embedded describer cannot verify: use --describer bedrock or openai, or set describer in [verify]")]
    CannotVerify,
}

pub enum DescriberSetup {
    Bedrock(Box<BedrockOptions>),
    Openai(Box<OpenaiOptions>),
    /// The embedded describer.
    Local,
    None,
    Invalid(DescriberError),
}

impl DescriberSetup {
    /// Returns the configured describer. By default, an OpenAI-compatible server if one is set, Bedrock if an AWS profile or
    /// credentials are configured and `samples` is false, otherwise the embedded describer; samples never use a paid
    /// describer by default. `objects` is true if the captions are JSON objects.
    #[must_use]
    pub fn from_config(config: &Config, samples: bool, objects: bool, budget: &Budget) -> Self {
        let task = if objects { Task::DescribeObject } else { Task::Describe };
        Self::for_task(config, samples, task, budget)
    }

    /// Creates the verifier: the describer of its own settings, else the configured one.
    ///
    /// # Errors
    ///
    /// Returns an error if that is the embedded describer or none, or the setup is invalid.
    pub fn verifier(config: &Config, budget: &Budget) -> Result<Arc<dyn Describer>, DescriberError> {
        match Self::of_verifier(config, budget) {
            Self::Local | Self::None | Self::Invalid(DescriberError::NotBuiltIn) => Err(DescriberError::CannotVerify),
            setup => match setup.build()? {
                Some(describer) => Ok(Arc::new(Verifier::new(describer))),
                None => Err(DescriberError::CannotVerify),
            },
        }
    }

    /// Returns the describer that the verifier uses.
    #[must_use]
    pub fn of_verifier(config: &Config, budget: &Budget) -> Self {
        Self::verifying(config, VERIFIER, budget)
    }

    /// Returns the describer with which captions are verified in a batch.
    #[must_use]
    pub fn of_batch_verifier(config: &Config, budget: &Budget) -> Self {
        Self::verifying(config, BATCH_VERIFIER, budget)
    }

    /// `model` is the default on Bedrock.
    fn verifying(config: &Config, model: &str, budget: &Budget) -> Self {
        let mut config = config.clone();
        let calls_service =
            |choice: &DescriberChoice| matches!(choice, DescriberChoice::Bedrock | DescriberChoice::Openai);
        config.describer = config.verify.describer.or(config.describer.filter(calls_service));
        config.model = config.verify.model.clone().unwrap_or_else(|| model.to_owned());
        config.openai.model = config.verify.model.clone().or(config.openai.model);
        Self::for_task(&config, false, Task::Verify, budget)
    }

    fn for_task(config: &Config, samples: bool, task: Task, budget: &Budget) -> Self {
        let choice = config.describer.unwrap_or_else(|| {
            // A server that was set for this purpose is more specific than credentials that serve others, too.
            if !samples && server_is_set(config) {
                DescriberChoice::Openai
            } else if !samples && (config.profile.is_some() || aws::credentials_are_configured()) {
                DescriberChoice::Bedrock
            } else if cfg!(feature = "local") {
                DescriberChoice::Local
            } else {
                DescriberChoice::None
            }
        });
        match choice {
            DescriberChoice::Bedrock => match bedrock_options(config, task, budget) {
                Ok(options) => Self::Bedrock(Box::new(options)),
                Err(error) => Self::Invalid(error),
            },
            DescriberChoice::Openai => match openai_options(config, task, budget) {
                Ok(options) => Self::Openai(Box::new(options)),
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
            Self::Openai(options) => Ok(Some(Arc::new(openai::describer(*options)?))),
            #[cfg(feature = "local")]
            Self::Local => Ok(Some(Arc::new(crate::describe::local::LocalDescriber::default()))),
            #[cfg(not(feature = "local"))]
            Self::Local => Err(DescriberError::NotBuiltIn),
            Self::None => Ok(None),
            Self::Invalid(error) => Err(error),
        }
    }
}

/// Returns the account, the region and the endpoint that are set.
pub(super) fn aws_options(config: &Config) -> aws::Options {
    aws::Options {
        region: config.region.clone(),
        profile: config.profile.clone(),
        endpoint_url: config.endpoint_url.clone(),
        ..aws::Options::default()
    }
}

fn bedrock_options(config: &Config, task: Task, budget: &Budget) -> Result<BedrockOptions, DescriberError> {
    let mut aws = aws_options(config);
    // Models, prices and estimates depend on the region.
    match aws::region(&aws) {
        Ok(region) => aws.region = region,
        Err(error @ AwsError::InvalidRegion { .. }) => return Err(error.into()),
        // Reported by the first connection: a file that only Bedrock needs must not prevent a review.
        Err(error) => tracing::warn!(%error, "AWS settings are invalid"),
    }
    Ok(BedrockOptions {
        aws,
        model: config.model.clone(),
        catalogue: catalogue()?,
        remote: remote_options(config, task, budget, None)?,
    })
}

/// Returns the value of a variable. An empty variable counts as unset.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

fn server_is_set(config: &Config) -> bool {
    config.openai.preset.is_some() || config.openai.base_url.is_some() || variable(BASE_URL).is_some()
}

fn openai_options(config: &Config, task: Task, budget: &Budget) -> Result<OpenaiOptions, DescriberError> {
    let settings = &config.openai;
    let preset_url = || {
        let region =
            || config.region.clone().or_else(|| variable("AWS_REGION")).or_else(|| variable("AWS_DEFAULT_REGION"));
        Some(settings.preset?.base_url(&region().unwrap_or_else(|| "us-east-1".to_owned())))
    };
    let url = settings.base_url.clone().or_else(preset_url).or_else(|| variable(BASE_URL));
    let base_url = BaseUrl::parse(&url.ok_or(DescriberError::NoServer)?)?;
    let headers = headers(settings)?;
    let is_authorized = settings.headers.iter().flatten().any(|(name, _)| Header::is_credential(name));
    let key_variable = match (&settings.api_key_env, settings.preset) {
        (Some(name), _) => Some(name.as_str()),
        // The key of one service is not sent to another.
        (None, Some(preset)) => preset.key_variable(),
        // Nor in addition to the credentials of a header.
        (None, None) => Some(API_KEY).filter(|_| !is_authorized),
    };
    let api_key = key_variable.and_then(variable).and_then(|key| ApiKey::new(&key));
    if let Some(name) = settings.api_key_env.as_ref().filter(|_| api_key.is_none()) {
        return Err(DescriberError::NoKey { variable: name.clone() });
    }
    let price = match (settings.price_in, settings.price_out) {
        (Some(input), Some(output)) => Some(Rates { input, output }),
        (None, None) => None,
        _ => return Err(DescriberError::HalfPrice),
    };
    // Most servers on this computer describe one image at a time, and never refuse a request.
    let concurrency = if base_url.is_loopback() { NonZeroUsize::MIN } else { DEFAULT_CONCURRENCY };
    Ok(OpenaiOptions {
        api: openai_api::Options { base_url, api_key, headers, key_variable: key_variable.map(str::to_owned) },
        model: settings.model.clone().unwrap_or_else(|| AUTO.to_owned()),
        catalogue: catalogue()?,
        price,
        remote: remote_options(config, task, budget, Some(concurrency))?,
    })
}

/// Returns the headers of the settings with the values of their variables.
fn headers(settings: &OpenaiSettings) -> Result<Vec<Header>, DescriberError> {
    let header = |(name, value): (&String, &HeaderValue)| match value {
        HeaderValue::Literal(_) if Header::is_credential(name) => {
            Err(DescriberError::SecretInSettings { name: name.clone() })
        }
        HeaderValue::Literal(value) => Ok(Header::new(name, value, false)?),
        HeaderValue::Variable(from) => {
            let value = variable(&from.env).ok_or_else(|| DescriberError::NoKey { variable: from.env.clone() })?;
            Ok(Header::new(name, &value, true)?)
        }
    };
    settings.headers.iter().flatten().map(header).collect()
}

pub(super) fn catalogue() -> Result<Catalogue, CatalogueError> {
    config_folder().map_or_else(|| Ok(Catalogue::built_in()), |folder| Catalogue::load(&folder.join("models.toml")))
}

/// `concurrency` is the default; if `None`, it follows from the request rate.
fn remote_options(
    config: &Config,
    task: Task,
    budget: &Budget,
    concurrency: Option<NonZeroUsize>,
) -> Result<RemoteOptions, DescriberError> {
    let prompts = config_folder().map(|folder| folder.join("prompts"));
    let style_guide = config.style_guide.as_deref().map(StyleGuide::load).transpose()?;
    Ok(RemoteOptions {
        task,
        prompt: match task {
            Task::DescribeObject if config.prompt == prompt::DEFAULT => Prompt::load(prompt::JSON, prompts.as_deref())?,
            Task::Describe | Task::DescribeObject => Prompt::load(&config.prompt, prompts.as_deref())?,
            Task::Verify => Prompt::load_verify(&config.verify.prompt, prompts.as_deref())?,
        },
        people: config.people.clone(),
        language: config.language.clone(),
        style_guide: style_guide.as_ref().and_then(StyleGuide::instructions),
        schema: config.schema.as_deref().map(Schema::load).transpose()?.map(|schema| schema.text().to_owned()),
        max_words: config.max_words.get(),
        limits: RateLimits {
            concurrency: config.concurrency.or(concurrency),
            requests_per_minute: config.rpm,
            tokens_per_minute: config.tpm,
            delay: config.delay.0,
        },
        budget: budget.clone(),
        memory: state_folder().map(|folder| memory_file(&folder)),
    })
}

fn config_folder() -> Option<PathBuf> {
    etcetera::choose_base_strategy().ok().map(|user| user.config_dir().join("recaption"))
}
