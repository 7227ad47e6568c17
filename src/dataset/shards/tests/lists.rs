//! Several captions of a row: a list of texts, or several columns.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::record::Field;
use proptest::prelude::*;

use super::{chunks, form, open, options};
use crate::dataset::{Amendment, Dataset, Entry, OpenOptions, RecordId, save, save_shard};
use crate::parquet_file::fixture::{Form, ListRow, write_lists};

fn texts(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

fn row(number: i64, texts: Option<Vec<Option<String>>>) -> ListRow {
    let short = (number != 2).then(|| format!("Short {number}."));
    ListRow { path: Some(format!("{number}.jpg")), texts, short, n: Some(number) }
}

fn rows() -> Vec<ListRow> {
    let missing = Some(vec![Some("A coat.".to_owned()), None]);
    vec![row(0, Some(texts(&["A hat.", "A red hat."]))), row(1, None), row(2, Some(Vec::new())), row(3, missing)]
}

fn open_fields(path: &Path, fields: &str) -> Dataset {
    Dataset::open(path, &OpenOptions { caption_field: fields.to_owned(), ..OpenOptions::default() }).expect("opened")
}

/// Each record: the file name, the caption and its place.
fn records(dataset: &Dataset) -> Vec<String> {
    let mut records = Vec::new();
    let visit = &mut |entry: Entry| {
        let record = entry.record().expect("a record");
        let place = record.sibling.as_ref().map_or(String::new(), |it| format!(" {}/{}", it.number + 1, it.of));
        records.push(format!("{} {}{place}", record.file_name, record.caption.text().unwrap_or("-")));
        ControlFlow::Continue(())
    };
    dataset.scan(visit).expect("scanned");
    records
}

/// Reads a table with the `parquet` crate's own reader of rows.
fn read_rows(path: &Path) -> Vec<ListRow> {
    let text = |field: &Field| match field {
        Field::Str(text) => Some(text.clone()),
        _ => None,
    };
    let row = |row: ::parquet::record::Row| {
        let mut found = ListRow::default();
        for (name, field) in row.get_column_iter() {
            match (name.as_str(), field) {
                ("file_name", field) => found.path = text(field),
                ("short", field) => found.short = text(field),
                ("text", Field::ListInternal(list)) => found.texts = Some(list.elements().iter().map(text).collect()),
                ("n", Field::Long(n)) => found.n = Some(*n),
                _ => {}
            }
        }
        found
    };
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    reader.get_row_iter(None).unwrap().map(|found| row(found.unwrap())).collect()
}

fn captions(amendments: &[(u32, &str)]) -> impl Iterator<Item = (RecordId, Amendment)> {
    amendments.iter().map(|(record, text)| (RecordId(*record), Amendment::Caption((*text).to_owned())))
}

#[test]
fn every_text_of_a_list_is_a_record_of_its_row() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write_lists(&path, &rows(), &Form { rows_a_group: 3, ..Form::default() });
    let dataset = open(&path);
    assert_eq!(
        records(&dataset),
        ["0.jpg A hat. 1/2", "0.jpg A red hat. 2/2", "1.jpg -", "2.jpg -", "3.jpg A coat. 1/2", "3.jpg - 2/2"]
    );
    assert_eq!(dataset.place(dataset.line_number(RecordId(5))), "a.parquet:4");
    let amendments = [(0, "A hat."), (1, "A blue hat."), (2, "Shoes."), (3, "Boots."), (5, "새 외투")];
    let report = save(&dataset, &mut captions(&amendments), &options(&target)).expect("saved");
    assert_eq!((report.captions_changed, report.records_written, report.not_text_left), (4, 6, 0));
    let mut expected = rows();
    expected[0].texts = Some(texts(&["A hat.", "A blue hat."]));
    expected[1].texts = Some(texts(&["Shoes."]));
    expected[2].texts = Some(texts(&["Boots."]));
    expected[3].texts = Some(texts(&["A coat.", "새 외투"]));
    assert_eq!(read_rows(&target), expected);
    let schema = |path: &Path| {
        let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
        reader.metadata().file_metadata().schema_descr().root_schema_ptr()
    };
    assert_eq!(schema(&target), schema(&path));
    for column in [0, 2, 3] {
        assert!(chunks(&target, column) == chunks(&path, column), "column {column} is copied");
    }
}

#[test]
fn a_row_is_left_out_with_all_of_its_captions() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write_lists(&path, &rows(), &Form::default());
    let excluded =
        |records: &[u32]| records.iter().map(|record| (RecordId(*record), Amendment::Exclude)).collect::<Vec<_>>();
    let report = save(&open(&path), &mut excluded(&[0, 1, 5]).into_iter(), &options(&target)).expect("saved");
    assert_eq!((report.excluded, report.partly_excluded, report.records_written), (2, 1, 4));
    assert_eq!(read_rows(&target), rows()[1..]);
}

#[test]
fn every_column_is_a_record_and_no_text_replaces_a_list() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    write_lists(&path, &rows(), &Form::default());
    let dataset = open_fields(&path, "short,text");
    assert_eq!(records(&dataset)[..4], ["0.jpg Short 0. 1/2", "0.jpg - 2/2", "1.jpg Short 1. 1/2", "1.jpg - 2/2"]);
    let amendments = [(0, "New."), (1, "x"), (3, "x"), (4, "Added."), (6, "Short 3.")];
    let report = save(&dataset, &mut captions(&amendments), &options(&target)).expect("saved");
    assert_eq!((report.captions_changed, report.not_text_left), (2, 2));
    let mut expected = rows();
    expected[0].short = Some("New.".to_owned());
    expected[2].short = Some("Added.".to_owned());
    assert_eq!(read_rows(&target), expected);

    let missing = OpenOptions { caption_field: "short,caption".to_owned(), ..OpenOptions::default() };
    let error = Dataset::open(&path, &missing).expect_err("no such column").to_string();
    assert!(error.contains("no column \"caption\""), "{error}");
}

#[test]
fn the_column_of_image_paths_can_be_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write_lists(&path, &rows(), &Form::default());
    let options = |column: &str| OpenOptions { file_column: Some(column.to_owned()), ..OpenOptions::default() };
    let dataset = Dataset::open(&path, &options("short")).expect("opened");
    dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!(dataset.entry(RecordId(0)).unwrap().into_identity().0, "Short 0.");
    for column in ["n", "none"] {
        let error = Dataset::open(&path, &options(column)).expect_err("refused").to_string();
        assert!(error.contains(&format!("no column \"{column}\" with strings")), "{error}");
    }
}

#[test]
fn every_shard_is_saved_with_the_changes_of_its_own_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows = rows();
    write_lists(&path("a.parquet"), &rows[..1], &Form::default());
    write_lists(&path("b.parquet"), &rows[1..], &Form::default());
    let dataset = open(folder.path());
    dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap();
    assert_eq!([0, 1].map(|shard| dataset.shard(shard).expect("one").0), [0..2, 2..6]);
    let report = save_shard(&dataset, 1, &mut captions(&[(4, "Mantel")]), &options(&path("c.parquet"))).expect("saved");
    assert_eq!((report.captions_changed, report.records_written), (1, 4));
    assert_eq!(read_rows(&path("c.parquet"))[2].texts, Some(vec![Some("Mantel".to_owned()), None]));
}

fn any_row() -> impl Strategy<Value = ListRow> {
    let list = prop::collection::vec(prop::option::weighted(0.8, "[a-z가 ]{0,4}"), 0..4);
    let short = prop::option::weighted(0.8, "[a-z]{0,3}");
    (prop::option::weighted(0.8, list), short, prop::option::of(any::<i64>())).prop_map(|(texts, short, n)| ListRow {
        path: Some("a.jpg".to_owned()),
        texts,
        short,
        n,
    })
}

proptest! {
    /// Against the `parquet` crate's reading of the result.
    #[test]
    fn only_the_elements_of_changes_change(
        rows in prop::collection::vec(any_row(), 1..12),
        chosen in prop::collection::vec(any::<bool>(), 40),
        form in form(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
        write_lists(&path, &rows, &form);
        let dataset = open(&path);
        save(&dataset, &mut std::iter::empty(), &options(&target)).unwrap();
        prop_assert_eq!(&read_rows(&target), &rows);
        let (mut amendments, mut expected, mut record) = (Vec::new(), rows.clone(), 0_usize);
        for row in &mut expected {
            let list = row.texts.get_or_insert_default();
            let is_new = list.is_empty();
            if is_new {
                list.push(None);
            }
            for element in list.iter_mut() {
                if chosen[record % chosen.len()] {
                    *element = Some(format!("새 {record}"));
                    amendments.push((RecordId(u32::try_from(record).unwrap()), Amendment::Caption(format!("새 {record}"))));
                }
                record += 1;
            }
            if is_new && list[0].is_none() {
                list.clear();
            }
        }
        for (row, before) in expected.iter_mut().zip(&rows) {
            if before.texts.is_none() && row.texts.as_ref().is_some_and(Vec::is_empty) {
                row.texts = None;
            }
        }
        let count = amendments.len();
        let report = save(&dataset, &mut amendments.into_iter(), &options(&target)).unwrap();
        prop_assert_eq!(report.captions_changed as usize, count);
        prop_assert_eq!(read_rows(&target), expected);
    }
}
