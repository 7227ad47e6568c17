//! Batch inference: the lines that are sent away, and the results that come back. The requests are those of single
//! descriptions, and results pass the same rules.

mod collect;
mod conclude;
mod limits;
mod record_key;
mod requests;
mod results;

pub use self::collect::{Answer, Chunk, CollectError, Jobs, Sink, collect};
pub use self::conclude::{Taking, Tally, conclude};
pub use self::limits::Limits;
pub use self::record_key::RecordKey;
pub use self::requests::{Line, line};
pub use self::results::{BatchResult, Results, Totals, UnreadableLine};
pub use crate::describe::bedrock::BatchAccess;
