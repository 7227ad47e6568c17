//! Kills the program at random moments and checks that every acknowledged decision survives.

use std::path::Path;

use tempfile::TempDir;

use crate::pty::{Reviewer, dataset};

/// The number of kills. For more: `RECAPTION_CRASH_RUNS=200 cargo test --test terminal crash_recovery`.
fn runs() -> usize {
    std::env::var("RECAPTION_CRASH_RUNS").ok().and_then(|runs| runs.parse().ok()).unwrap_or(5)
}

fn start(folder: &Path) -> Reviewer {
    let path = folder.to_str().expect("a path in Unicode");
    let mut reviewer = Reviewer::start(folder, &[path, "--describer", "none"]);
    reviewer.shows("reviewed");
    reviewer.until("the session to be open", |screen| !screen.contains("opening"));
    reviewer
}

/// Parses the number of reviewed records from the header. It counts decisions only after they are durable.
fn reviewed(screen: &str) -> usize {
    let before = screen.split("/40 reviewed").next().unwrap_or_default();
    let digits: String = before.chars().rev().take_while(char::is_ascii_digit).collect();
    digits.chars().rev().collect::<String>().parse().unwrap_or(0)
}

#[test]
fn acknowledged_decisions_survive_a_kill() {
    let captions: Vec<String> = (0..40).map(|number| format!("Caption {number}.")).collect();
    let captions: Vec<&str> = captions.iter().map(String::as_str).collect();
    for run in 0..runs() {
        let folder = TempDir::new().expect("a folder");
        dataset(folder.path(), &captions);
        let mut reviewer = start(folder.path());
        reviewer.shows("Caption 0.");
        // Kill while keys are still being processed, after a different number of decisions in each run.
        let min_reviewed = 1 + run * 7 % 30;
        reviewer.press(&"x".repeat(39));
        reviewer.until("some decisions", |screen| reviewed(screen) >= min_reviewed);
        let acknowledged = reviewed(&reviewer.contents());
        reviewer.kill();

        let mut reviewer = start(folder.path());
        reviewer.until("the acknowledged decisions", |screen| reviewed(screen) >= acknowledged);
        reviewer.press("U");
        reviewer.press(":q!\r");
        assert_eq!(reviewer.wait(), (0, true), "run {run}");
    }
}
