//! A list of images, one per line.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use super::report::Reason;
use super::{FILE_NAME, InitError, Records, json_string};
use crate::dataset::utf16;
use crate::text::trim;

/// Adds the images listed in a file.
pub(super) fn write_file(path: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let file = File::open(path).map_err(|source| InitError::Read { path: path.to_owned(), source })?;
    write(path, &mut BufReader::new(file), records)
}

/// Adds the images listed in `lines`, in order. Blank lines are skipped.
pub(super) fn write(path: &Path, lines: &mut dyn BufRead, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let failed = |source| InitError::Read { path: path.to_owned(), source };
    if let Some(why) = utf16(lines.fill_buf().map_err(failed)?) {
        return Err(InitError::Table { path: path.to_owned(), why });
    }
    let caption_field = records.caption_field;
    for (at, line) in lines.split(b'\n').enumerate() {
        let line = line.map_err(failed)?;
        let Ok(line) = std::str::from_utf8(&line) else {
            records.read += 1;
            records.report.add(Reason::LineNotUtf8, &format!("line {}", at + 1));
            continue;
        };
        let name = trim(line.trim_start_matches('\u{feff}'));
        if !name.is_empty() {
            records.read += 1;
            let name = json_string(name);
            records.line([(FILE_NAME, name.as_str()), (caption_field, "\"\"")].into_iter())?;
        }
    }
    Ok(())
}
