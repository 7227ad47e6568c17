use std::fs;
use std::ops::ControlFlow;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::dataset::{
    Amendment, Dataset, DatasetError, Entry, Expected, OpenOptions, RecordId, SaveOptions, SaveReport, save,
};

struct Fixture {
    folder: tempfile::TempDir,
    name: &'static str,
    caption_field: &'static str,
}

impl Fixture {
    fn new(name: &'static str, caption_field: &'static str, text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(name), text).expect("written");
        Self { folder, name, caption_field }
    }

    fn list(text: &str) -> Self {
        Self::new("metadata.jsonl", "text", text)
    }

    fn try_open(&self) -> Result<Dataset, DatasetError> {
        let options = OpenOptions { caption_field: self.caption_field.to_owned(), ..OpenOptions::default() };
        Dataset::open(&self.folder.path().join(self.name), &options)
    }

    fn open(&self) -> Dataset {
        let dataset = self.try_open().expect("opened");
        dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
        dataset
    }

    /// Each record: the line, the file name, the caption and its place.
    fn records(&self) -> Vec<String> {
        let mut records = Vec::new();
        let visit = &mut |entry| {
            records.push(match entry {
                Entry::Record(it) => {
                    let place = it.sibling.map(|it| {
                        let field = it.field.map(|name| format!(" {name}")).unwrap_or_default();
                        format!(" {}/{}{field}", it.number + 1, it.of)
                    });
                    let caption = match (it.caption.text(), it.caption.other()) {
                        (Some(text), _) => text.to_owned(),
                        (None, Some(other)) => other.json.to_string(),
                        (None, None) => "-".to_owned(),
                    };
                    format!("{} {} {caption}{}", it.line, it.file_name, place.unwrap_or_default())
                }
                Entry::Bad(bad) => format!("{} bad: {}", bad.line, bad.error),
            });
            ControlFlow::Continue(())
        };
        self.open().scan(visit).expect("scanned");
        records
    }

    fn save(&self, amendments: &[(u32, Option<&str>)]) -> (SaveReport, String) {
        let target = self.folder.path().join("saved").with_extension(self.name.rsplit('.').next().expect("one"));
        let options = SaveOptions { target: target.clone(), expected: Expected::Nothing, force: true, backup: false };
        let amendment = |caption: Option<&str>| match caption {
            Some(caption) => Amendment::Caption(caption.to_owned()),
            None => Amendment::Exclude,
        };
        let mut amendments = amendments.iter().map(|(record, caption)| (RecordId(*record), amendment(*caption)));
        let report = save(&self.open(), &mut amendments, &options).expect("saved");
        (report, fs::read_to_string(target).expect("read"))
    }
}

const LISTS: &str = concat!(
    "{\"file_name\": \"a.jpg\", \"text\": [ \"A hat.\" ,\"A red \\u0068at.\", null], \"n\": 1.50}\n",
    "\n",
    "{\"file_name\":\"b.jpg\",\"text\":\"A coat.\"}\n",
    "{\"file_name\":\"c.jpg\",\"text\":[]}\n",
    "{\"file_name\": \"d.jpg\"}\n",
    "not JSON\n",
    "{\"file_name\":\"e.jpg\",\"text\":[\"A\", 1]}\n",
);

#[test]
fn every_caption_in_a_list_is_a_record_on_the_line_of_its_image() {
    assert_eq!(
        Fixture::list(LISTS).records(),
        [
            "1 a.jpg A hat. 1/3",
            "1 a.jpg A red hat. 2/3",
            "1 a.jpg - 3/3",
            "3 b.jpg A coat.",
            "4 c.jpg -",
            "5 d.jpg -",
            "6 bad: not JSON near byte 2: expected ident (line left as it is)",
            "7 e.jpg [\"A\", 1]",
        ]
    );
}

#[test]
fn only_the_element_that_changed_is_replaced_and_a_list_stays_one() {
    let amendments =
        [(1, Some("A blue \"hat\".")), (2, Some("Third.")), (3, Some("New.")), (4, Some("C.")), (5, Some("D."))];
    let (report, saved) = Fixture::list(LISTS).save(&amendments);
    let expected = LISTS
        .replace("\"A red \\u0068at.\", null", "\"A blue \\\"hat\\\".\", \"Third.\"")
        .replace("A coat.", "New.")
        .replace("[]", "[\"C.\"]")
        .replace("\"d.jpg\"", "\"d.jpg\", \"text\": [\"D.\"]");
    assert_eq!(saved, expected);
    assert_eq!((report.captions_changed, report.records_written, report.excluded), (5, 8, 0));
}

#[test]
fn a_list_with_something_else_in_it_is_not_replaced() {
    let (report, saved) = Fixture::list(LISTS).save(&[(6, Some("x")), (7, Some("x"))]);
    assert_eq!((saved.as_str(), report.bad_lines_left, report.not_text_left), (LISTS, 1, 1));
}

#[test]
fn an_image_is_left_out_if_all_of_its_captions_are() {
    let fixture = Fixture::list(LISTS);
    let (report, saved) = fixture.save(&[(0, None), (1, None), (2, None), (3, None)]);
    let rest: Vec<&str> = LISTS.lines().skip(3).collect();
    assert_eq!(saved.lines().filter(|line| !line.is_empty()).collect::<Vec<_>>(), rest);
    assert_eq!((report.excluded, report.records_written, report.partly_excluded), (4, 4, 0));

    let (report, saved) = fixture.save(&[(0, None), (1, Some("A cap."))]);
    assert_eq!(saved, LISTS.replace("A red \\u0068at.", "A cap."));
    assert_eq!((report.excluded, report.partly_excluded, report.captions_changed), (0, 1, 1));
}

#[test]
fn objects_over_several_lines_have_several_captions_too() {
    let text = "{\n  \"file_name\": \"a.jpg\",\n  \"text\": [\n    \"One.\",\n    \"Two.\"\n  ]\n}\n{\n  \"file_name\": \"b.jpg\",\n  \"text\": [\"Three.\"]\n}\n";
    let fixture = Fixture::list(text);
    assert_eq!(fixture.records(), ["1 a.jpg One. 1/2", "1 a.jpg Two. 2/2", "8 b.jpg Three."]);
    assert_eq!(fixture.save(&[(1, Some("2."))]).1, text.replace("Two.", "2."));
}

const FIELDS: &str = concat!(
    "{\"text\": \"A long text.\", \"file_name\": \"a.jpg\", \"text_ko\": \"모자\"}\n",
    "{\"file_name\": \"b.jpg\", \"text\": \"B.\"}\n",
    "{\"file_name\": \"c.jpg\", \"text\": [\"C.\"], \"text_ko\": null}\n",
    "{\"text\": \"no file\"}\n",
);

#[test]
fn every_field_is_a_record() {
    let fixture = Fixture::new("d.jsonl", "text, text_ko", FIELDS);
    assert_eq!(
        fixture.records(),
        [
            "1 a.jpg A long text. 1/2 text",
            "1 a.jpg 모자 2/2 text_ko",
            "2 b.jpg B. 1/2 text",
            "2 b.jpg - 2/2 text_ko",
            "3 c.jpg [\"C.\"] 1/2 text",
            "3 c.jpg - 2/2 text_ko",
            "4 bad: \"file_name\" is missing (line left as it is)",
        ]
    );
    let (report, saved) =
        fixture.save(&[(0, Some("Long.")), (1, Some("빨간 모자")), (3, Some("외투")), (4, Some("x")), (5, Some("씨"))]);
    let expected = FIELDS
        .replace("A long text.", "Long.")
        .replace("\"모자\"", "\"빨간 모자\"")
        .replace("\"B.\"", "\"B.\", \"text_ko\": \"외투\"")
        .replace("null", "\"씨\"");
    assert_eq!(saved, expected);
    assert_eq!((report.captions_changed, report.not_text_left), (4, 1));
}

#[test]
fn the_other_captions_of_a_record_are_fields_of_its_line() {
    let dataset = Fixture::new("d.jsonl", "text,text_ko", FIELDS).open();
    let (_, line) = dataset.entry_and_line(RecordId(1)).expect("read");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line, json!({ "file_name": "a.jpg", "text": "A long text.", "text,text_ko": "모자" }));
}

#[test]
fn cells_of_several_columns_are_records() {
    let table = "file_name,text,n,short\r\na.jpg,\"A, long\",1,A\r\nb.jpg,B,2,\r\n";
    let fixture = Fixture::new("d.csv", "short,text", table);
    assert_eq!(
        fixture.records(),
        ["2 a.jpg A 1/2 short", "2 a.jpg A, long 2/2 text", "3 b.jpg  1/2 short", "3 b.jpg B 2/2 text"]
    );
    let (report, saved) = fixture.save(&[(0, Some("Hat")), (1, Some("Longer")), (2, Some("B, short")), (3, Some("B"))]);
    assert_eq!(saved, "file_name,text,n,short\r\na.jpg,\"Longer\",1,Hat\r\nb.jpg,B,2,\"B, short\"\r\n");
    assert_eq!(report.captions_changed, 3);
    let missing = Fixture::new("d.csv", "text,text_ko", table).try_open().expect_err("no such column").to_string();
    assert!(missing.contains("no column \"text_ko\""), "{missing}");
}

#[test]
fn names_of_fields_that_make_no_sense_are_refused() {
    for names in ["text,", "text,text", "text,file_name", ","] {
        Fixture::new("d.jsonl", names, FIELDS).try_open().expect_err(names);
    }
}

#[test]
fn other_records_have_another_identity() {
    let one = Fixture::new("d.jsonl", "text", FIELDS);
    let dataset = one.open();
    let options = |field: &str| OpenOptions { caption_field: field.to_owned(), ..OpenOptions::default() };
    let several = Dataset::open(dataset.path(), &options("text,text_ko")).expect("opened");
    assert_ne!(several.stamp(), dataset.stamp());
    assert_ne!(several.content_hash().expect("read"), dataset.content_hash().expect("read"));
    several.check_on_disk().expect("unchanged");
    fs::write(dataset.path(), FIELDS.replace("B.", "Longer.")).expect("written");
    several.check_on_disk().expect_err("changed");
}

#[test]
fn siblings_are_next_to_each_other() {
    let dataset = Fixture::list(LISTS).open();
    assert_eq!(dataset.siblings(RecordId(1)), 0..3);
    assert_eq!(dataset.siblings(RecordId(3)), 3..4);
    assert_eq!(dataset.siblings(RecordId(7)), 7..8);
    assert_eq!(dataset.shard(0).expect("one").0, 0..8);
}

fn value() -> impl Strategy<Value = Value> {
    let text = || prop_oneof![Just(Value::Null), "[a-z\" é\n]{0,5}".prop_map(Value::from)];
    prop_oneof![
        2 => text(),
        4 => prop::collection::vec(text(), 0..4).prop_map(Value::from),
        1 => Just(json!({ "a": ["b"] })),
        1 => Just(json!(["a", 1])),
    ]
}

proptest! {
    #[test]
    fn a_save_changes_the_captions_of_its_amendments_and_nothing_else(
        values in prop::collection::vec((value(), any::<bool>()), 1..6),
        chosen in prop::collection::vec(any::<bool>(), 24),
    ) {
        let mut text = String::from("{\"file_name\": \"list.jpg\", \"text\": [\"first\"]}\n");
        for (number, (value, is_blank)) in values.iter().enumerate() {
            let line = format!("{{\"a\" : 1.0,\"text\":{value} ,\"file_name\":\"{number}.jpg\"}}\r\n");
            text += &line;
            text += if *is_blank { " \n" } else { "" };
        }
        let fixture = Fixture::list(&text);
        let (mut amended, mut news) = (Vec::new(), Vec::new());
        let visit = &mut |entry: Entry| {
            if let Entry::Record(record) = entry
                && chosen[record.id.index() % chosen.len()]
                && record.caption.other().is_none()
            {
                amended.push(record.id.0);
                let number = record.id.0;
                let is_object = matches!(record.caption, crate::dataset::Caption::Object(_));
                news.push(if is_object { format!("{{\"new\": {number}}}") } else { format!("new {number}") });
            }
            ControlFlow::Continue(())
        };
        fixture.open().scan(visit).unwrap();
        let amendments: Vec<_> = amended.iter().zip(&news).map(|(record, new)| (*record, Some(new.as_str()))).collect();

        let before = fixture.records();
        let (report, saved) = fixture.save(&amendments);
        prop_assert_eq!(report.captions_changed as usize, amended.len());
        let after = Fixture::list(&saved).records();
        prop_assert_eq!(after.len(), before.len());
        for (number, (before, after)) in before.iter().zip(&after).enumerate() {
            let new = amended.iter().position(|record| *record as usize == number).map(|at| &news[at]);
            let is_right = new.map_or(after == before, |new| after.contains(new));
            prop_assert!(is_right, "{number}: {before} became {after}");
        }
        // Without amendments, every byte stays.
        prop_assert_eq!(&fixture.save(&[]).1, &text);
    }
}
