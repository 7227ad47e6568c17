//! Ranges of numbers in queries: `50`, `>50`, `<=9`, `10..50`.

use std::fmt;

/// An inclusive or exclusive range. Neither bound is NaN.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Span {
    low: Option<Bound>,
    high: Option<Bound>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Bound {
    number: f64,
    /// Whether the bound itself is included.
    inside: bool,
}

impl Eq for Span {}

impl Span {
    /// Parses a range.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let exactly = || number(text).map(|number| Self { low: bound(number, true), high: bound(number, true) });
        Self::parse_comparison(text).or_else(exactly)
    }

    /// Parses a range that cannot be a plain word: `>50`, `10..50`, `=7`, but not `7`.
    #[must_use]
    pub fn parse_comparison(text: &str) -> Option<Self> {
        if let Some((low, high)) = text.split_once("..") {
            let side =
                |side: &str| if side.is_empty() { Some(None) } else { number(side).map(|side| bound(side, true)) };
            let span = Self { low: side(low)?, high: side(high)? };
            return (span != Self::default()).then_some(span);
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
        let above = self.low.is_none_or(|low| number > low.number || low.inside && number >= low.number);
        let below = self.high.is_none_or(|high| number < high.number || high.inside && number <= high.number);
        above && below
    }
}

/// Prints the range unambiguously, even in a place that also takes words.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (Some(low), Some(high)) if low == high => write!(f, "={}", low.number),
            (Some(low), Some(high)) => write!(f, "{}..{}", low.number, high.number),
            (Some(low), None) => write!(f, "{}{}", if low.inside { ">=" } else { ">" }, low.number),
            (None, Some(high)) => write!(f, "{}{}", if high.inside { "<=" } else { "<" }, high.number),
            (None, None) => Ok(()),
        }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a bound that is there, beside one that may not be")]
const fn bound(number: f64, inside: bool) -> Option<Bound> {
    Some(Bound { number, inside })
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
    fn a_span_holds_what_it_says(#[case] text: &str, #[case] inside: &[f64], #[case] outside: &[f64]) {
        let span = Span::parse(text).expect("a span");
        assert!(inside.iter().all(|number| span.contains(*number)));
        assert!(!outside.iter().any(|number| span.contains(*number)));
    }

    #[rstest]
    fn what_is_no_span_is_none(#[values("", "x", "..", ">", "><5", "1..x", "inf", "nan", ">nan", "1e999")] text: &str) {
        assert_eq!(Span::parse(text), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(number in -1e15..1e15_f64, other in -1e15..1e15_f64, form in 0..6) {
            let text = match form {
                0 => format!("={number}"),
                1 => format!(">{number}"),
                2 => format!(">={number}"),
                3 => format!("<{number}"),
                4 => format!("<={number}"),
                _ => format!("{number}..{other}"),
            };
            let span = Span::parse_comparison(&text).expect("a span");
            prop_assert_eq!(Span::parse_comparison(&span.to_string()), Some(span));
        }
    }
}
