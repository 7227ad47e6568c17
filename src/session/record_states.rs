//! The states of all records as a copy-on-write map, so that a background search works on a snapshot while the review
//! continues.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::record_state::RecordState;
use crate::dataset::RecordId;

/// Records in a page. A snapshot copies a pointer per page, and the first change of a page after it copies the page: this
/// size keeps both below a millisecond for a million records.
const PAGE: u32 = 512;

static UNTOUCHED: LazyLock<RecordState> = LazyLock::new(RecordState::default);

/// The states of all records that have events. A clone shares all pages until one side changes them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordStates {
    /// Sorted, because neighbours are reviewed together. Unlike a hash map, a `BTreeMap` never stops to rehash.
    pages: BTreeMap<u32, Arc<BTreeMap<RecordId, RecordState>>>,
}

impl RecordStates {
    /// Returns the state of a record, the default one if it has no events.
    #[must_use]
    pub fn get(&self, record: RecordId) -> &RecordState {
        self.known(record).unwrap_or(&UNTOUCHED)
    }

    /// Returns the state of a record, or `None` if it has no events.
    #[must_use]
    pub fn known(&self, record: RecordId) -> Option<&RecordState> {
        self.pages.get(&(record.0 / PAGE))?.get(&record)
    }

    /// Returns all records that have events, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        self.pages.values().flat_map(|page| page.iter()).map(|(record, state)| (*record, state))
    }

    /// Returns the state of a record to be changed, inserting the default one.
    pub(super) fn touch(&mut self, record: RecordId) -> &mut RecordState {
        let page = self.pages.entry(record.0 / PAGE).or_default();
        Arc::make_mut(page).entry(record).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_does_not_change() {
        let mut states = RecordStates::default();
        for record in [0, 1, PAGE, PAGE * 7 + 3, u32::MAX] {
            states.touch(RecordId(record)).note = record.to_string();
        }
        let copy = states.clone();
        states.touch(RecordId(1)).note = "changed".to_owned();
        states.touch(RecordId(2)).flagged = true;
        assert_eq!(copy.get(RecordId(1)).note, "1");
        assert_eq!((copy.known(RecordId(2)), copy.get(RecordId(2))), (None, &RecordState::default()));
        assert_eq!(states.get(RecordId(1)).note, "changed");
        let records: Vec<u32> = states.iter().map(|(record, _)| record.0).collect();
        assert_eq!(records, [0, 1, 2, PAGE, PAGE * 7 + 3, u32::MAX]);
    }
}
