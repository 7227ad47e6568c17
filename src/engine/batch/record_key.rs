//! The key that joins a result with its record.

use twox_hash::XxHash3_64;

use crate::session::BatchEntry;

/// A `recordId`: 11 letters and digits, because earlier documentation of the service requires this length
/// (<https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html>).
///
/// The first 4 are the place of the record in its file, the others a checksum of its part, its place and its request. A
/// result of another part or of another request, even at the same place, does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordKey {
    pub place: u32,
    checksum: u64,
}

const BASE: u64 = 36;
const PLACE_DIGITS: usize = 4;
const CHECKSUM_DIGITS: usize = 7;

impl RecordKey {
    /// The number of records that a file can have.
    pub const MAX_RECORDS: u64 = BASE.pow(4);

    #[must_use]
    pub fn new(token: &str, place: u32, entry: &BatchEntry) -> Self {
        let mut bytes = token.as_bytes().to_vec();
        bytes.extend(place.to_le_bytes());
        bytes.extend(entry.request.to_le_bytes());
        Self { place, checksum: XxHash3_64::oneshot(&bytes) % BASE.pow(7) }
    }

    /// Returns `None` if the text is no key.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (place, checksum) = text.split_at_checked(PLACE_DIGITS)?;
        let is_key = text.len() == PLACE_DIGITS + CHECKSUM_DIGITS
            && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        let number = |digits: &str| u64::from_str_radix(digits, 36).ok();
        let place = u32::try_from(number(place)?).ok()?;
        is_key.then_some(Self { place, checksum: number(checksum)? })
    }
}

impl std::fmt::Display for RecordKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut digits = [b'0'; PLACE_DIGITS + CHECKSUM_DIGITS];
        let mut write = |mut number: u64, to: std::ops::Range<usize>| {
            for digit in digits[to].iter_mut().rev() {
                *digit = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"[(number % BASE) as usize];
                number /= BASE;
            }
        };
        write(self.place.into(), 0..PLACE_DIGITS);
        write(self.checksum, PLACE_DIGITS..PLACE_DIGITS + CHECKSUM_DIGITS);
        f.write_str(str::from_utf8(&digits).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dataset::RecordId;

    proptest! {
        #[test]
        fn a_key_is_read_back_and_fits_its_request_only(place in 0_u32..1_679_616, request: u64, other: u64) {
            let entry = |request| BatchEntry { record: RecordId(0), variant: 0, request, judged: None };
            let key = RecordKey::new("a", place, &entry(request));
            let text = key.to_string();
            prop_assert_eq!(text.len(), 11);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric()));
            prop_assert_eq!(RecordKey::parse(&text), Some(key));
            prop_assert!(request == other || RecordKey::new("a", place, &entry(other)) != key);
            prop_assert!(RecordKey::new("b", place, &entry(request)) != key, "of another part");
        }

        #[test]
        fn no_text_is_a_panic(text: String) {
            let _ = RecordKey::parse(&text);
        }
    }
}
