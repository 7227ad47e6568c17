//! Property tests of the line reader: lines are put together from parts, so that every raw value is known.

use proptest::prelude::*;

use super::{Caption, Entry, FILE_NAME, Json, JsonKind, Line};

/// A part of a line: how it is written, and its decoded text.
type Text = (String, String);

fn space() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,2}"
}

fn string() -> impl Strategy<Value = Text> {
    let character = prop_oneof![
        4 => "[a-z{}\\[\\]:, é한😀]".prop_map(|c| (c.clone(), c)),
        2 => prop::sample::select(vec![
            (r#"\""#, "\""), (r"\\", "\\"), (r"\/", "/"), (r"\n", "\n"), (r"\u0041", "A"), (r"\ud83d\ude00", "😀"),
            (r"\ud800", "\u{fffd}"), (r"\udfff", "\u{fffd}"), ("NaN", "NaN"),
        ]).prop_map(|(raw, text)| (raw.to_owned(), text.to_owned())),
    ];
    prop::collection::vec(character, 0..6).prop_filter_map("two halves that make a pair", |characters| {
        let raw: String = characters.iter().map(|(raw, _)| raw.as_str()).collect();
        let text = characters.into_iter().map(|(_, text)| text).collect();
        (!raw.contains(r"\ud800\udfff") && !raw.contains(r"\ud800\ud83d")).then(|| (format!("\"{raw}\""), text))
    })
}

fn value() -> impl Strategy<Value = String> {
    let scalars = ["null", "true", "-0", "1.50e+1", "1e999", "123456789012345678901234567890", "NaN", "-Infinity"];
    let leaf = prop_oneof![
        prop::sample::select(scalars.map(str::to_owned).to_vec()),
        string().prop_map(|(raw, _)| raw),
        (1_usize..300).prop_map(|depth| "[".repeat(depth) + &"]".repeat(depth)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let element = (space(), inner.clone(), space()).prop_map(|(before, value, after)| before + &value + &after);
        let field = (string(), inner).prop_map(|((key, _), value)| format!("{key} : {value}"));
        prop_oneof![
            prop::collection::vec(element, 1..4).prop_map(|elements| format!("[{}]", elements.join(","))),
            prop::collection::vec(field, 0..4).prop_map(|fields| format!("{{{}}}", fields.join(", "))),
        ]
    })
}

/// A field: the raw key, its name, the colon, the raw value and the comma after it.
type Field = (String, String, String, String, String);

fn field() -> impl Strategy<Value = Field> {
    let keys = [
        (r#""file_name""#, FILE_NAME),
        (r#""file\u005fname""#, FILE_NAME),
        (r#""text""#, "text"),
        (r#""t\u0065xt""#, "text"),
        (r#""a""#, "a"),
        (r#""b\ud800""#, r"b\ud800"),
        (r#""b\ud801""#, r"b\ud801"),
        (r#""""#, ""),
    ];
    (prop::sample::select(keys.to_vec()), space(), space(), value(), space(), space()).prop_map(
        |((key, name), before, after, value, end, start)| {
            (key.to_owned(), name.to_owned(), format!("{before}:{after}"), value, format!("{end},{start}"))
        },
    )
}

fn line(fields: &[Field]) -> String {
    let mut line = "{ ".to_owned();
    for (number, (key, _, colon, value, comma)) in fields.iter().enumerate() {
        line.extend([key.as_str(), colon, value]);
        if number + 1 < fields.len() {
            line.push_str(comma);
        }
    }
    line + " }"
}

/// The last value of each field, in the order of the first ones.
fn last_values(fields: &[Field]) -> Vec<(&str, &str)> {
    let mut last: Vec<(&str, &str)> = Vec::new();
    for (_, name, _, value, _) in fields {
        match last.iter_mut().find(|(known, _)| known == name) {
            Some(known) => known.1 = value,
            None => last.push((name, value)),
        }
    }
    last
}

proptest! {
    #[test]
    fn every_field_is_read_as_it_is_written(fields in prop::collection::vec(field(), 0..8)) {
        let text = line(&fields);
        let line = Line::alone(&text);
        let last = last_values(&fields);
        let value = |name: &str| last.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        let others = line.others();
        let found: Vec<(&str, &str)> = others.iter().map(|(name, json)| (&**name, json.raw())).collect();
        let expected: Vec<_> = last.iter().filter(|(name, _)| ![FILE_NAME, "text"].contains(name)).copied().collect();
        prop_assert_eq!(found, expected);
        for name in [FILE_NAME, "text", "a"] {
            prop_assert_eq!(line.field(name).map(Json::raw), value(name));
        }
        let named = value(FILE_NAME).is_some_and(|raw| raw.starts_with('"'));
        if let Entry::Record(record) = line.entry() {
            prop_assert!(named);
            match (record.caption, value("text")) {
                (Caption::None, raw) => prop_assert!(matches!(raw, None | Some("null" | "NaN"))),
                (Caption::Text(_), raw) => prop_assert!(raw.is_some_and(|raw| raw.starts_with('"'))),
                (Caption::Object(json), raw) => prop_assert_eq!(Some(json.as_str()), raw),
                (Caption::Other(other), raw) => prop_assert_eq!(Some(&*other.json), raw),
            }
        }
    }

    #[test]
    fn only_the_caption_changes(mut fields in prop::collection::vec(field(), 0..6), caption in "[a-z\"\\\\\n é]{1,8}") {
        fields.push((r#""file_name""#.into(), FILE_NAME.into(), ":".into(), r#""a.jpg""#.into(), ",".into()));
        let text = line(&fields);
        let changed = String::from_utf8(Line::alone(&text).with_caption(&caption).into_owned()).unwrap();
        let place = fields.iter().rposition(|(_, name, ..)| name == "text");
        match place.map(|place| (place, JsonKind::of(&fields[place].3))) {
            Some((place, kind)) if kind == JsonKind::String || ["null", "NaN"].contains(&fields[place].3.as_str()) => {
                fields[place].3 = serde_json::to_string(&caption).unwrap();
                prop_assert_eq!(&changed, &line(&fields));
            }
            Some(_) => prop_assert_eq!(&changed, &text, "protected"),
            None => {
                let kept = text.trim_end_matches('}').trim_end();
                prop_assert!(changed.starts_with(kept) && changed.ends_with(" }"), "{}", changed);
                let (before, after) = (Line::alone(&text), Line::alone(&changed));
                prop_assert_eq!(after.others(), before.others());
                let Entry::Record(record) = after.entry() else { panic!("{changed}") };
                prop_assert_eq!(record.caption.text(), Some(caption.as_str()));
            }
        }
    }

    #[test]
    fn strings_are_decoded_with_replacements((raw, text) in string()) {
        let line = format!(r#"{{"s":{raw}}}"#);
        let decoded = Line::alone(&line).field("s").unwrap().text().unwrap();
        prop_assert_eq!(&decoded.text, &text);
        prop_assert_eq!(decoded.lone_surrogate, text.contains('\u{fffd}'));
    }

    #[test]
    fn elements_are_read_as_they_are_written(values in prop::collection::vec(value(), 0..5)) {
        let line = format!(r#"{{"a":[{}]}}"#, values.join(" , "));
        let elements = Line::alone(&line).field("a").unwrap().elements().unwrap();
        prop_assert_eq!(elements.into_iter().map(Json::raw).collect::<Vec<_>>(), values);
    }
}
