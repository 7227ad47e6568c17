//! Ranges of numbers in queries: `50`, `>50`, `<=9`, `10..50`.

use std::fmt;

/// A range of numbers, of which either bound may be missing. Neither bound is NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NumberRange {
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    number: f64,
    inclusive: bool,
}

impl Eq for NumberRange {}

impl NumberRange {
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let single_number = || number(text).map(|number| Self { low: bound(number, true), high: bound(number, true) });
        Self::parse_comparison(text).or_else(single_number)
    }

    /// Parses a range that cannot be a plain word: `>50`, `10..50`, `=7`, but not `7`.
    #[must_use]
    pub fn parse_comparison(text: &str) -> Option<Self> {
        if let Some((low, high)) = text.split_once("..") {
            let parse_bound =
                |text: &str| if text.is_empty() { Some(None) } else { number(text).map(|number| bound(number, true)) };
            let range = Self { low: parse_bound(low)?, high: parse_bound(high)? };
            return (range != Self::default()).then_some(range);
        }
        let (sign, rest) = text.split_at(text.find(|character| !matches!(character, '<' | '>' | '='))?);
        let number = number(rest)?;
        let (low, high) = match sign {
            "=" => (bound(number, true), bound(number, true)),
            ">" => (bound(number, false), None),
            ">=" => (bound(number, true), None),
            "<" => (None, bound(number, false)),
            "<=" => (None, bound(number, true)),
            _ => return None,
        };
        Some(Self { low, high })
    }

    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        let above = self.low.is_none_or(|low| number > low.number || low.inclusive && number >= low.number);
        let below = self.high.is_none_or(|high| number < high.number || high.inclusive && number <= high.number);
        above && below
    }
}

/// Prints the range in a form that cannot be parsed as a word.
impl fmt::Display for NumberRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (Some(low), Some(high)) if low == high => write!(f, "={}", low.number),
            (Some(low), Some(high)) => write!(f, "{}..{}", low.number, high.number),
            (Some(low), None) => write!(f, "{}{}", if low.inclusive { ">=" } else { ">" }, low.number),
            (None, Some(high)) => write!(f, "{}{}", if high.inclusive { "<=" } else { "<" }, high.number),
            (None, None) => Ok(()),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "both fields of a range are optional")]
const fn bound(number: f64, inclusive: bool) -> Option<Bound> {
    Some(Bound { number, inclusive })
}

/// Parses a finite number.
fn number(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-' | b'+' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|number| plain && number.is_finite())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("50", &[50.0], &[49.0, 51.0])]
    #[case("=50", &[50.0], &[49.0, 51.0])]
    #[case(">50", &[50.5, 51.0], &[50.0])]
    #[case(">=50", &[50.0, 51.0], &[49.0])]
    #[case("<50", &[49.0], &[50.0])]
    #[case("<=50", &[49.0, 50.0], &[51.0])]
    #[case("10..50", &[10.0, 30.0, 50.0], &[9.0, 51.0])]
    #[case("10..", &[10.0, 1e9], &[9.0])]
    #[case("..-1.5", &[-2.0, -1.5], &[0.0])]
    #[case("5..1", &[], &[1.0, 3.0, 5.0])]
    fn ranges_contain_numbers(#[case] text: &str, #[case] inside: &[f64], #[case] outside: &[f64]) {
        let range = NumberRange::parse(text).expect("a range");
        assert!(inside.iter().all(|number| range.contains(*number)));
        assert!(!outside.iter().any(|number| range.contains(*number)));
    }

    #[rstest]
    fn other_text_is_not_a_range(
        #[values("", "x", "..", ">", "><5", "1..x", "inf", "nan", ">nan", "1e999")] text: &str,
    ) {
        assert_eq!(NumberRange::parse(text), None);
    }

    proptest! {
        #[test]
        fn printing_and_parsing_round_trips(number in -1e15..1e15_f64, other in -1e15..1e15_f64, form in 0..6) {
            let text = match form {
                0 => format!("={number}"),
                1 => format!(">{number}"),
                2 => format!(">={number}"),
                3 => format!("<{number}"),
                4 => format!("<={number}"),
                _ => format!("{number}..{other}"),
            };
            let range = NumberRange::parse_comparison(&text).expect("a range");
            prop_assert_eq!(NumberRange::parse_comparison(&range.to_string()), Some(range));
        }
    }
}
