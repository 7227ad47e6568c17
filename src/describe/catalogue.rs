//! The known models: their ids by region, prices and limits.

mod file;
mod model;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use jiff::civil::Date;

use self::file::{FileError, ModelsFile};
use self::model::Models;

use crate::aws;
use crate::text;

pub use model::{ImageRule, Model, Price, Rates, Surcharges, Target, UploadLimits};

/// The model name that selects the first available model.
pub const AUTO: &str = "auto";

const BUILT_IN: &str = include_str!("../../assets/models.toml");

#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    #[error("{}: cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// The line is counted from one.
    #[error("{}:{line}: {message}", path.display())]
    Invalid { path: PathBuf, line: usize, message: String },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    #[error(
        "unknown model \"{name}\": use one of {}, or an Amazon Bedrock model id, inference profile or ARN",
        known.join(", ")
    )]
    Unknown {
        name: String,
        /// All names, most similar first.
        known: Vec<String>,
    },
    #[error(
        "{alias} is not available in {region}, only through inference profiles for {}: choose another --region or --model",
        geographies.join(", ")
    )]
    UnavailableInRegion { alias: String, region: String, geographies: Vec<String> },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    /// By alias.
    models: Models,
    /// The aliases that [`AUTO`] tries, in order.
    automatic: Vec<String>,
}

impl Catalogue {
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the built-in catalogue is valid, which a test checks")]
    pub fn built_in() -> Self {
        let empty = Self { models: Models::new(), automatic: Vec::new() };
        let catalogue = empty.merged(BUILT_IN).map_err(|error| error.message);
        catalogue.expect("the built-in catalogue is valid, which a test checks")
    }

    /// Returns the built-in catalogue with the user's file merged over it, if the file exists.
    ///
    /// # Errors
    ///
    /// Returns an error if the file cannot be read or is invalid.
    pub fn load(file: &Path) -> Result<Self, CatalogueError> {
        let built_in = Self::built_in();
        let text = match fs::read(file).and_then(|bytes| Ok(text::from_file(bytes)?)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(built_in),
            Err(source) => return Err(CatalogueError::Read { path: file.to_owned(), source }),
        };
        built_in.merged(&text).map_err(|FileError { line, message }| CatalogueError::Invalid {
            path: file.to_owned(),
            line,
            message,
        })
    }

    /// Returns this catalogue with the TOML in `text` merged over it.
    fn merged(&self, text: &str) -> Result<Self, FileError> {
        let file = ModelsFile::parse(text)?;
        let models = file.models(&self.models)?;
        let automatic = file.automatic(&models)?.unwrap_or_else(|| self.automatic.clone());
        Ok(Self { models, automatic })
    }

    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(Arc::as_ref)
    }

    /// Resolves a model name for calls from `region`. An alias becomes an inference profile for the region's geography; a
    /// model id, an inference profile or an ARN is used unchanged.
    ///
    /// # Errors
    ///
    /// Returns an error if the name is unknown, or if the model cannot be called from the region.
    pub fn resolve(&self, name: &str, region: &str) -> Result<Target, ResolveError> {
        if let Some(model) = self.models.get(name) {
            return Self::target(model, region).ok_or_else(|| ResolveError::UnavailableInRegion {
                alias: model.alias.clone(),
                region: region.to_owned(),
                geographies: model.geographies.clone(),
            });
        }
        // For example the ARN of an application inference profile, to which the user's file gives a price.
        if let Some(model) = self.models.values().find(|model| model.id == name) {
            return Ok(Target::of(model, None));
        }
        let id = match name.strip_prefix("arn:") {
            Some(arn) => arn.rsplit('/').next().unwrap_or_default(),
            // Every id starts with its vendor: "anthropic.claude…".
            None if name.contains('.') => name,
            None => return Err(ResolveError::Unknown { name: name.to_owned(), known: self.by_similarity(name) }),
        };
        Ok(match self.by_id(id) {
            Some((model, geography)) => Target { id: name.to_owned(), ..Target::of(model, geography) },
            None => Target { name: name.to_owned(), id: name.to_owned(), model: None, surcharge: 0 },
        })
    }

    /// Returns the target for an application inference profile of models with these ARNs, or `None` if they are not one
    /// model of the catalogue.
    #[must_use]
    pub fn of_profile(&self, arn: &str, models: &[String]) -> Option<Target> {
        let parts = |arn: &str| -> Option<(String, String, String)> {
            let (head, id) = arn.rsplit_once('/')?;
            let mut fields = head.split(':').skip(1);
            let (partition, _, region) = (fields.next()?, fields.next()?, fields.next()?);
            Some((partition.to_owned(), region.to_owned(), id.to_owned()))
        };
        let models = models.iter().map(|model| parts(model)).collect::<Option<Vec<_>>>()?;
        let (partition, _, id) = models.first()?;
        if models.iter().any(|(.., other)| other != id) {
            return None;
        }
        let (model, geography) = self.by_id(id)?;
        let geography = match geography {
            Some(geography) => Some(geography),
            // The global profile has a model without a region.
            None if models.iter().any(|(_, region, _)| region.is_empty()) => Some(aws::GLOBAL),
            None if partition == "aws-us-gov" => Some(aws::GOV),
            None => None,
        };
        Some(Target { id: arn.to_owned(), ..Target::of(model, geography) })
    }

    /// Returns the models that [`AUTO`] tries in `region`, in order, without those that cannot be called from there. Those
    /// past their end of life are last: some accounts can still call them.
    #[must_use]
    pub fn automatic(&self, region: &str, today: Date) -> Vec<Target> {
        let mut models: Vec<_> = self.automatic.iter().filter_map(|alias| self.models.get(alias)).collect();
        models.sort_by_key(|model| model.end_of_life.is_some_and(|date| date <= today));
        models.into_iter().filter_map(|model| Self::target(model, region)).collect()
    }

    /// Returns the model with its inference profile nearest to `region`, or `None` if it has none for the region.
    fn target(model: &Arc<Model>, region: &str) -> Option<Target> {
        if model.geographies.is_empty() {
            return Some(Target::of(model, None));
        }
        let offered = |geography: &str| model.geographies.iter().any(|offered| offered == geography);
        let geography = aws::geographies(region).iter().find(|geography| offered(geography))?;
        Some(Target::of(model, Some(geography)))
    }

    /// Returns the model with this id or inference profile, and the geography of the profile.
    fn by_id<'a>(&self, id: &'a str) -> Option<(&Arc<Model>, Option<&'a str>)> {
        let find = |id: &str| self.models.values().find(|model| model.id == id);
        if let Some(model) = find(id) {
            return Some((model, None));
        }
        let (geography, id) = id.split_once('.')?;
        Some((find(id)?, Some(geography)))
    }

    /// Returns all names, most similar to `name` first.
    fn by_similarity(&self, name: &str) -> Vec<String> {
        let known: Vec<&str> = std::iter::once(AUTO).chain(self.models.keys().map(String::as_str)).collect();
        similar::get_close_matches(name, &known, known.len(), 0.0).into_iter().map(str::to_owned).collect()
    }
}
