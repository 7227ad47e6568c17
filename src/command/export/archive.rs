//! A `WebDataset` archive: the image of each record, its caption and its fields, as files of one key in a tar archive.
//!
//! The keys are numbers, as img2dataset writes them: an extension begins at the first dot of a name.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::Path;

use super::Outcome;
use super::images::Images;
use super::source::{Source, Stopped};
use crate::picture;

/// Writes the selected records to `out` and flushes it. Adds notes to `notes`.
pub(super) fn write(
    source: &Source<'_>,
    images: &Images<'_>,
    out: &mut dyn Write,
    notes: &mut Vec<String>,
) -> Result<Outcome, Stopped> {
    let mut archive = tar::Builder::new(out);
    let mut extensions = BTreeSet::new();
    let mut number = 0_u64;
    let outcome = source.write_each("writing", &mut |chosen| {
        let (text, record) = (chosen.text(), chosen.record);
        let text = match text {
            Ok(text) => text,
            Err(reason) => return Ok(Some(reason)),
        };
        let read = images.place(record).and_then(|place| Images::read(record, &place));
        let image = match read {
            Ok(image) => image,
            Err(problem) => return Ok(Some(images.note(problem))),
        };
        let extension = extension(&image, &record.file_name);
        let key = format!("{number:09}");
        put(&mut archive, &format!("{key}.{extension}"), &image)?;
        put(&mut archive, &format!("{key}.txt"), text.as_bytes())?;
        put(&mut archive, &format!("{key}.json"), &chosen.saved_line())?;
        extensions.insert(extension);
        number += 1;
        Ok::<_, Stopped>(None)
    })?;
    archive.into_inner()?.flush()?;
    if extensions.len() > 1 {
        let list = extensions.into_iter().collect::<Vec<_>>().join(", ");
        notes.push(format!(
            "images of several formats ({list}), which Hugging Face's datasets refuses to load together"
        ));
    }
    notes.extend(images.notes());
    Ok(outcome)
}

/// Returns the extension of an image: that of its content, else that of its name.
fn extension(image: &[u8], name: &str) -> String {
    let of_name =
        || Path::new(name).extension().map_or_else(|| "bin".into(), |found| found.to_string_lossy().to_lowercase());
    picture::sniff(image).map_or_else(|_| of_name(), |format| format.extension().to_owned())
}

fn put(archive: &mut tar::Builder<&mut dyn Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    header.set_mtime(0);
    archive.append_data(&mut header, name, bytes)
}
