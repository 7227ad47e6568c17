//! The `[verify]` table: the verifier.

use serde::{Deserialize, Serialize};

use super::DescriberChoice;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VerifySettings {
    pub describer: Option<DescriberChoice>,
    pub model: Option<String>,
    pub prompt: String,
    /// Verify each new candidate.
    pub auto: bool,
}
