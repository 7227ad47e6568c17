//! The JSON form of a Parquet value (docs/files.md has the table). The original value can be restored from it and the type.

use std::fmt::Write as _;

use half::f16;
use jiff::{Span, civil};

use super::form::{EPOCH_JULIAN_DAY, Form, NANOS_PER_DAY};
use super::json_string;

const NANOS_PER_SECOND: i128 = 1_000_000_000;

/// A stored value.
pub(crate) enum Stored<'a> {
    Boolean(bool),
    Integer(i64),
    Float(f64),
    /// Nanoseconds of the day and the Julian day.
    Int96(u64, u32),
    Bytes(&'a [u8]),
}

/// Why a value is not in the dataset as it is in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Loss {
    /// `null` is written.
    NotFinite,
    /// `null` is written.
    NotText,
    /// The stored number is written.
    OutOfRange,
}

impl Form {
    /// Appends the JSON of a value.
    pub(crate) fn write(self, value: Stored<'_>, out: &mut String) -> Result<(), Loss> {
        match (self, value) {
            (Self::Unsigned, Stored::Integer(value)) => append(out, value.cast_unsigned()),
            (Self::Decimal(scale), Stored::Integer(value)) => out.push_str(&decimal(&value.to_be_bytes(), scale)),
            (Self::Decimal(scale), Stored::Bytes(value)) => out.push_str(&decimal(value, scale)),
            (Self::Date, Stored::Integer(days)) => return date_or_number(days.into(), days.into(), out),
            (Self::Time(unit), Stored::Integer(count)) => {
                let of_day = i128::from(count) * unit;
                if !(0..NANOS_PER_DAY).contains(&of_day) {
                    append(out, count);
                    return Err(Loss::OutOfRange);
                }
                let _ = write!(out, "\"{}\"", time(of_day));
            }
            (Self::Timestamp { unit, is_utc }, Stored::Integer(count)) => {
                return timestamp(i128::from(count) * unit, is_utc, count.into(), out);
            }
            (Self::Int96, Stored::Int96(of_day, day)) => {
                let nanos = (i128::from(day) - EPOCH_JULIAN_DAY) * NANOS_PER_DAY + i128::from(of_day);
                return timestamp(nanos, false, nanos, out);
            }
            (_, Stored::Integer(value)) => append(out, value),
            (_, Stored::Float(value)) => return float(value, out),
            (Self::Float16, Stored::Bytes(&[low, high])) => {
                return float(f16::from_le_bytes([low, high]).to_f64(), out);
            }
            (Self::Uuid, Stored::Bytes(bytes)) if bytes.len() == 16 => {
                out.push('"');
                for (at, byte) in bytes.iter().enumerate() {
                    let _ = write!(out, "{}{byte:02x}", if matches!(at, 4 | 6 | 8 | 10) { "-" } else { "" });
                }
                out.push('"');
            }
            (_, Stored::Bytes(bytes)) => {
                let text = std::str::from_utf8(bytes);
                out.push_str(&text.map_or_else(|_| "null".to_owned(), json_string));
                return text.map(drop).map_err(|_| Loss::NotText);
            }
            (_, Stored::Boolean(value)) => append(out, value),
            (_, Stored::Int96(of_day, day)) => {
                let _ = write!(out, "[{day},{of_day}]");
            }
        }
        Ok(())
    }
}

fn append(out: &mut String, value: impl std::fmt::Display) {
    let _ = write!(out, "{value}");
}

fn float(value: f64, out: &mut String) -> Result<(), Loss> {
    let Some(number) = serde_json::Number::from_f64(value) else {
        out.push_str("null");
        return Err(Loss::NotFinite);
    };
    append(out, number);
    Ok(())
}

/// Returns the date, if its year has four digits. Python and most databases support no others.
fn date(days: i128) -> Option<civil::Date> {
    let days = i32::try_from(days).ok()?;
    let date = civil::date(1970, 1, 1).checked_add(Span::new().try_days(days).ok()?).ok()?;
    (date.year() >= 1).then_some(date)
}

/// Writes a date, or `number` if there is none of that day.
fn date_or_number(days: i128, number: i128, out: &mut String) -> Result<(), Loss> {
    let Some(date) = date(days) else {
        append(out, number);
        return Err(Loss::OutOfRange);
    };
    append(out, format_args!("\"{date}\""));
    Ok(())
}

fn timestamp(nanos: i128, is_utc: bool, number: i128, out: &mut String) -> Result<(), Loss> {
    let Some(date) = date(nanos.div_euclid(NANOS_PER_DAY)) else {
        append(out, number);
        return Err(Loss::OutOfRange);
    };
    let zone = if is_utc { "+00:00" } else { "" };
    append(out, format_args!("\"{date} {}{zone}\"", time(nanos.rem_euclid(NANOS_PER_DAY))));
    Ok(())
}

/// Formats a time of day, with a fraction of six or nine digits if there is one.
fn time(of_day: i128) -> String {
    let (seconds, fraction) = (of_day / NANOS_PER_SECOND, of_day % NANOS_PER_SECOND);
    let mut text = format!("{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    let _ = match fraction {
        0 => Ok(()),
        _ if fraction % 1000 == 0 => write!(text, ".{:06}", fraction / 1000),
        _ => write!(text, ".{fraction:09}"),
    };
    text
}

/// Formats a big-endian number in two's complement, with `scale` digits after the point.
fn decimal(bytes: &[u8], scale: usize) -> String {
    let is_negative = bytes.first().is_some_and(|byte| *byte >= 0x80);
    let mut magnitude = bytes.to_vec();
    if is_negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(carry.into());
        }
    }
    // Repeated division by ten; the least significant digit comes first.
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) || digits.len() <= scale {
        let mut rest = 0;
        for byte in &mut magnitude {
            let value = rest * 256 + u16::from(*byte);
            (*byte, rest) = (u8::try_from(value / 10).unwrap_or_default(), value % 10);
        }
        digits.push(char::from_digit(rest.into(), 10).unwrap_or_default());
    }
    let mut text = String::from(if is_negative { "-" } else { "" });
    for (at, digit) in digits.iter().enumerate().rev() {
        text.push(*digit);
        if at == scale && at > 0 {
            text.push('.');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json(form: Form, value: Stored<'_>) -> (String, Option<Loss>) {
        let mut out = String::new();
        let loss = form.write(value, &mut out).err();
        (out, loss)
    }

    #[test]
    fn dates_and_times_have_no_zone_unless_they_are_in_utc() {
        let at = |unit, is_utc, count| json(Form::Timestamp { unit, is_utc }, Stored::Integer(count));
        assert_eq!(at(1_000_000, false, 1_704_164_645_000), ("\"2024-01-02 03:04:05\"".into(), None));
        assert_eq!(at(1_000, true, 1_704_164_645_000_006), ("\"2024-01-02 03:04:05.000006+00:00\"".into(), None));
        assert_eq!(at(1, false, -1), ("\"1969-12-31 23:59:59.999999999\"".into(), None));
        assert_eq!(at(1_000, false, i64::MAX), (i64::MAX.to_string(), Some(Loss::OutOfRange)));
        // The day before 0001-01-01.
        assert_eq!(json(Form::Date, Stored::Integer(-719_163)), ("-719163".into(), Some(Loss::OutOfRange)));
        assert_eq!(json(Form::Date, Stored::Integer(-719_162)), ("\"0001-01-01\"".into(), None));
        assert_eq!(json(Form::Time(1_000_000), Stored::Integer(61_001)), ("\"00:01:01.001000\"".into(), None));
        assert_eq!(json(Form::Time(1), Stored::Integer(-1)), ("-1".into(), Some(Loss::OutOfRange)));
        let int96 = Stored::Int96(1, 2_440_589);
        assert_eq!(json(Form::Int96, int96), ("\"1970-01-02 00:00:00.000000001\"".into(), None));
    }

    #[test]
    fn numbers_keep_all_digits() {
        assert_eq!(json(Form::Unsigned, Stored::Integer(-1)).0, "18446744073709551615");
        assert_eq!(json(Form::Signed, Stored::Integer(i64::MIN)).0, "-9223372036854775808");
        assert_eq!(json(Form::Decimal(2), Stored::Integer(-150)).0, "-1.50");
        assert_eq!(json(Form::Decimal(3), Stored::Bytes(&[])).0, "0.000");
        assert_eq!(json(Form::Decimal(0), Stored::Bytes(&[0x80, 0])).0, "-32768");
        assert_eq!(json(Form::Float16, Stored::Bytes(&[0x00, 0x3e])).0, "1.5");
        assert_eq!(json(Form::Float, Stored::Float(f64::INFINITY)), ("null".into(), Some(Loss::NotFinite)));
    }

    proptest! {
        #[test]
        fn decimals_have_the_digits_of_their_integer(value: i128, scale in 0..40_usize) {
            let text = decimal(&value.to_be_bytes(), scale);
            let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
            prop_assert_eq!(fraction.len(), scale);
            prop_assert!(whole.trim_start_matches('-') == "0" || !whole.trim_start_matches('-').starts_with('0'));
            prop_assert_eq!(format!("{whole}{fraction}").parse::<i128>().unwrap(), value);
        }

        #[test]
        fn a_timestamp_is_restored_from_its_text(count: i64) {
            let (text, loss) = json(Form::Timestamp { unit: 1, is_utc: false }, Stored::Integer(count));
            prop_assert_eq!(loss, None);
            let civil: civil::DateTime = text.trim_matches('"').parse().unwrap();
            let restored = civil.to_zoned(jiff::tz::TimeZone::UTC).unwrap().timestamp().as_nanosecond();
            prop_assert_eq!(restored, i128::from(count));
        }
    }
}
