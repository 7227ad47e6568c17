//! Amazon Bedrock, in plain types: the one room that knows the AWS SDK.
//!
//! One request goes out, one stream of text comes back, and whatever goes wrong is an [`AwsError`] that says what to
//! tell the operator and what to do ([`Reaction`]). Prompts, pacing, retries and the choice of a model are not decided
//! here.

mod classify;
mod client;
mod converse;
mod credentials;
mod error;
#[cfg(test)]
pub(crate) mod fixture;
mod identity;
mod refusal;
#[cfg(test)]
mod tests;

pub use client::{Client, Options};
pub use converse::{
    ConverseEvent, ConverseRequest, ConverseStream, Picture, PictureFormat, Stop, Thinking, TokenUsage,
};
pub use credentials::credentials_are_configured;
pub use error::{AwsError, Breakage, Cause, Limit, Parameter, PictureProblem, Reaction};
pub use identity::Identity;
