use std::fs;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use crate::dataset::{
    Amendment, Dataset, DatasetError, Entry, Expected, LeftOut, OpenOptions, RecordId, SaveError, SaveOptions,
    SaveReport, hash_of, save, save_shard,
};
use crate::tar_file::Place;

type Members = Vec<(String, Vec<u8>)>;

fn member(name: &str, content: impl AsRef<[u8]>) -> (String, Vec<u8>) {
    (name.to_owned(), content.as_ref().to_vec())
}

/// Bytes that are recognised as a picture, and differ.
fn image(number: u8) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), &[number; 700]].concat()
}

fn write(path: &Path, members: &Members) {
    let mut archive = tar::Builder::new(fs::File::create(path).unwrap());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o640);
        header.set_mtime(1_700_000_000);
        archive.append_data(&mut header, name, content.as_slice()).unwrap();
    }
    archive.into_inner().unwrap();
}

/// Reads an archive with the `tar` crate: names, modes, times and contents.
fn read(path: &Path) -> Vec<(String, u32, u64, Vec<u8>)> {
    let mut archive = tar::Archive::new(fs::File::open(path).unwrap());
    let entries = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let header = entry.header();
        let name = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        (name, header.mode().unwrap(), header.mtime().unwrap(), content)
    });
    entries.collect()
}

fn open(path: &Path) -> Dataset {
    let dataset = Dataset::open(path, &OpenOptions::default()).expect("opened");
    dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
    dataset
}

/// Each record: the file name and the caption.
fn records(dataset: &Dataset) -> Vec<String> {
    let mut records = Vec::new();
    let visit = &mut |entry: Entry| {
        records.push(match entry {
            Entry::Record(it) => format!("{} {}", it.file_name, it.caption.text().unwrap_or("-")),
            Entry::Bad(bad) => bad.error.to_string(),
        });
        ControlFlow::Continue(())
    };
    dataset.scan(visit).expect("scanned");
    records
}

fn options(target: &Path) -> SaveOptions {
    SaveOptions { target: target.to_owned(), expected: Expected::Nothing, force: true, backup: false }
}

fn saved(dataset: &Dataset, target: &Path, amendments: &[(u32, Option<&str>)]) -> SaveReport {
    let amendment =
        |caption: Option<&str>| caption.map_or(Amendment::Exclude, |text| Amendment::Caption(text.to_owned()));
    let mut amendments = amendments.iter().map(|(record, caption)| (RecordId(*record), amendment(*caption)));
    save(dataset, &mut amendments, &options(target)).expect("saved")
}

/// Reads the picture that a path names, as everything does.
fn picture(path: &Path) -> std::io::Result<Vec<u8>> {
    Place::of(path).expect("a member").read(1 << 20)
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn set() -> Members {
    vec![
        member("in/a.jpg", image(1)),
        member("in/a.txt", "\u{feff}A hat.\r\n"),
        member("in/a.json", "{\n  \"text\": \"A hat.\",\n  \"n\": 1.50\n}"),
        member("in/a.npz", "x"),
        member("b.json", "{\"text\": \"A coat.\", \"file_name\": \"x\", \"tags\": [\"a\"]}"),
        member("b.PNG", image(2)),
        member("c.txt", "no image"),
        member("._d.jpg", image(3)),
        member("d.webp", image(4)),
        member("e.jpg", image(5)),
        member("e.txt", b"caf\xe9"),
        member("f.jpg", image(6)),
        member("f.json", "[1]"),
        member("f.txt", "Shoes."),
    ]
}

#[test]
fn members_of_one_key_are_a_record() {
    let folder = Folder::new();
    let path = folder.path("set.tar");
    write(&path, &set());
    let dataset = open(&path);
    assert!(dataset.is_archive() && dataset.has_images_inside());
    assert_eq!(
        records(&dataset),
        [
            "in/a.jpg A hat.",
            "b.PNG A coat.",
            "d.webp -",
            "the caption of e.jpg cannot be read: it is not UTF-8 (left as it is)",
            "f.jpg Shoes.",
        ]
    );
    let (_, line) = dataset.entry_and_line(RecordId(0)).unwrap();
    assert_eq!(line.trim(), r#"{"file_name": "in/a.jpg", "text": "A hat.", "n": 1.50}"#);
    assert_eq!(dataset.place(2), "set.tar:2");
    for (name, number) in [("in/a.jpg", 1), ("b.PNG", 2), ("d.webp", 4), ("f.jpg", 6)] {
        let path = dataset.picture_path(name).unwrap();
        assert_eq!(picture(&path).unwrap(), image(number), "{}", path.display());
    }
    let mut left_out: Vec<_> = dataset.left_out().map(|(reason, _, names)| (reason, names.join(","))).collect();
    left_out.sort();
    let expected = [
        (LeftOut::Unreadable, "f.json (must be an object (found an array) (line left as it is))"),
        (LeftOut::TextWithoutImage, "c.txt"),
        (LeftOut::Hidden, "._d.jpg"),
        (LeftOut::Other, "in/a.npz"),
    ];
    assert_eq!(left_out, expected.map(|(reason, names)| (reason, names.to_owned())));
}

#[test]
fn only_the_members_with_changed_captions_change() {
    let folder = Folder::new();
    let (path, target) = (folder.path("set.tar"), folder.path("out.tar"));
    write(&path, &set());
    let dataset = open(&path);
    saved(&dataset, &target, &[]);
    assert!(fs::read(&target).unwrap() == fs::read(&path).unwrap(), "no byte changes");

    let changes =
        [(0, Some("새 \"모자\".")), (1, Some("Mantel")), (2, Some("New.")), (3, Some("x")), (4, Some("Shoes."))];
    let report = saved(&dataset, &target, &changes);
    assert_eq!((report.captions_changed, report.bad_lines_left, report.records_written), (3, 1, 5));
    assert_eq!(report.hash, hash_of(&target).unwrap());
    let mut expected = set();
    expected[1].1 = "\u{feff}새 \"모자\".\r\n".into();
    expected[2].1 = "{\n  \"text\": \"새 \\\"모자\\\".\",\n  \"n\": 1.50\n}".into();
    expected[4].1 = "{\"text\": \"Mantel\", \"file_name\": \"x\", \"tags\": [\"a\"]}".into();
    expected.insert(9, member("d.txt", "New."));
    let expected: Vec<_> = expected.into_iter().map(|(name, content)| (name, 0o640, 1_700_000_000, content)).collect();
    assert!(read(&target) == expected, "{:?}", read(&target).iter().map(|it| &it.0).collect::<Vec<_>>());
    assert_eq!(records(&open(&target))[..3], ["in/a.jpg 새 \"모자\".", "b.PNG Mantel", "d.webp New."]);
}

#[test]
fn excluded_samples_are_left_out_with_all_of_their_members() {
    let folder = Folder::new();
    let (path, target) = (folder.path("set.tar"), folder.path("out.tar"));
    write(&path, &set());
    let report = saved(&open(&path), &target, &[(0, None), (4, None)]);
    assert_eq!((report.excluded, report.records_written), (2, 3));
    let names: Vec<String> = read(&target).into_iter().map(|member| member.0).collect();
    assert_eq!(names, ["b.json", "b.PNG", "c.txt", "._d.jpg", "d.webp", "e.jpg", "e.txt"]);
}

#[test]
fn archives_are_one_dataset_in_which_keys_may_repeat() {
    let folder = Folder::new();
    let one = |number: u8| vec![member("0.jpg", image(number)), member("0.txt", format!("Caption {number}."))];
    write(&folder.path("s-10.tar"), &[one(3), one(4)].concat());
    write(&folder.path("s-2.tar"), &one(2));
    let dataset = open(folder.0.path());
    let expected = ["s-2/0.jpg Caption 2.", "s-10/0.jpg Caption 3.", "s-10/0.jpg#3 Caption 4."];
    assert_eq!(records(&dataset), expected, "one key, next to each other");
    write(&folder.path("s-10.tar"), &[one(3), vec![member("1.jpg", image(9))], one(4)].concat());
    let dataset = open(&folder.path("s-*.tar"));
    assert_eq!(
        records(&dataset),
        ["s-2/0.jpg Caption 2.", "s-10/0.jpg Caption 3.", "s-10/1.jpg -", "s-10/0.jpg#4 Caption 4."]
    );
    let pictures = ["s-2/0.jpg", "s-10/0.jpg", "s-10/0.jpg#4"].map(|name| dataset.picture_path(name).unwrap());
    assert_eq!(pictures.map(|path| picture(&path).unwrap()[8]), [2, 3, 4]);
    let target = folder.path("out.tar");
    let mut change = std::iter::once((RecordId(3), Amendment::Caption("New.".to_owned())));
    let report = save_shard(&dataset, 1, &mut change, &options(&target)).unwrap();
    assert_eq!((report.records_written, report.captions_changed), (3, 1));
    assert_eq!(records(&open(&target))[2], "0.jpg#3 New.");
}

#[test]
fn pictures_are_those_of_the_archive_that_was_opened() {
    let folder = Folder::new();
    let path = folder.path("set.tar");
    write(&path, &set());
    let dataset = open(&path);
    let other = folder.path("other.tar");
    saved(&dataset, &other, &[(0, None)]);
    fs::rename(other, &path).unwrap();
    let path_of_picture = dataset.picture_path("b.PNG").unwrap();
    assert_eq!(picture(&path_of_picture).unwrap(), image(2));
    assert!(matches!(dataset.check_on_disk(), Err(DatasetError::ChangedOnDisk { .. })));
    drop(dataset);
    assert!(picture(&path_of_picture).is_err(), "another member is at that place now");
    assert_eq!(picture(&open(&path).picture_path("b.PNG").unwrap()).unwrap(), image(2));
}

#[test]
fn a_damaged_archive_has_the_samples_before_the_damage() {
    let folder = Folder::new();
    let (path, target) = (folder.path("set.tar"), folder.path("out.tar"));
    write(&path, &set());
    let mut bytes = fs::read(&path).unwrap();
    let header = bytes.windows(6).position(|window| window == b"d.webp").unwrap();
    bytes[header + 200] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let dataset = open(&path);
    let found = records(&dataset);
    assert_eq!(found[..2], ["in/a.jpg A hat.", "b.PNG A coat."]);
    assert!(found[2].starts_with("set.tar: ") && found[2].contains("download or write it again"), "{found:?}");
    let report = saved(&dataset, &target, &[(1, Some("A coat!")), (2, Some("x"))]);
    assert_eq!((report.captions_changed, report.bad_lines_left), (1, 1));
    let old = bytes.windows(7).position(|window| window == b"A coat.").unwrap();
    bytes[old + 6] = b'!';
    assert!(fs::read(&target).unwrap() == bytes, "the same length, so that only one byte changes");

    fs::write(&path, "no archive").unwrap();
    let error = Dataset::open(&path, &OpenOptions::default()).unwrap().build_index(&mut |_| ControlFlow::Continue(()));
    assert!(error.unwrap_err().to_string().contains("download or write it again"));
}

#[test]
fn names_of_any_length_and_form_are_kept() {
    let folder = Folder::new();
    let (path, target) = (folder.path("set.tar"), folder.path("out.tar"));
    let long = format!("{}/{}", "d".repeat(90), "n".repeat(90));
    let members = vec![
        member(&format!("{long}.jpg"), image(1)),
        member("short.jpg", image(2)),
        member(&format!("{}.jpg", "가".repeat(60)), image(3)),
    ];
    write(&path, &members);
    let dataset = open(&path);
    saved(&dataset, &target, &[(0, Some("One.")), (1, Some("Two.")), (2, Some("Three."))]);
    let again = records(&open(&target));
    let captions: Vec<&str> = again.iter().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(captions, ["One.", "Two.", "Three."]);
    assert_eq!(read(&target)[1].0, format!("{long}.txt"));
}

#[test]
fn an_archive_is_saved_as_one_only() {
    let folder = Folder::new();
    write(&folder.path("set.tar"), &set());
    let dataset = open(&folder.path("set.tar"));
    let error = save(&dataset, &mut std::iter::empty(), &options(&folder.path("a.jsonl"))).unwrap_err();
    assert!(matches!(error, SaveError::NotATar { .. }), "{error}");
    let several = OpenOptions { caption_field: "a,b".to_owned(), ..OpenOptions::default() };
    assert!(matches!(Dataset::open(dataset.path(), &several), Err(DatasetError::SeveralFields { .. })));
}

#[test]
fn the_hash_changes_with_the_captions_but_not_with_an_image() {
    let folder = Folder::new();
    let path = folder.path("set.tar");
    let hash = |members: &Members| {
        write(&path, members);
        let hash = open(&path).content_hash().unwrap();
        assert_eq!(hash, hash_of(&path).unwrap());
        hash
    };
    let (first, mut members) = (hash(&set()), set());
    members[0].1 = image(9);
    assert_eq!(hash(&members), first);
    members[1].1 = "\u{feff}A cap.\r\n".into();
    assert_ne!(hash(&members), first);
}

fn any_sample() -> impl Strategy<Value = Vec<(&'static str, Vec<u8>)>> {
    let text = prop::option::weighted(0.7, "[a-z가 \n]{0,600}");
    let object = prop::option::weighted(0.5, prop::option::of("[a-z]{0,5}"));
    (text, object, any::<bool>(), 0_usize..1_100).prop_map(|(text, object, is_first, len)| {
        let mut members = vec![("jpg", vec![7; len])];
        members.extend(text.map(|text| ("txt", text.into_bytes())));
        members.extend(object.map(|text| ("json", serde_json::json!({ "text": text }).to_string().into_bytes())));
        if is_first {
            members.reverse();
        }
        members
    })
}

proptest! {
    #[test]
    fn every_other_member_stays(
        samples in prop::collection::vec(any_sample(), 1..7),
        changes in prop::collection::vec(prop::option::of(prop::option::of("[a-z가]{1,700}")), 7),
    ) {
        let folder = Folder::new();
        let (path, target) = (folder.path("set.tar"), folder.path("out.tar"));
        let names = |at: usize, sample: &[(&str, Vec<u8>)]| -> Members {
            sample.iter().map(|(extension, content)| member(&format!("{at}.{extension}"), content)).collect()
        };
        let all: Members = samples.iter().enumerate().flat_map(|(at, sample)| names(at, sample)).collect();
        write(&path, &all);
        let dataset = open(&path);
        saved(&dataset, &target, &[]);
        prop_assert!(fs::read(&target).unwrap() == fs::read(&path).unwrap());
        let before = records(&dataset);
        let amendments: Vec<_> = (0..).zip(&changes).take(samples.len()).filter_map(|(at, change)| Some((at, change.as_ref()?.as_deref()))).collect();
        saved(&dataset, &target, &amendments);
        let mut expected = Vec::new();
        for (at, line) in before.iter().enumerate() {
            match &changes[at] {
                None => expected.push(line.clone()),
                Some(Some(text)) => expected.push(format!("{at}.jpg {text}")),
                Some(None) => {}
            }
        }
        let after: Vec<String> = if expected.is_empty() { Vec::new() } else { records(&open(&target)) };
        prop_assert_eq!(after, expected);
        let is_image = |name: &str| Path::new(name).extension().is_some_and(|extension| extension == "jpg");
        let kept: Vec<_> = read(&target).into_iter().filter(|(name, ..)| is_image(name)).map(|it| (it.0, it.3)).collect();
        let excluded = |at: usize| matches!(changes[at], Some(None));
        let images = all.iter().filter(|(name, _)| is_image(name) && !excluded(name[..1].parse().unwrap()));
        prop_assert_eq!(kept, images.cloned().collect::<Vec<_>>());
    }
}
