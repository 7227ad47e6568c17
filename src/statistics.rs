//! Acceptance sampling: Wilson confidence intervals, Cohen's kappa, Krippendorff's alpha, sample sizes, and stratified random samples.

mod agreement;
mod alpha;
mod proportion;
mod sample_size;
mod stratified_sample;

pub use agreement::{Agreement, Kappa};
pub use alpha::Coincidences;
pub use proportion::{Interval, Proportion, Z};
pub use sample_size::{MIN_TARGET, max_failures, power, sample_size_for_half_width, sample_size_for_target};
pub use stratified_sample::{Drawn, Stratum, allocate, draw, sample_key};

#[expect(clippy::cast_precision_loss, reason = "counts of records and words are far below 2^53")]
pub(crate) const fn to_f64(count: u64) -> f64 {
    count as f64
}
