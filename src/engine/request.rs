//! The request for a job: the session's part ([`JobSpec`]) and the dataset's part, put together.

use super::rules::JobSpec;
use crate::dataset::{Dataset, Entry, LineFinding};
use crate::describe::{Context, Request};

/// Reads the record's line and returns the request for it.
///
/// # Errors
/// Returns a message for the operator if the line cannot be read, its caption cannot be replaced by a text, or it names no
/// image inside the dataset's folder.
pub fn build(dataset: &Dataset, spec: JobSpec, max_words: usize) -> Result<Request, String> {
    let JobSpec { job, record, priority: _, detail, current, previous, reason } = spec;
    let (entry, line) = dataset.entry_and_line(record).map_err(|error| error.to_string())?;
    let parsed = match entry {
        Entry::Record(parsed) => parsed,
        Entry::Bad(bad) => return Err(bad.error.to_string()),
    };
    if let Some(other) = parsed.caption.other() {
        return Err(LineFinding::CaptionNotString { found: other.kind }.to_string());
    }
    let image_path = dataset.picture_path(&parsed.file_name).map_err(|error| error.to_string())?;
    let current = current.resolve(parsed.caption.into_text());
    let context = Context { file_name: parsed.file_name, current, line, previous, reason };
    Ok(Request { job, record, image_path, detail, max_words, context })
}
