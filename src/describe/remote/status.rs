//! Publishes the status of the describer to its listener.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::describe::{DescriberEvent, DescriberStatus, Listener};

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

/// Ignores poisoning: a panic of the listener leaves the value valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
