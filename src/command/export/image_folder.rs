//! A folder as Hugging Face's `imagefolder` loads it: the images, and a `metadata.jsonl` with the records.

use std::fs;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use super::images::{Folder, Images, Transfer, with_slashes};
use super::outcome::Named;
use super::place::{self, InTheWay};
use super::source::Source;
use super::{ExportError, Outcome};
use crate::atomic_file::{Batch, Replacement, WriteError};
use crate::command::imagefolder;
use crate::console::Console;
use crate::dataset::{METADATA_FILES, with_file_name};
use crate::text::counted;

pub(super) struct ImageFolder<'a> {
    pub(super) source: &'a Source<'a>,
    pub(super) images: &'a Images<'a>,
    pub(super) folder: &'a Path,
    pub(super) transfer: Transfer,
    pub(super) force: bool,
}

impl ImageFolder<'_> {
    /// Writes the images, then the metadata, which is complete if it is there. Returns the counts, and the number of images
    /// that were written.
    pub(super) fn write(&self, errors: &mut Console<'_>) -> Result<(Outcome, u64), ExportError> {
        let path = self.folder;
        if path.exists() && !path.is_dir() {
            return Err(ExportError::Target { path: path.to_owned(), why: "not a folder; imagefolder needs one" });
        }
        let metadata = path.join(METADATA_FILES[0]);
        self.source.inputs.check(&metadata)?;
        let mut folder = Folder::new(self.images, path, self.transfer, self.force);
        self.check(&folder, &metadata)?;

        let failed = |source| ExportError::Write { path: metadata.clone(), written: 0, source };
        fs::create_dir_all(path).map_err(|error| failed(WriteError::Io(error)))?;
        let mut replacement = Replacement::begin(&metadata).map_err(failed)?;
        let mut lines = BufWriter::new(replacement.file());
        let mut batch = Batch::default();
        let mut splits = Named::default();
        let outcome = self.source.write_each("writing", &mut |chosen| {
            let image = match self.images.of(chosen.record) {
                Ok(image) => image,
                Err(problem) => return Ok(Some(self.images.note(problem))),
            };
            if let Some(reason) = folder.put(chosen.record, &image, &mut batch)? {
                return Ok(Some(reason));
            }
            let (line, name) = (chosen.saved_line(), with_slashes(&image.name));
            if imagefolder::names_split(&image.name) {
                splits.add(|| name.clone());
            }
            let line =
                if name == chosen.record.file_name { line } else { with_file_name(&line, &name).into_owned().into() };
            lines
                .write_all(&line)
                .and_then(|()| lines.write_all(b"\n"))
                .map_err(|error| failed(WriteError::Io(error)))?;
            Ok::<_, ExportError>(None)
        })?;
        lines.flush().map_err(|error| failed(WriteError::Io(error)))?;
        drop(lines);
        super::warn(&batch.sync()?, errors)?;
        let committed = replacement.sync().and_then(|complete| complete.commit(self.force));
        let committed = committed.map_err(|error| place::failed(&metadata, error))?;
        committed.synced.map_err(|error| failed(WriteError::NotConfirmed(error)))?;
        super::warn(&committed.warnings, errors)?;
        let (images, mut notes) = folder.finish();
        notes.extend(splits.note(|count| {
            let images = counted(count, "image", "images");
            format!(
                "{images} with the name of a split, by which load_dataset leaves out others; pass data_files=\"{}/**\"",
                path.display()
            )
        }));
        notes.extend(imagefolder::warning(&metadata));
        super::report(&notes, errors)?;
        Ok((outcome, images))
    }

    /// Finds files that are in the way, before anything is written.
    fn check(&self, folder: &Folder<'_>, metadata: &Path) -> Result<(), ExportError> {
        let mut in_the_way = InTheWay::default();
        in_the_way.count(place::check(metadata, self.force))?;
        if self.folder.is_dir() {
            self.source.each(&mut |chosen| match self.images.of(chosen.record) {
                Ok(image) => in_the_way.count(folder.check(&image)),
                Err(_) => Ok(()),
            })?;
        }
        in_the_way.check()
    }
}
