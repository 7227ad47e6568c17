//! What a decision waits for, against the disk's own sync in the same folder, and how long a long session takes to open.
//!
//! `cargo bench --bench session [-- FOLDER]`: FOLDER should be on a real disk, for many a `/tmp` is in memory; the
//! current one is the default. Without `--bench` (as in `cargo test --benches`) it only runs through, with little.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use recaption::dataset::{CAPTION, Dataset, OpenOptions, RecordId};
use recaption::session::{
    Ack, Actor, Decision, EditBase, Entry, Event, Location, Opened, Seq, Subject, Writer, open, open_read_only,
};

const TEXT: &str = "A woman in a long beige trench coat over a white knit top, wide blue jeans and black leather \
                    loafers, standing on a quiet street with a small brown shoulder bag.";

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let full = arguments.iter().any(|argument| argument == "--bench");
    arguments.retain(|argument| !argument.starts_with("--"));
    let (commits, events) = if full { (3000, 1_000_000) } else { (20, 2000) };
    let folder = match arguments.first() {
        Some(folder) => tempfile::tempdir_in(folder)?,
        None => tempfile::tempdir_in(".")?,
    };
    commit(folder.path(), commits)?;
    let own = Decision::Edited { text: TEXT.to_owned(), base: EditBase::Original };
    replay(folder.path(), "kept, a hundred events a record", (events, events / 100), |index| {
        entry(index, index / 100, Decision::Kept)
    })?;
    replay(folder.path(), "edited, a hundred events a record", (events, events / 100), |index| {
        entry(index, index / 100, own.clone())
    })?;
    replay(folder.path(), "edited, every event another record", (events, events), |index| {
        entry(index, index, own.clone())
    })
}

/// A dataset of so many records.
fn dataset(file: &Path, records: u64) -> Outcome<Dataset> {
    let mut lines = BufWriter::new(File::create(file)?);
    for record in 0..records {
        writeln!(lines, "{}", serde_json::json!({ "file_name": name(record), "text": TEXT }))?;
    }
    lines.flush()?;
    Ok(Dataset::open(file, &OpenOptions::default())?)
}

fn name(record: u64) -> String {
    format!("images/{record:08}.jpg")
}

fn commit(folder: &Path, commits: u64) -> Outcome<()> {
    let mut raw = File::create(folder.join("raw"))?;
    let dataset = dataset(&folder.join("commit.jsonl"), commits)?;
    let (writer, acks, _) = start(&dataset)?;
    let (mut synced, mut queued, mut durable) = (Vec::new(), Vec::new(), Vec::new());
    // One and the other in turn, so that whatever else the disk does strikes both.
    for seq in 1..=commits {
        let start = Instant::now();
        raw.write_all(&[b'x'; 4096])?;
        raw.sync_data()?;
        synced.push(start.elapsed());

        let entry = entry(seq - 1, seq - 1, Decision::Edited { text: TEXT.to_owned(), base: EditBase::Original })?;
        let start = Instant::now();
        writer.record(entry)?;
        queued.push(start.elapsed());
        assert_eq!(acks.recv()?, Ack::Durable { through: Seq(seq) });
        durable.push(start.elapsed());
    }
    writer.close()?;
    let (synced, queued, durable) = (Percentiles::of(synced), Percentiles::of(queued), Percentiles::of(durable));
    println!("fdatasync of 4 KiB appended   {synced}");
    println!("decision, until acknowledged  {durable}");
    println!("decision, on the caller       {queued}");
    println!("commit / fdatasync, p50       {:.2}", durable.half.as_secs_f64() / synced.half.as_secs_f64());
    Ok(())
}

fn replay(
    folder: &Path,
    name: &str,
    (events, records): (u64, u64),
    entry: impl Fn(u64) -> Outcome<Entry>,
) -> Outcome<()> {
    let dataset = dataset(&folder.join(format!("{name}.jsonl")), records)?;
    let (writer, acks, _) = start(&dataset)?;
    let begin = Instant::now();
    for index in 0..events {
        writer.record(entry(index)?)?;
    }
    while acks.recv()? != (Ack::Durable { through: Seq(events) }) {}
    let written = begin.elapsed();
    writer.close()?;
    let location = Location::find(dataset.path(), CAPTION, None)?;
    let size = location.file().metadata()?.len() / 1_000_000;
    let mut times = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let opened = open_read_only(&location, &dataset)?;
        times.push(begin.elapsed());
        assert_eq!(opened.ledger.last(), Seq(events));
    }
    println!("{name}: {events} events written in {written:.2?}, {size} MB, opened in {}", Percentiles::of(times));
    Ok(())
}

fn start(dataset: &Dataset) -> Outcome<(Writer, Receiver<Ack>, Opened)> {
    let (store, opened) = open(&Location::find(dataset.path(), CAPTION, None)?, dataset, Timestamp::now())?;
    let (send, acks) = channel();
    // Nobody listens any more when the bench has failed.
    let writer = Writer::spawn(store, move |ack| drop(send.send(ack)))?;
    Ok((writer, acks, opened))
}

/// The event after so many others, about a record.
fn entry(index: u64, record: u64, decision: Decision) -> Outcome<Entry> {
    let event = Event::Decided { record: RecordId(u32::try_from(record)?), decision, by: Actor::Operator };
    let subject = Subject { file_name: name(record), occurrence: 0, caption: Some(TEXT.into()) };
    Ok(Entry { seq: Seq(index + 1), at: Timestamp::now(), event, subject: Some(subject) })
}

struct Percentiles {
    half: Duration,
    most: Duration,
}

impl Percentiles {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self { half: times[times.len() / 2], most: times[times.len() * 99 / 100] }
    }
}

impl std::fmt::Display for Percentiles {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "p50 {:.1?}, p99 {:.1?}", self.half, self.most)
    }
}
