mod several;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;

use super::*;
use crate::cli::Side;
use crate::command::fixture::{Printed, World, accepted, decided, edited};
use crate::command::init::{self, InitOptions, InitSource};
use crate::command::save::{self, SaveOptions};
use crate::dataset::{Dataset, Entry, OpenOptions, RecordId};
use crate::parquet_file::fixture::{self, Form, Row};
use crate::picture;
use crate::session::Decision;
use crate::session::Event;

const FIVE: &str = concat!(
    "{\"file_name\": \"in/a.jpg\", \"text\": \"A hat.\"}\r\n",
    "{\"text\":\"A coat.\",\"n\":1.50,\"file_name\":\"in/b.jpg\"}\n",
    "\n",
    "{\"file_name\": \"c.jpg\", \"text\": \"A \\u0073hoe.\"}\n",
    "{\"file_name\": \"d.jpg\", \"text\": \"A sock.\"}\n",
    "{\"file_name\": \"e.jpg\", \"text\": \"A belt, \\\"new\\\".\"}",
);

/// Undecided, accepted, edited, excluded, kept.
fn reviewed() -> World {
    let world = World::new(FIVE);
    world.record(accepted(1, "Ein Mantel, grün."));
    world.record([
        decided(2, edited("Ein Schuh.")),
        decided(3, Decision::Excluded),
        decided(4, Decision::Kept),
        Event::Noted { record: RecordId(4), note: "check, twice".to_owned() },
        Event::Flagged { record: RecordId(4), on: true },
    ]);
    world
}

fn options(world: &World, to: Format) -> ExportOptions {
    ExportOptions {
        input: world.input(),
        to,
        output: None,
        only: Vec::new(),
        split: None,
        texts: TextFiles::default(),
        images: None,
        safe_csv: false,
        force: false,
        progress: false,
    }
}

fn with_extension(extension: &str) -> TextFiles {
    TextFiles { extension: Some(extension.to_owned()), lines: false }
}

fn export(options: &ExportOptions) -> (Result<Outcome, ExportError>, Printed) {
    Printed::by(|out, errors| run(options, out, errors))
}

#[test]
fn jsonl_equals_a_save() {
    let world = reviewed();
    let (outcome, printed) = export(&options(&world, Format::Jsonl));
    assert_eq!(outcome.unwrap(), Outcome { read: 5, exported: 4, excluded: 1, ..Outcome::default() });
    assert_eq!(printed.errors(), "5 records read: 4 exported, 1 excluded (--only excluded exports them)\n");
    let save = SaveOptions { input: world.input(), ..SaveOptions::default() };
    Printed::by(|out, errors| save::run(&save, out, errors)).0.unwrap();
    let saved = world.read("metadata_updated.jsonl");
    let records: Vec<&str> = saved.split('\n').filter(|line| !line.is_empty()).collect();
    assert_eq!(printed.out().split_terminator('\n').collect::<Vec<_>>(), records);
    assert!(printed.out().contains("\"text\":\"Ein Mantel, grün.\",\"n\":1.50,"), "{printed:?}");
}

#[test]
fn only_selected_decisions_are_exported() {
    let world = reviewed();
    let names = |only: &[DecisionKind]| {
        let (result, printed) = export(&ExportOptions { only: only.to_vec(), ..options(&world, Format::Csv) });
        result.unwrap();
        let mut table = csv::Reader::from_reader(printed.out.as_slice());
        table.records().map(|row| row.unwrap()[0].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(&[]), ["in/a.jpg", "in/b.jpg", "c.jpg", "e.jpg"]);
    assert_eq!(names(&[DecisionKind::Accepted, DecisionKind::Edited]), ["in/b.jpg", "c.jpg"]);
    assert_eq!(names(&[DecisionKind::Excluded]), ["d.jpg"]);
    assert_eq!(names(&[DecisionKind::Skipped]), [""; 0]);
}

#[test]
fn a_split_partitions_the_images() {
    // Each image has two captions, which must be on the same side.
    let line = |at: usize| format!("{{\"file_name\": \"{}.jpg\", \"text\": \"Caption {at}.\"}}\n", at / 2);
    let world = World::new(&(0..2_000).map(line).collect::<String>());
    let side = |side, test_percent, seed| {
        let split = Some(Split { side, test_percent, seed });
        let (_, printed) = export(&ExportOptions { split, ..options(&world, Format::Jsonl) });
        printed.out().lines().map(ToOwned::to_owned).collect::<Vec<_>>()
    };
    let names = |lines: &[String]| {
        lines.iter().map(|line| line.split('"').nth(3).unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    let (train, test) = (side(Side::Train, 20, 7), side(Side::Test, 20, 7));
    assert_eq!(train.len() + test.len(), 2_000);
    assert!(names(&train).is_disjoint(&names(&test)));
    // 200 of 1000 images are expected; six standard deviations are 76.
    assert!((124..=276).contains(&names(&test).len()), "{}", names(&test).len());
    assert_eq!(side(Side::Test, 20, 7), test);
    assert_ne!(side(Side::Test, 20, 8), test);
    // A larger test side only takes images from the training side.
    assert!(names(&test).is_subset(&names(&side(Side::Test, 30, 7))));
}

#[test]
fn csv_has_one_row_per_record() {
    let world = reviewed();
    let path = world.path("out.csv");
    let (outcome, printed) = export(&ExportOptions { output: Some(path.clone()), ..options(&world, Format::Csv) });
    outcome.unwrap();
    assert_eq!(printed.out(), format!("{}: 4 records\n", path.display()));
    let mut table = csv::Reader::from_path(path).unwrap();
    assert_eq!(table.headers().unwrap(), vec!["file_name", "text", "decision", "by", "flagged", "note", "original"]);
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows[0], vec!["in/a.jpg", "A hat.", "undecided", "none", "false", "", "A hat."]);
    assert_eq!(rows[1], vec!["in/b.jpg", "Ein Mantel, grün.", "accepted", "operator", "false", "", "A coat."]);
    let belt = "A belt, \"new\".";
    assert_eq!(rows[3], vec!["e.jpg", belt, "kept", "operator", "true", "check, twice", belt]);
}

#[test]
fn text_files_are_written_beside_the_images() {
    let world = reviewed();
    let (outcome, printed) = export(&options(&world, Format::Txt));
    assert_eq!(outcome.unwrap().exported, 4);
    assert_eq!(world.files(), ["c.txt", "e.txt", "in/a.txt", "in/b.txt", "metadata.jsonl"]);
    assert_eq!(
        (world.read("in/b.txt").as_str(), world.read("c.txt").as_str()),
        ("Ein Mantel, grün.\n", "Ein Schuh.\n")
    );
    assert_eq!(printed.out(), format!("{}: 4 text files\n", world.folder.path().display()));
}

#[test]
fn text_files_keep_their_subfolders_in_another_folder() {
    let world = reviewed();
    let output = Some(world.path("captions"));
    export(&ExportOptions { output, ..options(&world, Format::Txt) }).0.unwrap();
    let expected = ["captions/c.txt", "captions/e.txt", "captions/in/a.txt", "captions/in/b.txt", "metadata.jsonl"];
    assert_eq!(world.files(), expected);
}

#[test]
fn if_one_text_file_exists_none_is_written() {
    let world = reviewed();
    world.write("c.txt", "precious");
    world.write("e.txt", "precious too");
    let error = export(&options(&world, Format::Txt)).0.unwrap_err();
    assert!(matches!(&error, ExportError::Exists { path, others: 1 } if path.ends_with("c.txt")), "{error:?}");
    assert_eq!(world.files(), ["c.txt", "e.txt", "metadata.jsonl"]);
    assert_eq!(world.read("c.txt"), "precious");

    export(&ExportOptions { force: true, ..options(&world, Format::Txt) }).0.unwrap();
    assert_eq!(world.read("c.txt"), "Ein Schuh.\n");
}

#[test]
fn two_captions_with_one_text_file_are_an_error() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}\n",
        "{\"file_name\": \"./a.png\", \"text\": \"A shoe.\"}\n",
    ));
    let error = export(&options(&world, Format::Txt)).0.unwrap_err();
    assert!(error.to_string().starts_with("metadata.jsonl:3: "), "{error}");
    assert!(error.to_string().contains("the text file of line 1 too"), "{error}");
    assert_eq!(world.files(), ["metadata.jsonl"]);
}

#[test]
fn text_files_are_never_written_outside_the_folder() {
    let world = World::new(concat!(
        "{\"file_name\": \"../\\u001bup.jpg\", \"text\": \"A hat.\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}\n",
        "{\"file_name\": \"c.txt\", \"text\": \"A shoe.\"}\n",
    ));
    for images in [None, Some(world.path("in/deep"))] {
        let mut to_folder = options(&world, Format::Txt);
        to_folder.output = Some(world.path("in/captions"));
        to_folder.force = true;
        to_folder.input.reading = OpenOptions { images, ..OpenOptions::default() };
        let (outcome, printed) = export(&to_folder);
        assert_eq!(outcome.unwrap(), Outcome { read: 3, exported: 2, bad_path: 1, ..Outcome::default() });
        assert!(printed.errors().starts_with("metadata.jsonl:1: ../␛up.jpg: the path "), "{printed:?}");
        assert_eq!(world.files(), ["in/captions/b.txt", "in/captions/c.txt", "metadata.jsonl"]);
    }
    // The text file would overwrite the image.
    let (outcome, _) = export(&ExportOptions { force: true, ..options(&world, Format::Txt) });
    assert_eq!(outcome.unwrap(), Outcome { read: 3, exported: 1, bad_path: 2, ..Outcome::default() });
}

#[test]
fn records_that_cannot_be_exported_are_counted() {
    let world = World::new("{\"file_name\": \"a.jpg\"}\nnot JSON\n{\"file_name\": \"b.jpg\", \"text\": \" \"}\n");
    let (outcome, printed) = export(&options(&world, Format::Txt));
    let expected = Outcome { read: 3, without_caption: 2, unreadable: 1, ..Outcome::default() };
    assert_eq!(outcome.unwrap(), expected);
    assert_eq!(
        printed.errors(),
        "3 records read: 0 exported, 2 without a caption, 1 not readable (`recaption check` lists them)\n"
    );
    let (outcome, printed) = export(&options(&world, Format::Jsonl));
    assert_eq!(outcome.unwrap(), Outcome { read: 3, exported: 2, unreadable: 1, ..Outcome::default() });
    assert!(!printed.out().contains("not JSON"), "{printed:?}");
    let only = vec![DecisionKind::Accepted];
    let outcome = export(&ExportOptions { only, ..options(&world, Format::Jsonl) }).0.unwrap();
    assert_eq!(outcome, Outcome { read: 3, other_decision: 3, ..Outcome::default() });
    assert_eq!(outcome.exit_code(), ExitCode::Done);
}

proptest::proptest! {
    #[test]
    fn counts_add_up(
        lines in proptest::collection::vec(0..6_usize, 1..12),
        decisions in proptest::collection::vec(0..4_usize, 12),
        to in 0..5_usize,
        only in proptest::prelude::any::<bool>(),
        train in proptest::prelude::any::<bool>(),
    ) {
        let line = |(at, kind): (usize, &usize)| match kind {
            0 => "not JSON\n".to_owned(),
            1 => format!("{{\"file_name\": \"{at}.jpg\"}}\n"),
            2 => format!("{{\"file_name\": \"{at}.jpg\", \"text\": [\"A hat.\", 1]}}\n"),
            3 => format!("{{\"file_name\": \"../{at}.jpg\", \"text\": \"A hat.\"}}\n"),
            4 => format!("{{\"file_name\": \"{at}.jpg\", \"text\": null}}\n"),
            _ => format!("{{\"file_name\": \"{at}.jpg\", \"text\": \"A hat.\"}}\n"),
        };
        let world = World::new(&lines.iter().enumerate().map(line).collect::<String>());
        let kinds = [Decision::Undecided, Decision::Excluded, Decision::Kept, Decision::Skipped];
        let decided = lines.iter().zip(0..).filter(|(kind, _)| **kind != 0);
        world.decide(decided.map(|(_, at)| (at, kinds[decisions[at as usize]].clone())));
        let options = ExportOptions {
            only: if only { vec![DecisionKind::Kept, DecisionKind::Undecided] } else { Vec::new() },
            split: train.then_some(Split { side: Side::Train, test_percent: 50, seed: 1 }),
            output: (to == 4).then(|| world.path("out")),
            ..options(&world, [Format::Txt, Format::Csv, Format::Jsonl, Format::Kohya, Format::Imagefolder][to])
        };
        // The images of half of the records are there.
        for at in (0..lines.len()).step_by(2) {
            world.picture(&format!("{at}.jpg"));
        }
        let before = world.files().len();
        let (outcome, printed) = export(&options);
        let outcome = outcome.unwrap();
        let Outcome { read, exported, excluded, other_decision, other_side, .. } = outcome;
        let Outcome { without_caption, not_text, unreadable, bad_path, without_image, in_table, .. } = outcome;
        let of_content = without_caption + not_text + unreadable + bad_path + without_image + in_table;
        let left_out = excluded + other_decision + other_side + of_content;
        proptest::prop_assert_eq!(read, lines.len() as u64);
        proptest::prop_assert_eq!(read, exported + left_out);
        let written = match options.to {
            Format::Txt => world.files().len() - before,
            Format::Kohya => serde_json::from_str::<serde_json::Value>(printed.out()).unwrap().as_object().unwrap().len(),
            Format::Imagefolder => {
                let written = world.read("out/metadata.jsonl").lines().count();
                proptest::prop_assert_eq!(world.files().len(), before + 1 + written);
                written
            }
            Format::Csv => csv::Reader::from_reader(printed.out.as_slice()).records().count(),
            _ => printed.out().lines().count(),
        };
        proptest::prop_assert_eq!(exported, written as u64);
    }
}

#[test]
fn captions_that_are_not_strings_are_json_in_csv_and_not_text_files() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": [\"A hat.\", 1, \"A \\u0068at on a hook.\"]}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}\n",
        "{\"file_name\": \"c.jpg\", \"text\": null}\n",
        "{\"file_name\": \"d.jpg\", \"text\": 7}\n",
    ));
    let (outcome, printed) = export(&options(&world, Format::Csv));
    let outcome = outcome.unwrap();
    assert_eq!(outcome, Outcome { read: 4, exported: 4, doubtful: 2, ..Outcome::default() });
    assert_eq!(outcome.exit_code(), ExitCode::Findings);
    assert!(printed.errors().starts_with("2 captions are not strings: written as JSON;"), "{printed:?}");
    let mut table = csv::Reader::from_reader(printed.out.as_slice());
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let list = r#"["A hat.", 1, "A \u0068at on a hook."]"#;
    assert_eq!(rows[0], vec!["a.jpg", list, "undecided", "none", "false", "", list]);
    assert_eq!(rows.iter().map(|row| &row[1]).collect::<Vec<_>>(), [list, "A coat.", "", "7"]);

    let (outcome, printed) = export(&options(&world, Format::Txt));
    let outcome = outcome.unwrap();
    let expected = Outcome { read: 4, exported: 1, without_caption: 1, not_text: 2, ..Outcome::default() };
    assert_eq!((outcome, outcome.exit_code()), (expected, ExitCode::Findings));
    assert!(printed.errors().contains("2 with a caption that is not a string"), "{printed:?}");
    assert_eq!(world.files(), ["b.txt", "metadata.jsonl"]);
}

#[test]
fn captions_with_half_of_a_surrogate_pair_are_named() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"A hat \\ud83d.\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"A coat \\ud83d.\"}\n",
    ));
    world.decide([(1, edited("A coat."))]);
    let note = |place: &str| format!("1 text with half of a surrogate pair, written as U+FFFD: {place}\n");
    for (to, place) in
        [(Format::Csv, "metadata.jsonl:1: text"), (Format::Txt, "a.txt"), (Format::Parquet, "metadata.jsonl:1: text")]
    {
        let output = (to == Format::Parquet).then(|| world.path("out.parquet"));
        let (outcome, printed) = export(&ExportOptions { output, ..options(&world, to) });
        assert_eq!(outcome.unwrap(), Outcome { read: 2, exported: 2, doubtful: 1, ..Outcome::default() });
        assert!(printed.errors().contains(&note(place)), "{printed:?}");
    }
    assert_eq!(world.read("a.txt"), "A hat \u{FFFD}.\n");
    let (outcome, printed) = export(&options(&world, Format::Jsonl));
    assert_eq!(outcome.unwrap().exit_code(), ExitCode::Done);
    assert!(printed.out().contains("A hat \\ud83d."), "{printed:?}");
}

/// pandas and Hugging Face's loader infer types from the first 10,000 rows.
#[test]
fn csv_begins_with_a_text_in_each_column() {
    let line = |at: usize| match at {
        0..10_002 => format!("{{\"file_name\": \"{at}.jpg\", \"text\": \"{}\"}}\n", ["", "NA", "7"][at % 3]),
        _ => format!("{{\"file_name\": \"{at}.jpg\", \"text\": \"A hat.\"}}\n"),
    };
    let world = World::new(&(0..10_006).map(line).collect::<String>());
    let noted = Event::Noted { record: RecordId(10_004), note: "Check.".to_owned() };
    world.record([decided(10_003, edited("A coat.")), noted]);
    let names = |options: &ExportOptions| {
        let (outcome, printed) = export(options);
        outcome.unwrap();
        let mut table = csv::Reader::from_reader(printed.out.as_slice());
        let names = table.records().map(|row| row.unwrap()[0].to_owned()).collect::<Vec<_>>();
        (names, printed.errors().lines().next().unwrap().to_owned())
    };
    let (all, note) = names(&options(&world, Format::Csv));
    assert_eq!(all.len(), 10_006);
    assert_eq!(all[..4], ["10002.jpg", "10004.jpg", "0.jpg", "1.jpg"]);
    assert_eq!(all[10_002..], ["10000.jpg", "10001.jpg", "10003.jpg", "10005.jpg"]);
    assert!(note.starts_with("2 rows were moved to the beginning: "), "{note}");
    // In fewer rows nothing is moved.
    let (some, _) = names(&ExportOptions { only: vec![DecisionKind::Edited], ..options(&world, Format::Csv) });
    assert_eq!(some, ["10003.jpg"]);
}

#[test]
fn the_text_file_that_exists_is_written() {
    let world = reviewed();
    world.write("in/a.caption", "old");
    world.write("in/b.txt", "old");
    world.write("in/b.caption", "old");
    let error = export(&options(&world, Format::Txt)).0.unwrap_err();
    assert!(matches!(&error, ExportError::Exists { path, others: 1 } if path.ends_with("in/a.caption")), "{error:?}");
    let (_, printed) = export(&ExportOptions { force: true, ..options(&world, Format::Txt) });
    let expected = ["c.txt", "e.txt", "in/a.caption", "in/b.caption", "in/b.txt", "metadata.jsonl"];
    assert_eq!(world.files(), expected);
    assert_eq!(world.read("in/a.caption"), "A hat.\n");
    assert_eq!(world.read("in/b.txt"), "Ein Mantel, grün.\n");
    assert_eq!(world.read("in/b.caption"), "old");
    let note =
        "1 text file not written, because the image has another one; --ext selects the extension: in/b.caption\n";
    assert!(printed.errors().contains(note), "{printed:?}");

    let texts = with_extension("caption");
    export(&ExportOptions { force: true, texts, ..options(&world, Format::Txt) }).0.unwrap();
    assert_eq!(world.read("in/b.caption"), "Ein Mantel, grün.\n");
    for extension in ["", ".txt", "a/b", "JPG"] {
        let options = ExportOptions { texts: with_extension(extension), ..options(&world, Format::Txt) };
        assert!(matches!(export(&options).0, Err(ExportError::Extension { .. })), "{extension}");
    }
}

#[test]
fn the_text_file_that_init_reads_is_written() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}\n",
        "{\"file_name\": \"c.jpg\", \"text\": \"A shoe.\"}\n",
        "{\"file_name\": \"c.png\", \"text\": \"A belt.\"}\n",
    ));
    let files = [("a.TXT", "old"), ("b.txt", ""), ("b.caption", "old"), ("c.jpg.txt", "old"), ("c.png.txt", "old")];
    for (name, content) in files {
        world.write(name, content);
    }
    export(&ExportOptions { force: true, ..options(&world, Format::Txt) }).0.unwrap();
    let written = [("a.TXT", "A hat.\n"), ("b.txt", ""), ("b.caption", "A coat.\n"), ("c.jpg.txt", "A shoe.\n")];
    for (name, content) in written {
        assert_eq!(world.read(name), content, "{name}");
    }
    assert_eq!(world.files().len(), files.len() + 1);
}

#[test]
fn text_files_that_stay_beside_images_are_named() {
    let world = reviewed();
    world.write("d.caption", "excluded");
    world.write("e.txt", "kept");
    let only = vec![DecisionKind::Accepted];
    let (outcome, printed) = export(&ExportOptions { only, ..options(&world, Format::Txt) });
    assert_eq!(outcome.unwrap().exit_code(), ExitCode::Done);
    let note = "2 text files of records that were not exported stay, and trainers read them;";
    assert!(printed.errors().starts_with(note), "{printed:?}");
    assert!(printed.errors().contains(" with -o: d.caption, e.txt\n"), "{printed:?}");
    assert_eq!(world.read("d.caption"), "excluded");
}

#[test]
fn a_text_file_that_is_read_for_another_image_is_named() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\"}\n",
        "{\"file_name\": \"a.png\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\\nNew.\"}\n",
        "{\"file_name\": \"./b.jpg\"}\n",
    ));
    let (outcome, printed) = export(&options(&world, Format::Txt));
    let outcome = outcome.unwrap();
    assert_eq!((outcome.exported, outcome.doubtful, outcome.exit_code()), (2, 1, ExitCode::Findings));
    assert!(printed.errors().contains("1 text file also read for an image that was not exported;"), "{printed:?}");
    assert!(printed.errors().contains(": a.txt (a.png)\n"), "{printed:?}");
    assert!(printed.errors().contains("1 text file with several lines; kohya's scripts read only the first: b.txt\n"));
}

#[test]
fn a_file_is_overwritten_only_by_force_and_the_dataset_never() {
    let world = reviewed();
    world.write("out.csv", "precious");
    let to_file = ExportOptions { output: Some(world.path("out.csv")), ..options(&world, Format::Csv) };
    assert!(matches!(export(&to_file).0, Err(ExportError::Exists { .. })));
    assert_eq!(world.read("out.csv"), "precious");
    export(&ExportOptions { force: true, ..to_file.clone() }).0.unwrap();
    assert!(world.read("out.csv").starts_with("file_name,"));

    let dataset = Some(world.path("./metadata.jsonl"));
    let over_itself = ExportOptions { output: dataset, force: true, ..to_file.clone() };
    assert!(matches!(export(&over_itself).0, Err(ExportError::IsInput(_))));
    assert_eq!(world.read("metadata.jsonl"), FIVE);

    let folder = ExportOptions { output: Some(world.folder.path().to_owned()), ..to_file };
    assert!(matches!(export(&folder).0, Err(ExportError::Target { .. })));
    let file = ExportOptions { output: Some(world.path("out.csv")), ..options(&world, Format::Txt) };
    assert!(matches!(export(&file).0, Err(ExportError::Target { .. })));
}

#[cfg(unix)]
#[test]
fn links_and_modes_are_kept() {
    use std::os::unix::fs::PermissionsExt as _;
    let world = reviewed();
    world.write("real.csv", "old");
    fs::set_permissions(world.path("real.csv"), fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("real.csv", world.path("link.csv")).unwrap();
    let output = Some(world.path("link.csv"));
    export(&ExportOptions { output, force: true, ..options(&world, Format::Csv) }).0.unwrap();
    assert!(world.path("link.csv").is_symlink());
    assert!(world.read("real.csv").starts_with("file_name,"));
    assert_eq!(fs::metadata(world.path("real.csv")).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn a_file_that_cannot_be_written_is_named() {
    let world = reviewed();
    let output = Some(world.path("none/out.csv"));
    let error = export(&ExportOptions { output, ..options(&world, Format::Csv) }).0.unwrap_err();
    assert!(matches!(error, ExportError::Write { .. }), "{error:?}");
    // A file instead of a folder: text files before it are written and counted.
    world.write("captions/in", "");
    let only = vec![DecisionKind::Edited, DecisionKind::Accepted];
    let to_folder = ExportOptions { output: Some(world.path("captions")), only, ..options(&world, Format::Txt) };
    let error = export(&to_folder).0.unwrap_err();
    assert!(matches!(error, ExportError::Write { written: 0, .. }), "{error:?}");
}

#[test]
fn output_to_a_terminal_is_sanitised() {
    let world = World::new("{\"file_name\": \"a.jpg\", \"text\": \"red \\u001b[31m\\u009b1m\"}\n");
    for to in [Format::Csv, Format::Jsonl] {
        let options = options(&world, to);
        let (_, printed) = Printed::on_terminal(|out, errors| run(&options, out, errors));
        assert!(!printed.out().chars().any(|character| character.is_control() && character != '\n'), "{printed:?}");
    }
    let (_, piped) = export(&options(&world, Format::Csv));
    assert!(piped.out().contains("\u{1b}[31m\u{9b}1m"), "{piped:?}");
}

#[test]
fn the_session_is_not_touched() {
    let world = reviewed();
    let held = world.hold();
    export(&options(&world, Format::Csv)).0.unwrap();
    drop(held);
    let fresh = World::new(FIVE);
    export(&options(&fresh, Format::Csv)).0.unwrap();
    assert!(!fresh.path(".recaption").exists());
}

/// Returns the rows of a table as JSON.
fn rows(path: &std::path::Path) -> Vec<String> {
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    let table = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let row = |row: ::parquet::record::Row| {
        let cells: Vec<String> =
            row.get_column_iter().map(|(name, field)| format!("{name}={}", field.to_json_value())).collect();
        cells.join(" ")
    };
    table.get_row_iter(None).unwrap().map(|of| row(of.unwrap())).collect()
}

#[test]
fn parquet_has_a_typed_column_for_each_field() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"A hat.\", \"n\": 1, \"share\": 2, \"ok\": true, \"brand\": \"Acme\"}\n",
        "{\"file_name\": \"b.jpg\", \"text\": \"A coat.\", \"share\": 0.5, \"tags\": [\"red\"], \"mixed\": \"one\"}\n",
        "{\"text\": \"A \\u0073hoe.\", \"file_name\": \"c.jpg\", \"n\": null, \"mixed\": 1}\n",
        "{\"file_name\": \"d.jpg\"}\n",
    ));
    world.record([decided(1, edited("Ein Mantel, grün.")), decided(0, Decision::Excluded)]);
    let path = world.path("out.parquet");
    let options = ExportOptions { output: Some(path.clone()), ..options(&world, Format::Parquet) };
    let (outcome, printed) = export(&options);
    assert_eq!(outcome.unwrap(), Outcome { read: 4, exported: 3, excluded: 1, ..Outcome::default() });
    assert_eq!(printed.out(), format!("{}: 3 records\n", path.display()));
    assert_eq!(
        rows(&path),
        [
            r#"file_name="b.jpg" text="Ein Mantel, grün." share=0.5 tags=["red"] mixed="\"one\"" n=null"#,
            r#"file_name="c.jpg" text="A shoe." share=null tags=null mixed="1" n=null"#,
            r#"file_name="d.jpg" text=null share=null tags=null mixed=null n=null"#,
        ]
    );
    let all =
        ExportOptions { only: vec![DecisionKind::Excluded, DecisionKind::Undecided], force: true, ..options.clone() };
    export(&all).0.unwrap();
    let first = r#"file_name="a.jpg" text="A hat." n=1 share=2 ok=true brand="Acme" mixed=null"#;
    assert_eq!(rows(&path)[0], first);
    assert!(matches!(export(&options).0, Err(ExportError::Exists { .. })));
}

#[test]
fn an_odd_value_in_parquet_leaves_the_others() {
    let deep = format!("{}{}", "[".repeat(300), "]".repeat(300));
    let world = World::new(&format!(
        concat!(
            "{{\"file_name\": \"a.jpg\", \"text\": \"A hat.\", \"brand\": \"acme\", \"price\": 12.5, \"big\": 1e999}}\n",
            "{{\"file_name\": \"b.jpg\", \"note\": \"nice \\ud83d\", \"brand\": \"zeta\", \"price\": 7.0, \"big\": 1}}\n",
            "{{\"file_name\": \"c.jpg\", \"deep\": {deep}, \"brand\": \"zeta\", \"price\": 1, \"raw\": [\"\\udfff\", 1]}}\n",
        ),
        deep = deep
    ));
    let path = world.path("out.parquet");
    let options = ExportOptions { output: Some(path.clone()), ..options(&world, Format::Parquet) };
    let (outcome, printed) = export(&options);
    let outcome = outcome.unwrap();
    assert_eq!(outcome, Outcome { read: 3, exported: 3, doubtful: 1, ..Outcome::default() });
    assert_eq!(
        rows(&path),
        [
            r#"file_name="a.jpg" text="A hat." brand="acme" price=12.5 big="1e999" note=null deep=null raw=null"#
                .to_owned(),
            r#"file_name="b.jpg" text=null brand="zeta" price=7.0 big="1" note="nice �" deep=null raw=null"#.to_owned(),
            format!(
                r#"file_name="c.jpg" text=null brand="zeta" price=1.0 big=null note=null deep="{deep}" raw="[\"\\udfff\", 1]""#
            ),
        ]
    );
    let notes = [
        "column \"big\" contains JSON: no 64-bit type holds all its numbers exactly\n",
        "column \"deep\" contains JSON: its values are nested deeply\n",
        "column \"raw\" contains JSON: its values have several types\n",
        "1 text with half of a surrogate pair, written as U+FFFD: metadata.jsonl:2: note\n",
    ];
    for note in notes {
        assert!(printed.errors().contains(note), "{note}{printed:?}");
    }
}

#[test]
fn structured_captions_are_exported_as_they_would_be_saved() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": {\"style\": \"photo\", \"count\": 2}}\n",
        "{\"file_name\": \"b.jpg\", \"text\": {\"style\": \"oil\", \"count\": 1}}\n",
    ));
    world.record([decided(1, edited(r#"{"style": "ink", "count": 1}"#))]);
    let path = world.path("out.parquet");
    let parquet = ExportOptions { output: Some(path.clone()), ..options(&world, Format::Parquet) };
    assert_eq!(export(&parquet).0.unwrap(), Outcome { read: 2, exported: 2, ..Outcome::default() });
    assert_eq!(rows(&path)[1], r#"file_name="b.jpg" text={"style":"ink","count":1}"#);

    let (outcome, printed) = export(&options(&world, Format::Jsonl));
    assert_eq!(outcome.unwrap(), Outcome { read: 2, exported: 2, ..Outcome::default() });
    let lines = String::from_utf8(printed.out).unwrap();
    assert!(lines.contains(r#""text": {"style": "ink", "count": 1}"#), "{lines}");

    let (outcome, _) = export(&options(&world, Format::Txt));
    assert_eq!(outcome.unwrap(), Outcome { read: 2, exported: 2, ..Outcome::default() });
    let text = std::fs::read_to_string(world.path("b.txt")).unwrap();
    assert_eq!(text.trim_end(), r#"{"style": "ink", "count": 1}"#);
}

#[test]
fn captions_that_are_not_strings_keep_their_type_in_parquet() {
    let list = "{\"file_name\": \"a.jpg\", \"text\": [[\"A hat.\", \"A \\u0068at on a hook.\"]]}\n";
    let world = World::new(list);
    let path = world.path("out.parquet");
    let options = ExportOptions { output: Some(path.clone()), force: true, ..options(&world, Format::Parquet) };
    assert_eq!(export(&options).0.unwrap(), Outcome { read: 1, exported: 1, ..Outcome::default() });
    assert_eq!(rows(&path), [r#"file_name="a.jpg" text=[["A hat.","A hat on a hook."]]"#]);

    world.write("metadata.jsonl", format!("{list}{{\"file_name\": \"b.jpg\", \"text\": \"A coat.\"}}\n"));
    let (outcome, printed) = export(&options);
    assert_eq!(outcome.unwrap(), Outcome { read: 2, exported: 2, doubtful: 1, ..Outcome::default() });
    let rows = rows(&path);
    assert_eq!(rows[0], r#"file_name="a.jpg" text="[[\"A hat.\", \"A \\u0068at on a hook.\"]]""#);
    assert_eq!(rows[1], r#"file_name="b.jpg" text="A coat.""#);
    assert!(
        printed.errors().contains("1 caption is not a string: written as JSON in a column of strings"),
        "{printed:?}"
    );
}

/// The columns of a table as the printed schema.
fn schema(path: &std::path::Path) -> String {
    use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
    let table = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let mut printed = Vec::new();
    ::parquet::schema::printer::print_schema(&mut printed, table.metadata().file_metadata().schema());
    String::from_utf8(printed).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn types_of_an_imported_table_are_restored() {
    let columns = "required binary file_name (STRING); optional int64 at (TIMESTAMP(MICROS,false)); required int32 day \
        (DATE); optional fixed_len_byte_array (9) price (DECIMAL(20,3)); optional group tags (LIST) { repeated group bag { \
        optional int32 array_element (INTEGER(16,false)); } } optional group map (MAP) { repeated group key_value { required \
        int64 key; optional float value; } } optional int32 small (INTEGER(8,true));";
    let columns = columns.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = ::parquet::schema::parser::parse_message_type(&format!("message schema {{ {columns} }}")).unwrap();
    let line = |price: &str, small: &str| {
        format!(
            "{{\"file_name\":\"a.jpg\",\"at\":\"2024-01-02 03:04:05.000006\",\"day\":\"1969-12-31\",\"price\":{price},\
             \"tags\":[1,null,65535],\"map\":{{\"-7\":0.5,\"8\":null}},\"small\":{small}}}\n"
        )
    };
    let world = World::new(&(line("99999999999999999.123", "127") + &line("-0.001", "-128")));
    let stored = parquet_schema::store(&world.path("metadata.jsonl"), message.get_fields().to_vec());
    stored.unwrap();
    let path = world.path("out.parquet");
    let options = ExportOptions { output: Some(path.clone()), force: true, ..options(&world, Format::Parquet) };
    let (outcome, printed) = export(&options);
    assert_eq!(outcome.unwrap().exit_code(), ExitCode::Done, "{printed:?}");
    assert_eq!(printed.errors(), "2 records read: 2 exported\n");
    let restored = ::parquet::schema::parser::parse_message_type(&schema(&path)).unwrap();
    assert_eq!(restored.get_fields(), message.get_fields());
    // A second import gives the same lines.
    let back = world.path("back.jsonl");
    let source = InitSource::Path(path.clone());
    let init = InitOptions {
        source,
        output: Some(back),
        caption_field: "text".to_owned(),
        file_column: None,
        caption_column: None,
        json: false,
    };
    Printed::by(|out, errors| init::run(&init, &mut std::io::empty(), out, errors)).0.unwrap();
    assert_eq!(world.read("back.jsonl").replace("\": ", "\":").replace(", \"", ",\""), world.read("metadata.jsonl"));

    // One value that does not fit changes its column only, which is reported.
    world.write("metadata.jsonl", line("1.0000", "127") + &line("0.0001", "128"));
    let (outcome, printed) = export(&options);
    assert_eq!(outcome.unwrap().exit_code(), ExitCode::Done);
    for column in ["price", "small"] {
        let note = format!("column \"{column}\": the value in line 2 does not fit the type of the imported table;");
        assert!(printed.errors().contains(&note), "{printed:?}");
    }
    let schema = schema(&path);
    assert!(schema.contains("OPTIONAL DOUBLE price; "), "{schema}");
    assert!(schema.ends_with("OPTIONAL INT64 small; }"), "{schema}");
    assert!(schema.contains("REQUIRED INT32 day (DATE); "), "{schema}");
}

#[test]
fn parquet_needs_a_file_and_has_any_number_of_rows() {
    let line = |at| format!("{{\"file_name\": \"{at}.jpg\", \"n\": {at}}}\n");
    let world = World::new(&(0..25_001).map(line).collect::<String>());
    let error = export(&options(&world, Format::Parquet)).0.unwrap_err().to_string();
    assert_eq!(error, "standard output: parquet needs a file; name it with -o");
    let path = world.path("out.parquet");
    export(&ExportOptions { output: Some(path.clone()), ..options(&world, Format::Parquet) }).0.unwrap();
    let rows = rows(&path);
    assert_eq!(rows.len(), 25_001);
    for at in [0, 9_999, 10_000, 25_000] {
        assert_eq!(rows[at], format!("file_name=\"{at}.jpg\" text=null n={at}"));
    }
}

#[test]
fn too_many_fields_are_not_a_table() {
    let line = |at| format!("{{\"file_name\": \"a.jpg\", \"m{at}\": 1}}\n");
    let world = World::new(&(0..1_000).map(line).collect::<String>());
    let output = Some(world.path("out.parquet"));
    let (outcome, _) = export(&ExportOptions { output, ..options(&world, Format::Parquet) });
    assert!(outcome.unwrap_err().to_string().ends_with("too many for columns; export to jsonl"));
    assert!(!world.path("out.parquet").exists());
}

#[test]
fn cells_that_spreadsheets_run_are_counted_and_escaped_on_request() {
    let lines = concat!(
        "{\"file_name\": \"a.jpg\", \"text\": \"=1+1\"}\n",
        "{\"file_name\": \"-b.jpg\", \"text\": \" @cmd\"}\n",
        "{\"file_name\": \"c.jpg\", \"text\": \"A hat = a cap.\"}\n",
    );
    let world = World::new(lines);
    let (result, printed) = export(&options(&world, Format::Csv));
    assert_eq!(result.unwrap().exported, 3);
    assert!(printed.out().contains("\na.jpg,=1+1,undecided"), "{printed:?}");
    assert!(printed.errors().contains("5 cells begin with = + - or @") && printed.errors().contains("--safe-csv"));

    let (_, printed) = export(&ExportOptions { safe_csv: true, ..options(&world, Format::Csv) });
    let mut table = csv::Reader::from_reader(printed.out().as_bytes());
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let cells = |row: usize| [0, 1, 6].map(|column| rows[row][column].to_owned());
    assert_eq!(cells(0), ["a.jpg", "'=1+1", "'=1+1"]);
    assert_eq!(cells(1), ["'-b.jpg", "' @cmd", "' @cmd"]);
    assert_eq!(cells(2), ["c.jpg", "A hat = a cap.", "A hat = a cap."]);
    assert!(!printed.errors().contains("--safe-csv"), "{printed:?}");
}

#[test]
fn no_input_is_overwritten_even_by_force() {
    let world = World::new("{\"file_name\": \"a.jpg\", \"text\": \"A hat.\"}\n");
    world.decide([(0, edited("A cap."))]);
    for name in ["metadata.jsonl", ".recaption/metadata.sqlite"] {
        let before = std::fs::read(world.path(name)).unwrap();
        for to in [Format::Csv, Format::Jsonl, Format::Parquet] {
            let forced = ExportOptions { output: Some(world.path(name)), force: true, ..options(&world, to) };
            let error = export(&forced).0.unwrap_err();
            assert!(matches!(error, ExportError::IsInput(_)) && error.to_string().contains(name), "{error}");
        }
        assert_eq!(std::fs::read(world.path(name)).unwrap(), before);
    }
}

#[cfg(unix)]
#[test]
fn text_files_are_not_written_through_a_link_out_of_the_folder() {
    let lines =
        "{\"file_name\": \"link/a.jpg\", \"text\": \"A hat.\"}\n{\"file_name\": \"b.jpg\", \"text\": \"A cap.\"}\n";
    let world = World::new(lines);
    let away = tempfile::tempdir().unwrap();
    std::fs::write(away.path().join("precious.txt"), "precious").unwrap();
    std::os::unix::fs::symlink(away.path(), world.path("link")).unwrap();
    let txt = ExportOptions { force: true, ..options(&world, Format::Txt) };
    let error = export(&txt).0.unwrap_err();
    assert!(matches!(&error, ExportError::LeadsOut { files } if files.contains("link/a.txt")), "{error}");
    std::fs::remove_file(world.path("link")).unwrap();
    std::os::unix::fs::symlink(away.path().join("precious.txt"), world.path("b.txt")).unwrap();
    let error = export(&txt).0.unwrap_err();
    assert!(matches!(&error, ExportError::LeadsOut { files } if files.contains("b.txt")), "{error}");
    assert!(!away.path().join("a.txt").exists() && !world.path("link").exists());
    assert_eq!(std::fs::read_to_string(away.path().join("precious.txt")).unwrap(), "precious");
}

fn with_images(world: &World, to: Format, transfer: Transfer, output: &str) -> ExportOptions {
    ExportOptions { images: Some(transfer), output: Some(world.path(output)), ..options(world, to) }
}

#[test]
fn images_are_put_beside_their_text_files() {
    let world = World::new(concat!(
        "{\"file_name\": \"in/a.png\", \"text\": \"A hat.\"}\n",
        "{\"file_name\": \"./in/a.jpg\", \"text\": \"A coat.\"}\n",
        "{\"file_name\": \"gone.png\", \"text\": \"A shoe.\"}\n",
        "{\"file_name\": \"b.png\"}\n",
    ));
    world.picture("in/a.png");
    world.picture("b.png");
    world.write("in/a.jpg", "other bytes");
    for (transfer, folder) in [(Transfer::Copy, "copies"), (Transfer::Link, "links")] {
        let before = world.files();
        let options = with_images(&world, Format::Txt, transfer, folder);
        for force in [false, true] {
            let (outcome, printed) = export(&ExportOptions { force, ..options.clone() });
            let expected = Outcome { read: 4, exported: 2, without_image: 1, without_caption: 1, ..Outcome::default() };
            assert_eq!(outcome.unwrap(), expected);
            let new: Vec<String> = world.files().into_iter().filter(|name| !before.contains(name)).collect();
            let expected = ["in/a-2.jpg", "in/a-2.txt", "in/a.png", "in/a.txt"].map(|name| format!("{folder}/{name}"));
            assert_eq!(new, expected);
            assert_eq!(world.read(&format!("{folder}/in/a-2.txt")), "A coat.\n");
            for (copy, original) in [("a-2.jpg", "in/a.jpg"), ("a.png", "in/a.png")] {
                assert_eq!(
                    fs::read(world.path(&format!("{folder}/in/{copy}"))).unwrap(),
                    fs::read(world.path(original)).unwrap()
                );
            }
            assert!(
                printed
                    .errors()
                    .contains("1 image renamed, because another one has the name: in/a.jpg to in/a-2.jpg\n"),
                "{printed:?}"
            );
            assert!(printed.errors().contains("1 record without an image to export: gone.png: missing"), "{printed:?}");
            assert!(printed.out().ends_with("2 text files, 2 images\n"), "{printed:?}");
            let again = export(&options).0.unwrap_err();
            assert!(matches!(again, ExportError::Exists { others: 3, .. }), "{again}");
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        let inode = |name: &str| fs::metadata(world.path(name)).unwrap().ino();
        assert_eq!(inode("links/in/a.png"), inode("in/a.png"));
        assert_ne!(inode("copies/in/a.png"), inode("in/a.png"));
    }
}

/// Rows without a path, with paths of one name, and without an image.
fn parquet_world() -> World {
    let world = World::new("");
    fs::remove_file(world.path("metadata.jsonl")).unwrap();
    let row = |number: i64, path: Option<&str>| Row {
        bytes: (number < 3).then(|| [b"\x89PNG\r\n\x1a\n".as_slice(), &[u8::try_from(number).unwrap()]].concat()),
        path: path.map(str::to_owned),
        text: Some(format!("Caption {number}.")),
        n: Some(number),
    };
    let rows = [row(0, None), row(1, Some("/srv/x.png")), row(2, Some("../x.png")), row(3, Some("gone.png"))];
    fixture::write(&world.path("train.parquet"), &rows, &Form { rows_a_page: 2, ..Form::default() });
    world
}

#[test]
fn images_in_parquet_files_become_files() {
    let world = parquet_world();
    let image = |name: &str| fs::read(world.path(name)).unwrap().last().copied();
    let expected = Outcome { read: 4, exported: 3, without_image: 1, ..Outcome::default() };
    let (outcome, printed) = export(&with_images(&world, Format::Txt, Transfer::Link, "texts"));
    assert_eq!(outcome.unwrap(), expected, "{printed:?}");
    for (number, stem) in [(0, "row-1"), (1, "x"), (2, "x-2")] {
        assert_eq!(image(&format!("texts/{stem}.png")), Some(number));
        assert_eq!(world.read(&format!("texts/{stem}.txt")), format!("Caption {number}.\n"));
    }
    let folder = ExportOptions { output: Some(world.path("folder")), ..options(&world, Format::Imagefolder) };
    let (outcome, printed) = export(&folder);
    assert_eq!(outcome.unwrap(), expected, "{printed:?}");
    assert!(printed.out().ends_with("folder: 3 records, 3 images\n"), "{printed:?}");
    assert_eq!(
        world.read("folder/metadata.jsonl"),
        concat!(
            "{\"file_name\": \"row-1.png\", \"text\": \"Caption 0.\", \"n\": 0}\n",
            "{\"file_name\": \"x.png\", \"text\": \"Caption 1.\", \"n\": 1}\n",
            "{\"file_name\": \"x-2.png\", \"text\": \"Caption 2.\", \"n\": 2}\n",
        )
    );
    assert_eq!(
        [image("folder/row-1.png"), image("folder/x.png"), image("folder/x-2.png")],
        [Some(0), Some(1), Some(2)]
    );
    // Paths of files are not possible.
    let (outcome, _) = export(&options(&world, Format::Kohya));
    assert_eq!(outcome.unwrap(), Outcome { read: 4, in_table: 3, without_image: 1, ..Outcome::default() });
}

#[test]
fn parquet_has_the_images_on_request() {
    let world = parquet_world();
    fs::create_dir(world.path("out")).unwrap();
    let (outcome, printed) = export(&with_images(&world, Format::Parquet, Transfer::Copy, "out/all.parquet"));
    assert_eq!(outcome.unwrap().exported, 3, "{printed:?}");
    let dataset = Dataset::open(&world.path("out/all.parquet"), &OpenOptions::default()).unwrap();
    let mut found = BTreeMap::new();
    let visit = &mut |entry: Entry| {
        let record = entry.record().expect("a record");
        let image = picture::read(&dataset.picture_path(&record.file_name).unwrap()).unwrap();
        found.insert(image.last().copied().unwrap(), record.caption.text().unwrap().to_owned());
        std::ops::ControlFlow::Continue(())
    };
    dataset.scan(visit).unwrap();
    assert_eq!(found, (0..3).map(|number| (number, format!("Caption {number}."))).collect());
    assert!(
        schema(&world.path("out/all.parquet")).contains("OPTIONAL group image"),
        "{}",
        schema(&world.path("out/all.parquet"))
    );
}

#[test]
fn several_captions_of_an_image_stay_records() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.png\", \"text\": \"A hat.\"}\n",
        "{\"file_name\": \"./a.png\", \"text\": \"A red hat.\"}\n",
    ));
    world.picture("a.png");
    let folder = ExportOptions { output: Some(world.path("folder")), ..options(&world, Format::Imagefolder) };
    let (outcome, printed) = export(&folder);
    assert_eq!((outcome.unwrap().exported, printed.errors()), (2, "2 records read: 2 exported\n"));
    assert!(printed.out().ends_with(": 2 records, 1 image\n"), "{printed:?}");
    assert_eq!(world.read("folder/metadata.jsonl").matches("\"a.png\"").count(), 2);
    for to in [Format::Kohya, Format::Txt] {
        let error = export(&options(&world, to)).0.unwrap_err();
        assert!(matches!(error, ExportError::Shared { .. }), "{error}");
    }
}

#[test]
fn kohya_captions_are_named_by_absolute_paths() {
    let world = reviewed();
    for name in ["in/a.jpg", "in/b.jpg", "c.jpg", "d.jpg"] {
        world.picture(name);
    }
    let (outcome, printed) = export(&options(&world, Format::Kohya));
    let expected = Outcome { read: 5, exported: 3, excluded: 1, without_image: 1, ..Outcome::default() };
    assert_eq!(outcome.unwrap(), expected);
    let read: BTreeMap<String, BTreeMap<String, String>> = serde_json::from_str(printed.out()).unwrap();
    let captions = [("in/a.jpg", "A hat."), ("in/b.jpg", "Ein Mantel, grün."), ("c.jpg", "Ein Schuh.")];
    let caption = |text: &str| BTreeMap::from([("caption".to_owned(), text.to_owned())]);
    let expected = captions.map(|(name, text)| (world.path(name).display().to_string(), caption(text)));
    assert_eq!(read, BTreeMap::from(expected));
    let world = World::new("not JSON\n");
    assert_eq!(export(&options(&world, Format::Kohya)).1.out(), "{}\n");
}

#[test]
fn an_archive_has_the_files_of_each_record() {
    let world = reviewed();
    for name in ["in/a.jpg", "in/b.jpg", "c.jpg", "d.jpg"] {
        world.picture(name);
    }
    let output = Some(world.path("set.tar"));
    let (outcome, _) = export(&ExportOptions { output, ..options(&world, Format::Webdataset) });
    let expected = Outcome { read: 5, exported: 3, excluded: 1, without_image: 1, ..Outcome::default() };
    assert_eq!(outcome.unwrap(), expected);
    let mut archive = tar::Archive::new(fs::File::open(world.path("set.tar")).unwrap());
    let mut files = BTreeMap::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        files.insert(name, bytes);
    }
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    let of = |key: &str| ["json", "png", "txt"].map(|extension| format!("{key}.{extension}"));
    assert_eq!(names, [of("000000000"), of("000000001"), of("000000002")].concat());
    assert_eq!(files["000000001.txt"], "Ein Mantel, grün.".as_bytes());
    assert_eq!(
        files["000000001.json"],
        "{\"text\":\"Ein Mantel, grün.\",\"n\":1.50,\"file_name\":\"in/b.jpg\"}".as_bytes()
    );
    assert_eq!(files["000000002.png"], fs::read(world.path("c.jpg")).unwrap());
}

#[test]
fn tsv_has_the_columns_of_csv() {
    let world = reviewed();
    let (_, printed) = export(&options(&world, Format::Tsv));
    let mut table = csv::ReaderBuilder::new().delimiter(b'\t').from_reader(printed.out.as_slice());
    assert_eq!(table.headers().unwrap().len(), 7);
    assert_eq!(table.records().next().unwrap().unwrap()[1].to_owned(), "A hat.");
}

#[test]
fn images_go_only_where_they_can() {
    let world = reviewed();
    for (to, images, output, why) in [
        (Format::Csv, Transfer::Copy, Some("a.csv"), "this format has no images"),
        (Format::Txt, Transfer::Copy, None, "name the folder"),
        (Format::Parquet, Transfer::Link, Some("a.parquet"), "use --copy-images"),
    ] {
        let output = output.map(|name| world.path(name));
        let error = export(&ExportOptions { images: Some(images), output, ..options(&world, to) }).0.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        assert_eq!(error.exit_code(), ExitCode::Usage);
    }
    for to in [Format::Imagefolder, Format::Webdataset] {
        let error = export(&options(&world, to)).0.unwrap_err();
        assert!(error.to_string().contains("name it with -o"), "{error}");
    }
}

#[test]
fn several_captions_stay_in_the_line_of_their_image() {
    let world = World::new(concat!(
        "{\"file_name\": \"a.jpg\", \"text\": [\"A hat.\", \"Hat.\"], \"n\": 1}\n",
        "{\"file_name\": \"b.jpg\", \"text\": [\"A coat.\"], \"n\": 2}\n",
        "{\"file_name\": \"c.jpg\", \"text\": [\"Shoes.\", \"A shoe.\"], \"n\": 3}\n",
    ));
    world.decide([(1, edited("Cap.")), (3, Decision::Excluded)]);
    let path = world.path("out.parquet");
    let to_parquet = ExportOptions { output: Some(path.clone()), ..options(&world, Format::Parquet) };
    // An image is left out with all of its captions.
    let expected = Outcome { read: 5, exported: 3, excluded: 2, ..Outcome::default() };
    let ours = export(&to_parquet).0.unwrap();
    assert_eq!((ours.read, ours.exported, ours.excluded), (expected.read, expected.exported, expected.excluded));
    let lines = [r#"file_name="a.jpg" text=["A hat.","Cap."] n=1"#, r#"file_name="b.jpg" text=["A coat."] n=2"#];
    assert_eq!(rows(&path), lines);

    let (_, printed) = export(&options(&world, Format::Jsonl));
    let line = "{\"file_name\": \"a.jpg\", \"text\": [\"A hat.\", \"Cap.\"], \"n\": 1}\n";
    assert!(printed.out().starts_with(line), "{printed:?}");
    assert_eq!(printed.out().lines().count(), 2);
    let (_, printed) = export(&options(&world, Format::Csv));
    assert_eq!(csv::Reader::from_reader(printed.out.as_slice()).records().count(), 4, "a row for each caption");
}
