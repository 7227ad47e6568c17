//! The limits of batch jobs, in one place.

/// The limits of one job with one input file. They are quotas of an account, which can be raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub min_records: u64,
    pub max_records: u64,
    /// The maximum size of the input file.
    pub max_bytes: u64,
}

impl Default for Limits {
    /// The default quotas: "Minimum number of records per batch inference job" 100, "Records per input file per batch
    /// inference job" 50,000, "Batch inference input file size" 1 GB, of 10⁹ bytes to be safe
    /// (<https://docs.aws.amazon.com/general/latest/gr/bedrock.html>).
    fn default() -> Self {
        Self { min_records: 100, max_records: 50_000, max_bytes: 1_000_000_000 }
    }
}

impl Limits {
    /// Returns the number of jobs for `records` of `bytes` together.
    #[must_use]
    pub fn jobs(&self, records: u64, bytes: u64) -> u64 {
        records.div_ceil(self.max_records.max(1)).max(bytes.div_ceil(self.max_bytes.max(1)))
    }

    /// Returns the number of records for the next job if `records` are left: they are spread evenly, so that the last job is
    /// not below the minimum.
    #[must_use]
    pub fn per_job(&self, records: u64, bytes: u64) -> u64 {
        records.div_ceil(self.jobs(records, bytes).max(1)).min(self.max_records).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// As long as the records are equally large, no job exceeds a limit, and none is below the minimum.
        #[test]
        fn jobs_are_within_the_limits_and_even(records in 1_u64..1_000_000, size in 1_u64..2_000_000) {
            let limits = Limits::default();
            let mut left = records;
            while left > 0 {
                let next = limits.per_job(left, left * size);
                prop_assert!(next <= limits.max_records && (next - 1) * size <= limits.max_bytes);
                prop_assert!(next >= limits.min_records.min(records), "{next} of {records}");
                left -= next;
            }
        }
    }
}
