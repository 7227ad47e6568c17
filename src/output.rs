//! Writes files for the user, in place of existing ones.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Writes a file beside its place, then moves it there: it is whole, or not there. One that is there is replaced only by
/// force, which follows links and keeps permissions; without it, that is [`io::ErrorKind::AlreadyExists`].
///
/// # Errors
/// Whatever `fill` fails with, and where the file cannot be written or put in its place.
pub fn put<E: From<io::Error>>(
    path: &Path,
    force: bool,
    fill: &mut dyn FnMut(&mut (dyn Write + Send)) -> Result<(), E>,
) -> Result<(), E> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut new = fresh(&target)?;
    let mut writer = BufWriter::new(new.as_file_mut());
    fill(&mut writer)?;
    writer.flush()?;
    drop(writer);
    if let Ok(replaced) = fs::metadata(&target) {
        new.as_file().set_permissions(replaced.permissions())?;
    }
    let put = if force { new.persist(&target) } else { new.persist_noclobber(&target) };
    Ok(put.map(drop).map_err(|error| error.error)?)
}

/// A new file in the folder of `path`, to be moved to it, with the permissions any program would give it.
pub(crate) fn fresh(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".recaption-export-").suffix(".tmp");
    // Less the user's mask; the crate's own choice is private.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Whether two paths name one file. They may be written differently, and need not exist yet.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    one == other || matches!((real(one), real(other)), (Ok(one), Ok(other)) if one == other)
}
