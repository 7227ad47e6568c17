//! Fault injection for saves: full disks, failing disks, kills at any system call, concurrent programs. Also checks which
//! properties of a file are preserved by a successful save.
//!
//! If a test needs something that is not available (`strace`, a private mount), it reports that and passes.
#![cfg(target_os = "linux")]

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use recaption::atomic_file::WriteWarning;
use recaption::dataset::{
    Amendment, ConflictKind, Dataset, DatasetError, Entry, Expected, OpenOptions, RecordId, SaveError, SaveOptions,
    SaveReport, SidecarError, SidecarReport, SidecarSave, Stamp, save, save_sidecars,
};
use tempfile::TempDir;

const OLD: &str = "{\"file_name\":\"a\",\"text\":\"old\"}\n{\"file_name\":\"b\"}\n";
const NEW: &str = "{\"file_name\":\"a\",\"text\":\"new\"}\n{\"file_name\":\"b\"}\n";

fn dataset(folder: &Path) -> Dataset {
    let path = folder.join("d.jsonl");
    fs::write(&path, OLD).expect("written");
    open(&path)
}

fn open(path: &Path) -> Dataset {
    Dataset::open(path, &OpenOptions::default()).expect("opened")
}

fn forced(target: PathBuf) -> SaveOptions {
    SaveOptions { target, expected: Expected::Nothing, force: true, backup: false }
}

fn change() -> (RecordId, Amendment) {
    (RecordId(0), Amendment::Caption("new".into()))
}

fn save_change(dataset: &Dataset, options: &SaveOptions) -> Result<SaveReport, SaveError> {
    save(dataset, &mut std::iter::once(change()), options)
}

fn content(path: &Path) -> String {
    fs::read_to_string(path).expect("read")
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: io::Result<fs::DirEntry>| entry.expect("listed").file_name().to_string_lossy().into_owned();
    let mut names: Vec<_> = fs::read_dir(folder).expect("listed").map(name).collect();
    names.sort();
    names
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// Reports why a test was skipped, bypassing the harness, which captures the output of passing tests.
fn skipped(test: &str, why: &str) {
    writeln!(io::stderr(), "SKIPPED {test}: {why}").expect("standard error");
}

// Preserved properties.

#[test]
fn symlinks_to_the_target_are_kept() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let elsewhere = folder.path().join("elsewhere");
    fs::create_dir(&elsewhere).expect("made");
    symlink("elsewhere/second", folder.path().join("first")).expect("linked");
    symlink("real.jsonl", elsewhere.join("second")).expect("linked");
    for before in [None, Some("before")] {
        if let Some(before) = before {
            fs::write(elsewhere.join("real.jsonl"), before).expect("written");
        }
        save_change(&dataset, &forced(folder.path().join("first"))).expect("saved");
        assert_eq!(content(&elsewhere.join("real.jsonl")), NEW);
        assert!(folder.path().join("first").is_symlink() && elsewhere.join("second").is_symlink());
        assert_eq!(names(&elsewhere), ["real.jsonl", "second"]);
    }
    assert_eq!(names(folder.path()), ["d.jsonl", "elsewhere", "first"]);

    symlink("round", folder.path().join("round")).expect("linked");
    let error = save_change(&dataset, &forced(folder.path().join("round"))).expect_err("a loop");
    assert!(matches!(error, SaveError::Io { .. }), "{error}");
}

#[test]
fn mode_owner_and_attributes_are_kept() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let target = folder.path().join("t.jsonl");
    fs::write(&target, "before").expect("written");
    fs::set_permissions(&target, PermissionsExt::from_mode(0o604)).expect("set");
    let others = std::os::unix::fs::chown(&target, Some(12_345), Some(54_321)).is_ok();
    if !others {
        skipped("owner", "only root gives files away");
    }
    let attribute = xattr::set(&target, "user.recaption.test", b"kept\0").is_ok();
    if !attribute {
        skipped("extended attributes", "the file system has none");
    }
    // Owner rw, user 7 r, group -, mask r, others r: the result of `setfacl -m u:7:r`.
    let list =
        [(0x01_u16, 6_u16, u32::MAX), (0x02, 4, 7), (0x04, 0, u32::MAX), (0x10, 4, u32::MAX), (0x20, 4, u32::MAX)];
    let mut access = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in list {
        access.extend([tag.to_le_bytes(), rights.to_le_bytes()].concat());
        access.extend(id.to_le_bytes());
    }
    let listed = xattr::set(&target, "system.posix_acl_access", &access).is_ok();
    if !listed {
        skipped("access lists", "the file system has none");
    }
    let before = fs::metadata(&target).expect("there");

    let report = save_change(&dataset, &forced(target.clone())).expect("saved");
    assert_eq!(report.warnings, []);
    let after = fs::metadata(&target).expect("there");
    assert_ne!(before.ino(), after.ino());
    assert_eq!((before.mode(), before.uid(), before.gid()), (after.mode(), after.uid(), after.gid()));
    assert_eq!(others, after.uid() == 12_345);
    let get = |name| xattr::get(&target, name).expect("read");
    assert_eq!(attribute.then(|| b"kept\0".to_vec()), get("user.recaption.test"));
    assert_eq!(listed.then_some(access), get("system.posix_acl_access"));
}

#[test]
fn a_new_file_gets_the_usual_mode() {
    let folder = folder();
    let dataset = dataset(folder.path());
    save_change(&dataset, &forced(folder.path().join("t.jsonl"))).expect("saved");
    let mode = |name| fs::metadata(folder.path().join(name)).expect("there").mode();
    assert_eq!(mode("t.jsonl"), mode("d.jsonl"));
}

#[test]
fn the_backup_is_like_the_original() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let path = dataset.path().to_owned();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("set");
    let expected = Expected::Ours { stamp: Stamp::of(&path).ok(), hash: None };
    let options = SaveOptions { target: path.clone(), expected, force: false, backup: true };
    save_change(&dataset, &options).expect("saved");
    let backup = folder.path().join("d.jsonl.bak");
    assert_eq!((content(&path).as_str(), content(&backup).as_str()), (NEW, OLD));
    for file in [&path, &backup] {
        assert_eq!(fs::metadata(file).expect("there").mode() & 0o777, 0o600);
    }
}

#[test]
fn hard_links_of_the_target_are_reported() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let target = folder.path().join("t.jsonl");
    fs::write(&target, "before").expect("written");
    fs::hard_link(&target, folder.path().join("other")).expect("linked");
    let report = save_change(&dataset, &forced(target)).expect("saved");
    assert!(matches!(report.warnings.as_slice(), [WriteWarning::HardLinks { links: 2, .. }]), "{:?}", report.warnings);
    assert_eq!(content(&folder.path().join("other")), "before");
}

// Concurrent programs. The iterator of amendments runs during the save, so its side effects happen during the save.

fn meanwhile(dataset: &Dataset, options: &SaveOptions, action: impl FnOnce()) -> Result<SaveReport, SaveError> {
    let mut amendments = std::iter::once_with(|| {
        action();
        change()
    });
    save(dataset, &mut amendments, options)
}

#[test]
fn a_target_that_appears_during_the_save_is_not_overwritten() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let target = folder.path().join("t.jsonl");
    let options = SaveOptions { force: false, ..forced(target.clone()) };
    let result = meanwhile(&dataset, &options, || fs::write(&target, "theirs").expect("written"));
    let error = result.expect_err("somebody else's");
    assert!(matches!(error, SaveError::Conflict { kind: ConflictKind::Foreign, .. }), "{error}");
    assert_eq!(content(&target), "theirs");
    assert_eq!(names(folder.path()), ["d.jsonl", "t.jsonl"]);
}

#[test]
fn a_target_that_changes_during_the_save_is_not_overwritten() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let target = folder.path().join("t.jsonl");
    let first = save_change(&dataset, &forced(target.clone())).expect("saved");
    let expected = Expected::Ours { stamp: Some(first.stamp), hash: Some(first.hash) };
    let options = SaveOptions { target: target.clone(), expected, force: false, backup: false };
    let result = meanwhile(&dataset, &options, || fs::write(&target, "theirs").expect("written"));
    let error = result.expect_err("somebody else's");
    assert!(matches!(error, SaveError::Conflict { kind: ConflictKind::Changed, .. }), "{error}");
    assert_eq!(content(&target), "theirs");
}

#[test]
fn concurrent_saves_to_one_target_do_not_interleave() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let options = forced(folder.path().join("t.jsonl"));
    let outer = meanwhile(&dataset, &options, || {
        let error = save_change(&dataset, &options).expect_err("one at a time");
        assert!(matches!(error, SaveError::Busy { .. }), "{error}");
    });
    outer.expect("saved");
    assert_eq!(content(&options.target), NEW);
    assert_eq!(names(folder.path()), ["d.jsonl", "t.jsonl"]);
}

#[test]
fn a_dataset_truncated_during_the_save_is_not_saved() {
    let folder = folder();
    // Larger than a block, so that the end is read after the truncation.
    let path = folder.path().join("d.jsonl");
    fs::write(&path, OLD.repeat(100_000)).expect("written");
    let dataset = open(&path);
    let options = forced(folder.path().join("t.jsonl"));
    let cut = || File::options().write(true).open(&path).and_then(|file| file.set_len(2_000_000)).expect("cut");
    let error = meanwhile(&dataset, &options, cut).expect_err("cut short");
    assert!(matches!(error, SaveError::Dataset(DatasetError::ChangedOnDisk { .. })), "{error}");
    assert_eq!(names(folder.path()), ["d.jsonl"]);
}

#[test]
fn a_folder_without_permission_is_reported() {
    let folder = folder();
    let dataset = dataset(folder.path());
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("made");
    fs::set_permissions(&closed, PermissionsExt::from_mode(0o500)).expect("set");
    if File::create(closed.join("probe")).is_ok() {
        return skipped("a_folder_without_permission_is_reported", "root may write anywhere");
    }
    let error = save_change(&dataset, &forced(closed.join("t.jsonl"))).expect_err("closed");
    assert!(matches!(error, SaveError::Io { .. }) && error.to_string().contains("-o FILE"), "{error}");
}

// Disk failures. The save runs in a child process: this test binary again, with the test `in_another_process`.

const FOLDER: &str = "RECAPTION_TEST_FOLDER";
const CASE: &str = "RECAPTION_TEST_DEED";
const SAVED: i32 = 60;
const FAILED: i32 = 61;
const NOT_CONFIRMED: i32 = 62;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Case {
    /// A target that does not exist.
    New,
    /// The dataset itself.
    InPlace,
    /// The dataset itself, on a file system of 512 KiB of which it fills more than half.
    FullDisk,
    /// The sidecars of two images.
    Sidecars,
    /// A Parquet file itself.
    Parquet,
    /// A table itself.
    Table,
    /// An object with the captions of each image itself.
    Map,
    /// A tar archive itself.
    Archive,
}

impl Case {
    const ALL: [Self; 8] = [
        Self::New,
        Self::InPlace,
        Self::FullDisk,
        Self::Sidecars,
        Self::Parquet,
        Self::Table,
        Self::Map,
        Self::Archive,
    ];
    /// Files that are written by other code than JSON Lines.
    const FILES: [Self; 4] = [Self::Parquet, Self::Table, Self::Map, Self::Archive];

    /// Returns the name and the content of the dataset.
    fn file(self) -> (&'static str, Vec<u8>) {
        match self {
            Self::Parquet => ("d.parquet", include_bytes!("../src/command/init/parquet/pyarrow.parquet").to_vec()),
            Self::Table => ("d.csv", b"file_name,text\r\na.jpg,\"old\"\r\nb.jpg,B\r\n".to_vec()),
            Self::Map => ("d.json", b"{\"a.jpg\": [\"old\"], \"b.jpg\": [\"B\", \"C\"]}\n".to_vec()),
            Self::Archive => ("d.tar", archive()),
            Self::New | Self::InPlace | Self::FullDisk | Self::Sidecars => ("d.jsonl", OLD.into()),
        }
    }

    fn write(self, folder: &Path) {
        let (name, content) = self.file();
        fs::write(folder.join(name), content).expect("written");
    }

    fn target(self, folder: &Path) -> PathBuf {
        folder.join(if matches!(self, Self::New) { "t.jsonl" } else { "d.jsonl" })
    }
}

#[test]
#[ignore = "what the tests of failing disks run"]
fn in_another_process() {
    let (Some(folder), Some(case)) = (std::env::var_os(FOLDER).map(PathBuf::from), std::env::var_os(CASE)) else {
        return;
    };
    let case = Case::ALL.into_iter().find(|known| *case == *format!("{known:?}")).expect("a known case");
    if matches!(case, Case::FullDisk) {
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=512k", "none"]).arg(&folder).status();
        if !mount.is_ok_and(|status| status.success()) {
            return;
        }
        std::process::exit(on_a_full_disk(&folder));
    }
    if matches!(case, Case::Sidecars) {
        std::process::exit(match save_both(&folder) {
            Ok(report) if report.left_alone.is_empty() => SAVED,
            _ => FAILED,
        });
    }
    if Case::FILES.contains(&case) {
        std::process::exit(match save_file(case, &folder) {
            Ok(_) => SAVED,
            Err(SaveError::NotConfirmed { .. }) => NOT_CONFIRMED,
            Err(_) => FAILED,
        });
    }
    let path = folder.join("d.jsonl");
    let result = Dataset::open(&path, &OpenOptions::default()).map_err(SaveError::from).and_then(|dataset| {
        let expected = match case {
            Case::New => Expected::Nothing,
            _ => Expected::Ours { stamp: Some(dataset.stamp()), hash: None },
        };
        let backup = !matches!(case, Case::New);
        save_change(&dataset, &SaveOptions { target: case.target(&folder), expected, force: false, backup })
    });
    std::process::exit(match result {
        Ok(_) => SAVED,
        Err(SaveError::NotConfirmed { .. }) => NOT_CONFIRMED,
        Err(error) => {
            writeln!(io::stderr(), "{error}").expect("standard error");
            FAILED
        }
    });
}

fn on_a_full_disk(folder: &Path) -> i32 {
    let path = folder.join("d.jsonl");
    let text = OLD.repeat(300 * 1024 / OLD.len());
    fs::write(&path, &text).expect("it fits once");
    let dataset = open(&path);
    let elsewhere = save_change(&dataset, &forced(folder.join("t.jsonl"))).expect_err("it does not fit twice");
    let SaveError::Io { source, .. } = &elsewhere else { panic!("{elsewhere}") };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    let in_place = SaveOptions { backup: true, ..forced(path.clone()) };
    assert!(matches!(save_change(&dataset, &in_place), Err(SaveError::Io { .. })));
    assert!(content(&path) == text);
    assert_eq!(names(folder), ["d.jsonl"]);
    SAVED
}

/// Runs a save in `folder` through `wrapper`, a command that runs another.
fn run(wrapper: &mut Command, folder: &Path, case: Case) -> ExitStatus {
    wrapper.arg(std::env::current_exe().expect("this test program"));
    wrapper.args(["--exact", "in_another_process", "--ignored", "--test-threads=1"]);
    wrapper.env(FOLDER, folder).env(CASE, format!("{case:?}"));
    wrapper.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("started")
}

fn works(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

#[test]
fn a_full_disk_leaves_the_old_file_intact() {
    let folder = folder();
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        command
    };
    if !works(unshare().args(["mount", "-t", "tmpfs", "none"]).arg(folder.path())) {
        return skipped("a_full_disk_leaves_the_old_file_intact", "no small file system can be mounted here");
    }
    assert_eq!(run(&mut unshare(), folder.path(), Case::FullDisk).code(), Some(SAVED));
}

/// The system calls of a save on its files.
struct Calls {
    /// The names of the files, including temporary ones.
    files: BTreeSet<String>,
    /// The name of each call and its ordinal among the calls of that name in its thread, as strace counts them.
    calls: Vec<(String, usize)>,
}

fn calls(case: Case) -> Calls {
    let folder = folder();
    let files = folder.path().join("files");
    fs::create_dir(&files).expect("made");
    if matches!(case, Case::Sidecars) {
        write_both(&files);
    } else {
        case.write(&files);
    }
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "4096", "-e", "trace=file,desc", "-o"]).arg(&trace);
    assert_eq!(run(&mut strace, &files, case).code(), Some(SAVED));
    let mut found = Calls { files: BTreeSet::new(), calls: Vec::new() };
    let mut counts: HashMap<(&str, &str), usize> = HashMap::new();
    // Names and open files are both shown as paths: `1234 rename("/x/files/a", …`, `1234 fsync(5</x/files/a>) …`.
    let within = format!("{}/", files.display());
    let whole = [format!("\"{}\"", files.display()), format!("<{}>", files.display())];
    let trace = content(&trace);
    for line in trace.lines() {
        let paths: Vec<_> = line.split(&within).skip(1).collect();
        if paths.is_empty() && !whole.iter().any(|path| line.contains(path)) {
            continue;
        }
        found.files.extend(paths.iter().filter_map(|path| path.split(['"', '>']).next()).map(str::to_owned));
        let mut words = line.split_whitespace();
        let thread = words.next().expect("a thread");
        let name = words.next().and_then(|call| call.split('(').next()).expect("a call");
        let count = counts.entry((thread, name)).or_default();
        *count += 1;
        let call = (name.to_owned(), *count);
        // Failures of `close` are harmless here.
        if name != "close" && !found.calls.contains(&call) {
            found.calls.push(call);
        }
    }
    found
}

#[test]
fn files_are_intact_whichever_system_call_fails_or_kills() {
    const TEST: &str = "files_are_intact_whichever_system_call_fails_or_kills";
    if !works(Command::new("strace").args(["-o", "/dev/null", "true"])) {
        return skipped(TEST, "strace is not here, or may not trace");
    }
    for case in [Case::New, Case::InPlace] {
        let Calls { files, calls } = calls(case);
        for needed in ["write", "fsync", "flock"] {
            assert!(calls.iter().any(|(name, _)| name == needed), "{case:?} makes no {needed}: {calls:?}");
        }
        assert!(calls.iter().any(|(name, _)| name.starts_with("rename")), "{case:?}: {calls:?}");
        for (name, count) in &calls {
            for fault in ["error=EIO", "error=ENOSPC", "signal=SIGKILL"] {
                after_a_fault(case, &files, name, *count, fault);
            }
        }
    }
}

fn after_a_fault(case: Case, involved: &BTreeSet<String>, call: &str, count: usize, fault: &str) {
    let folder = folder();
    let files = folder.path().join("files");
    fs::create_dir(&files).expect("made");
    fs::write(files.join("d.jsonl"), OLD).expect("written");
    let trace = folder.path().join("trace");
    let mut strace = Command::new("strace");
    strace.args(["-f", "-o"]).arg(&trace).args(["-e", &format!("trace={call}")]);
    // Only calls on these files are counted and injected.
    for path in involved.iter().map(|name| files.join(name)).chain([files.clone()]) {
        strace.arg("-P").arg(path);
    }
    strace.arg("-e").arg(format!("inject={call}:{fault}:when={count}"));
    let status = run(&mut strace, &files, case);
    let what = format!("{case:?}, {call} number {count}, {fault}");

    let target = case.target(&files);
    let found = fs::read_to_string(&target).ok();
    let before = matches!(case, Case::InPlace).then_some(OLD);
    let said = status.code();
    match said {
        // Reported as saved, or in place but not synced: the target is the new file.
        Some(SAVED | NOT_CONFIRMED) => assert_eq!(found.as_deref(), Some(NEW), "{what}"),
        Some(FAILED) => assert_eq!(found.as_deref(), before, "{what}"),
        _ => assert!(found.as_deref() == before || found.as_deref() == Some(NEW), "{what}: {found:?}"),
    }
    if fault.starts_with("error") {
        assert!(content(&trace).contains("INJECTED"), "{what} did not happen");
        assert!(matches!(said, Some(SAVED | FAILED | NOT_CONFIRMED)), "{what}: {status}");
        // If one of these fails, the save must not report success.
        let matters = ["openat", "pread64", "write", "copy_file_range", "fchmod", "fsync"].contains(&call);
        assert!(said != Some(SAVED) || !matters && !call.starts_with("rename"), "{what} went unnoticed");
    } else {
        assert_eq!(status.signal(), Some(9), "{what}: {status}");
    }
    let backup = fs::read_to_string(files.join("d.jsonl.bak")).ok();
    assert!(matches!(backup.as_deref(), None | Some(OLD)), "{what}: {backup:?}");
    assert!(found.as_deref() != Some(NEW) || before.is_none() || backup.is_some(), "{what}: no backup");

    let is_ours = |name: &String| ["d.jsonl", "d.jsonl.bak", "t.jsonl"].contains(&name.as_str());
    // A kill leaves the temporary file behind, and so does a failing removal; the next save removes it.
    if fault.starts_with("error") && !call.starts_with("unlink") {
        assert!(names(&files).iter().all(is_ours), "{what}: {:?}", names(&files));
    }
    fs::write(files.join("d.jsonl"), OLD).expect("written");
    let again = SaveOptions { backup: before.is_some(), ..forced(target.clone()) };
    save_change(&open(&files.join("d.jsonl")), &again).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(content(&target), NEW, "{what}");
    assert!(names(&files).iter().all(is_ours), "{what}: {:?}", names(&files));
}

const SIDECARS: [(&str, &str, &str); 2] =
    [("a.txt", "\u{feff}A hat.\n", "\u{feff}New A.\n"), ("b.txt", "A coat.", "New B.")];

/// Writes two images with sidecars.
fn write_both(folder: &Path) {
    for (sidecar, old, _) in SIDECARS {
        fs::write(folder.join(sidecar), old).expect("written");
        fs::write(folder.join(sidecar).with_extension("jpg"), "").expect("written");
    }
}

/// Changes both captions. The archive has the number of the save.
fn save_both(folder: &Path) -> Result<SidecarReport, SidecarError> {
    let dataset = open(folder);
    let number = names(folder).iter().filter(|name| name.contains(".tar")).count();
    let captions = [(0, "New A."), (1, "New B.")];
    let amendments = captions.map(|(record, text)| (RecordId(record), Amendment::Caption(text.to_owned())));
    let options = SidecarSave { confirmed: true, archive: folder.join(format!("{number}.tar")) };
    save_sidecars(&dataset, amendments.to_vec(), &options)
}

/// Whatever fails, each sidecar is old or new, the old content of a new one is in an archive, and the next save writes the
/// rest.
#[test]
fn sidecars_are_old_or_new_whichever_system_call_fails_or_kills() {
    const TEST: &str = "sidecars_are_old_or_new_whichever_system_call_fails_or_kills";
    if !works(Command::new("strace").args(["-o", "/dev/null", "true"])) {
        return skipped(TEST, "strace is not here, or may not trace");
    }
    let Calls { files: involved, calls } = calls(Case::Sidecars);
    for needed in ["write", "fsync"] {
        assert!(calls.iter().any(|(name, _)| name == needed), "no {needed}: {calls:?}");
    }
    for (call, count) in &calls {
        for fault in ["error=EIO", "error=ENOSPC", "signal=SIGKILL"] {
            let folder = folder();
            let files = folder.path().join("files");
            fs::create_dir(&files).expect("made");
            write_both(&files);
            let mut strace = Command::new("strace");
            strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
            for path in involved.iter().map(|name| files.join(name)).chain([files.clone()]) {
                strace.arg("-P").arg(path);
            }
            strace.arg("-e").arg(format!("inject={call}:{fault}:when={count}"));
            let status = run(&mut strace, &files, Case::Sidecars);
            let what = format!("{call} number {count}, {fault}");
            let archived: String = fs::read_dir(&files)
                .expect("listed")
                .map(|entry| entry.expect("listed").path())
                .filter(|path| path.extension().is_some_and(|extension| extension == "tar"))
                .map(|path| String::from_utf8_lossy(&fs::read(path).expect("read")).into_owned())
                .collect();
            for (name, old, new) in SIDECARS {
                let found = content(&files.join(name));
                assert!(found == old || found == new, "{what}: {name} is {found:?}");
                assert!(found == old || archived.contains(old), "{what}: {name} is not in the archive");
                assert!(status.code() != Some(SAVED) || found == new, "{what}: {name} is not saved");
            }
            let report = save_both(&files).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(report.left_alone, Vec::<PathBuf>::new(), "{what}");
            for (name, _, new) in SIDECARS {
                assert_eq!(content(&files.join(name)), new, "{what}: the next save");
            }
        }
    }
}

/// An archive of two samples.
fn archive() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in [("a.jpg", "\u{fffd}"), ("a.txt", "old"), ("b.jpg", "\u{fffd}"), ("b.txt", "B")] {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content.as_bytes()).expect("added");
    }
    archive.into_inner().expect("finished")
}

/// Changes the first caption, and keeps the original.
fn save_file(case: Case, folder: &Path) -> Result<SaveReport, SaveError> {
    let target = folder.join(case.file().0);
    let dataset = Dataset::open(&target, &OpenOptions::default())?;
    let expected = Expected::Ours { stamp: Some(dataset.by_image().unwrap_or(&dataset).stamp()), hash: None };
    save_change(&dataset, &SaveOptions { target, expected, force: false, backup: true })
}

fn first_caption(path: &Path) -> Option<String> {
    let mut captions = Vec::new();
    let visit = &mut |entry: Entry| {
        captions.push(entry.into_identity().1);
        ControlFlow::Continue(())
    };
    open(path).scan(visit).expect("scanned");
    captions.swap_remove(0)
}

/// Whatever fails, a file is old or new, and its original is kept.
fn file_is_old_or_new(case: Case) {
    let (name, old) = case.file();
    let saved = folder();
    case.write(saved.path());
    save_file(case, saved.path()).expect("saved");
    let new = fs::read(saved.path().join(name)).expect("read");
    assert_ne!(new, old);
    if !works(Command::new("strace").args(["-o", "/dev/null", "true"])) {
        return skipped(&format!("{case:?}"), "strace is not here, or may not trace");
    }
    let Calls { files: involved, calls } = calls(case);
    for (call, count) in &calls {
        for fault in ["error=EIO", "error=ENOSPC", "signal=SIGKILL"] {
            let folder = folder();
            let files = folder.path().join("files");
            fs::create_dir(&files).expect("made");
            case.write(&files);
            let mut strace = Command::new("strace");
            strace.args(["-f", "-o", "/dev/null", "-e", &format!("trace={call}")]);
            for path in involved.iter().map(|name| files.join(name)).chain([files.clone()]) {
                strace.arg("-P").arg(path);
            }
            strace.arg("-e").arg(format!("inject={call}:{fault}:when={count}"));
            let status = run(&mut strace, &files, case);
            let what = format!("{case:?}, {call} number {count}, {fault}");
            let found = fs::read(files.join(name)).expect("read");
            match status.code() {
                Some(SAVED | NOT_CONFIRMED) => assert!(found == new, "{what}: not saved"),
                Some(FAILED) => assert!(found == old, "{what}: changed"),
                _ => assert!(found == new || found == old, "{what}: neither old nor new"),
            }
            let backup = fs::read(files.join(format!("{name}.bak"))).ok();
            assert!(found == old || backup.as_deref() == Some(old.as_slice()), "{what}: no backup");
            save_file(case, &files).unwrap_or_else(|error| panic!("{what}: {error}"));
            assert_eq!(first_caption(&files.join(name)).as_deref(), Some("new"), "{what}: the next save");
        }
    }
}

#[test]
fn parquet_files_are_old_or_new_whichever_system_call_fails_or_kills() {
    file_is_old_or_new(Case::Parquet);
}

#[test]
fn tables_are_old_or_new_whichever_system_call_fails_or_kills() {
    file_is_old_or_new(Case::Table);
}

#[test]
fn objects_are_old_or_new_whichever_system_call_fails_or_kills() {
    file_is_old_or_new(Case::Map);
}

#[test]
fn archives_are_old_or_new_whichever_system_call_fails_or_kills() {
    file_is_old_or_new(Case::Archive);
}
