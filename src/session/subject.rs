//! What identifies a record when its position changes.

use super::error::Fault;
use crate::dataset::RecordId;

/// What identifies a record besides its position, stored when it is first touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Empty if the line has no file name.
    pub file_name: String,
    /// The number of earlier records with the same file name and caption. Zero until that is known (see
    /// [`Store::set_namesakes`](super::Store::set_namesakes)).
    pub occurrence: u32,
    /// The caption in its line; the line's beginning if it has no file name.
    pub caption: Option<String>,
}

/// A subject's row id less one. Subjects are numbered without gaps in the order of their first events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct SubjectIndex(pub(super) u32);

impl SubjectIndex {
    pub(super) const fn row(self) -> i64 {
        self.0 as i64 + 1
    }

    pub(super) fn from_row(id: i64) -> Result<Self, Fault> {
        u32::try_from(id.saturating_sub(1))
            .map(Self)
            .map_err(|_| Fault::Damaged(format!("subject {id} is out of range")))
    }

    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }

    /// Returns the placeholder for the position of a subject that is missing from the dataset. Positions and subjects are
    /// less than 2³¹ (the table checks it), so placeholders and positions never collide.
    pub(super) const fn placeholder(self) -> RecordId {
        RecordId(u32::MAX - self.0)
    }

    /// Returns the subject of a placeholder.
    pub(super) const fn of_placeholder(record: RecordId) -> Self {
        Self(u32::MAX - record.0)
    }
}
