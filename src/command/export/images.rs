//! The images of an export: their names in a folder, a table or an archive, and their bytes, which stay as they are.

use std::cell::RefCell;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Component, Path, PathBuf};

use super::ExportError;
use super::outcome::{LeftOut, Named};
use super::place;
use super::source::Source;
use crate::atomic_file::{Batch, WriteError, is_same_path};
use crate::command::imagefolder::is_picture;
use crate::dataset::Record;
use crate::picture::{self, PictureError};
use crate::remote_folder;
use crate::text::counted;

/// How images get into a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    Copy,
    /// Hard links; copies if the file system cannot do that, and of images in Parquet files.
    Link,
}

/// What no two images of an export share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unique {
    /// The path.
    Path,
    /// The path without the extension, by which text files are found.
    Stem,
}

/// An image of a record.
pub(super) struct Image {
    /// A file, or a part of one.
    pub(super) place: PathBuf,
    /// Its relative path in the export.
    pub(super) name: PathBuf,
    /// The place is a row of a Parquet file or a member of an archive.
    pub(super) is_row: bool,
}

/// Why a record has no image to export.
pub(super) struct NoImage {
    pub(super) reason: LeftOut,
    pub(super) why: String,
}

impl NoImage {
    pub(super) fn bad_path(why: String) -> Self {
        Self { reason: LeftOut::BadPath, why }
    }

    fn missing(record: &Record, error: &PictureError) -> Self {
        Self { reason: LeftOut::NoImage, why: format!("{}: {error}", record.file_name) }
    }
}

/// Names and passes on the images of a dataset. The name of an image depends on those before it only, and is the same each
/// time.
pub(super) struct Images<'a> {
    source: &'a Source<'a>,
    unique: Unique,
    /// The hashes of what must be unique, and of the image that has it.
    taken: RefCell<HashMap<u64, u64>>,
    renamed: RefCell<Named>,
    missing: RefCell<Named>,
}

impl<'a> Images<'a> {
    pub(super) fn new(source: &'a Source<'a>, unique: Unique) -> Self {
        Self { source, unique, taken: RefCell::default(), renamed: RefCell::default(), missing: RefCell::default() }
    }

    /// Finds the image of a record: a file, or a row of a Parquet file.
    pub(super) fn place(&self, record: &Record) -> Result<PathBuf, NoImage> {
        let path = self.source.dataset.picture_path(&record.file_name);
        let path = path.map_err(|refused| NoImage::bad_path(format!("{}: {refused}", record.file_name)))?;
        let missing = || NoImage::missing(record, &PictureError::Missing);
        Ok(picture::located(&path).ok_or_else(missing)?.into_owned())
    }

    /// Finds the image of a record, and names it.
    pub(super) fn of(&self, record: &Record) -> Result<Image, NoImage> {
        let place = self.place(record)?;
        let is_row = is_row(&place);
        let inside = if is_row { name_of_row(record, &place)? } else { self.name_of_file(record, &place)? };
        let name = self.unique(&inside, &place);
        Ok(Image { place, name, is_row })
    }

    /// Reads the image of a record.
    pub(super) fn read(record: &Record, place: &Path) -> Result<Vec<u8>, NoImage> {
        picture::read(place).map_err(|error| NoImage::missing(record, &error))
    }

    /// Counts and names what [`Self::notes`] returns.
    pub(super) fn note(&self, NoImage { reason, why }: NoImage) -> LeftOut {
        self.missing.borrow_mut().add(|| why);
        reason
    }

    /// Returns the notes about all images.
    pub(super) fn notes(&self) -> Vec<String> {
        let renamed = self
            .renamed
            .borrow()
            .note(|count| format!("{} renamed, because another one has the name", counted(count, "image", "images")));
        let missing = self
            .missing
            .borrow()
            .note(|count| format!("{} without an image to export", counted(count, "record", "records")));
        renamed.into_iter().chain(missing).collect()
    }

    /// Returns the path of an image file in the folder of the images.
    fn name_of_file(&self, record: &Record, path: &Path) -> Result<PathBuf, NoImage> {
        // --images allows reading outside of the folder, but not writing.
        let inside = path.strip_prefix(self.source.images).ok().filter(|inside| inside.components().all(is_inside));
        let outside = || format!("{}: the path leads out of {}", record.file_name, self.source.images.display());
        inside.map(normal).ok_or_else(|| NoImage::bad_path(outside()))
    }

    /// Returns the name, with a number if another image has it.
    fn unique(&self, name: &Path, place: &Path) -> PathBuf {
        let own = hash(place);
        let mut taken = self.taken.borrow_mut();
        let mut candidate = name.to_owned();
        for number in 2_u64.. {
            let key = if self.unique == Unique::Path { hash(&candidate) } else { hash(&candidate.with_extension("")) };
            match taken.entry(key) {
                Entry::Vacant(free) => {
                    free.insert(own);
                    if number > 2 {
                        self.renamed.borrow_mut().add(|| format!("{} to {}", name.display(), candidate.display()));
                    }
                    break;
                }
                Entry::Occupied(of) if *of.get() == own => break,
                Entry::Occupied(_) => candidate = numbered(name, number),
            }
        }
        candidate
    }
}

/// Puts images into a folder, each once.
pub(super) struct Folder<'a> {
    pub(super) images: &'a Images<'a>,
    pub(super) path: &'a Path,
    pub(super) transfer: Transfer,
    pub(super) force: bool,
    written: HashSet<u64>,
    copied_instead: u64,
}

impl<'a> Folder<'a> {
    pub(super) fn new(images: &'a Images<'a>, path: &'a Path, transfer: Transfer, force: bool) -> Self {
        Self { images, path, transfer, force, written: HashSet::new(), copied_instead: 0 }
    }

    /// Checks that an image may be written, before any is. One that is in its place already may.
    pub(super) fn check(&self, image: &Image) -> Result<(), ExportError> {
        let target = self.path.join(&image.name);
        if is_same_path(&target, &image.place) {
            return Ok(());
        }
        self.images.source.inputs.check_known(&target)?;
        place::check(&target, self.force)
    }

    /// Writes the image of a record. Returns why it cannot be read, if so.
    pub(super) fn put(
        &mut self,
        record: &Record,
        image: &Image,
        batch: &mut Batch,
    ) -> Result<Option<LeftOut>, ExportError> {
        let target = self.path.join(&image.name);
        if self.written.contains(&hash(&target)) || is_same_path(&target, &image.place) {
            return Ok(None);
        }
        create_folder(&target, batch)?;
        let is_linked = self.transfer == Transfer::Link && !image.is_row && !remote_folder::contains(&image.place);
        if !is_linked || !batch.link(&target, self.force, &image.place)? {
            self.copied_instead += u64::from(is_linked);
            match Images::read(record, &image.place) {
                Ok(bytes) => batch.write(&target, self.force, &bytes)?,
                Err(problem) => return Ok(Some(self.images.note(problem))),
            }
        }
        self.written.insert(hash(&target));
        Ok(None)
    }

    /// Returns the number of images that were written, and notes about them.
    pub(super) fn finish(self) -> (u64, Vec<String>) {
        let mut notes = self.images.notes();
        if self.copied_instead > 0 {
            let images = counted(self.copied_instead, "image was", "images were");
            notes.push(format!("{images} copied, because the file system cannot link to them"));
        }
        (self.written.len() as u64, notes)
    }
}

/// Creates the folder of a file.
pub(super) fn create_folder(file: &Path, batch: &Batch) -> Result<(), ExportError> {
    let Some(folder) = file.parent() else { return Ok(()) };
    fs::create_dir_all(folder).map_err(|error| ExportError::Write {
        path: folder.to_owned(),
        written: batch.written(),
        source: WriteError::Io(error),
    })
}

pub(super) fn is_row(place: &Path) -> bool {
    picture::is_inside_file(place)
}

/// Returns the name of an image in a Parquet file: its path in the table. Of one that leads out of a folder, it is the last
/// part.
fn name_of_row(record: &Record, place: &Path) -> Result<PathBuf, NoImage> {
    let text = record.file_name.replace('\\', "/");
    let path = Path::new(&text);
    let mut name = if path.components().all(is_inside) { normal(path) } else { PathBuf::new() };
    if name.as_os_str().is_empty() {
        name = path.file_name().map_or_else(|| "image".into(), PathBuf::from);
    }
    if !is_picture(&name) {
        let bytes = Images::read(record, place)?;
        let format = picture::sniff(&bytes).map_err(|error| NoImage::missing(record, &error))?;
        // A row without a path is named by its shard and number: `train-0#17`. In other names, loaders look for splits.
        let stem = match name.file_name().unwrap_or_default().to_string_lossy() {
            generated if generated.contains('#') => format!("row-{}", record.line),
            stem => stem.into_owned(),
        };
        name.set_file_name(format!("{stem}.{}", format.extension()));
    }
    Ok(name)
}

fn is_inside(part: Component<'_>) -> bool {
    matches!(part, Component::Normal(_) | Component::CurDir)
}

/// Returns a path without `.`.
fn normal(path: &Path) -> PathBuf {
    path.components().filter(|part| matches!(part, Component::Normal(_))).collect()
}

fn numbered(name: &Path, number: u64) -> PathBuf {
    let mut stem = name.file_stem().unwrap_or_default().to_owned();
    stem.push(format!("-{number}"));
    if let Some(extension) = name.extension() {
        stem.push(".");
        stem.push(extension);
    }
    name.with_file_name(stem)
}

/// Returns a path with `/` on every system.
pub(super) fn with_slashes(path: &Path) -> String {
    path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Hashes the components of a path, so that `./a` equals `a`.
pub(super) fn hash(path: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    path.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_numbers_before_the_extension() {
        assert_eq!(numbered(Path::new("in/a.b.jpg"), 2), Path::new("in/a.b-2.jpg"));
        assert_eq!(numbered(Path::new("a"), 3), Path::new("a-3"));
        assert_eq!(normal(Path::new("./a/./b")), Path::new("a/b"));
        assert_eq!(with_slashes(Path::new("a/b.jpg")), "a/b.jpg");
    }
}
