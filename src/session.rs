//! The session: everything the operator and the describers did to a dataset, kept beside it and never lost.
//!
//! What happened is a list of [`Event`]s that only ever grows; what it adds up to is the [`Ledger`]. The review applies
//! an event to its ledger, sends it to the [`Worker`], and shows it as done when it is [durable](WorkerEvent::Durable). [`open()`] adds the stored events up again through the same [`Ledger::apply`], so a session is always reopened
//! as it was left.
//!
//! A record is known to the ledger by its position, and positions hold only while the dataset's file does. The store
//! therefore knows each touched record as a *subject*: its file name, which of several records of that name it is, and
//! its caption. When the dataset has changed, [`open()`] finds the subjects again and says what became of them
//! ([`Binding`], [`Unmatched`]); the ledger learns of it by an event like any other ([`Event::Rebound`]).
//!
//! # After an in-place save
//!
//! The dataset then *is* this session's output, without the records that were left out. While the review goes on, it
//! goes on with the file it opened. When the session is opened next, records are where the save put them, a caption
//! that is a text of this session changes no decision, and the caption from before stays the record's
//! [`Original`], which is what an undo leads back to and what the next save then writes. A record that was left out can
//! no longer be brought back by an undo, for its line is gone: what is known of it is kept in case the line returns.

mod connection;
mod error;
mod event;
#[cfg(test)]
mod fixture;
mod forget;
mod history;
mod ledger;
mod location;
mod lock;
mod log;
mod open;
mod rebind;
mod sample;
mod schema;
mod spending;
mod states;
mod step;
mod store;
mod worker;

pub use error::SessionError;
pub use event::{Actor, CandidateId, Decision, DecisionKind, Draft, EditBase, Event, FILE, Fate, Provenance, Seq};
pub use forget::forget;
pub use history::{Action, ActionKind, History, Sitting};
pub use ledger::{Candidate, Ledger, Original, RecordState};
pub use location::{Location, Place, dataset_of};
pub use open::{Binding, Opened, Unmatched, open, open_read_only, read_history};
pub use sample::{Sample, SampleRequest, Sampled, Verdict};
pub use spending::Spending;
pub use states::States;
pub use step::{Change, Changes, Step};
pub use store::{Import, Store, Subject};
pub use worker::{Worker, WorkerEvent, WorkerHandle, WorkerOptions};
