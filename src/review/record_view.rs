//! What is known of a record when something is asked of it.

use crate::dataset::{Entry, Line};
use crate::describe::StopReason;
use crate::engine::rules;
use crate::lint::{Finding, Rules};
use crate::session::RecordState;

use super::Version;

/// What its line says.
#[derive(Clone, Copy, Debug)]
pub enum Content<'a> {
    /// It has not been read.
    Unread,
    /// It cannot be read as a record.
    Bad,
    /// It is a record.
    Read {
        /// The picture, as the dataset names it.
        name: &'a str,
        /// The caption of the dataset.
        caption: Option<&'a str>,
        /// The line itself, where it is at hand.
        line: Option<&'a Line<'a>>,
    },
}

impl<'a> Content<'a> {
    /// What a line says that has been read.
    #[must_use]
    pub fn of(entry: &'a Entry, line: Option<&'a Line<'a>>) -> Self {
        match entry {
            Entry::Bad(_) => Self::Bad,
            Entry::Record(record) => Self::Read { name: &record.file_name, caption: record.caption.as_deref(), line },
        }
    }

    /// Whether it is known that the line cannot be read.
    #[must_use]
    pub const fn is_bad(&self) -> bool {
        matches!(self, Self::Bad)
    }
}

/// What is known of a record.
#[derive(Clone, Copy, Debug)]
pub struct RecordView<'a> {
    /// What its line says.
    pub content: Content<'a>,
    /// What happened to it in this session.
    pub state: &'a RecordState,
    /// Whether its picture is known to be missing or broken.
    pub bad_picture: bool,
    /// What captions are held against.
    pub rules: &'a Rules,
}

impl<'a> RecordView<'a> {
    /// Whether something holds for the file name; `None` where that cannot be told.
    pub fn name(&self, holds: impl FnOnce(&str) -> bool) -> Option<bool> {
        match self.content {
            Content::Unread => None,
            Content::Bad => Some(false),
            Content::Read { name, .. } => Some(holds(name)),
        }
    }

    /// Whether something holds for the caption that would be saved now; `None` where that cannot be told.
    pub fn caption(&self, holds: impl FnOnce(&str) -> bool) -> Option<bool> {
        match self.content {
            Content::Bad => Some(false),
            Content::Unread => self.state.own_text().map(holds),
            Content::Read { caption, .. } => Some(holds(self.state.current_caption(caption).unwrap_or_default())),
        }
    }

    /// The original caption; empty where there is none or it cannot be told.
    #[must_use]
    pub fn original(&self) -> &'a str {
        match self.content {
            Content::Read { caption, .. } => self.state.original_caption(caption).unwrap_or_default(),
            Content::Bad | Content::Unread => "",
        }
    }

    /// The text that the list shows, and why its describer stopped where that is known.
    #[must_use]
    pub fn shown(&self) -> (&'a str, Option<&'a StopReason>) {
        match Version::that_matters(self.state) {
            Version::Original => (self.original(), None),
            Version::Edited => (self.state.own_text().unwrap_or_default(), None),
            Version::Candidate(place) => {
                let candidate = self.state.candidates.get(place);
                candidate.map_or(("", None), |candidate| (&candidate.text, rules::stop_reason(candidate)))
            }
        }
    }

    /// A member of the line as it is written there; the outer `None` where that cannot be told.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<Option<&'a str>> {
        match self.content {
            Content::Bad => Some(None),
            Content::Unread | Content::Read { line: None, .. } => None,
            Content::Read { line: Some(line), .. } => Some(line.member(key)),
        }
    }

    /// Lints the caption that would be saved.
    #[must_use]
    pub fn findings(&self, caption: &str) -> Vec<Finding> {
        rules::findings(caption, rules::current_stop_reason(self.state), self.rules)
    }
}
