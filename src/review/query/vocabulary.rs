//! The words a dataset offers for queries: the members of its lines, and what stands in them.

use std::collections::{BTreeMap, BTreeSet};

use crate::dataset::Line;

/// Members of a line that are remembered.
const MOST_MEMBERS: usize = 64;
/// Values of a member that are remembered. One with more is not chosen from a list.
const MOST_VALUES: usize = 200;
/// Characters of a value that is worth choosing from a list.
const LONGEST: usize = 40;

/// The members of a dataset's lines, and what stands in them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Vocabulary {
    /// Takes a line in.
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

    /// The members' names.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// What stands in a member.
    pub fn values(&self, member: &str) -> impl Iterator<Item = &str> {
        self.members.get(member).into_iter().flatten().map(String::as_str)
    }
}
