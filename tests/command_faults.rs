//! Faults while a command writes files for the user: every system call on its output folder fails or kills the process
//! in turn. The files must be complete, old or new, and an error must end with exit code 4.
//!
//! Without `strace` the test prints that it was skipped and passes.
#![cfg(target_os = "linux")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io::{self, Write as _};
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use jiff::Timestamp;
use recaption::dataset::{CAPTION, Dataset, OpenOptions};
use recaption::report::draw;
use recaption::session::{self, Location, SampleRequest, Worker};
use tempfile::TempDir;

const DATASET: &str = "{\"file_name\":\"a.png\",\"text\":\"A hat.\"}\n{\"file_name\":\"b.png\",\"text\":\"A coat.\"}\n";
/// It is written last.
const METADATA: &str = "metadata.jsonl";
/// They are replaced together.
const SHARDS: &[&str] = &["a.parquet", "b.parquet"];
const OLD: &str = "old";
/// Prefix of temporary files.
const TEMPORARY: &str = ".recaption-save-";

/// A command that writes to the folder `out`.
#[derive(Debug)]
struct Case {
    arguments: &'static [&'static str],
    /// Files that exist before, with the content [`OLD`].
    replaced: &'static [&'static str],
    /// Files that exist after success.
    written: &'static [&'static str],
}

const CASES: [Case; 7] = [
    Case { arguments: &["save", "table.csv", "--force", "-o", "out/t.csv"], replaced: &["t.csv"], written: &["t.csv"] },
    Case { arguments: &["save", "shards", "--force", "-o", "out"], replaced: &["a.parquet"], written: SHARDS },
    Case {
        arguments: &["export", ".", "--to", "imagefolder", "-o", "out"],
        replaced: &[],
        written: &["a.png", "b.png", METADATA],
    },
    Case {
        arguments: &["export", ".", "--to", "parquet", "--force", "-o", "out/t.parquet"],
        replaced: &["t.parquet"],
        written: &["t.parquet"],
    },
    Case {
        arguments: &["export", ".", "--to", "txt", "--force", "-o", "out"],
        replaced: &["a.txt"],
        written: &["a.txt", "b.txt"],
    },
    Case {
        arguments: &["stats", ".", "--report", "out/r.json", "--force"],
        replaced: &["r.json"],
        written: &["r.json"],
    },
    Case { arguments: &["init", "--list", "list.txt", "-o", "out/d.jsonl"], replaced: &[], written: &["d.jsonl"] },
];

/// A dataset whose session has a spot check, and an empty folder `out`.
fn world(case: &Case) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::write(path(METADATA), DATASET).expect("written");
    fs::write(path("table.csv"), "file_name,text\na.png,A hat.\n").expect("written");
    fs::create_dir(path("shards")).expect("made");
    for shard in SHARDS {
        fs::write(path("shards").join(shard), include_bytes!("../src/command/init/parquet/zstd.parquet"))
            .expect("written");
    }
    for image in ["a.png", "b.png"] {
        fs::write(path(image), format!("the bytes of {image}")).expect("written");
    }
    fs::write(path("list.txt"), "a.png\nb.png\n").expect("written");
    fs::create_dir(path("out")).expect("made");
    for name in case.replaced {
        fs::write(path("out").join(name), OLD).expect("written");
    }
    if case.arguments[0] == "stats" {
        let dataset = Dataset::open(&path(METADATA), &OpenOptions::default()).expect("a dataset");
        let location = Location::find(dataset.path(), CAPTION, None).expect("a place for the session");
        let now = Timestamp::now();
        let (store, opened) = session::open(&location, &dataset, now).expect("a session");
        let request = SampleRequest { size: 1, seed: 1, by: None, blind: false };
        let sample = draw(&dataset, &request, &opened.ledger, now, &mut || ControlFlow::Continue(())).expect("drawn");
        let worker = Worker::adopt(store, |_, _| ()).expect("a worker");
        worker.handle().store_sample(sample.expect("a sample")).expect("stored");
        worker.close().expect("closed");
    }
    folder
}

fn strace(trace: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-y", "-s", "4096", "-o"]).arg(trace);
    strace
}

fn run(strace: &mut Command, case: &Case, folder: &Path) -> Output {
    let home = folder.join("home");
    strace
        .arg(env!("CARGO_BIN_EXE_recaption"))
        .args(case.arguments)
        .current_dir(folder)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home)
        .stdin(Stdio::null())
        .output()
        .expect("strace runs")
}

/// The files in `out` and their contents.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder.join("out")).expect("listed").map(|entry| entry.expect("listed"));
    entries
        .map(|entry| (entry.file_name().into_string().expect("a name"), fs::read(entry.path()).expect("read")))
        .collect()
}

/// The system calls of a successful run on the folder `out`.
#[derive(Default)]
struct Calls {
    /// Files in `out` that are touched, temporary ones included.
    files: BTreeSet<String>,
    /// Name of each call, and its number among the calls of that name in its thread, from one. `strace` counts like this.
    calls: BTreeSet<(String, usize)>,
}

fn calls(case: &Case) -> (Calls, BTreeMap<String, Vec<u8>>) {
    let folder = world(case);
    let root = folder.path().canonicalize().expect("a folder");
    let trace = folder.path().join("trace");
    let output = run(strace(&trace).args(["-e", "trace=file,desc"]), case, &root);
    assert!(output.status.success(), "{case:?}: {output:?}");
    let mut found = Calls::default();
    let mut counts: HashMap<(String, String), usize> = HashMap::new();
    // Files appear by their relative paths, by absolute paths, and as descriptors: `fsync(5</x/out/a>)`.
    let (absolute, relative) = (format!("{}/out", root.display()), "\"out");
    for line in fs::read_to_string(&trace).expect("a trace").lines() {
        let (thread, call) = line.trim_start().split_once(' ').unwrap_or_default();
        let call = call.trim_start().split_once('(').map(|(name, _)| name);
        let Some(name) = call.filter(|_| line.contains(&absolute) || line.contains(relative)) else { continue };
        // The session may contain the path.
        let is_elsewhere = line.contains("/.recaption/") || name == "write" && line.contains("write(1<");
        if name == "execve" || is_elsewhere {
            continue;
        }
        for part in line.split(&format!("{absolute}/")).chain(line.split(&format!("{relative}/"))).skip(1) {
            let file = part.split(['"', '>']).next().unwrap_or_default();
            if !file.is_empty() && !file.contains([' ', '(']) {
                found.files.insert(file.to_owned());
            }
        }
        let count = counts.entry((thread.to_owned(), name.to_owned())).or_default();
        *count += 1;
        if name != "close" {
            found.calls.insert((name.to_owned(), *count));
        }
    }
    (found, files(folder.path()))
}

#[test]
fn no_fault_leaves_a_partial_file() {
    let version = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    if !version.is_ok_and(|status| status.success()) {
        let _ = writeln!(io::stderr(), "SKIPPED no_fault_leaves_a_partial_file: strace cannot run here");
        return;
    }
    for case in &CASES {
        let (Calls { files, calls }, expected) = calls(case);
        assert_eq!(expected.keys().collect::<Vec<_>>(), case.written, "{case:?}");
        for needed in ["write", "fsync"] {
            assert!(calls.iter().any(|(name, _)| name == needed), "{case:?} makes no {needed}: {calls:?}");
        }
        assert!(calls.iter().any(|(name, _)| name.starts_with("rename")), "{case:?}: {calls:?}");
        for (name, number) in &calls {
            // A disk that is full fails no query, and a kill at one leaves the files as a kill at the next change does.
            let is_query =
                ["statx", "newfstatat", "readlink", "fcntl", "getdents64", "listxattr", "flistxattr", "read"];
            let is_change = ["write", "fsync"].contains(&name.as_str()) || name.starts_with("rename");
            // What differs for several files is what happens between their changes.
            if case.written == SHARDS && !is_change {
                continue;
            }
            let faults = ["error=EIO", "error=ENOSPC", "signal=SIGKILL"];
            for fault in &faults[..if is_query.contains(&name.as_str()) { 1 } else { faults.len() }] {
                check_fault(case, &files, &expected, name, *number, fault);
            }
        }
    }
}

fn check_fault(
    case: &Case,
    involved: &BTreeSet<String>,
    expected: &BTreeMap<String, Vec<u8>>,
    call: &str,
    number: usize,
    fault: &str,
) {
    let folder = world(case);
    let root = folder.path().canonicalize().expect("a folder");
    let trace = folder.path().join("trace");
    let mut strace = strace(&trace);
    strace.args(["-e", &format!("trace={call}"), "-P"]).arg(root.join("out")).args(["-P", "out"]);
    for name in involved {
        strace.arg("-P").arg(root.join("out").join(name)).arg("-P").arg(Path::new("out").join(name));
    }
    strace.arg("-e").arg(format!("inject={call}:{fault}:when={number}"));
    let output = run(&mut strace, case, &root);
    let details = format!("{case:?}, {call} number {number}, {fault}: {output:?}");

    let found = files(folder.path());
    let errors = String::from_utf8_lossy(&output.stderr);
    for name in case.written {
        let (content, old) = (found.get(*name), case.replaced.contains(name).then_some(OLD.as_bytes()));
        let is_new = content.is_some_and(|content| is_same(content, &expected[*name]));
        let is_old = content.map(Vec::as_slice) == old;
        assert!(is_new || is_old, "{name} is neither old nor new: {details}");
        if output.status.code() == Some(0) {
            assert!(is_new, "{name} was not written: {details}");
        }
    }
    if found.contains_key(METADATA) {
        assert!(case.written.iter().all(|name| found.contains_key(*name)), "{METADATA} is there first: {details}");
    }
    if case.written == SHARDS {
        let new = SHARDS.iter().filter(|name| found.get(**name) == Some(&expected[**name])).count();
        // From the first rename on, they are put in their places one after the other.
        let is_late = call.starts_with("rename") || ["fsync", "statx", "newfstatat"].contains(&call);
        assert!(new == 0 || new == SHARDS.len() || is_late, "{new} of several: {details}");
        let again = run(Command::new("env").arg("--"), case, &root);
        assert!(again.status.success(), "the next save: {again:?}, {details}");
        assert_eq!(&files(folder.path()), expected, "the next save: {details}");
    }
    if fault.starts_with("signal") {
        assert_eq!(output.status.signal(), Some(9), "{details}");
        return;
    }
    assert!(fs::read_to_string(&trace).expect("a trace").contains("INJECTED"), "not injected: {details}");
    let matters = ["write", "fsync", "fchmod"].contains(&call) || call.starts_with("rename");
    match output.status.code() {
        // A save whose folder cannot be synced is there, with a warning.
        Some(0) => assert!(!matters || errors.contains("may be lost in a power failure"), "unnoticed: {details}"),
        Some(4) => assert!(errors.starts_with("recaption: ") || errors.contains("\nrecaption: "), "{details}"),
        // A failing query may also look like a wrong argument.
        Some(2) if !matters => {}
        _ => panic!("{details}"),
    }
    if !call.starts_with("unlink") {
        let temporary = found.keys().find(|name| name.starts_with(TEMPORARY));
        assert_eq!(temporary, None, "{details}");
    }
}

/// Returns true if two files have the same content. Two reports differ in the time they were written.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let without_time = |bytes: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(bytes).ok().map(|mut report| {
            for key in ["made_at", "drawn_at", "reported_at", "sample"] {
                report.as_object_mut().map(|report| report.remove(key));
            }
            report
        })
    };
    match (without_time(one), without_time(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
