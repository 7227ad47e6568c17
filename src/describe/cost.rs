//! Token counts and costs.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul};
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tokens {
    /// Prompt and image.
    pub input: u64,
    pub output: u64,
}

impl Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { input: self.input.saturating_add(other.input), output: self.output.saturating_add(other.output) }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

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
    fn amounts_are_parsed_with_or_without_dollar_sign_and_decimals() {
        assert_eq!("2".parse(), Ok(Dollars::from_billionths(2_000_000_000)));
        assert_eq!("$0.50".parse(), Ok(Dollars::from_billionths(500_000_000)));
        assert_eq!(".5".parse(), Ok(Dollars::from_billionths(500_000_000)));
        for wrong in ["", "$", ".", "-1", "1,5", "1.0000000001", "99999999999999", "ten", "1.-5", "+1"] {
            assert_eq!(wrong.parse::<Dollars>(), Err(DollarsError), "{wrong}");
        }
    }

    #[test]
    fn small_amounts_show_two_significant_digits_and_large_ones_cents() {
        let shown = |text: &str| text.parse::<Dollars>().expect("an amount").to_string();
        assert_eq!(shown("0"), "$0.00");
        assert_eq!(shown("12.345"), "$12.35");
        assert_eq!(shown("0.5"), "$0.50");
        assert_eq!(shown("0.0123"), "$0.012");
        assert_eq!(shown("0.00006"), "$0.00006".replace("06", "060"));
    }

    proptest! {
        #[test]
        fn the_exact_form_round_trips(billionths in any::<u64>()) {
            let amount = Dollars::from_billionths(billionths);
            prop_assert_eq!(amount.exact().parse(), Ok(amount));
        }
    }
}
