//! Scans of the dataset for queries: one thread each, with progress reports, until done or cancelled.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use roaring::RoaringBitmap;
use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::{Dataset, DatasetError};
use crate::engine::EngineEvent;
use crate::parallel::{self, Beside};
use crate::review::query::{Query, Vocabulary};
use crate::review::{Msg, Scan, ScanId, Scanned, Snapshot};

/// Records in the first report. It is small, so that the screen soon shows the matches at the cursor.
pub(super) const FIRST_CHUNK: u32 = 512;

/// Records in all other reports: large enough to keep them few, small enough to be applied between two keys.
const CHUNK: u32 = 1 << 15;

/// Lines in the first report of a vocabulary. Each further one covers four times as many.
const VOCABULARY_LINES: u32 = 10_000;

/// The cancellation flags of the scans in progress.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    running: HashMap<ScanId, Arc<AtomicBool>>,
}

impl Scanner {
    /// Registers a scan and returns its cancellation flag.
    pub(super) fn start(&mut self, id: ScanId) -> Arc<AtomicBool> {
        // A finished scan has dropped its flag.
        self.running.retain(|_, stop| Arc::strong_count(stop) > 1);
        self.running.entry(id).or_default().clone()
    }

    pub(super) fn stop(&mut self, id: ScanId) {
        if let Some(stop) = self.running.remove(&id) {
            stop.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn stop_all(&mut self) {
        for (_, stop) in self.running.drain() {
            stop.store(true, Ordering::Relaxed);
        }
    }
}

pub(super) fn run(dataset: &Dataset, scan: &Scan, messages: &UnboundedSender<Msg>, stop: &AtomicBool) {
    let result = match &scan.records {
        None => scan_all(dataset, scan, messages, stop),
        Some(records) => scan_runs(dataset, scan, runs(records), messages, stop),
    };
    match result {
        Ok(ControlFlow::Continue(())) => {
            let report = Scanned { id: scan.id, done: true, ..Scanned::default() };
            // Fails only while the program ends.
            let _ = messages.send(Msg::Scanned(report));
        }
        Ok(ControlFlow::Break(())) => {}
        Err(error) => {
            let _ = messages.send(Msg::from(EngineEvent::DatasetFailed(error.to_string())));
        }
    }
}

/// Splits records into runs of consecutive ones, each read with one call.
pub(super) fn runs(records: &RoaringBitmap) -> Vec<Range<u32>> {
    let mut runs: Vec<Range<u32>> = Vec::new();
    for record in records {
        match runs.last_mut().filter(|run| run.end == record && run.len() < CHUNK as usize) {
            Some(run) => run.end = record + 1,
            None => runs.push(record..record + 1),
        }
    }
    runs
}

/// Collects the vocabulary of all records, and reports the words so far at growing intervals.
pub(super) fn collect_vocabulary(
    dataset: &Dataset,
    (id, now): (ScanId, &Snapshot),
    messages: &UnboundedSender<Msg>,
    stop: &AtomicBool,
) {
    let mut vocabulary = Vocabulary::default();
    let mut next_report = u64::from(VOCABULARY_LINES);
    let read = dataset.scan_lines(&mut |line| {
        if stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        vocabulary.add(line, now);
        if vocabulary.records() == next_report {
            next_report *= 4;
            let _ = messages.send(Msg::VocabularyReady(id, vocabulary.clone()));
        }
        ControlFlow::Continue(())
    });
    let _ = match read {
        Ok(()) if stop.load(Ordering::Relaxed) => Ok(()),
        Ok(()) => messages.send(Msg::VocabularyReady(id, vocabulary.finished())),
        Err(error) => messages.send(Msg::from(EngineEvent::DatasetFailed(error.to_string()))),
    };
}

/// Scans all records: first those from the start of the scan to the end of the dataset, then those before it.
fn scan_all(
    dataset: &Dataset,
    scan: &Scan,
    messages: &UnboundedSender<Msg>,
    stop: &AtomicBool,
) -> Result<ControlFlow<()>, DatasetError> {
    let known = dataset.record_count();
    let from = scan.from.0.min(known);
    let first = from..from.saturating_add(FIRST_CHUNK).min(known);
    let runs = chunks(first.end..known).chain(chunks(0..from));
    if scan_runs(dataset, scan, std::iter::once(first).chain(runs), messages, stop)?.is_break() {
        return Ok(ControlFlow::Break(()));
    }
    dataset.build_index(&mut |_| {
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    scan_runs(dataset, scan, chunks(known..dataset.record_count()), messages, stop)
}

/// Splits a range into chunks, each read with one call.
pub(super) fn chunks(range: Range<u32>) -> impl Iterator<Item = Range<u32>> {
    let end = range.end;
    range.step_by(CHUNK as usize).map(move |start| start..start.saturating_add(CHUNK).min(end))
}

/// Scans runs of records and reports after each, on all processors if the operator waits for the result.
fn scan_runs(
    dataset: &Dataset,
    scan: &Scan,
    runs: impl IntoIterator<Item = Range<u32>>,
    messages: &UnboundedSender<Msg>,
    stop: &AtomicBool,
) -> Result<ControlFlow<()>, DatasetError> {
    let runs: Vec<Range<u32>> = runs.into_iter().collect();
    let read = |run: usize| {
        let mut report = Scanned { id: scan.id, among: runs[run].clone().collect(), ..Scanned::default() };
        let read = dataset.lines(runs[run].clone(), &mut |line| {
            if stop.load(Ordering::Relaxed) {
                return ControlFlow::Break(());
            }
            scan.add(line, &mut report);
            ControlFlow::Continue(())
        });
        read.map(|()| report)
    };
    let send = |report: Result<Scanned, DatasetError>| {
        let report = report.map_err(Some)?;
        let is_sent = !stop.load(Ordering::Relaxed) && messages.send(Msg::Scanned(report)).is_ok();
        if is_sent { Ok(()) } else { Err(None) }
    };
    let result = if *scan.query == Query::Attention {
        (0..runs.len()).map(read).try_for_each(send)
    } else {
        parallel::in_order(runs.len(), Beside::Screen, read, send)
    };
    match result {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(None) => Ok(ControlFlow::Break(())),
        Err(Some(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::dataset::{OpenOptions, RecordId};
    use crate::lint::Rules;
    use crate::review::query::Pattern;
    use crate::session::RecordStates;

    const RECORDS: u32 = CHUNK * 2 + 700;

    fn dataset() -> (tempfile::TempDir, Dataset) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("d.jsonl");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
        for record in 0..RECORDS {
            let text = if record % 3 == 0 { "A red coat." } else { "A \\u0062lue coat." };
            writeln!(file, "{{\"file_name\":\"{record}.jpg\",\"text\":\"{text}\"}}").expect("written");
        }
        drop(file);
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("a dataset");
        (folder, dataset)
    }

    fn scan(words: &str, from: u32, records: Option<RoaringBitmap>) -> Scan {
        let bad_pictures = RoaringBitmap::new();
        let query = Arc::new(Query::Text(Pattern::literal(words).expect("short")));
        Scan {
            id: ScanId(7),
            query,
            records,
            from: RecordId(from),
            now: Snapshot {
                states: RecordStates::default(),
                bad_pictures,
                in_batch: RoaringBitmap::new(),
                rules: Rules { max_words: 50, ..Rules::default() },
                sampled: None,
            },
        }
    }

    fn reports(dataset: &Dataset, scan: &Scan, stop: bool) -> Vec<Scanned> {
        let (sender, mut messages) = unbounded_channel();
        run(dataset, scan, &sender, &AtomicBool::new(stop));
        drop(sender);
        let mut reports = Vec::new();
        while let Some(msg) = messages.blocking_recv() {
            match msg {
                Msg::Scanned(report) => reports.push(report),
                other => panic!("{other:?}"),
            }
        }
        reports
    }

    fn union<'a>(sets: impl Iterator<Item = &'a RoaringBitmap>) -> RoaringBitmap {
        sets.fold(RoaringBitmap::new(), |sum, set| sum | set)
    }

    #[test]
    fn every_record_is_scanned_once_from_any_start() {
        let (_folder, dataset) = dataset();
        for (from, indexed) in [(0, false), (1, true), (CHUNK, true), (RECORDS - 1, true), (u32::MAX, true)] {
            assert_eq!(dataset.is_indexed(), indexed);
            let reports = reports(&dataset, &scan("blue", from, None), false);
            let scanned: u64 = reports.iter().map(|report| report.among.len()).sum();
            assert_eq!(scanned, u64::from(RECORDS));
            assert_eq!(union(reports.iter().map(|report| &report.among)), (0..RECORDS).collect());
            let blue: RoaringBitmap = (0..RECORDS).filter(|record| record % 3 != 0).collect();
            assert_eq!(union(reports.iter().map(|report| &report.found)), blue);
            let ends: Vec<usize> = (0..reports.len()).filter(|place| reports[*place].done).collect();
            assert_eq!(ends, [reports.len() - 1]);
            if indexed && from < RECORDS {
                assert!(reports[0].among.contains(from));
            }
        }
    }

    #[test]
    fn only_the_requested_records_are_scanned() {
        let (_folder, dataset) = dataset();
        dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
        let records: RoaringBitmap = [3, 4, 5, 6, 900, RECORDS - 1].into_iter().collect();
        let reports = reports(&dataset, &scan("red", 0, Some(records.clone())), false);
        assert_eq!(union(reports.iter().map(|report| &report.among)), records);
        assert_eq!(union(reports.iter().map(|report| &report.found)), [3, 6, 900].into_iter().collect());
        assert_eq!(reports.len(), 4, "consecutive records are read with one call");
    }

    #[test]
    fn a_cancelled_scan_sends_no_reports() {
        let (_folder, dataset) = dataset();
        assert_eq!(reports(&dataset, &scan("red", 0, None), true), []);
    }

    #[test]
    fn finished_scans_are_dropped() {
        let mut scanner = Scanner::default();
        let first = scanner.start(ScanId(1));
        drop(scanner.start(ScanId(2)));
        let third = scanner.start(ScanId(3));
        assert_eq!(scanner.running.len(), 2);
        scanner.stop(ScanId(1));
        assert!(first.load(Ordering::Relaxed) && !third.load(Ordering::Relaxed));
        scanner.stop_all();
        assert!(third.load(Ordering::Relaxed));
    }
}
