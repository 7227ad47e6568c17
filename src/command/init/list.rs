//! A list of images, one per line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::{InitError, Records};
use crate::text::trim;

/// Adds the images listed in a file.
pub(super) fn write_file(path: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let file = File::open(path).map_err(|source| InitError::Read { path: path.to_owned(), source })?;
    write(path, &mut BufReader::new(file), records)
}

/// Adds the images listed in `lines`, in order. Blank lines are skipped.
pub(super) fn write(path: &Path, lines: &mut dyn BufRead, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    for line in lines.lines() {
        let line = line.map_err(|source| InitError::Read { path: path.to_owned(), source })?;
        let name = trim(line.trim_start_matches('\u{feff}'));
        if !name.is_empty() {
            records.add(name, "")?;
        }
    }
    Ok(())
}
