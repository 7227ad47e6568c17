use std::fs;

use jiff::Timestamp;
use serde_json::Value;

use super::*;
use crate::command::fixture::{Printed, World};
use crate::describe::{self, Description, StopReason};
use crate::engine::rules::{self, Concluded, Described, Origin, Standing};
use crate::lint::{CaptionStyle, LintKind, Severity};
use crate::session::{Actor, Ledger};

fn options(world: &World) -> CheckOptions {
    CheckOptions {
        dataset: world.folder.path().to_owned(),
        reading: OpenOptions::default(),
        rules: Rules { max_words: 6, min_words: 1, ..Rules::default() },
        json: false,
        progress: false,
    }
}

fn check(options: &CheckOptions) -> (Outcome, Printed) {
    let (outcome, printed) = Printed::by(|out, errors| run(options, out, errors));
    (outcome.unwrap(), printed)
}

/// The printed lines up to the kind: `metadata.jsonl:4: cut-off`.
fn kinds(printed: &Printed) -> Vec<String> {
    printed.out().lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(": ")).collect()
}

/// A dataset with these captions, whose images exist.
fn world(captions: &[&str]) -> World {
    let line =
        |(at, caption)| format!("{}\n", serde_json::json!({ "file_name": format!("{at}.png"), "text": caption }));
    let world = World::new(&captions.iter().enumerate().map(line).collect::<String>());
    for at in 0..captions.len() {
        world.picture(&format!("{at}.png"));
    }
    world
}

#[test]
fn a_clean_dataset_has_no_findings() {
    let world = world(&["A hat.", "A coat."]);
    world.write("metadata_updated.jsonl", "an output is no second metadata");
    world.write("._0.png", "what macOS leaves beside pictures is none");
    let (outcome, printed) = check(&options(&world));
    assert_eq!(outcome, Outcome { records: 2, findings: BTreeMap::new(), serious: 0 });
    assert_eq!((printed.out(), printed.errors()), ("", "2 records: no findings\n"));
}

#[test]
fn captions_are_linted_by_line() {
    let world = world(&[
        "A hat.",
        "A young woman with long black hair.",
        "A coat in a r",
        "",
        "A hat.",
        "Ends\u{202e}here.",
        "I'm sorry, I cannot.",
    ]);
    let (outcome, printed) = check(&options(&world));
    assert_eq!(
        kinds(&printed),
        [
            "metadata.jsonl:1: duplicate",
            "metadata.jsonl:2: too-long",
            "metadata.jsonl:3: cut-off",
            "metadata.jsonl:4: empty",
            "metadata.jsonl:6: control-characters",
            "metadata.jsonl:7: refusal",
        ]
    );
    assert_eq!(outcome.findings[&Kind::Lint(LintKind::Duplicate)], 2);
    assert!(printed.errors().starts_with("7 records: 2 duplicate, 1 "), "{printed:?}");
}

#[test]
fn a_caption_of_several_records_is_reported_once() {
    let world = world(&["A hat in a r", "A coat.", "A hat in a r", " A coat.", "A shoe.", "A coat.\n"]);
    let (outcome, printed) = check(&options(&world));
    let lines: Vec<&str> = printed.out().lines().collect();
    let expected = [
        "metadata.jsonl:1: cut-off: ends with “r”, no full stop",
        "metadata.jsonl:1: duplicate: same caption as record 3",
        "metadata.jsonl:2: duplicate: same caption as 2 other records: 4, 6",
    ];
    assert_eq!(lines, expected);
    assert_eq!(printed.errors(), "6 records: 5 duplicate, 2 cut-off\n", "all records count");
    assert_eq!(outcome.serious, 7);

    // JSON has the findings of every record, as in version 0.1.
    let (_, json) = check(&CheckOptions { json: true, ..options(&world) });
    let rows = json.out().lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let found: Vec<_> =
        rows.map(|row| (row["line"].as_u64().unwrap(), row["message"].as_str().unwrap().to_owned())).collect();
    let cut_off = || "ends with “r”, no full stop".to_owned();
    let same = |record: u32| format!("same caption as record {record}");
    let expected =
        [(1, cut_off()), (1, same(3)), (2, same(4)), (3, cut_off()), (3, same(1)), (4, same(2)), (6, same(2))];
    assert_eq!(found, expected);
}

#[test]
fn a_caption_of_many_records_is_linted_like_that_of_one() {
    let mut captions = ["A hat in a r"; 9];
    captions[7] = "  A hat in a r";
    let world = world(&captions);
    let (outcome, printed) = check(&options(&world));
    let expected = [
        "metadata.jsonl:1: cut-off: ends with “r”, no full stop",
        "metadata.jsonl:1: duplicate: same caption as 8 other records: 2, 3, 4, 5, 6, …",
    ];
    assert_eq!(printed.out().lines().collect::<Vec<_>>(), expected);
    assert_eq!(outcome.findings.values().copied().collect::<Vec<_>>(), [9, 9]);
    let (_, json) = check(&CheckOptions { json: true, ..options(&world) });
    let rows: Vec<Value> = json.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (at, rows) in rows.chunks(2).enumerate() {
        let start = if at == 7 { 13 } else { 11 };
        assert_eq!(
            (&rows[0]["record"], &rows[0]["span"]),
            (&Value::from(at + 1), &serde_json::json!([start, start + 1]))
        );
        assert_eq!(rows[1]["message"], format!("same caption as record {}", if at == 0 { 2 } else { 1 }));
    }
    assert_eq!(rows.len(), 18);
}

#[test]
fn without_the_finding_of_duplicates_every_record_has_its_own() {
    let near = "Young woman in a red coat standing on a street.";
    let world = world(&[near, near, "Young woman in a red coat, standing on a street."]);
    let mut options = options(&world);
    options.rules.max_words = 50;
    options.rules.severities.set(LintKind::Duplicate, Severity::Off);
    let expected = [1, 2, 3].map(|line| format!("metadata.jsonl:{line}: near-duplicate"));
    assert_eq!(kinds(&check(&options).1), expected);
}

const TAGS: [&str; 4] = ["1girl, solo, long hair", "1boy, hat, Hat", "1girl, day, night", "A woman in a red coat"];

#[test]
fn the_style_is_recognised_and_its_rules_apply() {
    let world = world(&TAGS);
    let mut options = options(&world);
    options.rules.conflicts.add(&[vec!["day"], vec!["night"]], false);
    let (_, printed) = check(&options);
    let tags = ["metadata.jsonl:2: duplicate-tag", "metadata.jsonl:3: conflicting-tags"];
    assert_eq!(kinds(&printed), tags);
    options.rules.style = Some(CaptionStyle::Prose);
    let cut_off: Vec<String> = (1..=4).map(|line| format!("metadata.jsonl:{line}: cut-off")).collect();
    assert_eq!(kinds(&check(&options).1), cut_off);
    options.rules.style = Some(CaptionStyle::Tags);
    assert_eq!(kinds(&check(&options).1), tags);
}

#[test]
fn sentences_with_commas_are_no_tags() {
    let world =
        world(&["A woman in a coat, young.", "A man in a coat and a hat, walking to a shop", "1girl, hat, coat"]);
    assert_eq!(check(&options(&world)).0.findings[&Kind::Lint(LintKind::CutOff)], 2);
}

#[test]
fn bad_lines_and_fields_are_reported() {
    let world = World::new(concat!(
        "not JSON\n",
        "\n",
        "{\"file_name\": \"a.png\", \"text\": 3}\n",
        "{\"file_name\": \"b.png\", \"text\": \"A \\ud800 hat.\"}\n",
        "{\"file_name\": \"c.png\", \"text\": \"x\", \"text\": \"A coat.\"}\n",
        "{\"text\": \"A shoe.\"}\n",
        "{\"file_name\": \"b.png\", \"text\": \"A sock.\"}\n",
        "{\"file_name\": \"d.png\"}\n",
    ));
    for name in ["a.png", "b.png", "c.png", "d.png"] {
        world.picture(name);
    }
    let (_, printed) = check(&options(&world));
    assert_eq!(
        kinds(&printed),
        [
            "metadata.jsonl:1: bad-line",
            "metadata.jsonl:3: caption-not-text",
            "metadata.jsonl:4: lone-surrogate",
            "metadata.jsonl:5: repeated-member",
            "metadata.jsonl:6: bad-line",
            "metadata.jsonl:7: repeated-name",
            "metadata.jsonl:8: empty",
        ]
    );
}

#[test]
fn missing_and_unreadable_images_are_reported() {
    let names = ["fine.png", "gone.png", "folder.png", "text.png", "half.jpg", "../out.png", "/etc/x.png"];
    let line = |name| format!("{{\"file_name\": \"{name}\", \"text\": \"A {name}.\"}}\n");
    let world = World::new(&names.map(line).concat());
    world.picture("fine.png");
    fs::create_dir(world.path("folder.png")).unwrap();
    world.write("text.png", "no picture");
    let mut jpeg = std::io::Cursor::new(Vec::new());
    ::image::RgbImage::new(9, 9).write_to(&mut jpeg, ::image::ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    world.write("half.jpg", &jpeg[..jpeg.len() - 2]);
    let (_, printed) = check(&options(&world));
    assert_eq!(
        kinds(&printed),
        [
            "metadata.jsonl:2: missing-picture",
            "metadata.jsonl:3: unreadable-picture",
            "metadata.jsonl:4: unreadable-picture",
            "metadata.jsonl:5: unreadable-picture",
            "metadata.jsonl:6: refused-path",
            "metadata.jsonl:7: refused-path",
        ]
    );
    assert!(printed.out().contains("text.png: a text file"), "{printed:?}");
    assert!(printed.out().contains("half.jpg: cut off: the JPEG file ends before its picture does"), "{printed:?}");
}

/// Images are judged on several threads, in batches.
#[test]
fn the_findings_of_many_images_keep_the_order_of_the_records() {
    let line = |number: u32| format!("{{\"file_name\": \"{number}.png\", \"text\": \"Caption number {number}.\"}}\n");
    let world = World::new(&(1..=600).map(line).collect::<String>());
    let is_there = |number: &u32| !number.is_multiple_of(7);
    (1..=600).filter(is_there).for_each(|number| world.picture(&format!("{number}.png")));
    let (outcome, printed) = check(&options(&world));
    let expected: Vec<String> =
        (7..=600).step_by(7).map(|line| format!("metadata.jsonl:{line}: missing-picture")).collect();
    let mut found = kinds(&printed);
    found.retain(|kind| kind.contains("picture"));
    assert_eq!(found, expected);
    assert_eq!(outcome.records, 600);
}

#[test]
fn images_without_a_record_are_reported() {
    let world = World::new(concat!(
        "{\"file_name\": \"images/a.png\", \"text\": \"A hat.\"}\n",
        "{\"file_name\": \"./images//b.png\", \"text\": \"A coat.\"}\n",
        "{\"file_name\": \"gone/c.png\", \"text\": \"A shoe.\"}\n",
        "{\"file_name\": \"renamed/d.png\", \"text\": \"A sock.\"}\n",
    ));
    for name in ["images/a.png", "images/b.png", "images/z.JPG", "images/y.png", "renamed/D2.png", "elsewhere/x.png"] {
        world.picture(name);
    }
    world.write("images/notes.txt", "no picture");
    let (_, printed) = check(&options(&world));
    assert_eq!(
        kinds(&printed),
        [
            "metadata.jsonl:3: missing-picture",
            "metadata.jsonl:4: missing-picture",
            "images/y.png: orphaned-picture",
            "images/z.JPG: orphaned-picture",
            "renamed/D2.png: orphaned-picture",
        ]
    );
}

#[cfg(unix)]
#[test]
fn an_image_behind_a_link_is_not_an_orphan() {
    let world = World::new("{\"file_name\": \"link/a.png\", \"text\": \"A hat.\"}\n");
    world.picture("images/a.png");
    std::os::unix::fs::symlink(world.path("images"), world.path("link")).unwrap();
    assert_eq!(check(&options(&world)).1.out(), "");
}

#[test]
fn a_second_metadata_file_is_reported() {
    let world = world(&["A hat."]);
    world.write("metadata.csv", "file_name,text\n");
    world.write("metadata.parquet", "PAR1");
    assert_eq!(
        kinds(&check(&options(&world)).1),
        ["metadata.csv: second-metadata", "metadata.parquet: second-metadata"]
    );
    // A dataset with another name is not metadata itself: there are two other files.
    fs::copy(world.path("metadata.jsonl"), world.path("captions.jsonl")).unwrap();
    fs::remove_file(world.path("metadata.jsonl")).unwrap();
    let captions = CheckOptions { dataset: world.path("captions.jsonl"), ..options(&world) };
    assert_eq!(kinds(&check(&captions).1), ["metadata.parquet: second-metadata"]);
    fs::remove_file(world.path("metadata.parquet")).unwrap();
    assert_eq!(check(&captions).1.out(), "");
}

#[test]
fn json_has_one_object_per_finding() {
    let world = world(&["A hat\u{9b}31m.", "One two three four five six seven."]);
    world.picture("orphan.png");
    let (_, printed) = check(&CheckOptions { json: true, ..options(&world) });
    assert!(!printed.out().contains('\u{9b}'));
    let rows: Vec<Value> = printed.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let message = rows[0]["message"].as_str().unwrap().to_owned();
    assert!(message.contains("U+009B"), "{message}");
    let expected = serde_json::json!({
        "file": "metadata.jsonl", "line": 1, "record": 1, "file_name": "0.png", "lint": "control-characters", "severity": "warn",
        "message": message, "span": [5, 7],
    });
    assert_eq!(rows[0], expected);
    assert_eq!((&rows[1]["lint"], &rows[1]["span"]), (&Value::from("too-long"), &serde_json::json!([27, 34])));
    assert_eq!((&rows[2]["file"], &rows[2]["line"]), (&Value::from("orphan.png"), &Value::Null));
    assert_eq!(rows.len(), 3);
}

#[test]
fn output_is_sanitised() {
    let world =
        World::new("{\"file_name\": \"\\u001b[31m.png\", \"\\u001b[2J\": 1, \"text\": \"A hat\\u001b[1m.\"}\n\u{1b}\n");
    for json in [false, true] {
        let (_, printed) = check(&CheckOptions { json, ..options(&world) });
        assert_eq!(printed.out().lines().count(), 3, "{printed:?}");
        assert!(!printed.out().chars().any(|character| character.is_control() && character != '\n'), "{printed:?}");
    }
}

#[test]
fn caption_field_and_image_folder_can_be_chosen() {
    let world = World::new("{\"file_name\": \"../a.png\", \"text\": \"x\", \"caption\": \"A hat.\"}\n");
    world.picture("a.png");
    fs::create_dir(world.path("inner")).unwrap();
    let images = Some(world.path("inner"));
    let reading = OpenOptions { caption_field: "caption".to_owned(), images, ..OpenOptions::default() };
    assert_eq!(check(&CheckOptions { reading, ..options(&world) }).1.out(), "");
}

#[test]
fn a_cause_of_most_findings_is_printed_once() {
    let line = |at| format!("{{\"file_name\": \"images\\\\{at}.png\", \"text\": \"Hat {at}.\", \"price\": NaN}}\n");
    let world = World::new(&((0..6).map(line).collect::<String>() + "{'file_name': 'images/5.png'}\n"));
    (0..5).for_each(|at| world.picture(&format!("images/{at}.png")));
    let (outcome, printed) = check(&options(&world));
    let lines: Vec<&str> = printed.out().lines().collect();
    assert_eq!(
        lines[2..],
        [
            "metadata.jsonl:1: nan: 6 of 7 records: NaN is not JSON: write null instead (Python: json.dumps(…, \
             allow_nan=False))",
            "metadata.jsonl:1: other-spelling: 5 of 7 records: no such file; read with / in place of \\",
        ]
    );
    assert_eq!(kinds(&printed)[..2], ["metadata.jsonl:6: missing-picture", "metadata.jsonl:7: bad-line"]);
    assert_eq!((outcome.findings[&Kind::NotANumber], outcome.findings[&Kind::OtherSpelling]), (6, 5));
    let (_, json) = check(&CheckOptions { json: true, ..options(&world) });
    assert_eq!(json.out().lines().count(), 6 + 5 + 1 + 1, "JSON has every finding");
}

#[test]
fn a_cause_of_few_findings_is_printed_by_line() {
    let line = |at| format!("{{\"file_name\": \"{at}.png\", \"text\": \"Hat {at}.\"}}\n");
    let world = World::new(&((0..5).map(line).collect::<String>() + &"\"file_name\": x\n".repeat(5)));
    (0..5).for_each(|at| world.picture(&format!("{at}.png")));
    assert_eq!(check(&options(&world)).1.out().lines().count(), 5);
}

#[test]
fn a_bad_line_does_not_orphan_its_image() {
    let world = World::new("{\"file_name\": \"a.png\", \"text\": 'A hat.'}\n");
    world.picture("a.png");
    assert_eq!(kinds(&check(&options(&world)).1), ["metadata.jsonl:1: bad-line"]);
}

#[test]
fn another_format_is_one_error_with_the_way_out() {
    for (bytes, way_out) in [
        (&b"[{\"file_name\": \"a.png\"}]"[..], "jq -c '.[]'"),
        (b"[\n  {\n", "jq -c '.[]'"),
        (&[0x1F, 0x8B, 8, 0], "gunzip"),
        (b"PK\x03\x04", "unzip"),
        (b"\xFF\xFE{\0", "iconv"),
        (b"\0\0\0{", "iconv"),
        (b"PAR1\0", "recaption init"),
        (b"SQLite format 3\0", ".jsonl"),
    ] {
        let world = world(&[]);
        fs::write(world.path("metadata.jsonl"), bytes).unwrap();
        let (result, _) = Printed::by(|out, errors| run(&options(&world), out, errors));
        let error = result.unwrap_err();
        assert!(error.to_string().contains(way_out), "{error}");
        assert_eq!(error.exit_code(), ExitCode::Usage);
    }
}

#[test]
fn an_unreadable_dataset_is_an_error() {
    let world = world(&[]);
    let missing = CheckOptions { dataset: world.path("none.jsonl"), ..options(&world) };
    let (result, _) = Printed::by(|out, errors| run(&missing, out, errors));
    assert!(matches!(result, Err(CheckError::Dataset(DatasetError::NotFound { .. }))));
}

#[test]
fn notes_do_not_change_the_exit_code() {
    let world = world(&[
        "Young woman in a red coat, standing on a street.",
        "A hat.",
        "Young woman in a red coat standing on a street.",
    ]);
    let rules = Rules { min_words: 1, ..Rules::default() };
    let (outcome, printed) = check(&CheckOptions { rules, ..options(&world) });
    assert_eq!(kinds(&printed), ["metadata.jsonl:1: near-duplicate", "metadata.jsonl:3: near-duplicate"]);
    assert!(printed.out().contains("nearly the same caption as record 3"), "{printed:?}");
    assert_eq!((outcome.serious, outcome.exit_code()), (0, ExitCode::Done));
}

#[test]
fn severities_of_lints_can_be_configured() {
    let world = world(&["A hat in a r", "A hat in a r", "A very long caption about a hat in a r"]);
    let mut options = options(&world);
    for kind in [LintKind::CutOff, LintKind::Duplicate] {
        options.rules.severities.set(kind, Severity::Off);
    }
    let (outcome, printed) = check(&options);
    assert_eq!(kinds(&printed), ["metadata.jsonl:3: too-long"]);
    assert_eq!((outcome.serious, outcome.exit_code()), (1, ExitCode::Findings));
}

/// Whatever the severities, a run accepts the captions that `check` passes, and no other.
#[test]
fn generate_accepts_what_check_passes() {
    let captions = [
        "A hat on a table.",
        "A young woman with long black hair and a hat.",
        "A coat in a r",
        "Ends\u{202e}here.",
        "I'm sorry, I cannot.",
        "A person in fashion clothing",
        "A hat hat on it.",
        "The image shows a hat.",
        "It appears to be red.",
        "**A hat** on it.",
        "Un chapeau noir sur la table.",
        "A h\u{430}t on it.",
    ];
    for severity in [None, Some(Severity::Error), Some(Severity::Warn), Some(Severity::Info), Some(Severity::Off)] {
        for caption in captions {
            let world = world(&[caption]);
            let mut options = options(&world);
            for kind in LintKind::ALL {
                if let Some(severity) = severity {
                    options.rules.severities.set(kind, severity);
                }
            }
            let description = Description {
                text: caption.to_owned(),
                model: "m1".to_owned(),
                prompt: None,
                parameters: String::new(),
                stop: StopReason::EndTurn,
                usage: None,
            };
            let origin = Origin {
                describer: "test",
                reason: None,
                at: Timestamp::UNIX_EPOCH,
                accept: Some(Actor::Run),
                current: Some("A hat."),
            };
            let outcome = describe::Outcome::Described(description);
            let conclusion = rules::conclude(&Ledger::new(), RecordId(0), outcome, origin, &options.rules);
            let is_accepted =
                matches!(conclusion.result, Concluded::Described(Described { standing: Standing::Accepted, .. }));
            let passes = check(&options).0.serious == 0;
            // A refusal by the model is a failure at any severity except "off".
            if severity == Some(Severity::Info) && caption.starts_with("I'm sorry") {
                assert!(!is_accepted);
            } else {
                assert_eq!(is_accepted, passes, "{caption} {severity:?}");
            }
        }
    }
}
