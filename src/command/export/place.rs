//! Puts a file in its place only when it is whole.

use std::io::{self, Write};
use std::path::Path;

use super::{ExportError, Stopped};
use crate::output::{self, is_same};

/// Refuses a file that must not be replaced: any without force, the dataset always.
pub(super) fn check(path: &Path, dataset: &Path, force: bool) -> Result<(), ExportError> {
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if is_same(path, dataset) {
        let why = "the dataset itself; name another file with -o";
        return Err(ExportError::Target { path: path.to_owned(), why });
    }
    if force { Ok(()) } else { Err(ExportError::Exists { path: path.to_owned(), others: 0 }) }
}

/// Writes a file as [`output::put`] does.
pub(super) fn put(
    path: &Path,
    force: bool,
    fill: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<(), Stopped>,
) -> Result<(), ExportError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => ExportError::Exists { path: path.to_owned(), others: 0 },
        _ => ExportError::Write { path: path.to_owned(), written: 0, source },
    };
    output::put(path, force, fill).map_err(|stopped| stopped.at(failed))
}
