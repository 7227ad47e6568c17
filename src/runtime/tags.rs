//! Counts the tags or words of the dataset.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use crate::dataset::Dataset;
use crate::engine::EngineEvent;
use crate::review::{Msg, TagScan};
use crate::text::TagCounter;

/// Lines in the first report. Each further one covers four times as many.
const FIRST_LINES: u64 = 10_000;

pub(super) fn count(dataset: &Dataset, scan: &TagScan, messages: &UnboundedSender<Msg>, stop: &AtomicBool) {
    let mut counter = TagCounter::new(scan.unit);
    let (mut lines, mut next_report) = (0, FIRST_LINES);
    // Fails only while the program ends.
    let send = |counter: &TagCounter, complete| {
        drop(messages.send(Msg::TagsCounted { id: scan.id, table: Arc::new(counter.table()), complete }));
    };
    let read = dataset.scan_lines(&mut |line| {
        if stop.load(Ordering::Relaxed) {
            return ControlFlow::Break(());
        }
        scan.add(line, &mut counter);
        lines += 1;
        if lines == next_report {
            next_report *= 4;
            send(&counter, false);
        }
        ControlFlow::Continue(())
    });
    match read {
        Ok(()) if stop.load(Ordering::Relaxed) => {}
        Ok(()) => send(&counter, true),
        Err(error) => _ = messages.send(Msg::from(EngineEvent::DatasetFailed(error.to_string()))),
    }
}
