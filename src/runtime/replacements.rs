//! Scans the dataset on all processors for the captions that a change applies to.

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::UnboundedSender;

use super::scanner::{FIRST_CHUNK, runs};
use crate::dataset::{Dataset, DatasetError};
use crate::engine::EngineEvent;
use crate::parallel::{self, Beside};
use crate::review::{Hits, HitsBuilder, Msg, ReplaceScan};

pub(super) fn find(dataset: &Dataset, scan: &ReplaceScan, messages: &UnboundedSender<Msg>, stop: &AtomicBool) {
    // Fails only while the program ends.
    let send = |hits: Hits, complete| drop(messages.send(Msg::Replacements { id: scan.id, hits, complete }));
    let runs = with_short_start(runs(&scan.records));
    let read = |run: usize| -> Result<Hits, DatasetError> {
        let mut hits = HitsBuilder::default();
        dataset.lines(runs[run].clone(), &mut |line| {
            scan.add(line, &mut hits);
            if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        Ok(hits.finish())
    };
    let found: Result<(), Option<DatasetError>> = parallel::in_order(runs.len(), Beside::Screen, read, |hits| {
        let hits = hits.map_err(Some)?;
        if stop.load(Ordering::Relaxed) {
            return Err(None);
        }
        if !hits.is_empty() {
            send(hits, false);
        }
        Ok(())
    });
    match found {
        Ok(()) => send(Hits::default(), true),
        Err(None) => {}
        Err(Some(error)) => {
            let _ = messages.send(Msg::from(EngineEvent::DatasetFailed(error.to_string())));
        }
    }
}

/// Splits the first run, so that the preview starts soon.
fn with_short_start(mut runs: Vec<Range<u32>>) -> Vec<Range<u32>> {
    if let Some(first) = runs.first_mut().filter(|first| first.len() > FIRST_CHUNK as usize) {
        let start = first.start..first.start + FIRST_CHUNK;
        first.start = start.end;
        runs.insert(0, start);
    }
    runs
}
