//! Batch inference: the lines that are sent away, and the results that come back. The requests are those of single
//! descriptions, and results pass the same rules.

mod limits;
mod record_key;
mod requests;
mod results;

pub use self::limits::Limits;
pub use self::record_key::RecordKey;
pub use self::requests::{Line, line};
pub use self::results::{BatchResult, Results, Totals, UnreadableLine};
