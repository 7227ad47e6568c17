//! The session: everything the operator and the describers did to a dataset, kept beside it and never lost.

mod ledger;

pub use ledger::{
    Actor, Candidate, CandidateId, Decision, Draft, EditBase, Event, Ledger, Provenance, RecordState, Seq,
};
