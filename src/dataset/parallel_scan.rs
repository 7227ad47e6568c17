//! Reading all records on all processors.

use std::ops::ControlFlow;

use super::{Dataset, DatasetError, Entry};
use crate::parallel::{self, Beside};

/// Records that a thread reads at a time. Few, because some callers decode their images.
const BATCH: u32 = 256;

impl Dataset {
    /// Visits the result of `work` for every record, in file order, in bounded memory. `work` runs on all processors.
    /// Completes the index first.
    ///
    /// # Errors
    /// Returns an error if the file cannot be read, or changed since it was opened, or the error of `visit`, which stops.
    pub fn scan_parallel<T: Send, E: From<DatasetError>>(
        &self,
        work: impl Fn(Entry) -> T + Sync,
        mut visit: impl FnMut(&mut T) -> Result<(), E>,
    ) -> Result<(), E> {
        self.build_index(&mut |_| ControlFlow::Continue(()))?;
        let records = self.record_count();
        let read = |batch: usize| {
            let start = u32::try_from(batch).unwrap_or(u32::MAX).saturating_mul(BATCH);
            let mut results = Vec::new();
            let read = self.visit(start..start.saturating_add(BATCH).min(records), &mut |entry| {
                results.push(work(entry));
                ControlFlow::Continue(())
            });
            (read.err(), results)
        };
        parallel::visit_in_order(records.div_ceil(BATCH) as usize, Beside::Nothing, read, |(error, results)| {
            results.iter_mut().try_for_each(&mut visit)?;
            error.take().map_or(Ok(()), |error| Err(error.into()))
        })
    }
}
