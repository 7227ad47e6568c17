//! The ledger: what a session's events add up to. Replaying a stored session and reviewing live go through the same
//! [`Ledger::apply`], so a restart shows exactly what was there.

use std::collections::HashMap;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::dataset::RecordId;
use crate::describe::StopReason;

/// Number of an event in its session, from one. The ledger assigns them without gaps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

/// Identity of a candidate in its session: the number of the event that brought it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CandidateId(pub u64);

/// Where a candidate's text comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The describer's name ("local"), or "file" for an older run's output.
    pub describer: String,
    /// The model with its version; for a file, its name.
    pub model: String,
    /// The parameters, as the operator should read them ("detail: brief").
    pub parameters: String,
    /// Why the text ended.
    pub stop: StopReason,
    /// When the text was complete.
    pub at: Timestamp,
}

/// A text proposed for a record. It never overwrites anything: only a decision for it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its identity.
    pub id: CandidateId,
    /// The proposed caption.
    pub text: String,
    /// Where it comes from.
    pub provenance: Provenance,
    /// The dataset has changed since in a way that this text may be about another picture.
    pub stale: bool,
}

/// Who decided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Actor {
    /// A person at the keyboard.
    #[default]
    Operator,
    /// A headless run.
    Run,
}

/// The text an edit started from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EditBase {
    /// The caption of the dataset.
    Original,
    /// The text decided before.
    Current,
    /// A candidate.
    Candidate(CandidateId),
}

/// What the operator said of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Decision {
    /// Nothing yet.
    #[default]
    Undecided,
    /// A candidate is the caption.
    Accepted {
        /// Which one.
        candidate: CandidateId,
        /// Its text.
        text: String,
    },
    /// The operator's own text is the caption.
    Edited {
        /// The text.
        text: String,
        /// What it was made from.
        base: EditBase,
    },
    /// The original caption stands.
    Kept,
    /// To be looked at later.
    Skipped,
    /// Left out of the output.
    Excluded,
}

impl Decision {
    /// The caption this decision puts in place of the original.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Accepted { text, .. } | Self::Edited { text, .. } => Some(text),
            Self::Undecided | Self::Kept | Self::Skipped | Self::Excluded => None,
        }
    }

    /// Whether the record needs no more review: everything but undecided and skipped.
    #[must_use]
    pub const fn is_final(&self) -> bool {
        !matches!(self, Self::Undecided | Self::Skipped)
    }
}

/// An edit that is not finished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The text so far.
    pub text: String,
    /// Where the cursor is, in characters from the start.
    pub cursor: usize,
    /// What the edit started from.
    pub base: EditBase,
}

/// Something that happened in a session. Events are only ever added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A record was decided. Can be undone.
    Decided {
        /// Which record.
        record: RecordId,
        /// What was decided.
        decision: Decision,
        /// Who decided.
        by: Actor,
    },
    /// A record's flag was set or taken away. Can be undone.
    Flagged {
        /// Which record.
        record: RecordId,
        /// Set or not.
        on: bool,
    },
    /// A record's note was written; empty takes it away. Can be undone.
    Noted {
        /// Which record.
        record: RecordId,
        /// The note.
        note: String,
    },
    /// A description arrived. Its candidate's identity is this event's number.
    Generated {
        /// Which record.
        record: RecordId,
        /// The proposed caption.
        text: String,
        /// Where it comes from.
        provenance: Provenance,
    },
    /// A description was asked for and there is none.
    Failed {
        /// Which record.
        record: RecordId,
        /// Why, for the operator.
        reason: String,
    },
    /// An unfinished edit was put aside (or, with `None`, finished or discarded).
    Drafted {
        /// Which record.
        record: RecordId,
        /// The edit.
        draft: Option<Draft>,
    },
    /// The newest change that stands was taken back.
    Undone,
    /// The newest change taken back was made again.
    Redone,
    /// The updated dataset was written.
    Saved {
        /// Where to.
        path: PathBuf,
        /// The last event that is in it.
        through: Seq,
    },
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
    /// The dataset's caption is not the one this was decided against.
    pub original_changed: bool,
    /// The newest event that touched the record.
    pub touched: Seq,
}

impl RecordState {
    /// Whether a candidate arrived after the last decision.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.candidates.last().is_some_and(|candidate| candidate.id.0 > self.decided_at.0)
    }
}

/// A change that can be undone: one part of one record, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Change {
    record: RecordId,
    before: Part,
    after: Part,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Decision { decision: Decision, by: Actor, at: Seq },
    Flag(bool),
    Note(String),
}

impl Part {
    fn put(self, state: &mut RecordState) {
        match self {
            Self::Decision { decision, by, at } => {
                state.decision = decision;
                state.by = by;
                state.decided_at = at;
            }
            Self::Flag(on) => state.flagged = on,
            Self::Note(note) => state.note = note,
        }
    }
}

/// The sum of a session's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    records: HashMap<RecordId, RecordState>,
    undo: Vec<Change>,
    redo: Vec<Change>,
    last: Seq,
    last_change_of_output: Seq,
    saved_through: Seq,
}

static UNTOUCHED: std::sync::LazyLock<RecordState> = std::sync::LazyLock::new(RecordState::default);

impl Ledger {
    /// A session in which nothing has happened.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The state of a record; the default one where nothing happened to it.
    #[must_use]
    pub fn record(&self, record: RecordId) -> &RecordState {
        self.records.get(&record).unwrap_or(&UNTOUCHED)
    }

    /// The records something happened to, in no order.
    pub fn touched(&self) -> impl Iterator<Item = (RecordId, &RecordState)> {
        self.records.iter().map(|(id, state)| (*id, state))
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

    /// The record that an undo would change.
    #[must_use]
    pub fn undo_target(&self) -> Option<RecordId> {
        self.undo.last().map(|change| change.record)
    }

    /// The record that a redo would change.
    #[must_use]
    pub fn redo_target(&self) -> Option<RecordId> {
        self.redo.last().map(|change| change.record)
    }

    /// Adds an event and gives its number and the record it changed. An undo or redo with nothing to take back or make
    /// again changes nothing.
    pub fn apply(&mut self, event: Event) -> (Seq, Option<RecordId>) {
        self.last = Seq(self.last.0 + 1);
        let seq = self.last;
        let record = match event {
            Event::Decided { record, decision, by } => {
                self.last_change_of_output = seq;
                Some(self.change(record, seq, Part::Decision { decision, by, at: seq }))
            }
            Event::Flagged { record, on } => Some(self.change(record, seq, Part::Flag(on))),
            Event::Noted { record, note } => Some(self.change(record, seq, Part::Note(note))),
            Event::Generated { record, text, provenance } => {
                let state = self.records.entry(record).or_default();
                state.failure = None;
                state.candidates.push(Candidate { id: CandidateId(seq.0), text, provenance, stale: false });
                Some(record)
            }
            Event::Failed { record, reason } => {
                self.records.entry(record).or_default().failure = Some(reason);
                Some(record)
            }
            Event::Drafted { record, draft } => {
                self.records.entry(record).or_default().draft = draft;
                Some(record)
            }
            Event::Undone => self.undo.pop().map(|change| {
                let record = self.put(change.record, seq, change.before.clone());
                self.redo.push(change);
                record
            }),
            Event::Redone => self.redo.pop().map(|change| {
                let record = self.put(change.record, seq, change.after.clone());
                self.undo.push(change);
                record
            }),
            Event::Saved { through, .. } => {
                self.saved_through = through;
                None
            }
        };
        if let Some(record) = record {
            self.records.entry(record).or_default().touched = seq;
        }
        (seq, record)
    }

    fn change(&mut self, record: RecordId, seq: Seq, after: Part) -> RecordId {
        let state = self.records.entry(record).or_default();
        let before = match &after {
            Part::Decision { .. } => {
                Part::Decision { decision: state.decision.clone(), by: state.by, at: state.decided_at }
            }
            Part::Flag(_) => Part::Flag(state.flagged),
            Part::Note(_) => Part::Note(state.note.clone()),
        };
        after.clone().put(state);
        self.undo.push(Change { record, before, after });
        self.redo.clear();
        record
    }

    fn put(&mut self, record: RecordId, seq: Seq, part: Part) -> RecordId {
        if matches!(part, Part::Decision { .. }) {
            self.last_change_of_output = seq;
        }
        part.put(self.records.entry(record).or_default());
        record
    }
}
