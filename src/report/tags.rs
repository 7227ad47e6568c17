//! The tags of a dataset with the number of captions that have them.

use std::ops::ControlFlow;

use serde_json::{Value, json};

use super::{Bars, Page};
use crate::dataset::{Dataset, DatasetError, Entry};
use crate::session::Ledger;
use crate::text::{TagCounter, TagTable, TagUnit, counted};

/// The tags of the current captions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFigures {
    dataset: String,
    table: TagTable,
}

impl TagFigures {
    /// Reads the whole dataset.
    ///
    /// # Errors
    /// Returns an error if the dataset cannot be read.
    pub fn gather(dataset: &Dataset, ledger: &Ledger) -> Result<Self, DatasetError> {
        let mut counter = TagCounter::new(TagUnit::Tags);
        dataset.scan(&mut |entry| {
            if let Entry::Record(record) = entry
                && record.caption.other().is_none()
                && let Some(caption) = ledger.record(record.id).current_caption(record.id, record.caption.text())
            {
                counter.add(&caption);
            }
            ControlFlow::Continue(())
        })?;
        Ok(Self { dataset: dataset.name().to_owned(), table: counter.table() })
    }

    /// Returns the tags as a JSON object, the most frequent first.
    #[must_use]
    pub fn json(&self) -> Value {
        let tags = self.table.most_frequent().map(|tag| json!({ "tag": tag.name, "captions": tag.captions }));
        json!({
            "dataset": self.dataset,
            "captions": self.table.captions(),
            "tags": tags.collect::<Vec<_>>(),
            "left_out": self.table.left_out(),
        })
    }

    #[must_use]
    pub fn page(&self, bars: Bars) -> Page {
        let mut page = Page::new(bars);
        let tags = counted(self.table.most_frequent().len() as u64, "tag", "tags");
        page.heading(format!("{}: {tags} in {}", self.dataset, counted(self.table.captions(), "caption", "captions")));
        for tag in self.table.most_frequent() {
            page.row(format!("{:>9}  {}", tag.captions, tag.name));
        }
        if self.table.left_out() > 0 {
            let left_out = counted(self.table.left_out(), "further tag", "further tags");
            page.remark(format!("{left_out} in captions not listed: too many or too long"));
        }
        page
    }
}
