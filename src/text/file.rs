//! Text that comes from a file: encoding, byte order mark and line ends.

use std::io;

/// Why the bytes of a file are not text in UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodingError {
    #[error("encoded as {0}, not as UTF-8: save it as UTF-8")]
    Other(&'static str),
    /// The line is counted from one.
    #[error("line {line} is not UTF-8: save it as UTF-8")]
    Invalid { line: usize },
}

impl From<EncodingError> for io::Error {
    fn from(error: EncodingError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

/// Returns the text of a file without a byte order mark, and with line feeds as line ends.
///
/// # Errors
/// Returns an error if the bytes are not UTF-8.
pub fn from_file(bytes: Vec<u8>) -> Result<String, EncodingError> {
    let text = decode(bytes)?;
    Ok(if text.contains("\r\n") { text.replace("\r\n", "\n") } else { text })
}

/// Returns the text of a file without a byte order mark.
///
/// # Errors
/// Returns an error if the bytes are not UTF-8.
pub fn decode(bytes: Vec<u8>) -> Result<String, EncodingError> {
    let encoding = match bytes.as_slice() {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err(EncodingError::Other(encoding));
    }
    let mut text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        EncodingError::Invalid { line: memchr::memchr_iter(b'\n', before).count() + 1 }
    })?;
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("a hat", "a hat")]
    #[case("\u{feff}a hat\r\nred\r\n", "a hat\nred\n")]
    #[case("\u{feff}\u{feff}a\rb", "\u{feff}a\rb")]
    #[case("", "")]
    fn marks_and_line_ends_are_normalised(#[case] bytes: &str, #[case] text: &str) {
        assert_eq!(from_file(bytes.as_bytes().to_vec()).as_deref(), Ok(text));
    }

    #[rstest]
    #[case(b"a\nb\xe9", EncodingError::Invalid { line: 2 })]
    #[case(b"\xff\xfea\0", EncodingError::Other("UTF-16"))]
    #[case(b"\xfe\xff\0a", EncodingError::Other("UTF-16"))]
    #[case(b"\xff\xfe\0\0a\0\0\0", EncodingError::Other("UTF-32"))]
    fn other_encodings_are_named(#[case] bytes: &[u8], #[case] error: EncodingError) {
        assert_eq!(from_file(bytes.to_vec()), Err(error));
    }
}
