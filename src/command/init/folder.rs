//! A folder of images with captions in text files beside them, as in training sets.

use std::path::Path;

use super::report::Reason;
use super::{FILE_NAME, InitError, Records, json_string};
use crate::dataset::{FolderScan, FolderText, TextKinds};

/// Adds all images in `folder` and its subfolders, sorted by path.
pub(super) fn write(folder: &Path, records: &mut Records<'_, '_>) -> Result<(), InitError> {
    let report = &mut records.report;
    let texts = TextKinds::of(None);
    let scanned = FolderScan::run(folder, &texts, &mut |reason, name| report.add(Reason::File(reason), name));
    let (mut images, read) = scanned.map_err(|source| InitError::Read { path: folder.to_owned(), source })?;
    records.read += read;
    images.sort_unstable_by(|one, other| Path::new(&one.path).cmp(Path::new(&other.path)));
    let caption_field = records.caption_field;
    for image in images {
        let is_found = |text: &&FolderText| matches!(text, FolderText::Found { .. });
        records.outcome.texts += image.texts.iter().filter(is_found).count() as u64;
        let values = [json_string(&image.file_name()), json_string(image.caption())];
        records.line([FILE_NAME, caption_field].into_iter().zip(values.iter().map(String::as_str)))?;
    }
    Ok(())
}
