//! Tar archives: their members, and the content of single ones, read where it is in the archive.

mod members;
mod place;

use std::path::Path;

pub(crate) use members::{BLOCK, Member, MembersError, members, padding, with_content, with_name};
pub(crate) use place::{OpenArchive, Place};

/// The extension of the files.
const EXTENSION: &str = "tar";

/// Returns true if the name is that of a tar archive that is not compressed.
pub(crate) fn is_tar(path: &Path) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(EXTENSION))
}
