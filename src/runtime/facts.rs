//! What a describer is given of a record besides the request itself.

use std::path::PathBuf;

use crate::dataset::{Dataset, Entry, RecordId};
use crate::describe::Context;

/// Returns a record's image and the context its dataset provides for the describer.
///
/// # Errors
/// Returns the reason, for the operator, if the line cannot be read or names no usable image.
pub fn context(dataset: &Dataset, record: RecordId) -> Result<(PathBuf, Context), String> {
    let (entry, line) = dataset.entry_and_line(record).map_err(|error| error.to_string())?;
    match entry {
        Entry::Record(record) => {
            let picture = dataset.picture_path(&record.file_name).map_err(|error| error.to_string())?;
            let context = Context { file_name: record.file_name, current: record.caption, line, ..Context::default() };
            Ok((picture, context))
        }
        Entry::Bad(bad) => Err(bad.error.to_string()),
    }
}
