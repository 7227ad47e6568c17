//! Several captions of an image, in formats that have a place for each and in those that do not.

use std::collections::BTreeMap;
use std::fs;

use super::{export, options, with_extension, with_images};
use crate::cli::Format;
use crate::command::export::{ExportError, ExportOptions, Outcome, TextFiles, Transfer};
use crate::command::fixture::{World, edited};
use crate::dataset::OpenOptions;
use crate::session::Decision;

const LISTS: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": [\"A hat.\", \"A \\\"red\\\"\\nhat.\"]}\n",
    "{\"file_name\": \"in/b.jpg\", \"text\": [\"A coat.\", \"\"]}\n",
    "{\"file_name\": \"c.jpg\", \"text\": [\"Shoes.\"]}\n",
    "{\"file_name\": \"./a.jpg\", \"text\": [\"빨간 모자.\"]}\n",
    "{\"file_name\": \"gone.jpg\", \"text\": [\"Gone.\"]}\n",
);

fn lines() -> TextFiles {
    TextFiles { extension: None, lines: true }
}

fn lists() -> World {
    let world = World::new(LISTS);
    for name in ["a.jpg", "in/b.jpg", "c.jpg"] {
        world.picture(name);
    }
    world
}

fn captions(json: &str) -> BTreeMap<String, Vec<String>> {
    serde_json::from_str(json).unwrap()
}

fn expected(members: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    members.iter().map(|(name, of)| ((*name).to_owned(), texts(of))).collect()
}

#[test]
fn captions_json_has_a_list_for_each_image() {
    let world = lists();
    let (outcome, printed) = export(&options(&world, Format::CaptionsJson));
    let outcome = outcome.unwrap();
    let counts = Outcome { read: 7, exported: 5, without_caption: 1, without_image: 1, ..Outcome::default() };
    assert_eq!(outcome, counts);
    let members: [(&str, &[&str]); 3] =
        [("a.jpg", &["A hat.", "A \"red\"\nhat.", "빨간 모자."]), ("in/b.jpg", &["A coat."]), ("c.jpg", &["Shoes."])];
    assert_eq!(captions(printed.out()), expected(&members));
    assert!(printed.errors().contains("1 image in a subfolder, whose captions"), "{printed:?}");

    world.decide([(3, edited("Mantel.")), (4, Decision::Excluded)]);
    let (outcome, printed) = export(&options(&world, Format::CaptionsJson));
    assert_eq!(outcome.unwrap().excluded, 1);
    assert_eq!(captions(printed.out())["in/b.jpg"], ["A coat.", "Mantel."]);
    assert!(!printed.out().contains("c.jpg"), "{printed:?}");

    let none = World::new("not JSON\n");
    assert_eq!(export(&options(&none, Format::CaptionsJson)).1.out(), "{}\n");
}

#[test]
fn a_captions_json_is_a_dataset_again() {
    let world = World::new("{\"file_name\": \"a.jpg\", \"text\": [\"One.\", \"Two.\"]}\n");
    world.picture("a.jpg");
    let output = Some(world.path("captions.json"));
    export(&ExportOptions { output, ..options(&world, Format::CaptionsJson) }).0.unwrap();
    fs::remove_file(world.path("metadata.jsonl")).unwrap();
    let mut again = options(&world, Format::Jsonl);
    again.input.dataset = world.path("captions.json");
    again.input.session = None;
    let (_, printed) = export(&again);
    let line: serde_json::Value = serde_json::from_str(printed.out()).unwrap();
    assert_eq!(line, serde_json::json!({ "file_name": "a.jpg", "text": ["One.", "Two."] }));
}

const FIELDS: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\", \"text_ko\": \"모자.\"}\n",
    "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}\n",
);

fn of_fields(world: &World, fields: &str) -> ExportOptions {
    let mut options = options(world, Format::Txt);
    options.input.reading = OpenOptions { caption_field: fields.to_owned(), ..OpenOptions::default() };
    options.input.session = None;
    options
}

#[test]
fn every_field_has_a_text_file_of_its_own() {
    let world = World::new(FIELDS);
    for name in ["a.jpg", "b.jpg"] {
        world.picture(name);
    }
    let (outcome, printed) = export(&of_fields(&world, "text,text_ko"));
    assert_eq!(outcome.unwrap(), Outcome { read: 4, exported: 3, without_caption: 1, ..Outcome::default() });
    assert!(printed.out().ends_with(": 3 text files\n"), "{printed:?}");
    let read = |name: &str| world.read(name);
    assert_eq!([read("a.txt"), read("a.text_ko.txt"), read("b.txt")], ["A hat.\n", "모자.\n", "A coat.\n"]);
    assert!(!world.path("b.text_ko.txt").exists());

    let chosen = ExportOptions { texts: with_extension("caption, ko.txt"), ..of_fields(&world, "text,text_ko") };
    assert_eq!(export(&chosen).0.unwrap().exported, 3);
    assert_eq!([read("a.caption"), read("a.ko.txt")], ["A hat.\n", "모자.\n"]);

    let too_few = ExportOptions { texts: with_extension("txt"), ..of_fields(&world, "text,text_ko") };
    let error = export(&too_few).0.unwrap_err();
    assert!(error.to_string().contains("one for each caption"), "{error}");
}

#[test]
fn text_files_of_several_kinds_keep_their_extensions() {
    let world = World::new("");
    fs::remove_file(world.path("metadata.jsonl")).unwrap();
    world.picture("in/a.jpg");
    world.write("in/a.txt", "Long.");
    world.write("in/a.short.txt", "Short.");
    let mut options = with_images(&world, Format::Txt, Transfer::Copy, "out");
    options.input.dataset = world.folder.path().to_owned();
    options.input.session = None;
    options.input.reading.sidecar_extension = Some("txt,short.txt".to_owned());
    let (outcome, printed) = export(&options);
    assert_eq!(outcome.unwrap().exported, 2, "{printed:?}");
    assert_eq!([world.read("out/in/a.txt"), world.read("out/in/a.short.txt")], ["Long.\n", "Short.\n"]);
    assert!(world.path("out/in/a.jpg").exists());
}

#[test]
fn captions_of_a_list_become_lines_if_asked_for() {
    let world = lists();
    let refused = export(&ExportOptions { force: true, ..options(&world, Format::Txt) }).0.unwrap_err();
    assert!(matches!(&refused, ExportError::Shared { .. }) && refused.to_string().contains("--lines"), "{refused}");

    let world_of_lines = World::new(&LISTS.replace("\"./a.jpg\"", "\"d.jpg\""));
    let to_lines = ExportOptions { texts: lines(), ..options(&world_of_lines, Format::Txt) };
    let (outcome, printed) = export(&to_lines);
    assert_eq!(outcome.unwrap(), Outcome { read: 7, exported: 6, without_caption: 1, ..Outcome::default() });
    assert_eq!(world_of_lines.read("a.txt"), "A hat.\nA \"red\" hat.\n");
    assert_eq!(world_of_lines.read("in/b.txt"), "A coat.\n");
    assert!(printed.errors().contains("1 caption with line breaks, which are spaces now: a.txt"), "{printed:?}");

    let apart = export(&ExportOptions { texts: lines(), ..options(&world, Format::Txt) }).0.unwrap_err();
    assert!(matches!(apart, ExportError::Shared { .. }), "not next to each other: {apart}");
}

#[test]
fn captions_of_one_image_on_lines_next_to_each_other_are_lines_of_one_file() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"One.\"}\n",
        "{\"file_name\": \"./a.jpg\", \"text\": \"Two.\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"B.\"}\n",
    ));
    let (outcome, _) = export(&ExportOptions { texts: lines(), ..options(&world, Format::Txt) });
    assert_eq!(outcome.unwrap().exported, 3);
    assert_eq!([world.read("a.txt"), world.read("b.txt")], ["One.\nTwo.\n", "B.\n"]);
}
