//! The ledger: the state that results from a session's events. Live changes and replay both go through [`Ledger::apply`],
//! so a restart restores exactly the same state.

use std::collections::{HashMap, HashSet};
use std::mem::swap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringBitmap;

use super::bulk::Bulk;
use super::event::{Actor, CandidateId, Decision, Event, MatchOutcome, Seq};
use super::record_state::{Candidate, Original, RecordState, Rejection};
use super::record_states::RecordStates;
use super::step::{Changes, Step};
use super::texts::{Amended, Texts};
use crate::dataset::{Amendment, RecordId};

/// A change that can be undone or redone: one part of one record as it is on the other side of the change. Swapping it
/// with the record's own is the undo, and swapping once more the redo.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reversal {
    /// Of a bulk change, the first record.
    record: RecordId,
    other: Part,
    /// The event that joined the changes of its step; of a step of one, the event that made it.
    step: Seq,
    /// The event that made the change first.
    made: Seq,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// `None` stands for the default, which is what a million records are that are decided for the first time.
    Decision(Option<Box<Decided>>),
    Amended(Option<Amended>),
    /// The captions of many records.
    Bulk(Box<Bulk>),
    Flag(bool),
    Rejection(Option<Box<Rejection>>),
    Note(String),
}

/// The part of a record's state that a decision replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Decided {
    decision: Decision,
    by: Actor,
    at: Seq,
    amended: Option<Amended>,
    original_changed: bool,
}

impl Decided {
    /// Puts itself into a record's state and returns the previous part, or `None` if that is the default.
    fn replace(mut self, state: &mut RecordState) -> Option<Box<Self>> {
        let Self { decision, by, at, amended, original_changed } = &mut self;
        swap(decision, &mut state.decision);
        swap(by, &mut state.by);
        swap(at, &mut state.decided_at);
        swap(amended, &mut state.amended);
        swap(original_changed, &mut state.original_changed);
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Part {
    fn swap(&mut self, state: &mut RecordState) {
        match self {
            Self::Decision(other) => {
                let decided = other.take().map_or_else(Decided::default, |decided| *decided);
                *other = decided.replace(state);
            }
            Self::Amended(text) => swap(text, &mut state.amended),
            // The ledger exchanges the states of all records at once.
            Self::Bulk(_) => {}
            Self::Flag(on) => swap(on, &mut state.flagged),
            Self::Rejection(rejection) => swap(rejection, &mut state.rejection),
            Self::Note(note) => swap(note, &mut state.note),
        }
    }
}

impl Reversal {
    /// Returns the number of records.
    fn len(&self) -> u64 {
        match &self.other {
            Part::Bulk(bulk) => bulk.records().len(),
            _ => 1,
        }
    }

    /// Returns the records that are in the dataset, in the order in which they were changed.
    fn present(&self, absent: &HashSet<RecordId>) -> Vec<RecordId> {
        match &self.other {
            Part::Bulk(bulk) => bulk.records().iter().map(RecordId).filter(|record| !absent.contains(record)).collect(),
            _ => Some(self.record).filter(|record| !absent.contains(record)).into_iter().collect(),
        }
    }

    fn is_present(&self, absent: &HashSet<RecordId>) -> bool {
        match &self.other {
            Part::Bulk(bulk) if !absent.is_empty() => bulk.records().iter().any(|id| !absent.contains(&RecordId(id))),
            Part::Bulk(_) => true,
            _ => !absent.contains(&self.record),
        }
    }
}

/// Updates a decision after its record's original caption changed.
fn reconsider(decision: &mut Decision, original_changed: &mut bool) {
    match decision {
        Decision::Undecided | Decision::Skipped => return,
        Decision::Kept => *decision = Decision::Undecided,
        Decision::Accepted { .. } | Decision::Edited { .. } | Decision::Excluded => {}
    }
    *original_changed = true;
}

/// The state of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    records: RecordStates,
    /// Records that are missing from the dataset. Their ids are placeholders, not positions.
    absent: HashSet<RecordId>,
    undo: Vec<Reversal>,
    redo: Vec<Reversal>,
    last: Seq,
    last_change_of_output: Seq,
    saved_through: Seq,
    saves: HashMap<PathBuf, u128>,
}

impl Ledger {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns the state of a record, the default one if it has no events.
    #[must_use]
    pub fn record(&self, record: RecordId) -> &RecordState {
        self.records.get(record)
    }

    /// Returns a snapshot of all states, for background work. Cheap: pages are copied on write.
    #[must_use]
    pub fn states(&self) -> RecordStates {
        self.records.clone()
    }

    /// Returns the records of the dataset that have events, in no particular order.
    pub fn touched(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        self.records.iter().filter(|(id, _)| !self.absent.contains(id))
    }

    /// Returns the records of the dataset that have events other than bulk changes of captions, in no particular order.
    pub fn distinct(&self) -> impl Iterator<Item = RecordId> {
        self.records.distinct().filter(|id| !self.absent.contains(id))
    }

    /// Returns the number of the newest event.
    #[must_use]
    pub const fn last(&self) -> Seq {
        self.last
    }

    /// Returns true if the output would differ from the last save.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.last_change_of_output > self.saved_through
    }

    /// Returns the differences between the output and the dataset. Cheap: they are a snapshot.
    #[must_use]
    pub fn amendments(&self) -> Amendments {
        Amendments { states: self.states(), absent: self.absent.clone() }
    }

    /// Returns the files this session wrote, with the hash of the last output. If a file's hash differs, it was changed by
    /// another program.
    pub fn saves(&self) -> impl Iterator<Item = (&Path, u128)> {
        self.saves.iter().map(|(path, hash)| (path.as_path(), *hash))
    }

    /// Returns the records that a person decided last, newest first, each once. Looks at a limited number of changes, so that
    /// the cost does not depend on the length of the session: of a step that decided many records, only the last ones.
    pub fn recently_decided(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        const STEPS: usize = 64;
        const CHANGES_PER_STEP: usize = 16;
        let mut end = self.undo.len();
        let steps = std::iter::from_fn(move || {
            let step = self.undo[..end].last()?.step;
            let is_same = move |change: &&Reversal| change.step == step;
            let newest = self.undo[..end].iter().rev().take(CHANGES_PER_STEP).take_while(is_same);
            let seen = end - newest.clone().count();
            end = seen.min(self.undo[..end].partition_point(|change| change.step < step));
            Some(newest)
        });
        // A change that a later one replaced is not the record's decision.
        let decided = |change: &Reversal| {
            let state = self.record(change.record);
            let is_current = matches!(change.other, Part::Decision(_)) && state.decided_at == change.made;
            (is_current && state.by == Actor::Operator && !self.absent.contains(&change.record))
                .then_some((change.record, state))
        };
        steps.take(STEPS).flatten().filter_map(decided)
    }

    /// Returns true if there is a change to undo.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        self.step(&self.undo).next().is_some()
    }

    /// Returns true if there is a change to redo.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        self.step(&self.redo).next().is_some()
    }

    /// Returns the records that an undo would change, in the order in which they were changed.
    #[must_use]
    pub fn undo_targets(&self) -> Vec<RecordId> {
        let mut places: Vec<usize> = self.step(&self.undo).collect();
        places.reverse();
        places.into_iter().flat_map(|place| self.undo[place].present(&self.absent)).collect()
    }

    /// Returns the records that an undo would change, if it reverts a bulk change of captions.
    #[must_use]
    pub fn undone_texts(&self) -> Option<RoaringBitmap> {
        self.bulk_of(&self.undo)
    }

    /// Returns the records that a redo would change, if it repeats a bulk change of captions.
    #[must_use]
    pub fn redone_texts(&self) -> Option<RoaringBitmap> {
        self.bulk_of(&self.redo)
    }

    fn bulk_of(&self, changes: &[Reversal]) -> Option<RoaringBitmap> {
        match &changes[self.step(changes).next()?].other {
            Part::Bulk(bulk) => {
                let absent: RoaringBitmap = self.absent.iter().map(|record| record.0).collect();
                Some(bulk.records() - absent)
            }
            _ => None,
        }
    }

    /// Returns true if everything an undo would revert was done after this event.
    #[must_use]
    pub fn would_undo_since(&self, event: Seq) -> bool {
        self.step(&self.undo).all(|index| self.undo[index].made > event)
    }

    /// Returns the records that a redo would change, in the order in which they were changed.
    #[must_use]
    pub fn redo_targets(&self) -> Vec<RecordId> {
        self.step(&self.redo).flat_map(|place| self.redo[place].present(&self.absent)).collect()
    }

    /// Applies an event. Returns its number and the record it changed, if any. An undo or redo without a step to revert
    /// changes nothing.
    pub fn apply(&mut self, event: Event) -> (Seq, Option<RecordId>) {
        self.last = Seq(self.last.0 + 1);
        let seq = self.last;
        let record = match event {
            Event::Decided { record, decision, by } => {
                self.last_change_of_output = seq;
                let decided = Decided { decision, by, at: seq, ..Decided::default() };
                let other = decided.replace(self.touch(record, seq));
                Some(self.changed(record, seq, Part::Decision(other)))
            }
            Event::Amended { record, text } => {
                self.last_change_of_output = seq;
                Some(self.change(record, seq, Part::Amended(text.map(Amended::from))))
            }
            Event::StepEnded { changes } => {
                let mut left = changes;
                for change in self.undo.iter_mut().rev() {
                    if left == 0 {
                        break;
                    }
                    left = left.saturating_sub(change.len());
                    change.step = seq;
                }
                None
            }
            Event::Flagged { record, on } => Some(self.change(record, seq, Part::Flag(on))),
            Event::Rejected { record, reason } => {
                let rejection = reason.map(|reason| Box::new(Rejection { reason, at: seq }));
                Some(self.change(record, seq, Part::Rejection(rejection)))
            }
            Event::Noted { record, note } => Some(self.change(record, seq, Part::Note(note))),
            Event::Generated { record, text, provenance } => {
                let state = self.touch(record, seq);
                state.failure = None;
                state.unrecognised = None;
                state.add_candidate(Candidate { id: CandidateId(seq.0), text, provenance });
                Some(record)
            }
            Event::Unrecognised { record, describer } => {
                let state = self.touch(record, seq);
                state.failure = None;
                state.unrecognised = Some(describer.into_boxed_str());
                Some(record)
            }
            Event::Verified { record, verification } => {
                self.touch(record, seq).add_verification(*verification);
                Some(record)
            }
            Event::Failed { record, reason } => {
                self.touch(record, seq).failure = Some(reason);
                Some(record)
            }
            Event::Drafted { record, draft } => {
                self.touch(record, seq).draft = draft;
                Some(record)
            }
            Event::Undone => {
                let step = self.take_step(true);
                let step: Vec<Reversal> = step.into_iter().map(|change| self.swap(change, seq)).collect();
                let record = step.last().map(|change| change.record);
                self.redo.extend(step);
                record
            }
            Event::Redone => {
                let step = self.take_step(false);
                let step: Vec<Reversal> = step.into_iter().map(|change| self.swap(change, seq)).collect();
                let record = step.first().map(|change| change.record);
                self.undo.extend(step);
                record
            }
            Event::Saved { path, through, hash } => {
                self.saved_through = through;
                self.saves.insert(path, hash);
                None
            }
            Event::Rebound { outcomes } => {
                self.rebind(outcomes, seq);
                None
            }
        };
        (seq, record)
    }

    /// Applies the changes of a step one after the other, and returns them numbered, to be stored.
    pub fn perform(&mut self, changes: Changes) -> Step {
        let first = Seq(self.last.0 + 1);
        if let Changes::Texts(texts) = &changes {
            self.amend(Arc::clone(texts));
            changes.joint().map(|joint| self.apply(joint));
            return Step { first, changes };
        }
        self.undo.reserve(usize::try_from(changes.len()).unwrap_or_default());
        for event in changes.events() {
            self.apply(event);
        }
        Step { first, changes }
    }

    /// Gives many records other captions. Each counts as an event.
    fn amend(&mut self, texts: Arc<Texts>) {
        let Some(record) = texts.records().min().map(RecordId) else { return };
        let made = Seq(self.last.0 + 1);
        self.last = Seq(self.last.0 + texts.len());
        self.last_change_of_output = self.last;
        let before = self.records.exchange(Bulk::from(texts), self.last);
        self.undo.push(Reversal { record, other: Part::Bulk(before.into()), step: self.last, made });
        self.redo.clear();
    }

    /// Creates a ledger with room for this many changes.
    pub(super) fn with_capacity(changes: usize) -> Self {
        Self { undo: Vec::with_capacity(changes), ..Self::default() }
    }

    /// Applies a stored event. Skipped numbers are those of drafts that newer ones have replaced.
    pub(super) fn apply_as(&mut self, seq: Seq, event: Event) {
        self.last = Seq(seq.0.saturating_sub(1));
        self.apply(event);
    }

    /// Applies a stored bulk change of captions, which begins with an event.
    pub(super) fn amend_as(&mut self, seq: Seq, texts: Texts) {
        self.last = Seq(seq.0.saturating_sub(1));
        self.amend(Arc::new(texts));
    }

    /// Returns the records that are missing from the dataset, by their placeholders.
    pub(super) fn absent(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        self.absent.iter().map(|id| (*id, self.record(*id)))
    }

    /// Returns the indices of the newest step's changes of records that are in the dataset, newest first.
    fn step<'a>(&'a self, changes: &'a [Reversal]) -> impl Iterator<Item = usize> + 'a {
        let present = |change: &Reversal| change.is_present(&self.absent);
        let newest = changes.iter().rposition(present);
        let range = newest.map_or(0..0, |newest| {
            let step = changes[newest].step;
            let same = |change: &&Reversal| change.step == step;
            newest - changes[..newest].iter().rev().take_while(same).count()..newest + 1
        });
        range.rev().filter(move |index| present(&changes[*index]))
    }

    /// Removes the newest step from the undo or redo stack, and returns its changes in the order to swap them in.
    fn take_step(&mut self, undo: bool) -> Vec<Reversal> {
        let places: Vec<usize> = self.step(if undo { &self.undo } else { &self.redo }).collect();
        let changes = if undo { &mut self.undo } else { &mut self.redo };
        let mut step = Vec::with_capacity(places.len());
        for place in places {
            let apart = match &mut changes[place].other {
                Part::Bulk(bulk) => Some(bulk.split_off(&self.absent)).filter(|apart| !apart.is_empty()),
                _ => None,
            };
            step.push(match apart {
                None => changes.remove(place),
                // Those that are missing from the dataset stay.
                Some(apart) => {
                    let Reversal { record, step, made, .. } = changes[place];
                    let other = std::mem::replace(&mut changes[place].other, Part::Bulk(apart.into()));
                    Reversal { record, other, step, made }
                }
            });
        }
        step
    }

    fn touch(&mut self, record: RecordId, seq: Seq) -> &mut RecordState {
        let state = self.records.touch(record);
        state.touched = seq;
        state
    }

    fn change(&mut self, record: RecordId, seq: Seq, mut part: Part) -> RecordId {
        part.swap(self.touch(record, seq));
        self.changed(record, seq, part)
    }

    fn changed(&mut self, record: RecordId, seq: Seq, other: Part) -> RecordId {
        self.undo.push(Reversal { record, other, step: seq, made: seq });
        self.redo.clear();
        record
    }

    fn swap(&mut self, mut change: Reversal, seq: Seq) -> Reversal {
        if let Part::Bulk(bulk) = &mut change.other {
            self.last_change_of_output = seq;
            **bulk = self.records.exchange(std::mem::take(bulk), seq);
            return change;
        }
        if matches!(change.other, Part::Decision(_) | Part::Amended(_)) {
            self.last_change_of_output = seq;
        }
        change.other.swap(self.touch(change.record, seq));
        change
    }

    fn rebind(&mut self, outcomes: Vec<(RecordId, MatchOutcome)>, seq: Seq) {
        let mut changed = HashSet::new();
        for (record, outcome) in outcomes {
            let state = self.records.touch(record);
            state.touched = seq;
            match outcome {
                MatchOutcome::Gone => {
                    self.absent.insert(record);
                }
                MatchOutcome::Returned => {
                    self.absent.remove(&record);
                    if state.decision.is_final() {
                        self.last_change_of_output = seq;
                    }
                }
                MatchOutcome::Changed { before: _ } => {
                    state.original = Original::InDataset;
                    reconsider(&mut state.decision, &mut state.original_changed);
                    changed.insert(record);
                }
                MatchOutcome::Ours { original } => state.original = Original::Before(original),
                MatchOutcome::Restored => state.original = Original::InDataset,
            }
        }
        for change in self.undo.iter_mut().chain(&mut self.redo) {
            if let Part::Decision(Some(decided)) = &mut change.other
                && changed.contains(&change.record)
            {
                reconsider(&mut decided.decision, &mut decided.original_changed);
            }
        }
    }
}

/// The differences between the output and the dataset, as of one event.
#[derive(Clone, Debug)]
pub struct Amendments {
    states: RecordStates,
    /// Records that are missing from the dataset.
    absent: HashSet<RecordId>,
}

impl Amendments {
    /// Returns them in file order.
    pub fn iter(&self) -> impl Iterator<Item = (RecordId, Amendment)> {
        let present = self.states.iter().filter(|(record, _)| !self.absent.contains(record));
        present.filter_map(|(record, state)| Some((record, state.amendment(record)?)))
    }
}

/// Equal if the output is: a record has more state than what changes it.
impl PartialEq for Amendments {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Amendments {}

#[cfg(test)]
mod tests;
