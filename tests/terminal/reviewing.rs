//! An afternoon's keys and the files they leave.

use std::path::Path;

use tempfile::TempDir;

use crate::pty::{Reviewer, captions, dataset};

fn start(folder: &TempDir, more: &[&str]) -> Reviewer {
    let path = folder.path().to_str().expect("a path in Unicode").to_owned();
    let mut arguments = vec![path.as_str(), "--describer", "none"];
    arguments.extend(more);
    let mut reviewer = Reviewer::start(folder.path(), &arguments);
    reviewer.shows("reviewed");
    reviewer.until("the session to be open", |screen| !screen.contains("opening"));
    reviewer
}

fn shown(captions: &[Option<String>]) -> Vec<Option<&str>> {
    captions.iter().map(Option::as_deref).collect()
}

#[test]
fn keys_become_the_saved_file() {
    let folder = TempDir::new().expect("a folder");
    let path = dataset(folder.path(), &["One.", "Two.", "Three.", "Four.", "Five."]);
    let before = std::fs::read(&path).expect("the dataset");
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("x");
    reviewer.shows("1/5 reviewed");
    reviewer.press("X");
    reviewer.shows("2/5 reviewed");
    reviewer.press("e");
    reviewer.shows("editing the caption");
    reviewer.press(" 셋이다.\r");
    reviewer.shows("3/5 reviewed");
    reviewer.press("s");
    reviewer.press("\x13");
    reviewer.shows("5/5 reviewed".replace("5/5", "3/5").as_str());
    reviewer.shows("saved metadata_updated.jsonl: 4 records, 1 caption changed, 1 left out");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
    let saved = folder.path().join("metadata_updated.jsonl");
    let expected = [Some("One."), None, Some("Three. 셋이다."), Some("Four."), Some("Five.")];
    assert_eq!(shown(&captions(&saved, 5)), expected);
    assert_eq!(std::fs::read(&path).expect("the dataset"), before, "the dataset is never changed");
}

#[test]
fn quitting_asks_and_the_session_keeps_everything() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    reviewer.press("q");
    reviewer.shows("quit?");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
    assert!(!folder.path().join("metadata_updated.jsonl").exists());

    let mut reviewer = start(&folder, &[]);
    reviewer.shows("1/2 reviewed");
    reviewer.until("the cursor where it was", |screen| screen.contains("2/2"));
    reviewer.press("u");
    reviewer.shows("0/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_foreign_output_is_left_alone_until_told_otherwise() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One."]);
    let output = folder.path().join("metadata_updated.jsonl");
    std::fs::write(&output, "somebody's\n").expect("a file in the way");
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("\x13");
    reviewer.shows("overwrite?");
    reviewer.press("n");
    reviewer.until("the question to be gone", |screen| !screen.contains("overwrite?"));
    assert_eq!(std::fs::read_to_string(&output).expect("the file"), "somebody's\n");
    reviewer.press("\x13");
    reviewer.shows("overwrite?");
    reviewer.press("y");
    reviewer.shows("saved metadata_updated.jsonl");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
    let dataset = folder.path().join("metadata.jsonl");
    assert_eq!(std::fs::read(&output).expect("saved"), std::fs::read(dataset).expect("the dataset"));
}

#[test]
fn the_operators_own_editor_has_the_terminal_for_a_while() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("E");
    reviewer.shows("Eins.");
    reviewer.shows("1/2 reviewed");
    reviewer.press("jx");
    reviewer.shows("2/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn every_size_shows_something_and_the_terminal_is_given_back() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let mut reviewer = start(&folder, &[]);
    reviewer.resize(160, 50);
    reviewer
        .until("three panes", |screen| screen.lines().any(|line| line.contains("picture") && line.contains("caption")));
    reviewer.resize(60, 18);
    reviewer.until("no picture", |screen| !screen.contains("picture") && screen.contains("One."));
    reviewer.resize(30, 8);
    reviewer.shows("recaption needs 40");
    reviewer.resize(100, 30);
    reviewer.shows("One.");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(i32::try_from(reviewer.pid()).expect("a pid")).expect("a pid"),
        rustix::process::Signal::TERM,
    )
    .expect("the signal is sent");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_terminal_that_goes_away_ends_the_program() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    assert_eq!(reviewer.hang_up(), Some(0), "the program ends by itself, and in order");
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("1/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn two_reviewers_do_not_decide_on_the_same_session() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let mut first = start(&folder, &[]);
    first.shows("One.");
    let mut second = start(&folder, &[]);
    second.shows("read-only");
    second.shows("One.");
    second.press("x");
    second.shows(&first.pid().to_string());
    second.press("q");
    assert_eq!(second.wait(), (0, true));
    first.press("x");
    first.shows("1/2 reviewed");
    first.press(":q!\r");
    assert_eq!(first.wait(), (0, true));
}

#[test]
fn saving_in_place_keeps_the_first_original_and_undo_still_works() {
    let folder = TempDir::new().expect("a folder");
    let path = dataset(folder.path(), &["One.", "Two.", "Three."]);
    let before = std::fs::read(&path).expect("the dataset");
    let mut reviewer = start(&folder, &["--in-place"]);
    reviewer.shows("One.");
    reviewer.press("e");
    reviewer.shows("editing the caption");
    reviewer.press(" Mehr.\r");
    reviewer.shows("1/3 reviewed");
    reviewer.press(":wq\r");
    assert_eq!(reviewer.wait(), (0, true));
    assert_eq!(shown(&captions(&path, 3)), [Some("One. Mehr."), Some("Two."), Some("Three.")]);
    assert_eq!(std::fs::read(backup(&path)).expect("the first original"), before);

    let mut reviewer = start(&folder, &["--in-place"]);
    reviewer.shows("1/3 reviewed");
    reviewer.press("u");
    reviewer.shows("0/3 reviewed");
    reviewer.press(":wq\r");
    assert_eq!(reviewer.wait(), (0, true));
    assert_eq!(shown(&captions(&path, 3)), [Some("One."), Some("Two."), Some("Three.")]);
    assert_eq!(std::fs::read(backup(&path)).expect("the first original"), before);
}

fn backup(path: &Path) -> std::path::PathBuf {
    path.with_file_name("metadata.jsonl.bak")
}

#[test]
fn an_older_runs_output_is_taken_in_as_candidates() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let older = folder.path().join("older.jsonl");
    let lines = r#"{"file_name": "images/0.png", "text": "A person in a red coat."}
{"file_name": "images/1.png", "text": "Two."}
"#;
    std::fs::write(&older, lines).expect("an older run");
    let older = older.to_str().expect("a path in Unicode").to_owned();
    for run in 0..2 {
        let mut reviewer = start(&folder, &["--candidates", &older]);
        reviewer.shows("1 candidate from older.jsonl");
        reviewer.shows("A person in a red coat.");
        assert!(!reviewer.contents().contains("candidate 1/2"), "run {run}: taken in only once");
        reviewer.press(":q!\r");
        assert_eq!(reviewer.wait(), (0, true));
    }
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("A person in a red coat.");
    reviewer.press("a");
    reviewer.shows("1/2 reviewed");
    reviewer.press(":wq\r");
    assert_eq!(reviewer.wait(), (0, true));
    let saved = folder.path().join("metadata_updated.jsonl");
    assert_eq!(shown(&captions(&saved, 2)), [Some("A person in a red coat."), Some("Two.")]);
}
