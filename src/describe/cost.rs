//! Costs.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// US dollars in billionths: the cheapest models charge less than a ten-millionth per token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Dollars(u64);

const BILLIONTHS: u64 = 1_000_000_000;

impl Dollars {
    #[must_use]
    pub const fn from_billionths(billionths: u64) -> Self {
        Self(billionths)
    }

    #[must_use]
    pub const fn billionths(self) -> u64 {
        self.0
    }

    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// Returns the exact amount with at least two decimals ("0.0123"), for files and scripts.
    #[must_use]
    pub fn exact(self) -> String {
        let digits = format!("{}.{:09}", self.0 / BILLIONTHS, self.0 % BILLIONTHS);
        let shortest = digits.trim_end_matches('0').len().max(digits.len() - 7);
        digits[..shortest].to_owned()
    }
}

impl Add for Dollars {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Dollars {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Dollars {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

/// A cost, or a sum of costs, of which a part may be unknown: a model without a price. Unknown is never zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Cost {
    known: Dollars,
    has_unknown: bool,
}

impl Cost {
    pub const UNKNOWN: Self = Self { known: Dollars(0), has_unknown: true };

    /// Returns the amount, or `None` if a part of it is unknown.
    #[must_use]
    pub const fn amount(self) -> Option<Dollars> {
        if self.has_unknown { None } else { Some(self.known) }
    }

    /// Returns the part that is known.
    #[must_use]
    pub const fn at_least(self) -> Dollars {
        self.known
    }

    /// Returns this cost with the known part changed by `change`.
    #[must_use]
    pub fn map(self, change: impl FnOnce(Dollars) -> Dollars) -> Self {
        Self { known: change(self.known), ..self }
    }

    /// Returns the cost for a place without a heading ("$1.24", "at least $1.24", "cost unknown").
    #[must_use]
    pub fn summary(self) -> String {
        if self == Self::UNKNOWN { "cost unknown".to_owned() } else { self.to_string() }
    }
}

impl From<Dollars> for Cost {
    fn from(known: Dollars) -> Self {
        Self { known, has_unknown: false }
    }
}

/// `None` is an unknown cost.
impl From<Option<Dollars>> for Cost {
    fn from(amount: Option<Dollars>) -> Self {
        amount.map_or(Self::UNKNOWN, Self::from)
    }
}

impl Add for Cost {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { known: self.known + other.known, has_unknown: self.has_unknown || other.has_unknown }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<u64> for Cost {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self { known: self.known * times, has_unknown: self.has_unknown && times > 0 }
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Self>>(costs: I) -> Self {
        costs.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.has_unknown, self.known) {
            (false, amount) => f.pad(&amount.to_string()),
            (true, Dollars(0)) => f.pad("unknown"),
            (true, amount) => f.pad(&format!("at least {amount}")),
        }
    }
}

/// The exact amount, or null if a part of it is unknown.
impl Serialize for Cost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.amount().serialize(serializer)
    }
}

/// Rounds to cents, or to two significant digits below ten cents ("$1.24", "$0.0031").
impl fmt::Display for Dollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut decimals = 2_u32;
        while decimals < 6 && self.0 > 0 && self.0 < 10 * BILLIONTHS / 10_u64.pow(decimals) {
            decimals += 1;
        }
        let unit = BILLIONTHS / 10_u64.pow(decimals);
        let rounded = self.0.saturating_add(unit / 2) / unit;
        let whole = 10_u64.pow(decimals);
        write!(f, "${}.{:0width$}", rounded / whole, rounded % whole, width = decimals as usize)
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.exact())
    }
}

/// Accepts a string ("0.50") or a number.
impl<'de> Deserialize<'de> for Dollars {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged, expecting = "expected an amount in dollars, such as 2 or 0.50")]
        enum Amount {
            String(String),
            Whole(u64),
            Fraction(f64),
        }
        let amount = match Amount::deserialize(deserializer)? {
            Amount::String(text) => text,
            Amount::Whole(dollars) => dollars.to_string(),
            Amount::Fraction(dollars) => dollars.to_string(),
        };
        amount.parse().map_err(D::Error::custom)
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an amount in dollars, such as 2 or 0.50")]
pub struct DollarsError;

impl FromStr for Dollars {
    type Err = DollarsError;

    /// Parses "2", "0.50" or "$0.50", with up to nine decimals.
    fn from_str(text: &str) -> Result<Self, DollarsError> {
        let text = text.trim();
        let text = text.strip_prefix('$').unwrap_or(text);
        let (whole, part) = text.split_once('.').unwrap_or((text, ""));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) || part.len() > 9 {
            return Err(DollarsError);
        }
        let whole: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| DollarsError)? };
        let part: u64 = format!("{part:0<9}").parse().map_err(|_| DollarsError)?;
        whole.checked_mul(BILLIONTHS).and_then(|whole| whole.checked_add(part)).map(Self).ok_or(DollarsError)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn unknown_costs_are_shown_and_never_zero() {
        let known = Cost::from(Dollars::from_billionths(1_240_000_000));
        let shown = |cost: Cost| (cost.to_string(), cost.summary(), serde_json::to_string(&cost).expect("JSON"));
        let texts = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
        assert_eq!(shown(Cost::default()), texts("$0.00", "$0.00", "\"0.00\""));
        assert_eq!(shown(known), texts("$1.24", "$1.24", "\"1.24\""));
        assert_eq!(shown(Cost::UNKNOWN), texts("unknown", "cost unknown", "null"));
        assert_eq!(shown(known + Cost::UNKNOWN), texts("at least $1.24", "at least $1.24", "null"));
        assert_eq!(Cost::from(None), Cost::UNKNOWN);
    }

    proptest! {
        #[test]
        fn a_sum_is_known_only_if_every_part_is(parts in prop::collection::vec(prop::option::of(0..1_u64 << 40), 0..6)) {
            let costs = || parts.iter().map(|part| Cost::from(part.map(Dollars::from_billionths)));
            let sum: Cost = costs().sum();
            let total = parts.iter().copied().collect::<Option<Vec<u64>>>().map(|known| known.into_iter().sum());
            prop_assert_eq!(sum.amount(), total.map(Dollars::from_billionths));
            prop_assert_eq!(sum.at_least(), Dollars::from_billionths(parts.iter().flatten().sum()));
            prop_assert_eq!(costs().map(|cost| cost * 3).sum::<Cost>(), sum * 3);
            let times = 0;
            prop_assert_eq!(sum * times, Cost::default());
        }

        #[test]
        fn the_exact_form_round_trips(billionths in any::<u64>()) {
            let amount = Dollars::from_billionths(billionths);
            prop_assert_eq!(amount.exact().parse(), Ok(amount));
        }
    }
}
