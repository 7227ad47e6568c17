//! The price that the operator has consented to. A request to a dearer model, or to one of unknown price, needs another
//! consent, whatever led to that model: a fallback, another region, or a new connection.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::describe::catalogue::Target;
use crate::describe::{Consent, Cost, Tokens};

#[derive(Debug, Default)]
pub(super) struct ConsentedPrice(Mutex<Scope>);

#[derive(Clone, Debug, Default)]
enum Scope {
    /// Nothing was said: the model that the first request is made for counts.
    #[default]
    Unset,
    /// The price of this model; of none if there was no model to show a price of.
    Price(Option<Box<Target>>),
    Any,
}

impl ConsentedPrice {
    /// Stores the consent to the price of a model, or to any.
    pub(super) fn give(&self, consent: Consent, shown: Option<Target>) {
        *self.scope() = match consent {
            Consent::Any => Scope::Any,
            Consent::Terms => Scope::Price(shown.map(Box::new)),
        };
    }

    /// Takes the price that was shown before the first request as consented to, unless a consent was given.
    pub(super) fn give_by_default(&self, shown: impl FnOnce() -> Option<Target>) {
        let mut scope = self.scope();
        if matches!(*scope, Scope::Unset) {
            *scope = Scope::Price(shown().map(Box::new));
        }
    }

    /// Returns an error if a request to `target` needs another consent. `typical` returns the expected tokens of a request,
    /// which differ between models.
    pub(super) fn check(&self, target: &Target, typical: impl Fn(&Target) -> Tokens) -> Result<(), NeedsConsent> {
        let consented = match &*self.scope() {
            Scope::Any => return Ok(()),
            Scope::Unset | Scope::Price(None) => None,
            Scope::Price(Some(consented)) => Some(consented.clone()),
        };
        let refused = |reason| NeedsConsent { model: target.name.clone(), reason, price: target.price() };
        let Some(consented) = consented else { return Err(refused("no price was confirmed".to_owned())) };
        let is_known = |target: &Target| target.cost(Tokens::default()).amount().is_some();
        match (is_known(&consented), is_known(target)) {
            (true, true) if is_dearer(target, &consented, typical) => {
                Err(refused(format!("it costs more than {}, which was confirmed", consented.name)))
            }
            (true, true) => Ok(()),
            (false, _) if consented.id == target.id => Ok(()),
            (false, true) => Err(refused(format!("{} at an unknown price was confirmed", consented.name))),
            (_, false) => Err(refused(format!("only {} was confirmed", consented.name))),
        }
    }

    /// Ignores poisoning: no code under the lock can panic.
    fn scope(&self) -> MutexGuard<'_, Scope> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns true if a token, or a request as expected, costs more with one model than with another.
fn is_dearer(target: &Target, than: &Target, typical: impl Fn(&Target) -> Tokens) -> bool {
    let amount = |cost: Cost| cost.amount().unwrap_or_default();
    let rates = [Tokens { input: 1_000, output: 0 }, Tokens { input: 0, output: 1_000 }];
    rates.into_iter().any(|tokens| amount(target.cost(tokens)) > amount(than.cost(tokens)))
        || amount(target.cost(typical(target))) > amount(than.cost(typical(than)))
}

/// Why a request was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "not sent to {model}: {reason}; its price is {}",
    price.as_deref().unwrap_or("unknown")
)]
pub(super) struct NeedsConsent {
    model: String,
    reason: String,
    price: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::describe::catalogue::Catalogue;

    fn target(name: &str) -> Target {
        Catalogue::built_in().resolve(name, "us-east-1").expect("a model")
    }

    /// The tokens of a picture that the newer models look at more closely.
    fn typical(target: &Target) -> Tokens {
        Tokens { input: if target.name.contains("5-5") { 4_784 } else { 1_568 }, output: 100 }
    }

    fn asks(consented: &str, target_name: &str) -> bool {
        let price = ConsentedPrice::default();
        price.give(Consent::Terms, Some(target(consented)));
        price.check(&target(target_name), typical).is_err()
    }

    #[test]
    fn only_what_costs_no_more_is_covered() {
        let unknown = "us.vendor.model-of-unknown-price";
        for (consented, target, expected) in [
            ("claude-sonnet-4-6", "claude-sonnet-4-6", false),
            ("claude-sonnet-4-6", "claude-haiku-4-5", false),
            ("claude-sonnet-4-6", "claude-haiku-5-5", false),
            ("claude-sonnet-5-5", "claude-sonnet-4-6", true),
            ("claude-haiku-5-5", "claude-haiku-4-5", true),
            // A cheaper token, but three times as many of them.
            ("claude-sonnet-4-6", "claude-sonnet-5-5", true),
            // Another inference profile of the same model, without and with the surcharge.
            ("us.anthropic.claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6", false),
            ("global.anthropic.claude-sonnet-4-6", "us.anthropic.claude-sonnet-4-6", true),
            ("claude-sonnet-4-6", unknown, true),
            (unknown, unknown, false),
            (unknown, "claude-haiku-5-5", true),
            (unknown, "us.vendor.another-model", true),
        ] {
            assert_eq!(asks(consented, target), expected, "{consented} → {target}");
        }
    }

    #[test]
    fn without_a_price_shown_every_model_needs_consent() {
        let price = ConsentedPrice::default();
        assert!(price.check(&target("claude-haiku-5-5"), typical).is_err());
        price.give_by_default(|| None);
        price.give_by_default(|| Some(target("claude-opus-5-5")));
        assert!(price.check(&target("claude-haiku-5-5"), typical).is_err(), "only the first one counts");
        price.give(Consent::Any, None);
        assert_eq!(price.check(&target("claude-opus-5-5"), typical), Ok(()));
    }

    #[test]
    fn the_message_names_the_model_the_reason_and_the_price() {
        let price = ConsentedPrice::default();
        price.give(Consent::Terms, Some(target("claude-sonnet-5-5")));
        let error = price.check(&target("claude-sonnet-4-6"), typical).expect_err("dearer").to_string();
        for part in ["claude-sonnet-4-6", "more than claude-sonnet-5-5", "$0.0033 in, $0.0165 out"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
