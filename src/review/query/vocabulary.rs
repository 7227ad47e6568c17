//! The vocabulary for completion: the dataset's fields and their values.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::Line;

/// The largest number of fields kept.
const MOST_MEMBERS: usize = 64;
/// The largest number of values kept of a field. A field with more is not completed.
const MOST_VALUES: usize = 200;
/// The longest value kept, in characters.
const LONGEST: usize = 40;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Vocabulary {
    pub fn learn(&mut self, line: &Line) {
        for (key, value) in line.others() {
            if !self.members.contains_key(&key) && self.members.len() >= MOST_MEMBERS {
                continue;
            }
            let values = self.members.entry(key).or_default();
            let texts = match value {
                serde_json::Value::Array(values) => values,
                one => vec![one],
            };
            for text in texts {
                let text = match text {
                    serde_json::Value::String(text) => text,
                    other @ serde_json::Value::Bool(_) => other.to_string(),
                    _ => continue,
                };
                if values.len() < MOST_VALUES && !text.is_empty() && text.chars().count() <= LONGEST {
                    values.insert(text);
                }
            }
        }
    }

    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// Returns the values of a field.
    pub fn values(&self, member: &str) -> impl Iterator<Item = &str> {
        self.members.get(member).into_iter().flatten().map(String::as_str)
    }
}
