use std::fs;
use std::ops::ControlFlow;

use crate::dataset::{Amendment, Dataset, Entry, Expected, LeftOut, OpenOptions, RecordId, SaveOptions, save};

const OBJECT: &str = "\u{feff}{\n    \"a.png\": [\"A hat.\", \"Hat \\u0041.\"],\n    \"b.png\" : \"A coat.\",\n    \"c.png\": [\n        \"Shoes.\"\n    ],\n    \"d.png\": {\"x\": 1}\n}\n";

fn folder(object: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.png", "c.png", "d.png", "e.png", "note.txt", "a.txt", "e.png.caption"] {
        fs::write(folder.path().join(name), b"").unwrap();
    }
    fs::write(folder.path().join("captions.json"), object).unwrap();
    folder
}

fn open(folder: &tempfile::TempDir) -> Dataset {
    let dataset = Dataset::open(folder.path(), &OpenOptions::default()).unwrap();
    dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap();
    dataset
}

fn records(dataset: &Dataset) -> Vec<String> {
    let mut records = Vec::new();
    let visit = &mut |entry: Entry| {
        let record = entry.record().expect("a record");
        let place = record.sibling.as_ref().map_or(String::new(), |it| format!(" {}/{}", it.number + 1, it.of));
        records.push(format!("{} {}{place}", record.file_name, record.caption.text().unwrap_or("-")));
        ControlFlow::Continue(())
    };
    dataset.scan(visit).unwrap();
    records
}

fn saved(dataset: &Dataset, amendments: &[(u32, Option<&str>)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("saved.json");
    let options = SaveOptions { target: target.clone(), expected: Expected::Nothing, force: false, backup: false };
    let amendment =
        |caption: Option<&str>| caption.map_or(Amendment::Exclude, |text| Amendment::Caption(text.to_owned()));
    let mut amendments = amendments.iter().map(|(record, caption)| (RecordId(*record), amendment(*caption)));
    save(dataset, &mut amendments, &options).unwrap();
    fs::read_to_string(target).unwrap()
}

#[test]
fn members_are_records_and_images_without_one_are_reported() {
    let folder = folder(OBJECT);
    let dataset = open(&folder);
    assert_eq!(
        records(&dataset),
        ["a.png A hat. 1/2", "a.png Hat A. 2/2", "b.png A coat.", "c.png Shoes.", r#"d.png {"x": 1}"#]
    );
    let left_out: Vec<_> = dataset.left_out().map(|(reason, count, names)| (reason, count, names.to_vec())).collect();
    let texts = ["a.txt", "e.png.caption"].map(str::to_owned);
    let expected = [(LeftOut::NoEntry, 1, vec!["e.png".to_owned()]), (LeftOut::TextBesideMap, 2, texts.to_vec())];
    assert_eq!(left_out, expected);
    assert_eq!(dataset.name(), folder.path().file_name().unwrap().to_str().unwrap());
}

#[test]
fn the_text_files_are_read_instead_if_they_are_named() {
    let folder = folder(OBJECT);
    fs::write(folder.path().join("a.txt"), "From the text file.").unwrap();
    let options = OpenOptions { sidecar_extension: Some("txt".to_owned()), ..OpenOptions::default() };
    let dataset = Dataset::open(folder.path(), &options).unwrap();
    assert!(dataset.is_folder());
    assert_eq!(records(&dataset)[0], "a.png From the text file.");
    let left_out: Vec<_> = dataset.left_out().map(|(reason, _, names)| (reason, names.to_vec())).collect();
    assert!(left_out.contains(&(LeftOut::Table, vec!["captions.json".to_owned()])), "{left_out:?}");
}

#[test]
fn only_the_values_that_changed_are_replaced() {
    let folder = folder(OBJECT);
    let dataset = open(&folder);
    assert_eq!(saved(&dataset, &[]), OBJECT);
    let expected =
        OBJECT.replace("Hat \\u0041.", "Cap.").replace("A coat.", "Mantel").replace("Shoes.", "\\\"Boots\\\"");
    assert_eq!(saved(&dataset, &[(1, Some("Cap.")), (2, Some("Mantel")), (3, Some("\"Boots\""))]), expected);
    assert_eq!(saved(&dataset, &[(4, Some("x"))]), OBJECT, "an object is no caption");
}

#[test]
fn excluded_images_are_left_out_wherever_they_are() {
    let folder = folder("{\"a.png\": [\"A\"], \"b.png\":\"B\" ,  \"c.png\":\"C\"}");
    let dataset = open(&folder);
    assert_eq!(saved(&dataset, &[(0, None)]), "{\"b.png\":\"B\" ,  \"c.png\":\"C\"}");
    assert_eq!(saved(&dataset, &[(1, None)]), "{\"a.png\": [\"A\"] ,  \"c.png\":\"C\"}");
    assert_eq!(saved(&dataset, &[(2, None)]), "{\"a.png\": [\"A\"], \"b.png\":\"B\"}");
    assert_eq!(saved(&dataset, &[(0, None), (1, None), (2, None)]), "{}");
}

#[test]
fn json_lines_of_that_name_and_folders_with_other_files_open_as_before() {
    let lines = folder("{\"file_name\": \"a.png\", \"text\": \"A hat.\"}\n");
    let dataset = Dataset::open(&lines.path().join("captions.json"), &OpenOptions::default()).unwrap();
    assert_eq!(records(&dataset), ["a.png A hat."]);
    for other in ["{}", "[]", "", "{\"version\": 1}"] {
        let folder = folder(other);
        assert!(Dataset::open(folder.path(), &OpenOptions::default()).unwrap().is_folder(), "{other}");
    }
}

#[cfg(unix)]
#[test]
fn a_named_pipe_is_refused_without_waiting_for_its_other_end() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("captions.json");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    Dataset::open(&pipe, &OpenOptions::default()).expect_err("not a regular file");
}

#[test]
fn what_is_no_object_is_refused_with_the_reason() {
    for (text, expected) in
        [("{\"a.png\": ", "not JSON"), ("{\"a.png\": []}\n{\"b.png\": []}\n", "not JSON, or several")]
    {
        let folder = folder(text);
        let dataset = Dataset::open(folder.path(), &OpenOptions::default()).unwrap();
        let error = dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
