//! Scans the dataset for the captions that a change applies to.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::scanner::runs;
use crate::dataset::Dataset;
use crate::engine::EngineEvent;
use crate::review::{Hit, Msg, ReplaceScan};

/// Matches in one message, so that the preview starts before the scan ends.
const TOLD_AT_ONCE: usize = 200;

pub(super) fn find(dataset: &Dataset, scan: &ReplaceScan, messages: &UnboundedSender<Msg>, stop: &AtomicBool) {
    let mut hits = Vec::new();
    // Fails only while the program ends.
    let tell = |hits: Vec<Hit>, complete| drop(messages.send(Msg::Replacements { id: scan.id, hits, complete }));
    for run in runs(&scan.records) {
        let read = dataset.lines(run, &mut |line| {
            hits.extend(scan.hit(line));
            if hits.len() >= TOLD_AT_ONCE {
                tell(std::mem::take(&mut hits), false);
            }
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Err(error) = read {
            let _ = messages.send(Msg::from(EngineEvent::DatasetFailed(error.to_string())));
            return;
        }
        if stop.load(Ordering::Relaxed) {
            return;
        }
    }
    tell(hits, true);
}
