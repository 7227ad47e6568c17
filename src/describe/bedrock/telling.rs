//! What the describer tells of itself: the model it asks, its pace, what was spent, and why it has stopped.

use std::sync::atomic::Ordering;

use super::connection::Connection;
use super::{Service, lock};
use crate::describe::{News, Spent, Status};

impl Service {
    /// Tells how it does, where that has changed.
    pub(super) fn tell(&self) {
        let pace = self.pacer.pace();
        let mut told = lock(&self.told);
        let model = told.as_ref().map_or_else(|| self.options.model.clone(), |status| status.model.clone());
        let status = Status {
            model,
            pace: (pace.learned || self.options.limits.requests_per_minute.is_some())
                .then_some(pace.requests_per_minute.get()),
            waiting: pace.waiting,
            spent: self.budget.spent(),
            budget: self.budget.limit(),
            paused: self.gate.pause(),
        };
        self.publish(&mut told, status);
    }

    pub(super) fn tell_model(&self, connection: &Connection) {
        let target = connection.target(self.chosen.load(Ordering::Relaxed));
        let model = format!("{} · {}", target.name, connection.region());
        let mut told = lock(&self.told);
        let status = Status { model, ..told.clone().unwrap_or_default() };
        self.publish(&mut told, status);
    }

    fn publish(&self, told: &mut Option<Status>, status: Status) {
        if told.as_ref() == Some(&status) {
            return;
        }
        *told = Some(status.clone());
        if let Some(listener) = lock(&self.listener).clone() {
            listener(News::Status(status));
        }
    }

    pub(super) fn tell_spent(&self, spent: Spent) {
        if let Some(listener) = lock(&self.listener).clone() {
            listener(News::Spent(spent));
        }
        self.tell();
    }
}
