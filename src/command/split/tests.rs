//! Splits, and what becomes of the decisions on the parts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::Value;

use super::super::fixture::{Printed, World, decided, edited};
use super::super::merge::{self, MergeOptions};
use super::*;
use crate::dataset::OpenOptions;
use crate::session::{self, Decision, Location, Worker};

fn names(count: usize) -> Vec<String> {
    ["kim", "lee", "ana", "joe", "mia"][..count].iter().map(|name| (*name).to_owned()).collect()
}

fn options(world: &World, count: usize, overlap: u64) -> SplitOptions {
    let overlap = Overlap::Images(overlap);
    SplitOptions { input: world.input(), names: names(count), overlap, json: true, ..SplitOptions::default() }
}

fn split(options: &SplitOptions) -> (Result<ExitCode, SplitError>, Printed) {
    Printed::by(|out, errors| run(options, out, errors))
}

fn json_of(options: &SplitOptions) -> Value {
    let (result, printed) = split(options);
    assert_eq!(result.unwrap(), ExitCode::Done);
    serde_json::from_str(printed.out()).unwrap()
}

fn lines(count: u32) -> String {
    let line = |record| format!("{{\"file_name\": \"{record}.png\", \"text\": \"Caption {record}.\"}}\n");
    (0..count).map(line).collect()
}

/// Decides records of a part, given the decision for a file name.
fn review(part: &Path, reviewer: &str, decide: &dyn Fn(&str) -> Option<Decision>) {
    let dataset = Dataset::open(part, &OpenOptions::default()).unwrap();
    let location = Location::find(dataset.path(), dataset.caption_field(), None).unwrap();
    let mut decisions = Vec::new();
    dataset
        .scan(&mut |entry| {
            if let Entry::Record(record) = entry {
                decisions.extend(decide(&record.file_name).map(|decision| (record.id.0, decision)));
            }
            ControlFlow::Continue(())
        })
        .unwrap();
    let namesakes = dataset.survey(&mut || ControlFlow::Continue(())).unwrap().unwrap().namesakes;
    let (store, mut opened) = session::open(&location, &dataset, Timestamp::now()).unwrap();
    let worker = Worker::adopt(store, |_, _| ()).unwrap();
    worker.handle().set_namesakes(namesakes).unwrap();
    worker.handle().set_reviewer(Timestamp::now(), reviewer.to_owned()).unwrap();
    for (record, decision) in decisions {
        worker.handle().store(opened.ledger.perform(decided(record, decision).into()), Timestamp::now()).unwrap();
    }
    worker.close().unwrap();
}

fn merge_parts(world: &World, parts: &[PathBuf]) -> (ExitCode, Value) {
    let options = MergeOptions { input: world.input(), others: parts.to_vec(), json: true, ..MergeOptions::default() };
    let (result, printed) = Printed::by(|out, errors| merge::run(&options, out, errors));
    (result.unwrap(), serde_json::from_str(printed.out()).unwrap())
}

#[test]
fn the_counts_add_up_and_decided_records_are_left_out() {
    let world = World::new(&lines(12));
    world.decide([(0, Decision::Kept), (5, edited("New.")), (6, Decision::Skipped), (11, Decision::Excluded)]);
    let json = json_of(&options(&world, 2, 3));
    assert_eq!(
        [&json["read"], &json["decided"], &json["overlap"], &json["unreadable"]],
        [12, 3, 3, 0].map(Value::from).each_ref()
    );
    let records: Vec<_> =
        json["parts"].as_array().unwrap().iter().map(|part| (part["own"].as_u64(), part["records"].as_u64())).collect();
    assert_eq!(records, [(Some(3), Some(6)), (Some(3), Some(6))]);
    let both = world.read("metadata-kim.jsonl") + &world.read("metadata-lee.jsonl");
    assert!(["\"0.png", "\"5.png", "\"11.png"].iter().all(|name| !both.contains(name)), "{both}");
    assert!(both.contains("\"6.png"), "a skipped record is reviewed again");

    let other = World::new(&lines(12));
    other.decide([(0, Decision::Kept)]);
    let all = SplitOptions { all: true, ..options(&other, 2, 3) };
    assert_eq!(json_of(&all)["decided"], 0);
}

#[test]
fn nothing_is_overwritten_and_a_dry_run_writes_nothing() {
    let world = World::new(&lines(4));
    let dry = SplitOptions { dry_run: true, ..options(&world, 2, 1) };
    let counted = json_of(&dry);
    assert_eq!(world.files(), ["metadata.jsonl"]);
    world.write("metadata-lee.jsonl", "mine");
    let (result, _) = split(&options(&world, 2, 1));
    assert!(matches!(result.unwrap_err(), SplitError::Exists(path) if path.ends_with("metadata-lee.jsonl")));
    assert_eq!(world.files(), ["metadata-lee.jsonl", "metadata.jsonl"]);
    assert_eq!(world.read("metadata-lee.jsonl"), "mine");
    fs::remove_file(world.path("metadata-lee.jsonl")).unwrap();
    let written = json_of(&options(&world, 2, 1));
    assert_eq!(written["parts"], counted["parts"]);
}

#[test]
fn wrong_parts_are_refused() {
    let world = World::new(&lines(2));
    let named = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        split(&SplitOptions { names, ..options(&world, 2, 0) }).0.unwrap_err()
    };
    assert!(matches!(named(&["kim"]), SplitError::Number(1)));
    assert!(matches!(named(&["kim", "Kim"]), SplitError::SameName(_)));
    assert!(matches!(named(&["a", "b", "c"]), SplitError::TooFew { images: 2, parts: 3, .. }));
    assert_eq!(world.files(), ["metadata.jsonl"]);
}

#[test]
fn parts_in_folders_have_copies_of_their_images() {
    let world = World::new(&(lines(4) + "{\"file_name\": \"../out.png\", \"text\": \"Out.\"}\nnot JSON\n"));
    for record in [0, 1, 3] {
        world.picture(&format!("{record}.png"));
    }
    let output = tempfile::tempdir().unwrap();
    let (result, printed) =
        split(&SplitOptions { output: Some(output.path().to_owned()), json: false, ..options(&world, 2, 0) });
    assert_eq!(result.unwrap(), ExitCode::Done);
    assert!(printed.errors().contains("2 images not copied"), "{}", printed.errors());
    assert!(printed.errors().contains("../out.png") && printed.errors().contains("2.png"), "{}", printed.errors());
    assert_eq!(world.files(), ["0.png", "1.png", "3.png", "metadata.jsonl"], "nothing is written beside the dataset");
    let mut found = String::new();
    for name in names(2) {
        let part = output.path().join(name);
        found += &fs::read_to_string(part.join("metadata.jsonl")).unwrap();
        let dataset = Dataset::open(&part, &OpenOptions::default()).unwrap();
        dataset
            .scan(&mut |entry| {
                if let Entry::Record(record) = entry
                    && !record.file_name.contains("..")
                    && record.file_name != "2.png"
                {
                    let copy = fs::read(dataset.picture_path(&record.file_name).unwrap()).unwrap();
                    assert_eq!(copy, fs::read(world.path(&record.file_name)).unwrap());
                }
                ControlFlow::Continue(())
            })
            .unwrap();
    }
    assert_eq!(found, world.read("metadata.jsonl"));
}

#[test]
fn a_folder_with_text_files_is_split_and_merged() {
    let world = World::new("");
    fs::remove_file(world.path("metadata.jsonl")).unwrap();
    for record in 0..6 {
        world.picture(&format!("{record}.png"));
        world.write(&format!("{record}.txt"), format!(" Caption {record}.\n"));
    }
    let json = json_of(&options(&world, 2, 0));
    let parts: Vec<PathBuf> =
        json["parts"].as_array().unwrap().iter().map(|part| part["path"].as_str().unwrap().into()).collect();
    for (part, reviewer) in parts.iter().zip(names(2)) {
        review(part, &reviewer, &|name| Some(edited(&format!("New {name}"))));
    }
    let (code, merged) = merge_parts(&world, &parts);
    assert_eq!((code, &merged["merged"]), (ExitCode::Done, &6.into()), "{merged}");
    let (_, opened) = world.hold();
    for record in 0..6 {
        let decision = &opened.ledger.record(RecordId(record)).decision;
        assert_eq!(decision.text(), Some(format!("New {record}.png").as_str()));
    }
}

/// The lines of a dataset: records of few images, repeated captions, lines that are not records, and blank ones.
fn dataset() -> impl Strategy<Value = Vec<String>> {
    let line = prop_oneof![
        8 => (0_u8..30, 0_u8..4).prop_map(|(image, caption)| {
            format!("{{\"file_name\" :\"{image}.png\",\"text\": \"C{caption}\\u0041\" , \"n\": 1.50}}")
        }),
        1 => (0_u8..30).prop_map(|image| format!("{{\"text\": \"CRLF\", \"file_name\": \"{image}.png\"}}\r")),
        1 => Just("not JSON".to_owned()),
        1 => Just(String::new()),
    ];
    prop::collection::vec(line, 6..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_parts_have_every_line_once_and_the_overlap_in_each(
        lines in dataset(), count in 2_usize..5, overlap in 0_u64..6, seed in any::<u64>(),
    ) {
        // Each line is told from others by its position.
        let lines: Vec<String> = lines.iter().enumerate().map(|(position, line)| {
            if line.ends_with('}') { line.replace('}', &format!(", \"at\": {position}}}")) } else { line.clone() }
        }).collect();
        let world = World::new(&(lines.join("\n") + "\n"));
        let (result, printed) = split(&SplitOptions { seed, ..options(&world, count, overlap) });
        if matches!(result, Err(SplitError::TooFew { .. })) {
            return Ok(());
        }
        result.unwrap();
        let json: Value = serde_json::from_str(printed.out()).unwrap();
        let parts: Vec<Vec<String>> = names(count)
            .iter()
            .map(|name| world.read(&format!("metadata-{name}.jsonl")).split_terminator('\n').map(str::to_owned).collect())
            .collect();
        let mut found: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (part, lines) in parts.iter().enumerate() {
            for line in lines {
                found.entry(line).or_default().push(part);
            }
        }
        let mut expected: BTreeMap<&str, usize> = BTreeMap::new();
        for line in lines.iter().filter(|line| !line.trim().is_empty()) {
            *expected.entry(line).or_default() += 1;
        }
        prop_assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "byte for byte");
        let mut images = BTreeMap::new();
        for (line, in_parts) in &found {
            let Ok(Value::Object(record)) = serde_json::from_str(line) else {
                continue;
            };
            let distinct: BTreeSet<usize> = in_parts.iter().copied().collect();
            prop_assert!(distinct.len() == 1 || distinct.len() == count, "{} is in {:?}", line, in_parts);
            let image = record["file_name"].as_str().unwrap().to_owned();
            let first = images.entry(image).or_insert_with(|| distinct.clone());
            prop_assert_eq!(&*first, &distinct, "all captions of an image are in the same part");
        }
        let number = |key: &str| usize::try_from(json[key].as_u64().unwrap()).unwrap();
        let own: usize = json["parts"].as_array().unwrap().iter().map(|part| usize::try_from(part["own"].as_u64().unwrap()).unwrap()).sum();
        prop_assert_eq!(number("read"), own + number("overlap"));
        prop_assert_eq!(parts.iter().map(Vec::len).sum::<usize>(), own + count * number("overlap"));
        for part in &parts {
            let places: Vec<usize> =
                part.iter().filter(|line| line.contains("\"at\"")).map(|line| lines.iter().position(|known| known == line).unwrap()).collect();
            prop_assert!(places.is_sorted(), "the order of the dataset");
        }
    }

    #[test]
    fn merging_the_parts_gives_the_decisions_of_all(
        captions in prop::collection::vec((0_u8..25, 0_u8..3), 8..40), count in 2_usize..5, seed in any::<u64>(),
    ) {
        let line = |(image, caption): &(u8, u8)| format!("{{\"file_name\": \"{image}.png\", \"text\": \"C{caption}\"}}\n");
        let world = World::new(&captions.iter().map(line).collect::<String>());
        let (result, _) = split(&SplitOptions { seed, ..options(&world, count, 3) });
        if matches!(result, Err(SplitError::TooFew { .. })) {
            return Ok(());
        }
        result.unwrap();
        // All reviewers agree: the decision depends on the image.
        let decide = |name: &str| match name.trim_end_matches(".png").parse::<u8>().unwrap() % 4 {
            0 => Some(Decision::Kept),
            1 => Some(Decision::Excluded),
            2 => Some(edited(&format!("New {name}"))),
            _ => None,
        };
        let parts: Vec<PathBuf> = names(count).iter().map(|name| world.path(&format!("metadata-{name}.jsonl"))).collect();
        for (part, reviewer) in parts.iter().zip(names(count)) {
            review(part, &reviewer, &decide);
        }
        let (code, json) = merge_parts(&world, &parts);
        prop_assert_eq!(code, ExitCode::Done, "{}", json);
        let (_, opened) = world.hold();
        for (record, (image, _)) in (0..).map(RecordId).zip(&captions) {
            let decision = &opened.ledger.record(record).decision;
            let expected = decide(&format!("{image}.png"));
            prop_assert_eq!(decision, &expected.unwrap_or_default());
        }
        let decided = captions.iter().filter(|(image, _)| image % 4 != 3).count();
        prop_assert_eq!(&json["merged"], &Value::from(decided));
    }
}
