//! A value of a record: JSON as in the dataset, or a text of ours.

use std::borrow::Cow;

use crate::dataset::{Decoded, Json, JsonKind};

#[derive(Clone, Copy, Debug)]
pub(super) enum Cell<'a> {
    Json(Json<'a>),
    Text(&'a str),
    /// A number or a boolean that is the key of an object.
    Token(&'a str),
}

impl<'a> Cell<'a> {
    pub(super) fn kind(self) -> JsonKind {
        match self {
            Self::Json(json) => json.kind(),
            Self::Text(_) => JsonKind::String,
            Self::Token("true" | "false") => JsonKind::Boolean,
            Self::Token(_) => JsonKind::Number,
        }
    }

    pub(super) fn is_null(self) -> bool {
        self.kind() == JsonKind::Null
    }

    /// Decodes a string.
    pub(super) fn text(self) -> Option<Decoded<'a>> {
        match self {
            Self::Json(json) => json.text(),
            Self::Text(text) => Some(Decoded { text: Cow::Borrowed(text), lone_surrogate: false }),
            Self::Token(_) => None,
        }
    }

    /// Returns the value as JSON.
    pub(super) fn raw(self) -> Cow<'a, str> {
        match self {
            Self::Json(json) => Cow::Borrowed(json.raw()),
            Self::Token(token) => Cow::Borrowed(token),
            Self::Text(text) => serde_json::to_string(text).expect("every string can be serialized").into(),
        }
    }

    /// Returns the token of a number.
    pub(super) fn number(self) -> Option<&'a str> {
        match self {
            Self::Json(json) if json.kind() == JsonKind::Number => Some(json.raw()),
            Self::Token(token) => Some(token),
            Self::Json(_) | Self::Text(_) => None,
        }
    }

    pub(super) fn elements(self) -> Option<Vec<Self>> {
        match self {
            Self::Json(json) => Some(json.elements()?.into_iter().map(Self::Json).collect()),
            Self::Text(_) | Self::Token(_) => None,
        }
    }

    pub(super) fn fields(self) -> Option<Vec<(Cow<'a, str>, Self)>> {
        match self {
            Self::Json(json) => {
                Some(json.fields()?.into_iter().map(|(name, value)| (name, Self::Json(value))).collect())
            }
            Self::Text(_) | Self::Token(_) => None,
        }
    }

    /// Returns true if a string in the value contains half of a surrogate pair.
    pub(super) fn has_lone_surrogate(self) -> bool {
        let Self::Json(json) = self else { return false };
        // Only escapes can contain one.
        json.raw().contains("\\u")
            && match self.kind() {
                JsonKind::String => self.text().is_some_and(|decoded| decoded.lone_surrogate),
                JsonKind::Array => self.elements().into_iter().flatten().any(Self::has_lone_surrogate),
                JsonKind::Object => self.fields().into_iter().flatten().any(|(_, value)| value.has_lone_surrogate()),
                JsonKind::Null | JsonKind::Boolean | JsonKind::Number => false,
            }
    }
}
