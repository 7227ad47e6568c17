//! A line with another caption: only the caption's value changes, byte for byte.

use std::borrow::Cow;

use super::line::{file_name, parse, text};
use super::members::{Members, Tail, decode, members};
use super::read::RawLine;
use super::{Entry, FILE_NAME, RecordId};

/// A record's line as it is in the file.
#[derive(Debug)]
pub struct Line<'a> {
    raw: RawLine<'a>,
    caption_field: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn new(raw: RawLine<'a>, caption_field: &'a str) -> Self {
        Self { raw, caption_field }
    }

    /// A line of no file, for tests of what is asked of lines. Its caption is its `text`.
    #[cfg(test)]
    pub(crate) fn alone(line: &'a str) -> Self {
        let raw = RawLine { record: RecordId(0), number: 1, bytes: line.as_bytes(), too_long: false };
        Self::new(raw, "text")
    }

    /// Its position among the records.
    #[must_use]
    pub const fn record(&self) -> RecordId {
        self.raw.record
    }

    /// What is at its position.
    #[must_use]
    pub fn entry(&self) -> Entry {
        parse(&self.raw, self.caption_field)
    }

    /// Its bytes, newline not included; only the beginning of a line that is longer than lines may be.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.raw.bytes
    }

    /// A member of it, as the line writes it; of one that comes more than once, the last. Nothing where the line is no
    /// object or has no such member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&'a str> {
        members(text(&self.raw).ok()?, name).ok()?.caption.raw
    }

    /// Its members but the picture's name and the caption, in order. Nothing where the line is no object.
    #[must_use]
    pub fn others(&self) -> Vec<(String, serde_json::Value)> {
        let map = || serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text(&self.raw).ok()?).ok();
        let others = map().into_iter().flatten();
        others.filter(|(name, _)| name != FILE_NAME && name != self.caption_field).collect()
    }

    /// Its other texts: members of several words, to look at beside the caption. No more of them, and of each, than can
    /// be looked at.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, String)> {
        const MOST: usize = 12;
        const LONGEST: usize = 1_000;
        let text = |(name, value): (String, serde_json::Value)| match value {
            serde_json::Value::String(text) if text.trim().contains(char::is_whitespace) => {
                Some((name, text.chars().take(LONGEST).collect()))
            }
            _ => None,
        };
        self.others().into_iter().filter_map(text).take(MOST).collect()
    }

    /// Its bytes with `caption` in place of its own. Only the caption's value changes, and nothing where the line is no
    /// record.
    #[must_use]
    pub fn with_caption(&self, caption: &str) -> Cow<'a, [u8]> {
        match rewrite(&self.raw, self.caption_field, caption) {
            Rewritten::Changed(line) => Cow::Owned(line),
            Rewritten::Same | Rewritten::Bad => Cow::Borrowed(self.raw.bytes),
        }
    }
}

/// What became of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// It has this caption already.
    Same,
    /// The line with the new caption, newline not included.
    Changed(Vec<u8>),
    /// It is no record, so it stays as it is.
    Bad,
}

/// Puts `caption` into a line. Of a repeated caption member the one that counts, the last, is changed; a line without
/// one gets it at its end, spaced as the line is.
pub(super) fn rewrite(line: &RawLine<'_>, caption_field: &str, caption: &str) -> Rewritten {
    let Ok(text) = text(line) else { return Rewritten::Bad };
    let Ok(Members { file_name: name, caption: member, tail }) = members(text, caption_field) else {
        return Rewritten::Bad;
    };
    if file_name(name.raw).is_err() {
        return Rewritten::Bad;
    }
    if let Some(raw) = member.raw {
        if decode(raw).is_some_and(|decoded| decoded.text == caption) {
            return Rewritten::Same;
        }
        let start = raw.as_ptr().addr() - text.as_ptr().addr();
        return Rewritten::Changed(splice(text, start, start + raw.len(), &json(caption)));
    }
    let Some(Tail { comma, colon, end }) = tail else { return Rewritten::Bad };
    let colon = &text[colon];
    let comma = match comma {
        Some(comma) => &text[comma],
        None if colon.ends_with(char::is_whitespace) => ", ",
        None => ",",
    };
    let member = format!("{comma}{}{colon}{}", json(caption_field), json(caption));
    Rewritten::Changed(splice(text, end, end, &member))
}

fn splice(line: &str, start: usize, end: usize, with: &str) -> Vec<u8> {
    [&line[..start], with, &line[end..]].concat().into_bytes()
}

fn json(text: &str) -> String {
    serde_json::to_string(text).expect("any text can be written as JSON")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset::RecordId;

    fn rewritten(line: &str, caption: &str) -> String {
        let raw = RawLine { record: RecordId(0), number: 1, bytes: line.as_bytes(), too_long: false };
        match rewrite(&raw, "text", caption) {
            Rewritten::Same => "same".into(),
            Rewritten::Bad => "bad".into(),
            Rewritten::Changed(line) => String::from_utf8(line).expect("built from text"),
        }
    }

    #[test]
    fn only_the_value_changes() {
        let line = " { \"a\" : 1.50e+1,\"text\":\t\"\\u0041\" ,\"file_name\":\"x\\/y\", \"z\":[ ] }\r";
        let expected =
            " { \"a\" : 1.50e+1,\"text\":\t\"새 \\\"b\\\"\\n\u{2028}\" ,\"file_name\":\"x\\/y\", \"z\":[ ] }\r";
        assert_eq!(rewritten(line, "새 \"b\"\n\u{2028}"), expected);
    }

    #[test]
    fn the_same_caption_in_another_spelling_is_no_change() {
        assert_eq!(rewritten(r#"{"file_name":"a","text":"\u0041"}"#, "A"), "same");
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            rewritten(r#"{"file_name":"a","text":""}"#, "\u{0}\u{1b}\t"),
            "{\"file_name\":\"a\",\"text\":\"\\u0000\\u001b\\t\"}"
        );
    }

    #[test]
    fn a_value_that_is_no_text_is_replaced() {
        assert_eq!(rewritten(r#"{"text":null,"file_name":"a"}"#, "b"), r#"{"text":"b","file_name":"a"}"#);
        assert_eq!(rewritten(r#"{"text":{"text":1},"file_name":"a"}"#, "b"), r#"{"text":"b","file_name":"a"}"#);
    }

    #[test]
    fn of_a_repeated_member_the_last_is_changed() {
        let line = r#"{"text":"1","file_name":"a","t\u0065xt":"2","n":{"text":"3"}}"#;
        assert_eq!(rewritten(line, "b"), r#"{"text":"1","file_name":"a","t\u0065xt":"b","n":{"text":"3"}}"#);
    }

    #[test]
    fn an_absent_caption_is_appended_in_the_lines_own_spacing() {
        let cases = [
            (r#"{"file_name":"a"}"#, r#"{"file_name":"a","text":"b"}"#),
            (r#"{"file_name": "a"}"#, r#"{"file_name": "a", "text": "b"}"#),
            (r#"{"n":1, "file_name":"a"}"#, r#"{"n":1, "file_name":"a", "text":"b"}"#),
            (r#"{ "n" : 1 , "file_name" : "a" } "#, r#"{ "n" : 1 , "file_name" : "a" , "text" : "b" } "#),
            (r#"{"file_name": "a","n": 2}"#, r#"{"file_name": "a","n": 2,"text": "b"}"#),
        ];
        for (line, expected) in cases {
            assert_eq!(rewritten(line, "b"), expected);
        }
    }

    #[test]
    fn bad_lines_stay() {
        for line in ["{}", "[]", "{\"file_name\":1}", "{\"file_name\":\"a\"", "{\"file_name\":\"\"}"] {
            assert_eq!(rewritten(line, "b"), "bad", "{line}");
        }
    }
}
