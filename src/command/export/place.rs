//! Which files an export may replace.

use std::path::{Path, PathBuf};

use super::ExportError;
use crate::atomic_file::WriteError;

/// Checks a file before anything is written: an existing one is replaced only if `force` is true.
pub(super) fn check(path: &Path, force: bool) -> Result<(), ExportError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if force { Ok(()) } else { Err(ExportError::Exists { path: path.to_owned(), others: 0 }) }
}

/// The files that are in the way of an export: the first, and the number of others.
#[derive(Default)]
pub(super) struct InTheWay(Option<(PathBuf, u64)>);

impl InTheWay {
    /// Counts an existing file. Returns any other error.
    pub(super) fn count(&mut self, checked: Result<(), ExportError>) -> Result<(), ExportError> {
        match (checked, &mut self.0) {
            (Err(ExportError::Exists { .. }), Some((_, others))) => *others += 1,
            (Err(ExportError::Exists { path, .. }), none) => *none = Some((path, 0)),
            (checked, _) => return checked,
        }
        Ok(())
    }

    pub(super) fn check(self) -> Result<(), ExportError> {
        self.0.map_or(Ok(()), |(path, others)| Err(ExportError::Exists { path, others }))
    }
}

pub(super) fn failed(path: &Path, error: WriteError) -> ExportError {
    match error {
        WriteError::Exists => ExportError::Exists { path: path.to_owned(), others: 0 },
        source => ExportError::Write { path: path.to_owned(), written: 0, source },
    }
}
