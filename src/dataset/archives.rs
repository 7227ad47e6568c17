//! Tar archives in the format of `WebDataset` as a dataset: members of one key are a record.
//!
//! The lines are those of all archives in natural order, in a temporary file without a name, so that everything that reads a
//! dataset reads archives as well. Nothing is extracted: an image is read from its place in the archive when it is shown.
//! Saving copies the archive, except for the captions that changed.

mod lines;
mod samples;
mod save;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use twox_hash::xxhash3_128::Hasher;

use super::file_kind::{FileKind, TEXTS};
use super::file_set::{FileSet, OpenFile, Starts};
use super::source::Bytes;
use super::{DatasetError, LeftOut, OpenOptions};
use crate::parquet_file::hash_range;
use crate::shared_file::SharedFile;
use crate::tar_file::{MembersError, OpenArchive, Place, members};
use lines::Lines;

/// The archives of a dataset.
#[derive(Debug)]
pub(super) struct Archives {
    files: Vec<Archive>,
    /// The names of other files, and why they are no archives of the dataset.
    left_out: Vec<(LeftOut, Vec<String>)>,
    caption_field: String,
    /// The extensions of the texts with the captions, in lower case.
    texts: Vec<String>,
    lines: OnceLock<Result<Lines, String>>,
}

#[derive(Debug)]
struct Archive {
    opened: OpenFile,
    archive: Arc<OpenArchive>,
}

impl Archives {
    pub(super) fn open(
        paths: Vec<PathBuf>,
        left_out: Vec<(LeftOut, Vec<String>)>,
        path: &Path,
        options: &OpenOptions,
    ) -> Result<Self, DatasetError> {
        if options.file_column.is_some() {
            return Err(DatasetError::FileColumn { path: path.to_owned() });
        }
        let texts = match options.sidecar_extension.as_deref() {
            Some(several) if several.contains(',') => {
                let why = "an archive has one caption an image; give one extension with --sidecar-ext";
                return Err(DatasetError::Several { path: path.to_owned(), why });
            }
            Some(one) => vec![one.to_owned()],
            None => TEXTS.map(str::to_owned).to_vec(),
        };
        let open = |path: PathBuf| {
            let opened = OpenFile::open(path)?;
            let failed = |source| DatasetError::Io { path: opened.path.clone(), source };
            let archive = opened.file.try_clone().and_then(OpenArchive::of).map_err(failed)?;
            let archive = Arc::new(archive);
            archive.share(&opened.path);
            Ok(Archive { opened, archive })
        };
        let files = paths.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { files, left_out, caption_field: options.caption_field.clone(), texts, lines: OnceLock::new() })
    }

    fn lines(&self, path: &Path) -> Result<&Lines, DatasetError> {
        let failed = |why: &String| DatasetError::Table { path: path.to_owned(), why: why.clone() };
        let read = || Lines::read(&self.files, &self.caption_field, &self.texts).map_err(|error| error.to_string());
        self.lines.get_or_init(read).as_ref().map_err(failed)
    }

    /// Returns the lines if they have been read.
    fn known(&self) -> Option<&Lines> {
        self.lines.get()?.as_ref().ok()
    }
}

impl FileSet for Archives {
    fn files(&self) -> Vec<&OpenFile> {
        self.files.iter().map(|archive| &archive.opened).collect()
    }

    fn bytes(&self, path: &Path) -> Result<&Bytes, DatasetError> {
        self.lines(path).map(|lines| &lines.bytes)
    }

    fn starts(&self) -> Option<&Starts> {
        self.known().map(|lines| &lines.starts)
    }

    fn place_in(&self, _record: u32, row: u64) -> Option<String> {
        Some((row + 1).to_string())
    }

    fn has_images(&self) -> bool {
        self.known().is_some_and(|lines| !lines.images.is_empty())
    }

    fn picture(&self, path: &Path, name: &str) -> Option<PathBuf> {
        let lines = self.lines(path).ok()?;
        let record = lines.names.find(name)?;
        let (file, _) = lines.starts.place(record)?;
        Some(Place::path(&self.files.get(file)?.opened.path, *lines.images.get(record as usize)?))
    }

    fn left_out(&self) -> Vec<(LeftOut, u64, &[String])> {
        let beside = self.left_out.iter().map(|(reason, names)| (*reason, names.len() as u64, names.as_slice()));
        let inside = self.known().into_iter().flat_map(|lines| &lines.left_out);
        beside.chain(inside.map(|(reason, (count, names))| (*reason, *count, names.as_slice()))).collect()
    }
}

/// Returns the XXH3-128 of an archive, except for the content of its images, which is most of it; `None` if it is none.
///
/// # Errors
/// Returns an error if the file cannot be read.
pub(super) fn content_hash(file: &File) -> io::Result<Option<u128>> {
    let file = SharedFile::new(file.try_clone()?)?;
    let mut images = Vec::new();
    let walked = members(&file, &mut |member| {
        let is_image = member.name.as_ref().is_some_and(|name| FileKind::of(name.as_ref()) == FileKind::Image);
        images.extend((is_image && member.is_file).then_some(member.content));
        Ok(())
    });
    match walked {
        Ok(()) if file.len() > 0 => {}
        // What follows is hashed as a whole.
        Err(MembersError::Broken(_)) if !images.is_empty() => {}
        Ok(()) | Err(MembersError::Broken(_)) => return Ok(None),
        Err(MembersError::Io(error)) => return Err(error),
    }
    let mut hasher = Hasher::new();
    hasher.write(&file.len().to_le_bytes());
    let mut at = 0;
    for image in images {
        hash_range(&file, at, image.start, &mut hasher)?;
        at = image.end;
    }
    hash_range(&file, at, file.len(), &mut hasher)?;
    Ok(Some(hasher.finish_128()))
}

#[cfg(test)]
mod tests;
