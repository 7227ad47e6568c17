//! What a request costs: reserved before it is sent, settled when the service has said how much it was, and told once
//! in any case.

use super::Service;
use crate::dataset::RecordId;
use crate::describe::budget::Reservation;
use crate::describe::catalogue::Target;
use crate::describe::{Spent, Tokens, Usage};

/// A request's part of the budget. Dropped after the request was sent and before anything was settled, it counts as
/// the most the request can have cost.
pub(super) struct Bill<'service> {
    service: &'service Service,
    record: RecordId,
    target: Target,
    most: Tokens,
    reservation: Option<Reservation>,
    sent: bool,
}

impl<'service> Bill<'service> {
    pub(super) fn new(
        service: &'service Service,
        record: RecordId,
        target: &Target,
        most: Tokens,
        reservation: Reservation,
    ) -> Self {
        Self { service, record, target: target.clone(), most, reservation: Some(reservation), sent: false }
    }

    /// From here on it may have to be paid for.
    pub(super) fn sent(&mut self) {
        self.sent = true;
        if let Some(reservation) = &mut self.reservation {
            reservation.sent();
        }
    }

    /// The service did not take it: it costs nothing.
    pub(super) fn refused(mut self) {
        self.sent = false;
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(crate::describe::Dollars::default());
        }
    }

    /// The service has counted.
    pub(super) fn settle(mut self, tokens: Tokens) -> Usage {
        let usage = self.usage(tokens);
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(usage.cost);
        }
        self.tell(usage, false);
        usage
    }

    fn usage(&self, tokens: Tokens) -> Usage {
        Usage { tokens, cost: self.target.price(tokens).unwrap_or_default() }
    }

    fn tell(&self, usage: Usage, estimated: bool) {
        self.service.tell_spent(Spent {
            record: self.record,
            model: self.target.name.clone(),
            prompt: self.service.options.prompt.version().to_owned(),
            usage,
            estimated,
        });
    }
}

impl Drop for Bill<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take()
            && self.sent
        {
            drop(reservation);
            self.tell(self.usage(self.most), true);
        }
    }
}
