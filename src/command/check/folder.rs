//! Files in the dataset's folders that the dataset does not mention: images without a record, and other metadata files.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Kind, Report};
use crate::command::imagefolder::{self, is_picture};
use crate::dataset::Dataset;
use crate::lint::Severity;
use crate::text::counted;

/// A hash that identifies a file independently of the path that leads to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FileIdentity(u64);

impl FileIdentity {
    /// Returns `None` if there is no file.
    pub(super) fn of(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| identity(path, &found))
    }
}

/// The images of all records, to find images without a record.
#[derive(Default)]
pub(super) struct Pictures {
    folders: BTreeSet<PathBuf>,
    /// Eight bytes per record. On a collision, an orphan is missed.
    files: Vec<FileIdentity>,
}

impl Pictures {
    /// Adds a record's image.
    pub(super) fn add(&mut self, path: &Path, file: Option<FileIdentity>) {
        if let Some(folder) = path.parent().filter(|folder| !self.folders.contains(*folder)) {
            self.folders.insert(folder.to_owned());
        }
        self.files.extend(file);
    }

    /// Reports the images in the records' folders that have no record.
    pub(super) fn orphans(mut self, dataset: &Dataset, report: &mut Report<'_, '_>) -> io::Result<()> {
        self.files.sort_unstable();
        // Two paths may lead to the same folder.
        let mut seen = BTreeSet::new();
        for folder in &self.folders {
            if !FileIdentity::of(folder).is_some_and(|folder| seen.insert(folder)) {
                continue;
            }
            for orphan in self.orphans_in(folder) {
                let shown = relative_to(dataset.folder(), &orphan);
                report.add(&Finding::of_file(shown, Kind::OrphanedPicture, "no record has this image".to_owned()))?;
            }
        }
        Ok(())
    }

    /// Returns the orphans in one folder, sorted. An unreadable folder has none: its images were reported as missing.
    fn orphans_in(&self, folder: &Path) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let pictures = entries.map(|entry| entry.path()).filter(|path| is_picture(path));
        pictures.filter(|path| fs::metadata(path).is_ok_and(|found| self.is_orphan(path, &found))).collect()
    }

    fn is_orphan(&self, path: &Path, found: &Metadata) -> bool {
        found.is_file() && self.files.binary_search(&identity(path, found)).is_err()
    }
}

#[cfg(unix)]
fn identity(_path: &Path, found: &Metadata) -> FileIdentity {
    use std::os::unix::fs::MetadataExt as _;
    hash(&(found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path, _found: &Metadata) -> FileIdentity {
    hash(&path.canonicalize().unwrap_or_else(|_| path.to_owned()))
}

fn hash(value: &impl Hash) -> FileIdentity {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    FileIdentity(hasher.finish())
}

/// Returns a path relative to a folder, if it is inside.
fn relative_to(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

/// Reports a second metadata file, with which Hugging Face's loader refuses the folder.
pub(super) fn second_metadata(dataset: &Dataset, report: &mut Report<'_, '_>) -> io::Result<()> {
    let Some((first, others)) = imagefolder::metadata_beside(dataset.path()) else { return Ok(()) };
    for second in others {
        report.add(&Finding::of_file(second.to_owned(), Kind::SecondMetadata, imagefolder::refusal(first)))?;
    }
    Ok(())
}

/// Reports the files in a folder of images that are not in the dataset.
pub(super) fn left_out(dataset: &Dataset, report: &mut Report<'_, '_>) -> io::Result<()> {
    for (reason, count, names) in dataset.left_out() {
        let (one, many) = reason.names();
        let others = count - names.len() as u64;
        let others = if others == 0 { String::new() } else { format!(", and {others} more") };
        let message = format!("{}: {}{others}", counted(count, one, many), names.join(", "));
        let severity = if reason.is_finding() { Severity::Warn } else { Severity::Info };
        report.add(&Finding { severity, ..Finding::of_file(dataset.name().to_owned(), Kind::LeftOut, message) })?;
    }
    Ok(())
}
