//! Replaces the caption of a line: every other byte stays the same.

use std::borrow::Cow;
use std::sync::Arc;

use super::fields::{Fields, Json, Tail, all_fields, field, fields};
use super::line::{JsonKind, file_name, parse, text};
use super::read::{CaptionForm, RawLine};
use super::{Entry, FILE_NAME, RecordId, caption_map::one_line};

/// A record's line, unparsed.
#[derive(Debug)]
pub struct Line<'a> {
    raw: RawLine<'a>,
    caption_field: &'a str,
}

impl<'a> Line<'a> {
    pub(super) fn new(raw: RawLine<'a>, caption_field: &'a str) -> Self {
        Self { raw, caption_field }
    }

    /// Creates a line without a file, for tests. Its caption field is `text`.
    #[cfg(test)]
    pub(crate) fn alone(line: &'a str) -> Self {
        Self::new(RawLine::of(RecordId(0), line.as_bytes()), "text")
    }

    #[must_use]
    pub const fn record(&self) -> RecordId {
        self.raw.record
    }

    pub(super) const fn raw(&self) -> &RawLine<'a> {
        &self.raw
    }

    pub(super) const fn caption_field(&self) -> &'a str {
        self.caption_field
    }

    /// Returns the line with other bytes.
    #[must_use]
    pub fn with_bytes<'b>(&self, bytes: &'b [u8]) -> Line<'b>
    where
        'a: 'b,
    {
        let raw =
            RawLine { number: self.raw.number, captions: self.raw.captions, ..RawLine::of(self.raw.record, bytes) };
        Line { raw, caption_field: self.caption_field }
    }

    /// Returns the line number, from one.
    #[must_use]
    pub(super) const fn number(&self) -> u64 {
        self.raw.number
    }

    /// Parses the line.
    #[must_use]
    pub fn entry(&self) -> Entry {
        parse(&self.raw, self.caption_field)
    }

    /// Returns its bytes without the newline; only the beginning if it exceeds [`MAX_LINE_BYTES`](super::MAX_LINE_BYTES).
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.raw.bytes
    }

    /// Returns the value of a field, the last one if it is repeated. Returns `None` if the line is not an object or has no
    /// such field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Json<'a>> {
        // Lines that are not objects are reported by `entry`.
        field(text(&self.raw).ok()?, name).ok()?
    }

    /// Returns the value of the caption field, of any kind.
    #[must_use]
    pub fn caption(&self) -> Option<Json<'a>> {
        self.field(self.caption_field)
    }

    /// Returns its fields in order, without the file name and the caption. A repeated field has its last value. Empty if
    /// the line is not an object.
    #[must_use]
    pub fn others(&self) -> Vec<(Cow<'a, str>, Json<'a>)> {
        let mut fields = text(&self.raw).and_then(all_fields).unwrap_or_default();
        fields.retain(|(name, _)| name != FILE_NAME && name != self.caption_field);
        fields
    }

    /// Returns the fields of the image and the caption.
    pub fn own_fields(&self) -> impl Iterator<Item = &str> {
        [FILE_NAME, self.caption_field].into_iter()
    }

    /// Returns its other texts, to show beside the caption: string fields of several words, limited in number and length.
    #[must_use]
    pub fn texts(&self) -> Vec<(String, String)> {
        const MOST: usize = 12;
        const LONGEST: usize = 1_000;
        let text = |(name, json): (Cow<'_, str>, Json<'_>)| {
            let text = json.text()?.text;
            let has_words = text.trim().contains(char::is_whitespace);
            has_words.then(|| (name.into_owned(), text.chars().take(LONGEST).collect()))
        };
        self.others().into_iter().filter_map(text).take(MOST).collect()
    }

    /// Returns its bytes with another caption. Returns them unchanged if the line is not a record, or if its caption is a
    /// value that this text may not replace.
    #[must_use]
    pub fn with_caption(&self, caption: &str) -> Cow<'a, [u8]> {
        match rewrite(&self.raw, self.caption_field, caption) {
            Rewritten::Changed(line) => Cow::Owned(line),
            Rewritten::Same | Rewritten::NotText | Rewritten::Bad => Cow::Borrowed(self.raw.bytes),
        }
    }
}

/// Returns a line with another file name; unchanged if it has none.
#[must_use]
pub fn with_file_name<'a>(line: &'a [u8], file_name: &str) -> Cow<'a, [u8]> {
    let text = std::str::from_utf8(line).ok();
    let Some((text, json)) = text.and_then(|text| Some((text, field(text, FILE_NAME).ok()??))) else {
        return Cow::Borrowed(line);
    };
    let start = json.raw().as_ptr().addr() - text.as_ptr().addr();
    Cow::Owned(splice(text, start, start + json.raw().len(), &encoded(file_name)))
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rewritten {
    /// The line has this caption already.
    Same,
    /// The line with the new caption, without the newline.
    Changed(Vec<u8>),
    /// The caption is neither a string nor `null`, so it is kept unchanged.
    NotText,
    /// Not a record, so it is kept unchanged.
    Bad,
}

/// The place of a caption in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The value of a field.
    Field(Arc<str>),
    /// An element of the list in the caption field, from zero.
    Element(u32),
}

/// Replaces the caption of a line. If the field is repeated, the last one, which counts, is changed; if it is missing, it
/// is appended with the separators the line uses.
pub(super) fn rewrite(line: &RawLine<'_>, caption_field: &str, caption: &str) -> Rewritten {
    replace(line, caption_field, |value| match value.map(|json| (json, json.text())) {
        Some((_, Some(decoded))) if decoded.text == caption => Value::Same,
        Some((json, None)) if !json.is_missing() => in_place_of_object(json, caption, line).unwrap_or(Value::NotText),
        Some((_, None)) | None if line.captions == CaptionForm::Object => {
            object(caption, line).map_or(Value::NotText, Value::New)
        }
        _ => Value::New(encoded(caption)),
    })
}

/// Replaces one of the captions of a line. In a list, only that element changes; a caption that is missing becomes a list.
pub(super) fn rewrite_slot(line: &RawLine<'_>, caption_field: &str, slot: &Slot, caption: &str) -> Rewritten {
    let number = match slot {
        Slot::Field(name) => return rewrite(line, name, caption),
        Slot::Element(number) => *number as usize,
    };
    replace(line, caption_field, |value| {
        let list = || Value::New(format!("[{}]", encoded(caption)));
        let Some(json) = value.filter(|json| !json.is_missing()) else { return list() };
        if let Some(decoded) = json.text() {
            return if decoded.text == caption { Value::Same } else { Value::New(encoded(caption)) };
        }
        if let Some(new) = in_place_of_object(json, caption, line) {
            return new;
        }
        let Some(elements) = json.texts() else { return Value::NotText };
        match elements.get(number).map(|element| (element, element.text())) {
            None if elements.is_empty() => list(),
            Some((_, Some(decoded))) if decoded.text == caption => Value::Same,
            Some((element, _)) => {
                let start = element.raw().as_ptr().addr() - json.raw().as_ptr().addr();
                let (before, after) = (&json.raw()[..start], &json.raw()[start + element.raw().len()..]);
                Value::New([before, &encoded(caption), after].concat())
            }
            None => Value::NotText,
        }
    })
}

/// What becomes of the value of a field.
enum Value {
    Same,
    NotText,
    /// Its JSON.
    New(String),
}

fn replace(line: &RawLine<'_>, caption_field: &str, new: impl FnOnce(Option<Json<'_>>) -> Value) -> Rewritten {
    let Ok(text) = text(line) else { return Rewritten::Bad };
    let Ok(Fields { file_name: name, caption: field, tail, .. }) = fields(text, caption_field) else {
        return Rewritten::Bad;
    };
    if file_name(name.json).is_err() {
        return Rewritten::Bad;
    }
    let json = match new(field.json) {
        Value::Same => return Rewritten::Same,
        Value::NotText => return Rewritten::NotText,
        Value::New(json) => json,
    };
    if let Some(old) = field.json {
        let start = old.raw().as_ptr().addr() - text.as_ptr().addr();
        return Rewritten::Changed(splice(text, start, start + old.raw().len(), &json));
    }
    let Some(Tail { comma, key, colon, end }) = tail else { return Rewritten::Bad };
    let colon = &text[colon];
    let comma = match comma {
        Some(comma) => text[comma].to_owned(),
        // The white space before the only field, if that is on a line of its own.
        None => match text[..key].rsplit_once('{') {
            Some((_, space)) if space.contains('\n') => format!(",{space}"),
            _ if colon.ends_with(char::is_whitespace) => ", ".to_owned(),
            _ => ",".to_owned(),
        },
    };
    let field = format!("{comma}{}{colon}{json}", encoded(caption_field));
    Rewritten::Changed(splice(text, end, end, &field))
}

fn splice(line: &str, start: usize, end: usize, with: &str) -> Vec<u8> {
    [&line[..start], with, &line[end..]].concat().into_bytes()
}

/// Returns what becomes of an object that a caption replaces; `None` if the value is not an object that can be replaced.
fn in_place_of_object(json: Json<'_>, caption: &str, line: &RawLine<'_>) -> Option<Value> {
    if json.kind() != JsonKind::Object || line.captions == CaptionForm::Typed {
        return None;
    }
    Some(match object(caption, line) {
        Some(new) if new == json.raw() => Value::Same,
        Some(new) => Value::New(new),
        None => Value::NotText,
    })
}

/// Returns a caption that is a JSON object as a value of a line: on one line, unless the record is on several.
fn object(caption: &str, line: &RawLine<'_>) -> Option<String> {
    let json = Json::of_object(caption)?.raw();
    let has_lines = line.bytes.trim_ascii_end().contains(&b'\n');
    Some(if has_lines { json.to_owned() } else { one_line(json).into_owned() })
}

fn encoded(text: &str) -> String {
    serde_json::to_string(text).expect("every string can be serialized")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::dataset::RecordId;

    fn rewritten(line: &str, caption: &str) -> String {
        match rewrite(&RawLine::of(RecordId(0), line.as_bytes()), "text", caption) {
            Rewritten::Same => "same".into(),
            Rewritten::NotText => "not text".into(),
            Rewritten::Bad => "bad".into(),
            Rewritten::Changed(line) => String::from_utf8(line).expect("built from text"),
        }
    }

    #[test]
    fn the_other_fields_are_undecoded_and_in_order() {
        let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
        let line = [
            r#"{"b\ud800":"\udfff", "a" : 1e999,"text":"x","a\u0062": "#,
            &deep,
            r#" ,"file_name":"y","a":"\ud83d two","n":{"n":1} }"#,
        ]
        .concat();
        let others = Line::alone(&line).others();
        let others: Vec<(&str, &str)> = others.iter().map(|(name, json)| (&**name, json.raw())).collect();
        let (half, two) = (r#""\udfff""#, r#""\ud83d two""#);
        assert_eq!(others, [(r"b\ud800", half), ("a", two), ("ab", &deep), ("n", r#"{"n":1}"#)]);
        assert_eq!(Line::alone(&line).texts(), [("a".to_owned(), "\u{FFFD} two".to_owned())]);
    }

    #[test]
    fn only_the_value_changes() {
        let line = " { \"a\" : 1.50e+1,\"text\":\t\"\\u0041\" ,\"file_name\":\"x\\/y\", \"z\":[ ] }\r";
        let expected =
            " { \"a\" : 1.50e+1,\"text\":\t\"새 \\\"b\\\"\\n\u{2028}\" ,\"file_name\":\"x\\/y\", \"z\":[ ] }\r";
        assert_eq!(rewritten(line, "새 \"b\"\n\u{2028}"), expected);
    }

    #[test]
    fn a_record_gets_another_file_name() {
        let renamed = |line: &str| String::from_utf8(with_file_name(line.as_bytes(), "b\"").into_owned()).unwrap();
        assert_eq!(renamed(r#"{"n":NaN, "file_name" : "a\u0062" ,"t":1}"#), r#"{"n":NaN, "file_name" : "b\"" ,"t":1}"#);
        assert_eq!(renamed(r#"{"file_name":"1","file_name":"2"}"#), r#"{"file_name":"1","file_name":"b\""}"#);
        for line in ["{}", "[]", "\u{feff}not JSON"] {
            assert_eq!(renamed(line), line);
        }
    }

    #[test]
    fn the_same_caption_with_other_escapes_is_not_a_change() {
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
    fn null_is_replaced_and_other_values_are_kept() {
        assert_eq!(rewritten(r#"{"text":null,"file_name":"a"}"#, "b"), r#"{"text":"b","file_name":"a"}"#);
        for value in ["[]", r#"["b"]"#, "1e999", "true"] {
            let line = format!(r#"{{"text":{value},"file_name":"a"}}"#);
            assert_eq!(rewritten(&line, "b"), "not text", "{line}");
            assert_eq!(Line::alone(&line).with_caption("b"), line.as_bytes());
        }
    }

    #[rstest]
    #[case::in_order(r#"{"k": 1, "a": 2.50}"#, r#"{"k": 1, "a": 2.50}"#)]
    #[case::on_a_line("{\n  \"k\": \"a\\nb\"\n}\n", "{   \"k\": \"a\\nb\" }")]
    #[case::the_same(r#"{"k":  0}"#, "same")]
    #[case::text("A coat.", "not text")]
    #[case::list("[1]", "not text")]
    #[case::cut_off(r#"{"k": 1"#, "not text")]
    fn an_object_is_replaced_by_an_object_only(#[case] caption: &str, #[case] expected: &str) {
        let line = |value: &str| format!(r#"{{"n": 1, "text": {value}, "file_name": "a"}}"#);
        let expected = if expected.starts_with('{') { line(expected) } else { expected.to_owned() };
        assert_eq!(rewritten(&line(r#"{"k":  0}"#), caption), expected);
    }

    #[test]
    fn a_missing_caption_among_objects_becomes_an_object() {
        let among_objects = |caption: &str| {
            let line = br#"{"file_name": "a", "text": null}"#;
            let raw = RawLine { captions: CaptionForm::Object, ..RawLine::of(RecordId(0), line) };
            rewrite(&raw, "text", caption)
        };
        let expected = r#"{"file_name": "a", "text": {"k": 1}}"#;
        assert_eq!(among_objects(r#"{"k": 1}"#), Rewritten::Changed(expected.into()));
        assert_eq!(among_objects("A coat."), Rewritten::NotText);
    }

    #[test]
    fn an_object_in_a_typed_column_is_kept() {
        let line = br#"{"file_name": "a", "text": {"k": 0}}"#;
        let raw = RawLine { captions: CaptionForm::Typed, ..RawLine::of(RecordId(0), line) };
        assert_eq!(rewrite(&raw, "text", r#"{"k": 1}"#), Rewritten::NotText);
    }

    #[test]
    fn the_last_of_repeated_fields_is_changed() {
        let line = r#"{"text":"1","file_name":"a","t\u0065xt":"2","n":{"text":"3"}}"#;
        assert_eq!(rewritten(line, "b"), r#"{"text":"1","file_name":"a","t\u0065xt":"b","n":{"text":"3"}}"#);
    }

    #[test]
    fn a_missing_caption_is_appended_with_the_separators_of_the_line() {
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
    fn bad_lines_are_kept() {
        for line in ["{}", "[]", "{\"file_name\":1}", "{\"file_name\":\"a\"", "{\"file_name\":\"\"}"] {
            assert_eq!(rewritten(line, "b"), "bad", "{line}");
        }
    }
}
