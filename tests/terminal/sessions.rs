//! Short sessions: keys pressed, screen shown, files written.

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
fn decisions_are_saved_to_the_output_file() {
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
    reviewer.shows(" editing ─");
    reviewer.press(" 셋이다.\r");
    reviewer.shows("3/5 reviewed");
    reviewer.press("s");
    reviewer.press("\x13");
    reviewer.shows("5/5 reviewed".replace("5/5", "3/5").as_str());
    reviewer.shows("saved metadata_updated.jsonl: 4 records, 1 caption changed, 1 excluded");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
    let saved = folder.path().join("metadata_updated.jsonl");
    let expected = [Some("One."), None, Some("Three. 셋이다."), Some("Four."), Some("Five.")];
    assert_eq!(shown(&captions(&saved, 5)), expected);
    assert_eq!(std::fs::read(&path).expect("the dataset"), before, "the dataset is never changed");
}

#[test]
fn quitting_asks_and_the_session_is_resumed() {
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
    reviewer.until("the previous cursor position", |screen| screen.contains("2/2"));
    reviewer.press("u");
    reviewer.shows("0/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_dataset_that_changed_is_opened_again_with_the_decisions() {
    let folder = TempDir::new().expect("a folder");
    let metadata = dataset(folder.path(), &["One.", "Two.", "Three."]);
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("X");
    reviewer.shows("1/3 reviewed");
    // Another program writes the records in another order, and one more.
    let lines = std::fs::read_to_string(&metadata).expect("the dataset");
    let mut lines: Vec<&str> = lines.lines().rev().collect();
    lines.insert(0, r#"{"file_name": "new.jpg", "text": "Zero."}"#);
    std::fs::write(&metadata, lines.join("\n") + "\n").expect("the dataset");
    reviewer.press("\x13");
    reviewer.shows("changed on disk");
    reviewer.press(":reopen\r");
    reviewer.shows("1/4 reviewed");
    reviewer.press("\x13");
    reviewer.shows("saved metadata_updated.jsonl: 3 records, 0 captions changed, 1 excluded");
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
    let saved = std::fs::read_to_string(folder.path().join("metadata_updated.jsonl")).expect("the output");
    lines.retain(|line| !line.contains("One."));
    assert_eq!(saved, lines.join("\n") + "\n");
}

/// Saving rewrites the sidecar of the caption that changed; undoing that in the next review restores every byte.
#[test]
fn a_folder_of_images_is_reviewed_in_place() {
    let home = TempDir::new().expect("a folder");
    let set = home.path().join("set");
    let metadata = dataset(&set, &["", ""]);
    std::fs::remove_file(metadata).expect("the dataset");
    let sidecar = |number: u8| set.join(format!("images/{number}.txt"));
    let before = [b"\xef\xbb\xbf One. \r\n".as_slice(), b"Two."];
    for (number, content) in (0..).zip(before) {
        std::fs::write(sidecar(number), content).expect("a sidecar");
    }
    let read = || [0, 1].map(|number| std::fs::read(sidecar(number)).expect("a sidecar"));
    let start = || {
        let path = set.to_str().expect("a path in Unicode");
        let mut reviewer = Reviewer::start(home.path(), &[path, "--describer", "none"]);
        reviewer.until("the session to be open", |screen| screen.contains("reviewed") && !screen.contains("opening"));
        reviewer
    };
    let mut reviewer = start();
    reviewer.shows("One.");
    reviewer.press("e");
    reviewer.shows(" editing ─");
    reviewer.press(" Uno.\r");
    reviewer.shows("1/2 reviewed");
    reviewer.press("X");
    reviewer.shows("2/2 reviewed");
    reviewer.press("\x13");
    reviewer.shows("overwrite?");
    assert_eq!(read(), before);
    reviewer.press("y");
    reviewer.shows("saved set: 2 records, 1 caption changed, 1 excluded");
    let saved = [b"\xef\xbb\xbf One. Uno. \r\n".as_slice(), b"Two."];
    assert_eq!(read(), saved);
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));

    let mut reviewer = start();
    reviewer.shows("2/2 reviewed");
    reviewer.press("u");
    reviewer.shows("1/2 reviewed");
    reviewer.press("u");
    reviewer.shows("0/2 reviewed");
    reviewer.press("\x13");
    reviewer.shows("saved set: 2 records, 1 caption changed");
    assert_eq!(read(), before);
    reviewer.press("q");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_foreign_output_file_is_overwritten_only_after_confirmation() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One."]);
    let output = folder.path().join("metadata_updated.jsonl");
    std::fs::write(&output, "unrelated\n").expect("an existing file");
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("\x13");
    reviewer.shows("overwrite?");
    reviewer.press("n");
    reviewer.until("the dialog to close", |screen| !screen.contains("overwrite?"));
    assert_eq!(std::fs::read_to_string(&output).expect("the file"), "unrelated\n");
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
fn an_external_editor_gets_the_terminal_and_returns_it() {
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
fn any_terminal_size_works_and_the_terminal_is_restored_on_sigterm() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let mut reviewer = start(&folder, &[]);
    reviewer.resize(160, 50);
    reviewer.until("three panes", |screen| screen.lines().any(|line| line.matches('│').count() == 2));
    reviewer.resize(60, 18);
    reviewer.until("no picture", |screen| !screen.contains("picture") && screen.contains("One."));
    reviewer.resize(30, 8);
    reviewer.shows("Terminal too small: 30×8");
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
fn the_program_exits_when_the_terminal_closes() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("One.");
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    let exit_code = reviewer.hang_up();
    let log = std::fs::read_to_string(folder.path().join("description_generation.log"));
    assert_eq!(exit_code, Some(0), "{log:?}");
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("1/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_second_reviewer_of_a_session_is_read_only() {
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
fn saving_in_place_keeps_the_first_backup_and_can_be_undone() {
    let folder = TempDir::new().expect("a folder");
    let path = dataset(folder.path(), &["One.", "Two.", "Three."]);
    let before = std::fs::read(&path).expect("the dataset");
    let mut reviewer = start(&folder, &["--in-place"]);
    reviewer.shows("One.");
    reviewer.press("e");
    reviewer.shows(" editing ─");
    reviewer.press(" Mehr.\r");
    reviewer.shows("1/3 reviewed");
    reviewer.press(":wq\r");
    assert_eq!(reviewer.wait(), (0, true));
    assert_eq!(shown(&captions(&path, 3)), [Some("One. Mehr."), Some("Two."), Some("Three.")]);
    assert_eq!(std::fs::read(backup(&path)).expect("the backup"), before);

    let mut reviewer = start(&folder, &["--in-place"]);
    reviewer.shows("1/3 reviewed");
    reviewer.press("u");
    reviewer.shows("0/3 reviewed");
    reviewer.press(":wq\r");
    assert_eq!(reviewer.wait(), (0, true));
    assert_eq!(shown(&captions(&path, 3)), [Some("One."), Some("Two."), Some("Three.")]);
    assert_eq!(std::fs::read(backup(&path)).expect("the backup"), before);
}

fn backup(path: &Path) -> std::path::PathBuf {
    path.with_file_name("metadata.jsonl.bak")
}

#[test]
fn an_earlier_runs_output_is_imported_as_candidates() {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    let older = folder.path().join("older.jsonl");
    let lines = r#"{"file_name": "images/0.png", "text": "A person in a red coat."}
{"file_name": "images/1.png", "text": "Two."}
"#;
    std::fs::write(&older, lines).expect("an earlier run");
    let older = older.to_str().expect("a path in Unicode").to_owned();
    for run in 0..2 {
        let mut reviewer = start(&folder, &["--candidates", &older]);
        reviewer.shows("1 candidate from older.jsonl");
        reviewer.shows("A person in a red coat.");
        assert!(!reviewer.contents().contains("candidate 1/2"), "run {run}: imported only once");
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
