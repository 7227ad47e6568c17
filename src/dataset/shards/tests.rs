mod lists;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use ::parquet::basic::{Compression, GzipLevel};
use ::parquet::file::metadata::ColumnChunkMetaData;
use ::parquet::file::reader::{FileReader as _, SerializedFileReader};
use ::parquet::file::statistics::Statistics;
use ::parquet::record::Field;
use proptest::prelude::*;

use crate::dataset::{
    Amendment, Dataset, DatasetError, Entry, Expected, LeftOut, OpenOptions, RecordId, SaveError, SaveOptions, save,
    save_shard,
};
use crate::parquet_file::fixture::{FEATURES, Form, Row, write};
use crate::parquet_file::{Cell, CellError};

/// Bytes that are no text, and differ.
fn image(number: usize, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8, 0xff];
    bytes.extend((0..len).map(|at| u8::try_from((at * 7 + number * 13) % 251).unwrap()));
    bytes
}

fn row(number: usize) -> Row {
    let n = i64::try_from(number).unwrap();
    Row::new(&image(number, 40 + number), &format!("{number}.jpg"), &format!("Caption {number}."), n)
}

fn open(path: &Path) -> Dataset {
    Dataset::open(path, &OpenOptions::default()).expect("opened")
}

fn entries(dataset: &Dataset) -> Vec<Entry> {
    let mut entries = Vec::new();
    let visit = &mut |entry| {
        entries.push(entry);
        ControlFlow::Continue(())
    };
    dataset.scan(visit).expect("scanned");
    entries
}

fn name(entry: &Entry) -> String {
    match entry {
        Entry::Record(record) => record.file_name.clone(),
        Entry::Bad(bad) => bad.error.to_string(),
    }
}

/// Reads the picture of a record as everything does.
fn picture(dataset: &Dataset, name: &str) -> Result<Vec<u8>, String> {
    let path = dataset.picture_path(name).expect("a path");
    let cell = Cell::of(&path).ok_or_else(|| format!("{} is a file", path.display()))?;
    match cell.read() {
        Ok(bytes) => Ok(bytes.to_vec()),
        Err(CellError::Elsewhere(path)) => Err(format!("elsewhere: {}", path.display())),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn shards_are_one_dataset_in_natural_order() {
    let folder = tempfile::tempdir().unwrap();
    let rows: Vec<Row> = (0..7).map(row).collect();
    let path = |name: &str| folder.path().join(name);
    write(&path("a10.parquet"), &rows[3..], &Form { rows_a_group: 2, ..Form::default() });
    write(&path("a2.parquet"), &rows[..3], &Form::default());
    fs::copy(path("a2.parquet"), path("a2_updated.parquet")).unwrap();
    let dataset = open(folder.path());
    let entries = entries(&dataset);
    assert_eq!(entries.iter().map(name).collect::<Vec<_>>(), (0..7).map(|n| format!("{n}.jpg")).collect::<Vec<_>>());
    for (number, entry) in entries.iter().enumerate() {
        let record = entry.record().expect("a record");
        assert_eq!(record.caption.text(), rows[number].text.as_deref());
        assert_eq!(picture(&dataset, &record.file_name), Ok(rows[number].bytes.clone().unwrap()));
    }
    assert_eq!(dataset.place(3), "a2.parquet:3");
    assert_eq!(dataset.place(4), "a10.parquet:1");
    assert_eq!(
        dataset.left_out().map(|(reason, count, _)| (reason, count)).collect::<Vec<_>>(),
        [(LeftOut::Output, 1)]
    );
    let (_, line) = dataset.entry_and_line(crate::dataset::RecordId(4)).unwrap();
    assert_eq!(line.trim(), r#"{"file_name": "4.jpg", "text": "Caption 4.", "n": 4}"#);
}

#[test]
fn names_that_several_rows_have_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let without = Row { path: None, ..row(2) };
    let shard = folder.path().join("tr.ain-0.parquet");
    write(&shard, &[row(0), row(1), Row { path: row(0).path, ..row(3) }, without], &Form::default());
    let dataset = open(&shard);
    let names: Vec<String> = entries(&dataset).iter().map(name).collect();
    assert_eq!(names, ["tr_ain-0#1", "1.jpg", "tr_ain-0#3", "tr_ain-0#4"]);
    let pictures: Vec<_> = names.iter().map(|name| picture(&dataset, name).unwrap()).collect();
    assert_eq!(pictures, [0, 1, 3, 2].map(|number| row(number).bytes.unwrap()));
}

#[test]
fn pictures_are_read_in_any_order_from_pages_of_any_form() {
    let folder = tempfile::tempdir().unwrap();
    let mut rows: Vec<Row> = (0..97).map(row).collect();
    // A page whose pictures exceed what is kept of one.
    for large in [5, 6, 7] {
        rows[large].bytes = Some(image(large, 7 << 20));
    }
    rows[11].bytes = None;
    rows[12] = Row { bytes: None, path: None, ..row(12) };
    let codecs =
        [Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::GZIP(GzipLevel::default()), Compression::LZ4_RAW];
    for (number, compression) in codecs.into_iter().enumerate() {
        for (index, dictionary, rows_a_page) in [(true, false, 10), (false, false, 7), (false, true, 100)] {
            let shard = folder.path().join(format!("{number}-{index}-{dictionary}.parquet"));
            write(&shard, &rows, &Form { compression, rows_a_group: 40, rows_a_page, index, dictionary });
            let dataset = open(&shard);
            let names: Vec<String> = entries(&dataset).iter().map(name).collect();
            for step in 0..rows.len() {
                let at = step * 38 % rows.len();
                let read = picture(&dataset, &names[at]);
                match at {
                    11 => assert_eq!(read, Err(format!("elsewhere: {}", folder.path().join("11.jpg").display()))),
                    12 => assert_eq!(read, Err("the row has no image".to_owned())),
                    _ => assert!(read.as_ref() == Ok(rows[at].bytes.as_ref().unwrap()), "{at} {compression:?}"),
                }
            }
            let exists = |at: u64| Cell::of(&Cell::path(&shard, at)).map(|cell| cell.exists().unwrap());
            assert_eq!([10, 11, 12, 96].map(exists), [true, false, false, true].map(Some));
        }
    }
}

#[test]
fn paths_without_images_are_files() {
    let folder = tempfile::tempdir().unwrap();
    let shard = folder.path().join("a.parquet");
    let rows =
        [Row { bytes: None, ..row(0) }, Row { bytes: None, ..row(0) }, Row { bytes: None, path: None, ..row(1) }];
    write(&shard, &rows, &Form::default());
    let dataset = open(&shard);
    let names: Vec<String> = entries(&dataset).iter().map(name).collect();
    assert_eq!(names[..2], ["0.jpg", "0.jpg"], "as in JSON Lines");
    assert!(names[2].contains("\"file_name\" must be a string"), "{}", names[2]);
    assert_eq!(dataset.picture_path("0.jpg").unwrap(), folder.path().join("0.jpg"));
}

#[test]
fn what_cannot_be_read_is_a_record_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows: Vec<Row> = (0..6).map(row).collect();
    let form = Form { rows_a_group: 2, compression: Compression::UNCOMPRESSED, dictionary: false, ..Form::default() };
    write(&path("a.parquet"), &rows[..2], &form);
    write(&path("b.parquet"), &rows[2..], &form);
    fs::write(path("c.parquet"), "PAR1 cut").unwrap();
    // The length of a caption in the second group of b.
    let mut bytes = fs::read(path("b.parquet")).unwrap();
    let at = bytes.windows(10).position(|window| window == b"Caption 4.").unwrap();
    bytes[at - 1] = 0x7f;
    fs::write(path("b.parquet"), bytes).unwrap();
    let dataset = open(folder.path());
    let names: Vec<String> = entries(&dataset).iter().map(name).collect();
    assert_eq!(names[..4], ["0.jpg", "1.jpg", "2.jpg", "3.jpg"]);
    assert_eq!(names.len(), 7, "{names:?}");
    for bad in &names[4..6] {
        assert!(bad.starts_with("row group 2 cannot be read (") && bad.contains("download or write it again"), "{bad}");
    }
    assert!(names[6].starts_with("c.parquet: ") && names[6].contains("download or write it again"), "{}", names[6]);
    assert_eq!(picture(&dataset, "3.jpg"), Ok(rows[3].bytes.clone().unwrap()));
}

#[test]
fn files_without_captions_or_images_name_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let error = |field: &str| {
        let options = OpenOptions { caption_field: field.to_owned(), ..OpenOptions::default() };
        Dataset::open(&path, &options).expect_err("refused").to_string()
    };
    write(&path, &[row(0)], &Form::default());
    assert!(
        error("txt").contains("if \"text\" contains the captions, add --caption-field \"text\""),
        "{}",
        error("txt")
    );
    assert!(error("n").contains("has no strings"), "{}", error("n"));
    fs::write(&path, "PAR1").unwrap();
    assert!(error("text").contains("download or write it again"), "{}", error("text"));
    let none = Dataset::open(&folder.path().join("b*.parquet"), &OpenOptions::default()).expect_err("none");
    assert!(matches!(none, DatasetError::NoShards { .. }), "{none}");
}

#[test]
fn after_the_file_was_replaced_its_rows_are_those_that_were_opened() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let rows: Vec<Row> = (0..3).map(row).collect();
    write(&path, &rows, &Form::default());
    let dataset = open(&path);
    assert_eq!(entries(&dataset).len(), 3);
    // As a save in place does that leaves the first row out.
    let other = folder.path().join("other");
    write(&other, &rows[1..], &Form::default());
    fs::rename(other, &path).unwrap();
    assert_eq!(picture(&dataset, "1.jpg"), Ok(rows[1].bytes.clone().unwrap()));
    assert!(matches!(dataset.check_on_disk(), Err(DatasetError::ChangedOnDisk { .. })));
    let again = open(&path);
    assert_eq!(entries(&again).len(), 2);
    assert_eq!(picture(&again, "1.jpg"), Ok(rows[1].bytes.clone().unwrap()));
}

#[test]
fn the_hash_changes_with_the_captions() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    let form = Form { compression: Compression::UNCOMPRESSED, ..Form::default() };
    let rows: Vec<Row> = (0..5).map(row).collect();
    let hash = |rows: &[Row]| {
        write(&path, rows, &form);
        let hash = open(&path).content_hash().unwrap();
        assert_eq!(hash, crate::dataset::hash_of(&path).unwrap());
        hash
    };
    let first = hash(&rows);
    assert_eq!(hash(&rows), first);
    // Neither a length nor a statistic changes.
    let mut other = rows.clone();
    other[2].text = Some("Caption 1!".to_owned());
    let mut names: Vec<u128> = vec![first, hash(&other)];
    other[2].text = Some("Caption 3,".to_owned());
    names.push(hash(&other));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 3);
}

/// Reads a table with the `parquet` crate's own reader of rows.
fn read_rows(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let text = |field: &Field| match field {
        Field::Str(text) => Some(text.clone()),
        _ => None,
    };
    let row = |row: ::parquet::record::Row| {
        let mut found = Row::default();
        for (name, field) in row.get_column_iter() {
            match (name.as_str(), field) {
                ("image", Field::Group(image)) => {
                    for (name, field) in image.get_column_iter() {
                        match (name.as_str(), field) {
                            ("bytes", Field::Bytes(bytes)) => found.bytes = Some(bytes.data().to_vec()),
                            ("path", field) => found.path = text(field),
                            _ => {}
                        }
                    }
                }
                ("text", field) => found.text = text(field),
                ("n", Field::Long(n)) => found.n = Some(*n),
                _ => {}
            }
        }
        found
    };
    reader.get_row_iter(None).unwrap().map(|found| row(found.unwrap())).collect()
}

fn options(target: &Path) -> SaveOptions {
    SaveOptions { target: target.to_owned(), expected: Expected::Nothing, force: true, backup: false }
}

/// Returns the compressed bytes of a column in each row group.
fn chunks(path: &Path, column: usize) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let reader = SerializedFileReader::new(fs::File::open(path).unwrap()).unwrap();
    let chunk = |group: &::parquet::file::metadata::RowGroupMetaData| {
        let (start, len) = group.column(column).byte_range();
        let start = usize::try_from(start).unwrap();
        bytes[start..start + usize::try_from(len).unwrap()].to_vec()
    };
    reader.metadata().row_groups().iter().map(chunk).collect()
}

#[test]
fn only_the_column_of_changed_captions_is_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    let rows: Vec<Row> = (0..6).map(row).collect();
    write(&path, &rows, &Form { rows_a_group: 3, ..Form::default() });
    let dataset = open(&path);
    let amendments = [(1, "Kept as it is: 1."), (2, "Caption 2."), (4, "새 캡션")];
    let mut changes =
        amendments.iter().map(|(record, text)| (RecordId(*record), Amendment::Caption((*text).to_owned())));
    let report = save(&dataset, &mut changes, &options(&target)).expect("saved");
    assert_eq!((report.records_written, report.captions_changed, report.excluded), (6, 2, 0));
    assert_eq!(report.hash, crate::dataset::hash_of(&target).unwrap());
    let mut expected = rows;
    expected[1].text = Some(amendments[0].1.to_owned());
    expected[4].text = Some(amendments[2].1.to_owned());
    assert_eq!(read_rows(&target), expected);
    for column in [0, 1, 3] {
        assert!(chunks(&target, column) == chunks(&path, column), "column {column} is copied");
    }
    let reader = SerializedFileReader::new(fs::File::open(&target).unwrap()).unwrap();
    let file = reader.metadata().file_metadata();
    let metadata = file.key_value_metadata().unwrap();
    assert_eq!(metadata.iter().map(|pair| pair.value.as_deref()).collect::<Vec<_>>(), [Some(FEATURES)]);
    assert_eq!(file.created_by(), Some("parquet-cpp-arrow version 26.0.1"));
    let nulls = reader.metadata().row_group(1).column(0).statistics().and_then(Statistics::null_count_opt);
    assert_eq!(nulls, Some(0), "statistics are kept");
}

#[test]
fn columns_compressed_with_zstandard_stay_so() {
    let folder = tempfile::tempdir().unwrap();
    let (path, target) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
    fs::write(&path, include_bytes!("../../command/init/parquet/zstd.parquet")).unwrap();
    let lines = |path: &Path| {
        let mut lines = Vec::new();
        let visit = &mut |line: &crate::dataset::Line<'_>| {
            lines.push(String::from_utf8(line.bytes().to_vec()).unwrap());
            ControlFlow::Continue(())
        };
        open(path).scan_lines(visit).unwrap();
        lines
    };
    let mut expected = lines(&path);
    expected[0] = String::from_utf8(with_caption(&expected[0], "새 캡션.")).unwrap();
    for exclude in [false, true] {
        let mut changes = vec![(RecordId(0), Amendment::Caption("새 캡션.".to_owned()))];
        if exclude {
            changes.push((RecordId(2), Amendment::Exclude));
            expected.remove(2);
        }
        save(&open(&path), &mut changes.into_iter(), &options(&target)).unwrap();
        assert_eq!(lines(&target), expected);
        let reader = SerializedFileReader::new(fs::File::open(&target).unwrap()).unwrap();
        let codecs = reader.metadata().row_group(0).columns().iter().map(ColumnChunkMetaData::compression);
        assert!(codecs.clone().all(|codec| matches!(codec, Compression::ZSTD(_))), "{:?}", codecs.collect::<Vec<_>>());
    }
}

/// Returns a line with another caption.
fn with_caption(line: &str, caption: &str) -> Vec<u8> {
    crate::dataset::Line::alone(line).with_caption(caption).into_owned()
}

#[test]
fn a_shard_that_cannot_be_read_is_copied() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    write(&path("a.parquet"), &[row(0)], &Form::default());
    fs::write(path("b.parquet"), "PAR1 cut").unwrap();
    let dataset = open(folder.path());
    let mut changes = std::iter::once((RecordId(1), Amendment::Caption("x".to_owned())));
    let report = save_shard(&dataset, 1, &mut changes, &options(&path("c.parquet"))).expect("copied");
    assert_eq!((report.captions_changed, report.bad_lines_left), (0, 1));
    assert_eq!(fs::read(path("c.parquet")).unwrap(), b"PAR1 cut");
}

#[test]
fn a_parquet_file_is_saved_as_one_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.parquet");
    write(&path, &[row(0)], &Form::default());
    let error = save(&open(&path), &mut std::iter::empty(), &options(&folder.path().join("a.jsonl"))).unwrap_err();
    assert!(matches!(error, SaveError::NotParquet { .. }), "{error}");
}

fn any_row() -> impl Strategy<Value = Row> {
    let bytes = prop::option::weighted(0.8, prop::collection::vec(any::<u8>(), 0..9));
    let path = prop::option::weighted(0.8, "[a-c]{1,2}\\.jpg");
    (bytes, path, prop::option::weighted(0.8, "[a-z가 ]{0,5}"), prop::option::of(any::<i64>()))
        .prop_map(|(bytes, path, text, n)| Row { bytes, path, text, n })
}

fn form() -> impl Strategy<Value = Form> {
    let codec = prop::sample::select(vec![Compression::UNCOMPRESSED, Compression::SNAPPY, Compression::LZ4_RAW]);
    (codec, 1_usize..6, 1_usize..4, any::<bool>(), any::<bool>()).prop_map(
        |(compression, rows_a_group, rows_a_page, index, dictionary)| Form {
            compression,
            rows_a_group,
            rows_a_page,
            index,
            dictionary,
        },
    )
}

proptest! {
    /// Against the `parquet` crate's reading of the result.
    #[test]
    fn every_other_value_stays(
        rows in prop::collection::vec(any_row(), 1..12),
        changes in prop::collection::vec(prop::option::of(prop::option::of("[a-z가]{0,4}")), 12),
        form in form(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (path, target) = (folder.path().join("a.parquet"), folder.path().join("b.parquet"));
        // The first row has an image and stays, so that all are records.
        let rows: Vec<Row> = std::iter::once(row(0)).chain(rows).collect();
        write(&path, &rows, &form);
        let dataset = open(&path);
        save(&dataset, &mut std::iter::empty(), &options(&target)).unwrap();
        prop_assert_eq!(read_rows(&target), rows.clone());
        let (mut amendments, mut expected) = (Vec::new(), Vec::new());
        for (at, row) in rows.iter().enumerate() {
            let record = RecordId(u32::try_from(at).unwrap());
            match changes.get(at).and_then(Clone::clone) {
                Some(None) if at == 0 => expected.push(row.clone()),
                None => expected.push(row.clone()),
                Some(None) => amendments.push((record, Amendment::Exclude)),
                Some(Some(text)) => {
                    amendments.push((record, Amendment::Caption(text.clone())));
                    expected.push(Row { text: Some(text), ..row.clone() });
                }
            }
        }
        let report = save(&dataset, &mut amendments.into_iter(), &options(&target)).unwrap();
        prop_assert_eq!(read_rows(&target), expected.clone());
        prop_assert_eq!(report.records_written as usize, expected.len());
        if !expected.is_empty() {
            let again = open(&target);
            let captions: Vec<Option<String>> = entries(&again).iter().map(|entry| entry.record().and_then(|record| record.caption.text().map(str::to_owned))).collect();
            prop_assert_eq!(captions, expected.iter().map(|row| row.text.clone()).collect::<Vec<_>>());
        }
    }
}
