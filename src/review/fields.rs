//! The fields of a structured caption, to be edited one by one.

use std::ops::Range;

use crate::dataset::RecordId;
use crate::text::{JsonObject, JsonValue, NotAnObject};

/// The list of the fields in the caption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldsPage {
    pub record: RecordId,
    /// The index of the field under the cursor, among the values without members.
    pub chosen: usize,
}

impl FieldsPage {
    /// Returns the field under the cursor of this page.
    #[must_use]
    pub fn field(&self, caption: &str) -> Option<Field> {
        let object = JsonObject::parse(caption).ok()?;
        let value = object.leaves().nth(self.chosen)?.clone();
        Some(Field { caption: caption.to_owned(), text: object.value_text(&value), value, index: self.chosen })
    }
}

/// A field of a caption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The whole caption.
    pub caption: String,
    /// The text of the field: of a string, or the JSON of another value.
    pub text: String,
    pub value: JsonValue,
    /// Its index among the values without members.
    pub index: usize,
}

impl Field {
    /// Returns the caption with another text in the field.
    ///
    /// # Errors
    /// Returns an error if the field is not a string, and the text not JSON.
    pub fn with_text(&self, text: &str) -> Result<String, NotAnObject> {
        if text == self.text {
            return Ok(self.caption.clone());
        }
        JsonObject::parse(&self.caption)?.with_value(&self.value, text)
    }

    /// Returns true if a part of the caption with another text in the field is in the field.
    #[must_use]
    pub fn contains(&self, caption: &str, part: &Range<usize>) -> bool {
        let end = (self.value.span.end + caption.len()).saturating_sub(self.caption.len());
        self.value.span.start <= part.start && part.end <= end
    }
}
