//! The JSON Schema of structured captions.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jsonschema::Validator;
use serde_json::Value;

use crate::text;

/// The maximum size of the file: far more than a schema needs, but less than a dataset passed by mistake.
const MAX_BYTES: u64 = 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("{}: cannot read the schema: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: too large for a JSON Schema: the limit is {MAX_BYTES} bytes", path.display())]
    TooLarge { path: PathBuf },
    /// The line is counted from one.
    #[error("{}:{line}: not JSON: {message}", path.display())]
    NotJson { path: PathBuf, line: usize, message: String },
    /// It is no schema, or refers to one outside of the file.
    #[error("{}: not a JSON Schema that can be used: {message}", path.display())]
    Invalid { path: PathBuf, message: String },
}

/// A JSON Schema. Clones are cheap.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    text: String,
    validator: Validator,
}

/// A value that the schema does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disallowed {
    /// The JSON pointer of the value.
    pub(super) pointer: String,
    /// The reason, with "value" for the value.
    pub(super) message: String,
}

impl Schema {
    /// Reads a file. References to other files and addresses are not followed.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or is not a JSON Schema.
    pub fn load(path: &Path) -> Result<Self, SchemaError> {
        let path = || path.to_owned();
        let unreadable = |source| SchemaError::Read { path: path(), source };
        let mut bytes = Vec::new();
        File::open(path()).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(SchemaError::TooLarge { path: path() });
        }
        let text = text::from_file(bytes).map_err(|error| unreadable(error.into()))?;
        Self::parse(text.trim()).map_err(|error| match error {
            ParseError::NotJson(error) => {
                SchemaError::NotJson { path: path(), line: error.line(), message: error.to_string() }
            }
            ParseError::Invalid(message) => SchemaError::Invalid { path: path(), message },
        })
    }

    fn parse(text: &str) -> Result<Self, ParseError> {
        let schema: Value = serde_json::from_str(text).map_err(ParseError::NotJson)?;
        let validator = jsonschema::validator_for(&schema).map_err(|error| {
            let place = error.instance_path().to_string();
            let place = if place.is_empty() { String::new() } else { format!("{place}: ") };
            ParseError::Invalid(format!("{place}{error}"))
        })?;
        Ok(Self(Arc::new(Compiled { text: text.to_owned(), validator })))
    }

    /// Returns the schema as it is written in the file.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Returns the values of a caption that are not allowed, at most this many.
    pub(super) fn disallowed(&self, caption: &str, most: usize) -> Vec<Disallowed> {
        // What is not JSON is reported by another rule.
        let Ok(value) = serde_json::from_str::<Value>(caption) else { return Vec::new() };
        let errors = self.0.validator.iter_errors(&value).take(most);
        let disallowed = |error: jsonschema::ValidationError<'_>| Disallowed {
            pointer: error.instance_path().to_string(),
            message: error.masked().to_string(),
        };
        errors.map(disallowed).collect()
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Schema").field(&self.text()).finish()
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Schema {}

enum ParseError {
    NotJson(serde_json::Error),
    Invalid(String),
}

#[cfg(test)]
impl Schema {
    pub(crate) fn of(text: &str) -> Self {
        Self::parse(text).unwrap_or_else(|_| panic!("a schema: {text}"))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn error(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("schema.json");
        std::fs::write(&path, text).expect("a file");
        let error = Schema::load(&path).expect_err("an error").to_string();
        error.strip_prefix(&folder.path().display().to_string()).expect("the path").to_owned()
    }

    #[rstest]
    #[case::not_json("{\n\"type\": object}", "/schema.json:2: not JSON: expected value")]
    #[case::no_schema(r#"{"type": "objekt"}"#, "/schema.json: not a JSON Schema that can be used: /type: ")]
    #[case::elsewhere(
        r#"{"$ref": "https://example.com/caption.json"}"#,
        "/schema.json: not a JSON Schema that can be used: "
    )]
    fn a_file_that_is_no_schema_is_refused(#[case] text: &str, #[case] message: &str) {
        let error = error(text);
        assert!(error.starts_with(message), "{error}");
    }

    #[test]
    fn values_that_are_not_allowed_have_a_pointer() {
        let schema = Schema::of(
            r#"{"type": "object", "required": ["style"], "properties": {"objects": {"items": {"type": "object"}}}}"#,
        );
        let found = schema.disallowed(r#"{"objects": [{}, "secret"]}"#, 9);
        let pointers: Vec<&str> = found.iter().map(|found| found.pointer.as_str()).collect();
        assert!(pointers.contains(&"/objects/1") && pointers.contains(&""), "{found:?}");
        assert!(!found.iter().any(|found| found.message.contains("secret")), "{found:?}");
        assert_eq!(schema.disallowed(r#"{"objects": [{}], "style": 1}"#, 9), []);
        assert_eq!(schema.disallowed("A coat.", 9), []);
    }
}
