use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use tempfile::TempDir;

use twox_hash::xxhash3_128::Hasher;

use super::*;
use crate::dataset::{Entry, OpenOptions, format};

struct Fixture {
    folder: TempDir,
    dataset: Dataset,
}

impl Fixture {
    fn new(bytes: impl AsRef<[u8]>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("d.jsonl");
        fs::write(&path, bytes).expect("written");
        let dataset = open(&path);
        Self { folder, dataset }
    }

    fn target(&self) -> PathBuf {
        self.folder.path().join("d_updated.jsonl")
    }

    fn options(&self) -> SaveOptions {
        SaveOptions { target: self.target(), expected: Expected::Nothing, force: false, backup: false }
    }

    fn save(&self, amendments: &[(u32, Amendment)]) -> Result<SaveReport, SaveError> {
        self.save_with(amendments, &self.options())
    }

    fn save_with(&self, amendments: &[(u32, Amendment)], options: &SaveOptions) -> Result<SaveReport, SaveError> {
        let mut amendments = amendments.iter().map(|(record, amendment)| (RecordId(*record), amendment.clone()));
        save(&self.dataset, &mut amendments, options)
    }

    fn saved(&self, amendments: &[(u32, Amendment)]) -> String {
        self.save(amendments).expect("saved");
        fs::read_to_string(self.target()).expect("read")
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).expect("listed");
        let mut names: Vec<String> =
            entries.map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

fn open(path: &Path) -> Dataset {
    Dataset::open(path, &OpenOptions::default()).expect("opened")
}

fn caption(text: &str) -> Amendment {
    Amendment::Caption(text.into())
}

fn ours(report: &SaveReport) -> Expected {
    Expected::Ours { stamp: Some(report.stamp), hash: Some(report.hash) }
}

const THREE: &str = "\u{feff}{\"file_name\":\"a\",\"text\":\"1\"}\r\n\n{\"file_name\":\"b\"}\nbad\n{\"text\":\"4\",\"file_name\":\"d\"}";

#[test]
fn only_amended_records_change() {
    let fixture = Fixture::new(THREE);
    assert_eq!(
        fixture.saved(&[(0, caption("one")), (3, caption("사"))]),
        "\u{feff}{\"file_name\":\"a\",\"text\":\"one\"}\r\n\n{\"file_name\":\"b\"}\nbad\n{\"text\":\"사\",\"file_name\":\"d\"}"
    );
}

#[test]
fn objects_over_several_lines_keep_their_lines() {
    let object = |name: &str, text: &str| format!("{{\r\n\t\"file_name\": \"{name}\"{text}\r\n}}\r\n");
    let text = |caption: &str| format!(",\r\n\t\"text\": \"{caption}\"");
    let bad = "{\n\"file_name\": \"x\",\n";
    let before = [&object("a", &text("1")), bad, &object("b", ""), "\n", &object("c", &text("3"))].concat();
    let fixture = Fixture::new(&before);
    let saved = fixture.saved(&[(0, caption("one")), (1, caption("x")), (2, caption("two")), (3, Amendment::Exclude)]);
    assert_eq!(saved, [&object("a", &text("one")), bad, &object("b", &text("two")), "\n"].concat());
}

#[test]
fn objects_on_one_line_keep_their_place() {
    let object = |name: &str, text: &str| format!("{{\"file_name\":\"{name}\",\"text\":\"{text}\"}}");
    let before =
        ["\u{feff}", &object("a", "1"), &object("b", "2"), " ", &object("c", "3"), "\n", &object("d", "}{")].concat();
    let fixture = Fixture::new(&before);
    let saved =
        fixture.saved(&[(0, caption("}{")), (1, Amendment::Exclude), (2, caption("three")), (3, caption("}{"))]);
    assert_eq!(saved, ["\u{feff}", &object("a", "}{"), &object("c", "three"), "\n", &object("d", "}{")].concat());
    let fixture = Fixture::new(&before);
    assert_eq!(fixture.saved(&[(3, caption("4"))]), before.replace("\"}{\"}", "\"4\"}"));
}

#[test]
fn excluded_records_are_removed_with_their_newline() {
    let fixture = Fixture::new(THREE);
    assert_eq!(
        fixture.saved(&[(0, Amendment::Exclude), (1, Amendment::Exclude)]),
        "\u{feff}\nbad\n{\"text\":\"4\",\"file_name\":\"d\"}"
    );
    let fixture = Fixture::new("{\"file_name\":\"a\"}");
    assert_eq!(fixture.saved(&[(0, Amendment::Exclude)]), "");
}

#[test]
fn bad_lines_are_copied_whatever_the_amendment() {
    let fixture = Fixture::new(THREE);
    let report = fixture.save(&[(1, caption("b")), (2, caption("no"))]).expect("saved");
    assert_eq!((report.captions_changed, report.bad_lines_left, report.records_written), (1, 1, 4));
    let text = fs::read_to_string(fixture.target()).expect("read");
    assert_eq!(text, THREE.replace("{\"file_name\":\"b\"}", "{\"file_name\":\"b\",\"text\":\"b\"}"));
    let fixture = Fixture::new(THREE);
    assert_eq!(fixture.saved(&[(2, Amendment::Exclude)]), THREE);
}

#[test]
fn the_report_matches_the_file() {
    let fixture = Fixture::new(THREE);
    let amendments = [(0, caption("1")), (1, Amendment::Exclude), (3, caption("5"))];
    let report = fixture.save(&amendments).expect("saved");
    let bytes = fs::read(fixture.target()).expect("read");
    assert_eq!((report.records_written, report.captions_changed, report.excluded), (3, 1, 1));
    assert_eq!((report.bytes, report.hash), (bytes.len() as u64, Hasher::oneshot(&bytes)));
    assert_eq!(report.stamp, Stamp::of(&fixture.target()).expect("there"));
    assert_eq!(report.path, fixture.target().canonicalize().expect("there"));
    assert_eq!((report.backup, report.warnings), (None, vec![]));
    assert_eq!(fixture.files(), ["d.jsonl", "d_updated.jsonl"]);
}

#[test]
fn amendments_must_be_in_order_and_of_existing_records() {
    let fixture = Fixture::new(THREE);
    for amendments in [[(1, caption("a")), (0, caption("b"))], [(1, caption("a")), (1, caption("b"))]] {
        assert!(matches!(fixture.save(&amendments), Err(SaveError::OutOfOrder { .. })));
    }
    let error = fixture.save(&[(4, caption("a"))]).expect_err("four records");
    assert!(matches!(error, SaveError::Dataset(DatasetError::NoSuchRecord { .. })), "{error}");
    assert_eq!(fixture.files(), ["d.jsonl"]);
}

#[test]
fn long_lines_are_amended_and_too_long_ones_copied() {
    let line = |len: usize| format!("{{\"file_name\":\"a\",\"text\":\"{}\"}}\n", "x".repeat(len));
    let text = format!("{}{}{}", line(3 << 20), line(crate::dataset::MAX_LINE_BYTES), line(7));
    let fixture = Fixture::new(&text);
    let amendments = [(0, caption("a")), (1, caption("b")), (2, caption("c"))];
    let report = fixture.save(&amendments).expect("saved");
    assert_eq!((report.captions_changed, report.bad_lines_left), (2, 1));
    let expected = format!(
        "{}{}{}",
        line(0).replace("\"\"", "\"a\""),
        line(crate::dataset::MAX_LINE_BYTES),
        line(0).replace("\"\"", "\"c\"")
    );
    assert!(fs::read_to_string(fixture.target()).expect("read") == expected);
}

#[test]
fn a_foreign_file_is_not_overwritten() {
    let fixture = Fixture::new(THREE);
    fs::write(fixture.target(), "precious").expect("written");
    let error = fixture.save(&[]).expect_err("a foreign file");
    assert!(matches!(error, SaveError::Conflict { kind: ConflictKind::Foreign, .. }), "{error}");
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(fs::read_to_string(fixture.target()).expect("read"), "precious");
    assert_eq!(fixture.files(), ["d.jsonl", "d_updated.jsonl"]);

    fixture.save_with(&[], &SaveOptions { force: true, ..fixture.options() }).expect("forced");
    assert_eq!(fs::read_to_string(fixture.target()).expect("read"), THREE);
}

#[test]
fn own_output_is_overwritten_unless_it_changed() {
    let fixture = Fixture::new(THREE);
    let first = fixture.save(&[]).expect("saved");
    let options = SaveOptions { expected: ours(&first), ..fixture.options() };
    let second = fixture.save_with(&[(0, caption("x"))], &options).expect("ours");

    let options = SaveOptions { expected: ours(&second), ..fixture.options() };
    let text = fs::read_to_string(fixture.target()).expect("read");
    fs::write(fixture.target(), text.replace('x', "y")).expect("written");
    let error = fixture.save_with(&[], &options).expect_err("changed");
    assert!(matches!(error, SaveError::Conflict { kind: ConflictKind::Changed, .. }), "{error}");

    // Restored from a backup: another file with another modification time, but the same content.
    fs::write(fixture.target(), &text).expect("written");
    fixture.save_with(&[], &options).expect("the same content");

    fs::remove_file(fixture.target()).expect("removed");
    fixture.save_with(&[], &options).expect("nothing in the way");
}

#[test]
fn in_place_keeps_the_first_original_for_good() {
    let fixture = Fixture::new(THREE);
    let path = fixture.dataset.path().to_owned();
    let backup = fixture.folder.path().canonicalize().expect("there").join("d.jsonl.bak");
    let mut options = SaveOptions { target: path.clone(), backup: false, ..fixture.options() };
    options.expected = Expected::Ours { stamp: Some(fixture.dataset.stamp()), hash: None };
    let error = fixture.save_with(&[], &options).expect_err("without a backup");
    assert!(matches!(error, SaveError::IsDataset { .. }), "{error}");

    options.backup = true;
    let modified = fs::metadata(&path).and_then(|metadata| metadata.modified()).expect("known");
    let first = fixture.save_with(&[(0, caption("first"))], &options).expect("saved");
    assert_eq!(first.backup, Some(Backup::Made(backup.clone())));
    assert_eq!(fs::read_to_string(&backup).expect("read"), THREE);
    assert_eq!(fs::metadata(&backup).and_then(|metadata| metadata.modified()).expect("known"), modified);
    assert!(fs::read_to_string(&path).expect("read").contains("first"));

    // The open dataset is still the original, which is the source of the second save as well.
    options.expected = ours(&first);
    let second = fixture.save_with(&[(0, caption("second"))], &options).expect("saved");
    assert_eq!(second.backup, None, "what this session wrote is no original");
    assert_eq!(fs::read_to_string(&backup).expect("read"), THREE);
    let text = fs::read_to_string(&path).expect("read");
    assert_eq!(text, THREE.replace("\"1\"", "\"second\""));
    assert_eq!(fixture.files(), ["d.jsonl", "d.jsonl.bak"]);
}

#[test]
fn a_backup_of_another_state_is_never_taken_for_the_first_one() {
    let fixture = Fixture::new(THREE);
    let path = fixture.dataset.path().to_owned();
    let real = path.canonicalize().expect("there");
    let backup = |suffix: &str| PathBuf::from(format!("{}.bak{suffix}", real.display()));
    let expected = Expected::Ours { stamp: Some(fixture.dataset.stamp()), hash: None };
    let options = SaveOptions { target: path.clone(), backup: true, expected, ..fixture.options() };
    // Of another program, or of a session that was deleted.
    fs::write(backup(""), "older\n").expect("written");
    fs::create_dir(backup(".1")).expect("created");
    let first = fixture.save_with(&[(0, caption("first"))], &options).expect("saved");
    assert_eq!(first.backup, Some(Backup::Made(backup(".2"))));
    assert_eq!(fs::read_to_string(backup("")).expect("read"), "older\n");
    assert_eq!(fs::read_to_string(backup(".2")).expect("read"), THREE);

    // Replaced by another program since: forcing keeps that state too.
    fs::write(&path, "theirs\n").expect("written");
    let forced = SaveOptions { expected: ours(&first), force: true, ..options.clone() };
    let second = fixture.save_with(&[(0, caption("second"))], &forced).expect("saved");
    assert_eq!(second.backup, Some(Backup::Made(backup(".3"))));
    assert_eq!(fs::read_to_string(backup(".3")).expect("read"), "theirs\n");

    // A copy is not made twice.
    fs::write(&path, THREE).expect("written");
    let third = fixture.save_with(&[], &forced).expect("saved");
    assert_eq!(third.backup, Some(Backup::Kept(backup(".2"))));
    assert!(!backup(".4").exists());
}

#[test]
fn a_changed_dataset_is_not_saved() {
    let fixture = Fixture::new(THREE);
    fixture.dataset.content_hash().expect("read");
    let modified = fs::metadata(fixture.dataset.path()).and_then(|metadata| metadata.modified()).expect("known");
    fs::write(fixture.dataset.path(), THREE.replace('4', "5")).expect("written");
    // Same length and modification time, so only the content differs.
    let file = fs::File::options().write(true).open(fixture.dataset.path()).expect("open");
    file.set_modified(modified).expect("set");
    let error = fixture.save(&[]).expect_err("changed");
    assert!(matches!(error, SaveError::Dataset(DatasetError::ChangedOnDisk { .. })), "{error}");
    assert_eq!(fixture.files(), ["d.jsonl"]);
}

#[test]
fn moved_lines_are_detected_without_a_known_hash() {
    let fixture = Fixture::new("{\"file_name\":\"a\"}\n{\"file_name\":\"b\"}\n");
    fixture.dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
    let modified = fs::metadata(fixture.dataset.path()).and_then(|metadata| metadata.modified()).expect("known");
    fs::write(fixture.dataset.path(), "{\"file_name\":\"aa\"}\n{\"file_name\":\"\"}\n").expect("written");
    let file = fs::File::options().write(true).open(fixture.dataset.path()).expect("open");
    file.set_modified(modified).expect("set");
    let error = fixture.save(&[(1, caption("x"))]).expect_err("changed");
    assert!(matches!(error, SaveError::Dataset(DatasetError::ChangedOnDisk { .. })), "{error}");
}

#[cfg(unix)]
#[test]
fn a_replaced_dataset_is_not_saved_to_another_file() {
    let fixture = Fixture::new(THREE);
    fs::write(fixture.folder.path().join("new"), THREE).expect("written");
    fs::rename(fixture.folder.path().join("new"), fixture.dataset.path()).expect("replaced");
    let error = fixture.save(&[]).expect_err("replaced");
    assert!(matches!(error, SaveError::Dataset(DatasetError::ChangedOnDisk { .. })), "{error}");
}

#[test]
fn folders_and_missing_folders_are_refused() {
    let fixture = Fixture::new(THREE);
    let to = |target: PathBuf| fixture.save_with(&[], &SaveOptions { target, force: true, ..fixture.options() });
    assert!(matches!(to(fixture.folder.path().into()), Err(SaveError::NotAFile { .. })));
    assert!(matches!(to(fixture.folder.path().join("no/such.jsonl")), Err(SaveError::Io { .. })));
    #[cfg(unix)]
    assert!(matches!(to("/dev/null".into()), Err(SaveError::NotAFile { .. })));
}

/// Common lines and odd ones.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let written = (any::<String>(), any::<String>(), 0_usize..6).prop_map(|(name, caption, style)| {
        let (name, caption) = (serde_json::Value::from(name), serde_json::Value::from(caption));
        match style {
            0 => format!("{{\"file_name\":{name},\"text\":{caption}}}"),
            1 => format!("{{\"text\": {caption}, \"n\": 1.50E+1, \"file_name\": {name}}}"),
            2 => format!(" {{ \"file_name\" : {name} }} "),
            3 => format!("{{\"a\":{{\"text\":{caption}}},\"file_name\":{name},\"text\":null,\"z\":[\"\\u00e9\"]}}\r"),
            4 => format!("{{\"text\":{caption},\"file_name\":{name},\"\\u0074ext\":\"\\ud800\"}}"),
            _ => format!("\u{feff}{{\"file_name\":{name}}}"),
        }
        .into_bytes()
    });
    prop_oneof![4 => written, 1 => prop::collection::vec(any::<u8>(), 0..12), 1 => Just(b" \t\r".to_vec())]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    (prop::collection::vec(line(), 0..8), any::<bool>()).prop_map(|(lines, ends)| {
        let mut bytes = lines.join(&b'\n');
        if ends {
            bytes.push(b'\n');
        }
        bytes
    })
}

/// Returns false for what opens as something else or not at all: UTF-16, or `[` in a line above an object, which is an array.
fn is_json_lines(bytes: &[u8]) -> bool {
    let is_utf_16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    !is_utf_16 && format::detect(bytes, true).is_ok()
}

/// A line's fields in order, undecoded.
fn raw_fields(line: &[u8]) -> Vec<(String, String)> {
    struct Fields(Vec<(String, String)>);
    impl<'de> serde::Deserialize<'de> for Fields {
        fn deserialize<D: serde::Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Fields;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("an object")
                }
                fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                    let mut fields = Vec::new();
                    while let Some((key, value)) = map.next_entry::<String, Box<serde_json::value::RawValue>>()? {
                        fields.push((key, value.get().to_owned()));
                    }
                    Ok(Fields(fields))
                }
            }
            json.deserialize_map(Visitor)
        }
    }
    serde_json::from_slice::<Fields>(line).expect("an object").0
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn saving_without_amendments_is_the_identity(
        bytes in prop_oneof![file(), prop::collection::vec(any::<u8>(), 0..300)],
    ) {
        prop_assume!(is_json_lines(&bytes));
        let fixture = Fixture::new(&bytes);
        fixture.save(&[]).expect("saved");
        prop_assert_eq!(fs::read(fixture.target()).expect("read"), bytes);
    }

    #[test]
    fn an_amended_line_differs_in_its_caption_only(bytes in file(), captions in prop::collection::vec(any::<String>(), 8)) {
        prop_assume!(is_json_lines(&bytes));
        let fixture = Fixture::new(&bytes);
        let amendments: Vec<_> = captions.iter().map(|text| caption(text)).zip(0..).map(|(a, b)| (b, a)).collect();
        fixture.dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
        let count = fixture.dataset.record_count();
        let report = fixture.save(&amendments[..count as usize]).expect("saved");

        let saved = open(&fixture.target());
        let written = fs::read(fixture.target()).expect("read");
        let lines = |bytes: &[u8]| bytes.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (before, after) = (lines(&bytes), lines(&written));
        prop_assert_eq!(before.len(), after.len());
        let mut touched = vec![false; before.len()];
        let mut index = 0;
        saved.scan(&mut |entry| {
            let at = usize::try_from(entry.line()).expect("small") - 1;
            match entry {
                Entry::Bad(_) => {}
                Entry::Record(record) => {
                    touched[at] = true;
                    assert_eq!(record.caption.text(), Some(captions[index].as_str()));
                    let body = |line: &[u8]| line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line).to_vec();
                    let mut old = raw_fields(&body(&before[at]));
                    let mut new = raw_fields(&body(&after[at]));
                    let last = |fields: &[(String, String)]| fields.iter().rposition(|(key, _)| key == "text");
                    new.remove(last(&new).expect("has a caption"));
                    if let Some(last) = last(&old) {
                        old.remove(last);
                    }
                    assert_eq!(old, new);
                }
            }
            index += 1;
            ControlFlow::Continue(())
        }).expect("read");
        prop_assert_eq!(index, count as usize);
        for ((before, after), touched) in before.iter().zip(&after).zip(&touched) {
            prop_assert!(*touched || before == after);
        }
        let records = touched.iter().filter(|touched| **touched).count();
        prop_assert!(report.captions_changed as usize <= records);
        prop_assert_eq!(report.bad_lines_left as usize + records, count as usize);
    }

    #[test]
    fn exclusion_takes_whole_lines(bytes in file(), excluded in prop::collection::vec(any::<bool>(), 8)) {
        prop_assume!(is_json_lines(&bytes));
        let fixture = Fixture::new(&bytes);
        let mut entries = Vec::new();
        let each = &mut |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        };
        fixture.dataset.scan(each).expect("read");
        entries.truncate(excluded.len());
        let gone: Vec<_> = entries.iter().filter(|entry| excluded[entry.id().index()]).collect();
        let amendments: Vec<_> = gone.iter().map(|entry| (entry.id().0, Amendment::Exclude)).collect();
        let report = fixture.save(&amendments).expect("saved");

        let mut expected = Vec::new();
        for (number, line) in (1..).zip(bytes.split_inclusive(|byte| *byte == b'\n')) {
            if gone.iter().any(|entry| entry.line() == number && entry.record().is_some()) {
                if number == 1 && line.starts_with(b"\xEF\xBB\xBF") {
                    expected.extend_from_slice(b"\xEF\xBB\xBF");
                }
            } else {
                expected.extend_from_slice(line);
            }
        }
        prop_assert_eq!(fs::read(fixture.target()).expect("read"), expected);
        let records = gone.iter().filter(|entry| entry.record().is_some()).count();
        prop_assert_eq!(report.excluded as usize, records);
    }
}
