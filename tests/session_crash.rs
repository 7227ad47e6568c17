//! Kills a process that writes a session, at moments it cannot foresee: whatever it was told is on the disk is there
//! when the session is opened again. `RECAPTION_CRASH_RUNS` sets how often.
//!
//! A kill leaves the system's caches alone, so this says nothing of a power loss; see the session's benchmark for what
//! a commit costs because it waits for the disk.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use jiff::Timestamp;
use recaption::dataset::{CAPTION, Dataset, OpenOptions, RecordId};
use recaption::session::{
    Ack, Actor, Decision, Draft, EditBase, Entry, Event, Ledger, Location, Seq, Subject, Writer, open, open_read_only,
};

const FOLDER: &str = "RECAPTION_CRASH_FOLDER";
const RUNS: &str = "RECAPTION_CRASH_RUNS";

/// The dataset in a folder, made if there is none.
fn dataset(folder: &Path) -> Dataset {
    let file = folder.join("metadata.jsonl");
    if !file.exists() {
        let line = |record| format!("{{\"file_name\": \"{record}.jpg\"}}\n");
        fs::write(&file, (0..50).map(line).collect::<String>()).unwrap();
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

/// Not a test: the process that is killed. It keeps a few events in flight and prints the number of each one it was
/// told is on the disk.
#[test]
#[ignore = "is started by the test below"]
fn write_until_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let dataset = dataset(Path::new(&folder));
    let location = Location::find(dataset.path(), CAPTION, None).unwrap();
    let (store, opened) = open(&location, &dataset, Timestamp::UNIX_EPOCH).unwrap();
    let (acknowledge, acks) = channel();
    let writer = Writer::spawn(store, move |ack| acknowledge.send(ack).unwrap()).unwrap();
    let mut sent = opened.ledger.last().0;
    let mut out = io::stdout().lock();
    let mut durable = sent;
    loop {
        while sent < durable + 5 {
            sent += 1;
            let event = event(sent);
            let subject = event.record().map(|record| Subject {
                file_name: format!("{}.jpg", record.0),
                occurrence: 0,
                caption: None,
            });
            writer.record(Entry { seq: Seq(sent), at: Timestamp::UNIX_EPOCH, event, subject }).unwrap();
        }
        let Ack::Durable { through } = acks.recv().unwrap() else { panic!("a commit failed") };
        durable = through.0;
        writeln!(out, "\nacknowledged {durable}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn what_was_acknowledged_survives_a_kill() {
    let runs: u32 = std::env::var(RUNS).ok().and_then(|runs| runs.parse().ok()).unwrap_or(12);
    let folder = tempfile::tempdir().unwrap();
    let dataset = dataset(folder.path());
    let location = Location::find(dataset.path(), CAPTION, None).unwrap();
    let chance = RandomState::new();
    let mut before = Seq(0);
    for run in 0..runs {
        let mut writer = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "write_until_killed", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
        let moment = chance.hash_one(run);
        let mut acknowledged = None;
        let mut read = |line: io::Result<String>| {
            if let Some(number) = line.unwrap().strip_prefix("acknowledged ") {
                acknowledged = Some(Seq(number.parse().unwrap()));
            }
            acknowledged.is_some()
        };
        // Some acknowledgements and some microseconds later.
        for _ in 0..=moment % 40 {
            while !lines.next().is_some_and(&mut read) {}
        }
        for _ in 0..(moment >> 8) % 200_000 {
            std::hint::spin_loop();
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        // What it said before it died counts too.
        for line in lines {
            read(line);
        }
        let acknowledged = acknowledged.unwrap();

        let opened = open_read_only(&location, &dataset).unwrap();
        let last = opened.ledger.last();
        assert!(last >= acknowledged, "run {run}: {acknowledged:?} was acknowledged and {last:?} is there");
        assert!(acknowledged > before, "run {run}: nothing happened");
        assert_eq!(opened.ledger, expected(last), "run {run}");
        before = last;
    }
}
