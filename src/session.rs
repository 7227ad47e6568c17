//! The session: everything the operator and the describers did to a dataset, stored in a SQLite file beside it.
//!
//! A session is an append-only log of [`Event`]s; replaying them gives the [`Ledger`]. A front end applies an event to its
//! ledger, sends it to the [`Worker`], and shows it as done when it is [durable](WorkerEvent::Durable). [`open()`] replays
//! the stored events through the same [`Ledger::apply`], so a session is restored exactly as it was left. What the
//! operator does at once is a [`Step`]: one transaction, and one step of undo.
//!
//! The ledger identifies a record by its position, which is valid only until the dataset's file changes. The store
//! therefore keeps a [`Subject`] for each record with events: its file name, its caption, and its number among the
//! records that share both. If the dataset has changed, [`open()`] matches the subjects again and reports the result
//! ([`Binding`], [`Unmatched`]); the ledger learns it from an event ([`Event::Rebound`]).
//!
//! # After an in-place save
//!
//! The dataset then *is* this session's output, without the excluded records. The running review continues with the file
//! it opened. When the session is opened next, the records have the positions the save gave them; a caption that is a
//! text of this session changes no decision; and the caption before the save stays the record's [`Original`], which an
//! undo restores and the next save then writes. The exclusion of a record cannot be undone any more, because its line is
//! gone; its state is kept in case the line returns.

mod batch;
mod bulk;
mod connection;
mod delete;
mod error;
mod event;
mod event_log;
#[cfg(test)]
mod fixture;
mod history;
mod ledger;
mod location;
mod lock;
mod log_mark;
mod open;
mod opened;
mod owner;
mod rebind;
mod record_state;
mod record_states;
mod sample;
mod schema;
mod setting;
mod spending;
mod sqlite_file;
mod step;
mod store;
mod subject;
mod texts;
mod worker;

pub use batch::{BatchEntry, BatchNote, BatchPart, BatchPlan, PartState};
pub use delete::delete;
pub use error::SessionError;
pub use event::{
    Actor, CandidateId, Decision, DecisionKind, Draft, EditBase, Event, FILE, MatchOutcome, Provenance, REVIEWER,
    SAMPLE, Seq, Verification,
};
pub use history::{Action, ActionKind, History, ReviewerChange};
pub use ledger::{Amendments, Ledger};
pub use location::{FOLDER, Location, Place, dataset_of, state_folder};
pub use open::{open, open_read_only, read_history};
pub use opened::{Binding, Opened, Rebound, Unmatched};
pub use record_state::{Candidate, Original, RecordState, Rejection};
pub use record_states::RecordStates;
pub use sample::{Sample, SampleMember, SampleRequest, Verdict};
pub use spending::Spending;
pub use step::{Change, Changes, Step};
pub use store::{Identity, Import, Receipt, Store, Transaction};
pub use subject::Subject;
pub use texts::{Amended, Texts, TextsBuilder};
pub use worker::{Worker, WorkerEvent, WorkerHandle, WorkerOptions};
