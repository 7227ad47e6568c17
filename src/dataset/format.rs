//! The format of a file, by its first bytes.

use serde::de::IgnoredAny;

use super::fields::without_nan;
use super::index::BOM;

/// Bytes that are examined.
pub(super) const PROBE: usize = 16 * 1024;

/// How records are separated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// JSON Lines: one object a line.
    Lines,
    /// Objects one after another, each over several lines or several on a line, as Hugging Face's loader reads them too.
    Objects,
}

impl Layout {
    /// Returns a record's bytes without the newline and the blank lines after it.
    pub(super) fn record(self, bytes: &[u8]) -> &[u8] {
        let from = match self {
            Self::Lines => 0,
            Self::Objects => bytes.trim_ascii_end().len(),
        };
        memchr::memchr(b'\n', &bytes[from..]).map_or(bytes, |newline| &bytes[..from + newline])
    }

    /// Returns true if a record may start after this byte.
    pub(super) const fn may_precede(self, byte: u8) -> bool {
        byte == b'\n' || matches!(self, Self::Objects) && (byte == b'}' || byte.is_ascii_whitespace())
    }
}

/// A format that is not JSON Lines. The text says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    #[error("a JSON array, not JSON Lines; convert it first (jq -c '.[]' in.json > out.jsonl)")]
    Array,
    #[error("compressed; decompress it first ({0})")]
    Compressed(&'static str),
    #[error("a Parquet file; import it first (recaption init FILE)")]
    Parquet,
    #[error("an SQLite database, not a dataset; give the path of the .jsonl file")]
    Sqlite,
    #[error("encoded as UTF-16; convert it to UTF-8 first (iconv -f utf-16 -t utf-8)")]
    Utf16,
    #[error("encoded as UTF-32; convert it to UTF-8 first (iconv -f utf-32 -t utf-8)")]
    Utf32,
}

/// Returns the layout of a file that begins with these bytes. `is_whole` is true if they are the whole file.
pub(super) fn detect(bytes: &[u8], is_whole: bool) -> Result<Layout, Foreign> {
    let magic: [(&[u8], Foreign); 14] = [
        (&[0x1F, 0x8B], Foreign::Compressed("gunzip FILE")),
        (b"PK\x03\x04", Foreign::Compressed("unzip FILE")),
        (b"BZh", Foreign::Compressed("bunzip2 FILE")),
        (b"\xFD7zXZ\0", Foreign::Compressed("unxz FILE")),
        (&[0x28, 0xB5, 0x2F, 0xFD], Foreign::Compressed("unzstd FILE")),
        (b"PAR1", Foreign::Parquet),
        (b"SQLite format 3\0", Foreign::Sqlite),
        (&[0xFF, 0xFE, 0, 0], Foreign::Utf32),
        (&[0, 0, 0xFE, 0xFF], Foreign::Utf32),
        (b"{\0\0\0", Foreign::Utf32),
        (b"\0\0\0{", Foreign::Utf32),
        (&[0xFF, 0xFE], Foreign::Utf16),
        (&[0xFE, 0xFF], Foreign::Utf16),
        (b"{\0", Foreign::Utf16),
    ];
    if let Some((_, foreign)) = magic.into_iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Err(foreign);
    }
    if bytes.starts_with(b"\0{") {
        return Err(Foreign::Utf16);
    }
    let text = bytes.strip_prefix(BOM).unwrap_or(bytes).trim_ascii_start();
    match text.first() {
        Some(b'[') if text[1..].trim_ascii_start().starts_with(b"{") => Err(Foreign::Array),
        Some(b'{') if !ends_with_its_line(text, is_whole) => Ok(Layout::Objects),
        _ => Ok(Layout::Lines),
    }
}

/// Returns false if the object at the beginning continues after its line, or another one follows on that line.
fn ends_with_its_line(bytes: &[u8], is_whole: bool) -> bool {
    // A character may be cut off at the end.
    let text = String::from_utf8_lossy(bytes);
    let masked = without_nan(&text).map(|masked| masked.json);
    let text = masked.as_deref().unwrap_or(&text);
    let newline = text.find('\n').unwrap_or(text.len());
    let mut objects = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match objects.next() {
        Some(Ok(_)) => {
            let end = objects.byte_offset();
            text.get(end..newline).is_some_and(|rest| !rest.trim_start().starts_with('{'))
        }
        // An error before its end means that the first line is broken, not that it continues.
        Some(Err(error)) => {
            let is_open = newline < text.len() && !text[..newline].trim_end().ends_with('}');
            !(error.is_eof() && !is_whole && is_open)
        }
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("", Ok(Layout::Lines))]
    #[case("\n\n {\"a\":1}\n{\n", Ok(Layout::Lines))]
    #[case("{\"a\": {\"b\": 1}, \"c\":", Ok(Layout::Lines))]
    #[case("{\"a\": 1}\n{\"a\": 2}", Ok(Layout::Lines))]
    #[case("{\"a\": 1,\n{\"a\": 2}", Ok(Layout::Lines))]
    #[case("{\"a\": \"x\n{\"a\": 2}", Ok(Layout::Lines))]
    #[case("{\"a\": 1\n", Ok(Layout::Lines))]
    #[case("[1, 2]\n", Ok(Layout::Lines))]
    #[case("{\"a\": 1}, {\"a\": 2}\n", Ok(Layout::Lines))]
    #[case("{\"a\": \"}{\"}\n{}{}", Ok(Layout::Lines))]
    #[case("{\"a\": 1}{\"a\": 2}", Ok(Layout::Objects))]
    #[case("{\"a\": NaN} {\"a\":\n2}", Ok(Layout::Objects))]
    #[case("\u{feff}\n{\n  \"a\": 1\n}\n", Ok(Layout::Objects))]
    #[case("{\"a\": NaN,\r\n \"b\": [\n{}\n]}", Ok(Layout::Objects))]
    #[case("[{\"a\": 1}]", Err(Foreign::Array))]
    #[case(" [\n  {", Err(Foreign::Array))]
    #[case("{\0\"\0", Err(Foreign::Utf16))]
    #[case("PAR1\u{15}", Err(Foreign::Parquet))]
    fn the_beginning_determines_the_format(#[case] text: &str, #[case] expected: Result<Layout, Foreign>) {
        assert_eq!(detect(text.as_bytes(), true), expected);
    }

    #[test]
    fn a_first_object_may_be_longer_than_the_probe() {
        let long = format!("{{\n  \"file_name\": \"a.jpg\",\n  \"text\": \"{}\"\n}}\n", "é".repeat(PROBE));
        assert_eq!(detect(&long.as_bytes()[..PROBE], false), Ok(Layout::Objects));
        let line = format!("{{\"file_name\": \"a.jpg\", \"text\": \"{}\"}}\n", "é".repeat(PROBE));
        assert_eq!(detect(&line.as_bytes()[..PROBE], false), Ok(Layout::Lines));
    }

    #[test]
    fn a_record_ends_with_its_last_line() {
        for (layout, bytes, expected) in [
            (Layout::Lines, "{}\r\n\n \n", "{}\r"),
            (Layout::Lines, "{}", "{}"),
            (Layout::Objects, "{\n}\r\n\n \n", "{\n}\r"),
            (Layout::Objects, "{\n} ", "{\n} "),
        ] {
            assert_eq!(layout.record(bytes.as_bytes()), expected.as_bytes(), "{bytes:?}");
        }
    }
}
