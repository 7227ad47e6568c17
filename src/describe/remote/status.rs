//! The status of the describer, published to its listener, and that of one request.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::attempt::{Events, send_waiting};
use super::backend::{ApiError, Connection};
use super::service::Service;
use crate::describe::catalogue::Target;
use crate::describe::{Charge, DescriberEvent, DescriberStatus, LimitedBy, Listener};

#[derive(Default)]
pub(super) struct Publisher {
    listener: Mutex<Option<Listener>>,
    /// The status published last.
    status: Mutex<Option<DescriberStatus>>,
}

impl Publisher {
    pub(super) fn set_listener(&self, listener: Listener) {
        *lock(&self.listener) = Some(listener);
        // A new listener takes over where the last one ended.
        if let Some(status) = self.last() {
            self.publish(DescriberEvent::Status(status));
        }
    }

    /// Returns the status published last.
    pub(super) fn last(&self) -> Option<DescriberStatus> {
        lock(&self.status).clone()
    }

    /// Computes the status from the one published last, and publishes it if it changed.
    pub(super) fn update(&self, update: impl FnOnce(Option<&DescriberStatus>) -> DescriberStatus) {
        // Locked while publishing, so that the listener receives the changes in order.
        let mut last = lock(&self.status);
        let status = update(last.as_ref());
        if last.as_ref() != Some(&status) {
            *last = Some(status.clone());
            self.publish(DescriberEvent::Status(status));
        }
    }

    pub(super) fn publish(&self, event: DescriberEvent) {
        if let Some(listener) = lock(&self.listener).clone() {
            listener(event);
        }
    }
}

impl Service {
    /// Awaits a future. If it is not ready at once, reports the message in the meantime.
    pub(super) async fn with_status<T>(
        &self,
        events: &Events,
        future: impl Future<Output = T>,
        message: impl FnOnce() -> String,
    ) -> T {
        let mut future = pin!(future);
        tokio::select! {
            biased;
            output = &mut future => return output,
            () = std::future::ready(()) => {}
        }
        self.publish_status();
        send_waiting(events, message());
        future.await
    }

    pub(super) fn pause_message(&self) -> String {
        self.circuit_breaker.pause().map_or_else(|| "waiting".to_owned(), |pause| format!("paused: {}", pause.message))
    }

    pub(super) fn rate_limit_message(&self) -> String {
        let status = self.rate_limiter.status();
        // Shorter ones are over before they can be read.
        let backoff = if status.backoff >= Duration::from_secs(5) {
            format!(", next request in {} s", status.backoff.as_secs_f64().ceil())
        } else {
            String::new()
        };
        let waiting = status.waiting;
        if status.limited_by == Some(LimitedBy::Concurrency) {
            return format!("waiting for one of {} requests in flight, {waiting} waiting", status.in_flight);
        }
        format!("rate limited to {}/min, {waiting} waiting{backoff}", status.requests_per_minute)
    }

    pub(super) fn publish_status(&self) {
        let rate = self.rate_limiter.status();
        self.publisher.update(|status| DescriberStatus {
            model: status.map_or_else(|| self.backend.model().to_owned(), |status| status.model.clone()),
            account: status.and_then(|status| status.account.clone()),
            price: status.and_then(|status| status.price),
            rates: status.and_then(|status| status.rates.clone()),
            first_token: status.and_then(|status| status.first_token),
            requests_per_minute: (rate.learned || self.options.limits.requests_per_minute.is_some())
                .then_some(rate.requests_per_minute.get()),
            waiting: rate.waiting,
            limited_by: match self.waiting_for_budget.load(Ordering::Relaxed) {
                0 => rate.limited_by.filter(|_| rate.waiting > 0),
                _ => Some(LimitedBy::Budget),
            },
            spent: self.budget.spent(),
            budget: self.budget.limit(),
            paused: self.circuit_breaker.pause(),
            model_change: status.and_then(|status| status.model_change.clone()),
        });
    }

    pub(super) fn publish_model(&self, connection: &Connection) {
        let target = connection.target(self.models.index());
        let model = format!("{} · {}", target.name, connection.place);
        let price = self.price(None);
        let rates = target.price();
        self.publisher.update(|status| DescriberStatus { price, rates, model, ..status.cloned().unwrap_or_default() });
    }

    pub(super) fn publish_model_change(&self, reason: &ApiError, next: &Target) {
        let price = match next.price() {
            _ if self.backend.is_free() => String::new(),
            Some(price) => format!(": {price}"),
            None => ": price unknown".to_owned(),
        };
        let change = format!("{reason}; using {}{price}", next.name);
        self.publisher
            .update(|status| DescriberStatus { model_change: Some(change), ..status.cloned().unwrap_or_default() });
    }

    pub(super) fn publish_first_token(&self, first_token: Duration) {
        self.publisher
            .update(|status| DescriberStatus { first_token: Some(first_token), ..status.cloned().unwrap_or_default() });
    }

    pub(super) fn publish_charge(&self, charge: Charge) {
        self.publisher.publish(DescriberEvent::Charged(charge));
        self.publish_status();
    }
}

/// Ignores poisoning: a panic of the listener leaves the value valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
