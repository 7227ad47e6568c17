//! Kills a process that writes a session, as soon as it reports that an event was acknowledged, or that a step is being
//! written. Every acknowledged event must be there when the session is reopened, and of a step either all events or none.
//! `RECAPTION_CRASH_RUNS` sets the number of kills.
//!
//! A kill does not drop the page cache, so this is no test of a power loss; the session benchmark measures the fsync of a
//! commit.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use jiff::Timestamp;
use recaption::dataset::{CAPTION, Dataset, OpenOptions, RecordId};
use recaption::session::{
    Actor, Change, Changes, Decision, Draft, EditBase, Event, Ledger, Location, Seq, Step, Worker, WorkerEvent, open,
    open_read_only,
};

const FOLDER: &str = "RECAPTION_CRASH_FOLDER";
const RUNS: &str = "RECAPTION_CRASH_RUNS";
const RECORDS: u32 = 5000;

/// The dataset in a folder, made if there is none.
fn dataset(folder: &Path) -> Dataset {
    let file = folder.join("metadata.jsonl");
    if !file.exists() {
        let line = |record| format!("{{\"file_name\": \"{record}.jpg\"}}\n");
        fs::write(&file, (0..RECORDS).map(line).collect::<String>()).unwrap();
    }
    Dataset::open(&file, &OpenOptions::default()).unwrap()
}

/// What the writing process does as event number `seq`.
fn event(seq: u64) -> Event {
    let record = RecordId(u32::try_from(seq * 7 % 50).unwrap());
    let text = format!("text {seq}");
    match seq % 10 {
        0 => Event::Undone,
        1 => Event::Redone,
        2 => Event::Noted { record, note: text },
        3..6 => Event::Drafted { record, draft: Some(Draft { text, cursor: 3, base: EditBase::Original }) },
        _ => {
            let decision = Decision::Edited { text, base: EditBase::Original };
            Event::Decided { record, decision, by: Actor::Operator }
        }
    }
}

/// The ledger after so many events.
fn expected(last: Seq) -> Ledger {
    let mut ledger = Ledger::new();
    for seq in 1..=last.0 {
        ledger.apply(event(seq));
    }
    ledger
}

/// Not a test: the process that is killed. It keeps a few events in flight and prints the number of each one that is
/// on disk.
#[test]
#[ignore = "is started by the test below"]
fn write_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (worker, events, ledger) = start(&dataset(Path::new(&folder)));
    let mut sent = ledger.last().0;
    let mut durable = sent;
    loop {
        while sent < durable + 5 {
            sent += 1;
            let step = Step { first: Seq(sent), changes: event(sent).into() };
            worker.handle().store(step, Timestamp::UNIX_EPOCH).unwrap();
        }
        durable = acknowledged(&events).0;
    }
}

/// Not a test: the process that is killed. It stores steps of thousands of changes and undoes some, and prints the number of
/// each step's last event when it is sent, and when it is on disk.
#[test]
#[ignore = "is started by the test below"]
fn write_steps_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let (worker, events, mut ledger) = start(&dataset(Path::new(&folder)));
    loop {
        let changes = changes(ledger.last().0);
        worker.handle().store(ledger.perform(changes), Timestamp::UNIX_EPOCH).unwrap();
        print("sent", ledger.last());
        acknowledged(&events);
    }
}

fn start(dataset: &Dataset) -> (Worker, Receiver<WorkerEvent>, Ledger) {
    let location = Location::find(dataset.path(), CAPTION, None).unwrap();
    let (store, opened) = open(&location, dataset, Timestamp::UNIX_EPOCH).unwrap();
    let (send, events) = channel();
    let worker = Worker::adopt(store, move |_, event| send.send(event).unwrap()).unwrap();
    (worker, events, opened.ledger)
}

/// Waits until something is on disk, and prints and returns its number.
fn acknowledged(events: &Receiver<WorkerEvent>) -> Seq {
    let WorkerEvent::Durable { through } = events.recv().unwrap() else { panic!("a commit failed") };
    print("acknowledged", through);
    through
}

fn print(what: &str, seq: Seq) {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{what} {}", seq.0).unwrap();
    out.flush().unwrap();
}

/// The changes of the step after event `last`: of all three forms, and large enough that a kill strikes in the middle.
fn changes(last: u64) -> Changes {
    let record = |at: u64| RecordId(u32::try_from(at % u64::from(RECORDS)).unwrap());
    match last / 7 % 3 {
        0 => {
            let change = Change::Decided { decision: Decision::Excluded, by: Actor::Operator };
            Changes::Same((0..RECORDS).filter(|id| !(u64::from(*id) + last).is_multiple_of(5)).collect(), change)
        }
        1 => Changes::One(Event::Undone),
        _ => {
            Changes::Each((0..3000).map(|at| (record(at * 7), Change::Amended(Some(format!("{last} {at}"))))).collect())
        }
    }
}

/// Starts the process, kills it as soon as it has printed `lines_before` such lines, and returns the last acknowledged event.
fn kill(process: &str, folder: &Path, what: &str, lines_before: u32) -> Seq {
    let mut writer = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", process, "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    let mut acknowledged = Seq::default();
    let mut read = |line: io::Result<String>| {
        let line = line.unwrap();
        if let Some(number) = line.strip_prefix("acknowledged ") {
            acknowledged = Seq(number.parse().unwrap());
        }
        line.starts_with(what)
    };
    for _ in 0..lines_before {
        while !read(lines.next().expect("it runs until it is killed")) {}
    }
    writer.kill().unwrap();
    writer.wait().unwrap();
    // What it printed before it died counts too.
    for line in lines {
        read(line);
    }
    acknowledged
}

fn runs() -> u32 {
    std::env::var(RUNS).ok().and_then(|runs| runs.parse().ok()).unwrap_or(12)
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let location = Location::find(dataset.path(), CAPTION, None).unwrap();
    let mut before = Seq(0);
    for run in 0..runs() {
        let acknowledged = kill("write_until_killed", folder.path(), "acknowledged", 1 + run * 7 % 40);
        let opened = open_read_only(&location, &dataset).unwrap();
        let last = opened.ledger.last();
        assert!(last >= acknowledged, "run {run}: {acknowledged:?} was acknowledged, the session ends with {last:?}");
        assert!(acknowledged > before, "run {run}: nothing happened");
        assert_eq!(opened.ledger, expected(last), "run {run}");
        before = last;
    }
}

#[test]
fn a_kill_leaves_all_of_a_step_or_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let location = Location::find(dataset.path(), CAPTION, None).unwrap();
    for run in 0..runs() {
        // Every third time from the start, because the first step also stores what identifies its records.
        if run.is_multiple_of(3) {
            let _ = fs::remove_dir_all(folder.path().join(".recaption"));
        }
        let what = if run.is_multiple_of(2) { "sent" } else { "acknowledged" };
        let acknowledged = kill("write_steps_until_killed", folder.path(), what, 1 + run % 3);
        let stored = open_read_only(&location, &dataset).unwrap().ledger;
        let mut ledger = Ledger::new();
        while ledger.last() < stored.last() {
            ledger.perform(changes(ledger.last().0));
        }
        assert!(stored.last() >= acknowledged, "run {run}");
        assert_eq!(ledger.last(), stored.last(), "run {run}: a part of a step was stored");
        assert!(ledger == stored, "run {run}: the ledger differs");
    }
}
