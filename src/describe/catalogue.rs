//! The models that can be asked: what each is called where, what it costs, what it takes.

mod file;
mod geography;
mod model;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

pub use model::{Model, Price, Target, UploadLimits};

/// The name that stands for the first model that answers.
pub const AUTO: &str = "auto";

const BUILT_IN: &str = include_str!("../../assets/models.toml");

/// Why there is no catalogue.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error("{}: the models cannot be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file says something that is no model.
    #[error("{}:{line}: {message}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line, from one.
        line: usize,
        /// What is wrong there.
        message: String,
    },
}

/// Why a name leads to no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError {
    /// Nothing is called so.
    #[error(
        "there is no model \"{named}\"; name one of {}, or an id, an inference profile or an ARN of Amazon Bedrock",
        known.join(", ")
    )]
    Unknown {
        /// What was asked for.
        named: String,
        /// The names there are, those most like it first.
        known: Vec<String>,
    },
    /// The model has no inference profile that can be called from the region.
    #[error(
        "{alias} cannot be called from {region}: it has inference profiles for {} only; choose another region or model",
        geographies.join(", ")
    )]
    NotHere {
        /// The model.
        alias: String,
        /// The region.
        region: String,
        /// Where it can be called.
        geographies: Vec<String>,
    },
}

/// The models there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Catalogue {
    models: BTreeMap<String, Arc<Model>>,
    automatic: Vec<String>,
}

impl Catalogue {
    /// The models that come with the program.
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "the catalogue is part of the program, and a test reads it")]
    pub fn built_in() -> Self {
        let empty = Self { models: BTreeMap::new(), automatic: Vec::new() };
        let read = file::lay_over(&empty, BUILT_IN).map_err(|complaint| complaint.message);
        read.expect("the catalogue is part of the program, and a test reads it")
    }

    /// The built-in models, changed and added to by the user's file, which need not exist.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or says something that is no model.
    pub fn load(file: &Path) -> Result<Self, CatalogueError> {
        let built_in = Self::built_in();
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(built_in),
            Err(source) => return Err(CatalogueError::Read { path: file.to_owned(), source }),
        };
        file::lay_over(&built_in, &text).map_err(|file::Complaint { line, message }| CatalogueError::File {
            path: file.to_owned(),
            line,
            message,
        })
    }

    /// All models, by alias.
    pub fn models(&self) -> impl Iterator<Item = &Model> {
        self.models.values().map(Arc::as_ref)
    }

    /// The model `named`, as it is called from `region`. An alias becomes the inference profile of the region's
    /// geography; an id, a profile or an ARN is taken at its word.
    ///
    /// # Errors
    ///
    /// If it is none of these, or a model that cannot be called from there.
    pub fn resolve(&self, named: &str, region: &str) -> Result<Target, ResolveError> {
        if let Some(model) = self.models.get(named) {
            return Self::target(model, region).ok_or_else(|| ResolveError::NotHere {
                alias: model.alias.clone(),
                region: region.to_owned(),
                geographies: model.geographies.clone(),
            });
        }
        let id = match named.strip_prefix("arn:") {
            Some(arn) => arn.rsplit('/').next().unwrap_or_default(),
            // All ids have their maker first: "anthropic.claude…".
            None if named.contains('.') => named,
            None => return Err(ResolveError::Unknown { named: named.to_owned(), known: self.nearest(named) }),
        };
        Ok(match self.by_id(id) {
            Some((model, geography)) => Target { id: named.to_owned(), ..Target::of(model, geography) },
            None => Target { name: named.to_owned(), id: named.to_owned(), model: None, regional: true },
        })
    }

    /// What [`AUTO`] stands for in `region`: the models to try, in order, without those that cannot be called from there.
    #[must_use]
    pub fn automatic(&self, region: &str) -> Vec<Target> {
        let models = self.automatic.iter().filter_map(|alias| self.models.get(alias));
        models.filter_map(|model| Self::target(model, region)).collect()
    }

    /// A model through the profile nearest to `region`.
    fn target(model: &Arc<Model>, region: &str) -> Option<Target> {
        if model.geographies.is_empty() {
            return Some(Target::of(model, None));
        }
        let offered = |geography: &str| model.geographies.iter().any(|offered| offered == geography);
        let geography = geography::of(region).iter().find(|geography| offered(geography))?;
        Some(Target::of(model, Some(geography)))
    }

    /// The model with this id, and the geography before it, if there is one.
    fn by_id<'a>(&self, id: &'a str) -> Option<(&Arc<Model>, Option<&'a str>)> {
        let find = |id: &str| self.models.values().find(|model| model.id == id);
        if let Some(model) = find(id) {
            return Some((model, None));
        }
        let (geography, id) = id.split_once('.')?;
        Some((find(id)?, Some(geography)))
    }

    /// The names there are, those most like `named` first.
    fn nearest(&self, named: &str) -> Vec<String> {
        let known: Vec<&str> = std::iter::once(AUTO).chain(self.models.keys().map(String::as_str)).collect();
        similar::get_close_matches(named, &known, known.len(), 0.0).into_iter().map(str::to_owned).collect()
    }
}
