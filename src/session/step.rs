//! A step: the changes of one command, stored and undone together.

use std::sync::Arc;

use roaring::RoaringBitmap;

use super::event::{Actor, Decision, Draft, Event, Seq};
use super::texts::Texts;
use crate::dataset::RecordId;

/// What a step does to one of its records. Each is an event of its own and can be undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Decided { decision: Decision, by: Actor },
    Amended(Option<String>),
    Flagged(bool),
}

impl Change {
    /// Returns the event that makes this change to `record`.
    #[must_use]
    pub fn of(self, record: RecordId) -> Event {
        match self {
            Self::Decided { decision, by } => Event::Decided { record, decision, by },
            Self::Amended(text) => Event::Amended { record, text },
            Self::Flagged(on) => Event::Flagged { record, on },
        }
    }
}

/// The events of a step. The changes among them are undone together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changes {
    One(Event),
    /// The same change to each of many records. A million records take a few kilobytes.
    Same(RoaringBitmap, Change),
    /// A change for each record, in this order.
    Each(Vec<(RecordId, Change)>),
    /// Another caption for each of many records ([`Event::Amended`]). Undone and redone without a step for each.
    Texts(Arc<Texts>),
    /// Any events, in this order.
    Events(Vec<Event>),
}

impl From<Event> for Changes {
    fn from(event: Event) -> Self {
        Self::One(event)
    }
}

/// Takes the compact form if all changes are the same, in file order.
impl From<Vec<(RecordId, Change)>> for Changes {
    fn from(changes: Vec<(RecordId, Change)>) -> Self {
        let is_sorted = changes.is_sorted_by(|(one, _), (next, _)| one < next);
        match changes.first() {
            Some((_, first)) if is_sorted && changes.iter().all(|(_, change)| change == first) => {
                Self::Same(changes.iter().map(|(record, _)| record.0).collect(), first.clone())
            }
            _ => Self::Each(changes),
        }
    }
}

/// Takes a more compact form if there is one.
impl From<Vec<Event>> for Changes {
    fn from(mut events: Vec<Event>) -> Self {
        if events.len() == 1
            && let Some(event) = events.pop()
        {
            return Self::One(event);
        }
        let is_bulk =
            |event: &Event| matches!(event, Event::Decided { .. } | Event::Amended { .. } | Event::Flagged { .. });
        if !events.iter().all(is_bulk) {
            return Self::Events(events);
        }
        let change = |event| match event {
            Event::Decided { record, decision, by } => Some((record, Change::Decided { decision, by })),
            Event::Amended { record, text } => Some((record, Change::Amended(text))),
            Event::Flagged { record, on } => Some((record, Change::Flagged(on))),
            _ => None,
        };
        events.into_iter().filter_map(change).collect::<Vec<_>>().into()
    }
}

impl Changes {
    /// Returns the records that are changed, in order. Undo and redo find theirs in the ledger.
    pub fn records(&self) -> impl Iterator<Item = RecordId> {
        let (events, same, each) = self.parts();
        let same = same.into_iter().flat_map(|(records, _)| records).map(RecordId);
        let each = each.iter().map(|(record, _)| *record);
        events
            .iter()
            .filter_map(Event::record)
            .chain(same)
            .chain(each)
            .chain(self.texts().flat_map(|texts| texts.records().iter().map(RecordId)))
    }

    /// Returns the records that are decided, in order.
    pub fn decided(&self) -> impl Iterator<Item = RecordId> {
        let (events, same, each) = self.parts();
        let events = events.iter().filter(|event| matches!(event, Event::Decided { .. })).filter_map(Event::record);
        let is_decision = |change: &Change| matches!(change, Change::Decided { .. });
        let same = same.into_iter().filter(move |(_, change)| is_decision(change));
        let same = same.flat_map(|(records, _)| records).map(RecordId);
        let each = each.iter().filter(move |(_, change)| is_decision(change)).map(|(record, _)| *record);
        events.chain(same).chain(each)
    }

    /// Returns the events in order, the joint last.
    pub fn events(&self) -> impl Iterator<Item = Event> {
        let (events, same, each) = self.parts();
        let of = |record, change: &Change| change.clone().of(record);
        let same =
            same.into_iter().flat_map(move |(records, change)| records.iter().map(move |id| of(RecordId(id), change)));
        let each = each.iter().map(move |(record, change)| of(*record, change));
        let amended = |(record, text)| Event::Amended { record, text: Some(text) };
        let texts = self.texts().flat_map(Texts::iter).map(amended);
        events.iter().cloned().chain(same).chain(each).chain(texts).chain(self.joint())
    }

    /// Returns the event that makes several changes one step of undo.
    #[must_use]
    pub fn joint(&self) -> Option<Event> {
        let (events, same, each) = self.parts();
        let events = events.iter().filter(|event| event.is_change()).count();
        let same = same.map_or(0, |(records, _)| records.len());
        let changes = (events + each.len()) as u64 + same + self.texts().map(Texts::len).sum::<u64>();
        (changes > 1).then_some(Event::StepEnded { changes })
    }

    /// Returns the number of events, the joint included.
    #[must_use]
    pub fn len(&self) -> u64 {
        let (events, same, each) = self.parts();
        let events = (events.len() + each.len()) as u64 + same.map_or(0, |(records, _)| records.len());
        events + self.texts().map(Texts::len).sum::<u64>() + u64::from(self.joint().is_some())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn texts(&self) -> impl Iterator<Item = &Texts> {
        match self {
            Self::Texts(texts) => Some(&**texts),
            _ => None,
        }
        .into_iter()
    }

    #[expect(clippy::type_complexity, reason = "the forms side by side, of which one is not empty")]
    fn parts(&self) -> (&[Event], Option<(&RoaringBitmap, &Change)>, &[(RecordId, Change)]) {
        match self {
            Self::One(event) => (std::slice::from_ref(event), None, &[]),
            Self::Same(records, change) => (&[], Some((records, change)), &[]),
            Self::Each(changes) => (&[], None, changes),
            Self::Events(events) => (events, None, &[]),
            Self::Texts(_) => (&[], None, &[]),
        }
    }
}

/// Numbered changes, applied to a ledger and ready to be stored. Stored in one transaction: after a crash the session
/// holds all of a step or nothing of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Number of the first event.
    pub first: Seq,
    pub changes: Changes,
}

impl Step {
    /// Returns the number of the last event. An empty step has none and returns the number before it.
    #[must_use]
    pub fn last(&self) -> Seq {
        Seq(self.first.0 + self.changes.len() - 1)
    }

    /// Returns the drafts, with the numbers of their events. Only the newest draft of a record is stored.
    pub(super) fn drafts(&self) -> impl Iterator<Item = (Seq, RecordId, Option<&Draft>)> {
        let (events, ..) = self.changes.parts();
        events.iter().zip(self.first.0..).filter_map(|(event, seq)| match event {
            Event::Drafted { record, draft } => Some((Seq(seq), *record, draft.as_ref())),
            _ => None,
        })
    }
}
