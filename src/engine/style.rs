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
/// a folder, of Parquet files, archives and lists are read in the background. Errors are reported when the dataset is opened.
#[must_use]
pub fn of_beginning(path: &Path, options: &OpenOptions) -> Option<CaptionStyle> {
    let dataset = Dataset::open(path, options).ok()?;
    if dataset.is_folder() || dataset.is_archive() {
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

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    /// Reading an archive takes longer than the first frame may.
    #[test]
    fn of_an_archive_only_the_option_is_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.tar");
        let mut archive = tar::Builder::new(File::create(&path).unwrap());
        for (name, content) in [("a.png", b"\x89PNG\r\n\x1a\n".as_slice()), ("a.txt", b"{\"coat\": \"red\"}")] {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            archive.append_data(&mut header, name, content).unwrap();
        }
        archive.into_inner().unwrap();
        assert_eq!(recognise(&Dataset::open(&path, &OpenOptions::default()).unwrap()).unwrap(), CaptionStyle::Json);
        assert_eq!(of_beginning(&path, &OpenOptions::default()), None);
        let options = OpenOptions { sidecar_extension: Some("json".to_owned()), ..OpenOptions::default() };
        assert_eq!(of_beginning(&path, &options), Some(CaptionStyle::Json));
    }
}
