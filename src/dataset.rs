//! The dataset: a JSON Lines file and the pictures it names, read on demand and never changed here.

/// Position of a record among the records of its dataset, from zero. Blank lines are not records; lines that cannot be
/// parsed are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId(pub u32);

impl RecordId {
    /// The position as an index.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}
