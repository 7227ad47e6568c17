//! Dates and times as `init` writes them: `2024-01-02 03:04:05.000006+00:00`.

use jiff::civil::{Date, Time};

use crate::parquet_file::NANOS_PER_DAY;

/// Parses a date. Returns the number of days since 1970-01-01.
pub(super) fn days(text: &str) -> Option<i128> {
    let date: Date = text.parse().ok().filter(|date: &Date| date.to_string() == text)?;
    Some(i128::from((date - jiff::civil::date(1970, 1, 1)).get_days()))
}

/// Parses a time of day, in nanoseconds.
pub(super) fn nanos_of_day(text: &str) -> Option<i128> {
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_plain = seconds.len() == 8 && fraction.len() <= 9 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let time: Time = seconds.parse().ok().filter(|time: &Time| is_plain && time.to_string() == seconds)?;
    let whole = i128::from(time.hour()) * 3600 + i128::from(time.minute()) * 60 + i128::from(time.second());
    Some(whole * 1_000_000_000 + format!("{fraction:0<9}").parse::<i128>().ok()?)
}

/// Parses a date and a time, which have a zone if and only if they are in UTC. Returns nanoseconds since 1970-01-01.
pub(super) fn nanos(text: &str, is_utc: bool) -> Option<i128> {
    let text = if is_utc { text.strip_suffix("+00:00")? } else { text };
    let (date, time) = text.split_once(' ')?;
    Some(days(date)? * NANOS_PER_DAY + nanos_of_day(time)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_and_times_are_restored() {
        assert_eq!(days("1969-12-31"), Some(-1));
        assert_eq!(days("0001-01-01"), Some(-719_162));
        assert_eq!(nanos_of_day("00:01:01.001000"), Some(61_001_000_000));
        assert_eq!(nanos("2024-01-02 03:04:05.000006+00:00", true), Some(1_704_164_645_000_006_000));
        assert_eq!(nanos("1969-12-31 23:59:59.999999999", false), Some(-1));
        for (text, is_utc) in [
            ("2024-01-02 03:04:05", true),
            ("2024-01-02 03:04:05+00:00", false),
            ("2024-01-02 03:04:05+09:00", true),
            ("2024-01-02T03:04:05", false),
            ("2024-01-02 03:04", false),
            ("2024-01-02 03:04:60", false),
            ("2024-02-30 03:04:05", false),
            ("2024-01-02 03:04:05.1234567890", false),
            ("", false),
        ] {
            assert_eq!(nanos(text, is_utc), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_rejected(text in "[0-9 :.+-]{0,32}") {
            let _ = (nanos(&text, true), nanos(&text, false), days(&text), nanos_of_day(&text));
        }
    }
}
