//! The `[lints]` table: how much each kind of finding matters, and the operator's own words.

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZeroUsize;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::lint::{LintKind, Severity};

/// What a source says of lints. What it leaves open stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct LintSettings {
    /// How much kinds of findings matter; those that are not here, as by default.
    #[serde(flatten)]
    pub severities: BTreeMap<LintKind, Severity>,
    /// The fewest words a caption may have.
    pub min_words: Option<NonZeroUsize>,
    /// Words and phrases that no caption may have.
    pub banned: Option<Vec<String>>,
    /// Words and phrases that every caption must have, one of each list.
    pub required: Option<Vec<Vec<String>>>,
}

impl LintSettings {
    /// Takes over what a stronger source has to say.
    pub(super) fn apply(&mut self, stronger: Self) {
        self.severities.extend(stronger.severities);
        self.min_words = stronger.min_words.or(self.min_words);
        self.banned = stronger.banned.or_else(|| self.banned.take());
        self.required = stronger.required.or_else(|| self.required.take());
    }
}

impl<'de> Deserialize<'de> for LintSettings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Table)
    }
}

/// Reads the table. Its keys are the names of lints, so they are those that exist and no other.
struct Table;

impl<'de> Visitor<'de> for Table {
    type Value = LintSettings;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a table of lints")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<LintSettings, A::Error> {
        let mut settings = LintSettings::default();
        while let Some(key) = table.next_key::<Key>()? {
            match key {
                Key::MinWords => settings.min_words = Some(table.next_value()?),
                Key::Banned => settings.banned = Some(table.next_value()?),
                Key::Required => {
                    let lists: Vec<OneOrMore> = table.next_value()?;
                    settings.required = Some(lists.into_iter().map(OneOrMore::into_list).collect());
                }
                Key::Lint(kind) => {
                    settings.severities.insert(kind, table.next_value()?);
                }
            }
        }
        Ok(settings)
    }
}

/// What a line of the table is about.
enum Key {
    MinWords,
    Banned,
    Required,
    Lint(LintKind),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        match name.as_str() {
            "min-words" => Ok(Self::MinWords),
            "banned" => Ok(Self::Banned),
            "required" => Ok(Self::Required),
            lint => lint.parse().map(Self::Lint).map_err(|error| D::Error::custom(format_args!("`{lint}`: {error}"))),
        }
    }
}

/// A phrase, or several of which one is enough.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a text, or a list of texts")]
enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl OneOrMore {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::One(phrase) => vec![phrase],
            Self::More(phrases) => phrases,
        }
    }
}
