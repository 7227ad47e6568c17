//! The bundled samples, and the folder they are written to.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use jiff::Timestamp;
use tempfile::TempDir;

use super::*;
use crate::dataset::{Dataset, OpenOptions};
use crate::lint::{Context, LintKind, Rules, lint};
use crate::picture;

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn write(path: &Path, content: &[u8]) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    fs::write(path, content).expect("written");
}

/// Returns all files in a folder and its subfolders, with their contents.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in list(folder).expect("listed") {
        if entry.is_folder {
            found.extend(files(&entry.path));
        } else {
            let content = fs::read(&entry.path).expect("read");
            found.insert(entry.path, content);
        }
    }
    found
}

/// Returns the same by name, without the marker.
fn samples_in(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let named = |(path, content): (PathBuf, Vec<u8>)| {
        let name = path.strip_prefix(folder).expect("inside").to_str().expect("UTF-8").to_owned();
        (name, content)
    };
    files(folder).into_iter().map(named).filter(|(name, _)| name != MARKER).collect()
}

fn bundled_dataset() -> &'static [u8] {
    SAMPLES.iter().find(|(name, _)| *name == DATASET).expect("bundled").1
}

/// Checks that a folder has exactly the samples. A failure does not print the images.
fn assert_samples(folder: &Path) {
    let found = samples_in(folder);
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, SAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for ((name, content), (_, bundled)) in found.iter().zip(SAMPLES) {
        assert!(content == bundled, "{name} differs");
    }
}

fn opened(path: &Path) -> Dataset {
    Dataset::open(path, &OpenOptions::default()).expect("a dataset")
}

/// Returns the findings of each caption, and whether its image exists.
fn reviewed(dataset: &Dataset) -> Vec<(Vec<LintKind>, bool)> {
    let mut found = Vec::new();
    let visit = &mut |entry: crate::dataset::Entry| {
        let record = entry.record().expect("every line is a record");
        let caption = record.caption.text().expect("every record has a caption");
        let picture = dataset.picture_path(&record.file_name).expect("inside the folder");
        let kinds = lint(caption, &Rules::default(), &Context::default());
        found.push((kinds.into_iter().map(|finding| finding.kind).collect(), picture.is_file()));
        ControlFlow::Continue(())
    };
    dataset.scan(visit).expect("read");
    found
}

#[test]
fn the_bundle_has_exactly_the_files_of_the_folder() {
    let source = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo"));
    assert_samples(source);
}

#[test]
fn every_sample_image_decodes_and_is_credited() {
    let credits = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo/CREDITS.md")).expect("read");
    for (name, content) in SAMPLES.iter().filter(|(name, _)| name.starts_with(PICTURES)) {
        assert!(picture::inspect(content).is_ok(), "{name}");
        assert!(credits.contains(&format!("| `{name}` |")), "{name}");
    }
}

#[test]
fn the_samples_show_good_and_bad_captions() {
    let folder = temporary();
    let dataset = opened(&prepare(Some(folder.path()), false).expect("prepared"));
    let reviewed = reviewed(&dataset);
    assert_eq!(reviewed[0], (vec![LintKind::CutOff], true), "the first one seen has one flaw, and a picture");
    for kind in [LintKind::TooLong, LintKind::Preamble, LintKind::Fallback, LintKind::Refusal] {
        let having = reviewed.iter().filter(|(kinds, there)| kinds.contains(&kind) && *there);
        assert_eq!(having.count(), 1, "{kind}");
    }
    assert!(reviewed.iter().filter(|(kinds, there)| kinds.is_empty() && *there).count() >= 3);
    assert_eq!(reviewed.iter().filter(|(_, there)| !there).count(), 1, "one picture is missing");
}

#[test]
fn the_candidates_show_a_clean_text_a_finding_and_live_generation() {
    let folder = temporary();
    let path = prepare(Some(folder.path()), false).expect("prepared");
    let file = candidates(&path).expect("sample candidates");
    let captions = |path: &Path| {
        let mut captions = BTreeMap::new();
        let visit = &mut |entry: crate::dataset::Entry| {
            let record = entry.record().expect("every line is a record");
            captions.insert(record.file_name.clone(), record.caption.text().expect("a caption").to_owned());
            ControlFlow::Continue(())
        };
        opened(path).scan(visit).expect("read");
        captions
    };
    let (originals, proposed) = (captions(&path), captions(&file.path));
    let findings = |text: &str| lint(text, &Rules::default(), &Context::default());
    for (name, text) in &proposed {
        assert_ne!(originals.get(name), None, "{name}: in the dataset");
        assert_ne!(originals.get(name), Some(text), "{name}: a change to be seen");
    }
    let first = &originals["images/orange-tshirt-rooftop.jpg"];
    let better = &proposed["images/orange-tshirt-rooftop.jpg"];
    assert!(!findings(first).is_empty() && findings(better).is_empty(), "the first one seen");
    let doubtful = proposed.values().filter(|text| !findings(text).is_empty());
    assert_eq!(doubtful.count(), 1, "one that should not be accepted without a look");
    let refused = |(name, text): &(&String, &String)| {
        !proposed.contains_key(*name) && findings(text).iter().any(|finding| finding.kind == LintKind::Refusal)
    };
    assert_eq!(originals.iter().filter(refused).count(), 1, "one is described live");
}

#[test]
fn the_samples_are_small() {
    let total: usize = SAMPLES.iter().map(|(_, content)| content.len()).sum();
    assert!(total <= 1_000_000, "{total} bytes");
}

#[test]
fn a_new_folder_is_created_and_an_empty_one_filled() {
    let folder = temporary();
    for place in [folder.path().join("deep/inside"), folder.path().join("empty")] {
        let _ = fs::create_dir(folder.path().join("empty"));
        assert_eq!(prepare(Some(&place), false).expect("prepared"), place.join("metadata.jsonl"));
        assert_samples(&place);
    }
}

#[test]
fn the_default_folder_is_in_the_users_data_folder() {
    assert!(default_folder().expect("whoever runs the tests has a home").ends_with("recaption/demo"));
}

#[test]
fn existing_samples_are_left_alone() {
    let folder = temporary();
    let dataset = prepare(Some(folder.path()), false).expect("prepared");
    fs::write(&dataset, "{\"file_name\": \"mine.jpg\"}\n").expect("written");
    fs::remove_file(folder.path().join("images/pink-backpack.jpg")).expect("removed");
    write(&folder.path().join("notes.txt"), b"mine");
    let left = files(folder.path());
    assert_eq!(prepare(Some(folder.path()), false).expect("prepared"), dataset);
    assert!(files(folder.path()) == left, "something was touched");
}

#[test]
fn an_interrupted_copy_is_completed() {
    let folder = temporary();
    write(&folder.path().join(MARKER), b"");
    write(&folder.path().join("images/pink-backpack.jpg"), b"hal");
    prepare(Some(folder.path()), false).expect("prepared");
    assert_samples(folder.path());
}

#[test]
fn a_reset_removes_the_session_and_saved_files() {
    let folder = temporary();
    let dataset = prepare(Some(folder.path()), false).expect("prepared");
    let fresh = files(folder.path());

    let location = Location::find(&dataset, CAPTION, None).expect("a place");
    let (store, _) = session::open(&location, &opened(&dataset), Timestamp::UNIX_EPOCH).expect("a session");
    drop(store);
    fs::write(&dataset, "{\"file_name\": \"mine.jpg\"}\n").expect("written");
    fs::remove_file(folder.path().join("images/pink-backpack.jpg")).expect("removed");
    write(&folder.path().join("metadata_updated.jsonl"), b"saved");
    write(&folder.path().join("metadata.jsonl.bak"), b"before");
    write(&folder.path().join("metadata.jsonl.bak.1"), b"before");
    write(&folder.path().join(".recaption/description_generation.log"), b"log");
    assert!(location.file().exists());

    assert_eq!(prepare(Some(folder.path()), true).expect("reset"), dataset);
    assert!(files(folder.path()) == fresh, "it is not as new");
    assert!(!folder.path().join(SESSION).exists());
}

#[test]
fn a_reset_without_samples_writes_them() {
    let folder = temporary();
    prepare(Some(&folder.path().join("new")), true).expect("prepared");
    assert_samples(&folder.path().join("new"));
}

#[test]
fn a_reset_replaces_the_samples_of_an_older_version() {
    let folder = temporary();
    prepare(Some(folder.path()), false).expect("prepared");
    write(&folder.path().join("images/long-ago.jpg"), b"old");
    let marker = fs::read_to_string(folder.path().join(MARKER)).expect("read");
    fs::write(folder.path().join(MARKER), marker + "images/long-ago.jpg\n").expect("written");
    prepare(Some(folder.path()), true).expect("reset");
    assert_samples(folder.path());
}

#[test]
fn a_reset_removes_nothing_if_there_are_other_files() {
    for mine in ["notes.txt", "images/mine.jpg", "images/folder/mine.jpg", "metadata_updated.jsonl/mine", "more/mine"] {
        let folder = temporary();
        prepare(Some(folder.path()), false).expect("prepared");
        write(&folder.path().join(mine), b"mine");
        let before = files(folder.path());
        let refused = prepare(Some(folder.path()), true).expect_err(mine);
        let DemoError::Foreign { path } = &refused else { panic!("{mine}: {refused}") };
        assert!(folder.path().join(mine).starts_with(path), "{refused}");
        assert!(files(folder.path()) == before, "{mine}: something was touched");
    }
}

#[cfg(unix)]
#[test]
fn a_reset_does_not_follow_links() {
    let folder = temporary();
    let elsewhere = temporary();
    prepare(Some(folder.path()), false).expect("prepared");
    fs::rename(folder.path().join(PICTURES), elsewhere.path().join(PICTURES)).expect("moved");
    std::os::unix::fs::symlink(elsewhere.path().join(PICTURES), folder.path().join(PICTURES)).expect("linked");
    let before = files(elsewhere.path());
    assert!(matches!(prepare(Some(folder.path()), true), Err(DemoError::Foreign { .. })));
    assert!(files(elsewhere.path()) == before, "something was touched");
}

#[test]
fn a_reset_fails_during_a_review() {
    let folder = temporary();
    let dataset = prepare(Some(folder.path()), false).expect("prepared");
    let location = Location::find(&dataset, CAPTION, None).expect("a place");
    let held = session::open(&location, &opened(&dataset), Timestamp::UNIX_EPOCH).expect("a session");
    assert!(matches!(prepare(Some(folder.path()), true), Err(DemoError::Session(SessionError::Locked { .. }))));
    assert!(location.file().exists());
    assert_eq!(fs::read(&dataset).expect("read"), bundled_dataset());
    drop(held);
    prepare(Some(folder.path()), true).expect("reset");
}

#[test]
fn a_folder_with_other_files_is_an_error() {
    for reset in [false, true] {
        let folder = temporary();
        write(&folder.path().join("metadata.jsonl"), b"mine");
        let refused = prepare(Some(folder.path()), reset).expect_err("not ours");
        assert!(matches!(&refused, DemoError::NotOurs { folder: named } if named == folder.path()), "{refused}");
        assert_eq!(samples_in(folder.path()), [("metadata.jsonl".to_owned(), b"mine".to_vec())]);
    }
}

#[test]
fn an_unusable_folder_is_named() {
    let folder = temporary();
    let file = folder.path().join("file");
    write(&file, b"mine");
    let refused = prepare(Some(&file), false).expect_err("a file").to_string();
    assert!(refused.starts_with(&format!("{}: cannot list the folder: ", file.display())), "{refused}");
    assert_eq!(fs::read(&file).expect("read"), b"mine");
}

#[test]
fn missing_samples_are_an_error_that_suggests_a_reset() {
    let folder = temporary();
    let dataset = prepare(Some(folder.path()), false).expect("prepared");
    fs::remove_file(&dataset).expect("removed");
    let refused = prepare(Some(folder.path()), false).expect_err("gone");
    assert!(matches!(&refused, DemoError::Gone { path } if *path == dataset), "{refused}");
    prepare(Some(folder.path()), true).expect("reset");
    assert!(dataset.exists());
}
