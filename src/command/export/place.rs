//! Which files an export may replace.

use std::path::Path;

use super::ExportError;
use crate::atomic_file::WriteError;

/// Checks a file before anything is written: an existing one is replaced only if `force` is true.
pub(super) fn check(path: &Path, force: bool) -> Result<(), ExportError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if force { Ok(()) } else { Err(ExportError::Exists { path: path.to_owned(), others: 0 }) }
}

pub(super) fn failed(path: &Path, error: WriteError) -> ExportError {
    match error {
        WriteError::Exists => ExportError::Exists { path: path.to_owned(), others: 0 },
        source => ExportError::Write { path: path.to_owned(), written: 0, source },
    }
}
