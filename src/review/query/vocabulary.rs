//! The vocabulary for completion: the dataset's fields and their values.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::{JsonKind, Line};

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
        for (key, json) in line.others() {
            if !self.members.contains_key(&*key) && self.members.len() >= MOST_MEMBERS {
                continue;
            }
            let values = self.members.entry(key.into_owned()).or_default();
            let texts = json.elements().unwrap_or_else(|| vec![json]).into_iter();
            for text in texts.filter(|json| matches!(json.kind(), JsonKind::String | JsonKind::Boolean)) {
                let text = text.to_text();
                if values.len() < MOST_VALUES && !text.is_empty() && text.chars().count() <= LONGEST {
                    values.insert(text.into_owned());
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
