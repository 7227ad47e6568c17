//! The vocabulary for completion: the dataset's fields and their values.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::{JsonKind, Line};

/// The maximum number of fields.
const MAX_FIELDS: usize = 64;
/// The maximum number of values of a field; further values are ignored.
const MAX_VALUES: usize = 200;
/// The maximum length of a value, in characters; longer values are ignored.
const MAX_LENGTH: usize = 40;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    fields: BTreeMap<String, BTreeSet<String>>,
}

impl Vocabulary {
    /// Adds the fields of a line.
    pub fn add(&mut self, line: &Line) {
        for (key, json) in line.others() {
            if !self.fields.contains_key(&*key) && self.fields.len() >= MAX_FIELDS {
                continue;
            }
            let values = self.fields.entry(key.into_owned()).or_default();
            let texts = json.elements().unwrap_or_else(|| vec![json]).into_iter();
            for text in texts.filter(|json| matches!(json.kind(), JsonKind::String | JsonKind::Boolean)) {
                let text = text.to_text();
                if values.len() < MAX_VALUES && !text.is_empty() && text.chars().count() <= MAX_LENGTH {
                    values.insert(text.into_owned());
                }
            }
        }
    }

    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.fields.keys().map(String::as_str)
    }

    pub fn values(&self, field: &str) -> impl Iterator<Item = &str> {
        self.fields.get(field).into_iter().flatten().map(String::as_str)
    }
}
