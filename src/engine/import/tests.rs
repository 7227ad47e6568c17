use std::fs;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::session::FILE;

const THREE: &str = "{\"file_name\": \"a\", \"text\": \"One.\"}\n{\"file_name\": \"b\", \"text\": \"Two.\"}\n\
                     {\"file_name\": \"c\", \"text\": \"Three.\"}\n";

fn open(folder: &TempDir, content: &str) -> Dataset {
    let path = folder.path().join("metadata.jsonl");
    fs::write(&path, content).unwrap();
    Dataset::open(&path, &OpenOptions::default()).unwrap()
}

/// Returns the captions that are emitted, and the summary.
fn imported(dataset: &str, name: &str, content: &[u8]) -> (Vec<(u32, String)>, String) {
    let folder = tempfile::tempdir().unwrap();
    let dataset = open(&folder, dataset);
    let file = folder.path().join(name);
    fs::write(&file, content).unwrap();
    let events = Arc::new(Mutex::new(Vec::new()));
    let emit: Emit = {
        let events = Arc::clone(&events);
        Arc::new(move |event| events.lock().unwrap().push(event))
    };
    run(&dataset, &CandidateFile { path: file, describer: FILE }, &emit, &Stopping::default());
    let (mut captions, mut summary) = (Vec::new(), None);
    for event in events.lock().unwrap().drain(..) {
        assert_eq!(summary, None, "nothing follows the summary");
        match event {
            EngineEvent::Imported { captions: batch, done, .. } => {
                captions.extend(batch.into_iter().map(|(record, text)| (record.0, text)));
                summary = done;
            }
            EngineEvent::ImportFailed(text) => summary = Some(text),
            other => panic!("{other:?}"),
        }
    }
    (captions, summary.unwrap())
}

#[test]
fn a_file_without_candidates_is_explained() {
    for (name, content, expected) in [
        ("older.txt", "file_name,text\na,New.\n", "none of its 2 lines can be read: it is CSV"),
        ("older", "file_name\ttext\na\tNew.\n", "none of its 2 lines can be read: it is CSV"),
        ("notes.txt", "A man.\n", "its only line cannot be read: it is not JSON Lines"),
        ("field.jsonl", "{\"file_name\": \"a\", \"caption\": \"New.\"}\n", "no line has \"text\""),
        ("list.jsonl", "{\"file_name\": \"a\", \"text\": [\"New.\", 1]}\n", "no line has \"text\""),
        ("empty.jsonl", "\n", "the file is empty"),
    ] {
        let (captions, summary) = imported(THREE, name, content.as_bytes());
        assert_eq!(captions, []);
        assert!(summary.starts_with(&format!("no candidates from {name}: {expected}")), "{summary}");
    }
    for (content, way_out) in [
        (&b"\xFF\xFE{\0"[..], "iconv"),
        (b"[{\"file_name\": \"a\", \"text\": \"New.\"}]\n", "jq -c '.[]'"),
        (b"[\n {\n \"file_name\": \"a\"\n }\n]\n", "jq -c '.[]'"),
        (b"PAR1", "recaption init"),
    ] {
        let (_, summary) = imported(THREE, "other", content);
        assert!(summary.starts_with("no candidates imported: ") && summary.contains(way_out), "{summary}");
    }
}

#[test]
fn candidates_are_imported_from_tables() {
    for (name, content) in [("older.csv", "file_name,text\na,New.\n"), ("older.tsv", "file_name\ttext\na\tNew.\n")] {
        assert_eq!(imported(THREE, name, content.as_bytes()).0, [(0, "New.".to_owned())], "{name}");
    }
}

#[test]
fn candidates_are_imported_for_each_of_several_captions() {
    let list = "{\"file_name\": \"a\", \"text\": [\"One.\", \"Two.\"]}\n";
    let older = "{\"file_name\": \"a\", \"text\": [\"One.\", \"Second.\"]}\n";
    let (captions, summary) = imported(list, "older.jsonl", older.as_bytes());
    assert_eq!(captions, [(1, "Second.".to_owned())], "{summary}");
    let (captions, summary) = imported(list, "older.jsonl", b"{\"file_name\": \"a\", \"text\": [\"New.\"]}\n");
    assert_eq!(captions, [], "{summary}");
}

#[test]
fn no_candidate_is_imported_for_a_caption_that_is_not_a_string() {
    let list = "{\"file_name\": \"a\", \"text\": [\"One.\", 1]}\n";
    let (captions, summary) = imported(list, "older.jsonl", b"{\"file_name\": \"a\", \"text\": \"One.\"}\n");
    assert_eq!(captions, []);
    assert!(summary.ends_with("left out: 1 for a record whose caption is not a string"), "{summary}");
}

#[test]
fn every_line_is_taken_or_left_out_for_a_reason() {
    let older = "{\"file_name\": \"a\", \"text\": \"New.\"}\n{\"file_name\": \"b\", \"text\": \"Two.\"}\nbad\n\
                 {\"file_name\": \"c\", \"text\": \" \"}\n{\"file_name\": \"x\", \"text\": \"X.\"}\n\
                 {\"file_name\": \"y\"}\n";
    let (captions, summary) = imported(THREE, "older.jsonl", older.as_bytes());
    assert_eq!(captions, [(0, "New.".to_owned())]);
    assert_eq!(
        summary,
        "imported 1 candidate from older.jsonl, of 6 lines; left out: 1 unreadable, 1 without a string in \"text\", \
         1 empty, 1 equal to the original, 1 without a record of this \"file_name\""
    );
}

fn lines(records: &[(u8, String)]) -> String {
    let line = |(name, text): &(u8, String)| format!("{{\"file_name\": \"{name}\", \"text\": \"{text}\"}}\n");
    records.iter().map(line).collect()
}

#[test]
fn candidates_do_not_shift_after_an_exclusion() {
    let text = |text: &str| (1, text.to_owned());
    let dataset = [text("One."), text("Two."), text("Three.")];
    let (captions, summary) =
        imported(&lines(&dataset), "older.jsonl", lines(&[text("New two."), text("Three.")]).as_bytes());
    assert_eq!(captions, []);
    assert!(
        summary.ends_with("left out: 1 equal to the original, 1 ambiguous (several records share the \"file_name\")")
    );

    let all = [text("New one."), text("Two."), text("New three.")];
    let (captions, _) = imported(&lines(&dataset), "older.jsonl", lines(&all).as_bytes());
    assert_eq!(captions, [(0, "New one.".to_owned()), (2, "New three.".to_owned())], "by order if all are there");

    let moved = [text("Two."), text("New one."), text("New three.")];
    let (captions, _) = imported(&lines(&dataset), "older.jsonl", lines(&moved).as_bytes());
    assert_eq!(captions, [], "the order differs");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// The model: the output of a run over the same dataset, some records of which were left out or put elsewhere. A new
    /// caption names the record it was written for.
    #[test]
    fn no_candidate_lands_on_a_neighbour(
        records in prop::collection::vec((0..4_u8, 0..3_u8), 1..12),
        is_new in prop::collection::vec(any::<bool>(), 12),
        is_excluded in prop::collection::vec(prop::bool::weighted(0.2), 12),
    ) {
        let dataset: Vec<(u8, String)> = records.iter().map(|(name, text)| (*name, format!("text {text}"))).collect();
        let older: Vec<(u8, String)> = (0..)
            .zip(&dataset)
            .filter(|(at, _)| !is_excluded[*at])
            .map(|(at, (name, text))| (*name, if is_new[at] { format!("for {at}") } else { text.clone() }))
            .collect();
        let (captions, summary) = imported(&lines(&dataset), "older.jsonl", lines(&older).as_bytes());
        for (record, text) in &captions {
            prop_assert_eq!(text, &format!("for {record}"));
        }
        let numbers: Vec<u64> =
            summary.split([' ', '(']).filter_map(|word| word.parse().ok()).collect();
        if let Some((lines, taken)) = numbers.get(1).zip(numbers.first()) {
            let left: u64 = numbers[2..].iter().sum();
            prop_assert_eq!(taken + left, *lines, "{}", summary);
            prop_assert_eq!((*lines, *taken), (older.len() as u64, captions.len() as u64));
        }
        // Records of a name of which none was left out keep their order, so all new captions are taken.
        for (at, (name, _)) in dataset.iter().enumerate() {
            let is_whole = (0..dataset.len()).all(|other| dataset[other].0 != *name || !is_excluded[other]);
            if is_whole && is_new[at] {
                let at = u32::try_from(at).unwrap();
                prop_assert!(captions.iter().any(|(record, _)| *record == at), "{} of {:?}", at, captions);
            }
        }
    }
}
