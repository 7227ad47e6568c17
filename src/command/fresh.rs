//! A file that is not in its place until it is whole.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// A new file in the folder of `path`, to be moved to it, with the permissions any program would give it.
pub(super) fn fresh(path: &Path) -> io::Result<NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".recaption-export-").suffix(".tmp");
    // Less the user's mask; the crate's own choice is private.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}
