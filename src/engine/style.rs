//! The style of a dataset's captions, recognised from a bounded number of its first records.

use std::borrow::Cow;
use std::ops::ControlFlow;
use std::path::Path;

use crate::dataset::{Dataset, DatasetError, Entry, OpenOptions};
use crate::lint::{CaptionStyle, Rules};

/// The number of records that the style is recognised from.
const MAX_RECORDS: u32 = 256;
/// Captions of more bytes in total are not read.
const MAX_BYTES: usize = 256 * 1024;

/// Recognises the style from the original captions of the first records.
///
/// # Errors
/// Returns an error if the dataset cannot be read.
pub fn recognise(dataset: &Dataset) -> Result<CaptionStyle, DatasetError> {
    // A large dataset is indexed later, in the background.
    dataset.build_index(&mut |progress| {
        if progress.records >= MAX_RECORDS { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let (mut captions, mut bytes) = (Vec::new(), 0);
    dataset.lines(0..dataset.record_count().min(MAX_RECORDS), &mut |line| {
        if let Entry::Record(record) = line.entry() {
            captions.extend(record.caption.into_text());
        }
        bytes += captions.last().map_or(0, String::len);
        if bytes > MAX_BYTES { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    Ok(CaptionStyle::of(captions.iter().map(String::as_str)))
}

/// Recognises the style without reading more than the beginning of a file. Returns `None` if that cannot tell: the captions of
/// a folder, of Parquet files and of lists are read in the background. Errors are reported when the dataset is opened.
#[must_use]
pub fn of_beginning(path: &Path, options: &OpenOptions) -> Option<CaptionStyle> {
    let dataset = Dataset::open(path, options).ok()?;
    if dataset.is_folder() {
        let is_json = |extension: &str| extension.split(',').all(|one| one.trim_start_matches('.').ends_with("json"));
        return options.sidecar_extension.as_deref().is_some_and(is_json).then_some(CaptionStyle::Json);
    }
    if dataset.is_parquet() || dataset.is_map() || dataset.is_table() || dataset.by_image().is_some() {
        return None;
    }
    recognise(&dataset).ok()
}

/// Returns the rules for a dataset, in the style that they set or else the recognised one.
///
/// # Errors
/// Returns an error if the dataset cannot be read.
pub fn settled<'a>(dataset: &Dataset, rules: &'a Rules) -> Result<Cow<'a, Rules>, DatasetError> {
    if rules.style.is_some() {
        return Ok(Cow::Borrowed(rules));
    }
    Ok(Cow::Owned(Rules { style: Some(recognise(dataset)?), ..rules.clone() }))
}
