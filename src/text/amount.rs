//! Formats durations and numbers.

use std::time::Duration;

/// Formats a duration: "1h 05m", "3m 20s" or "12s".
#[must_use]
pub fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds}s"),
        (0, minutes, seconds) => format!("{minutes}m {seconds:02}s"),
        (hours, minutes, _) => format!("{hours}h {minutes:02}m"),
    }
}

/// Abbreviates a large number: "950", "12.3k" or "1.24M".
#[must_use]
pub fn thousands(number: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "rounded for display")]
    let amount = number as f64;
    match number {
        0..1000 => number.to_string(),
        1000..1_000_000 => format!("{:.1}k", amount / 1e3),
        _ => format!("{:.2}M", amount / 1e6),
    }
}

/// Formats a number with its noun: "1 record", "2 records".
#[must_use]
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_numbers_are_abbreviated() {
        assert_eq!(span(Duration::from_secs(12)), "12s");
        assert_eq!(span(Duration::from_secs(200)), "3m 20s");
        assert_eq!(span(Duration::from_mins(65)), "1h 05m");
        assert_eq!([950, 12_345, 1_240_000].map(thousands), ["950", "12.3k", "1.24M"]);
    }
}
