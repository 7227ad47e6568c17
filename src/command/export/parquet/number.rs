//! JSON numbers as they are written, without a type that would round them.

/// Significant digits of the longest exact decimal expansion of a 64-bit float.
const MAX_DIGITS: usize = 767;

/// A decimal number: `0.digits × 10^exponent`, without zeros at the ends of the digits. Zero has no digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) is_negative: bool,
    pub(super) digits: Vec<u8>,
    pub(super) exponent: i64,
}

impl Decimal {
    /// Parses a JSON number. Returns `None` for another value, or if the exponent is enormous.
    pub(super) fn parse(token: &str) -> Option<Self> {
        let (is_negative, rest) = token.strip_prefix('-').map_or((false, token), |rest| (true, rest));
        if !rest.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let exponent = exponent.parse::<i64>().ok().filter(|exponent| exponent.unsigned_abs() < 1 << 32)?;
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|digit| digit.wrapping_sub(b'0')).collect();
        if all.iter().any(|digit| *digit > 9) {
            return None;
        }
        let Some(first) = all.iter().position(|digit| *digit != 0) else {
            return Some(Self { is_negative, digits: Vec::new(), exponent: 0 });
        };
        let last = all.iter().rposition(|digit| *digit != 0).unwrap_or(first);
        let exponent = exponent + i64::try_from(whole.len()).ok()? - i64::try_from(first).ok()?;
        Some(Self { is_negative, digits: all[first..=last].to_vec(), exponent })
    }

    /// Returns the digits of the number multiplied by `10^scale`, which must be an integer.
    pub(super) fn scaled(&self, scale: usize) -> Option<Vec<u8>> {
        if self.digits.is_empty() {
            return Some(Vec::new());
        }
        let length = usize::try_from(self.exponent.checked_add(i64::try_from(scale).ok()?)?).ok()?;
        if length < self.digits.len() || length > MAX_DIGITS {
            return None;
        }
        let mut digits = self.digits.clone();
        digits.resize(length, 0);
        Some(digits)
    }
}

/// Parses an integer. A negative zero is not one, because integers have no sign of zero.
pub(super) fn integer(token: &str) -> Option<i128> {
    token.parse().ok().filter(|_| token != "-0" && !token.starts_with('+'))
}

/// Parses a number into a 64-bit float. Returns `None` if one of its digits would be lost.
pub(super) fn float(token: &str) -> Option<f64> {
    let decimal = Decimal::parse(token)?;
    let value: f64 = token.parse().ok()?;
    let digits = decimal.digits.len();
    // Up to 15 digits are always kept, except close to the limits of the range.
    if !value.is_finite() || digits > MAX_DIGITS || digits == 0 && value != 0.0 {
        return None;
    }
    if digits == 0 || digits <= 15 && decimal.exponent.abs() < 300 {
        return Some(value);
    }
    // The shortest form differs from the rounded one if the value is halfway between two decimals.
    let rounded = Decimal::parse(&format!("{value:.*e}", digits - 1))?;
    (rounded == decimal || Decimal::parse(&format!("{value:e}"))? == decimal).then_some(value)
}

/// Converts the digits of an integer to two's complement, most significant byte first.
pub(super) fn to_bytes(digits: &[u8], is_negative: bool, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0_u8; length];
    for digit in digits {
        let mut carry = u16::from(*digit);
        for byte in bytes.iter_mut().rev() {
            carry += u16::from(*byte) * 10;
            *byte = u8::try_from(carry & 0xFF).unwrap_or_default();
            carry >>= 8;
        }
        if carry > 0 {
            return None;
        }
    }
    if is_negative {
        let mut carry = true;
        for byte in bytes.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(carry.into());
        }
    }
    let has_sign = bytes.first().is_some_and(|byte| *byte >= 0x80);
    (has_sign == (is_negative && !digits.is_empty())).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_float_keeps_all_digits_or_is_none() {
        for token in [
            "0.1",
            "-0.0",
            "0e999",
            "1E5",
            "1.7976931348623157e308",
            "5e-324",
            "0.30000000000000004",
            "9007199254740992",
            // 1763382423594552.25
            "1763382423594552.3",
        ] {
            assert_eq!(float(token), Some(token.parse().unwrap()), "{token}");
        }
        // 17 digits of C#, and the exact value of 0.1 as printed by C++.
        for token in ["0.10000000000000001", "0.1000000000000000055511151231257827021181583404541015625"] {
            assert_eq!(float(token), Some(0.1), "{token}");
        }
        for token in
            ["1e999", "1e-400", "9007199254740993", "0.12345678901234567890123", "1e99999999999999999999", "true"]
        {
            assert_eq!(float(token), None, "{token}");
        }
    }

    #[test]
    fn integers_have_no_sign_of_zero() {
        assert_eq!(integer("-1"), Some(-1));
        assert_eq!(integer("18446744073709551616"), Some(1 << 64));
        for token in ["-0", "1.0", "1e2", "", "null"] {
            assert_eq!(integer(token), None, "{token}");
        }
    }

    proptest! {
        #[test]
        fn floats_of_other_programs_are_kept(value: f64) {
            prop_assume!(value.is_finite());
            for token in [format!("{value:?}"), format!("{value:.16e}"), format!("{value:.30e}"), serde_json::to_string(&value).unwrap()] {
                prop_assert_eq!(float(&token).map(f64::to_bits), Some(value.to_bits()), "{}", token);
            }
        }

        #[test]
        fn decimals_are_exact(value: i128, scale in 0..30_usize) {
            let digits: Vec<u8> = value.unsigned_abs().to_string().bytes().map(|digit| digit - b'0').collect();
            prop_assert_eq!(to_bytes(&digits, value < 0, 16), Some(value.to_be_bytes().to_vec()));
            let decimal = Decimal::parse(&format!("{value}e-{scale}")).unwrap();
            let scaled = decimal.scaled(scale).unwrap();
            prop_assert_eq!(to_bytes(&scaled, decimal.is_negative, 16), Some(value.to_be_bytes().to_vec()));
            prop_assert!(value % 10 == 0 || scale == 0 || decimal.scaled(scale - 1).is_none());
        }
    }
}
