//! The states of all records as a copy-on-write map, so that a background search works on a snapshot while the review
//! continues.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use roaring::RoaringBitmap;

use super::bulk::Bulk;
use super::event::Seq;
use super::record_state::RecordState;
use super::texts::{Amended, Texts};
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
    /// Records with no events but bulk changes of their captions. Each record is in one layer at most, and has no state in
    /// the pages then.
    layers: Vec<Layer>,
}

/// Records that share a state.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Layer {
    records: Arc<RoaringBitmap>,
    state: Arc<RecordState>,
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
        let own = self.pages.get(&(record.0 / PAGE)).and_then(|page| page.get(&record));
        own.or_else(|| self.layer(record).map(|layer| &*layer.state))
    }

    /// Returns all records that have events, in file order.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        let mut own =
            self.pages.values().flat_map(|page| page.iter()).map(|(record, state)| (*record, state)).peekable();
        let layered = self.layers.iter().fold(RoaringBitmap::new(), |all, layer| all | &*layer.records);
        let mut layered = layered.into_iter().map(RecordId).peekable();
        std::iter::from_fn(move || {
            let next = own.peek().map(|(record, _)| *record);
            let in_layer = layered.next_if(|record| next.is_none_or(|next| *record < next));
            in_layer.map_or_else(|| own.next(), |record| Some((record, self.get(record))))
        })
    }

    /// Returns the records with a state of their own, in file order.
    pub(super) fn distinct(&self) -> impl Iterator<Item = RecordId> {
        self.pages.values().flat_map(|page| page.keys()).copied()
    }

    fn layer(&self, record: RecordId) -> Option<&Layer> {
        self.layers.iter().find(|layer| layer.records.contains(record.0))
    }

    /// Returns the state of a record to be changed, inserting the default one.
    pub(super) fn touch(&mut self, record: RecordId) -> &mut RecordState {
        let mut shared = None;
        if let Some(place) = self.layers.iter().position(|layer| layer.records.contains(record.0)) {
            let layer = &mut self.layers[place];
            Arc::make_mut(&mut layer.records).remove(record.0);
            shared = Some(RecordState::clone(&layer.state));
            if layer.records.is_empty() {
                self.layers.remove(place);
            }
        }
        let page = self.pages.entry(record.0 / PAGE).or_default();
        Arc::make_mut(page).entry(record).or_insert_with(|| shared.unwrap_or_default())
    }

    /// Gives records the texts of a bulk change, and returns those before. The cost depends on the number of records with
    /// states of their own, not on that of the texts.
    pub(super) fn exchange(&mut self, new: Bulk, at: Seq) -> Bulk {
        let mut before = Bulk::default();
        for (records, texts) in new.groups {
            let own = self.own_among(&records);
            for record in &own {
                let record = RecordId(record);
                let state = self.touch(record);
                state.touched = at;
                before.put(record, std::mem::replace(&mut state.amended, texts.clone().map(Amended::Among)));
            }
            self.exchange_layers(records - own, texts, at, &mut before);
        }
        for (record, text) in new.singles {
            let state = self.touch(record);
            state.touched = at;
            before.put(record, state.amended.replace(Amended::One(text)));
        }
        self.layers.retain(|layer| !layer.records.is_empty());
        before
    }

    /// Moves records without states of their own to a new layer.
    fn exchange_layers(&mut self, records: RoaringBitmap, texts: Option<Arc<Texts>>, at: Seq, before: &mut Bulk) {
        if records.is_empty() {
            return;
        }
        let mut untouched = records.clone();
        for layer in &mut self.layers {
            let moved = &untouched & &*layer.records;
            if !moved.is_empty() {
                *Arc::make_mut(&mut layer.records) -= &moved;
                untouched -= &moved;
                before.put_all(moved, layer.state.amended.as_ref().and_then(Amended::among));
            }
        }
        before.put_all(untouched, None);
        let state = RecordState { amended: texts.map(Amended::Among), touched: at, ..RecordState::default() };
        self.layers.push(Layer { records: Arc::new(records), state: Arc::new(state) });
    }

    /// Returns those of some records that have a state of their own.
    fn own_among(&self, records: &RoaringBitmap) -> RoaringBitmap {
        let (Some(first), Some(last)) = (records.min(), records.max()) else { return RoaringBitmap::new() };
        let pages = self.pages.range(first / PAGE..=last / PAGE);
        let known = pages.flat_map(|(_, page)| page.keys()).map(|record| record.0);
        known.filter(|record| records.contains(*record)).collect()
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

    #[test]
    fn bulk_changes_take_no_state_for_each_record() {
        let mut states = RecordStates::default();
        states.touch(RecordId(5)).note = "noted".to_owned();
        let all: Texts = (0..5000).map(|record| (RecordId(record), record.to_string())).collect();
        let before = states.exchange(Bulk::from(all), Seq(5001));
        let copy = states.clone();
        assert_eq!((states.pages.len(), states.layers.len()), (1, 1));
        states.touch(RecordId(7)).flagged = true;
        let text =
            |states: &RecordStates, record| states.get(RecordId(record)).own_text(RecordId(record)).map(Into::into);
        assert_eq!(
            [5, 7, 4999, 5000].map(|record| text(&states, record)),
            [Some("5".to_owned()), Some("7".to_owned()), Some("4999".to_owned()), None]
        );
        assert!(states.iter().map(|(record, _)| record.0).eq(0..5000));
        assert_eq!((&*states.get(RecordId(5)).note, states.get(RecordId(7)).flagged), ("noted", true));
        let after = states.exchange(before, Seq(5002));
        assert_eq!([5, 7, 4999].map(|record| text(&states, record)), [None, None, None]);
        states.exchange(after, Seq(5003));
        assert_eq!([5, 7, 4999].map(|record| text(&states, record).is_some()), [true; 3]);
        assert_eq!((text(&copy, 7), copy.get(RecordId(7)).flagged), (Some("7".to_owned()), false));
    }
}
