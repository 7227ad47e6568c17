//! What a split did with the records it read: counts that add up.

use std::io;
use std::path::PathBuf;

use serde_json::json;

use super::super::input::Input;
use crate::console::Console;
use crate::dataset::{CAPTION, Dataset};
use crate::text::{counted, sanitize};

/// Images named in a note.
const MAX_LISTED: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// All records, with the overlap.
    pub(super) records: u64,
    /// Records that are in no other part.
    pub(super) own: u64,
    /// Images that were copied; `None` if the part refers to those of the dataset.
    pub(super) images: Option<u64>,
    pub(super) without_image: u64,
}

/// The number of records read is the sum of the overlap, those of single parts, and those left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) read: u64,
    /// Records in every part.
    pub(super) overlap: u64,
    pub(super) overlap_images: u64,
    /// Records left out because all captions of their image are decided.
    pub(super) decided: u64,
    /// Rows and text files left out because they cannot be read.
    pub(super) unreadable: u64,
    pub(super) parts: Vec<Part>,
    pub(super) seed: u64,
    pub(super) dry_run: bool,
    /// The options with which a part is opened.
    pub(super) options: String,
}

/// Returns the options that a part needs, as the dataset does.
pub(super) fn reading(input: &Input, dataset: &Dataset) -> String {
    let field = dataset.caption_field();
    let field = if field == CAPTION { String::new() } else { format!(" --caption-field {field}") };
    let images = input.reading.images.as_ref().map(|images| format!(" --images {}", images.display()));
    field + &images.unwrap_or_default()
}

impl Outcome {
    pub(super) fn print(&self, as_json: bool, dataset: &Dataset, out: &mut Console<'_>) -> io::Result<()> {
        if as_json {
            return out.json(&self.json());
        }
        let records = counted(self.read, "record", "records");
        let own: u64 = self.parts.iter().map(|part| part.own).sum();
        let mut shares = vec![format!("{own} in one part"), format!("{} in every part", self.overlap)];
        shares.extend((self.decided > 0).then(|| format!("{} decided and left out", self.decided)));
        shares.extend(
            (self.unreadable > 0).then(|| format!("{} left out, because they cannot be read", self.unreadable)),
        );
        out.message(format_args!("{}: {records}: {}", dataset.path().display(), shares.join(", ")))?;
        for part in &self.parts {
            let Part { path, records, images, .. } = part;
            let records = counted(*records, "record", "records");
            let images = images.map(|images| format!(", {}", counted(images, "image", "images"))).unwrap_or_default();
            out.message(format_args!("{}: {records}{images}", path.display()))?;
        }
        if self.dry_run {
            return out.message("nothing was written (--dry-run)");
        }
        if let Some(Part { path, name, .. }) = self.parts.first() {
            let options = &self.options;
            out.message(format_args!("review: recaption {}{options} --reviewer {name}", path.display()))?;
        }
        Ok(())
    }

    fn json(&self) -> serde_json::Value {
        let part = |part: &Part| {
            json!({
                "name": part.name, "path": part.path.to_string_lossy(), "records": part.records, "own": part.own,
                "images": part.images, "without_image": part.without_image,
            })
        };
        json!({
            "read": self.read,
            "overlap": self.overlap,
            "overlap_images": self.overlap_images,
            "decided": self.decided,
            "unreadable": self.unreadable,
            "seed": self.seed,
            "dry_run": self.dry_run,
            "parts": self.parts.iter().map(part).collect::<Vec<_>>(),
        })
    }
}

/// Prints the images that could not be copied.
pub(super) fn note_missing(missing: &[String], errors: &mut Console<'_>) -> io::Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let images = counted(missing.len() as u64, "image", "images");
    let names: Vec<_> = missing.iter().take(MAX_LISTED).map(|why| sanitize(why)).collect();
    let more = match missing.len().saturating_sub(MAX_LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    errors.message(format_args!("{images} not copied (the records are in their parts): {}{more}", names.join(", ")))
}
