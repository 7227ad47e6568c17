//! The outcome of one attempt at a description.

use tokio::sync::mpsc::UnboundedSender;

use crate::describe::DescriptionEvent;

/// The outcome of a failed attempt.
pub(super) enum AttemptError {
    /// Fails the description.
    Failed(String),
    /// Retries as soon as the circuit breaker and the rate limiter allow.
    Retry,
    /// Retries with backoff, then fails the description.
    Backoff(String),
    /// Retries once with backoff, then fails the description: each attempt is charged.
    RetryOnce(String),
    /// Retries until the model is loaded.
    NotReady(String),
    /// Retries with backoff, then opens the circuit breaker, because other requests would fail as well.
    BackoffThenPause(String),
}

/// Receives the events of one description.
pub(super) type Events = UnboundedSender<DescriptionEvent>;

/// Reports why a description waits; the text so far is discarded.
pub(super) fn send_waiting(events: &Events, message: String) {
    // Fails if the description was cancelled.
    let _ = events.send(DescriptionEvent::Waiting(message));
}
