//! The `[lints]` table: the severity of each lint, and the user's own words.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};

use crate::lint::{LintKind, Phrases, Severity};

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LintSettings {
    /// Every other key of the table is the name of a lint.
    #[serde(flatten)]
    pub severities: BTreeMap<LintKind, Severity>,
    pub min_words: NonZeroUsize,
    pub banned: Option<Vec<String>>,
    /// A caption must contain one phrase of each list.
    #[serde(default, deserialize_with = "phrases")]
    pub required: Option<Vec<Vec<String>>>,
    /// Groups of tags that exclude each other: a caption has tags of one list of each group at most.
    #[serde(deserialize_with = "groups")]
    pub conflicts: Vec<Vec<Vec<String>>>,
    /// The same for captions of one person.
    #[serde(deserialize_with = "groups")]
    pub person_conflicts: Vec<Vec<Vec<String>>>,
}

impl<'de> Deserialize<'de> for LintKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// Deserialises phrases of which each stands for a list of one.
fn phrases<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Vec<String>>>, D::Error> {
    let lists = Vec::<Phrases>::deserialize(deserializer)?;
    Ok(Some(lists.into_iter().map(Vec::from).collect()))
}

/// Deserialises lists of phrases of which each stands for a list of one.
fn groups<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Vec<Vec<String>>>, D::Error> {
    let groups = Vec::<Vec<Phrases>>::deserialize(deserializer)?;
    Ok(groups.into_iter().map(|group| group.into_iter().map(Vec::from).collect()).collect())
}
