//! Which records a run describes.

use std::ops::ControlFlow;

use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::lint::{self, Rules};
use crate::session::{Decision, Ledger, RecordState};
use crate::statistics::{draw, key};

/// What a run may be kept to. Decided records are never described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Only {
    /// Records without a candidate, those that failed included.
    #[default]
    Pending,
    /// Records whose last description failed.
    Failed,
    /// Records without a candidate whose caption has findings.
    Lint,
}

/// A random part of what could be described.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// How many records.
    pub size: usize,
    /// The same seed gives the same records.
    pub seed: u64,
}

/// Which records are to be described.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Of which kind.
    pub only: Only,
    /// At most so many, the first in the dataset.
    pub number: Option<usize>,
    /// A random part of them.
    pub sample: Option<Sample>,
}

/// The records to describe, and those left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// In file order.
    pub records: Vec<RecordId>,
    /// Those that would be, but whose picture is not there.
    pub without_picture: u64,
    /// Lines that cannot be read.
    pub unreadable: u64,
}

impl Selection {
    /// Looks at every record and every picture's place.
    pub(super) fn of(self, dataset: &Dataset, ledger: &Ledger, rules: &Rules) -> Result<Selected, DatasetError> {
        let mut selected = Selected::default();
        let mut keys = Vec::new();
        dataset.scan(&mut |entry| {
            match entry {
                Entry::Bad(_) => selected.unreadable += 1,
                Entry::Record(record) if !self.wants(&record, ledger.record(record.id), rules) => {}
                Entry::Record(record) => {
                    let picture = dataset.picture_path(&record.file_name).ok();
                    if picture.is_some_and(|path| path.is_file()) {
                        selected.records.push(record.id);
                        keys.extend(self.sample.map(|sample| key(sample.seed, record.id.0, &record.file_name)));
                    } else {
                        selected.without_picture += 1;
                    }
                }
            }
            let enough = self.sample.is_none() && self.number.is_some_and(|number| selected.records.len() >= number);
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        if let Some(Sample { size, .. }) = self.sample {
            let found = selected.records.len() as u64;
            let items = keys.into_iter().zip(selected.records).map(|(key, record)| (key, 0, record));
            let (drawn, _) = draw(items, &[found], size as u64);
            selected.records = drawn.into_iter().map(|drawn| drawn.item).collect();
            selected.records.sort_unstable();
        }
        selected.records.truncate(self.number.unwrap_or(usize::MAX));
        Ok(selected)
    }

    fn wants(self, record: &Record, state: &RecordState, rules: &Rules) -> bool {
        let open = state.decision == Decision::Undecided;
        match self.only {
            Only::Pending => open && state.candidates.is_empty(),
            Only::Failed => open && state.failure.is_some(),
            Only::Lint => {
                let caption = record.caption.as_deref().unwrap_or_default();
                open && state.candidates.is_empty() && lint::wants_a_look(caption, rules, &lint::Context::default())
            }
        }
    }
}
