//! A client for OpenAI-compatible APIs with plain types: Chat Completions with an image, and the list of models.
//!
//! Each call sends one request and returns a stream of text. Every failure is an [`OpenaiError`] with a message for the
//! operator and a [`Reaction`](crate::reaction::Reaction) for the caller. Servers differ in almost everything that the
//! API leaves open, so responses are read field by field, and unknown fields are ignored.

mod base_url;
mod chat;
mod classify;
mod client;
mod error;
mod line_events;
mod payload;
mod thinking;
mod transport;

pub use base_url::BaseUrl;
pub use chat::{ChatImage, ChatRequest, ChatStream};
pub use client::{ApiKey, Client, Header, Options};
pub use error::{OpenaiError, listed};
