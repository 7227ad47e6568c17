//! A team: a dataset is split, reviewed by three people who differ in the overlap, merged, settled and saved.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::pty::{Reviewer, captions, dataset};

const RECORDS: usize = 15;

fn recaption(home: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_recaption"));
    command.args(arguments).current_dir(home).env_clear().env("HOME", home).env("LANG", "C.UTF-8");
    command.output().expect("the program runs")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

fn open(home: &Path, dataset: &str, reviewer: &str) -> Reviewer {
    let mut opened = Reviewer::start(home, &[dataset, "--reviewer", reviewer, "--describer", "none"]);
    opened.until("the session to be open", |screen| screen.contains("reviewed") && !screen.contains("opening"));
    opened
}

#[test]
fn three_people_review_parts_and_a_fourth_settles_their_conflicts() {
    let folder = TempDir::new().expect("a folder");
    let home = folder.path();
    let original: Vec<String> = (0..RECORDS).map(|record| format!("Caption {record}.")).collect();
    dataset(&home.join("set"), &original.iter().map(String::as_str).collect::<Vec<_>>());
    let names = ["kim", "lee", "ana"];
    let split = recaption(home, &["split", "set", "--names", "kim,lee,ana", "--overlap", "3", "--seed", "7", "--json"]);
    let split = json(&split);
    assert_eq!((&split["read"], &split["overlap"]), (&15.into(), &3.into()), "{split}");
    let parts: Vec<String> = names.iter().map(|name| format!("set/metadata-{name}.jsonl")).collect();
    let lines = |file: &str| -> Vec<String> {
        fs::read_to_string(home.join(file)).expect("a part").lines().map(str::to_owned).collect()
    };
    let all: Vec<Vec<String>> = parts.iter().map(|part| lines(part)).collect();
    let overlap: Vec<String> = all[0].iter().filter(|line| all[1].contains(line)).cloned().collect();
    assert_eq!(overlap.len(), 3);

    // Everyone keeps what only they have. Of the overlap, all keep the first; lee excludes the second; all edit the third.
    for (name, part) in names.iter().zip(&parts) {
        let mut reviewer = open(home, part, name);
        let lines = lines(part);
        for (place, line) in lines.iter().enumerate() {
            match overlap.iter().position(|shared| shared == line) {
                Some(1) if *name == "lee" => reviewer.press("X"),
                Some(2) => {
                    reviewer.press("e");
                    reviewer.shows(" editing ─");
                    reviewer.press(&format!(" By {name}.\r"));
                }
                _ => reviewer.press("x"),
            }
            reviewer.shows(&format!("{}/{} reviewed", place + 1, lines.len()));
        }
        reviewer.press(":q!\r");
        assert_eq!(reviewer.wait(), (0, true));
    }

    let mut arguments = vec!["merge", "set", "--json"];
    arguments.extend(parts.iter().map(String::as_str));
    let merged = recaption(home, &arguments);
    assert_eq!(merged.status.code(), Some(1), "conflicts are findings");
    let merged = json(&merged);
    assert_eq!((&merged["decisions"], &merged["merged"]), (&21.into(), &13.into()), "{merged}");
    assert_eq!(merged["records_in_conflict"], 2);
    assert_eq!(merged["agreement"]["records"], 3);
    assert_eq!(merged["agreement"]["same_caption_by_all"]["count"], 1);

    // The conflicts are in the order of the dataset, with the captions in the order of the sessions.
    let mut lead = open(home, "set", "max");
    lead.shows("13/15 reviewed");
    lead.press("fstatus:conflict\r");
    lead.shows("kept by kim");
    lead.shows("excluded by lee");
    lead.press("X");
    lead.shows("14/15 reviewed");
    lead.shows("By ana.");
    lead.press("e");
    lead.shows(" editing ─");
    lead.press(" Settled.\r");
    lead.shows("15/15 reviewed");
    lead.press("\x13");
    lead.shows("saved metadata_updated.jsonl: 14 records, 1 caption changed, 1 excluded");
    lead.press("q");
    assert_eq!(lead.wait(), (0, true));

    let record = |line: &str| -> usize {
        let line: Value = serde_json::from_str(line).expect("a line of the dataset");
        let name = line["file_name"].as_str().expect("a name");
        name.trim_start_matches("images/").trim_end_matches(".png").parse().expect("a number")
    };
    let saved = captions(&home.join("set/metadata_updated.jsonl"), RECORDS);
    for (number, before) in original.iter().enumerate() {
        let caption = saved[number].as_deref();
        match overlap.iter().position(|line| record(line) == number) {
            Some(1) => assert_eq!(caption, None, "excluded by the lead"),
            Some(2) => assert!(caption.is_some_and(|text| text.ends_with(" Settled.")), "{caption:?}"),
            _ => assert_eq!(caption, Some(before.as_str())),
        }
    }
    let stats = json(&recaption(home, &["stats", "set", "--by-reviewer", "--json"]));
    let figures = |name: &str| {
        let reviewers = stats["reviewers"].as_array().expect("reviewers");
        reviewers.iter().find(|reviewer| reviewer["reviewer"] == name).expect("a reviewer").clone()
    };
    assert_eq!(figures("max")["decided"], 2);
    // The lead excluded, as lee did, and wrote a caption of their own.
    assert_eq!(figures("lee")["conflicts"], serde_json::json!({ "open": 0, "upheld": 1, "overruled": 1 }));
    assert_eq!(figures("kim")["conflicts"], serde_json::json!({ "open": 0, "upheld": 0, "overruled": 2 }));
}
