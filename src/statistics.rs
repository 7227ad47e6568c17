//! What can be said of many records from the few somebody looked at: proportions and how sure they are, how far two
//! people agree, how large a sample has to be, and drawing it. Numbers in, numbers out.

mod agreement;
mod planning;
mod proportion;
mod sample;

pub use agreement::{Agreement, Kappa};
pub use planning::{LOWEST_TARGET, chance_to_show, most_failures, size_for_half_width, size_to_show};
pub use proportion::{Interval, Proportion, Z};
pub use sample::{Drawn, Stratum, allocate, draw, key};

/// A count as a number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "counts of records and words are far below 2^52, where it would begin")]
pub(crate) const fn real(count: u64) -> f64 {
    count as f64
}
