//! Which records a headless run describes.

use std::ops::ControlFlow;

use clap::ValueEnum;

use super::rules;
use crate::dataset::{Dataset, DatasetError, Entry, Record, RecordId};
use crate::lint::{self, Rules};
use crate::picture;
use crate::session::{Ledger, RecordState};
use crate::statistics::{draw, sample_key};

/// A kind of undecided records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, ValueEnum)]
pub enum Only {
    /// Records that need a description, including those whose last one failed.
    #[default]
    Pending,
    /// Records whose last description failed.
    Failed,
    /// Records that need a description and whose current caption has a warning or an error.
    Lint,
}

/// A simple random sample of the selected records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    pub size: usize,
    /// The same seed selects the same records.
    pub seed: u64,
}

/// The options that select records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    pub only: Only,
    /// Keep at most this many, the first in file order.
    pub number: Option<usize>,
    pub sample: Option<Sample>,
}

/// The selected records, and the number of those left out, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selected {
    /// In file order.
    pub records: Vec<RecordId>,
    pub without_picture: u64,
    pub unreadable: u64,
    /// Captions that no text may replace.
    pub other_captions: u64,
}

impl Selection {
    /// Scans the dataset and checks that each selected record's image file exists.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn select(
        self,
        dataset: &Dataset,
        ledger: &Ledger,
        describer: &str,
        rules: &Rules,
    ) -> Result<Selected, DatasetError> {
        let mut selected = Selected::default();
        let mut keys = Vec::new();
        dataset.scan(&mut |entry| {
            match entry {
                Entry::Bad(_) => selected.unreadable += 1,
                Entry::Record(record) if !self.only.includes(&record, ledger.record(record.id), describer, rules) => {}
                Entry::Record(record) if record.caption.other().is_some() => selected.other_captions += 1,
                Entry::Record(record) => {
                    let picture = dataset.picture_path(&record.file_name).ok();
                    if picture.is_some_and(|path| picture::located(&path).is_some()) {
                        selected.records.push(record.id);
                        keys.extend(self.sample.map(|sample| sample_key(sample.seed, record.id.0, &record.file_name)));
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
}

impl Only {
    fn includes(self, record: &Record, state: &RecordState, describer: &str, rules: &Rules) -> bool {
        match self {
            Self::Pending => rules::needs_description(state, describer),
            Self::Failed => rules::needs_retry(state),
            Self::Lint => {
                let caption = state.current_caption(record.caption.text()).unwrap_or_default();
                rules::needs_description(state, describer)
                    && lint::needs_attention(caption, rules, &lint::Context::default())
            }
        }
    }
}
