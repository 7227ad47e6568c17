//! The cost of a request: reserved before the request is sent, settled with the token count of the response, and
//! reported exactly once.

use crate::dataset::RecordId;
use crate::describe::budget::Reservation;
use crate::describe::catalogue::Target;
use crate::describe::{Charge, Cost, Dollars, Tokens, Usage};

/// The reservation of a request. If dropped after the request was sent but before it is settled, the maximum cost is
/// charged.
pub(super) struct PendingCharge<'a> {
    reservation: Option<Reservation>,
    record: RecordId,
    target: Target,
    /// The name and version of the prompt.
    prompt: String,
    max_tokens: Tokens,
    sent: bool,
    publish: Box<dyn Fn(Charge) + Send + Sync + 'a>,
}

impl<'a> PendingCharge<'a> {
    pub(super) fn new(
        reservation: Reservation,
        record: RecordId,
        target: &Target,
        prompt: String,
        max_tokens: Tokens,
        publish: Box<dyn Fn(Charge) + Send + Sync + 'a>,
    ) -> Self {
        let (reservation, target) = (Some(reservation), target.clone());
        Self { reservation, record, target, prompt, max_tokens, sent: false, publish }
    }

    pub(super) fn sent(&mut self) {
        self.sent = true;
        if let Some(reservation) = &mut self.reservation {
            reservation.sent();
        }
    }

    /// Releases the reservation of a request that the service rejected.
    pub(super) fn cancel(mut self) {
        self.sent = false;
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(Dollars::default());
        }
    }

    /// Charges the tokens the service counted.
    pub(super) fn settle(mut self, tokens: Tokens) -> Usage {
        let usage = self.usage(tokens);
        if let Some(reservation) = self.reservation.take() {
            reservation.settle(usage.cost.at_least());
        }
        self.publish(usage, false);
        usage
    }

    /// Returns true if the request costs nothing.
    pub(super) fn is_free(&self) -> bool {
        self.target.cost(self.max_tokens) == Cost::default()
    }

    fn usage(&self, tokens: Tokens) -> Usage {
        Usage { tokens, cost: self.target.cost(tokens) }
    }

    fn publish(&self, usage: Usage, estimated: bool) {
        (self.publish)(Charge {
            record: self.record,
            model: self.target.name.clone(),
            prompt: self.prompt.clone(),
            usage,
            estimated,
        });
    }
}

impl Drop for PendingCharge<'_> {
    fn drop(&mut self) {
        if let Some(reservation) = self.reservation.take()
            && self.sent
        {
            drop(reservation);
            self.publish(self.usage(self.max_tokens), true);
        }
    }
}
