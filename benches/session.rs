//! The latency of a decision as a ratio to fdatasync in the same folder, the time to open long sessions, and the time and
//! memory of steps that change every record.
//!
//! `cargo bench --bench session [-- FOLDER]`: FOLDER (default: the current one) should be on a real disk; `/tmp` is often in
//! memory. Without `--bench` (as in `cargo test --benches`) it runs with little data.

use std::error::Error;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use recaption::dataset::{CAPTION, Dataset, OpenOptions, RecordId};
use recaption::session::{
    Actor, Change, Changes, Decision, EditBase, Event, Location, Opened, Seq, Step, Texts, Worker, WorkerEvent, open,
    open_read_only,
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
        step(index, index / 100, Decision::Kept)
    })?;
    replay(folder.path(), "edited, a hundred events a record", (events, events / 100), |index| {
        step(index, index / 100, own.clone())
    })?;
    replay(folder.path(), "edited, every event another record", (events, events), |index| {
        step(index, index, own.clone())
    })?;

    let records = u32::try_from(events)?;
    let kept = Change::Decided { decision: Decision::Kept, by: Actor::Operator };
    bulk(folder.path(), "kept at once", events, Changes::Same((0..records).collect(), kept))?;
    let amended = |record| (RecordId(record), format!("{TEXT} {}", record.wrapping_mul(2_654_435_761)));
    let texts = (0..records).map(amended).collect::<Texts>();
    bulk(folder.path(), "changed at once", events, Changes::Texts(texts.into()))
}

/// Creates a dataset.
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
    let (worker, events, _) = start(&dataset)?;
    let (mut synced, mut queued, mut durable) = (Vec::new(), Vec::new(), Vec::new());
    // In turn, so that other load on the disk affects both.
    for seq in 1..=commits {
        let start = Instant::now();
        raw.write_all(&[b'x'; 4096])?;
        raw.sync_data()?;
        synced.push(start.elapsed());

        let step = step(seq - 1, seq - 1, Decision::Edited { text: TEXT.to_owned(), base: EditBase::Original })?;
        let start = Instant::now();
        worker.handle().store(step, Timestamp::now())?;
        queued.push(start.elapsed());
        wait(&events, Seq(seq))?;
        durable.push(start.elapsed());
    }
    worker.close()?;
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
    step: impl Fn(u64) -> Outcome<Step>,
) -> Outcome<()> {
    let dataset = dataset(&folder.join(format!("{name}.jsonl")), records)?;
    let (worker, reports, _) = start(&dataset)?;
    let begin = Instant::now();
    for index in 0..events {
        worker.handle().store(step(index)?, Timestamp::now())?;
    }
    wait(&reports, Seq(events))?;
    let written = begin.elapsed();
    worker.close()?;
    let (size, opened) = reopen(&dataset, Seq(events))?;
    println!("{name}: {events} events written in {written:.2?}, {size} MB, opened in {opened}");
    Ok(())
}

/// One step that changes every record, then its undo.
fn bulk(folder: &Path, name: &str, records: u64, changes: Changes) -> Outcome<()> {
    let dataset = dataset(&folder.join(format!("{name}.jsonl")), records)?;
    dataset.build_index(&mut |_| ControlFlow::Continue(()))?;
    let (worker, events, Opened { mut ledger, .. }) = start(&dataset)?;
    let memory = Memory::watch();
    let begin = Instant::now();
    let step = ledger.perform(changes);
    let (applied, last) = (begin.elapsed(), step.last());
    worker.handle().store(step, Timestamp::now())?;
    wait(&events, last)?;
    let (durable, peak) = (begin.elapsed(), memory.peak());
    let begin = Instant::now();
    worker.handle().store(ledger.perform(Event::Undone.into()), Timestamp::now())?;
    wait(&events, ledger.last())?;
    let undone = begin.elapsed();
    worker.close()?;
    let (size, opened) = reopen(&dataset, ledger.last())?;
    let copied = copy(&dataset)?;
    let ratio = durable.as_secs_f64() / copied.as_secs_f64();
    println!(
        "{name}: {records} records in one step: in memory in {applied:.2?}, on disk in {durable:.2?} \
         ({ratio:.2} × cp and fsync of the dataset, {copied:.2?}), peak {peak}; \
         undone in {undone:.2?}; {size} MB, opened in {opened}"
    );
    Ok(())
}

/// Returns the time to copy the dataset to a file on disk.
fn copy(dataset: &Dataset) -> Outcome<Duration> {
    let target = dataset.path().with_extension("copy");
    let begin = Instant::now();
    fs::copy(dataset.path(), &target)?;
    File::open(&target)?.sync_all()?;
    let copied = begin.elapsed();
    fs::remove_file(target)?;
    Ok(copied)
}

/// Returns the session's size in MB, and how long it takes to open it.
fn reopen(dataset: &Dataset, last: Seq) -> Outcome<(u64, Percentiles)> {
    let location = Location::find(dataset.path(), CAPTION, None)?;
    let size = location.file().metadata()?.len() / 1_000_000;
    let mut times = Vec::new();
    for _ in 0..5 {
        let begin = Instant::now();
        let opened = open_read_only(&location, dataset)?;
        times.push(begin.elapsed());
        assert_eq!(opened.ledger.last(), last);
    }
    Ok((size, Percentiles::of(times)))
}

fn start(dataset: &Dataset) -> Outcome<(Worker, Receiver<WorkerEvent>, Opened)> {
    let (store, opened) = open(&Location::find(dataset.path(), CAPTION, None)?, dataset, Timestamp::now())?;
    let (send, events) = channel();
    // Fails only if the bench has.
    let worker = Worker::adopt(store, move |_, event| drop(send.send(event)))?;
    Ok((worker, events, opened))
}

fn wait(events: &Receiver<WorkerEvent>, last: Seq) -> Outcome<()> {
    loop {
        match events.recv()? {
            WorkerEvent::Durable { through } if through == last => return Ok(()),
            WorkerEvent::Durable { .. } => {}
            other => return Err(format!("{other:?}").into()),
        }
    }
}

/// Returns a decision as the event after `index` others.
fn step(index: u64, record: u64, decision: Decision) -> Outcome<Step> {
    let event = Event::Decided { record: RecordId(u32::try_from(record)?), decision, by: Actor::Operator };
    Ok(Step { first: Seq(index + 1), changes: event.into() })
}

/// The memory of this process.
struct Memory(Option<u64>);

impl Memory {
    /// Starts to watch for the peak.
    fn watch() -> Self {
        Self(fs::write("/proc/self/clear_refs", "5").ok().and_then(|()| kib("VmRSS:")))
    }

    /// Returns the peak since, less what there was.
    fn peak(&self) -> String {
        let peak = self.0.zip(kib("VmHWM:")).map(|(before, peak)| peak.saturating_sub(before) / 1024);
        peak.map_or_else(|| "unknown".to_owned(), |mib| format!("{mib} MiB"))
    }
}

fn kib(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix(field))?.trim().strip_suffix(" kB")?.parse().ok()
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
