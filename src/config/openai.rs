//! The `[openai]` table: an OpenAI-compatible server.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::describe::Dollars;
use crate::describe::openai::ApiPreset;

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OpenaiSettings {
    pub preset: Option<ApiPreset>,
    pub base_url: Option<String>,
    pub model: Option<String>,
    /// The name of an environment variable. Keys are never in the file.
    pub api_key_env: Option<String>,
    /// Per million input tokens.
    pub price_in: Option<Dollars>,
    /// Per million output tokens.
    pub price_out: Option<Dollars>,
    /// More headers, by name.
    pub headers: Option<BTreeMap<String, HeaderValue>>,
}

/// The value of a header.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a string, or { env = \"NAME\" } for the value of an environment variable")]
pub enum HeaderValue {
    Literal(String),
    Variable(Variable),
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    pub env: String,
}
