//! The `[openai]` table: an OpenAI-compatible server.

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
}
