//! Captions that are JSON objects: fields, edits of the whole, and what may become a caption.

use recaption::dataset::RecordId;
use recaption::lint::{CaptionStyle, LintKind};
use recaption::review::{Effect, FieldsPage, Mode, Msg};
use rstest::rstest;

use crate::world::World;

/// A record with an object as its caption.
fn line(object: &str) -> String {
    format!(r#"{{"file_name": "images/a.jpg", "text": {object}}}"#)
}

const OBJECT: &str = r#"{"style": "photo", "objects": [{"name": "r\u00eaver"}], "count": 1.50}"#;

fn world(object: &str) -> World {
    World::with(&[&line(object), "{\"file_name\": \"b.jpg\", \"text\": {\"style\": \"ink\"}}"], |settings| {
        settings.rules.style = Some(CaptionStyle::Json);
    })
}

#[rstest]
#[case::first(
    "e Enter",
    "drawing",
    "Enter",
    r#"{"style": "drawing", "objects": [{"name": "r\u00eaver"}], "count": 1.50}"#
)]
#[case::next(
    "e j Enter",
    "a \"red\" coat",
    "Enter",
    r#"{"style": "photo", "objects": [{"name": "a \"red\" coat"}], "count": 1.50}"#
)]
#[case::number("e j j Enter", "2", "Enter", r#"{"style": "photo", "objects": [{"name": "r\u00eaver"}], "count": 2}"#)]
#[case::stops_at_the_end(
    "e j j j j j Enter",
    "2",
    "Enter",
    r#"{"style": "photo", "objects": [{"name": "r\u00eaver"}], "count": 2}"#
)]
fn a_field_is_edited(#[case] before: &str, #[case] typed: &str, #[case] after: &str, #[case] expected: &str) {
    let mut world = world(OBJECT);
    world.keys(before).write(typed).keys(after);
    assert_eq!(world.decisions(), format!("[edited:{expected}] -"));
    assert!(matches!(world.model.mode, Mode::Fields(_)), "{:?}", world.model.mode);
    world.keys("Esc u");
    assert_eq!(world.decisions(), "[-] -");
}

#[test]
fn a_field_that_is_no_text_takes_json_only() {
    let mut world = world(OBJECT);
    world.keys("e j j Enter").write("many").keys("Enter");
    assert_eq!(world.decisions(), "[-] -");
    assert!(world.notice().starts_with("count: not JSON"), "{}", world.notice());
    assert!(matches!(world.model.mode, Mode::Edit(_)));
    world.write("\"many\"").keys("Enter");
    assert_eq!(world.decisions(), format!("[edited:{}] -", OBJECT.replace("1.50", "\"many\"")));
}

#[test]
fn the_next_field_can_be_edited_at_once() {
    let mut world = world(OBJECT);
    world.keys("e Enter").write("oil").keys("ctrl-n").write("hat").keys("ctrl-p").write("ink").keys("Enter");
    let expected = OBJECT.replace("photo", "ink").replace("r\\u00eaver", "hat");
    assert_eq!(world.decisions(), format!("[edited:{expected}] -"));
}

#[test]
fn a_field_that_is_left_stays_in_the_draft() {
    let mut world = world(OBJECT);
    world.keys("e Enter").write("oil").keys("Esc Esc");
    assert_eq!(world.decisions(), "[-] -");
    world.restart();
    let draft = world.model.state(RecordId(0)).draft.clone().expect("a draft");
    assert_eq!(draft.text, OBJECT.replace("photo", "oil"));
    world.keys("e j Enter").write("hat").keys("Enter");
    let expected = OBJECT.replace("photo", "oil").replace("r\\u00eaver", "hat");
    assert_eq!(world.decisions(), format!("[edited:{expected}] -"));
}

#[test]
fn an_unchanged_field_keeps_the_original() {
    let mut world = world(OBJECT);
    world.keys("e Enter Enter");
    assert_eq!(world.decisions(), "[kept] -");
}

#[test]
fn the_first_field_with_a_finding_is_chosen() {
    let mut world = world(r#"{"style": "photo", "note": "It appears to be a coat."}"#);
    let kinds: Vec<_> = world.model.findings_of_text(&world.model.edited_text(RecordId(0)));
    assert_eq!(kinds.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [LintKind::Hedging]);
    world.keys("e");
    assert_eq!(world.model.mode, Mode::Fields(FieldsPage { record: RecordId(0), chosen: 1 }));
}

#[test]
fn the_whole_is_edited_indented_and_stored_as_before() {
    let mut world = world(OBJECT);
    world.keys("e e");
    let Mode::Edit(editor) = &world.model.mode else { panic!("the editor is open") };
    assert_eq!(editor.draft.text.lines().nth(1), Some("  \"style\": \"photo\","));
    world.write("{\n  \"style\": \"oil\"\n}").keys("Enter");
    assert_eq!(world.decisions(), "edited:{\"style\": \"oil\"} [-]");
}

#[test]
fn what_is_no_object_is_not_taken() {
    let mut world = world(OBJECT);
    world.keys("e e").write("A photo of a coat.").keys("Enter");
    assert_eq!(world.decisions(), "[-] -");
    assert!(world.notice().starts_with("not accepted: must be a JSON object"), "{}", world.notice());
    world.keys("Esc");
    let text = "{\"style\": oil}".to_owned();
    world.keys("e ctrl-g E");
    assert!(matches!(world.asked.last(), Some(Effect::EditExternally { .. })), "{:?}", world.asked.last());
    world.send(Msg::EditedExternally { record: RecordId(0), result: Ok(text.clone()) });
    assert_eq!(world.decisions(), "[-] -");
    assert!(world.notice().contains("kept as a draft"), "{}", world.notice());
    assert_eq!(world.model.state(RecordId(0)).draft.as_ref().map(|draft| draft.text.clone()), Some(text));
}

#[rstest]
#[case::object("```json\n{\"style\":\"oil\"}\n```", "[accepted:{\"style\": \"oil\"}] -")]
#[case::prose("A photo of a coat.", "[-] -")]
fn only_an_object_becomes_a_candidate(#[case] response: &str, #[case] expected: &str) {
    let mut world = world(OBJECT);
    world.keys("r");
    world.finish(0, response);
    let is_object = world.model.state(RecordId(0)).failure.is_none();
    assert_eq!(is_object, expected.contains("accepted"), "{:?}", world.model.state(RecordId(0)).failure);
    if is_object {
        world.keys("a k");
        assert_eq!(world.decisions(), expected);
    }
}

#[test]
fn a_substitution_changes_texts_only() {
    let mut world = world(r#"{"style": "style of a coat"}"#);
    world.keys(":").write("%s/style/kind/").keys("Enter Enter");
    assert_eq!(world.model.current(RecordId(0)).as_deref(), Some(r#"{"style": "kind of a coat"}"#));
    world.keys(":").write("%prefix style, ").keys("Enter");
    assert_eq!(world.model.current(RecordId(0)).as_deref(), Some(r#"{"style": "kind of a coat"}"#));
}

#[test]
fn the_words_of_texts_count_and_not_the_keys() {
    let mut world = world(r#"{"a key": "one two", "list": ["three", 4]}"#);
    world.keys("f").write("words:3").keys("Enter");
    assert_eq!(world.listed(), [0]);
}

#[test]
fn a_completion_in_a_field_is_stored_with_the_whole_caption() {
    let mut world = world(r#"{"style": "photograph", "kind": "ph"}"#);
    world.keys("e j Enter Tab");
    world.restart();
    let draft = world.model.state(RecordId(0)).draft.clone().expect("a draft");
    assert_eq!(draft.text, r#"{"style": "photograph", "kind": "photograph"}"#);
}

#[test]
fn a_field_that_is_typed_back_leaves_no_draft() {
    let mut world = world(OBJECT);
    world.keys("e Enter").write("oil").write("photo").keys("Esc Esc");
    assert_eq!(world.model.state(RecordId(0)).draft, None);
    world.keys("a");
    assert_eq!(world.decisions(), "kept [-]");
}
