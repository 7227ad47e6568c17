//! What the engine reports to a front end.

use crate::describe::{DescribeError, Description};

/// A step in the life of a job: `Started`, then any number of `Waiting` and `Delta`, then one end. A job cancelled before
/// it starts has only its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEvent {
    Started,
    /// The describer waits or retries, and discards the text so far. The reason, in a few words.
    Waiting(String),
    /// More text.
    Delta(String),
    Finished(Description),
    Failed(DescribeError),
    /// Cancelled, or replaced by a newer job for the same record.
    Cancelled,
}
