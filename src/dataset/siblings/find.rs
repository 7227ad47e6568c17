//! Recognises datasets with several captions an image.

use std::sync::Arc;

use super::super::fields::Json;
use super::super::format::{Layout, PROBE};
use super::super::source::{Source, clamp_len};
use super::super::{DatasetError, FILE_NAME, JsonKind};

/// Separates the names of several caption fields.
const SEPARATOR: char = ',';

/// Returns the names of several caption fields (`text,text_short`). Returns `None` if it is the name of one.
pub(in crate::dataset) fn field_names(caption_field: &str) -> Result<Option<Vec<Arc<str>>>, DatasetError> {
    if !caption_field.contains(SEPARATOR) {
        return Ok(None);
    }
    let mut names: Vec<Arc<str>> = Vec::new();
    for name in caption_field.split(SEPARATOR).map(str::trim) {
        if name == FILE_NAME {
            return Err(DatasetError::CaptionFieldIsFileName);
        }
        if name.is_empty() || names.iter().any(|known| **known == *name) {
            return Err(DatasetError::CaptionFields { names: caption_field.to_owned() });
        }
        names.push(name.into());
    }
    Ok(Some(names))
}

/// Returns true if the captions are lists of texts: one of them is, among the first lines.
pub(in crate::dataset) fn are_lists(
    source: &Source,
    layout: Layout,
    caption_field: &str,
) -> Result<bool, DatasetError> {
    any_caption(source, layout, caption_field, |json| json.texts().is_some_and(|texts| !texts.is_empty()))
}

/// Returns true if the captions are objects: one of them is, among the first lines.
pub(in crate::dataset) fn are_objects(
    source: &Source,
    layout: Layout,
    caption_field: &str,
) -> Result<bool, DatasetError> {
    any_caption(source, layout, caption_field, |json| json.kind() == JsonKind::Object)
}

fn any_caption(
    source: &Source,
    layout: Layout,
    caption_field: &str,
    test: impl Fn(Json<'_>) -> bool,
) -> Result<bool, DatasetError> {
    let mut probe = vec![0; clamp_len(source.len(), PROBE)];
    source.read(0, &mut probe)?;
    let passes = |line: &str| Json::field_of(line, caption_field).is_some_and(&test);
    Ok(match layout {
        Layout::Lines => {
            probe.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()).any(passes)
        }
        Layout::Objects => {
            let objects = serde_json::Deserializer::from_slice(&probe).into_iter::<&serde_json::value::RawValue>();
            objects.map_while(Result::ok).any(|object| passes(object.get()))
        }
    })
}
