//! Computes the order of the list.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::scanner::chunks;
use crate::dataset::{Dataset, DatasetError};
use crate::engine::EngineEvent;
use crate::parallel::{self, Beside};
use crate::review::{Msg, SortScan, Sorter};

pub(super) fn run(dataset: &Dataset, scan: &SortScan, messages: &UnboundedSender<Msg>, stop: &AtomicBool) {
    let check_cancelled =
        &mut || if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let mut sorter = Sorter::new(scan);
    if sorter.needs_lines()
        && let Err(error) = read(dataset, scan, &mut sorter, messages, stop)
    {
        let _ = messages.send(Msg::from(EngineEvent::DatasetFailed(error.to_string())));
        return;
    }
    if check_cancelled().is_continue()
        && let Some(order) = sorter.order(check_cancelled)
    {
        // Fails only while the program ends.
        let _ = messages.send(Msg::Sorted { id: scan.id, order: Arc::new(order) });
    }
}

/// Reads all lines on all processors, unless cancelled, and reports progress.
fn read<'a>(
    dataset: &Dataset,
    scan: &'a SortScan,
    sorter: &mut Sorter<'a>,
    messages: &UnboundedSender<Msg>,
    stop: &AtomicBool,
) -> Result<(), DatasetError> {
    let runs: Vec<Range<u32>> = chunks(0..scan.records).collect();
    let part = |run: usize| {
        let mut part = Sorter::new(scan);
        let read = dataset.lines(runs[run].clone(), &mut |line| {
            part.add(line);
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        read.map(|()| part)
    };
    let mut ends = runs.iter().map(|run| run.end);
    let read = parallel::in_order(runs.len(), Beside::Screen, part, |part| {
        sorter.append(part.map_err(Some)?);
        if stop.load(Ordering::Relaxed) {
            return Err(None);
        }
        let _ = messages.send(Msg::Sorting { id: scan.id, seen: ends.next().unwrap_or(scan.records) });
        Ok(())
    });
    // The caller notices if it was cancelled.
    read.or_else(|error| error.map_or(Ok(()), Err))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use tokio::sync::mpsc::unbounded_channel;

    use super::*;
    use crate::dataset::{OpenOptions, RecordId};
    use crate::lint::Rules;
    use crate::review::{ScanId, Snapshot, Sort, SortBy};
    use crate::session::RecordStates;

    const RECORDS: u32 = 100_000;

    fn sorted(by: SortBy, stopped: bool) -> Vec<Msg> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("metadata.jsonl");
        let mut file = std::io::BufWriter::new(std::fs::File::create(&path).expect("a file"));
        for record in 0..RECORDS {
            let words = "word ".repeat((record % 7) as usize);
            writeln!(file, r#"{{"file_name": "{:06}.jpg", "text": "{words}"}}"#, RECORDS - record).expect("written");
        }
        drop(file);
        let dataset = Dataset::open(&path, &OpenOptions::default()).expect("opened");
        dataset.build_index(&mut |_| ControlFlow::Continue(())).expect("indexed");
        let now = Snapshot {
            states: RecordStates::default(),
            bad_pictures: roaring::RoaringBitmap::default(),
            in_batch: roaring::RoaringBitmap::default(),
            rules: Rules::default(),
            sampled: None,
        };
        let scan = SortScan { id: ScanId(1), sort: Sort { by, reverse: false }, records: RECORDS, now };
        let (messages, mut inbox) = unbounded_channel();
        run(&dataset, &scan, &messages, &AtomicBool::new(stopped));
        drop(messages);
        std::iter::from_fn(|| inbox.blocking_recv()).collect()
    }

    fn order(messages: &[Msg]) -> Vec<u32> {
        let Some(Msg::Sorted { order, .. }) = messages.last() else { panic!("{} messages", messages.len()) };
        (0..order.len()).filter_map(|place| order.record(place)).map(|record: RecordId| record.0).collect()
    }

    #[test]
    fn the_sort_is_stable() {
        let mut expected: Vec<u32> = (0..RECORDS).collect();
        expected.sort_by_key(|record| std::cmp::Reverse(record % 7));
        let messages = sorted(SortBy::Words, false);
        assert!(matches!(messages[0], Msg::Sorting { seen, .. } if seen < RECORDS), "progress is reported");
        assert_eq!(order(&messages), expected);
        assert_eq!(order(&sorted(SortBy::Name, false)), (0..RECORDS).rev().collect::<Vec<_>>());
        assert_eq!(order(&sorted(SortBy::Status, false)), (0..RECORDS).collect::<Vec<_>>());
    }

    #[test]
    fn a_cancelled_sort_sends_no_messages() {
        for by in [SortBy::Words, SortBy::Name, SortBy::Random(1)] {
            assert_eq!(sorted(by, true).len(), 0);
        }
    }
}
