use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::dataset::{Amendment, Dataset, DatasetError, OpenOptions};

fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    folder
}

/// Opens a folder and scans it.
fn open(folder: &Path) -> Dataset {
    let dataset = Dataset::open(folder, &OpenOptions::default()).unwrap();
    dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap();
    dataset
}

/// Returns the names and captions.
fn records(dataset: &Dataset) -> Vec<(String, String)> {
    let mut records = Vec::new();
    let visit = &mut |entry: crate::dataset::Entry| {
        let record = entry.record().expect("a record");
        records.push((record.file_name.clone(), record.caption.text().unwrap_or_default().to_owned()));
        ControlFlow::Continue(())
    };
    dataset.scan(visit).unwrap();
    records
}

fn pairs(of: &[(&str, &str)]) -> Vec<(String, String)> {
    of.iter().map(|(name, caption)| ((*name).to_owned(), (*caption).to_owned())).collect()
}

fn save(dataset: &Dataset, archive: &Path, captions: &[(u32, &str)]) -> SidecarReport {
    let options = SidecarSave { confirmed: true, archive: archive.to_owned() };
    let amendments = captions.iter().map(|(record, text)| (RecordId(*record), Amendment::Caption((*text).to_owned())));
    save_sidecars(dataset, amendments.collect(), &options).unwrap()
}

/// Returns the paths and contents of all files.
fn contents(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).unwrap().map(Result::unwrap) {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                files.insert(entry.path(), fs::read(entry.path()).unwrap());
            }
        }
    }
    files
}

#[test]
fn images_are_records_in_natural_order_with_the_captions_of_their_sidecars() {
    let folder = folder(&[
        ("a10.jpg", b""),
        ("a10.txt", b"\xef\xbb\xbfTen \"hats\".\r\n"),
        ("a2.JPG", b""),
        ("a2.caption", "모자.\n".as_bytes()),
        ("b/c.d.png", b""),
        ("b/c.d.png.txt", b" Dotted. "),
        ("b/e.jfif", b""),
        ("b/e-masklabel.png", b""),
        ("@eaDir/t.jpg", b""),
        (".hidden/h.jpg", b""),
        ("notes.txt", b"Notes."),
    ]);
    let dataset = open(folder.path());
    let expected = [("a2.JPG", "모자."), ("a10.jpg", "Ten \"hats\"."), ("b/c.d.png", "Dotted."), ("b/e.jfif", "")];
    assert_eq!(records(&dataset), pairs(&expected));
    assert!(dataset.is_indexed());
    let left_out: Vec<_> = dataset.left_out().map(|(reason, count, names)| (reason, count, names.join(" "))).collect();
    let named = |reason, name: &str| (reason, 1, name.to_owned());
    assert_eq!(
        left_out,
        [
            named(LeftOut::TextWithoutImage, "notes.txt"),
            named(LeftOut::Thumbnails, "@eaDir"),
            named(LeftOut::Mask, "b/e-masklabel.png"),
            named(LeftOut::Hidden, ".hidden"),
        ]
    );
    assert_eq!(dataset.message(3, &"wrong"), "b/c.d.png.txt: wrong");
}

#[test]
fn one_extension_can_be_chosen() {
    let folder = folder(&[("a.jpg", b""), ("a.txt", b"Text."), ("a.tags", b"hat, red")]);
    let options = OpenOptions { sidecar_extension: Some("tags".to_owned()), ..OpenOptions::default() };
    let dataset = Dataset::open(folder.path(), &options).unwrap();
    assert_eq!(records(&dataset), pairs(&[("a.jpg", "hat, red")]));
}

#[test]
fn a_save_changes_only_the_captions_that_changed_and_archives_the_former_ones() {
    let folder = folder(&[
        ("a.jpg", b""),
        ("a.txt", b"\xef\xbb\xbf A hat.\r\n"),
        ("b.jpg", b""),
        ("b.txt", b"A coat."),
        ("c.jpg", b""),
    ]);
    let archives = tempfile::tempdir().unwrap();
    let archive = archives.path().join("sub/1.tar");
    let dataset = open(folder.path());
    let report = save(&dataset, &archive, &[(0, "A red hat."), (1, "A coat."), (2, "New.")]);
    assert_eq!((report.captions_changed, report.written, report.left_alone.len()), (2, 2, 0));
    let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
    assert_eq!(read("a.txt"), b"\xef\xbb\xbf A red hat.\r\n");
    assert_eq!((read("b.txt"), read("c.txt")), (b"A coat.".to_vec(), b"New.".to_vec()));
    assert_eq!(report.archive.as_deref(), Some(archive.as_path()));
    let mut tar = tar::Archive::new(File::open(archive).unwrap());
    let kept: Vec<_> = tar
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            io::Read::read_to_end(&mut entry, &mut content).unwrap();
            (entry.path().unwrap().into_owned(), content)
        })
        .collect();
    assert_eq!(kept, [(PathBuf::from("a.txt"), b"\xef\xbb\xbf A hat.\r\n".to_vec())]);
    assert_eq!(records(&open(folder.path()))[2], ("c.jpg".to_owned(), "New.".to_owned()));
}

#[test]
fn a_sidecar_that_changed_since_it_was_read_is_left_alone() {
    let folder = folder(&[("a.jpg", b""), ("a.txt", b"A hat."), ("b.jpg", b""), ("b.txt", b"\xe4"), ("c.jpg", b"")]);
    let archives = tempfile::tempdir().unwrap();
    let dataset = open(folder.path());
    fs::write(folder.path().join("a.txt"), "By hand.").unwrap();
    fs::write(folder.path().join("c.txt"), "By hand.").unwrap();
    let before = contents(folder.path());
    let report = save(&dataset, &archives.path().join("1.tar"), &[(0, "A red hat."), (1, "B."), (2, "C.")]);
    assert_eq!((report.written, report.left_alone_names().as_str()), (0, "a.txt, b.txt, c.txt"));
    assert_eq!(contents(folder.path()), before);
}

/// As after a kill between two sidecars.
#[test]
fn a_save_completes_one_that_was_interrupted() {
    let folder = folder(&[("a.jpg", b""), ("a.txt", b"A hat.\n"), ("b.jpg", b""), ("b.txt", b"A coat.\n")]);
    let archives = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("a.txt"), "New A.\n").unwrap();
    for dataset in [open(folder.path()), open(folder.path())] {
        save(&dataset, &archives.path().join("1.tar"), &[(0, "New A."), (1, "New B.")]);
        let read = |name| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!((read("a.txt"), read("b.txt")), ("New A.\n".to_owned(), "New B.\n".to_owned()));
    }
}

#[test]
fn the_first_save_asks() {
    let folder = folder(&[("a.jpg", b""), ("a.txt", b"A hat.")]);
    let dataset = open(folder.path());
    let options = SidecarSave { confirmed: false, archive: folder.path().join("1.tar") };
    let amendments = vec![(RecordId(0), Amendment::Caption("New.".to_owned()))];
    let error = save_sidecars(&dataset, amendments, &options).unwrap_err();
    assert!(matches!(&error, SidecarError::NotConfirmed { records, .. } if records == "1 caption"), "{error}");
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"A hat.");
}

#[test]
fn the_text_of_two_images_belongs_to_none_and_a_new_one_is_named_after_its_image() {
    let folder = folder(&[("a.jpg", b""), ("a.png", b""), ("a.txt", b"Which?")]);
    let archives = tempfile::tempdir().unwrap();
    let dataset = open(folder.path());
    save(&dataset, &archives.path().join("1.tar"), &[(0, "The first.")]);
    assert_eq!(fs::read(folder.path().join("a.jpg.txt")).unwrap(), b"The first.");
    assert_eq!(fs::read(folder.path().join("a.txt")).unwrap(), b"Which?");
}

#[test]
fn folders_without_images_or_with_another_dataset_are_refused() {
    let error = |folder: &TempDir| Dataset::open(folder.path(), &OpenOptions::default()).unwrap_err();
    assert!(matches!(error(&folder(&[("notes.txt", b"")])), DatasetError::NoMetadata { .. }));
    let table = error(&folder(&[("a.jpg", b""), ("metadata.parquet", b"")]));
    assert!(table.to_string().contains("metadata.parquet: "), "{table}");
    let root = Dataset::open(Path::new("/"), &OpenOptions::default()).unwrap_err();
    assert!(matches!(root, DatasetError::TooBroad { .. }) && root.to_string().contains("--any-folder"), "{root}");
}

#[test]
fn a_folder_with_few_images_among_many_files_needs_agreement() {
    let folder = tempfile::tempdir().unwrap();
    let open = |any_folder| Dataset::open(folder.path(), &OpenOptions { any_folder, ..OpenOptions::default() });
    let write = |name: String| fs::write(folder.path().join(name), "").unwrap();
    for inside in ["src/a", ".git"] {
        fs::create_dir_all(folder.path().join(inside)).unwrap();
    }
    for number in 0..20_000 {
        write(format!("{}{number}.o", if number % 2 == 0 { "src/a/" } else { "" }));
    }
    (0..90).for_each(|number| write(format!("src/{number}.png")));
    let refused = open(false).expect_err("refused");
    assert!(matches!(&refused, DatasetError::TooBroad { what, .. } if what.contains("files are images")), "{refused}");
    open(true).expect("agreed");
    // Enough images, and each may have nine files beside it.
    (90..2_500).for_each(|number| write(format!("{number}.png")));
    open(false).expect("a folder of images");
}

/// The content of a sidecar, or `None` if there is no file.
fn content() -> impl Strategy<Value = Option<String>> {
    prop::option::of("\u{feff}?[ \r\n]{0,2}([a-z\u{e4} \r\n]{0,6}[a-z])?[ \r\n]{0,2}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Undoing every change and saving restores every byte, however often it was saved in between.
    #[test]
    fn undo_and_save_restore_every_byte(
        before in prop::collection::vec(content(), 1..5),
        rounds in prop::collection::vec(prop::collection::vec(prop::option::of("[a-z]( ?[a-z]){0,4}"), 5), 1..4),
    ) {
        let folder = tempfile::tempdir().unwrap();
        for (number, content) in before.iter().enumerate() {
            fs::write(folder.path().join(format!("{number}.png")), "").unwrap();
            if let Some(content) = content {
                fs::write(folder.path().join(format!("{number}.txt")), content).unwrap();
            }
        }
        let files = contents(folder.path());
        let archives = tempfile::tempdir().unwrap();
        let dataset = open(folder.path());
        for (number, round) in rounds.iter().enumerate() {
            let captions: Vec<(u32, &str)> = (0..)
                .zip(round.iter().take(before.len()))
                .filter_map(|(record, text)| Some((record, text.as_deref()?)))
                .collect();
            let report = save(&dataset, &archives.path().join(format!("{number}.tar")), &captions);
            prop_assert_eq!(&report.left_alone, &Vec::<PathBuf>::new());
            let read = records(&open(folder.path()));
            for (record, text) in captions {
                prop_assert_eq!(read[record as usize].1.as_str(), text);
            }
            // A second save has nothing to do.
            let again = round.iter().take(before.len()).zip(0..);
            let again: Vec<(u32, &str)> = again.filter_map(|(text, record)| Some((record, text.as_deref()?))).collect();
            prop_assert_eq!(save(&dataset, &archives.path().join("none.tar"), &again).written, 0);
        }
        save(&dataset, &archives.path().join("last.tar"), &[]);
        prop_assert_eq!(contents(folder.path()), files);
    }
}

#[test]
fn text_files_of_several_kinds_are_several_captions() {
    let folder = folder(&[
        ("a.jpg", b""),
        ("a.txt", b"A long caption.\n"),
        ("a.short.txt", b"Short."),
        ("b.png", b""),
        ("b.png.SHORT.txt", b"B."),
        ("c.short.txt", b"No image."),
    ]);
    let options = OpenOptions { sidecar_extension: Some("txt,short.txt,json".to_owned()), ..OpenOptions::default() };
    let dataset = Dataset::open(folder.path(), &options).unwrap();
    dataset.build_index(&mut |_| ControlFlow::Continue(())).unwrap();
    let of_a = [("a.jpg", "A long caption."), ("a.jpg", "Short."), ("a.jpg", "")];
    let of_b = [("b.png", ""), ("b.png", "B."), ("b.png", "")];
    assert_eq!(records(&dataset), pairs(&[of_a, of_b].concat()));
    assert_eq!(dataset.siblings(RecordId(4)), 3..6);
    let crate::dataset::Entry::Record(record) = dataset.entry(RecordId(4)).unwrap() else { panic!("a record") };
    assert_eq!(record.sibling, Some(Sibling { number: 1, of: 3, field: Some("short.txt".into()) }));
    assert_eq!(
        dataset.left_out().map(|(reason, count, _)| (reason, count)).collect::<Vec<_>>(),
        [(LeftOut::TextWithoutImage, 1)]
    );

    let elsewhere = tempfile::tempdir().unwrap();
    let archive = elsewhere.path().join("a.tar");
    let before = contents(folder.path());
    save(&dataset, &archive, &[(1, "Shorter."), (3, "B, long."), (5, "{}")]);
    let mut expected = before.clone();
    for (name, content) in [("a.short.txt", "Shorter."), ("b.txt", "B, long."), ("b.json", "{}")] {
        expected.insert(folder.path().join(name), content.into());
    }
    assert_eq!(contents(folder.path()), expected);
    save(&dataset, &elsewhere.path().join("b.tar"), &[]);
    assert_eq!(contents(folder.path()), before, "undone");
}
