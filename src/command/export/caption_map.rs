//! The captions by image in one JSON object, as kohya's fine-tuning scripts read it (`meta_cap.json`).
//!
//! The keys are absolute paths, like those that `merge_captions_to_metadata.py --full_path` writes: all versions of the
//! scripts and the JSON datasets of ai-toolkit read them, whatever their image folder.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

use super::images::{Images, hash, is_row};
use super::outcome::LeftOut;
use super::source::{Source, Stopped};
use super::{ExportError, Outcome};

/// Writes the selected records to `out` and flushes it. Adds notes to `notes`.
pub(super) fn write(
    source: &Source<'_>,
    images: &Images<'_>,
    out: &mut dyn Write,
    notes: &mut Vec<String>,
) -> Result<Outcome, Stopped> {
    let mut lines: HashMap<u64, u64> = HashMap::new();
    out.write_all(b"{")?;
    let outcome = source.write_each("writing", &mut |chosen| {
        let text = match chosen.text() {
            Ok(text) => text,
            Err(reason) => return Ok(Some(reason)),
        };
        let image = match images.place(chosen.record) {
            Ok(image) if is_row(&image) => return Ok(Some(LeftOut::InTable)),
            Ok(image) => image,
            Err(problem) => return Ok(Some(images.note(problem))),
        };
        let line = chosen.record.line;
        if let Some(first) = lines.insert(hash(&image), line) {
            let what = format!("line {first} has a caption of this image, too");
            return Err(ExportError::Shared { message: source.dataset.message(line, &what) }.into());
        }
        let separator = if lines.len() > 1 { "," } else { "" };
        let (key, text) = (json(&absolute(&image)), json(text));
        write!(out, "{separator}\n  {key}: {{\n    \"caption\": {text}\n  }}")?;
        Ok::<_, Stopped>(None)
    })?;
    out.write_all(if lines.is_empty() { b"}\n" } else { b"\n}\n" })?;
    out.flush()?;
    notes.extend(images.notes());
    Ok(outcome)
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
