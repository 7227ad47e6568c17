use std::fs;
use std::ops::ControlFlow;
use std::path::PathBuf;

use proptest::prelude::*;

use crate::dataset::{Amendment, Dataset, DatasetError, Entry, Expected, OpenOptions, RecordId, SaveOptions, save};

struct Fixture {
    folder: tempfile::TempDir,
    name: &'static str,
}

impl Fixture {
    fn new(name: &'static str, text: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(name), text).expect("written");
        Self { folder, name }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(self.name)
    }

    fn open(&self) -> Dataset {
        Dataset::open(&self.path(), &OpenOptions::default()).expect("opened")
    }

    /// (line, file name, caption) of each record.
    fn records(&self) -> Vec<(u64, String, String)> {
        let mut records = Vec::new();
        self.open()
            .scan(&mut |entry| {
                records.push(match entry {
                    Entry::Record(it) => (it.line, it.file_name, it.caption.into_text().unwrap_or_default()),
                    Entry::Bad(bad) => (bad.line, String::new(), bad.error.to_string()),
                });
                ControlFlow::Continue(())
            })
            .expect("scanned");
        records
    }

    fn error(&self) -> String {
        match Dataset::open(&self.path(), &OpenOptions::default()) {
            Ok(dataset) => dataset.build_index(&mut |_| ControlFlow::Continue(())).expect_err("refused").to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn saved(&self, amendments: &[(u32, Amendment)]) -> Vec<u8> {
        let target = self.folder.path().join("saved.csv");
        let options = SaveOptions { target: target.clone(), expected: Expected::Nothing, force: true, backup: false };
        let mut amendments = amendments.iter().map(|(record, amendment)| (RecordId(*record), amendment.clone()));
        save(&self.open(), &mut amendments, &options).expect("saved");
        fs::read(target).expect("read")
    }
}

fn caption(text: &str) -> Amendment {
    Amendment::Caption(text.into())
}

const TABLE: &str = "\u{feff}file_name;text;n\r\na.jpg;\"A hat; red.\";1\r\n\r\nb.jpg;A \"coat\".;02\r\n;no name;3\r\nc.jpg;one cell less\r\n\"d.jpg\";\"Two\r\nlines\";";

#[test]
fn the_column_of_image_paths_can_have_another_name() {
    let table = "id;Path;prompt\r\n1;a.png;A hat.\r\n2;b.png;\r\n";
    let fixture = Fixture::new("t.csv", table);
    let options = |column: &str| OpenOptions {
        caption_field: "prompt".to_owned(),
        file_column: Some(column.to_owned()),
        ..OpenOptions::default()
    };
    let dataset = Dataset::open(&fixture.path(), &options("Path")).expect("opened");
    dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
    let names = [0, 1].map(|record| dataset.entry(RecordId(record)).expect("read").into_identity().0);
    assert_eq!(names, ["a.png", "b.png"]);
    let target = fixture.folder.path().join("saved.csv");
    let save_options = SaveOptions { target: target.clone(), expected: Expected::Nothing, force: false, backup: false };
    save(&dataset, &mut std::iter::once((RecordId(1), caption("A coat."))), &save_options).expect("saved");
    assert_eq!(fs::read_to_string(target).expect("read"), table.replace("b.png;", "b.png;A coat."));

    let error = |path: PathBuf, column: &str| Dataset::open(&path, &options(column)).expect_err("refused").to_string();
    let missing = error(fixture.path(), "image");
    assert!(missing.contains("no column \"image\" (found \"id\", \"Path\", \"prompt\")"), "{missing}");
    let lines = fixture.folder.path().join("t.jsonl");
    fs::write(&lines, "{\"file_name\": \"a.png\"}\n").expect("written");
    assert!(error(lines, "Path").contains("--file-column is for"), "only tables have columns");
}

#[test]
fn rows_are_records_on_their_lines() {
    let records = Fixture::new("metadata.csv", TABLE).records();
    let found: Vec<_> = records.iter().map(|(line, name, text)| (*line, name.as_str(), text.as_str())).collect();
    assert_eq!(
        found,
        [
            (2, "a.jpg", "A hat; red."),
            (4, "b.jpg", "A \"coat\"."),
            (5, "", "\"file_name\" is empty (line left as it is)"),
            (6, "", "row with more or fewer cells than the header (left as it is)"),
            (7, "d.jpg", "Two\r\nlines"),
        ]
    );
}

#[test]
fn a_folder_with_a_table_is_a_dataset() {
    let fixture = Fixture::new("metadata.csv", TABLE);
    let dataset = Dataset::open(fixture.folder.path(), &OpenOptions::default()).expect("opened");
    assert_eq!(dataset.path(), fixture.path());
    assert!(dataset.is_table());
    fs::write(fixture.folder.path().join("metadata.jsonl"), "{\"file_name\":\"a\"}\n").expect("written");
    let dataset = Dataset::open(fixture.folder.path(), &OpenOptions::default()).expect("opened");
    assert!(!dataset.is_table());
}

#[test]
fn only_the_cells_of_changed_captions_change() {
    let fixture = Fixture::new("t.csv", TABLE);
    assert_eq!(fixture.saved(&[]), TABLE.as_bytes());
    let amendments = [
        (0, caption("A \"red\" hat")),
        (1, caption("코트; blue")),
        (2, caption("x")),
        (3, Amendment::Exclude),
        (4, caption("Two\r\nlines")),
    ];
    let expected =
        TABLE.replace("\"A hat; red.\"", "\"A \"\"red\"\" hat\"").replace("A \"coat\".;02", "\"코트; blue\";02");
    assert_eq!(String::from_utf8(fixture.saved(&amendments)).expect("UTF-8"), expected);
}

#[test]
fn excluded_rows_are_removed_with_their_line_end() {
    let fixture = Fixture::new("t.csv", TABLE);
    let expected = "\u{feff}file_name;text;n\r\n\r\n;no name;3\r\nc.jpg;one cell less\r\n";
    let saved = fixture.saved(&[(0, Amendment::Exclude), (1, Amendment::Exclude), (4, Amendment::Exclude)]);
    assert_eq!(String::from_utf8(saved).expect("UTF-8"), expected);
}

#[test]
fn tables_that_cannot_be_read_name_the_reason() {
    let error = |text: &str| Fixture::new("t.tsv", text).error();
    assert!(
        error("file_name\ttext\na.jpg\t\"open\nb.jpg\tx\n").contains("line 2: \"text\" contains lines"),
        "swallowed"
    );
    assert!(error("file_name\ttext\na.jpg\t\"open\n").contains("line 2: a quote is not closed"), "unclosed");
    assert!(error("image\ttext\n").contains("add --file-column \"image\""), "no file name");
    assert!(error("file_name\tcaption\n").contains("add --caption-field \"caption\""), "no caption");
    assert!(error("file_name\tn\n").contains("add it to the header"), "no column");
    assert!(error("").contains("empty"), "empty");
    assert!(error("f\0i\0").contains("UTF-16"), "UTF-16");
}

#[test]
fn a_table_is_saved_as_a_table_only() {
    let fixture = Fixture::new("t.csv", TABLE);
    let target = fixture.folder.path().join("t.jsonl");
    let options = SaveOptions { target: target.clone(), expected: Expected::Nothing, force: true, backup: false };
    let error = save(&fixture.open(), &mut std::iter::empty(), &options).expect_err("another format");
    assert!(error.to_string().contains("recaption export"), "{error}");
    assert!(!target.exists());
}

#[test]
fn a_table_that_changed_on_disk_is_not_saved() {
    let fixture = Fixture::new("t.csv", TABLE);
    let dataset = fixture.open();
    dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
    let hash = dataset.content_hash().expect("hashed");
    assert_eq!(hash, crate::dataset::hash_of(&fixture.path()).expect("hashed"));
    fs::write(fixture.path(), TABLE.replace("red", "tan")).expect("written");
    let error = dataset.check_on_disk().expect_err("changed");
    assert!(matches!(error, DatasetError::ChangedOnDisk { .. }), "{error}");
}

/// A cell: as it is written, and its text.
fn cell() -> impl Strategy<Value = (String, String)> {
    let quoted = "[a-z;, \t\"\n\r가]{0,6}".prop_map(|text| (format!("\"{}\"", text.replace('"', "\"\"")), text));
    prop_oneof!["[a-z 가'-]{0,6}".prop_map(|text| (text.clone(), text)), quoted]
}

proptest! {
    /// Against the `csv` crate's reading of the result.
    #[test]
    fn every_other_cell_and_byte_stays(
        separator in prop::sample::select(vec![',', ';', '\t']),
        end in prop::sample::select(vec!["\n", "\r\n"]),
        last in any::<bool>(),
        rows in prop::collection::vec((cell(), cell(), prop::option::of(cell()), any::<bool>()), 1..6),
    ) {
        let mut lines = vec![(format!("n{separator}text{separator}file_name"), false)];
        let (mut amendments, mut expected, mut bytes) = (Vec::new(), Vec::new(), Vec::new());
        for (at, (other, text, new, excluded)) in rows.iter().enumerate() {
            let row = |text: &str| format!("{}{separator}{text}{separator}{at}.jpg", other.0);
            lines.push((row(&text.0), *excluded));
            let record = u32::try_from(at).unwrap();
            if *excluded {
                amendments.push((record, Amendment::Exclude));
                continue;
            }
            amendments.extend(new.iter().map(|(_, new)| (record, caption(new))));
            let new = new.as_ref().map_or(&text.1, |(_, new)| new);
            expected.push(vec![other.1.clone(), new.clone(), format!("{at}.jpg")]);
            if *new == text.1 {
                bytes.push(row(&text.0));
            }
        }
        let mut table = lines.iter().map(|(line, _)| line.as_str()).collect::<Vec<_>>().join(end);
        if last {
            table.push_str(end);
        }
        let fixture = Fixture::new("t.csv", &table);
        prop_assert_eq!(fixture.saved(&[]), table.as_bytes());
        let saved = String::from_utf8(fixture.saved(&amendments)).unwrap();
        let mut reader = csv::ReaderBuilder::new().delimiter(separator as u8).from_reader(saved.as_bytes());
        let found: Vec<Vec<String>> =
            reader.records().map(|row| row.unwrap().iter().map(str::to_owned).collect()).collect();
        prop_assert_eq!(found, expected);
        for row in bytes {
            prop_assert!(saved.contains(&row), "{row:?} in {saved:?}");
        }
    }
}
