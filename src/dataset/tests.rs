use std::fs;
use std::io::Write as _;

use tempfile::TempDir;

use super::*;

fn go_on(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Opens a dataset with these bytes in a temporary file.
fn unread(bytes: impl AsRef<[u8]>) -> (TempDir, Dataset) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("d.jsonl");
    fs::write(&path, bytes).expect("written");
    let dataset = Dataset::open(&path, &OpenOptions::default()).expect("opened");
    (folder, dataset)
}

fn indexed(bytes: impl AsRef<[u8]>) -> (TempDir, Dataset) {
    let (folder, dataset) = unread(bytes);
    dataset.build_index(&mut go_on).expect("indexed");
    (folder, dataset)
}

fn entries(dataset: &Dataset, range: Range<u32>) -> Result<Vec<Entry>, DatasetError> {
    let mut entries = Vec::new();
    dataset.lines(range, &mut |line| {
        entries.push(line.entry());
        ControlFlow::Continue(())
    })?;
    Ok(entries)
}

/// Returns the entry of a dataset of one line.
fn single(line: impl AsRef<[u8]>) -> Entry {
    let (_folder, dataset) = indexed(line);
    assert_eq!(dataset.record_count(), 1);
    dataset.entry(RecordId(0)).expect("read")
}

fn record(line: impl AsRef<[u8]>) -> Record {
    match single(line) {
        Entry::Record(record) => record,
        Entry::Bad(bad) => panic!("{}: {}", bad.error, bad.preview),
    }
}

fn error(line: impl AsRef<[u8]>) -> LineError {
    match single(line) {
        Entry::Bad(bad) => bad.error,
        Entry::Record(record) => panic!("{record:?}"),
    }
}

#[test]
fn a_record_has_a_file_name_and_a_caption() {
    let found = record(r#"{"id": 1, "file_name": "a\/b.jpg", "text": "She said \"hi\" \u00e9 \ud83d\ude00 새"}"#);
    assert_eq!(found.file_name, "a/b.jpg");
    assert_eq!(found.caption.text(), Some("She said \"hi\" é 😀 새"));
    assert_eq!(found.findings, []);
    assert_eq!((found.id, found.line), (RecordId(0), 1));
}

#[test]
fn blank_lines_count_as_lines_but_not_as_records() {
    let (_folder, dataset) = indexed("\n \t\r\n{\"file_name\":\"a\"}\r\n\r\n\n{\"file_name\":\"b\"}");
    let entries = entries(&dataset, 0..9).expect("read");
    let found: Vec<_> = entries.iter().map(|entry| (entry.id().0, entry.line())).collect();
    assert_eq!(found, [(0, 3), (1, 6)]);
    assert_eq!(dataset.line_number(RecordId(1)), 6);
    assert_eq!(dataset.line_number(RecordId(2)), 0);
}

#[test]
fn files_without_records() {
    for empty in ["", "\n", "\u{feff}", "\u{feff}\n \n"] {
        let (_folder, dataset) = indexed(empty);
        assert_eq!((dataset.record_count(), dataset.is_indexed()), (0, true), "{empty:?}");
        assert!(matches!(dataset.entry(RecordId(0)), Err(DatasetError::NoSuchRecord { count: 0, .. })));
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_line() {
    assert_eq!(record("\u{feff}{\"file_name\":\"a\"}").file_name, "a");
}

#[test]
fn utf_16_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("d.jsonl");
    for mark in [b"\xFF\xFE{\0", b"\xFE\xFF\0{"] {
        fs::write(&path, mark).expect("written");
        let error = Dataset::open(&path, &OpenOptions::default()).expect_err("UTF-16");
        assert!(error.to_string().contains("iconv"), "{error}");
    }
}

#[test]
fn objects_over_several_lines_are_records() {
    let text = "\u{feff}\n{\n  \"file_name\": \"a\",\r\n  \"n\": [{}, NaN]\n}\n\n{\"file_name\": \"b\"}\n{\n  \"file_name\":,\n}\n{\n\"file_name\": \"c\",\n\"text\": \"x\"\n}";
    let (_folder, dataset) = indexed(text);
    let entries = entries(&dataset, 0..9).expect("read");
    let found: Vec<_> =
        entries.iter().map(|entry| (entry.line(), entry.record().map(|it| it.file_name.as_str()))).collect();
    assert_eq!(found, [(2, Some("a")), (7, Some("b")), (8, None), (11, Some("c"))]);
    let Entry::Bad(bad) = &entries[2] else { panic!("{:?}", entries[2]) };
    assert!(matches!(bad.error, LineError::NotJson { byte: 17 | 18, .. }), "{:?}", bad.error);
    assert_eq!(dataset.line_number(RecordId(3)), 11);
    let mut bytes = Vec::new();
    dataset
        .scan_lines(&mut |line| {
            bytes.push(line.bytes().to_vec());
            ControlFlow::Continue(())
        })
        .expect("read");
    assert_eq!(bytes[0], b"{\n  \"file_name\": \"a\",\r\n  \"n\": [{}, NaN]\n}");
}

/// As `json.dump` writes objects into one file without newlines.
#[test]
fn objects_on_one_line_are_records() {
    let (_folder, dataset) =
        indexed("{\"file_name\":\"a\"}{\"file_name\":\"b\"} {\"file_name\":\n\"c\"}\n{\"file_name\":\"d\"} ?");
    let entries = entries(&dataset, 0..9).expect("read");
    let found: Vec<_> =
        entries.iter().map(|entry| (entry.line(), entry.record().map(|it| it.file_name.as_str()))).collect();
    assert_eq!(found, [(1, Some("a")), (1, Some("b")), (1, Some("c")), (3, None)]);
}

#[test]
fn numbers_of_python_that_are_not_json_are_read_and_reported() {
    let found = record(r#"{"file_name":"a","n":[NaN, {"m":-Infinity}],"text":"NaN, \"x\", NaN"}"#);
    assert_eq!(found.findings, [LineFinding::NotANumber { found: "NaN" }]);
    assert_eq!(found.caption.text(), Some("NaN, \"x\", NaN"));
    let missing = record(r#"{"file_name":"a","text":NaN}"#);
    assert_eq!((missing.caption, missing.findings), (Caption::None, found.findings));
    let infinite = record(r#"{"file_name":"a","text":Infinity }"#);
    assert_eq!(infinite.caption.other().map(|other| (other.kind, &*other.json)), Some((JsonKind::Number, "Infinity")));
    assert_eq!(record(r#"{"file_name":"a","text":"NaN"}"#).findings, []);
}

#[test]
fn a_bad_line_may_name_its_image() {
    let name = |line: &str| match single(line) {
        Entry::Bad(bad) => bad.file_name(),
        Entry::Record(record) => panic!("{record:?}"),
    };
    assert_eq!(name(r#"{"file_name" : "a\"\u0041.jpg", "text": 'x'}"#).as_deref(), Some("a\"A.jpg"));
    for line in [r#"{"file_name"}"#, r#"{"file_name": 1"#, r#"{"file_name": "a"#, r#"{"file_name": "\q"}"#, "x"] {
        assert_eq!(name(line), None, "{line}");
    }
}

#[test]
fn lines_that_are_not_records_report_the_reason() {
    use JsonKind::{Array, Boolean, Null, Number, Object};
    let cases: [(&[u8], LineError); 15] = [
        (b"{\"file_name\":\"a\xFF\"}", LineError::NotUtf8 { byte: 16 }),
        (b"[\"file_name\"]", LineError::NotAnObject { found: Array }),
        (b" \"text\"", LineError::NotAnObject { found: JsonKind::String }),
        (b"12", LineError::NotAnObject { found: Number }),
        (b"null", LineError::NotAnObject { found: Null }),
        (b"{}", LineError::FileNameMissing),
        (b"{\"text\":\"a\",\"n\":{\"file_name\":\"a\"}}", LineError::FileNameMissing),
        (b"{\"file_name\":null}", LineError::FileNameNotString { found: Null }),
        (b"{\"file_name\":false}", LineError::FileNameNotString { found: Boolean }),
        (b"{\"file_name\":1.5}", LineError::FileNameNotString { found: Number }),
        (b"{\"file_name\":[]}", LineError::FileNameNotString { found: Array }),
        (b"{\"file_name\":{}}", LineError::FileNameNotString { found: Object }),
        (b"{\"file_name\":\"\"}", LineError::FileNameEmpty),
        (b"{\"file_name\":\"a\\ud800b\"}", LineError::FileNameLoneSurrogate),
        (b"{\"file_name\":\"a\",\"file_name\":1}", LineError::FileNameNotString { found: Number }),
    ];
    for (line, expected) in cases {
        assert_eq!(error(line), expected, "{}", String::from_utf8_lossy(line));
    }
}

#[test]
fn invalid_json_reports_the_offset() {
    let cases = [
        ("{\"file_name\":\"a\"", 16),
        ("{\"file_name\":\"a\"} x", 19),
        ("{\"file_name\":\"a\",}", 18),
        ("{\"file_name\":\"a\",\"n\":nan}", 22),
        ("{\"file_name\":\"a\",\"n\":NaN1}", 22),
        ("{\"file_name\":\"a\",\"n\":1NaN}", 23),
        ("{\"file_name\":\"a\",\"n\":NaN,\"m\":-NaN}", 31),
        ("{\"file_name\":\"a\tb\"}", 16),
        ("{'file_name':'a'}", 2),
    ];
    for (line, expected) in cases {
        match error(line) {
            LineError::NotJson { byte, reason } => {
                // The parser is off by one for some errors.
                assert!(byte.abs_diff(expected) <= 1, "{line}: byte {byte}, not {expected}: {reason}");
                assert!(!reason.contains("line 1"), "{reason}");
            }
            other => panic!("{line}: {other}"),
        }
    }
}

#[test]
fn captions_that_are_not_strings() {
    let found = |line: String| {
        let found = record(line);
        (found.caption, found.findings)
    };
    assert_eq!(found(r#"{"file_name":"a"}"#.to_owned()), (Caption::None, vec![]));
    let not_a_string = |found| vec![LineFinding::CaptionNotString { found }];
    let null = r#"{"file_name":"a","text":null}"#.to_owned();
    assert_eq!(found(null), (Caption::None, not_a_string(JsonKind::Null)));
    for (json, kind) in [(r#"["b", 1e999]"#, JsonKind::Array), ("true", JsonKind::Boolean)] {
        let other = Caption::Other(OtherCaption { kind, json: json.into() });
        assert_eq!(found(format!(r#"{{"file_name":"a","text": {json} }}"#)), (other, not_a_string(kind)));
    }
    let json = r#"{"en":"\ud800"}"#;
    assert_eq!(found(format!(r#"{{"file_name":"a","text": {json} }}"#)), (Caption::Object(json.to_owned()), vec![]));
    assert_eq!(found(r#"{"file_name":"a","text":""}"#.to_owned()), (Caption::Text(String::new()), vec![]));
}

#[test]
fn a_lone_surrogate_in_a_caption_is_replaced() {
    for (escaped, expected) in
        [(r"\ud800", "\u{FFFD}"), (r"é\udc00\n", "é\u{FFFD}\n"), (r"\ud83d\ud83d\ude00", "\u{FFFD}😀")]
    {
        let found = record(format!(r#"{{"file_name":"a","text":"<{escaped}>"}}"#));
        assert_eq!(found.caption.text(), Some(format!("<{expected}>").as_str()));
        assert_eq!(found.findings, [LineFinding::CaptionLoneSurrogate]);
    }
}

#[test]
fn a_lone_surrogate_in_another_field_is_ignored() {
    let found = record(r#"{"\ud800":"\udfff","file_name":"a","text":"b"}"#);
    assert_eq!((found.caption.text(), found.findings.as_slice()), (Some("b"), [].as_slice()));
}

#[test]
fn the_last_of_repeated_fields_counts() {
    let found = record(r#"{"text":"1","file_name":"a","file_n\u0061me":"b","text":"2"}"#);
    assert_eq!((found.file_name.as_str(), found.caption.text()), ("b", Some("2")));
    let repeated = |name: &str| LineFinding::Repeated { name: name.into() };
    assert_eq!(found.findings, [repeated("file_name"), repeated("text")]);
}

#[test]
fn the_caption_field_can_be_chosen() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("d.jsonl");
    fs::write(&path, r#"{"file_name":"a","text":"no","말":"yes"}"#).expect("written");
    let options = OpenOptions { caption_field: "말".into(), ..OpenOptions::default() };
    let dataset = Dataset::open(&path, &options).expect("opened");
    dataset.build_index(&mut go_on).expect("indexed");
    let entry = dataset.entry(RecordId(0)).expect("read");
    assert_eq!(entry.record().and_then(|record| record.caption.text()), Some("yes"));

    let options = OpenOptions { caption_field: "file_name".into(), ..OpenOptions::default() };
    assert!(matches!(Dataset::open(&path, &options), Err(DatasetError::CaptionFieldIsFileName)));
}

#[test]
fn long_lines_work_up_to_the_limit() {
    let line = |caption: usize| format!("{{\"file_name\":\"a\",\"text\":\"{}\"}}", "x".repeat(caption));
    let around = line(0).len();
    let fits = line(MAX_LINE_BYTES - around);
    assert_eq!(fits.len(), MAX_LINE_BYTES);
    let text = format!("{}\n{}\n\n{}\n{fits}", line(1 << 20), line(MAX_LINE_BYTES - around + 1), line(3));
    let (_folder, dataset) = indexed(text);
    let entries = entries(&dataset, 0..4).expect("read");
    let caption = |entry: &Entry| entry.record().and_then(|record| record.caption.text()).map(str::len);
    assert_eq!(caption(&entries[0]), Some(1 << 20));
    assert!(matches!(&entries[1], Entry::Bad(BadLine { error: LineError::TooLong, line: 2, .. })));
    assert_eq!(caption(&entries[2]), Some(3));
    assert_eq!(caption(&entries[3]), Some(MAX_LINE_BYTES - around));
}

#[test]
fn the_preview_of_a_bad_line_is_limited() {
    let Entry::Bad(bad) = single(["한".repeat(300).as_bytes(), b"\xFF"].concat()) else { panic!("bad") };
    assert_eq!(bad.preview, "한".repeat(200));
    let Entry::Bad(bad) = single(b"  \xFFabc \r\n") else { panic!("bad") };
    assert_eq!(bad.preview, "\u{FFFD}abc");
}

#[test]
fn messages_name_file_and_line() {
    let (_folder, dataset) = indexed("\n{}\n");
    let Entry::Bad(bad) = dataset.entry(RecordId(0)).expect("read") else { panic!("bad") };
    let message = dataset.message(bad.line, &bad.error);
    assert_eq!(message, "d.jsonl:2: \"file_name\" is missing (line left as it is)");
}

#[test]
fn the_index_is_published_as_it_grows_and_can_be_stopped() {
    let line = "{\"file_name\":\"a.jpg\",\"text\":\"some words that take a little room\"}\n";
    let records = 200_000;
    let (_folder, dataset) = unread(line.repeat(records));
    assert_eq!((dataset.record_count(), dataset.is_indexed()), (0, false));

    let first = dataset.build_index(&mut |_| ControlFlow::Break(())).expect("indexed");
    assert!(!first.complete && first.records > 0 && first.bytes_read <= 512 * 1024, "{first:?}");
    // Every published record can be read, including the last one.
    let last = RecordId(dataset.record_count() - 1);
    assert!(dataset.entry(last).expect("read").record().is_some());
    assert!(matches!(dataset.entry(RecordId(last.0 + 1)), Err(DatasetError::NoSuchRecord { .. })));

    let mut steps = vec![first];
    let done = dataset.build_index(&mut |now| {
        steps.push(now);
        ControlFlow::Continue(())
    });
    let done = done.expect("indexed");
    assert!(steps.is_sorted_by(|a, b| a.records < b.records && a.bytes_read < b.bytes_read), "{steps:?}");
    assert_eq!(steps.last(), Some(&done));
    assert_eq!((done.records as usize, done.bytes_read), (records, done.bytes_total));
    assert!(done.complete && dataset.is_indexed());
    assert_eq!(dataset.line_number(RecordId(done.records - 1)), records as u64);
}

#[test]
fn a_scan_visits_every_record_in_order_until_it_breaks() {
    let lines: Vec<_> = (0..30_000).map(|number| format!("{{\"file_name\":\"{number}\"}}\n")).collect();
    let text = lines.concat();
    let (_folder, dataset) = unread(text);
    let mut next = 0;
    dataset
        .scan(&mut |entry| {
            assert_eq!(entry.record().map(|record| record.file_name.as_str()), Some(next.to_string().as_str()));
            assert_eq!(entry.id(), RecordId(next));
            next += 1;
            if next == 25_000 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .expect("scanned");
    assert_eq!(next, 25_000);
}

#[test]
fn a_folder_stands_for_its_metadata_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let set = folder.path().join("street");
    fs::create_dir(&set).expect("made");
    let error = Dataset::open(&set, &OpenOptions::default()).expect_err("empty");
    assert!(error.to_string().contains("neither metadata.jsonl nor images"), "{error}");

    fs::write(set.join("metadata.jsonl"), "").expect("written");
    let dataset = Dataset::open(&set, &OpenOptions::default()).expect("opened");
    assert_eq!((dataset.name(), dataset.folder()), ("street", set.as_path()));
    assert_eq!(dataset.path(), set.join("metadata.jsonl"));

    fs::write(set.join("more.jsonl"), "").expect("written");
    let dataset = Dataset::open(&set.join("more.jsonl"), &OpenOptions::default()).expect("opened");
    assert_eq!((dataset.name(), dataset.folder()), ("more", set.as_path()));
    assert_eq!(dataset.picture_path("a.jpg"), Ok(set.join("a.jpg")));
    assert_eq!(dataset.picture_path("../a.jpg"), Err(PathRefused::Parent));
}

#[test]
fn paths_that_are_not_files_are_rejected() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let missing = Dataset::open(&folder.path().join("d.jsonl"), &OpenOptions::default());
    assert!(matches!(missing, Err(DatasetError::NotFound { .. })));
    #[cfg(unix)]
    {
        let device = Dataset::open(Path::new("/dev/null"), &OpenOptions::default());
        assert!(matches!(device, Err(DatasetError::NotAFile { .. })));
    }
}

#[test]
fn images_can_be_in_another_folder() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("d.jsonl");
    fs::write(&path, "").expect("written");
    let options = OpenOptions { images: Some("pictures".into()), ..OpenOptions::default() };
    let dataset = Dataset::open(&path, &options).expect("opened");
    assert_eq!(dataset.picture_path("../a.jpg"), Ok(Path::new("pictures").join("../a.jpg")));
}

#[test]
fn changes_on_disk_are_errors_that_name_the_file() {
    type Damage = fn(&Path);
    let line = "{\"file_name\":\"a\"}\n";
    let cases: [(Damage, Change); 3] = [
        (|path| fs::File::options().write(true).open(path).expect("open").set_len(20).expect("cut"), Change::Shorter),
        (
            |path| fs::File::options().append(true).open(path).expect("open").write_all(b"{}\n").expect("appended"),
            Change::Longer,
        ),
        (
            |path| {
                let file = fs::File::options().write(true).open(path).expect("open");
                file.set_modified(std::time::UNIX_EPOCH).expect("set");
            },
            Change::Written,
        ),
    ];
    for (damage, expected) in cases {
        let (_folder, dataset) = indexed(line.repeat(9));
        let (_other, late) = unread(line.repeat(9));
        damage(dataset.path());
        damage(late.path());
        let errors = [
            dataset.entry(RecordId(8)).map(drop),
            entries(&dataset, 0..9).map(drop),
            dataset.scan(&mut |_| ControlFlow::Continue(())),
            dataset.content_hash().map(drop),
            dataset.check_on_disk(),
            late.build_index(&mut go_on).map(drop),
        ];
        for error in errors {
            let error = error.expect_err("changed");
            assert!(error.to_string().contains("d.jsonl: changed on disk"), "{error}");
            assert!(matches!(error, DatasetError::ChangedOnDisk { change, .. } if change == expected), "{error}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_replaced_file_is_detected_but_still_read() {
    let (folder, dataset) = indexed("{\"file_name\":\"a\"}\n");
    fs::write(folder.path().join("new"), "{\"file_name\":\"b\"}\n").expect("written");
    fs::rename(folder.path().join("new"), dataset.path()).expect("replaced");
    let error = dataset.check_on_disk().expect_err("replaced");
    assert!(matches!(error, DatasetError::ChangedOnDisk { change: Change::Replaced, .. }), "{error}");
    let entry = dataset.entry(RecordId(0)).expect("the file that was opened is still there");
    assert_eq!(entry.record().map(|record| record.file_name.as_str()), Some("a"));

    fs::remove_file(dataset.path()).expect("removed");
    let error = dataset.check_on_disk().expect_err("removed");
    assert!(matches!(error, DatasetError::ChangedOnDisk { change: Change::Removed, .. }), "{error}");
}

#[test]
fn the_content_hash_covers_all_bytes() {
    let text = b"\xEF\xBB\xBF\n".iter().copied().chain((0..=255).cycle().take(600_000)).collect::<Vec<u8>>();
    let (_folder, dataset) = unread(&text);
    let expected = twox_hash::xxhash3_128::Hasher::oneshot(&text);
    assert_eq!(dataset.content_hash().expect("read"), expected);
    assert_eq!(dataset.content_hash().expect("known"), expected);
    let survey = dataset.survey(&mut || ControlFlow::Continue(())).expect("read").expect("not stopped");
    assert_eq!(survey.hash, expected);
}

#[test]
fn datasets_can_be_shared_between_threads() {
    let (_folder, dataset) = unread("{\"file_name\":\"a\"}\n".repeat(100_000));
    std::thread::scope(|scope| {
        let builder = dataset.clone();
        scope.spawn(move || builder.build_index(&mut go_on).expect("indexed"));
        while !dataset.is_indexed() {
            let count = dataset.record_count();
            if count > 0 {
                assert!(dataset.entry(RecordId(count - 1)).expect("read").record().is_some());
            }
        }
    });
    assert_eq!(dataset.record_count(), 100_000);
}

#[test]
fn the_other_texts_of_a_record_are_its_fields_of_several_words() {
    let long = "word ".repeat(1_000);
    let line = format!(
        r#"{{"file_name": "a b.jpg", "text": "A hat.", "text_ko": "빨간 모자.", "id": "x-1", "n": 3, "long": "{long}", "no": " one "}}"#
    );
    let (_folder, dataset) = indexed(line);
    let mut found = Vec::new();
    dataset
        .scan_lines(&mut |line| {
            found = line.texts();
            ControlFlow::Continue(())
        })
        .expect("read");
    assert_eq!(found, [("text_ko".to_owned(), "빨간 모자.".to_owned()), ("long".to_owned(), long[..1_000].to_owned())]);
}
