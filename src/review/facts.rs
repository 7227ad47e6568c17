//! What is known of a record when something is asked of it.

use crate::session::RecordState;

/// What its line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
    },
}

/// What is known of a record.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What its line says.
    pub content: Content<'a>,
    /// What happened to it in this session.
    pub state: &'a RecordState,
}

impl<'a> Facts<'a> {
    /// The caption that would be saved now, if there is any; `None` where that cannot be told.
    #[must_use]
    pub fn caption(&self) -> Option<Option<&'a str>> {
        match self.content {
            Content::Bad => Some(None),
            Content::Read { caption, .. } => Some(self.state.current_caption(caption)),
            Content::Unread => self.state.decision.text().map(Some),
        }
    }
}
