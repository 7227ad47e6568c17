//! Puts a file in its place only when it is whole.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::{ExportError, Stopped};
use crate::command::fresh::fresh;
use crate::output::is_same;

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

/// Writes a file beside its place, then moves it there. One that is there is replaced only by force, which follows
/// links and keeps permissions.
pub(super) fn put(
    path: &Path,
    force: bool,
    fill: &mut dyn FnMut(&mut dyn Write) -> Result<(), Stopped>,
) -> Result<(), ExportError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AlreadyExists => ExportError::Exists { path: path.to_owned(), others: 0 },
        _ => ExportError::Write { path: path.to_owned(), written: 0, source },
    };
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut new = fresh(&target).map_err(failed)?;
    let mut writer = BufWriter::new(new.as_file_mut());
    fill(&mut writer).and_then(|()| Ok(writer.flush()?)).map_err(|stopped| stopped.at(failed))?;
    drop(writer);
    if let Ok(replaced) = fs::metadata(&target) {
        new.as_file().set_permissions(replaced.permissions()).map_err(failed)?;
    }
    let put = if force { new.persist(&target) } else { new.persist_noclobber(&target) };
    put.map(drop).map_err(|error| failed(error.error))
}
