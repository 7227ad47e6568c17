//! Reviews captions that are JSON objects: in the lines of a dataset, in strings, and in files beside the images.

use std::fs;
use std::path::Path;

use rstest::rstest;
use tempfile::TempDir;

use crate::pty::Reviewer;

const CTRL_S: &str = "\x13";

/// Changes the second field of the first caption, and saves.
fn review(folder: &Path, arguments: &[&str], confirms: bool) {
    for name in ["a.jpg", "b.jpg"] {
        fs::write(folder.join(name), b"").expect("written");
    }
    // Its parent is the home folder, which is not searched for images.
    let mut reviewer =
        Reviewer::start(folder.parent().expect("a parent"), &[arguments, &["--describer", "none"]].concat());
    reviewer.shows("0/2 reviewed");
    reviewer.until("the session to be open", |screen| !screen.contains("opening"));
    reviewer.shows("\"person\": {");
    reviewer.press("e");
    reviewer.shows("edit the field");
    reviewer.press("j\r");
    reviewer.shows("person.coat");
    reviewer.press(" \"new\"\r");
    reviewer.shows("1/2 reviewed");
    reviewer.press("\x1b");
    reviewer.until("the fields to be closed", |screen| !screen.contains("edit the field"));
    reviewer.press(CTRL_S);
    if confirms {
        reviewer.shows("y overwrite");
        reviewer.press("y");
    }
    reviewer.shows("1 caption changed");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
}

#[rstest]
#[case::object(r#"{"style": "photo","person":  {"coat": "r\u006fuge", "age": 1.50}}"#, r#""rouge \"new\"""#)]
#[case::string(
    r#""{\"style\": \"photo\",\"person\":  {\"coat\": \"r\\u006fuge\", \"age\": 1.50}}""#,
    r#"\"rouge \\\"new\\\"\""#
)]
fn a_field_of_a_caption_in_a_line_is_edited(#[case] caption: &str, #[case] value: &str) {
    let folder = TempDir::new().expect("a folder");
    let line = |name: &str| format!("{{\"file_name\": \"{name}\", \"text\": {caption}, \"n\": 1e2}}\n");
    let before = line("a.jpg") + &line("b.jpg");
    let set = folder.path().join("set");
    fs::create_dir(&set).expect("made");
    fs::write(set.join("metadata.jsonl"), &before).expect("written");
    review(&set, &[set.to_str().expect("a path in Unicode")], false);
    let old = if caption.starts_with('"') { r#"\"r\\u006fuge\""# } else { r#""r\u006fuge""# };
    let saved = fs::read_to_string(set.join("metadata_updated.jsonl")).expect("the output");
    assert_eq!(saved, before.replacen(old, value, 1));
}

#[test]
fn a_field_of_a_caption_in_a_file_is_edited() {
    let folder = TempDir::new().expect("a folder");
    let caption = "{\n\t\"style\": \"photo\",\n\t\"person\": {\"coat\": \"r\\u006fuge\"}\n}\r\n";
    let set = folder.path().join("set");
    fs::create_dir(&set).expect("made");
    for name in ["a.json", "b.json"] {
        fs::write(set.join(name), caption).expect("written");
    }
    review(&set, &[set.to_str().expect("a path in Unicode"), "--sidecar-ext", "json"], true);
    let read = |name: &str| fs::read_to_string(set.join(name)).expect("a caption");
    assert_eq!(read("a.json"), caption.replace("r\\u006fuge", "rouge \\\"new\\\""));
    assert_eq!(read("b.json"), caption);
}
