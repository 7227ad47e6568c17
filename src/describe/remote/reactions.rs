//! What an error of the API means for other requests, and for this one.

use super::attempt::{AttemptError, Events, send_waiting};
use super::backend::{ApiError, Connection};
use super::circuit_breaker;
use super::service::{Service, lock};
use crate::describe::catalogue::Target;
use crate::describe::rate_limiter::Permit;
use crate::describe::{Pause, PauseKind, Request};
use crate::reaction::{PauseCause, Reaction};

impl Service {
    /// Applies the consequences of an error for all requests, and returns those for this one.
    pub(super) fn handle_error(
        &self,
        request: &Request,
        error: &ApiError,
        target: &Target,
        connection: &Connection,
        permit: Permit,
        events: &Events,
    ) -> AttemptError {
        tracing::warn!(file = request.context.file_name, model = target.id, %error, "request failed");
        match error.reaction {
            Reaction::SlowDown { retry_after } => {
                let has_begun = permit.is_accepted();
                permit.throttled(retry_after);
                if self.circuit_breaker.throttled() {
                    let (model, place, remedy) = (&target.name, &connection.place, self.backend.quota_remedy());
                    let message = format!(
                        "{model} accepted no request in {place} for {} minutes, all were throttled: the quota may be 0; {remedy}",
                        circuit_breaker::ONLY_THROTTLED.as_secs() / 60
                    );
                    self.pause(message, PauseKind::Quota);
                    return AttemptError::Retry;
                }
                self.publish_status();
                if has_begun {
                    // It was charged, so it is not repeated without end.
                    return AttemptError::Backoff(error.to_string());
                }
                send_waiting(events, self.rate_limit_message());
                AttemptError::Retry
            }
            Reaction::Retry => AttemptError::Backoff(error.to_string()),
            Reaction::WaitUntilReady => AttemptError::NotReady(error.to_string()),
            Reaction::RetryThenPause => AttemptError::BackoffThenPause(error.to_string()),
            Reaction::NextModel => {
                match connection.target_after(&target.id) {
                    Some((index, next)) => {
                        tracing::warn!(model = target.name, next = next.name, "switching to the next model");
                        send_waiting(events, format!("{error}; using {}", next.name));
                        if self.models.skip(index - 1, index) {
                            self.publish_model(connection);
                            self.publish_model_change(error, next);
                        }
                    }
                    None => self.pause(error.to_string(), PauseKind::Access),
                }
                AttemptError::Retry
            }
            Reaction::DropParameter(parameter) => {
                if lock(&self.rejected_parameters).insert((target.id.clone(), parameter)) {
                    AttemptError::Retry
                } else {
                    AttemptError::Backoff(error.to_string())
                }
            }
            Reaction::FailRequest => match self.circuit_breaker.rejected(&error.message) {
                Some(count) => {
                    self.pause(format!("{count} requests in a row failed: {error}"), PauseKind::Access);
                    AttemptError::Retry
                }
                None => AttemptError::Failed(format!("{}: {error}", request.context.file_name)),
            },
            Reaction::FailImage => AttemptError::Failed(format!("{}: {error}", request.context.file_name)),
            Reaction::Pause(cause) => {
                self.pause_for(error, cause);
                AttemptError::Retry
            }
        }
    }

    pub(super) fn pause_for(&self, error: &ApiError, cause: PauseCause) {
        let kind = match cause {
            PauseCause::Access => PauseKind::Access,
            PauseCause::Quota => PauseKind::Quota,
        };
        if kind == PauseKind::Access
            && let Ok(mut connection) = self.connection.try_lock()
        {
            // A connection loads credentials only once, so a new sign-in needs a new connection.
            *connection = None;
        }
        self.pause(error.to_string(), kind);
    }

    pub(super) fn pause(&self, message: String, kind: PauseKind) {
        self.circuit_breaker.open(Pause { message, kind });
        self.publish_status();
    }
}
