//! Scans the dataset for the captions that a change applies to.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::scanner::runs;
use crate::dataset::Dataset;
use crate::engine::EngineEvent;
use crate::review::{Hit, Msg, ReplaceScan};

/// The maximum number of matches in a message. The preview starts with the first one.
const MAX_BATCH: usize = 200;

pub(super) fn find(dataset: &Dataset, scan: &ReplaceScan, messages: &UnboundedSender<Msg>, stop: &AtomicBool) {
    let mut hits = Vec::new();
    // Fails only while the program ends.
    let send = |hits: Vec<Hit>, complete| drop(messages.send(Msg::Replacements { id: scan.id, hits, complete }));
    for run in runs(&scan.records) {
        let read = dataset.lines(run, &mut |line| {
            hits.extend(scan.hit(line));
            if hits.len() >= MAX_BATCH {
                send(std::mem::take(&mut hits), false);
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
    send(hits, true);
}
