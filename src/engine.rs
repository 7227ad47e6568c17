//! The engine under both front ends: the rules, the requests and the background work that the reviewer and the headless
//! commands share.

pub mod event;
pub mod queue;
pub mod request;
pub mod rules;
pub mod selection;
