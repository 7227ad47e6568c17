//! The ledger: what a session's events add up to. Replaying a stored session and reviewing live go through the same
//! [`Ledger::apply`], so a restart shows exactly what was there.

use std::collections::{HashMap, HashSet};
use std::mem::swap;
use std::path::{Path, PathBuf};

use super::event::{Actor, CandidateId, Decision, Draft, Event, Fate, Provenance, Seq};
use super::states::States;
use super::step::{Changes, Step};
use crate::dataset::{Amendment, RecordId};

/// A text proposed for a record. It never overwrites anything: only a decision for it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its identity.
    pub id: CandidateId,
    /// The proposed caption.
    pub text: String,
    /// Where it comes from.
    pub provenance: Provenance,
}

/// Which caption is a record's original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Original {
    /// The one in the dataset.
    #[default]
    InDataset,
    /// This one, or none: a text of this session has taken its place in the dataset. What is undecided, kept or skipped
    /// means this caption, so that an undo after an in-place save still leads back to it.
    Before(Option<String>),
}

/// Everything known of one record besides its line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordState {
    /// What the operator said.
    pub decision: Decision,
    /// Who said it.
    pub by: Actor,
    /// The event of that decision.
    pub decided_at: Seq,
    /// The caption a command put in place of the one decided or the original. A new decision takes it away.
    pub amended: Option<String>,
    /// Marked for attention.
    pub flagged: bool,
    /// The operator's remark; empty for none.
    pub note: String,
    /// The proposed texts, oldest first.
    pub candidates: Vec<Candidate>,
    /// Why the last description failed; none once one succeeds.
    pub failure: Option<String>,
    /// An unfinished edit.
    pub draft: Option<Draft>,
    /// The dataset's caption is not the one this was decided against. A new decision takes it away.
    pub original_changed: bool,
    /// Which caption is the original.
    pub original: Original,
    /// The newest event that touched the record.
    pub touched: Seq,
}

impl RecordState {
    /// The original caption, where the dataset's line has `in_dataset`.
    #[must_use]
    pub fn original_caption<'a>(&'a self, in_dataset: Option<&'a str>) -> Option<&'a str> {
        match &self.original {
            Original::InDataset => in_dataset,
            Original::Before(caption) => caption.as_deref(),
        }
    }

    /// The caption that a decision or a command put in place of the original.
    #[must_use]
    pub fn own_text(&self) -> Option<&str> {
        self.amended.as_deref().or_else(|| self.decision.text())
    }

    /// The caption that would be saved now, where the dataset's line has `in_dataset`.
    #[must_use]
    pub fn current_caption<'a>(&'a self, in_dataset: Option<&'a str>) -> Option<&'a str> {
        self.own_text().or_else(|| self.original_caption(in_dataset))
    }

    /// What the saved file differs in from the dataset here.
    #[must_use]
    pub fn amendment(&self) -> Option<Amendment> {
        let before = match &self.original {
            Original::InDataset => None,
            Original::Before(caption) => Some(caption.as_deref().unwrap_or_default()),
        };
        match &self.decision {
            Decision::Excluded => Some(Amendment::Exclude),
            _ => self.own_text().or(before).map(|caption| Amendment::Caption(caption.to_owned())),
        }
    }

    /// Whether a person decided of it after that event.
    #[must_use]
    pub fn is_judged_since(&self, event: Seq) -> bool {
        self.by == Actor::Operator && self.decided_at > event
    }

    /// Whether a candidate arrived after the last decision.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.candidates.last().is_some_and(|candidate| candidate.id.0 > self.decided_at.0)
    }
}

/// A change that can be undone or redone: one part of one record as it is on the other side of the change. Swapping it
/// with the record's own is the undo, and swapping once more the redo.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reversal {
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
    Amended(Option<String>),
    Flag(bool),
    Note(String),
}

/// What a decision replaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Decided {
    decision: Decision,
    by: Actor,
    at: Seq,
    amended: Option<String>,
    original_changed: bool,
}

impl Decided {
    /// Puts itself into a record's state and returns what was there.
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
            Self::Flag(on) => swap(on, &mut state.flagged),
            Self::Note(note) => swap(note, &mut state.note),
        }
    }
}

/// A decision whose record's original has changed.
fn doubt(decision: &mut Decision, original_changed: &mut bool) {
    match decision {
        Decision::Undecided | Decision::Skipped => return,
        Decision::Kept => *decision = Decision::Undecided,
        Decision::Accepted { .. } | Decision::Edited { .. } | Decision::Excluded => {}
    }
    *original_changed = true;
}

/// The sum of a session's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    records: States,
    /// Those of `records` that are not in the dataset at present. Their numbers are no positions.
    absent: HashSet<RecordId>,
    undo: Vec<Reversal>,
    redo: Vec<Reversal>,
    last: Seq,
    last_change_of_output: Seq,
    saved_through: Seq,
    saves: HashMap<PathBuf, u128>,
}

impl Ledger {
    /// A session in which nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The state of a record; the default one where nothing happened to it.
    #[must_use]
    pub fn record(&self, record: RecordId) -> &RecordState {
        self.records.get(record)
    }

    /// The states of all records as they are now, for work that goes on beside the review. Takes next to no time.
    #[must_use]
    pub fn states(&self) -> States {
        self.records.clone()
    }

    /// The records something happened to, in no order.
    pub fn touched(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        self.records.iter().filter(|(id, _)| !self.absent.contains(id))
    }

    /// Number of the newest event.
    #[must_use]
    pub const fn last(&self) -> Seq {
        self.last
    }

    /// Whether the output would differ from what was last saved.
    #[must_use]
    pub fn is_unsaved(&self) -> bool {
        self.last_change_of_output > self.saved_through
    }

    /// What the saved file differs in from the dataset, in file order.
    #[must_use]
    pub fn amendments(&self) -> Vec<(RecordId, Amendment)> {
        let amended = self.touched().filter_map(|(record, state)| Some((record, state.amendment()?)));
        let mut amendments: Vec<_> = amended.collect();
        amendments.sort_unstable_by_key(|(record, _)| *record);
        amendments
    }

    /// The files this session wrote, each with the hash of what it last put there. One whose contents have another hash
    /// now was changed by somebody else.
    pub fn saves(&self) -> impl Iterator<Item = (&Path, u128)> {
        self.saves.iter().map(|(path, hash)| (path.as_path(), *hash))
    }

    /// The records that an undo would change, the one changed first before the others.
    #[must_use]
    pub fn undo_targets(&self) -> Vec<RecordId> {
        let mut step: Vec<RecordId> = self.step(&self.undo).map(|index| self.undo[index].record).collect();
        step.reverse();
        step
    }

    /// Whether all that an undo would take back was done after that event.
    #[must_use]
    pub fn would_undo_since(&self, event: Seq) -> bool {
        self.step(&self.undo).all(|index| self.undo[index].made > event)
    }

    /// The records that a redo would change, the one changed first before the others.
    #[must_use]
    pub fn redo_targets(&self) -> Vec<RecordId> {
        self.step(&self.redo).map(|index| self.redo[index].record).collect()
    }

    /// Adds an event and gives its number and the record it changed. An undo or redo with nothing to take back or make
    /// again changes nothing.
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
                Some(self.change(record, seq, Part::Amended(text)))
            }
            Event::Together { changes } => {
                let first = self.undo.len().saturating_sub(usize::try_from(changes).unwrap_or(usize::MAX));
                self.undo[first..].iter_mut().for_each(|change| change.step = seq);
                None
            }
            Event::Flagged { record, on } => Some(self.change(record, seq, Part::Flag(on))),
            Event::Noted { record, note } => Some(self.change(record, seq, Part::Note(note))),
            Event::Generated { record, text, provenance } => {
                let state = self.touch(record, seq);
                state.failure = None;
                state.candidates.push(Candidate { id: CandidateId(seq.0), text, provenance });
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
            Event::Rebound { fates } => {
                self.rebind(fates, seq);
                None
            }
        };
        (seq, record)
    }

    /// Applies the changes of a step one after the other, and returns them numbered, to be stored.
    pub fn perform(&mut self, changes: Changes) -> Step {
        let first = Seq(self.last.0 + 1);
        self.undo.reserve(usize::try_from(changes.len()).unwrap_or_default());
        for event in changes.events() {
            self.apply(event);
        }
        Step { first, changes }
    }

    /// A ledger with room for so many changes.
    pub(super) fn with_capacity(changes: usize) -> Self {
        Self { undo: Vec::with_capacity(changes), ..Self::default() }
    }

    /// Adds an event whose number is known. The numbers passed over are those of drafts that newer ones replaced.
    pub(super) fn apply_as(&mut self, seq: Seq, event: Event) {
        self.last = Seq(seq.0.saturating_sub(1));
        self.apply(event);
    }

    /// What is known of records that are not in the dataset at present, by the numbers that stand in for positions.
    pub(super) fn absent(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        self.absent.iter().map(|id| (*id, self.record(*id)))
    }

    /// The places of the newest step's changes of records that are in the dataset, newest first.
    fn step<'a>(&'a self, changes: &'a [Reversal]) -> impl Iterator<Item = usize> + 'a {
        let present = |change: &Reversal| !self.absent.contains(&change.record);
        let newest = changes.iter().rposition(present);
        let range = newest.map_or(0..0, |newest| {
            let step = changes[newest].step;
            let same = |change: &&Reversal| change.step == step;
            newest - changes[..newest].iter().rev().take_while(same).count()..newest + 1
        });
        range.rev().filter(move |index| present(&changes[*index]))
    }

    /// Takes the newest step out of what can be undone, or redone: its changes in the order to be swapped in.
    fn take_step(&mut self, undo: bool) -> Vec<Reversal> {
        let places: Vec<usize> = self.step(if undo { &self.undo } else { &self.redo }).collect();
        let changes = if undo { &mut self.undo } else { &mut self.redo };
        places.into_iter().map(|place| changes.remove(place)).collect()
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
        if matches!(change.other, Part::Decision(_) | Part::Amended(_)) {
            self.last_change_of_output = seq;
        }
        change.other.swap(self.touch(change.record, seq));
        change
    }

    fn rebind(&mut self, fates: Vec<(RecordId, Fate)>, seq: Seq) {
        let mut changed = HashSet::new();
        for (record, fate) in fates {
            let state = self.records.touch(record);
            state.touched = seq;
            match fate {
                Fate::Gone => {
                    self.absent.insert(record);
                }
                Fate::Returned => {
                    self.absent.remove(&record);
                    if state.decision.is_final() {
                        self.last_change_of_output = seq;
                    }
                }
                Fate::Changed { before: _ } => {
                    state.original = Original::InDataset;
                    doubt(&mut state.decision, &mut state.original_changed);
                    changed.insert(record);
                }
                Fate::Ours { original } => state.original = Original::Before(original),
                Fate::Restored => state.original = Original::InDataset,
            }
        }
        for change in self.undo.iter_mut().chain(&mut self.redo) {
            if let Part::Decision(Some(decided)) = &mut change.other
                && changed.contains(&change.record)
            {
                doubt(&mut decided.decision, &mut decided.original_changed);
            }
        }
    }
}

#[cfg(test)]
mod tests;
