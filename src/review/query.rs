//! What records can be asked for: a query, and whether it holds for a record. Both are pure, so that the screen's thread
//! and the one that reads the dataset come to the same answer.

mod pattern;

pub use pattern::{Pattern, PatternError};

use super::facts::{Content, Facts};

/// A question about a record that is answered with yes or no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The caption, as it would be saved now, or the file name has this in it.
    Text(Pattern),
}

impl Query {
    /// Whether it holds; `None` where that cannot be told before the record's line is read.
    #[must_use]
    pub fn holds(&self, facts: &Facts) -> Option<bool> {
        match self {
            Self::Text(pattern) => text_holds(pattern, facts),
        }
    }

    /// Whether it may hold for a record nothing happened to whose line has these bytes: a quick look before the line is
    /// parsed. Never says no where [`holds`](Self::holds) would say yes.
    #[must_use]
    pub fn may_hold(&self, line: &[u8]) -> bool {
        match self {
            // What is escaped in the line is not in it as it reads.
            Self::Text(pattern) => pattern.is_in(line) || memchr::memchr(b'\\', line).is_some(),
        }
    }

    /// The texts that make it hold, to be set off where they are shown.
    #[must_use]
    pub fn patterns(&self) -> Vec<&Pattern> {
        match self {
            Self::Text(pattern) => vec![pattern],
        }
    }
}

fn text_holds(pattern: &Pattern, facts: &Facts) -> Option<bool> {
    let caption = facts.caption().map(|caption| pattern.matches(caption.unwrap_or_default()));
    let name = match facts.content {
        Content::Unread => None,
        Content::Bad => Some(false),
        Content::Read { name, .. } => Some(pattern.matches(name)),
    };
    match (caption, name) {
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(false), Some(false)) => Some(false),
        _ => None,
    }
}
