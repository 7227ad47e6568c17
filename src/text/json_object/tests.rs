use proptest::prelude::*;
use rstest::rstest;
use serde_json::Value;

use super::*;

fn object(text: &str) -> JsonObject<'_> {
    JsonObject::parse(text).expect("an object")
}

const CAPTION: &str = r#"{"short_description": "A woman \"in\" a red co\u0061t.", "objects": [{"name": "coat", "size": 1.50e+1}, {}], "tags": ["red", "wool"], "none": null}"#;

#[test]
fn values_have_paths_and_places() {
    let object = object(CAPTION);
    let leaves: Vec<(&str, &str)> = object.leaves().map(|leaf| (&*leaf.path, &CAPTION[leaf.span.clone()])).collect();
    let expected = [
        ("short_description", r#""A woman \"in\" a red co\u0061t.""#),
        ("objects[0].name", r#""coat""#),
        ("objects[0].size", "1.50e+1"),
        ("objects[1]", "{}"),
        ("tags[0]", r#""red""#),
        ("tags[1]", r#""wool""#),
        ("none", "null"),
    ];
    assert_eq!(leaves, expected);
    let first = object.values().iter().find(|value| value.pointer == "/objects/0").expect("the first object");
    assert_eq!((&CAPTION[first.span.clone()], first.is_leaf), (r#"{"name": "coat", "size": 1.50e+1}"#, false));
    assert_eq!(object.values()[0].span, 0..CAPTION.len());
}

#[test]
fn a_part_of_a_string_has_a_place_in_the_text() {
    let object = object(CAPTION);
    let first = object.leaves().next().expect("a value");
    let text = object.value_text(first);
    assert_eq!(text, "A woman \"in\" a red coat.");
    for (part, expected) in [("coat", r"co\u0061t"), ("\"in\"", r#"\"in\""#), ("A", "A"), (".", ".")] {
        let start = text.find(part).expect("a part");
        assert_eq!(&CAPTION[object.place_in(first, start..start + part.len())], expected);
    }
    assert!(object.place_in(first, text.len()..text.len()).is_empty());
}

#[test]
fn it_is_indented_for_reading() {
    let indented = object(CAPTION).indented();
    let expected = r#"{
  "short_description": "A woman \"in\" a red coat.",
  "objects": [
    {
      "name": "coat",
      "size": 1.50e+1
    },
    {}
  ],
  "tags": ["red", "wool"],
  "none": null
}"#;
    assert_eq!(indented.text, expected);
    let keys: Vec<&str> = indented.keys.iter().map(|key| &indented.text[key.clone()]).collect();
    assert_eq!(keys, ["\"short_description\"", "\"objects\"", "\"name\"", "\"size\"", "\"tags\"", "\"none\""]);
    let place = |part: &str| {
        let start = CAPTION.find(part).expect("a part");
        &indented.text[indented.range(&(start..start + part.len()))]
    };
    assert_eq!(place(r"co\u0061t"), "coat");
    assert_eq!(place("wool"), "wool");
    assert_eq!(place("1.50e+1"), "1.50e+1");
    assert_eq!(&indented.text[indented.range(&(0..CAPTION.len()))], expected);
}

#[rstest]
#[case::python(r#"{"a": 1, "b": ["x"]}"#, r#"{"k": [1, 2], "e": {}}"#)]
#[case::compact(r#"{"a":1,"b":["x"]}"#, r#"{"k":[1,2],"e":{}}"#)]
#[case::one_field(r#"{"a":1}"#, r#"{"k":[1, 2], "e":{}}"#)]
#[case::indented("{\n\t\"a\": 1\n}", "{\n\t\"k\": [\n\t\t1,\n\t\t2\n\t],\n\t\"e\": {}\n}")]
#[case::not_json("A coat.", r#"{"k": [1, 2], "e": {}}"#)]
fn white_space_is_that_of_another_text(#[case] other: &str, #[case] expected: &str) {
    let object = object("{ \"k\" :[ 1,\n2 ], \"e\": { } }");
    assert_eq!(object.formatted_like(other), expected);
}

#[rstest]
#[case("a \"quoted\"\nword", r#""a \"quoted\"\nword""#)]
#[case("코트", "\"코트\"")]
fn a_string_takes_any_text(#[case] new: &str, #[case] expected: &str) {
    let object = object(CAPTION);
    let name = object.leaves().find(|leaf| leaf.path == "objects[0].name").expect("a value");
    assert_eq!(object.with_value(name, new), Ok(CAPTION.replace("\"coat\"", expected)));
}

#[test]
fn texts_are_changed_and_keys_are_not() {
    let changed = object(CAPTION).with_texts(|text| text.replace("coat", "\"cape\"").replace("name", "x"));
    let expected = CAPTION.replace(r"red co\u0061t", r#"red \"cape\""#).replace(r#""coat""#, r#""\"cape\"""#);
    assert_eq!(changed, expected);
    assert_eq!(object(CAPTION).with_texts(str::to_owned), CAPTION);
}

#[test]
fn another_value_takes_json_only() {
    let object = object(CAPTION);
    let none = object.leaves().last().expect("a value");
    assert_eq!(object.with_value(none, " [2] "), Ok(CAPTION.replace("null", "[2]")));
    assert!(object.with_value(none, "two").is_err());
    assert!(object.with_value(none, "1, 2").is_err());
}

#[rstest]
#[case("A coat.", 0)]
#[case("[1]", 0)]
#[case(" 3", 1)]
#[case("{\"a\": 1,}", 8)]
#[case("{\"a\": \"x", 7)]
#[case("{\"a\": 1} b", 9)]
#[case("{\n\"a\": x}", 7)]
fn other_texts_are_refused_at_their_error(#[case] text: &str, #[case] at: usize) {
    assert_eq!(JsonObject::parse(text).map_err(|error| error.at), Err(at));
}

#[test]
fn deep_nesting_is_refused() {
    let deep = |depth: usize| format!("{{\"a\": {}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(JsonObject::is(&deep(MAX_DEPTH - 1)));
    assert!(!JsonObject::is(&deep(MAX_DEPTH)));
    assert!(!JsonObject::is(&deep(100_000)));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_form_changes_a_value(members in prop::collection::vec((any::<String>(), value()), 0..5), ascii: bool) {
        let expected = Value::Object(members.into_iter().collect());
        let mut text = expected.to_string();
        if ascii {
            let mut escaped = String::new();
            for unit in text.encode_utf16() {
                match u8::try_from(unit).ok().filter(u8::is_ascii) {
                    Some(ascii) => escaped.push(char::from(ascii)),
                    None => write!(escaped, "\\u{unit:04X}").expect("a string"),
                }
            }
            text = escaped;
        }
        let object = object(&text);
        let parsed = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let indented = object.indented();
        prop_assert_eq!(parsed(&indented.text), expected.clone());
        for other in ["{\"a\":1,\"b\":2}", "{\n \"a\": 1\n}", ""] {
            let formatted = object.formatted_like(other);
            prop_assert_eq!(parsed(&formatted), expected.clone());
            let inner = self::object(&formatted).formatted_like(other);
            prop_assert_eq!(inner, formatted);
        }
        for leaf in object.leaves() {
            let pointed = expected.pointer(&leaf.pointer);
            if leaf.is_string {
                prop_assert_eq!(pointed.and_then(Value::as_str), Some(&*object.value_text(leaf)));
                let shown = &indented.text[indented.range(&leaf.span)];
                prop_assert_eq!(parsed(shown), parsed(&text[leaf.span.clone()]));
            }
            let changed = object.with_value(leaf, "\"x\"").expect("JSON");
            prop_assert!(parsed(&changed).pointer(&leaf.pointer).is_some());
        }
    }

    #[test]
    fn no_text_panics(text in any::<String>(), braced: bool) {
        let text = if braced { format!("{{{text}}}") } else { text };
        match JsonObject::parse(&text) {
            Ok(object) => drop(object.indented()),
            Err(error) => prop_assert!(text.is_char_boundary(error.at)),
        }
    }
}
