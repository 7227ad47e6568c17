//! The list of captions of each image in one JSON object, as diffusion-pipe reads it (`captions.json` beside the images).
//!
//! The keys are paths below the folder of the images. Captions of an image are in one list also if they are on several
//! lines of the dataset; only those of such images are kept in memory.

use std::collections::HashMap;
use std::io::{self, Write};

use super::images::{Images, NoImage, hash, is_row, with_slashes};
use super::outcome::{LeftOut, Named};
use super::source::{Chosen, Source, Stopped};
use super::{ExportError, Outcome};
use crate::dataset::RecordId;
use crate::text::counted;

/// Writes the selected records to `out` and flushes it. Adds notes to `notes`.
pub(super) fn write(
    source: &Source<'_>,
    images: &Images<'_>,
    out: &mut dyn Write,
    notes: &mut Vec<String>,
) -> Result<Outcome, Stopped> {
    let scattered = scattered(source, images)?;
    let mut object = Object { out, members: 0, open: None, in_subfolders: Named::default() };
    let mut kept: HashMap<u64, Vec<String>> = HashMap::new();
    let outcome = source.write_each("writing", &mut |chosen| {
        let text = match chosen.text() {
            Ok(text) => text.to_owned(),
            Err(reason) => return Ok(Some(reason)),
        };
        let name = match name(images, chosen) {
            Ok(Some(name)) => name,
            Ok(None) => return Ok(Some(LeftOut::InTable)),
            Err(problem) => return Ok(Some(images.note(problem))),
        };
        let Some(last) = scattered.get(&key(&name)) else {
            object.add(name, vec![text])?;
            return Ok(None);
        };
        let captions = kept.entry(key(&name)).or_default();
        captions.push(text);
        if *last == chosen.record.id {
            object.add(name, std::mem::take(captions))?;
        }
        Ok::<_, Stopped>(None)
    })?;
    notes.extend(object.finish()?.note(|count| {
        let images = counted(count, "image in a subfolder", "images in subfolders");
        format!(
            "{images}, whose captions diffusion-pipe reads only from a captions.json beside them; export each folder"
        )
    }));
    notes.extend(images.notes());
    Ok(outcome)
}

/// Returns the last record of each image whose captions are not next to each other.
fn scattered(source: &Source<'_>, images: &Images<'_>) -> Result<HashMap<u64, RecordId>, ExportError> {
    let mut last: HashMap<u64, (RecordId, bool)> = HashMap::new();
    let mut before = None;
    source.each(&mut |chosen| {
        if chosen.text().is_err() {
            return Ok(());
        }
        // What has no image is reported when it would be written.
        if let Ok(Some(name)) = name(images, chosen) {
            let known = last.entry(key(&name)).or_insert((chosen.record.id, false));
            known.1 |= known.0 != chosen.record.id && before != Some(key(&name));
            known.0 = chosen.record.id;
            before = Some(key(&name));
        }
        Ok::<_, ExportError>(())
    })?;
    Ok(last.into_iter().filter(|(_, (_, is_scattered))| *is_scattered).map(|(key, (id, _))| (key, id)).collect())
}

/// Returns the path of an image below their folder; `None` if it is in a Parquet file.
fn name(images: &Images<'_>, chosen: &Chosen<'_>) -> Result<Option<String>, NoImage> {
    if is_row(&images.place(chosen.record)?) {
        return Ok(None);
    }
    Ok(Some(with_slashes(&images.of(chosen.record)?.name)))
}

fn key(name: &str) -> u64 {
    hash(name.as_ref())
}

/// The object that is being written.
struct Object<'a> {
    out: &'a mut dyn Write,
    members: u64,
    /// The last member, to which captions may be added.
    open: Option<(String, Vec<String>)>,
    in_subfolders: Named,
}

impl Object<'_> {
    fn add(&mut self, name: String, captions: Vec<String>) -> io::Result<()> {
        match &mut self.open {
            Some((open, known)) if *open == name => known.extend(captions),
            open => {
                let before = open.replace((name, captions));
                before.map_or(Ok(()), |(name, captions)| self.write(&name, &captions))?;
            }
        }
        Ok(())
    }

    fn write(&mut self, name: &str, captions: &[String]) -> io::Result<()> {
        let json = |text: &str| serde_json::Value::from(text).to_string();
        if name.contains('/') {
            self.in_subfolders.add(|| name.to_owned());
        }
        let separator = if self.members == 0 { "{" } else { "," };
        self.members += 1;
        let captions: Vec<String> = captions.iter().map(|text| format!("\n    {}", json(text))).collect();
        write!(self.out, "{separator}\n  {}: [{}\n  ]", json(name), captions.join(","))
    }

    /// Completes the object. Returns the images in subfolders.
    fn finish(mut self) -> io::Result<Named> {
        let last = self.open.take();
        last.map_or(Ok(()), |(name, captions)| self.write(&name, &captions))?;
        self.out.write_all(if self.members == 0 { b"{}\n" } else { b"\n}\n" })?;
        self.out.flush()?;
        Ok(self.in_subfolders)
    }
}
