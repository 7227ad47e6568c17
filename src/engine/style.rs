//! The style of a dataset's captions, recognised from a bounded number of its first records.

use std::borrow::Cow;
use std::ops::ControlFlow;

use crate::dataset::{Dataset, DatasetError, Entry};
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
