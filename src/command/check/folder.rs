//! What a folder has that its dataset does not speak of: pictures without a record, metadata of another kind.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};

use super::finding::{Finding, Kind, Report};
use crate::command::imagefolder::{self, is_picture};
use crate::dataset::Dataset;

/// The pictures that records name, as far as it takes to tell which pictures none does.
#[derive(Default)]
pub(super) struct Pictures {
    /// The folders they are in.
    folders: BTreeSet<PathBuf>,
    /// A hash of which file each is: eight bytes a record. Should two share one, an orphan goes unnoticed.
    files: Vec<u64>,
}

impl Pictures {
    /// Takes note of a record's picture. It need not be there.
    pub(super) fn named(&mut self, path: &Path) {
        if let Some(folder) = path.parent().filter(|folder| !self.folders.contains(*folder)) {
            self.folders.insert(folder.to_owned());
        }
        if let Ok(found) = fs::metadata(path) {
            self.files.push(identity(path, &found));
        }
    }

    /// Reports the pictures in those folders that no record names.
    pub(super) fn orphans(mut self, dataset: &Dataset, report: &mut Report<'_>) -> io::Result<()> {
        self.files.sort_unstable();
        // Two spellings of a path may lead to one folder.
        let mut seen = BTreeSet::new();
        for folder in &self.folders {
            let Ok(found) = fs::metadata(folder) else { continue };
            if !seen.insert(identity(folder, &found)) {
                continue;
            }
            for orphan in self.orphans_in(folder) {
                let shown = from(dataset.folder(), &orphan);
                report.add(&Finding::of_file(
                    shown,
                    Kind::OrphanedPicture,
                    "no record names this picture".to_owned(),
                ))?;
            }
        }
        Ok(())
    }

    /// Those in one folder, by name. A folder that cannot be read has none: its pictures were found to be missing.
    fn orphans_in(&self, folder: &Path) -> BTreeSet<PathBuf> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let pictures = entries.map(|entry| entry.path()).filter(|path| is_picture(path));
        pictures.filter(|path| fs::metadata(path).is_ok_and(|found| self.is_orphan(path, &found))).collect()
    }

    fn is_orphan(&self, path: &Path, found: &Metadata) -> bool {
        found.is_file() && self.files.binary_search(&identity(path, found)).is_err()
    }
}

/// Which file it is, whatever way and in whatever spelling one came to it.
#[cfg(unix)]
fn identity(_path: &Path, found: &Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    hash(&(found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn identity(path: &Path, _found: &Metadata) -> u64 {
    hash(&path.canonicalize().unwrap_or_else(|_| path.to_owned()))
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A path as seen from a folder, if it is in it.
fn from(folder: &Path, path: &Path) -> String {
    path.strip_prefix(folder).unwrap_or(path).to_string_lossy().into_owned()
}

/// Reports metadata of a second kind: Hugging Face's loader then refuses the folder.
pub(super) fn second_metadata(dataset: &Dataset, report: &mut Report<'_>) -> io::Result<()> {
    let Some((first, others)) = imagefolder::metadata_beside(dataset.path()) else { return Ok(()) };
    for second in others {
        report.add(&Finding::of_file(second.to_owned(), Kind::SecondMetadata, imagefolder::refusal(first)))?;
    }
    Ok(())
}
