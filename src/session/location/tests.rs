use super::*;
use crate::dataset::RecordId;
use crate::dataset::{CAPTION, OpenOptions};
use crate::session::fixture::edited;
use crate::session::{Actor, Event, Step, dataset_of, open, open_read_only};

#[test]
fn a_session_is_beside_its_dataset_and_hidden_from_git() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let location = Location::find(&folder.join("metadata.jsonl"), CAPTION, None).unwrap();
    assert_eq!(location.file(), folder.join(".recaption/metadata.sqlite"));
    assert_eq!(location.note(), None);
    assert_eq!(location.thumbnails(), Some(folder.join(".recaption/thumbnails")));
    assert!(!folder.join(".recaption").exists(), "looking creates nothing");

    location.prepare().unwrap();
    assert_eq!(fs::read_to_string(folder.join(".recaption/.gitignore")).unwrap(), "*\n");
    fs::write(folder.join(".recaption/.gitignore"), "mine").unwrap();
    location.prepare().unwrap();
    assert_eq!(fs::read_to_string(folder.join(".recaption/.gitignore")).unwrap(), "mine");
}

#[test]
fn a_given_session_file_is_used() {
    let location = Location::find(Path::new("/proc/metadata.jsonl"), CAPTION, Some(Path::new("mine.db"))).unwrap();
    assert_eq!((location.file(), location.place()), (Path::new("mine.db"), Place::Chosen));
    location.prepare().unwrap();
}

#[test]
fn a_bare_file_name_is_in_the_current_folder() {
    let location = Location::find(Path::new("metadata.jsonl"), CAPTION, None).unwrap();
    let here = std::env::current_dir().unwrap().canonicalize().unwrap();
    assert_eq!(location.file(), here.join(".recaption/metadata.sqlite"));
}

#[test]
fn each_caption_field_has_its_own_session_in_the_same_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = folder.path().canonicalize().unwrap().join("metadata.jsonl");
    let file = |field: &str| Location::find(&dataset, field, None).unwrap().file().to_owned();
    let sessions = dataset.with_file_name(".recaption");
    assert_eq!(file(CAPTION), sessions.join("metadata.sqlite"));
    assert_eq!(file("text_ko"), sessions.join("metadata.text_ko.sqlite"));
    assert_eq!(file("설명"), sessions.join("metadata.설명.sqlite"));
    let odd = ["", "../../x", "a/b", "a b", ".", &"x".repeat(300)].map(file);
    for (at, path) in odd.iter().enumerate() {
        assert_eq!(path.parent(), Some(&*sessions), "{path:?}");
        assert!(path.file_name().is_some_and(|name| name.len() < 100) && !odd[..at].contains(path), "{path:?}");
    }
}

#[test]
fn sessions_in_the_state_folder_are_named_and_distinct() {
    let some_state = || Some(PathBuf::from("/home/someone/.local/state"));
    let one = Location::away(Path::new("/mnt/one/metadata.jsonl"), CAPTION, Place::ReadOnlyFolder, some_state).unwrap();
    let two = Location::away(Path::new("/mnt/two/metadata.jsonl"), CAPTION, Place::NetworkFolder, some_state).unwrap();
    assert!(one.file().starts_with("/home/someone/.local/state/recaption/sessions"));
    assert_ne!(one.file(), two.file());
    assert!(!one.thumbnails().is_some_and(|thumbnails| thumbnails.starts_with("/mnt")));
    assert!(one.note().unwrap().ends_with("the dataset's folder is read-only"));
    assert!(two.note().unwrap().ends_with("the dataset is on a network file system"));
    let again =
        Location::away(Path::new("/mnt/one/metadata.jsonl"), CAPTION, Place::ReadOnlyFolder, some_state).unwrap();
    assert_eq!(one, again, "the same every time");
}

#[test]
fn without_a_home_folder_the_error_names_the_option() {
    let refused =
        Location::away(Path::new("/mnt/metadata.jsonl"), CAPTION, Place::ReadOnlyFolder, || None).unwrap_err();
    assert!(refused.to_string().contains("--session"));
}

#[cfg(target_os = "linux")]
#[test]
fn network_file_systems_are_detected() {
    assert!([0x6969, 0xff53_4d42, 0xfe53_4d42, 0x517b, 0x6573_5546].into_iter().all(is_network_type));
    // ext4, xfs, btrfs, tmpfs, overlayfs.
    assert!(![0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x794c_7630].into_iter().any(is_network_type));
    assert!(!is_network(Path::new("/proc")));
}

#[cfg(unix)]
#[test]
fn an_existing_session_in_a_read_only_folder_is_used() {
    use std::os::unix::fs::PermissionsExt;
    if rustix::process::geteuid().is_root() {
        return; // permissions do not bind root
    }
    let folder = tempfile::tempdir().unwrap();
    let dataset = folder.path().join("metadata.jsonl");
    let mode = |mode| fs::set_permissions(folder.path(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o555);
    assert!(!is_writable(folder.path()));
    mode(0o755);
    let beside = Location::find(&dataset, CAPTION, None).unwrap();
    beside.prepare().unwrap();
    fs::write(beside.file(), "").unwrap();
    mode(0o555);
    assert_eq!(Location::find(&dataset, CAPTION, None).unwrap(), beside);
    mode(0o755);
}

/// A dataset in a folder, with three records whose captions name it.
fn dataset(folder: &Path, name: &str, captions: &str) -> PathBuf {
    let path = folder.join(name);
    let line = |number| format!("{{\"file_name\": \"{number}.jpg\", \"text\": \"{captions} {number}.\"}}\n");
    fs::write(&path, (0..3).map(line).collect::<String>()).unwrap();
    path
}

fn find(path: &Path) -> Location {
    Location::find(path, CAPTION, None).unwrap()
}

/// Edits the first record.
fn review(path: &Path, text: &str) {
    let dataset = Dataset::open(path, &OpenOptions::default()).unwrap();
    let (mut store, mut opened) = open(&find(path), &dataset, jiff::Timestamp::UNIX_EPOCH).unwrap();
    let event = Event::Decided { record: RecordId(0), decision: edited(text), by: Actor::Operator };
    let step: Step = opened.ledger.perform(event.into());
    store.append(step, jiff::Timestamp::UNIX_EPOCH).unwrap();
    store.close().unwrap();
}

/// Returns the caption of the first record after the review.
fn reviewed(path: &Path) -> Option<String> {
    let dataset = Dataset::open(path, &OpenOptions::default()).unwrap();
    let opened = open_read_only(&find(path), &dataset).unwrap();
    opened.ledger.record(RecordId(0)).decision.text().map(str::to_owned)
}

fn name(path: &Path) -> String {
    find(path).file().file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn datasets_with_the_same_stem_have_separate_sessions() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let names =
        ["captions.jsonl", "captions.json", "captions.ndjson", "captions.txt", "captions.json.jsonl", "captions"];
    let paths = names.map(|name| dataset(&folder, name, name));
    for (path, text) in paths.iter().zip(names) {
        assert_eq!(reviewed(path), None, "{text}: nothing of the others");
        review(path, text);
    }
    for (path, text) in paths.iter().zip(names) {
        assert_eq!(reviewed(path).as_deref(), Some(text));
        assert_eq!(dataset_of(find(path).file()).unwrap(), *path);
        assert_eq!(find(path).note(), None);
    }
    assert_eq!(name(&paths[0]), "captions.sqlite", "as in 0.1");
    assert_eq!(name(&paths[1]), "captions.json.sqlite");
    // The fields of one dataset are not those of another.
    let other = dataset(&folder, "captions.text_ko.jsonl", "Other");
    Location::find(&paths[0], "text_ko", None).unwrap().prepare().unwrap();
    review(&other, "other");
    assert_eq!(reviewed(&other).as_deref(), Some("other"));
}

#[test]
fn a_session_of_another_dataset_is_refused_under_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let [one, two] = ["captions.jsonl", "captions.json"].map(|name| dataset(&folder, name, name));
    // Both are opened at once, before there is a session.
    let location = find(&two);
    review(&one, "one");
    let dataset = Dataset::open(&two, &OpenOptions::default()).unwrap();
    let error = open(&location, &dataset, jiff::Timestamp::UNIX_EPOCH).unwrap_err();
    assert!(matches!(&error, SessionError::OtherDataset { owner, .. } if *owner == one), "{error}");
    assert_eq!((reviewed(&one).as_deref(), reviewed(&two)), (Some("one"), None));
}

#[test]
fn a_session_follows_its_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let first = dataset(&folder, "captions.jsonl", "First");
    review(&first, "mine");
    // Renamed.
    let renamed = folder.join("captions.ndjson");
    fs::rename(&first, &renamed).unwrap();
    assert_eq!((reviewed(&renamed).as_deref(), name(&renamed).as_str()), (Some("mine"), "captions.sqlite"));
    review(&renamed, "again");
    // Its session is known by the new name, so another file of the old one is another dataset.
    dataset(&folder, "captions.jsonl", "Second");
    assert_eq!(reviewed(&first), None);
    assert_eq!(reviewed(&renamed).as_deref(), Some("again"));
    fs::remove_file(&first).unwrap();
    // Renamed, with another record added.
    let changed = folder.join("captions.json");
    let line = "{\"file_name\": \"new.jpg\", \"text\": \"New.\"}\n";
    fs::write(&changed, fs::read_to_string(&renamed).unwrap() + line).unwrap();
    fs::remove_file(&renamed).unwrap();
    assert_eq!(reviewed(&changed).as_deref(), Some("again"));
    // The folder is copied and moved.
    let copy = tempfile::tempdir().unwrap();
    let copied = copy.path().canonicalize().unwrap().join("captions.json");
    fs::copy(&changed, &copied).unwrap();
    find(&copied).prepare().unwrap();
    fs::copy(find(&changed).file(), copied.with_file_name(".recaption/captions.sqlite")).unwrap();
    assert_eq!(reviewed(&copied).as_deref(), Some("again"));
    review(&copied, "in the copy");
    assert_eq!(reviewed(&changed).as_deref(), Some("again"));
}

#[test]
fn the_session_of_a_missing_dataset_is_reported_and_not_reused() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let gone = dataset(&folder, "captions.jsonl", "First");
    review(&gone, "mine");
    fs::remove_file(&gone).unwrap();
    let other = dataset(&folder, "captions.json", "Other");
    assert_eq!((reviewed(&other), name(&other).as_str()), (None, "captions.json.sqlite"));
    let note = find(&other).note().unwrap();
    assert!(note.contains("captions.jsonl, which is gone: --session ") && note.ends_with("captions.sqlite"), "{note}");
    review(&other, "others");
    assert_eq!(find(&other).note(), None, "it has a session now");
    // The first one returns.
    dataset(&folder, "captions.jsonl", "First");
    assert_eq!((reviewed(&gone).as_deref(), reviewed(&other).as_deref()), (Some("mine"), Some("others")));
}

#[cfg(unix)]
#[test]
fn links_and_spellings_of_one_file_share_its_session() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let file = dataset(&folder, "captions.jsonl", "First");
    review(&file, "mine");
    let link = folder.join("captions.json");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    assert_eq!(reviewed(&link).as_deref(), Some("mine"));
    assert_eq!(reviewed(&folder.join("./captions.jsonl")).as_deref(), Some("mine"));
    // A link in another folder has a session there.
    let elsewhere = tempfile::tempdir().unwrap();
    let far = elsewhere.path().canonicalize().unwrap().join("captions.jsonl");
    std::os::unix::fs::symlink(&file, &far).unwrap();
    assert_eq!(reviewed(&far), None);
    review(&far, "far");
    assert_eq!((reviewed(&far).as_deref(), reviewed(&file).as_deref()), (Some("far"), Some("mine")));
}

#[test]
fn a_session_in_the_state_folder_follows_a_renamed_dataset() {
    let folder = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let folder = folder.path().canonicalize().unwrap();
    let away = |path: &Path, field: &str| {
        Location::away(path, field, Place::ReadOnlyFolder, || Some(state.path().to_owned())).unwrap()
    };
    let first = dataset(&folder, "captions.jsonl", "First");
    let opened = |path: &Path, field: &str| {
        let options = OpenOptions { caption_field: field.to_owned(), ..OpenOptions::default() };
        open(&away(path, field), &Dataset::open(path, &options).unwrap(), jiff::Timestamp::UNIX_EPOCH).unwrap()
    };
    opened(&first, CAPTION).0.close().unwrap();
    let (session, korean) = (away(&first, CAPTION), away(&first, "text_ko"));
    assert_ne!(session.file(), korean.file());
    let renamed = folder.join("renamed.jsonl");
    fs::rename(&first, &renamed).unwrap();
    assert_eq!(away(&renamed, CAPTION).file(), session.file());
    assert_ne!(away(&renamed, "text_ko").file(), session.file());
    // It is known by the new name from then on.
    opened(&renamed, CAPTION).0.close().unwrap();
    dataset(&folder, "captions.jsonl", "Second");
    assert_eq!(away(&renamed, CAPTION).file(), session.file());
}
