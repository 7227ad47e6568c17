//! What is known of every record, in a form that can be copied at once: a search in the background works on the copy,
//! while the review goes on.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::ledger::RecordState;
use crate::dataset::RecordId;

/// Records of a page. A copy takes time for every page, and the first change of a page after a copy for every record
/// in it: this keeps both below a millisecond with a million records touched.
const PAGE: u32 = 512;

static UNTOUCHED: LazyLock<RecordState> = LazyLock::new(RecordState::default);

/// The states of all records something happened to. A clone shares what neither side has changed since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct States {
    /// Sorted, because neighbours are reviewed together; and a tree never stops to move house as it grows.
    pages: BTreeMap<u32, Arc<BTreeMap<RecordId, RecordState>>>,
}

impl States {
    /// The state of a record; the default one where nothing happened to it.
    #[must_use]
    pub fn get(&self, record: RecordId) -> &RecordState {
        self.known(record).unwrap_or(&UNTOUCHED)
    }

    /// The state of a record something happened to.
    #[must_use]
    pub fn known(&self, record: RecordId) -> Option<&RecordState> {
        self.pages.get(&(record.0 / PAGE))?.get(&record)
    }

    /// All records something happened to, in order.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        self.pages.values().flat_map(|page| page.iter()).map(|(record, state)| (*record, state))
    }

    /// The state of a record, to be changed.
    pub(super) fn touch(&mut self, record: RecordId) -> &mut RecordState {
        let page = self.pages.entry(record.0 / PAGE).or_default();
        Arc::make_mut(page).entry(record).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_stays_as_it_was() {
        let mut states = States::default();
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
