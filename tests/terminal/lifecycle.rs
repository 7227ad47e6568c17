//! The terminal is taken and given back: signals, editors, being stopped and continued.

use std::path::Path;

use rstest::rstest;
use rustix::process::Signal;
use tempfile::TempDir;

use crate::pty::{Reviewer, dataset};

fn start(folder: &TempDir, variables: &[(&str, &str)]) -> Reviewer {
    start_with_size(folder, (100, 30), variables)
}

fn start_with_size(folder: &TempDir, size: (u16, u16), variables: &[(&str, &str)]) -> Reviewer {
    let path = folder.path().to_str().expect("a path in Unicode");
    let mut reviewer = Reviewer::start_in(folder.path(), &[path, "--describer", "none"], size, variables);
    reviewer.shows("original");
    reviewer.until("the session to be open", |screen| !screen.contains("opening"));
    reviewer
}

fn records() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    dataset(folder.path(), &["One.", "Two."]);
    folder
}

/// Writes a shell script and returns the command that runs it.
fn script(folder: &Path, text: &str) -> String {
    let file = folder.join("script");
    std::fs::write(&file, text).expect("a script");
    format!("sh {}", file.display())
}

#[rstest]
#[case::external_editor("E")]
#[case::suspended("\x1a")]
fn input_that_arrives_with_a_pause_does_not_freeze_the_review(#[case] key: &str) {
    let folder = records();
    let mut reviewer = start(&folder, &[("EDITOR", "true")]);
    for trial in 0..40 {
        for step in 0..60 {
            if step == trial {
                reviewer.press(key);
            }
            reviewer.press(&format!("\x1b[<35;{};{}M", 20 + step, 5 + step % 20));
        }
        reviewer.press("?");
        reviewer.shows("half a page");
        reviewer.press("\x1b");
        reviewer.until("the help to close", |screen| !screen.contains("half a page"));
    }
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[rstest]
fn no_signal_leaves_the_terminal_in_the_modes_of_the_review(
    #[values(
        Signal::TERM,
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::ABORT,
        Signal::ALARM,
        Signal::XCPU
    )]
    signal: Signal,
) {
    let folder = records();
    let mut reviewer = start(&folder, &[]);
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    reviewer.signal(signal);
    assert_eq!(reviewer.wait(), (0, true));
    let mut reviewer = start(&folder, &[]);
    reviewer.shows("1/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[rstest]
#[case::interrupt("\x03")]
#[case::quit("\x1c")]
fn keys_that_end_a_waiting_editor_do_not_end_the_review(#[case] key: &str) {
    let folder = records();
    let trials = folder.path().join("trials");
    let editor = script(folder.path(), &format!("cat {}\nexec sleep 60\n", trials.display()));
    let mut reviewer = start(&folder, &[("EDITOR", &editor)]);
    for trial in 0..3 {
        let waiting = format!("waiting {trial}");
        std::fs::write(&trials, &waiting).expect("a file");
        reviewer.press("E");
        reviewer.shows(&waiting);
        reviewer.press(key);
        reviewer.shows("caption unchanged");
    }
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

/// Motion fills the input of a slow connection.
#[test]
fn the_motion_of_the_mouse_is_not_asked_for() {
    let folder = records();
    let mut reviewer = start(&folder, &[("EDITOR", "true")]);
    assert!(reviewer.reports_clicks_only());
    reviewer.press("E");
    reviewer.shows("no change");
    assert!(reviewer.reports_clicks_only());
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

/// The shell has used the terminal while the program was stopped.
#[test]
fn a_continued_review_takes_the_terminal_back() {
    let folder = records();
    let mut reviewer = start(&folder, &[]);
    reviewer.signal(Signal::STOP);
    reviewer.is_set_by_shell();
    reviewer.is_written_to("\x1b[?1049l\x1b[?1000l\x1b[2J$ ");
    assert!(!reviewer.is_raw());
    reviewer.signal(Signal::CONT);
    reviewer.shows("One.");
    assert!(reviewer.is_raw());
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

/// No shell could continue the program of this test: the system ignores the stop.
#[test]
fn without_a_shell_a_stop_does_not_freeze_the_review() {
    let folder = records();
    let mut reviewer = start(&folder, &[]);
    reviewer.is_written_to("\x1b[2J");
    reviewer.signal(Signal::TSTP);
    reviewer.shows("One.");
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn what_the_terminal_does_at_the_queries_is_drawn_over() {
    let folder = records();
    let mut reviewer = start(&folder, &[]);
    let screen = reviewer.contents();
    let tabs = screen.lines().nth(1).expect("a row of tabs");
    assert!(tabs.contains("1 all 2") && !screen.contains("AAAA"), "{screen}");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_garbled_screen_is_redrawn() {
    let folder = records();
    let mut reviewer = start(&folder, &[]);
    reviewer.is_written_to("\x1b[2J\x1b[Hgarbage");
    reviewer.press("\x0c");
    reviewer.until("a clean screen", |screen| screen.contains("One.") && !screen.contains("garbage"));
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_terminal_without_a_size_is_taken_for_80_columns() {
    let folder = records();
    let mut reviewer = start_with_size(&folder, (0, 0), &[]);
    reviewer.press("x");
    reviewer.shows("1/2 reviewed");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_locale_without_unicode_is_drawn_in_ascii() {
    let folder = TempDir::new().expect("a folder");
    // In Latin-1, the second byte of the letter (0xc5 0x9b) begins a control sequence.
    dataset(folder.path(), &["One ś2J.", "Two."]);
    let mut reviewer = start(&folder, &[("LC_ALL", "C")]);
    reviewer.shows("One ?2J.");
    for keys in ["x", "?"] {
        reviewer.press(keys);
        reviewer.shows(if keys == "x" { "1/2 reviewed" } else { "half a page" });
        let screen = reviewer.contents();
        assert!(screen.is_ascii(), "{screen}");
    }
    reviewer.press("\x1b");
    reviewer.until("the help to close", |screen| !screen.contains("half a page"));
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}

#[test]
fn a_megabyte_pasted_into_a_prompt_is_refused() {
    let folder = records();
    let mut reviewer = start(&folder, &[]);
    reviewer.press("f");
    reviewer.shows("filter:");
    let (start, end) = ("\x1b[200~", "\x1b[201~");
    for part in [start.to_owned(), "word ".repeat(200_000), end.to_owned()] {
        reviewer.press(&part);
    }
    reviewer.shows("too long");
    reviewer.press("two\r");
    reviewer.shows("Two.");
    reviewer.press(":q!\r");
    assert_eq!(reviewer.wait(), (0, true));
}
