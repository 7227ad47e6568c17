//! Imports the captions of an earlier run's output as candidates.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;

use super::{Emit, EngineEvent, Stopping};
use crate::dataset::{Dataset, DatasetError, Entry, OpenOptions, RecordId};
use crate::text;

/// Captions in one event: large enough to be quick, small enough to keep the screen responsive.
const BATCH: usize = 256;

/// Reads `file` and emits its captions for the records of `dataset`, matched by file name and, among records that share
/// one, by order.
pub(super) fn run(dataset: &Dataset, file: &Path, emit: &Emit, stopping: &Stopping) {
    if let Err(error) = import(dataset, file, emit, stopping) {
        emit(EngineEvent::Warning(format!("no candidates imported: {error}")));
    }
}

fn import(dataset: &Dataset, file: &Path, emit: &Emit, stopping: &Stopping) -> Result<(), DatasetError> {
    let options = OpenOptions { caption_field: dataset.caption_field().to_owned(), ..OpenOptions::default() };
    let older = Dataset::open(file, &options)?;
    let source = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
    let mut captions: HashMap<String, Vec<Option<String>>> = HashMap::new();
    older.scan(&mut |entry| {
        if let Entry::Record(line) = entry {
            captions.entry(line.file_name).or_default().push(line.caption.into_text());
        }
        stopping.check()
    })?;
    for captions in captions.values_mut() {
        captions.reverse();
    }
    let mut batch: Vec<(RecordId, String)> = Vec::new();
    let mut total = 0;
    let mut unmatched: usize = captions.values().map(Vec::len).sum();
    dataset.scan(&mut |entry| {
        let Entry::Record(line) = entry else { return stopping.check() };
        let Some(caption) = captions.get_mut(&line.file_name).and_then(Vec::pop) else { return stopping.check() };
        unmatched -= 1;
        let differs = |caption: &String| line.caption.text() != Some(caption) && !text::trim(caption).is_empty();
        if let Some(caption) = caption.filter(differs) {
            total += 1;
            batch.push((line.id, caption));
        }
        if batch.len() >= BATCH {
            let captions = std::mem::take(&mut batch);
            emit(EngineEvent::Imported { source: source.clone(), captions, done: None, at: Timestamp::now() });
        }
        stopping.check()
    })?;
    let rest = if unmatched == 0 { String::new() } else { format!(", {unmatched} without a matching record left out") };
    let candidates = text::counted(total, "candidate", "candidates");
    let done = Some(format!("imported {candidates} from {source}{rest}"));
    emit(EngineEvent::Imported { source, captions: batch, done, at: Timestamp::now() });
    Ok(())
}
